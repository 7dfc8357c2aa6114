//! A lane before the real client: how many requests really go out.

use std::sync::Arc;
use std::time::Duration;

use jasm_providers::batching::LaneOptions;
use jasm_providers::{ErrorKind, Lane, aws};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{Calls, connect, kind, options, prefix, want};
use crate::wire::{Reply, Request, Wire};

fn secret(name: &str) -> serde_json::Value {
    json!({"Name": name, "VersionId": "v1", "SecretString": name})
}

/// As far away as a cloud.
fn cloud(request: &Request) -> Reply {
    let body = match request.operation.as_str() {
        "GetSecretValue" => secret(request.text("SecretId")),
        _ => {
            json!({"SecretValues": request.list("SecretIdList").iter().map(|id| secret(id)).collect::<Vec<_>>()})
        }
    };
    Reply::Late(Duration::from_millis(50), body)
}

async fn lane(wire: &Wire, attempts: u32, options_: LaneOptions) -> Lane {
    let connection = connect(&aws::Options {
        attempts,
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    Lane::new(
        Arc::new(aws::SecretsManager::new(
            &connection,
            Calls::default().observer(),
        )),
        options_,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_pods_is_a_handful_of_requests() {
    let wire = Wire::new(cloud).await;
    let lane = lane(&wire, 1, LaneOptions::default()).await;
    let now = Instant::now();
    let mut tasks = JoinSet::new();
    // Three pods want each of a hundred secrets.
    for number in 0..300 {
        let lane = lane.clone();
        tasks.spawn(async move {
            let want = want(format!("s{}", number % 100));
            let outcome = lane.read(&want, now).await;
            assert_eq!(
                outcome.result.as_ref().unwrap().value.expose(),
                want.path.as_bytes()
            );
        });
    }
    tasks.join_all().await;
    let requests = wire.requests();
    assert!(requests.len() <= 12, "{} requests", requests.len());
    let asked: usize = requests
        .iter()
        .map(|request| request.list("SecretIdList").len().max(1))
        .sum();
    assert_eq!(asked, 100, "nothing is asked for twice");
}

#[tokio::test]
async fn a_store_that_hangs_is_given_up_by_the_lane_too() {
    let wire = Wire::new(|_| Reply::Hang).await;
    let options = LaneOptions {
        timeout: Duration::from_millis(200),
        ..LaneOptions::default()
    };
    let lane = lane(&wire, 3, options).await;
    let began = Instant::now();
    let read = lane.read(&want("a"), began).await;
    let listed = lane.list(&prefix("p"), began).await;
    assert_eq!(kind(&read.result), Some(ErrorKind::Unavailable));
    assert_eq!(kind(&listed.result), Some(ErrorKind::Unavailable));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_throttled_store_is_left_alone_for_as_long_as_it_says() {
    let wire = Wire::new(|request| match request.number {
        0 => Reply::Raw(
            400,
            "x-amz-retry-after: 30000\r\n",
            br#"{"__type": "ThrottlingException"}"#.to_vec(),
        ),
        _ => cloud(request),
    })
    .await;
    let lane = lane(&wire, 1, LaneOptions::default()).await;
    for _ in 0..3 {
        let outcome = lane.read(&want("a"), Instant::now()).await;
        match kind(&outcome.result) {
            Some(ErrorKind::Throttled { after: Some(after) }) => {
                assert!(after > Duration::from_secs(25), "{after:?}")
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wire.requests().len(), 1);
}
