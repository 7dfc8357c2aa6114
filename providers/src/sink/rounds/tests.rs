use std::collections::BTreeSet;
use std::sync::Weak;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

use super::*;

/// How long a list takes.
const TAKES: Duration = Duration::from_secs(1);
/// What a caller gets that asks alone: the list after the pause.
const ALONE: Duration = Duration::from_millis(1_050);

/// What a list said.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    number: usize,
    who: BTreeSet<u32>,
    deadline: Instant,
    /// What was written when it began.
    written: BTreeSet<u32>,
}

/// A store whose list tells what there was when it began.
#[derive(Clone)]
struct Store {
    rounds: Rounds<u32, Seen>,
    lists: Arc<AtomicUsize>,
    under_way: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
    /// The next lists fail, hang or panic.
    script: Arc<Mutex<Vec<Fate>>>,
    written: Arc<Mutex<BTreeSet<u32>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fails,
    Hangs,
    Panics,
}

/// Counts the lists that ended, however they did.
struct End(Store);

impl Drop for End {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Store {
    fn new() -> Self {
        Self {
            rounds: Rounds::new("List"),
            lists: Arc::default(),
            under_way: Arc::default(),
            ended: Arc::default(),
            script: Arc::default(),
            written: Arc::default(),
        }
    }

    fn scripted(script: &[Fate]) -> Self {
        let store = Self::new();
        *store.script.lock().unwrap() = script.to_vec();
        store
    }

    async fn ask(&self, who: u32, deadline: Instant) -> Answer<Seen> {
        let store = self.clone();
        self.rounds
            .share(&who, deadline, |who, deadline| store.list(who, deadline))
            .await
    }

    async fn list(self, who: HashSet<u32>, deadline: Instant) -> Result<Seen, Error> {
        let number = self.lists.fetch_add(1, Ordering::SeqCst) + 1;
        let others = self.under_way.fetch_add(1, Ordering::SeqCst);
        let end = End(self);
        let store = &end.0;
        assert_eq!(others, 0, "two lists at once");
        let written = store.written.lock().unwrap().clone();
        let fate = {
            let mut script = store.script.lock().unwrap();
            (!script.is_empty()).then(|| script.remove(0))
        };
        assert!(fate != Some(Fate::Panics), "as the script says");
        if fate == Some(Fate::Hangs) {
            std::future::pending::<()>().await;
        }
        sleep(TAKES).await;
        if fate == Some(Fate::Fails) {
            return Err(Error::new(ErrorKind::Denied, "no"));
        }
        Ok(Seen {
            number,
            who: who.into_iter().collect(),
            deadline,
            written,
        })
    }

    fn asked(&self, who: u32, deadline: Instant) -> JoinHandle<Answer<Seen>> {
        let store = self.clone();
        tokio::spawn(async move { store.ask(who, deadline).await })
    }

