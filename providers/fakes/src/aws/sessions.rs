//! Access keys: those of sessions and those that stay.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::lock::lock;

/// What is behind an access key's id.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) secret: String,
    /// What must come with it; none for a key that stays.
    pub(super) token: Option<String>,
    pub(super) principal: String,
    until: Option<Instant>,
}

impl Key {
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

/// A session as it is given out.
pub(super) struct Issued {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) token: String,
}

/// By id.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Key>>);

impl Sessions {
    pub(super) fn add(&self, id: &str, secret: &str, principal: &str) {
        let key = Key {
            secret: secret.to_owned(),
            token: None,
            principal: principal.to_owned(),
            until: None,
        };
        lock(&self.0).insert(id.to_owned(), key);
    }

    pub(super) fn issue(&self, principal: &str, lifetime: Duration) -> Issued {
        let letters = |count: usize| -> String {
            std::iter::repeat_with(|| fastrand::alphanumeric().to_ascii_uppercase())
                .take(count)
                .collect()
        };
        let issued = Issued {
            id: format!("ASIA{}", letters(16)),
            secret: letters(40),
            token: format!("IQoJ{}", letters(120)),
        };
        let key = Key {
            secret: issued.secret.clone(),
            token: Some(issued.token.clone()),
            principal: principal.to_owned(),
            until: Some(Instant::now() + lifetime),
        };
        lock(&self.0).insert(issued.id.clone(), key);
        issued
    }

    pub(super) fn find(&self, id: &str) -> Option<Key> {
        lock(&self.0).get(id).cloned()
    }

    pub(super) fn revoke(&self) {
        lock(&self.0).retain(|_, key| key.token.is_none());
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", lock(&self.0).len())
    }
}
