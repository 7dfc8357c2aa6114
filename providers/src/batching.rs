//! When a call leaves: one for however many ask, together where the store has batches.
//!
//! A [`Lane`] sits before one source, so before one store as one identity; a value read for one
//! identity is never served to another. Nothing waits to fill a batch: while few calls are under
//! way a request leaves at once, and what arrives meanwhile goes together. A value stays for
//! [`LaneOptions::keep`] from its read's start and is then dropped, which zeroes it; no timer
//! runs while nothing is kept or queued.

mod board;
mod pause;
mod queue;

#[cfg(test)]
mod tests;

use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::task::JoinError;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Entry, EntryRef, Error, ErrorKind, Listed, Prefix, Source};
use board::{Board, Ticket};
use pause::Pause;
use queue::{InFlight, Job, Limits, Queue};

/// Longest that a request waits for a throttled store before it fails with what is left.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a source gets beyond its deadline to say so itself.
const GRACE: Duration = Duration::from_millis(250);
/// Calls under way at most: where calls carry batches, and where each carries one entry.
const MAX_BATCHES: usize = 16;
const MAX_SINGLES: usize = 64;

/// How a lane behaves; the defaults are those of the design.
#[derive(Debug, Clone, Copy)]
pub struct LaneOptions {
    /// How long a value serves those who ask later, from its read's start.
    pub keep: Duration,
    /// Batches under way below which nothing waits.
    pub eager: usize,
    /// Calls under way at most; 16, or 64 where the source has no batches now.
    pub max: Option<usize>,
    /// Longest that a request waits for company.
    pub gather: Duration,
    /// How long a call may take.
    pub timeout: Duration,
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(5),
            eager: 8,
            max: None,
            gather: Duration::from_millis(25),
            timeout: Duration::from_secs(10),
        }
    }
}

/// What a read came to, and when it started.
#[derive(Debug)]
pub struct Outcome<T> {
    /// When the call left; what it read is at least as young.
    pub started: Instant,
    /// The answer.
    pub result: Result<T, Error>,
}

/// The way to one store as one identity; clones share it.
#[derive(Clone)]
pub struct Lane {
    inner: Arc<Inner>,
}

struct Inner {
    source: Arc<dyn Source>,
    options: LaneOptions,
    // Never held across an await.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reads: Board<EntryRef, Entry>,
    lists: Board<Prefix, Vec<Listed>>,
    queue: Queue,
    in_flight: InFlight,
    pause: Pause,
    /// A task is about to look at the queue.
    waking: bool,
    /// When the earliest sleeping task looks at the queue.
    alarm: Option<Instant>,
}

impl Lane {
    /// A lane before a source; must be used within a tokio runtime.
    #[must_use]
    pub fn new(source: Arc<dyn Source>, options: LaneOptions) -> Self {
        let state = State {
            reads: Board::new(options.keep),
            lists: Board::new(options.keep),
            queue: Queue::default(),
            in_flight: InFlight::default(),
            pause: Pause::default(),
            waking: false,
            alarm: None,
        };
        Self {
            inner: Arc::new(Inner {
                source,
                options,
                state: Mutex::new(state),
            }),
        }
    }

    /// Reads one entry by a call that started at `not_before` or later: one that is kept, under
    /// way or queued, else a new one. A time to come counts as now. Who stops waiting cancels
    /// nothing for others.
    pub async fn read(&self, want: &EntryRef, not_before: Instant) -> Arc<Outcome<Entry>> {
        let ticket = self.inner.ask_read(want, not_before);
        wait(ticket).await
    }

    /// Reads everything below a prefix, by the same rules.
    pub async fn list(&self, prefix: &Prefix, not_before: Instant) -> Arc<Outcome<Vec<Listed>>> {
        let ticket = self.inner.ask_list(prefix, not_before);
        wait(ticket).await
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("source", &self.inner.source)
            .field("state", &*self.inner.lock())
            .finish()
    }
}

