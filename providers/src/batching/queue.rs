//! What waits to leave, and what may leave now. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::{EntryRef, Prefix};

/// One call that may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Job {
    /// Entries that gathered.
    Batch(Vec<EntryRef>),
    /// An entry that travels by itself.
    Single(EntryRef),
    /// Everything below a prefix.
    List(Prefix),
}

/// Calls under way.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InFlight {
    pub(super) all: usize,
    /// Those that carry what gathers: a slow listing is no reason to gather.
    pub(super) batches: usize,
}

/// How many calls may be under way, and how many entries fit in one, at this moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Below this many batches nothing waits.
    pub(super) eager: usize,
    /// Never more calls than this.
    pub(super) max: usize,
    /// Entries per call.
    pub(super) batch: usize,
    /// Longest wait for company while there is room for a call.
    pub(super) gather: Duration,
}

/// Requests in the order they came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Leave one by one, whenever there is room: waiting gains them nothing.
    alone: VecDeque<(Instant, Job)>,
    /// May leave together.
    together: VecDeque<(Instant, EntryRef)>,
}

impl Queue {
    pub(super) fn push(&mut self, now: Instant, job: Job) {
        self.alone.push_back((now, job));
    }

    pub(super) fn push_gathering(&mut self, now: Instant, want: EntryRef) {
        self.together.push_back((now, want));
    }

    /// The next call to leave beside those under way; when one has `ended`, gathering is over.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        limits: Limits,
        in_flight: InFlight,
        ended: bool,
    ) -> Option<Job> {
        if in_flight.all >= limits.max {
            return None;
        }
        let oldest = self
            .together
            .front()
            .map(|(since, _)| *since)
            .filter(|since| {
                // Where no batch can be made, nothing is gained by gathering.
                let no_batches = limits.batch <= 1;
                ended
                    || no_batches
                    || in_flight.batches < limits.eager
                    || now >= *since + limits.gather
            });
        let alone = self.alone.front().map(|(since, _)| *since);
        match (oldest, alone) {
            (Some(oldest), Some(alone)) if alone < oldest => self.pop_alone(),
            (Some(_), _) => Some(self.pop_batch(limits.batch)),
            (None, _) => self.pop_alone(),
        }
    }

    /// When the oldest that gathers leaves at the latest.
    pub(super) fn ripens(&self, limits: Limits) -> Option<Instant> {
        self.together
            .front()
            .map(|(since, _)| *since + limits.gather)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.alone.is_empty() && self.together.is_empty()
    }

    /// Empties the queue.
    pub(super) fn drain(&mut self) -> Vec<Job> {
        let alone = self.alone.drain(..).map(|(_, job)| job);
        let together = self.together.drain(..).map(|(_, want)| Job::Single(want));
        alone.chain(together).collect()
    }

    fn pop_alone(&mut self) -> Option<Job> {
        self.alone.pop_front().map(|(_, job)| job)
    }

    fn pop_batch(&mut self, limit: usize) -> Job {
        let count = self.together.len().min(limit.max(1));
        Job::Batch(self.together.drain(..count).map(|(_, want)| want).collect())
    }
}
