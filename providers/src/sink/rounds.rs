//! One list for many: who asks before it begins shares it, who asks while it is under way shares the next.
//!
//! So nobody is told of a state that is older than its own question, and what it wrote before is in the
//! answer. At most one list is under way, and one more is waited for. It runs by itself: who gives up takes
//! it from nobody, and when the last one gave up it ends. Nothing is kept once everybody has the answer.

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Error, ErrorKind};

/// How long nobody else has come when a list begins: what one change wakes comes within that.
const QUIET: Duration = Duration::from_millis(50);
/// How long a list waits for others at most.
const LONGEST: Duration = Duration::from_millis(250);

type Answer<T> = Result<Arc<T>, Error>;

/// Lists that callers, known by a `K` each, share.
pub(crate) struct Rounds<K, T> {
    /// What an error calls the list.
    what: &'static str,
    /// The list that has not begun.
    next: Arc<Mutex<Option<Next<K, T>>>>,
    /// Whose turn it is to be under way.
    turn: Arc<Semaphore>,
}

struct Next<K, T> {
    who: HashSet<K>,
    /// The latest deadline of those who wait.
    deadline: Instant,
    opened: Instant,
    joined: Instant,
    tell: watch::Sender<Option<Answer<T>>>,
}

impl<K, T> Clone for Rounds<K, T> {
    fn clone(&self) -> Self {
        Self {
            what: self.what,
            next: Arc::clone(&self.next),
            turn: Arc::clone(&self.turn),
        }
    }
}

impl<K, T> fmt::Debug for Rounds<K, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rounds")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

impl<K, T> Rounds<K, T>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    pub(crate) fn new(what: &'static str) -> Self {
        Self {
            what,
            next: Arc::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// What a list says that begins after this call: `list`, or that of whoever asks at the same time.
    /// It is told who shares it, and the latest of their deadlines.
    ///
    /// # Errors
    /// Those of the list, the same for all who share it; there was no answer within the caller's deadline.
    pub(crate) async fn share<W>(
        &self,
        who: &K,
        deadline: Instant,
        list: impl FnOnce(HashSet<K>, Instant) -> W + Send + 'static,
    ) -> Answer<T>
    where
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut answer = self.join(who, deadline, list);
        let answer = match timeout_at(deadline, answer.wait_for(Option::is_some)).await {
            Ok(Ok(answer)) => answer.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        answer.unwrap_or_else(|| Err(self.unanswered()))
    }

    /// Where the answer will be.
    fn join<W>(
        &self,
        who: &K,
        deadline: Instant,
        list: impl FnOnce(HashSet<K>, Instant) -> W + Send + 'static,
    ) -> watch::Receiver<Option<Answer<T>>>
    where
        W: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (mut next, now) = (self.lock(), Instant::now());
        if let Some(next) = next.as_mut() {
            next.who.insert(who.clone());
            next.deadline = next.deadline.max(deadline);
            next.joined = now;
            return next.tell.subscribe();
        }
        let (tell, answer) = watch::channel(None);
        *next = Some(Next {
            who: HashSet::from([who.clone()]),
            deadline,
            opened: now,
            joined: now,
            tell,
        });
        tokio::spawn(self.clone().run(list));
        answer
    }

    async fn run<W>(self, list: impl FnOnce(HashSet<K>, Instant) -> W)
    where
        W: Future<Output = Result<T, Error>>,
    {
        // Given back whatever happens, as the one who asks next must not wait for ever.
        let Ok(_turn) = self.turn.acquire().await else {
            return;
        };
        let Some(begun) = self.begin().await else {
            return;
        };
        let left = begun.tell.closed();
        let listed = timeout_at(begun.deadline, list(begun.who, begun.deadline));
        let answer = tokio::select! {
            // First, so that for nobody nothing is asked.
            biased;
            () = left => return,
            answer = listed => answer.unwrap_or_else(|_| Err(self.unanswered())),
        };
        // Who gave up in this moment does not hear it.
        let _ = begun.tell.send(Some(answer.map(Arc::new)));
    }

    /// From now on whoever asks waits for another one.
    async fn begin(&self) -> Option<Next<K, T>> {
        loop {
            let due = {
                let mut next = self.lock();
                let due = next
                    .as_ref()
                    .map(|next| (next.joined + QUIET).min(next.opened + LONGEST))?;
                if due <= Instant::now() {
                    return next.take();
                }
                due
            };
            sleep_until(due).await;
        }
    }

    fn unanswered(&self) -> Error {
        let sentence = format!("{} did not answer in time", self.what);
        Error::new(ErrorKind::Unavailable, sentence)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Next<K, T>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
