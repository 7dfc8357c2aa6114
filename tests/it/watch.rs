//! The watch against an API server that says what a real one says only at bad times.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::response::IntoResponse;
use jasm::metrics::Metrics;
use jasm::pull::index::{Event, Index};
use jasm::pull::watch::{Pods, Watch};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Answers in the order in which they are asked for; after the last one it hangs.
struct Script {
    answers: Vec<String>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Script>>;

async fn answer(
    State(script): State<Shared>,
    Query(query): Query<Vec<(String, String)>>,
) -> impl IntoResponse {
    let get = |name: &str| {
        query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    };
    let asked = match (get("watch"), get("continue")) {
        (Some(_), _) => format!("watch {}", get("resourceVersion").unwrap()),
        (None, Some(token)) => format!("list {token}"),
        (None, None) => "list".to_owned(),
    };
    let next = {
        let mut script = script.lock().unwrap();
        script.asked.push(asked);
        (!script.answers.is_empty()).then(|| script.answers.remove(0))
    };
    match next {
        Some(answer) => answer,
        None => std::future::pending().await,
    }
}

fn pod(name: &str, version: u32) -> Value {
    json!({"metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": version.to_string(),
        "annotations": {"jasm.codnod.io/secret.s": "local:a"}}, "status": {"phase": "Pending"}})
}

fn list(version: u32, more: Option<&str>, items: &[Value]) -> String {
    json!({"kind": "PodList", "metadata": {"resourceVersion": version.to_string(), "continue": more}, "items": items})
        .to_string()
}

fn lines(events: &[(&str, Value)]) -> String {
    events
        .iter()
        .map(|(kind, object)| format!("{}\n", json!({"type": kind, "object": object})))
        .collect()
}

/// Runs the watch against the script until it asked for `last`; what was asked, and the index.
async fn run(answers: Vec<String>, last: &str) -> (Vec<String>, Index) {
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
    let watch =
        tokio::spawn(async move { Watch::new(Pods, out, Metrics::new()).run(&client).await });
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
    let mut index = Index::default();
    while let Ok((event, at)) = received.try_recv() {
        index.take(event, at);
    }
    let asked = script.lock().unwrap().asked.clone();
    (asked, index)
}

#[tokio::test]
async fn pages_bookmarks_and_a_cut_go_on_from_the_last_version() {
    let answers = vec![
        list(10, Some("t&k"), &[pod("a", 1)]),
        list(10, None, &[pod("b", 2)]),
        lines(&[
            ("ADDED", pod("c", 11)),
            ("BOOKMARK", json!({"metadata": {"resourceVersion": "15"}})),
        ]),
        // Cut in the middle of a line.
        lines(&[("DELETED", pod("a", 16)), ("ADDED", pod("d", 17))])[..200].to_owned(),
        lines(&[("ADDED", pod("d", 17))]),
    ];
    let (asked, index) = run(answers, "watch 17").await;
    assert_eq!(
        asked,
        [
            "list", "list t&k", "watch 10", "watch 15", "watch 16", "watch 17"
        ]
    );
    assert_eq!(index.pods(), 3, "b, c and d");
}

#[tokio::test]
async fn a_version_that_is_too_old_is_followed_by_a_list_and_loses_nothing() {
    let gone = (
        "ERROR",
        json!({"kind": "Status", "code": 410, "reason": "Expired"}),
    );
    let answers = vec![
        list(10, None, &[pod("a", 1), pod("b", 2)]),
        lines(&[("ADDED", pod("c", 11)), gone]),
        list(20, None, &[pod("b", 2), pod("e", 19)]),
    ];
    let (asked, index) = run(answers, "watch 20").await;
    assert_eq!(asked, ["list", "watch 10", "list", "watch 20"]);
    assert_eq!(
        index.pods(),
        2,
        "b and e; what the list does not name is gone"
    );
}

#[tokio::test]
async fn a_malformed_pod_never_kills_the_watch() {
    let malformed = json!({"metadata": {"name": ["not", "a", "name"], "resourceVersion": "12"}});
    let odd = json!({"metadata": {"name": "x", "namespace": "n", "uid": "x", "resourceVersion": "13",
        "annotations": {"jasm.codnod.io/secret-sync": 7}}});
    let answers = vec![
        list(10, None, &[pod("a", 1), malformed.clone()]),
        lines(&[
            ("ADDED", malformed),
            ("MODIFIED", odd),
            ("ADDED", pod("b", 14)),
        ]),
    ];
    let (asked, index) = run(answers, "watch 14").await;
    assert_eq!(asked, ["list", "watch 10", "watch 14"]);
    assert_eq!(index.pods(), 2);
}

#[tokio::test]
async fn an_empty_list_is_in_sync() {
    let (_, mut index) = run(vec![list(1, None, &[])], "watch 1").await;
    assert!(index.in_sync());
    assert!(
        index
            .take(Event::Gone("x".to_owned()), tokio::time::Instant::now())
            .is_empty()
    );
}
