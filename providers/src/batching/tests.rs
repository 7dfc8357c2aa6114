//! What leaves when, against a source that records its calls, on a clock that stands still.

use std::collections::HashSet;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};

use super::*;
use crate::{SecretBytes, VersionToken};

/// How long a call to the fake takes.
const LATENCY: Duration = Duration::from_millis(50);

/// What one call does, by its number.
enum Act {
    Answer,
    AnswerAfter(Duration),
    Fail(ErrorKind),
    Short(usize),
    Hang,
    Panic,
}

type Script = dyn Fn(usize, &[String]) -> Act + Send + Sync;

struct Fake {
    limit: AtomicUsize,
    calls: Mutex<Vec<(Instant, Vec<String>)>>,
    act: Box<Script>,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    fn lane(
        limit: usize,
        act: impl Fn(usize, &[String]) -> Act + Send + Sync + 'static,
    ) -> (Lane, Arc<Self>) {
        let fake = Arc::new(Self {
            limit: limit.into(),
            calls: Mutex::default(),
            act: Box::new(act),
        });
        // Fixed here, so that the defaults can follow what is measured.
        let options = LaneOptions {
            eager: 4,
            gather: Duration::from_millis(100),
            ..LaneOptions::default()
        };
        (Lane::new(fake.clone(), options), fake)
    }

    /// Books the call and says what to do.
    fn called(&self, what: Vec<String>) -> Act {
        let mut calls = self.calls.lock().unwrap();
        calls.push((Instant::now(), what));
        let (_, what) = &calls[calls.len() - 1];
        (self.act)(calls.len() - 1, what)
    }

    fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    fn sizes(&self) -> Vec<usize> {
        self.calls
            .lock()
            .unwrap()
            .iter()
            .map(|(_, what)| what.len())
            .collect()
    }

    /// When each call left, in milliseconds after the first.
    fn times(&self) -> Vec<u128> {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .map(|(at, _)| at.duration_since(calls[0].0).as_millis())
            .collect()
    }
}

fn answer(path: &str, call: usize) -> Entry {
    Entry {
        value: SecretBytes::from(format!("value of {path}")),
        version: VersionToken(call.to_string()),
        secret: true,
    }
}

#[async_trait]
impl Source for Fake {
    fn batch_limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    fn batches(&self, want: &EntryRef) -> bool {
        want.version.is_none()
    }

    async fn read(&self, wants: &[EntryRef], _: Instant) -> Vec<Result<Entry, Error>> {
        let act = self.called(wants.iter().map(ToString::to_string).collect());
        let number = self.count();
        let answers = wants.iter().map(|want| Ok(answer(&want.path, number)));
        match act {
            Act::Answer => sleep(LATENCY).await,
            Act::AnswerAfter(delay) => sleep(delay).await,
            Act::Fail(kind) => {
                sleep(LATENCY).await;
                return wants
                    .iter()
                    .map(|_| Err(Error::new(kind, "as told")))
                    .collect();
            }
            Act::Short(count) => return answers.take(count).collect(),
            Act::Hang => pending().await,
            Act::Panic => panic!("as told"),
        }
        answers.collect()
    }

    async fn list(&self, prefix: &Prefix, _: Instant) -> Result<Vec<Listed>, Error> {
        match self.called(vec![prefix.to_string()]) {
            Act::Fail(kind) => return Err(Error::new(kind, "as told")),
            Act::Hang => pending().await,
            Act::Panic => panic!("as told"),
            Act::AnswerAfter(delay) => sleep(delay).await,
            Act::Answer | Act::Short(_) => sleep(LATENCY).await,
        }
        Ok(vec![Listed {
            path: format!("{}/x", prefix.base),
            entry: None,
        }])
    }
}

fn want(path: impl ToString) -> EntryRef {
    EntryRef {
        path: path.to_string(),
        version: None,
    }
}

fn versioned(path: impl ToString, version: &str) -> EntryRef {
    EntryRef {
        version: Some(version.into()),
        ..want(path)
    }
}

fn kind(outcome: &Outcome<Entry>) -> Option<ErrorKind> {
    outcome.result.as_ref().err().map(|error| error.kind)
}

