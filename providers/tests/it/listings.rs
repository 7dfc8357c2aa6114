//! Prefix reads that are large, hostile or broken.

use std::time::Duration;

use jasm_providers::{ErrorKind, Source, aws};
use serde_json::{Value, json};

use crate::support::{Calls, MARKER, assert_clean, connect, kind, list, options, prefix, soon};
use crate::wire::{Reply, Request, Wire};

async fn secrets(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Wire, aws::SecretsManager) {
    let wire = Wire::new(script).await;
    let connection = connect(&aws::Options {
        attempts: 1,
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    (
        wire,
        aws::SecretsManager::new(&connection, Calls::default().observer()),
    )
}

async fn parameters(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Wire, aws::ParameterStore) {
    let wire = Wire::new(script).await;
    let connection = connect(&aws::Options {
        attempts: 1,
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    (
        wire,
        aws::ParameterStore::new(&connection, Calls::default().observer()),
    )
}

fn names(names: &[&str]) -> Value {
    let entries: Vec<_> = names.iter().map(|name| json!({"Name": name})).collect();
    let parameters: Vec<_> = names
        .iter()
        .map(|name| json!({"Name": name, "Version": 1, "Value": MARKER}))
        .collect();
    json!({"SecretList": entries, "Parameters": parameters})
}

/// `count` names, a hundred on a page, in both services' words.
fn paged(count: usize) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request| {
        let first: usize = request.text("NextToken").parse().unwrap_or(0);
        let last = (first + 100).min(count);
        let page: Vec<_> = (first..last)
            .map(|number| format!("/p/{number:05}"))
            .collect();
        let mut body = names(&page.iter().map(String::as_str).collect::<Vec<_>>());
        if last < count {
            body["NextToken"] = last.to_string().into();
        }
        Reply::Json(200, body)
    }
}

#[tokio::test]
async fn ten_thousand_entries_are_read_and_not_one_more() {
    let (wire, source) = secrets(paged(10_000)).await;
    let found = list(&source, "/p").await.unwrap();
    assert_eq!((found.len(), found.is_sorted()), (10_000, true));
    assert_eq!(wire.requests().len(), 100);
    let (_wire, source) = secrets(paged(10_001)).await;
    assert_eq!(kind(&list(&source, "/p").await), Some(ErrorKind::TooLarge));
    let (_wire, source) = parameters(paged(10_001)).await;
    assert_eq!(kind(&list(&source, "/p").await), Some(ErrorKind::TooLarge));
}

#[tokio::test]
async fn what_is_not_below_the_prefix_is_left_out() {
    let script = |_: &Request| {
        let mut body = names(&["/p/b", "/P/a", "/pa", "/p", "/other/p/a", "/p/a", "/p/b"]);
        body["SecretList"].as_array_mut().unwrap().push(json!({}));
        Reply::Json(200, body)
    };
    let (wire, source) = secrets(script).await;
    assert_eq!(list(&source, "/p").await.unwrap(), ["/p/a", "/p/b"]);
    assert_eq!(
        wire.requests()[0].body["Filters"],
        json!([{"Key": "name", "Values": ["/p/"]}])
    );
    let (_wire, source) = parameters(script).await;
    assert_eq!(list(&source, "/p").await.unwrap(), ["/p/a", "/p/b"]);
}

#[tokio::test]
async fn a_name_that_no_policy_could_match_refuses_the_whole_read() {
    for hostile in [
        "/p/../q",
        "/p//a",
        "/p/a b",
        "/p/a\u{202e}b",
        "/p/a%2fb",
        "/p/*",
        "/p/a/",
        "/p/a\nb",
    ] {
        let script = move |_: &Request| Reply::Json(200, names(&["/p/a", hostile]));
        let (_secrets, secrets) = secrets(script).await;
        let (_parameters, parameters) = parameters(script).await;
        for source in [&secrets as &dyn Source, &parameters] {
            let error = list(source, "/p").await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{hostile:?}");
            assert_clean(&error);
        }
    }
}

#[tokio::test]
async fn a_page_that_fails_fails_the_read() {
    let script = |request: &Request| match request.text("NextToken") {
        "" => {
            let mut body = names(&["/p/a"]);
            body["NextToken"] = "two".into();
            Reply::Json(200, body)
        }
        _ => Reply::error("AccessDeniedException", "no"),
    };
    let (_secrets, secrets) = secrets(script).await;
    let (_parameters, parameters) = parameters(script).await;
    for source in [&secrets as &dyn Source, &parameters] {
        let error = list(source, "/p").await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert_clean(&error);
    }
}

#[tokio::test]
async fn pages_that_go_round_in_a_circle_end() {
    for next in [&["again"][..], &["one", "other"]] {
        let script = move |request: &Request| {
            let mut body = names(&["/p/a"]);
            body["NextToken"] = next[request.number % next.len()].into();
            Reply::Json(200, body)
        };
        let (_secrets, secrets) = secrets(script).await;
        let (_parameters, parameters) = parameters(script).await;
        for source in [&secrets as &dyn Source, &parameters] {
            assert_eq!(kind(&list(source, "/p").await), Some(ErrorKind::Integrity));
        }
    }
}

#[tokio::test]
async fn an_answer_without_a_list_is_no_empty_one() {
    let answer = async |body: Value| {
        let (one, other) = (body.clone(), body);
        let (_secrets, secrets) = secrets(move |_| Reply::Json(200, one.clone())).await;
        let (_parameters, parameters) = parameters(move |_| Reply::Json(200, other.clone())).await;
        [list(&secrets, "/p").await, list(&parameters, "/p").await]
    };
    for empty in answer(names(&[])).await {
        assert_eq!(empty, Ok(Vec::new()));
    }
    for senseless in answer(json!({})).await {
        assert_eq!(kind(&senseless), Some(ErrorKind::Integrity));
    }
}

#[tokio::test]
async fn more_values_than_an_object_holds_are_refused() {
    let (wire, source) = parameters(|request| {
        let number = request.number;
        Reply::Json(200, json!({
            "Parameters": [{"Name": format!("/p/{number}"), "Version": 1, "Value": MARKER.repeat(50_000)}],
            "NextToken": number.to_string(),
        }))
    })
    .await;
    let error = source.list(&prefix("/p"), soon()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert_clean(&error);
    assert_eq!(wire.requests().len(), 4, "it ends where it has too much");
}

#[tokio::test]
async fn a_listing_has_one_deadline_for_all_its_pages() {
    let (_wire, source) = secrets(|request| {
        Reply::Late(
            Duration::from_millis(40),
            json!({"SecretList": [], "NextToken": request.number.to_string()}),
        )
    })
    .await;
    let began = tokio::time::Instant::now();
    let result = source
        .list(&prefix("/p"), began + Duration::from_millis(300))
        .await;
    assert_eq!(kind(&result), Some(ErrorKind::Unavailable));
    assert!(began.elapsed() < Duration::from_secs(2));
}
