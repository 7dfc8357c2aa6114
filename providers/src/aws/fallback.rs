//! What was learned about rights: whether batches are granted, and who spoils them. Forgotten
//! after an hour, so that a right granted later is used.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::info;

use crate::EntryRef;

/// How long it is remembered.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// How many spoilers are remembered by name; with more than that, batches are not worth it.
const SPOILERS: usize = 1_000;

/// What one source remembers.
#[derive(Debug, Default)]
pub(super) struct Fallback {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    singles_until: Option<Instant>,
    alone_until: HashMap<EntryRef, Instant>,
}

impl Fallback {
    /// Batches as a whole are refused.
    pub(super) fn no_batches(&self, action: &'static str) {
        if self.batches() {
            info!(
                action,
                "batches are not granted: entries are read one by one for an hour"
            );
        }
        self.lock().singles_until = Some(Instant::now() + REMEMBERED);
    }

    /// This entry makes a batch that it is in fail.
    pub(super) fn spoils(&self, want: &EntryRef) {
        let now = Instant::now();
        let mut known = self.lock();
        known.alone_until.retain(|_, until| *until > now);
        if known.alone_until.len() < SPOILERS {
            known.alone_until.insert(want.clone(), now + REMEMBERED);
        } else {
            known.singles_until = Some(now + REMEMBERED);
        }
    }

    /// Whether batches may be tried.
    pub(super) fn batches(&self) -> bool {
        self.lock()
            .singles_until
            .is_none_or(|until| until <= Instant::now())
    }

    /// Whether this entry may go into one.
    pub(super) fn joins(&self, want: &EntryRef) -> bool {
        self.lock()
            .alone_until
            .get(want)
            .is_none_or(|until| *until <= Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(path: impl ToString) -> EntryRef {
        EntryRef {
            path: path.to_string(),
            version: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn everything_is_forgotten_after_an_hour() {
        let fallback = Fallback::default();
        assert!(fallback.batches() && fallback.joins(&want("a")));
        fallback.no_batches("a:Call");
        fallback.spoils(&want("a"));
        assert!(!fallback.batches() && !fallback.joins(&want("a")) && fallback.joins(&want("b")));
        tokio::time::advance(REMEMBERED).await;
        assert!(fallback.batches() && fallback.joins(&want("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let fallback = Fallback::default();
        (0..=SPOILERS).for_each(|number| fallback.spoils(&want(number)));
        assert!(!fallback.batches());
        assert_eq!(fallback.lock().alone_until.len(), SPOILERS);
    }
}
