//! The access token of one identity.

mod whoami;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use tokio::time::Instant;

use super::api::within;
use super::connection::Connection;
use super::{adc, assumed, classify, federation};
use crate::http::{Answer, Ask};
use crate::session::{Held, Issued, Session};
use crate::source::Observer;
use crate::{Error, Identity, SecretBytes};

/// The one scope that every API of Google Cloud takes; rights are what roles say.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Nothing that gives tokens answers more.
const LARGEST: usize = 64 * 1024;
/// The longest life that is believed.
const LONGEST: u64 = 12 * 3600;

/// Whose token, and the one that is there.
pub(super) struct Credentials {
    connection: Connection,
    identity: Identity,
    observer: Observer,
    session: Session<SecretBytes>,
}

impl Credentials {
    pub(super) fn new(connection: &Connection, identity: Identity, observer: Observer) -> Self {
        Self {
            connection: connection.clone(),
            identity,
            observer,
            session: Session::default(),
        }
    }

    /// The token to read with.
    pub(super) async fn token(&self, deadline: Instant) -> Result<Arc<Held<SecretBytes>>, Error> {
        let exchange = |_| {
            exchanged(
                self.connection.clone(),
                self.identity.clone(),
                Arc::clone(&self.observer),
            )
        };
        self.session.get(deadline, exchange).await
    }

    /// The store did not accept this one. False if there is no use in another one.
    pub(super) fn refuse(&self, token: &Held<SecretBytes>) -> bool {
        self.session.refuse(token)
    }
}

/// A new token, by a deadline of its own: it is for whoever asks.
async fn exchanged(
    connection: Connection,
    identity: Identity,
    observer: Observer,
) -> Result<Issued<SecretBytes>, Error> {
    let deadline = Instant::now() + connection.shared.options.timeout;
    let exchanged = async {
        match &identity {
            Identity::Controller => adc::token(&connection, &observer, deadline).await,
            Identity::Workload(workload) => {
                federation::token(&connection, &observer, workload.as_ref(), deadline).await
            }
            Identity::Assumed(principal) => {
                assumed::token(&connection, &observer, principal, deadline).await
            }
        }
    };
    within(deadline, exchanged).await
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

/// A request of the OAuth kind (RFC 6749, appendix B).
pub(super) fn form(operation: &'static str, url: Url, pairs: &[(&str, &str)]) -> Ask {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        form.append_pair(name, value);
    }
    let body = (
        "application/x-www-form-urlencoded",
        form.finish().into_bytes(),
    );
    Ask::post(operation, url, body, LARGEST)
}

/// What a token endpoint gives (RFC 6749, 5.1).
#[derive(Deserialize)]
struct Granted<'a> {
    #[serde(borrow)]
    access_token: Cow<'a, str>,
    expires_in: u64,
}

/// The token in an answer of a token endpoint; `since` is when it was asked for.
pub(super) fn granted(
    answer: &Answer,
    since: Instant,
    operation: &'static str,
) -> Result<Issued<SecretBytes>, Error> {
    let granted: Granted<'_> =
        serde_json::from_slice(&answer.body).map_err(|_| classify::garbage(operation))?;
    token(&granted.access_token, since, granted.expires_in, operation)
}

/// A token, if it is one that fits into a header.
pub(super) fn token(
    text: &str,
    since: Instant,
    seconds: u64,
    operation: &'static str,
) -> Result<Issued<SecretBytes>, Error> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(classify::garbage(operation));
    }
    let life = Duration::from_secs(seconds.min(LONGEST));
    Ok(Issued::lasting(
        SecretBytes::from(text.to_owned()),
        since,
        life,
    ))
}
