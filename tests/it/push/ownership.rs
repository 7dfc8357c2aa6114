//! What is not ours is left alone, and what is ours goes when the object says so.

use serde_json::json;

use super::stage::{FOLDER, Stage, condition, counts, message, value, versions};
use crate::support::{aws, eventually};

fn env() -> String {
    format!("{FOLDER}/application.secrets.env")
}

fn text(numbers: std::ops::Range<u32>) -> String {
    numbers
        .map(|number| format!("KEY_{number:02}=value-{number}\n"))
        .collect()
}

fn count(status: &serde_json::Value, name: &str) -> u64 {
    status["entries"][name].as_u64().unwrap()
}

fn finalizers(object: &kube::api::DynamicObject) -> usize {
    object.metadata.finalizers.as_ref().map_or(0, Vec::len)
}

#[tokio::test]
async fn foreign_entries_are_named_and_the_others_are_written() {
    let stage = Stage::new("smc-foreign").await;
    let foreign = stage.entry("KEY_04");
    aws::create_secret(&foreign, "foreign").await;
    let before = versions(&foreign).await;
    stage
        .source("shop", "main@sha1:1", &[(&env(), &text(0..10))])
        .await;
    stage.object("shop", stage.spec("shop")).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says_of("shop", "EntriesFailed", "main@sha1:1").await;
    assert_eq!(
        counts(&status),
        [
            ("created".to_owned(), 9),
            ("failed".to_owned(), 1),
            ("total".to_owned(), 10)
        ]
    );
    assert!(status["lastAppliedRevision"].is_null(), "{status}");
    let failure = &status["failures"][0];
    assert_eq!(
        (
            failure["name"].as_str(),
            failure["reason"].as_str(),
            failure["store"].as_str()
        ),
        (Some(foreign.as_str()), Some("NotOwned"), Some("sm"))
    );
    assert!(
        message(&status).contains("was not written by JASM"),
        "{status}"
    );
    let note = stage.world.event("EntriesFailed", "shop").await;
    assert!(note.contains(&foreign), "{note}");
    let events = stage.world.events().await;
    assert!(
        events.iter().all(|(reason, ..)| reason != "Pushed"),
        "{events:?}"
    );
    assert_eq!(stage.held().await.len(), 10);
    assert_eq!(value(&foreign).await.as_deref(), Some("foreign"));
    assert_eq!(versions(&foreign).await, before);

    // Two objects want the same names: the first one has them.
    stage.object("other", stage.spec("shop")).await;
    let status = stage.says_of("other", "EntriesFailed", "main@sha1:1").await;
    assert_eq!(count(&status, "failed"), 10, "{status}");
    let said = status["failures"][0]["message"].as_str().unwrap();
    let owner = format!("{}/shop", stage.namespace());
    assert!(
        said.contains("belongs to") && said.contains(&owner),
        "{said}"
    );
    let other = versions(&stage.entry("KEY_00")).await;
    assert_eq!(other.len(), 1);
    // Both objects are left with what they have.
    stage.delete("other").await;
    stage.gone("other").await;

    // The foreign one goes away: it is tried again by itself, and alone.
    let untouched = versions(&stage.entry("KEY_05")).await;
    aws::secrets_manager()
        .delete_secret()
        .secret_id(&foreign)
        .force_delete_without_recovery(true)
        .send()
        .await
        .unwrap();
    let status = stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    assert_eq!(
        counts(&status),
        [
            ("created".to_owned(), 1),
            ("total".to_owned(), 10),
            ("unchanged".to_owned(), 9)
        ]
    );
    assert_eq!(value(&foreign).await.as_deref(), Some("value-4"));
    assert_eq!(versions(&stage.entry("KEY_05")).await, untouched);
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn what_the_source_has_no_more_goes_or_stays_as_the_object_says() {
    let stage = Stage::new("smc-deletion").await;
    let foreign = stage.entry("foreign_one");
    aws::create_secret(&foreign, "foreign").await;
    stage
        .source("shop", "main@sha1:1", &[(&env(), &text(0..4))])
        .await;
    let mut spec = stage.spec("shop");
    spec["deletionPolicy"] = json!("Delete");
    stage.object("shop", spec).await;
    let mut kept = stage.spec("kept");
    kept["secrets"]["suffix"] = json!("kept");
    stage
        .source("kept", "main@sha1:1", &[(&env(), &text(0..2))])
        .await;
    let kept = stage.object("kept", kept).await;
    assert_eq!(finalizers(&kept), 0);
    let jasm = stage.world.jasm().await;
    stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    stage.says_of("kept", "Succeeded", "main@sha1:1").await;
    let objects = stage.objects();
    assert_eq!(finalizers(&objects.get("shop").await.unwrap()), 1);
    assert_eq!(finalizers(&objects.get("kept").await.unwrap()), 0);

    // A key is removed.
    let gone = stage.entry("KEY_03");
    stage
        .source("shop", "main@sha1:2", &[(&env(), &text(0..3))])
        .await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(
        counts(&status),
        [
            ("deleted".to_owned(), 1),
            ("total".to_owned(), 3),
            ("unchanged".to_owned(), 3)
        ]
    );
    assert_eq!(value(&gone).await, None);
    stage
        .source("kept", "main@sha1:2", &[(&env(), &text(0..1))])
        .await;
    let status = stage.says_of("kept", "Succeeded", "main@sha1:2").await;
    assert_eq!(
        (count(&status, "retained"), count(&status, "deleted")),
        (1, 0)
    );
    assert!(value(&stage.entry("KEY_01-kept")).await.is_some());
    // It comes back.
    stage
        .source("shop", "main@sha1:3", &[(&env(), &text(0..4))])
        .await;
    stage.says_of("shop", "Succeeded", "main@sha1:3").await;
    assert_eq!(value(&gone).await.as_deref(), Some("value-3"));

    // An environment with nothing in it, one that is gone, and a source that is gone delete nothing.
    let held = stage.held().await;
    stage
        .source("shop", "main@sha1:4", &[(&env(), "# nothing\n")])
        .await;
    let status = stage.says_of("shop", "FilesInvalid", "main@sha1:4").await;
    assert!(
        message(&status)
            .contains("application.secrets.env: to remove all entries, delete the object"),
        "{status}"
    );
    assert_eq!(stage.held().await, held);
    stage
        .source("shop", "main@sha1:5", &[("README.md", "moved")])
        .await;
    let status = stage.says_of("shop", "FilesInvalid", "main@sha1:5").await;
    assert_eq!(status["lastAppliedRevision"], "main@sha1:3");
    assert_eq!(stage.held().await, held);
    stage.delete_source("shop").await;
    stage.says("shop", "SourceNotFound").await;
    assert_eq!(stage.held().await, held);

    // The object goes, and its entries with it, though its source is gone; nothing else.
    stage.delete("shop").await;
    stage.gone("shop").await;
    assert_eq!(
        stage.held().await,
        [
            stage.entry("KEY_00-kept"),
            stage.entry("KEY_01-kept"),
            foreign.clone()
        ]
    );
    assert_eq!(value(&foreign).await.as_deref(), Some("foreign"));
    stage.delete("kept").await;
    stage.gone("kept").await;
    assert_eq!(stage.held().await.len(), 3);
    assert_eq!(jasm.terminate().await, 0);
}

/// The object that is being deleted says why it stays, and the way out.
async fn waits(stage: &Stage, name: &str, reason: &str, why: &str) {
    let status = eventually("it says that it waits", || async {
        let object = stage.objects().get(name).await.unwrap();
        let status = object.data["status"].clone();
        let said = message(&status).contains("is being deleted");
        said.then_some(status)
    })
    .await;
    assert_eq!(condition(&status, "Ready")["reason"], reason, "{status}");
    for said in [why, "set deletionPolicy: Retain"] {
        assert!(message(&status).contains(said), "{said}: {status}");
    }
}

#[tokio::test]
async fn an_object_that_is_to_retain_after_all_lets_go() {
    let stage = Stage::new("smc-lets-go").await;
    stage
        .source("shop", "main@sha1:1", &[(&env(), &text(0..2))])
        .await;
    for name in ["alive", "dying", "lost"] {
        let mut spec = stage.spec("shop");
        spec["deletionPolicy"] = json!("Delete");
        spec["secrets"]["suffix"] = json!(name);
        stage.object(name, spec).await;
    }
    let jasm = stage.world.jasm().await;
    stage.says("alive", "Succeeded").await;
    stage.says("dying", "Succeeded").await;
    stage.says("lost", "Succeeded").await;
    let retain = json!({"spec": {"deletionPolicy": "Retain"}});
    stage.change("alive", retain.clone()).await;
    eventually("the finalizer is gone", || async {
        let object = stage.objects().get("alive").await.unwrap();
        (finalizers(&object) == 0).then_some(())
    })
    .await;
    stage.says("alive", "Succeeded").await;
    stage.delete("alive").await;
    stage.gone("alive").await;

    // It names no store any more: what it counted before is nothing now.
    let elsewhere = json!({"spec": {"provider": {"aws": {"region": "eu-nowhere-1"}}}});
    stage.change("lost", elsewhere).await;
    let status = stage.says("lost", "StoreUnknown").await;
    assert!(status["entries"].is_null(), "{status}");
    stage.delete("lost").await;
    waits(&stage, "lost", "StoreUnknown", "eu-nowhere-1").await;
    stage.change("lost", retain.clone()).await;
    stage.gone("lost").await;
    // The store does not let it delete: the object stays, says why, and goes when it is to keep its entries.
    stage.config(&stage.store("sm", "aws-secretsmanager", ""));
    eventually("the config is in force", || async {
        jasm.lines()
            .iter()
            .any(|line| {
                line.to_string().contains("config") && line.to_string().contains("in force")
            })
            .then_some(())
    })
    .await;
    stage.delete("dying").await;
    let said = stage.world.event("AccessDenied", "dying").await;
    assert!(said.contains("allowWrite"), "{said}");
    waits(&stage, "dying", "AccessDenied", "allowWrite").await;
    assert_eq!(stage.held().await.len(), 6);
    stage.change("dying", retain).await;
    stage.gone("dying").await;
    assert_eq!(stage.held().await.len(), 6);
    assert_eq!(jasm.terminate().await, 0);
}