/// Asks for all of them at once, each in a task of its own.
async fn ask_all(
    lane: &Lane,
    wants: impl IntoIterator<Item = EntryRef>,
) -> Vec<(EntryRef, Arc<Outcome<Entry>>)> {
    let mut tasks = JoinSet::new();
    let now = Instant::now();
    for want in wants {
        let lane = lane.clone();
        tasks.spawn(async move {
            let outcome = lane.read(&want, now).await;
            (want, outcome)
        });
    }
    tasks.join_all().await
}

/// Lets everything that is ready run, without time passing.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lone_request_leaves_at_once() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let asked = Instant::now();
    let outcome = lane.read(&want("a"), asked).await;
    assert_eq!(outcome.started, asked);
    assert_eq!(asked.elapsed(), LATENCY);
    assert_eq!(outcome.result, Ok(answer("a", 1)));
    assert_eq!(fake.sizes(), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_who_want_the_same_are_one_call() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let answers = ask_all(&lane, (0..100).map(|_| want("a"))).await;
    assert!(
        answers
            .iter()
            .all(|(_, outcome)| outcome.result == Ok(answer("a", 1)))
    );
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_who_want_different_things_are_a_few_batches() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let asked = Instant::now();
    let answers = ask_all(&lane, (0..100).map(want)).await;
    assert!(answers.iter().all(|(want, outcome)| {
        outcome
            .result
            .as_ref()
            .is_ok_and(|entry| entry.value == answer(&want.path, 0).value)
    }));
    assert_eq!(fake.sizes(), [20; 5]);
    assert!(asked.elapsed() <= LATENCY * 2, "{:?}", asked.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_arrives_while_calls_are_under_way_goes_together_when_one_ends() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let mut tasks = JoinSet::new();
    for number in 0..16 {
        let lane = lane.clone();
        tasks.spawn(async move { lane.read(&want(number), Instant::now()).await });
        advance(Duration::from_millis(1)).await;
        settle().await;
    }
    tasks.join_all().await;
    assert_eq!(fake.sizes(), [1, 1, 1, 1, 12]);
    assert_eq!(fake.times()[4], LATENCY.as_millis());
}

#[tokio::test(start_paused = true)]
async fn nobody_gathers_longer_than_a_tenth_of_a_second() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::AnswerAfter(Duration::from_secs(5)));
    let mut tasks = JoinSet::new();
    for number in 0..7 {
        let lane = lane.clone();
        tasks.spawn(async move { lane.read(&want(number), Instant::now()).await });
        settle().await;
    }
    tasks.join_all().await;
    assert_eq!(fake.sizes(), [1, 1, 1, 1, 3]);
    assert_eq!(fake.times()[4], 100);
}

#[tokio::test(start_paused = true)]
async fn calls_under_way_are_bounded() {
    let slow = |_: usize, _: &[String]| Act::AnswerAfter(Duration::from_secs(1));
    for (limit, most) in [(20, MAX_BATCHES), (1, MAX_SINGLES)] {
        let (lane, fake) = Fake::lane(limit, slow);
        let waiting = tokio::spawn(async move { ask_all(&lane, (0..1000).map(want)).await });
        sleep(Duration::from_millis(900)).await;
        assert_eq!(fake.count(), most);
        waiting.await.unwrap();
        assert_eq!(fake.count(), 1000_usize.div_ceil(limit));
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_without_batches_gathers_nothing() {
    let (lane, fake) = Fake::lane(1, |_, _| Act::Answer);
    ask_all(&lane, (0..64).map(want)).await;
    assert_eq!(fake.sizes(), [1; 64]);
    assert!(fake.times().iter().all(|after| *after == 0));
}

#[tokio::test(start_paused = true)]
async fn versions_do_not_travel_with_others() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let wants = (0..5)
        .map(want)
        .chain((0..5).map(|number| versioned(number, "old")));
    ask_all(&lane, wants).await;
    let mut sizes = fake.sizes();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 1, 1, 1, 1, 5]);
    assert!(fake.times().iter().all(|after| *after == 0));
}

#[tokio::test(start_paused = true)]
async fn slow_listings_do_not_make_reads_gather() {
    let (lane, fake) = Fake::lane(20, |_, what| {
        if what[0].ends_with("**") {
            Act::AnswerAfter(Duration::from_secs(5))
        } else {
            Act::Answer
        }
    });
    for number in 0..8 {
        let lane = lane.clone();
        tokio::spawn(async move {
            lane.list(
                &Prefix {
                    base: format!("p{number}"),
                },
                Instant::now(),
            )
            .await
        });
    }
    settle().await;
    let asked = Instant::now();
    lane.read(&want("a"), asked).await;
    assert_eq!((asked.elapsed(), fake.count()), (LATENCY, 9));
}