    fn lists(&self) -> usize {
        self.lists.load(Ordering::SeqCst)
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Everything that can go on now does.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn pass(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds)).await;
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn who_asks_at_the_same_time_shares_one_list() {
    let (store, began) = (Store::new(), Instant::now());
    let mut asked = JoinSet::new();
    for who in 0..10 {
        let store = store.clone();
        asked.spawn(async move { store.ask(who, soon()).await.unwrap() });
    }
    let seen = asked.join_all().await;
    assert_eq!(began.elapsed(), ALONE);
    assert_eq!(store.lists(), 1);
    assert!(seen.iter().all(|it| Arc::ptr_eq(it, &seen[0])));
    assert_eq!(seen[0].who, (0..10).collect());
}

#[tokio::test(start_paused = true)]
async fn who_comes_later_shares_the_next_list() {
    let store = Store::new();
    let first = store.asked(0, soon());
    pass(500).await;
    assert_eq!(store.lists(), 1);
    let second = store.asked(1, soon());
    pass(400).await;
    let third = store.asked(2, soon());
    let (first, second, third) = tokio::join!(first, second, third);
    let numbers = [first, second, third].map(|answer| answer.unwrap().unwrap().number);
    assert_eq!(numbers, [1, 2, 2]);
    assert_eq!(store.lists(), 2);
    // Nobody waits: it begins anew.
    assert_eq!(store.ask(3, soon()).await.unwrap().number, 3);
}

#[tokio::test(start_paused = true)]
async fn a_list_waits_for_those_who_come_together_and_not_for_ever() {
    let (store, began) = (Store::new(), Instant::now());
    let mut asked = JoinSet::new();
    for who in 0..20 {
        let store = store.clone();
        asked.spawn(async move {
            sleep(Duration::from_millis(40) * who).await;
            store.ask(who, soon()).await.unwrap()
        });
    }
    let first = asked.join_next().await.unwrap().unwrap();
    assert_eq!(began.elapsed(), LONGEST + TAKES);
    assert_eq!(first.who, (0..7).collect());
    let last = asked.join_all().await;
    assert!(last.iter().any(|seen| seen.number == 2));
    assert_eq!(store.lists(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_is_in_every_answer() {
    let store = Store::new();
    let mut asked = JoinSet::new();
    for who in 0..200_u32 {
        let store = store.clone();
        asked.spawn(async move {
            // Whenever it comes: a time that is no multiple of a list's.
            sleep(Duration::from_millis(u64::from(who * 7_919 % 9_973))).await;
            store.written.lock().unwrap().insert(who);
            let before = store.lists();
            let seen = store.ask(who, soon()).await.unwrap();
            assert!(seen.written.contains(&who), "{who}");
            assert!(seen.who.contains(&who), "{who}");
            assert!(seen.number > before, "{who}");
        });
    }
    asked.join_all().await;
    assert!(store.lists() <= 11, "{}", store.lists());
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_takes_the_list_from_nobody() {
    let (store, began) = (Store::new(), Instant::now());
    let first = store.asked(0, soon());
    let second = store.asked(1, soon());
    let third = store.asked(2, soon());
    pass(20).await;
    // One before it begins, and one while it is under way: the one by whom it began.
    second.abort();
    pass(500).await;
    first.abort();
    assert_eq!(third.await.unwrap().unwrap().number, 1);
    assert_eq!(began.elapsed(), ALONE);
    assert_eq!(store.lists(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_nobody_waits_for_ends() {
    let store = Store::scripted(&[Fate::Hangs]);
    let first = store.asked(0, soon());
    pass(500).await;
    let next = store.asked(1, soon());
    pass(500).await;
    assert_eq!((store.lists(), store.ended.load(Ordering::SeqCst)), (1, 0));
    let began = Instant::now();
    first.abort();
    assert_eq!(next.await.unwrap().unwrap().number, 2);
    // It has waited for others long enough.
    assert_eq!(began.elapsed(), TAKES);
    // And one that nobody waits for any more before it begins is not asked for.
    let given_up = store.asked(2, soon());
    pass(10).await;
    given_up.abort();
    pass(5_000).await;
    assert_eq!(store.lists(), 2);
    assert_eq!(store.ask(3, soon()).await.unwrap().number, 3);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_the_callers_own() {
    let (store, began) = (Store::new(), Instant::now());
    let short = began + Duration::from_millis(700);
    let long = began + Duration::from_secs(9);
    let (hurried, patient) = (store.asked(0, short), store.asked(1, long));
    let error = hurried.await.unwrap().unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_millis(700));
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.message, "List did not answer in time");
    let seen = patient.await.unwrap().unwrap();
    assert_eq!((seen.number, seen.deadline), (1, long));
    assert_eq!(began.elapsed(), ALONE);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_hangs_ends_with_the_last_deadline_and_the_next_one_begins() {
    let (store, began) = (Store::scripted(&[Fate::Hangs]), Instant::now());
    let at = |seconds| began + Duration::from_secs(seconds);
    let first = store.asked(0, at(3));
    let second = store.asked(1, at(5));
    pass(1_000).await;
    // One that waits for its turn is not held up beyond its deadline, and one that has time gets its list.
    let hurried = store.asked(2, at(4));
    let patient = store.asked(3, at(60));
    for (asked, ends) in [(first, 3), (hurried, 4), (second, 5)] {
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert_eq!(Instant::now(), at(ends));
    }
    assert_eq!(patient.await.unwrap().unwrap().number, 2);
    assert_eq!(Instant::now(), at(5) + TAKES);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_of_those_who_shared_it_and_of_nobody_else() {
    let store = Store::scripted(&[Fate::Fails]);
    let (first, second) = (store.asked(0, soon()), store.asked(1, soon()));
    pass(500).await;
    let later = store.asked(2, soon());
    for asked in [first, second] {
        assert_eq!(asked.await.unwrap().unwrap_err().kind, ErrorKind::Denied);
    }
    assert_eq!(later.await.unwrap().unwrap().number, 2);
    assert_eq!(store.ask(0, soon()).await.unwrap().number, 3);
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_a_list_holds_up_nobody() {
    let store = Store::scripted(&[Fate::Panics]);
    let began = Instant::now();
    let (first, second) = (store.asked(0, soon()), store.asked(1, soon()));
    for asked in [first, second] {
        let error = asked.await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
    }
    assert_eq!(began.elapsed(), QUIET);
    assert_eq!(store.ask(2, soon()).await.unwrap().number, 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_once_everybody_has_the_answer() {
    let store = Store::new();
    let (first, second) = (store.asked(0, soon()), store.asked(1, soon()));
    let first = first.await.unwrap().unwrap();
    let weak: Weak<Seen> = Arc::downgrade(&first);
    drop(first);
    let second = second.await.unwrap().unwrap();
    settle().await;
    assert_eq!(Arc::strong_count(&second), 1);
    drop(second);
    assert!(weak.upgrade().is_none());
    assert!(store.rounds.lock().is_none());
    assert_eq!(store.rounds.turn.available_permits(), 1);
    // Nor where nobody took it.
    let given_up = store.asked(2, soon());
    pass(500).await;
    given_up.abort();
    settle().await;
    assert_eq!(store.ended.load(Ordering::SeqCst), 2);
    assert_eq!(store.rounds.turn.available_permits(), 1);
}
