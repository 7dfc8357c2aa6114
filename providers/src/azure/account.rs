//! One identity: its tokens, one per service.

mod whoami;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error as SdkError, ErrorKind as SdkKind};
use azure_core::time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use super::connection::Connection;
use super::entra;
use crate::session::{Held, Session};
use crate::source::Observer;
use crate::{Error, ErrorKind, Identity, SecretBytes};

/// The tokens of an identity for one service.
pub(super) struct Account {
    connection: Connection,
    identity: Identity,
    observer: Observer,
    scope: &'static str,
    session: Session<SecretBytes>,
}

impl Account {
    pub(super) fn new(
        connection: &Connection,
        identity: Identity,
        observer: Observer,
        scope: &'static str,
    ) -> Self {
        Self {
            connection: connection.clone(),
            identity,
            observer,
            scope,
            session: Session::default(),
        }
    }

    /// The token to read with.
    pub(super) async fn token(&self, deadline: Instant) -> Result<Arc<Held<SecretBytes>>, Error> {
        let exchange = |_| {
            entra::token(
                self.connection.clone(),
                Arc::clone(&self.observer),
                self.identity.clone(),
                self.scope,
            )
        };
        self.session.get(deadline, exchange).await
    }

    /// The service did not accept this one. False if there is no use in another one.
    pub(super) fn refuse(&self, token: &Held<SecretBytes>) -> bool {
        self.session.refuse(token)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("identity", &self.identity)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The account as the SDK's policies ask it: for the service's own scope, whatever a challenge says.
#[derive(Debug)]
pub(super) struct Credential(pub(super) Arc<Account>);

#[async_trait]
impl TokenCredential for Credential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let wrapped = |error: Error| SdkError::new(SdkKind::Credential, error);
        if scopes != [self.0.scope] {
            return Err(wrapped(Error::new(
                ErrorKind::Integrity,
                "the vault asks for a token that is not for vaults: none was sent",
            )));
        }
        let deadline = Instant::now() + self.0.connection.shared.options.timeout;
        let token = self.0.token(deadline).await.map_err(wrapped)?;
        let text = std::str::from_utf8(token.value().expose())
            .map_err(|_| wrapped(Error::new(ErrorKind::Integrity, "the token is not text")))?;
        let left = token.ends().map_or(entra::LONGEST, |ends| {
            ends.saturating_duration_since(Instant::now())
        });
        let left = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
        Ok(AccessToken::new(
            Secret::new(text.to_owned()),
            OffsetDateTime::now_utc() + Duration::seconds(left),
        ))
    }
}