#[tokio::test(start_paused = true)]
async fn versions_of_one_entry_are_different_reads() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    ask_all(
        &lane,
        [
            want("a"),
            versioned("a", "1"),
            versioned("a", "2"),
            versioned("a", "1"),
        ],
    )
    .await;
    assert_eq!(fake.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_value_serves_whoever_asks_within_five_seconds_of_the_reads_start() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let first = lane.read(&want("a"), Instant::now()).await;
    advance(Duration::from_millis(4900)).await;
    let second = lane.read(&want("a"), first.started).await;
    assert_eq!((second.started, fake.count()), (first.started, 1));
    advance(Duration::from_millis(60)).await;
    lane.read(&want("a"), first.started).await;
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_dropped_when_its_time_is_over() {
    let (lane, _fake) = Fake::lane(20, |_, _| Act::Answer);
    let outcome = Arc::downgrade(&lane.read(&want("a"), Instant::now()).await);
    let listed = Arc::downgrade(
        &lane
            .list(&Prefix { base: "p".into() }, Instant::now())
            .await,
    );
    advance(Duration::from_millis(4500)).await;
    settle().await;
    assert!(outcome.strong_count() == 1 && listed.strong_count() == 1);
    advance(Duration::from_secs(1)).await;
    settle().await;
    assert!(outcome.strong_count() == 0 && listed.strong_count() == 0);
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_is_gone_keeps_nothing() {
    let (lane, _fake) = Fake::lane(20, |_, _| Act::Answer);
    let outcome = Arc::downgrade(&lane.read(&want("a"), Instant::now()).await);
    settle().await;
    drop(lane);
    assert_eq!(outcome.strong_count(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_needs_a_younger_value_gets_one() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let first = lane.read(&want("a"), Instant::now()).await;
    let needed = first.started + Duration::from_millis(1);
    let second = lane.read(&want("a"), needed).await;
    assert!(second.started >= needed);
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_read_under_way_is_joined_only_if_it_is_young_enough() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::AnswerAfter(Duration::from_secs(1)));
    let (one, two) = (lane.clone(), lane.clone());
    let first = tokio::spawn(async move { one.read(&want("a"), Instant::now()).await });
    settle().await;
    advance(Duration::from_millis(500)).await;
    let needed = Instant::now();
    let younger = tokio::spawn(async move { two.read(&want("a"), needed).await });
    settle().await;
    let joined = lane
        .read(&want("a"), needed - Duration::from_millis(500))
        .await;
    assert_eq!(joined.started, first.await.unwrap().started);
    assert!(younger.await.unwrap().started >= needed);
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_time_to_come_counts_as_now() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    lane.read(&want("a"), Instant::now() + Duration::from_secs(3600))
        .await;
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_but_not_kept() {
    let (lane, fake) = Fake::lane(20, |number, _| {
        if number == 0 {
            Act::Fail(ErrorKind::NotFound)
        } else {
            Act::Answer
        }
    });
    let now = Instant::now();
    let answers = ask_all(&lane, [want("a"), want("a")]).await;
    assert!(
        answers
            .iter()
            .all(|(_, outcome)| kind(outcome) == Some(ErrorKind::NotFound))
    );
    assert!(lane.read(&want("a"), now).await.result.is_ok());
    assert_eq!(fake.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up_at_the_deadline_and_delays_nobody_else() {
    let (lane, fake) = Fake::lane(20, |_, what| {
        if what == ["hangs"] {
            Act::Hang
        } else {
            Act::Answer
        }
    });
    let other = lane.clone();
    let asked = Instant::now();
    let hangs = tokio::spawn(async move { other.read(&want("hangs"), asked).await });
    settle().await;
    lane.read(&want("a"), asked).await;
    assert_eq!(asked.elapsed(), LATENCY);
    let outcome = hangs.await.unwrap();
    assert!(asked.elapsed() <= Duration::from_secs(10) + GRACE + Duration::from_millis(1));
    let error = outcome.result.as_ref().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert_eq!(error.to_string(), "the store did not answer within 10 s");
    assert!(lane.read(&want("b"), Instant::now()).await.result.is_ok());
    assert_eq!(fake.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_fault_in_the_source_fails_its_callers_and_not_the_lane() {
    let (lane, _fake) = Fake::lane(
        20,
        |number, _| if number < 2 { Act::Panic } else { Act::Answer },
    );
    let prefix = Prefix { base: "p".into() };
    assert_eq!(
        kind(&*lane.read(&want("a"), Instant::now()).await),
        Some(ErrorKind::Unavailable)
    );
    let listed = lane.list(&prefix, Instant::now()).await;
    let sentence = listed.result.as_ref().unwrap_err().to_string();
    assert!(
        sentence.contains("fault of this program") && !sentence.contains("as told"),
        "{sentence}"
    );
    assert!(lane.read(&want("a"), Instant::now()).await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_wrong_length_fails_what_is_missing() {
    let (lane, _fake) = Fake::lane(20, |_, _| Act::Short(2));
    let answers = ask_all(&lane, (0..5).map(want)).await;
    let failed = answers
        .iter()
        .filter(|(_, outcome)| kind(outcome) == Some(ErrorKind::Unavailable));
    assert_eq!(failed.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_cancels_nothing_for_the_others() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let now = Instant::now();
    let stays = lane.clone();
    let stays = tokio::spawn(async move { stays.read(&want("a"), now).await });
    let leaves = lane.clone();
    let leaves = tokio::spawn(async move { leaves.read(&want("a"), now).await });
    settle().await;
    leaves.abort();
    assert!(stays.await.unwrap().result.is_ok());
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_waits_for_any_more_is_not_asked() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::AnswerAfter(Duration::from_secs(1)));
    let mut tasks = JoinSet::new();
    for number in 0..5 {
        let lane = lane.clone();
        tasks.spawn(async move { lane.read(&want(number), Instant::now()).await });
        settle().await;
    }
    tasks.shutdown().await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(
        fake.sizes(),
        [1, 1, 1, 1],
        "the fifth was queued when its caller left"
    );
    assert!(lane.read(&want(4), Instant::now()).await.result.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_call_pauses_the_lane_and_requests_gather() {
    let throttled = ErrorKind::Throttled { after: None };
    let (lane, fake) = Fake::lane(20, move |number, _| {
        if number == 0 {
            Act::Fail(throttled)
        } else {
            Act::Answer
        }
    });
    assert_eq!(
        kind(&*lane.read(&want("a"), Instant::now()).await),
        Some(throttled)
    );
    let answers = ask_all(&lane, (0..10).map(want)).await;
    assert!(answers.iter().all(|(_, outcome)| outcome.result.is_ok()));
    assert_eq!(fake.sizes(), [1, 10]);
    assert_eq!(fake.times()[1], 1000 + LATENCY.as_millis());
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_for_a_throttled_store_fails_at_once() {
    let long = ErrorKind::Throttled {
        after: Some(Duration::from_secs(20)),
    };
    // The first four calls fill the lane, so that the others are queued when the pause begins.
    let (lane, fake) = Fake::lane(20, move |number, _| {
        if number < 4 {
            Act::Fail(long)
        } else {
            Act::Answer
        }
    });
    let mut tasks = JoinSet::new();
    for number in 0..6 {
        let lane = lane.clone();
        tasks.spawn(async move { lane.read(&want(number), Instant::now()).await });
        settle().await;
    }
    let asked = Instant::now();
    let queued = tasks.join_all().await;
    assert!(
        queued
            .iter()
            .all(|outcome| matches!(kind(outcome), Some(ErrorKind::Throttled { after: Some(_) })))
    );
    assert_eq!(asked.elapsed(), LATENCY);
    assert_eq!(fake.count(), 4);

    advance(Duration::from_secs(10)).await;
    let refused = lane.read(&want("b"), Instant::now()).await;
    assert_eq!(
        kind(&refused),
        Some(ErrorKind::Throttled {
            after: Some(Duration::from_secs(10))
        })
    );
    advance(Duration::from_secs(6)).await;
    assert!(
        lane.read(&want("b"), Instant::now()).await.result.is_ok(),
        "four seconds are worth waiting for"
    );
    assert_eq!(fake.times()[4], 20_000 + LATENCY.as_millis());
}

#[tokio::test(start_paused = true)]
async fn one_throttled_item_of_many_pauses_nothing() {
    let results = [
        Ok(()),
        Err(Error::new(ErrorKind::Throttled { after: None }, "")),
    ];
    assert_eq!(throttled(&results), None);
    assert_eq!(throttled(&results[1..]), Some(None));
    assert_eq!(throttled::<()>(&[]), None);
}

#[tokio::test(start_paused = true)]
async fn lists_are_single_flight_too() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    let mut tasks = JoinSet::new();
    let now = Instant::now();
    for number in 0..30 {
        let lane = lane.clone();
        let prefix = Prefix {
            base: format!("p{}", number % 3),
        };
        tasks.spawn(async move { lane.list(&prefix, now).await });
    }
    let answers = tasks.join_all().await;
    let paths: HashSet<_> = answers
        .iter()
        .flat_map(|outcome| outcome.result.as_ref().unwrap())
        .map(|listed| &listed.path)
        .collect();
    assert_eq!(paths.len(), 3);
    assert_eq!(fake.count(), 3);
    lane.list(&Prefix { base: "p0".into() }, now).await;
    assert_eq!(fake.count(), 3, "kept");
    sleep(Duration::from_secs(5)).await;
    lane.list(&Prefix { base: "p0".into() }, now).await;
    assert_eq!(fake.count(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_lost_its_batches_is_asked_one_by_one() {
    let (lane, fake) = Fake::lane(20, |_, _| Act::Answer);
    ask_all(&lane, (0..20).map(want)).await;
    fake.limit.store(1, Ordering::Relaxed);
    ask_all(&lane, (20..40).map(want)).await;
    assert_eq!(fake.sizes(), [vec![20], vec![1; 20]].concat());
}

#[tokio::test(start_paused = true)]
async fn whatever_the_source_does_everyone_is_answered_and_nothing_is_left_behind() {
    let (lane, _fake) = Fake::lane(20, |number, _| match number % 11 {
        0 => Act::Panic,
        1 => Act::Hang,
        2 => Act::Short(1),
        3 => Act::Fail(ErrorKind::Throttled { after: None }),
        4 => Act::Fail(ErrorKind::Throttled {
            after: Some(Duration::from_secs(7)),
        }),
        5 => Act::Fail(ErrorKind::Denied),
        6 => Act::AnswerAfter(Duration::from_secs(8)),
        _ => Act::Answer,
    });
    let mut tasks = JoinSet::new();
    for number in 0..3_000_u64 {
        let lane = lane.clone();
        tasks.spawn(async move {
            // Over a minute, in no order that repeats.
            sleep(Duration::from_millis(number * 7919 % 60_000)).await;
            let not_before = Instant::now() - Duration::from_millis(number % 7 * 1000);
            match number % 5 {
                0 => drop(
                    lane.list(
                        &Prefix {
                            base: (number % 30).to_string(),
                        },
                        not_before,
                    )
                    .await,
                ),
                1 => drop(lane.read(&versioned(number % 200, "1"), not_before).await),
                2 => {
                    let want = want(number % 100);
                    let impatient = lane.read(&want, not_before);
                    let _ = tokio::time::timeout(Duration::from_millis(60), impatient).await;
                }
                _ => drop(lane.read(&want(number % 300), not_before).await),
            }
        });
    }
    let asked = Instant::now();
    tasks.join_all().await;
    assert!(
        asked.elapsed() < Duration::from_secs(600),
        "{:?}",
        asked.elapsed()
    );
    sleep(Duration::from_secs(60)).await;
    let state = lane.inner.lock();
    let left = format!(
        "{:?} {:?} {:?} {:?}",
        state.reads, state.lists, state.queue, state.in_flight
    );
    assert_eq!(
        left,
        "Board { open: 0, kept: 0 } Board { open: 0, kept: 0 } Queue { alone: [], together: [] } \
         InFlight { all: 0, batches: 0 }"
    );
    assert!(!state.waking && state.alarm.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_printed_of_a_lane_and_an_outcome_has_no_value() {
    let (lane, _fake) = Fake::lane(20, |_, _| Act::Answer);
    let outcome = lane.read(&want("a"), Instant::now()).await;
    assert!(!format!("{lane:?} {outcome:?}").contains("value of"));
}
