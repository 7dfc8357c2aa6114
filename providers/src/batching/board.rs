//! Who waits for what: single flight per key, and outcomes kept for a moment. Pure but for the
//! channel that wakes those who wait.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::Outcome;

/// One read under way, or about to be.
pub(super) struct Flight<T> {
    started: Option<Instant>,
    answer: watch::Sender<Option<Arc<Outcome<T>>>>,
}

/// What a caller gets: the outcome, or where it will appear.
pub(super) enum Ticket<T> {
    Ready(Arc<Outcome<T>>),
    Wait(watch::Receiver<Option<Arc<Outcome<T>>>>),
}

/// The reads of one lane, by key.
pub(super) struct Board<K, T> {
    keep: Duration,
    /// Per key the reads not answered yet, oldest first; more than one only where a caller needed
    /// a younger read than the one under way.
    open: HashMap<K, Vec<Flight<T>>>,
    kept: HashMap<K, Arc<Outcome<T>>>,
}

impl<K: Eq + Hash + Clone, T> Board<K, T> {
    pub(super) fn new(keep: Duration) -> Self {
        Self {
            keep,
            open: HashMap::new(),
            kept: HashMap::new(),
        }
    }

    /// A read of `key` that started at `not_before` or later, if there is one or one is queued.
    pub(super) fn join(&self, key: &K, not_before: Instant, now: Instant) -> Option<Ticket<T>> {
        if let Some(outcome) = self.kept.get(key)
            && outcome.started >= not_before
            && now < outcome.started + self.keep
        {
            return Some(Ticket::Ready(Arc::clone(outcome)));
        }
        let flights = self.open.get(key)?;
        let young_enough =
            |flight: &&Flight<T>| flight.started.is_none_or(|started| started >= not_before);
        flights
            .iter()
            .find(young_enough)
            .map(|flight| Ticket::Wait(flight.answer.subscribe()))
    }

    /// Puts a new read of `key` on the board, not started yet.
    pub(super) fn open(&mut self, key: &K) -> Ticket<T> {
        let (answer, receiver) = watch::channel(None);
        self.open.entry(key.clone()).or_default().push(Flight {
            started: None,
            answer,
        });
        Ticket::Wait(receiver)
    }

    /// The queued read of `key` starts now. False, and it is forgotten, if nobody waits any more.
    pub(super) fn start(&mut self, key: &K, now: Instant) -> bool {
        let Some(flights) = self.open.get_mut(key) else {
            return false;
        };
        let Some(at) = flights.iter().position(|flight| flight.started.is_none()) else {
            return false;
        };
        if flights[at].answer.receiver_count() == 0 {
            flights.remove(at);
            self.forget_if_empty(key);
            return false;
        }
        flights[at].started = Some(now);
        true
    }

    /// The answer to the read of `key` that started at `outcome.started`. True if it is kept.
    pub(super) fn finish(&mut self, key: &K, outcome: Outcome<T>, now: Instant) -> bool {
        let started = outcome.started;
        let outcome = Arc::new(outcome);
        self.answer(key, Some(started), &outcome);
        let newest = self
            .kept
            .get(key)
            .is_none_or(|kept| kept.started <= started);
        let keep = outcome.result.is_ok() && newest && now < started + self.keep;
        if keep {
            self.kept.insert(key.clone(), outcome);
        }
        keep
    }

    /// Answers the queued read of `key` without a call.
    pub(super) fn refuse(&mut self, key: &K, outcome: Outcome<T>) {
        self.answer(key, None, &Arc::new(outcome));
    }

    /// Forgets what is kept of `key` from the read that started then; the last to drop it zeroes it.
    pub(super) fn expire(&mut self, key: &K, started: Instant) {
        if self
            .kept
            .get(key)
            .is_some_and(|kept| kept.started == started)
        {
            self.kept.remove(key);
        }
    }

    fn answer(&mut self, key: &K, started: Option<Instant>, outcome: &Arc<Outcome<T>>) {
        let Some(flights) = self.open.get_mut(key) else {
            return;
        };
        if let Some(at) = flights.iter().position(|flight| flight.started == started) {
            flights
                .remove(at)
                .answer
                .send_replace(Some(Arc::clone(outcome)));
        }
        self.forget_if_empty(key);
    }

    fn forget_if_empty(&mut self, key: &K) {
        if self.open.get(key).is_some_and(Vec::is_empty) {
            self.open.remove(key);
        }
    }
}

impl<K, T> fmt::Debug for Board<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board")
            .field("open", &self.open.len())
            .field("kept", &self.kept.len())
            .finish()
    }
}
