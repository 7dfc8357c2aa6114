//! Work keyed by what it is about: at most one run of a key at a time, nothing forgotten.
//!
//! A key that is scheduled while it runs runs again afterwards; of two times for one key the
//! earlier holds. Runs are tasks without a common limit, so that keys that wait for a store that
//! hangs take nothing from the others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::hash::Hash;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Puts keys into a queue from anywhere.
#[derive(Debug)]
pub struct Handle<K>(mpsc::UnboundedSender<(K, Instant)>);

impl<K> Clone for Handle<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Handle<K> {
    /// Runs the key as soon as it is free.
    pub fn now(&self, key: K) {
        self.at(key, Instant::now());
    }

    /// Runs the key at a time, or earlier if something else asks for it.
    pub fn at(&self, key: K, due: Instant) {
        // After shutdown nobody listens any more, which is the point of it.
        let _ = self.0.send((key, due));
    }
}

/// Told of the queue's state; must not block.
pub trait Gauge: Send + 'static {
    /// How many keys are due or later, and how many run.
    fn depth(&self, pending: usize, running: usize);
    /// How long a key was due before it ran.
    fn waited(&self, wait: std::time::Duration);
}

/// The queue; [`run`](Self::run) is its only task.
#[derive(Debug)]
pub struct Queue<K> {
    receiver: mpsc::UnboundedReceiver<(K, Instant)>,
    /// When a key is due; the ticket keeps keys of one instant in the order they came.
    pending: HashMap<K, (Instant, u64)>,
    by_time: BTreeMap<(Instant, u64), K>,
    running: HashSet<K>,
    tickets: u64,
}

impl<K: Clone + Eq + Hash + Send + 'static> Queue<K> {
    /// An empty queue and the handle that feeds it.
    #[must_use]
    pub fn new() -> (Handle<K>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let queue = Self {
            receiver,
            pending: HashMap::new(),
            by_time: BTreeMap::new(),
            running: HashSet::new(),
            tickets: 0,
        };
        (Handle(sender), queue)
    }

    /// Runs keys until `stop`; then starts nothing more and waits for what is under way.
    ///
    /// # Errors
    /// If a run panicked: state may be wrong then, and the process has to start afresh.
    pub async fn run<F, Fut>(
        mut self,
        stop: CancellationToken,
        gauge: impl Gauge,
        work: F,
    ) -> Result<(), tokio::task::JoinError>
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = K> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        loop {
            self.start_due(&mut tasks, &gauge, &work);
            gauge.depth(self.pending.len(), self.running.len());
            let next = self.next_due();
            tokio::select! {
                () = stop.cancelled() => break,
                Some((key, due)) = self.receiver.recv() => {
                    self.schedule(key, due);
                    // Everything that is there at once, so that one burst is one pass.
                    while let Ok((key, due)) = self.receiver.try_recv() {
                        self.schedule(key, due);
                    }
                }
                Some(done) = tasks.join_next() => {
                    self.running.remove(&done?);
                }
                () = sleep_until(next) => {}
            }
        }
        while let Some(done) = tasks.join_next().await {
            done?;
        }
        Ok(())
    }

    fn schedule(&mut self, key: K, due: Instant) {
        if let Some(before) = self.pending.get(&key) {
            if before.0 <= due {
                return;
            }
            self.by_time.remove(before);
        }
        self.tickets += 1;
        self.pending.insert(key.clone(), (due, self.tickets));
        self.by_time.insert((due, self.tickets), key);
    }

    /// The earliest time of a key that does not run.
    fn next_due(&self) -> Option<Instant> {
        self.by_time
            .iter()
            .find(|(_, key)| !self.running.contains(key))
            .map(|((due, _), _)| *due)
    }

    fn start_due<F, Fut>(&mut self, tasks: &mut JoinSet<K>, gauge: &impl Gauge, work: &F)
    where
        F: Fn(K) -> Fut,
        Fut: Future<Output = K> + Send + 'static,
    {
        let now = Instant::now();
        let due: Vec<_> = self
            .by_time
            .range(..=(now, u64::MAX))
            .filter(|(_, key)| !self.running.contains(key))
            .map(|(at, key)| (*at, key.clone()))
            .collect();
        for (at, key) in due {
            self.by_time.remove(&at);
            self.pending.remove(&key);
            self.running.insert(key.clone());
            gauge.waited(now.saturating_duration_since(at.0));
            tasks.spawn(work(key));
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;

    struct Silent;

    impl Gauge for Silent {
        fn depth(&self, _: usize, _: usize) {}
        fn waited(&self, _: Duration) {}
    }

    type Log = Arc<Mutex<Vec<(u64, &'static str, char)>>>;

    /// Runs of `slow` take 10 s; the log has the second, the key, and `+` or `-`.
    fn start() -> (
        Handle<&'static str>,
        CancellationToken,
        tokio::task::JoinHandle<()>,
        Log,
    ) {
        let (handle, queue) = Queue::new();
        let stop = CancellationToken::new();
        let log = Log::default();
        let begin = Instant::now();
        let (token, seen) = (stop.clone(), log.clone());
        let task = tokio::spawn(async move {
            let work = move |key: &'static str| {
                let seen = seen.clone();
                async move {
                    seen.lock()
                        .unwrap()
                        .push((begin.elapsed().as_secs(), key, '+'));
                    if key == "slow" {
                        tokio::time::sleep(Duration::from_secs(10)).await;
                        seen.lock()
                            .unwrap()
                            .push((begin.elapsed().as_secs(), key, '-'));
                    }
                    key
                }
            };
            queue.run(token, Silent, work).await.unwrap();
        });
        (handle, stop, task, log)
    }

    async fn until(seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_runs_once_for_many_asks_and_the_earlier_time_holds() {
        let (handle, _stop, _task, log) = start();
        handle.at("a", Instant::now() + Duration::from_secs(60));
        for _ in 0..100 {
            handle.at("a", Instant::now() + Duration::from_secs(20));
        }
        handle.at("a", Instant::now() + Duration::from_secs(40));
        until(300).await;
        assert_eq!(*log.lock().unwrap(), [(20, "a", '+')]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_asked_for_while_it_runs_runs_again_and_never_beside_itself() {
        let (handle, _stop, _task, log) = start();
        handle.now("slow");
        until(5).await;
        handle.now("slow");
        handle.now("other");
        until(300).await;
        let expected = [
            (0, "slow", '+'),
            (5, "other", '+'),
            (10, "slow", '-'),
            (10, "slow", '+'),
            (20, "slow", '-'),
        ];
        assert_eq!(*log.lock().unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_ends_what_runs_and_starts_nothing() {
        let (handle, stop, task, log) = start();
        handle.now("slow");
        until(1).await;
        handle.at("later", Instant::now() + Duration::from_secs(1));
        stop.cancel();
        task.await.unwrap();
        assert_eq!(*log.lock().unwrap(), [(0, "slow", '+'), (10, "slow", '-')]);
    }
}
