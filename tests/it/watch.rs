//! The watch against an API server that says what a real one says only at bad times.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use jasm::metrics::Metrics;
use jasm::pull::index::{Event, Index};
use jasm::pull::pods::Pods;
use jasm::watch::Watch;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::older::{BEFORE_1_27, GATE_OFF, refuse};

/// Answers in the order in which they are asked for; after the last one it hangs.
struct Script {
    answers: Vec<Answer>,
    asked: Vec<String>,
}

enum Answer {
    /// With status 200, and then the end.
    Says(String),
    /// The refusal to stream a list, for this reason.
    Refuses(&'static str),
}

type Shared = Arc<Mutex<Script>>;

async fn answer(
    State(script): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
) -> Response {
    let get = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let asked = match (get("watch"), get("sendInitialEvents"), get("continue")) {
        (Some(_), Some(_), _) => {
            assert_eq!(
                (get("resourceVersion"), get("resourceVersionMatch")),
                (None, Some("NotOlderThan".to_owned()))
            );
            "stream".to_owned()
        }
        (Some(_), None, _) => format!("watch {}", get("resourceVersion").unwrap()),
        (None, _, Some(token)) => format!("list {token}"),
        (None, _, None) => "list".to_owned(),
    };
    let next = {
        let mut script = script.lock().unwrap();
        script.asked.push(asked);
        (!script.answers.is_empty()).then(|| script.answers.remove(0))
    };
    match next {
        Some(Answer::Says(text)) => text.into_response(),
        Some(Answer::Refuses(why)) => refuse(why),
        None => std::future::pending().await,
    }
}

fn pod(name: &str, version: u32) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": version.to_string(),
        "annotations": {"jasm.codnod.io/secret.s": "local:a"}}, "status": {"phase": "Pending"}})
}

fn list(version: u32, more: Option<&str>, items: &[Value]) -> Answer {
    let list = json!({"kind": "PodList", "metadata": {"resourceVersion": version.to_string(), "continue": more}, "items": items});
    Answer::Says(list.to_string())
}

fn text(events: &[(&str, Value)]) -> String {
    events
        .iter()
        .map(|(kind, object)| format!("{}\n", json!({"type": kind, "object": object})))
        .collect()
}

fn lines(events: &[(&str, Value)]) -> Answer {
    Answer::Says(text(events))
}

/// A list as it is streamed: these are there, as of this version.
fn streamed(version: u32, items: &[Value]) -> Vec<(&'static str, Value)> {
    let mut events: Vec<_> = items.iter().map(|item| ("ADDED", item.clone())).collect();
    events.push(end(version));
    events
}

fn end(version: u32) -> (&'static str, Value) {
    let annotations = json!({"k8s.io/initial-events-end": "true"});
    let metadata = json!({"resourceVersion": version.to_string(), "annotations": annotations});
    (
        "BOOKMARK",
        json!({"kind": "Pod", "apiVersion": "v1", "metadata": metadata}),
    )
}

fn bookmark(version: u32) -> (&'static str, Value) {
    let metadata = json!({"resourceVersion": version.to_string()});
    ("BOOKMARK", json!({"metadata": metadata}))
}

fn expired() -> (&'static str, Value) {
    (
        "ERROR",
        json!({"kind": "Status", "code": 410, "reason": "Expired"}),
    )
}

/// What came of a script.
struct Outcome {
    asked: Vec<String>,
    /// What was handed over, in short.
    events: Vec<String>,
    index: Index,
    metrics: String,
}

impl Outcome {
    /// The uids of these pods that the index knows, of `a` to `h`.
    fn pods(&self) -> String {
        // An index knows pods by what they ask for.
        let target = self.index.keys().into_iter().next().unwrap();
        let jasm::pull::index::Key::Target(target) = target else {
            panic!("pods that ask for nothing good");
        };
        let requesters = self.index.requesters(&target);
        let mut names: Vec<_> = requesters
            .iter()
            .map(|requester| requester.pod.pod.name.clone())
            .collect();
        names.sort();
        names.concat()
    }
}

