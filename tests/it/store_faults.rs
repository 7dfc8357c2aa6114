//! Stores that misbehave: typed, tried again only where it helps, the last good object untouched,
//! nobody else delayed.

use std::time::Duration;

use crate::support::fake_aws::{Answer, FakeAws};
use crate::support::pods::template;
use crate::support::world::World;
use crate::support::{aws, eventually};

fn annotation(path: &str, secret: &str) -> String {
    format!("provider: cloud\npath: {path}\nsecretName: {secret}\n")
}

async fn world(test: &str) -> (World, FakeAws) {
    let world = World::new(test).await;
    let store = FakeAws::start().await;
    world
        .config(&World::aws_store("cloud", &store.endpoint))
        .await;
    (world, store)
}

#[tokio::test]
async fn every_fault_is_told_and_leaves_the_last_good_object() {
    let (world, store) = world("faults").await;
    let faults = [
        (
            "denied",
            Answer::Error(400, "AccessDeniedException", "no"),
            "AccessDeniedException",
        ),
        (
            "throttled",
            Answer::Error(400, "ThrottlingException", "slow down"),
            "ThrottlingException",
        ),
        (
            "broken",
            Answer::Error(500, "InternalServiceError", "oops"),
            "InternalServiceError",
        ),
        (
            "gone",
            Answer::Error(
                400,
                "InvalidRequestException",
                "You can't perform this operation on the secret because it was marked for deletion.",
            ),
            "deletion",
        ),
        (
            "missing",
            Answer::Error(400, "ResourceNotFoundException", "no"),
            "ResourceNotFoundException",
        ),
        (
            "cut",
            Answer::Truncated("marker-of-a-value".to_owned()),
            "cloud:cut",
        ),
        ("rubbish", Answer::Rubbish, "cloud:rubbish"),
    ];
    let _jasm = world.jasm().await;
    for (name, _, _) in &faults {
        store.set(name, Answer::Value(r#"{"user":"good"}"#.to_owned()));
        world
            .create(
                template(&[("secret-sync", &annotation(name, name))])
                    .unschedulable()
                    .pod(name),
            )
            .await;
    }
    for (name, _, _) in &faults {
        world.expect(name, &[("user", "good")]).await;
    }
    for (name, fault, _) in &faults {
        store.set(name, fault.clone());
        // A live edit reads again now, whatever was read before.
        let text = format!("{}optional: false\n", annotation(name, name));
        let pod = template(&[("secret-sync", &text)])
            .unschedulable()
            .pod(name);
        world
            .patch(
                &pod,
                serde_json::json!({"metadata": {"annotations": pod["metadata"]["annotations"]}}),
            )
            .await;
    }
    for (name, _, word) in &faults {
        let note = world.event("FetchFailed", name).await;
        assert!(note.contains(word), "{name}: {note}");
        assert!(!note.contains("marker"), "{note}");
        world.expect(name, &[("user", "good")]).await;
    }
    // What can heal by itself is seen to heal.
    store.set("broken", Answer::Value(r#"{"user":"new"}"#.to_owned()));
    store.set("throttled", Answer::Value(r#"{"user":"new"}"#.to_owned()));
    world.expect("broken", &[("user", "new")]).await;
    world.expect("throttled", &[("user", "new")]).await;
}

#[tokio::test]
async fn a_store_that_does_not_answer_in_time_is_told_and_leaves_the_last_good_object() {
    let (world, store) = world("slow").await;
    store.set("db", Answer::Value(r#"{"user":"good"}"#.to_owned()));
    let _jasm = world.jasm().await;
    let pod = template(&[("secret-sync", &annotation("db", "db"))])
        .unschedulable()
        .pod("shop");
    world.create(pod.clone()).await;
    world.expect("db", &[("user", "good")]).await;
    store.set("db", Answer::Hang);
    let text = format!("{}optional: true\n", annotation("db", "db"));
    let edited = template(&[("secret-sync", &text)])
        .unschedulable()
        .pod("shop");
    world
        .patch(
            &pod,
            serde_json::json!({"metadata": {"annotations": edited["metadata"]["annotations"]}}),
        )
        .await;
    let note = world.event("FetchFailed", "shop").await;
    assert!(
        note.contains("Secret db: cloud:db") && note.contains("in time"),
        "{note}"
    );
    world.expect("db", &[("user", "good")]).await;
    // A hang ends when the store is well again.
    store.set("db", Answer::Value(r#"{"user":"new"}"#.to_owned()));
    world.expect("db", &[("user", "new")]).await;
}

#[tokio::test]
async fn a_store_that_hangs_delays_nobody_else() {
    let (world, store) = world("hang").await;
    world.be_patient_with_stores();
    let jasm = world.jasm().await;
    for number in 0..50 {
        let name = format!("h{number}");
        store.set(&name, Answer::Hang);
        world
            .create(
                template(&[("secret-sync", &annotation(&name, &name))])
                    .unschedulable()
                    .pod(&name),
            )
            .await;
    }
    eventually("the store is asked", || async {
        (!store.calls().is_empty()).then_some(())
    })
    .await;
    world.put("db", r#"{"user":"app"}"#);
    let text = format!(
        "provider: local\npath: {}/db\nsecretName: db\n",
        world.namespace
    );
    world
        .create(
            template(&[("secret-sync", &text)])
                .env_from("db")
                .pod("shop"),
        )
        .await;
    world.pod_runs("shop").await;
    let ended = jasm
        .metric("jasm_provider_calls_total", &["store=\"cloud\""])
        .await;
    assert_eq!(
        ended, 0.0,
        "the pod runs while every call to the other store still hangs"
    );
}

#[tokio::test]
async fn a_batch_that_is_denied_becomes_single_reads_and_stays_so() {
    let (world, store) = world("batch").await;
    store.deny_batches();
    // Slow enough that requests meet.
    store.latency(Duration::from_millis(50));
    let _jasm = world.jasm().await;
    let mut lines = String::new();
    for number in 0..12 {
        store.set(&format!("e{number}"), Answer::Value(format!("v{number}")));
        lines.push_str(&format!("cloud:e{number}\n"));
    }
    world
        .create(
            template(&[("secret.all", &lines)])
                .unschedulable()
                .pod("one"),
        )
        .await;
    eventually("all twelve are read", || async {
        (world.data("all").await?.len() == 12).then_some(())
    })
    .await;
    let batches = |store: &FakeAws| {
        store
            .calls()
            .iter()
            .filter(|(operation, _)| operation.starts_with("Batch"))
            .count()
    };
    let before = batches(&store);
    assert!(before >= 1, "batches are tried first");
    let more: String = (12..24)
        .map(|number| {
            store.set(&format!("e{number}"), Answer::Value(format!("v{number}")));
            format!("cloud:e{number}\n")
        })
        .collect();
    world
        .create(
            template(&[("secret.more", &more)])
                .unschedulable()
                .pod("two"),
        )
        .await;
    eventually("the other twelve are read", || async {
        (world.data("more").await?.len() == 12).then_some(())
    })
    .await;
    assert_eq!(
        batches(&store),
        before,
        "a denied batch is not tried again within the hour"
    );
}

#[tokio::test]
async fn an_entry_that_a_hundred_namespaces_ask_for_is_read_once() {
    let (world, store) = world("onecall").await;
    store.set("shared", Answer::Value(r#"{"user":"app"}"#.to_owned()));
    store.latency(Duration::from_millis(200));
    let namespaces: Vec<_> = (0..20)
        .map(|number| format!("{}-{number}", world.namespace))
        .collect();
    for namespace in &namespaces {
        world.add_namespace(namespace).await;
    }
    let pod = template(&[("secret-sync", &annotation("shared", "db"))])
        .unschedulable()
        .pod("shop");
    for namespace in &namespaces {
        world.create_in(namespace, pod.clone()).await;
    }
    let jasm = world.jasm().await;
    eventually("every namespace has its Secret", || async {
        (jasm.writes().await == 20.0).then_some(())
    })
    .await;
    assert_eq!(store.asked("shared"), 1);
}

#[tokio::test]
async fn a_secret_that_aws_has_marked_for_deletion_is_gone_and_the_last_good_stays() {
    let world = World::new("marked").await;
    let path = format!("{}/db", world.namespace);
    aws::create_secret(&path, r#"{"user":"app"}"#).await;
    let _jasm = world.jasm().await;
    let text = format!("provider: aws\npath: {path}\nsecretName: db\n");
    let deployment = template(&[("secret-sync", &text)])
        .env_from("db")
        .deployment("shop", 1);
    world.create(deployment.clone()).await;
    world.running("shop", 1).await;
    aws::secrets_manager()
        .delete_secret()
        .secret_id(&path)
        .send()
        .await
        .unwrap();
    let note = eventually("the deletion is told", || async {
        world.restart(&deployment).await;
        world.rolled_out(&deployment, 1).await;
        let events = world.events().await;
        events
            .into_iter()
            .find_map(|(reason, _, note)| (reason == "FetchFailed").then_some(note))
    })
    .await;
    assert!(note.contains("deletion"), "{note}");
    world.expect("db", &[("user", "app")]).await;
    world.rolled_out(&deployment, 1).await;
}