async fn wait<T>(ticket: Ticket<T>) -> Arc<Outcome<T>> {
    let mut receiver = match ticket {
        Ticket::Ready(outcome) => return outcome,
        Ticket::Wait(receiver) => receiver,
    };
    let answer = receiver
        .wait_for(Option::is_some)
        .await
        .ok()
        .and_then(|answer| answer.clone());
    // The board answers every flight; the runtime's end is what can come before that.
    answer.unwrap_or_else(|| {
        let error = Error::new(
            ErrorKind::Unavailable,
            "the read was given up because the program is ending",
        );
        Arc::new(Outcome {
            started: Instant::now(),
            result: Err(error),
        })
    })
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing of ours panics under the lock; a poisoned one is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask_read(self: &Arc<Self>, want: &EntryRef, not_before: Instant) -> Ticket<Entry> {
        let gathers = self.source.batches(want);
        self.ask(
            want,
            not_before,
            |state| &mut state.reads,
            |state, now| {
                if gathers {
                    state.queue.push_gathering(now, want.clone());
                } else {
                    state.queue.push(now, Job::Single(want.clone()));
                }
            },
        )
    }

    fn ask_list(self: &Arc<Self>, prefix: &Prefix, not_before: Instant) -> Ticket<Vec<Listed>> {
        self.ask(
            prefix,
            not_before,
            |state| &mut state.lists,
            |state, now| {
                state.queue.push(now, Job::List(prefix.clone()));
            },
        )
    }

    fn ask<K: Eq + Hash + Clone, T>(
        self: &Arc<Self>,
        key: &K,
        not_before: Instant,
        board: impl Fn(&mut State) -> &mut Board<K, T>,
        enqueue: impl FnOnce(&mut State, Instant),
    ) -> Ticket<T> {
        let now = Instant::now();
        let mut state = self.lock();
        if let Some(ticket) = board(&mut state).join(key, not_before.min(now), now) {
            return ticket;
        }
        if let Some(left) = state.pause.remaining(now).filter(|left| *left > PATIENCE) {
            return Ticket::Ready(Arc::new(Outcome {
                started: now,
                result: Err(resting(left)),
            }));
        }
        let ticket = board(&mut state).open(key);
        enqueue(&mut state, now);
        self.wake(&mut state);
        ticket
    }

    /// Looks at the queue once those who are ready to ask now have asked.
    fn wake(self: &Arc<Self>, state: &mut State) {
        if std::mem::replace(&mut state.waking, true) {
            return;
        }
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            // Tasks woken by the same event queue up behind this one: one turn, microseconds.
            tokio::task::yield_now().await;
            let mut state = inner.lock();
            state.waking = false;
            inner.send(&mut state, false);
        });
    }

    /// Sends what may leave; after the end of a call that is all that gathered meanwhile.
    fn send(self: &Arc<Self>, state: &mut State, ended: bool) {
        let now = Instant::now();
        let limits = self.limits();
        if let Some(ends) = state.pause.ends(now) {
            if !state.queue.is_empty() {
                self.wake_at(state, ends);
            }
            return;
        }
        while let Some(job) = state.queue.pop(now, limits, state.in_flight, ended) {
            self.launch(state, job, now);
        }
        // With no room left it is the end of a call that sends the next one.
        if state.in_flight.all < limits.max
            && let Some(ripens) = state.queue.ripens(limits)
        {
            self.wake_at(state, ripens);
        }
    }

    fn wake_at(self: &Arc<Self>, state: &mut State, at: Instant) {
        if state.alarm.is_some_and(|alarm| alarm <= at) {
            return;
        }
        state.alarm = Some(at);
        let lane = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep_until(at).await;
            let Some(inner) = lane.upgrade() else { return };
            let mut state = inner.lock();
            state.alarm = state.alarm.filter(|alarm| *alarm > at);
            inner.send(&mut state, false);
        });
    }

    fn limits(&self) -> Limits {
        let batch = self.source.batch_limit().max(1);
        let max = self
            .options
            .max
            .unwrap_or(if batch > 1 { MAX_BATCHES } else { MAX_SINGLES })
            .max(1);
        Limits {
            eager: self.options.eager.clamp(1, max),
            max,
            batch,
            gather: self.options.gather,
        }
    }

    /// Starts the call, unless nobody waits for it any more.
    fn launch(self: &Arc<Self>, state: &mut State, job: Job, now: Instant) {
        let mut live = |want: &EntryRef| state.reads.start(want, now);
        match job {
            Job::Batch(mut wants) => {
                wants.retain(&mut live);
                if wants.is_empty() {
                    return;
                }
                state.in_flight.batches += 1;
                tokio::spawn(read(Arc::clone(self), wants, now, true));
            }
            Job::Single(want) => {
                if !live(&want) {
                    return;
                }
                tokio::spawn(read(Arc::clone(self), vec![want], now, false));
            }
            Job::List(prefix) => {
                if !state.lists.start(&prefix, now) {
                    return;
                }
                tokio::spawn(list(Arc::clone(self), prefix, now));
            }
        }
        state.in_flight.all += 1;
    }

    /// Books the end of a call. `throttled` is the store's advice if it threw the whole call back.
    fn ended(
        self: &Arc<Self>,
        state: &mut State,
        started: Instant,
        throttled: Option<Option<Duration>>,
    ) {
        let now = Instant::now();
        state.in_flight.all -= 1;
        match throttled {
            Some(advice) => state.pause.throttled(started, advice, now),
            None => state.pause.answered(started),
        }
        if let Some(left) = state.pause.remaining(now).filter(|left| *left > PATIENCE) {
            state.refuse_queued(left, now);
        }
        self.send(state, true);
    }
}