/// Runs the watch against the script until it asked for `last`.
async fn run(answers: Vec<Answer>, last: &str) -> Outcome {
    crate::support::cluster::provider();
    let script: Shared = Arc::new(Mutex::new(Script {
        answers,
        asked: Vec::new(),
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
    let (out, mut received) = mpsc::unbounded_channel();
    let metrics = Metrics::new();
    let watch = Watch::new(Pods, out, metrics.clone());
    let watch = tokio::spawn(async move { watch.run(&client).await });
    crate::support::eventually(&format!("the watch asks for {last}"), || async {
        script
            .lock()
            .unwrap()
            .asked
            .iter()
            .any(|asked| asked == last)
            .then_some(())
    })
    .await;
    watch.abort();
    let (mut index, mut events) = (Index::default(), Vec::new());
    while let Ok((event, at)) = received.try_recv() {
        events.push(match &event {
            Event::Listing => "listing".to_owned(),
            Event::Listed(pod) => format!("listed {}", pod.name),
            Event::InSync => "in sync".to_owned(),
            Event::Applied(pod) => format!("applied {}", pod.name),
            Event::Gone(uid) => format!("gone {uid}"),
        });
        index.take(event, at);
    }
    let asked = script.lock().unwrap().asked.clone();
    Outcome {
        asked,
        events,
        index,
        metrics: metrics.encode(),
    }
}

/// The same with a server that streams no lists.
async fn run_paged(mut answers: Vec<Answer>, last: &str) -> Outcome {
    answers.insert(0, Answer::Refuses(GATE_OFF));
    run(answers, last).await
}

#[tokio::test]
async fn a_streamed_list_goes_on_as_the_watch() {
    let mut events = streamed(10, &[pod("a", 1), pod("b", 2)]);
    events.extend([("ADDED", pod("c", 11)), ("DELETED", pod("a", 12))]);
    let outcome = run(vec![lines(&events)], "watch 12").await;
    assert_eq!(outcome.asked, ["stream", "watch 12"]);
    assert_eq!(
        outcome.events,
        [
            "listing",
            "listed a",
            "listed b",
            "in sync",
            "applied c",
            "gone a"
        ]
    );
    assert_eq!(outcome.pods(), "bc");
    let counted = "jasm_watch_events_total{resource=\"pods\"} 2";
    assert!(outcome.metrics.contains(counted), "{}", outcome.metrics);
}

#[tokio::test]
async fn what_happens_while_the_list_is_streamed_is_not_lost() {
    let mut events = vec![
        ("ADDED", pod("a", 1)),
        ("ADDED", pod("b", 2)),
        ("ADDED", pod("c", 3)),
        ("ADDED", pod("fresh", 11)),
        ("MODIFIED", pod("a", 12)),
        ("DELETED", pod("b", 13)),
    ];
    events.push(end(13));
    let outcome = run(vec![lines(&events)], "watch 13").await;
    assert_eq!(outcome.events.last().unwrap(), "in sync");
    assert_eq!(outcome.pods(), "acfresh");
}

#[tokio::test]
async fn an_empty_stream_is_in_sync() {
    let outcome = run(vec![lines(&streamed(1, &[]))], "watch 1").await;
    assert_eq!(outcome.events, ["listing", "in sync"]);
    assert!(outcome.index.in_sync());
}

#[tokio::test]
async fn a_stream_that_breaks_off_in_the_middle_begins_again_and_was_never_in_sync() {
    let whole = streamed(10, &[pod("a", 1), pod("b", 2)]);
    // In the middle of a line.
    let cut = text(&[("ADDED", pod("gone", 1)), ("ADDED", pod("a", 1))])[..300].to_owned();
    let outcome = run(vec![Answer::Says(cut), lines(&whole)], "watch 10").await;
    assert_eq!(outcome.asked, ["stream", "stream", "watch 10"]);
    assert_eq!(
        outcome.events,
        [
            "listing",
            "listed gone",
            "listing",
            "listed a",
            "listed b",
            "in sync"
        ]
    );
    assert_eq!(outcome.pods(), "ab");
}

#[tokio::test]
async fn where_streams_break_off_the_list_comes_by_pages() {
    let answers = vec![
        lines(&[("ADDED", pod("a", 1))]),
        lines(&[
            ("ADDED", pod("a", 1)),
            (
                "ERROR",
                json!({"kind": "Status", "code": 504, "reason": "Timeout"}),
            ),
        ]),
        list(10, None, &[pod("b", 2)]),
        lines(&[expired()]),
        list(20, None, &[pod("b", 2)]),
    ];
    let outcome = run(answers, "watch 20").await;
    assert_eq!(
        outcome.asked,
        ["stream", "stream", "list", "watch 10", "list", "watch 20"]
    );
    assert_eq!(outcome.pods(), "b");
}

#[tokio::test]
async fn a_server_that_cannot_stream_lists_by_pages_and_is_not_asked_again() {
    for why in [GATE_OFF, BEFORE_1_27] {
        let answers = vec![
            Answer::Refuses(why),
            list(10, Some("2"), &[pod("a", 1)]),
            list(10, None, &[pod("b", 2)]),
            lines(&[expired()]),
            list(20, None, &[pod("b", 2)]),
        ];
        let outcome = run(answers, "watch 20").await;
        assert_eq!(
            outcome.asked,
            ["stream", "list", "list 2", "watch 10", "list", "watch 20"]
        );
        assert_eq!(outcome.pods(), "b");
        // The refusal is an answer, no failure.
        let restarts = "jasm_watch_restarts_total{resource=\"pods\"} 1";
        assert!(outcome.metrics.contains(restarts), "{}", outcome.metrics);
    }
}

#[tokio::test]
async fn a_server_that_knows_no_end_of_the_list_lists_by_pages() {
    let answers = vec![
        lines(&[
            ("ADDED", pod("a", 1)),
            bookmark(9),
            ("ADDED", pod("late", 10)),
        ]),
        list(10, None, &[pod("a", 1)]),
    ];
    let outcome = run(answers, "watch 10").await;
    assert_eq!(outcome.asked, ["stream", "list", "watch 10"]);
    assert_eq!(
        outcome.events,
        ["listing", "listed a", "listing", "listed a", "in sync"]
    );
}

#[tokio::test]
async fn a_stream_that_is_too_old_is_followed_by_another() {
    let mut first = streamed(10, &[pod("a", 1), pod("b", 2)]);
    first.extend([("ADDED", pod("c", 11)), expired()]);
    let answers = vec![
        lines(&first),
        lines(&[("ADDED", pod("b", 2)), expired()]),
        lines(&streamed(20, &[pod("b", 2), pod("e", 19)])),
    ];
    let outcome = run(answers, "watch 20").await;
    assert_eq!(outcome.asked, ["stream", "stream", "stream", "watch 20"]);
    assert_eq!(outcome.pods(), "be");
}

#[tokio::test]
async fn pages_bookmarks_and_a_cut_go_on_from_the_last_version() {
    let answers = vec![
        list(10, Some("t&k"), &[pod("a", 1)]),
        list(10, None, &[pod("b", 2)]),
        lines(&[("ADDED", pod("c", 11)), bookmark(15)]),
        // Cut in the middle of a line.
        Answer::Says(text(&[("DELETED", pod("a", 16)), ("ADDED", pod("d", 17))])[..200].to_owned()),
        lines(&[("ADDED", pod("d", 17))]),
    ];
    let outcome = run_paged(answers, "watch 17").await;
    assert_eq!(
        outcome.asked,
        [
            "stream", "list", "list t&k", "watch 10", "watch 15", "watch 16", "watch 17"
        ]
    );
    assert_eq!(outcome.pods(), "bcd");
}

#[tokio::test]
async fn a_version_that_is_too_old_is_followed_by_a_list_and_loses_nothing() {
    let answers = vec![
        list(10, None, &[pod("a", 1), pod("b", 2)]),
        lines(&[("ADDED", pod("c", 11)), expired()]),
        list(20, None, &[pod("b", 2), pod("e", 19)]),
    ];
    let outcome = run_paged(answers, "watch 20").await;
    assert_eq!(
        outcome.asked,
        ["stream", "list", "watch 10", "list", "watch 20"]
    );
    assert_eq!(outcome.pods(), "be", "what the list does not name is gone");
}

#[tokio::test]
async fn a_malformed_pod_never_kills_the_watch() {
    let malformed = json!({"metadata": {"name": ["not", "a", "name"], "resourceVersion": "12"}});
    let odd = json!({"metadata": {"name": "x", "namespace": "n", "uid": "x", "resourceVersion": "13",
        "annotations": {"jasm.codnod.io/secret-sync": 7}}});
    let changes = [
        ("ADDED", malformed.clone()),
        ("MODIFIED", odd),
        ("ADDED", pod("b", 14)),
    ];
    let answers = vec![
        list(10, None, &[pod("a", 1), malformed.clone()]),
        lines(&changes),
    ];
    let paged = run_paged(answers, "watch 14").await;
    assert_eq!(paged.asked, ["stream", "list", "watch 10", "watch 14"]);
    let mut events = streamed(10, &[pod("a", 1), malformed]);
    events.extend(changes);
    let streamed = run(vec![lines(&events)], "watch 14").await;
    assert_eq!(streamed.asked, ["stream", "watch 14"]);
    for outcome in [paged, streamed] {
        assert_eq!(outcome.pods(), "ab");
        let counted = "jasm_undecodable_objects_total{resource=\"pods\"} 3";
        assert!(outcome.metrics.contains(counted), "{}", outcome.metrics);
    }
}

#[tokio::test]
async fn an_empty_list_is_in_sync() {
    let mut outcome = run_paged(vec![list(1, None, &[])], "watch 1").await;
    assert!(outcome.index.in_sync());
    assert!(
        outcome
            .index
            .take(Event::Gone("x".to_owned()), tokio::time::Instant::now())
            .is_empty()
    );
}
