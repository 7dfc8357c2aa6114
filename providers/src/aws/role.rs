//! A role that is taken on: its credentials, kept until shortly before their end.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_sts::types::Credentials as Answer;
use tokio::time::Instant;

use crate::session::{Issued, Session};
use crate::source::{Call, Observer, outcome};
use crate::{Error, ErrorKind};

/// How long the credentials live, in seconds: what every role allows, also to who is a role already.
pub(super) const LIFE: i32 = 3600;

/// Gets the credentials of one role.
#[async_trait]
pub(super) trait Issuer: Send + Sync + fmt::Debug {
    /// The call, as STS names it.
    fn operation(&self) -> &'static str;

    /// New credentials.
    async fn issue(&self, deadline: Instant) -> Result<Answer, Error>;
}

/// A role, and the credentials that are there.
pub(super) struct Role {
    issuer: Box<dyn Issuer>,
    timeout: Duration,
    observer: OnceLock<Observer>,
    session: Session<Credentials>,
}

impl Role {
    pub(super) fn new(issuer: impl Issuer + 'static, timeout: Duration) -> Self {
        Self {
            issuer: Box::new(issuer),
            timeout,
            observer: OnceLock::new(),
            session: Session::default(),
        }
    }

    /// Who is told of the calls; the first one of several sources that share the role.
    pub(super) fn observed_by(&self, observer: &Observer) {
        let _ = self.observer.set(Arc::clone(observer));
    }

    /// The store did not accept credentials that were there when a call began. False if there is no
    /// use in others.
    pub(super) fn refuse_older(&self, began: Instant) -> bool {
        self.session.refuse_older(began)
    }

    async fn credentials(self: &Arc<Self>) -> Result<Credentials, Error> {
        let deadline = Instant::now() + self.timeout;
        let issue = |_| Arc::clone(self).issue();
        let held = self.session.get(deadline, issue).await?;
        Ok(held.value().clone())
    }

    /// New ones, by a deadline of their own: they are for whoever asks.
    async fn issue(self: Arc<Self>) -> Result<Issued<Credentials>, Error> {
        let since = Instant::now();
        let result = self.issuer.issue(since + self.timeout).await;
        if let Some(observer) = self.observer.get() {
            observer(Call {
                operation: self.issuer.operation(),
                outcome: outcome(&result),
                took: since.elapsed(),
            });
        }
        let found = result?;
        let ends =
            SystemTime::try_from(found.expiration).map_err(|_| garbage(self.issuer.operation()))?;
        let life = ends.duration_since(SystemTime::now()).unwrap_or_default();
        let credentials = Credentials::new(
            found.access_key_id,
            found.secret_access_key,
            Some(found.session_token),
            Some(ends),
            "jasm",
        );
        Ok(Issued::lasting(credentials, since, life))
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Role").field(&self.issuer).finish()
    }
}

/// A role as the SDK asks it for credentials.
#[derive(Debug)]
pub(super) struct Assumed(pub(super) Arc<Role>);

impl ProvideCredentials for Assumed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            // Ours, found again behind the SDK.
            self.0
                .credentials()
                .await
                .map_err(CredentialsError::provider_error)
        })
    }
}

/// The account of a role's ARN; none for what is not the ARN of a role in this part of AWS.
pub(super) fn account_of<'a>(arn: &'a str, partition: &str) -> Option<&'a str> {
    let (account, name) = arn
        .strip_prefix("arn:")
        .and_then(|rest| rest.strip_prefix(partition))
        .and_then(|rest| rest.strip_prefix(":iam::"))
        .and_then(|rest| rest.split_once(":role/"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@/-".contains(c);
    let named = account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=576).contains(&name.len())
        && name.chars().all(plain);
    named.then_some(account)
}

/// An answer that is not what STS promises.
pub(super) fn garbage(operation: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("the answer of sts:{operation} cannot be understood"),
    )
}
