//! What was written so recently that a store's list may not have it yet.
//!
//! Secrets Manager says of its list that it may lack the changes of the last five minutes (API reference,
//! `ListSecrets`). By such a list a value that goes back to the one before is in place already, and a new
//! entry is nobody's to delete. What was written a short while ago is therefore looked at by itself where
//! the list says otherwise; where it does not, that costs nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jasm_providers::Error;
use jasm_providers::sink::{Fingerprint, Held, Holder, Owner, Sink};
use tokio::time::Instant;

/// Twice what the slowest list takes.
const SHORT: Duration = Duration::from_secs(600);

/// What one object did in its stores of late; nothing of it has to be known.
#[derive(Debug, Default)]
pub struct Recent(Mutex<HashMap<(String, String), Deed>>);

#[derive(Debug)]
struct Deed {
    at: Instant,
    /// What its value is told by; none if it was deleted.
    fingerprint: Option<Fingerprint>,
}

impl Recent {
    /// An entry of a store has this value now.
    pub fn wrote(&self, store: &str, name: &str, fingerprint: &Fingerprint) {
        self.note(store, name, Some(fingerprint.clone()));
    }

    /// An entry that something was done about has this value again.
    pub fn found(&self, store: &str, name: &str, fingerprint: &Fingerprint) {
        let key = (store.to_owned(), name.to_owned());
        if let Some(deed) = self.lock().get_mut(&key) {
            deed.fingerprint = Some(fingerprint.clone());
        }
    }

    /// An entry of a store is gone now.
    pub fn deleted(&self, store: &str, name: &str) {
        self.note(store, name, None);
    }

    fn note(&self, store: &str, name: &str, fingerprint: Option<Fingerprint>) {
        let at = Instant::now();
        let key = (store.to_owned(), name.to_owned());
        self.lock().insert(key, Deed { at, fingerprint });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Deed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of a store's entries of which a list says something else than what was done.
    fn doubtful(&self, store: &str, listed: &HashMap<&str, &Held>) -> Vec<String> {
        let mut deeds = self.lock();
        deeds.retain(|_, deed| deed.at.elapsed() < SHORT);
        let doubtful = deeds.iter().filter(|((of, name), deed)| {
            let agrees = match (&deed.fingerprint, listed.get(name.as_str())) {
                (None, None) => true,
                // Where a list brings no mark along it brings the value itself.
                (Some(wrote), Some(held)) => {
                    held.fingerprint.as_ref().is_none_or(|mark| mark == wrote)
                }
                _ => false,
            };
            of == store && !agrees
        });
        doubtful.map(|((_, name), _)| name.clone()).collect()
    }

    /// A list as it will be when it has everything that was done.
    ///
    /// # Errors
    /// The store does not say what an entry is now.
    pub async fn settle(
        &self,
        store: &str,
        held: Vec<Held>,
        sink: &dyn Sink,
        owner: &Owner,
        timeout: Duration,
    ) -> Result<Vec<Held>, Error> {
        let doubtful = {
            let listed = held.iter().map(|held| (held.name.as_str(), held)).collect();
            self.doubtful(store, &listed)
        };
        let mut held = held;
        for name in doubtful {
            let now = sink.holder(&name, owner, Instant::now() + timeout).await?;
            held.retain(|held| held.name != name);
            if let Holder::Owner(now) = now {
                held.push(now);
            }
        }
        Ok(held)
    }
}
