//! Where the token of one identity comes from: a login, a renewal, a file.

mod whoami;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::answer;
use super::connection::Connection;
use super::options::{Auth, Login};
use crate::http::{Answer, observed};
use crate::session::{Held, Issued};
use crate::small_file::{self, Unread};
use crate::source::Observer;
use crate::{Error, ErrorKind, Identity, SecretBytes};

/// Longest token file that is read.
const LONGEST_FILE: u64 = 64 * 1024;
/// Longest lease that is taken at its word; a clock has an end.
const LONGEST_LEASE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long before its end a token is not used any more, so that it does not end on the way.
const MARGIN: Duration = Duration::from_secs(10);

/// A token of the server.
pub(super) struct Token {
    pub(super) secret: SecretBytes,
    renewable: bool,
    /// What the login gave; a renewal that gives far less comes near the end of what may be renewed.
    first: Duration,
}

/// What a login and a renewal answer.
#[derive(Deserialize)]
struct Granted {
    auth: Option<Grant>,
}

#[derive(Deserialize)]
struct Grant {
    client_token: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
}

/// What a token says about itself.
#[derive(Deserialize)]
struct Looked {
    data: Lease,
}

#[derive(Deserialize)]
struct Lease {
    #[serde(default)]
    ttl: u64,
    #[serde(default)]
    renewable: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    role: &'a str,
    jwt: &'a str,
}

/// Gets tokens for one identity.
pub(super) struct Desk {
    connection: Connection,
    identity: Identity,
    observer: Observer,
}

impl Desk {
    pub(super) fn new(
        connection: &Connection,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        let refuse = |sentence: &str| Err(Error::new(ErrorKind::Invalid, sentence));
        match (connection.auth(), &identity) {
            (Auth::TokenFile(_), Identity::Workload(_)) => {
                return refuse(
                    "a token file is one identity for all: to read as the pod's ServiceAccount a vault store needs \
                     a login, kubernetes or jwt",
                );
            }
            (Auth::Login(login), Identity::Controller) if login.templated() => {
                return refuse(
                    "the role of a vault store that is read as the controller cannot hold {namespace} or \
                     {serviceaccount}: write the controller's own role",
                );
            }
            _ => {}
        }
        Ok(Self {
            connection: connection.clone(),
            identity,
            observer,
        })
    }

    /// A token: the one before renewed, or a new one.
    pub(super) async fn issue(
        self: Arc<Self>,
        before: Option<Arc<Held<Token>>>,
    ) -> Result<Issued<Token>, Error> {
        let deadline = self.connection.deadline();
        if let Some(before) = before.filter(|before| before.value().renewable)
            && let Some(renewed) = self.renew(before.value(), deadline).await?
        {
            return Ok(renewed);
        }
        match self.connection.auth() {
            Auth::TokenFile(path) => self.of_file(path, deadline).await,
            Auth::Login(login) => self.login(login, deadline).await,
        }
    }

    /// Whether the server still knows a token. False also where the token may not ask about itself.
    pub(super) async fn accepted(&self, token: &Token, deadline: Instant) -> Result<bool, Error> {
        Ok(self.look_up(&token.secret, deadline).await?.is_some())
    }

    async fn login(&self, login: &Login, deadline: Instant) -> Result<Issued<Token>, Error> {
        let (jwt, role) = match &self.identity {
            Identity::Assumed(principal) => return Err(principal.foreign()),
            Identity::Controller => (read(&login.token_file, deadline).await?, login.role.clone()),
            Identity::Workload(workload) => (
                workload.token(&login.audience, deadline).await?,
                login.role_of(workload.namespace(), workload.service_account()),
            ),
        };
        let jwt = std::str::from_utf8(jwt.expose())
            .map_err(|_| Error::new(ErrorKind::Invalid, "the ServiceAccount's token is no text"))?;
        let body = serde_json::to_vec(&Shown { role: &role, jwt })
            .map_err(|_| Error::new(ErrorKind::Invalid, "the login cannot be written as JSON"))?;
        let path = format!("auth/{}/login", login.mount);
        let grant = observed(&self.observer, "Login", async {
            let answer = self
                .connection
                .post("Login", &path, body, None, deadline)
                .await?;
            match answer.status {
                400 | 401 | 403 => Err(self.rejected(login, &role, answer.status)),
                404 => Err(Error::new(
                    ErrorKind::Invalid,
                    format!(
                        "there is no auth method at auth/{}: check the store's auth mount and namespace",
                        login.mount
                    ),
                )),
                _ => grant(&answer, &path),
            }
        })
        .await?;
        if grant.client_token.is_empty() {
            let sentence = format!(
                "the login of role {role} gives no token, as where a second factor is asked for"
            );
            return Err(Error::new(ErrorKind::Unauthenticated, sentence));
        }
        let lease = Duration::from_secs(grant.lease_duration);
        Ok(issued(
            SecretBytes::from(grant.client_token),
            lease,
            grant.renewable,
            lease,
        ))
    }

