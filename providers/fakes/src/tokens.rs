//! The tokens that a token service has given out.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

#[derive(Clone)]
struct Session {
    principal: String,
    audience: String,
    until: Instant,
}

/// Opaque tokens, each of one principal, for one audience, until a time.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<String, Session>>);

impl Tokens {
    /// A new token, which begins with `prefix`.
    #[must_use]
    pub fn issue(
        &self,
        prefix: &str,
        principal: &str,
        audience: &str,
        lifetime: Duration,
    ) -> String {
        let token = format!(
            "{prefix}{:032x}{:032x}",
            fastrand::u128(..),
            fastrand::u128(..)
        );
        let session = Session {
            principal: principal.to_owned(),
            audience: audience.to_owned(),
            until: Instant::now() + lifetime,
        };
        lock(&self.0).insert(token.clone(), session);
        token
    }

    /// Whose token it is, if it is one for this audience and still good.
    #[must_use]
    pub fn who(&self, token: &str, audience: &str) -> Option<String> {
        let sessions = lock(&self.0);
        let session = sessions.get(token)?;
        let good = session.audience == audience && Instant::now() < session.until;
        good.then(|| session.principal.clone())
    }

    /// No token given out so far is good any more.
    pub fn revoke_all(&self) {
        lock(&self.0).clear();
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", lock(&self.0).len())
    }
}