impl State {
    /// Fails what would wait too long for a throttled store.
    fn refuse_queued(&mut self, left: Duration, now: Instant) {
        for job in self.queue.drain() {
            match job {
                Job::Batch(wants) => wants.iter().for_each(|want| self.refuse(want, left, now)),
                Job::Single(want) => self.refuse(&want, left, now),
                Job::List(prefix) => self.lists.refuse(&prefix, refused(left, now)),
            }
        }
    }

    fn refuse(&mut self, want: &EntryRef, left: Duration, now: Instant) {
        self.reads.refuse(want, refused(left, now));
    }
}

async fn read(inner: Arc<Inner>, wants: Vec<EntryRef>, started: Instant, batch: bool) {
    let deadline = started + inner.options.timeout;
    let source = Arc::clone(&inner.source);
    let asked = wants.clone();
    // In a task of its own, so that a panic in a source ends the read and not the lane.
    let call = tokio::spawn(async move { source.read(&asked, deadline).await });
    let (mut answers, failed) = match within(call, deadline, inner.options.timeout).await {
        Ok(answers) => (answers.into_iter(), None),
        Err(error) => (Vec::new().into_iter(), Some(error)),
    };
    let results: Vec<_> = wants
        .iter()
        .map(|_| {
            answers
                .next()
                .unwrap_or_else(|| Err(failed.clone().unwrap_or_else(unanswered)))
        })
        .collect();
    let throttled = throttled(&results);

    let mut kept = Vec::new();
    {
        let now = Instant::now();
        let mut state = inner.lock();
        for (want, result) in wants.into_iter().zip(results) {
            if state.reads.finish(&want, Outcome { started, result }, now) {
                kept.push(want);
            }
        }
        state.in_flight.batches -= usize::from(batch);
        inner.ended(&mut state, started, throttled);
    }
    expire(inner, kept, started, |state| &mut state.reads).await;
}

async fn list(inner: Arc<Inner>, prefix: Prefix, started: Instant) {
    let deadline = started + inner.options.timeout;
    let source = Arc::clone(&inner.source);
    let asked = prefix.clone();
    let call = tokio::spawn(async move { source.list(&asked, deadline).await });
    let result = within(call, deadline, inner.options.timeout)
        .await
        .and_then(|answer| answer);
    let throttled = throttled(std::slice::from_ref(&result));

    let mut kept = Vec::new();
    {
        let mut state = inner.lock();
        if state
            .lists
            .finish(&prefix, Outcome { started, result }, Instant::now())
        {
            kept.push(prefix);
        }
        inner.ended(&mut state, started, throttled);
    }
    expire(inner, kept, started, |state| &mut state.lists).await;
}

/// Drops what a call's outcomes kept, when their time is over; a lane that is gone has done so.
async fn expire<K: Eq + Hash + Clone, T>(
    inner: Arc<Inner>,
    kept: Vec<K>,
    started: Instant,
    board: impl Fn(&mut State) -> &mut Board<K, T>,
) {
    if kept.is_empty() {
        return;
    }
    let until = started + inner.options.keep;
    let lane: Weak<Inner> = Arc::downgrade(&inner);
    drop(inner);
    sleep_until(until).await;
    let Some(inner) = lane.upgrade() else { return };
    let mut state = inner.lock();
    for key in &kept {
        board(&mut state).expire(key, started);
    }
}

/// A source that does not keep to its deadline is stopped; one that panics is an error like others.
async fn within<T>(
    mut call: tokio::task::JoinHandle<T>,
    deadline: Instant,
    allowed: Duration,
) -> Result<T, Error> {
    match timeout_at(deadline + GRACE, &mut call).await {
        Ok(joined) => joined.map_err(|error| broken(&error)),
        Err(_) => {
            call.abort();
            let sentence = format!(
                "the store did not answer within {} s",
                allowed.as_secs_f32()
            );
            Err(Error::new(ErrorKind::Unavailable, sentence))
        }
    }
}

/// The store's advice, if every item was thrown back; the longest one.
fn throttled<T>(results: &[Result<T, Error>]) -> Option<Option<Duration>> {
    let mut longest = None;
    for result in results {
        match result {
            Err(Error {
                kind: ErrorKind::Throttled { after },
                ..
            }) => longest = longest.max(*after),
            _ => return None,
        }
    }
    (!results.is_empty()).then_some(longest)
}

fn refused<T>(left: Duration, now: Instant) -> Outcome<T> {
    Outcome {
        started: now,
        result: Err(resting(left)),
    }
}

fn resting(left: Duration) -> Error {
    let sentence = format!(
        "the store throttles: its next call is not before {} s from now",
        left.as_secs().max(1)
    );
    Error::new(ErrorKind::Throttled { after: Some(left) }, sentence)
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the store's answer does not say anything about this entry",
    )
}

fn broken(error: &JoinError) -> Error {
    // The panic's own text could quote what was being read.
    let sentence = if error.is_panic() {
        "the read ended in a fault of this program: please report it"
    } else {
        "the read was given up because the program is ending"
    };
    Error::new(ErrorKind::Unavailable, sentence)
}