    /// The token once more; none where it cannot be renewed, or hardly any more.
    async fn renew(
        &self,
        token: &Token,
        deadline: Instant,
    ) -> Result<Option<Issued<Token>>, Error> {
        const PATH: &str = "auth/token/renew-self";
        let renewed = observed(&self.observer, "RenewToken", async {
            let answer = self
                .connection
                .post(
                    "RenewToken",
                    PATH,
                    b"{}".to_vec(),
                    Some(&token.secret),
                    deadline,
                )
                .await?;
            match answer.status {
                400..500 if answer.status != 429 && answer.status != 412 => Ok(None),
                _ => grant(&answer, PATH).map(Some),
            }
        })
        .await?;
        Ok(renewed.and_then(|grant| {
            let lease = Duration::from_secs(grant.lease_duration);
            let worth_it = lease.is_zero() || lease.saturating_mul(4) >= token.first;
            worth_it.then(|| issued(token.secret.clone(), lease, grant.renewable, token.first))
        }))
    }

    async fn of_file(&self, path: &Path, deadline: Instant) -> Result<Issued<Token>, Error> {
        let secret = read(path, deadline).await?;
        // A token that may not ask about itself is used until it is refused.
        let lease = self.look_up(&secret, deadline).await?;
        let (ttl, renewable) = lease.map_or((0, false), |lease| (lease.ttl, lease.renewable));
        let lease = Duration::from_secs(ttl);
        Ok(issued(secret, lease, renewable, lease))
    }

    /// What the server says about a token; none where it refuses to.
    async fn look_up(
        &self,
        token: &SecretBytes,
        deadline: Instant,
    ) -> Result<Option<Lease>, Error> {
        const PATH: &str = "auth/token/lookup-self";
        /// Far more than a token's metadata.
        const LIMIT: usize = 256 * 1024;
        observed(&self.observer, "LookupToken", async {
            let answer = self
                .connection
                .get("LookupToken", PATH, None, LIMIT, token, deadline)
                .await?;
            match answer.status {
                401 | 403 => Ok(None),
                200 => serde_json::from_slice::<Looked>(&answer.body)
                    .map(|looked| Some(looked.data))
                    .map_err(|_| answer.senseless(PATH)),
                _ => Err(answer::refused(&answer, PATH, PATH)),
            }
        })
        .await
    }

    /// The role does not take the token, or there is no such role.
    fn rejected(&self, login: &Login, role: &str, status: u16) -> Error {
        let who = match &self.identity {
            Identity::Controller | Identity::Assumed(_) => {
                "this program's own ServiceAccount".to_owned()
            }
            Identity::Workload(workload) => format!(
                "the ServiceAccount {}/{}",
                workload.namespace(),
                workload.service_account()
            ),
        };
        let sentence = format!(
            "vault does not let {who} log in at auth/{} as role {role} (HTTP {status}): the role has to exist, be bound \
             to that ServiceAccount and namespace, and name the audience {}",
            login.mount, login.audience
        );
        Error::new(ErrorKind::Unauthenticated, sentence)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("connection", &self.connection)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

fn grant(answer: &Answer, path: &str) -> Result<Grant, Error> {
    if !answer.success() {
        return Err(answer::refused(answer, path, path));
    }
    serde_json::from_slice::<Granted>(&answer.body)
        .ok()
        .and_then(|granted| granted.auth)
        .ok_or_else(|| answer.senseless(path))
}

/// A token with its times; a lease of nothing never ends.
fn issued(secret: SecretBytes, lease: Duration, renewable: bool, first: Duration) -> Issued<Token> {
    let now = Instant::now();
    let lease = lease.min(LONGEST_LEASE);
    let ends = (!lease.is_zero()).then(|| now + lease - MARGIN.min(lease / 10));
    Issued {
        value: Token {
            secret,
            renewable,
            first,
        },
        renew: ends.map(|_| now + lease * 2 / 3),
        ends,
    }
}

/// A token from a file, without the line break at its end.
async fn read(path: &Path, deadline: Instant) -> Result<SecretBytes, Error> {
    let failed = |why: &str| {
        let sentence = format!("the token file {} {why}", path.display());
        Error::new(ErrorKind::Unauthenticated, sentence)
    };
    let bytes = small_file::read(path, LONGEST_FILE, deadline)
        .await
        .map_err(|unread| match unread {
            Unread::Unreadable => {
                failed("cannot be read: mount it, and give this process the right to")
            }
            Unread::Late => failed("could not be read in time"),
        })?;
    let token = bytes.trim_ascii();
    if token.is_empty() {
        return Err(failed("is empty"));
    }
    Ok(SecretBytes::new(token.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_at_two_thirds_and_not_used_to_its_last_second() {
        let times = |seconds: u64| {
            let lease = Duration::from_secs(seconds);
            let issued = issued(SecretBytes::from("t".to_owned()), lease, true, lease);
            let from_now = |at: Instant| at.duration_since(Instant::now()).as_millis();
            (issued.renew.map(from_now), issued.ends.map(from_now))
        };
        assert_eq!(times(0), (None, None));
        assert_eq!(times(3600), (Some(2_400_000), Some(3_590_000)));
        assert_eq!(times(30), (Some(20_000), Some(27_000)));
        // A clock that a server could break has an end.
        assert!(times(u64::MAX).1.is_some());
    }
}
