//! When an object is worked on, and when it is left in peace.

use std::time::{Duration, Instant};

use jasm::push::crd::SourceKind;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::stage::{FOLDER, Stage, condition, counts, message, value, versions};
use crate::support::controller::Controller;
use crate::support::git_server::{GitServer, Manner, PASSWORD, USER};
use crate::support::{aws, crds, eventually};

fn env() -> String {
    format!("{FOLDER}/application.secrets.env")
}

fn asked(at: &str) -> Value {
    json!({"metadata": {"annotations": {"jasm.codnod.io/reconcile": at}}})
}

/// Waits until that annotation was obeyed; the status.
async fn obeyed(stage: &Stage, name: &str, at: &str) -> Value {
    stage
        .says_in(stage.namespace(), name, "Succeeded", |status| {
            status["lastHandledReconcileAt"] == at
        })
        .await
}

#[tokio::test]
async fn nothing_is_done_while_suspended_and_nothing_twice() {
    let stage = Stage::new("smc-suspend").await;
    stage
        .source(
            "shop",
            "main@sha1:1",
            &[(&env(), "KEY_A=1\nEMPTY=\n#KEY_B=1\n")],
        )
        .await;
    let mut spec = stage.spec("shop");
    spec["suspend"] = json!(true);
    spec["deletionPolicy"] = Value::Null;
    stage.object("shop", spec).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says("shop", "Suspended").await;
    assert_eq!(condition(&status, "Ready")["status"], "Unknown");
    assert_eq!((stage.held().await.len(), jasm.calls().await), (0, 0.0));

    stage
        .change("shop", json!({"spec": {"suspend": false}}))
        .await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    assert_eq!(
        counts(&status),
        [
            ("created".to_owned(), 1),
            ("skipped".to_owned(), 1),
            ("total".to_owned(), 1)
        ]
    );
    assert!(message(&status).contains(&stage.entry("EMPTY")), "{status}");
    assert_eq!(stage.held().await, [stage.entry("KEY_A")]);
    stage
        .change("shop", json!({"spec": {"suspend": true}}))
        .await;
    stage.says("shop", "Suspended").await;
    stage
        .source("shop", "main@sha1:2", &[(&env(), "KEY_A=2\n")])
        .await;
    stage
        .source("other", "main@sha1:2", &[(&env(), "KEY_A=2\n")])
        .await;
    let mut other = stage.spec("other");
    other["secrets"]["suffix"] = json!("other");
    stage.object("other", other).await;
    stage.says("other", "Succeeded").await;
    assert_eq!(value(&stage.entry("KEY_A")).await.as_deref(), Some("1"));
    stage
        .change("shop", json!({"spec": {"suspend": false}}))
        .await;
    stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(value(&stage.entry("KEY_A")).await.as_deref(), Some("2"));
    assert_eq!(versions(&stage.entry("KEY_A")).await.len(), 2);
    assert_eq!(jasm.terminate().await, 0);

    // A new process asks nobody for what the statuses say is done.
    let before: Vec<_> = resource_versions(&stage).await;
    let jasm = stage.world.jasm().await;
    stage
        .source("third", "main@sha1:3", &[(&env(), "KEY_C=1\n")])
        .await;
    let mut third = stage.spec("third");
    third["secrets"]["suffix"] = json!("third");
    stage.object("third", third).await;
    stage.says("third", "Succeeded").await;
    assert_eq!(pushed(&jasm).await, 1.0, "only the third one was worked on");
    let after: Vec<_> = resource_versions(&stage).await;
    assert_eq!(
        after[..2],
        before[..],
        "their statuses were not written again"
    );
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_source_that_hangs_keeps_nobody_waiting_and_nothing_old_is_written() {
    let stage = Stage::new("smc-hang").await;
    let mut slow = stage.storage.put("slow", &[(&env(), "SLOW=1\n")]);
    slow.size = None;
    stage.offer("slow", &slow).await;
    let hold = stage.storage.hold("slow");
    for name in ["suspended", "deleted", "changed"] {
        let mut spec = stage.spec("slow");
        spec["secrets"]["suffix"] = json!(name);
        stage.object(name, spec).await;
    }
    let jasm = stage.world.jasm().await;
    eventually("the slow source is asked for", || async {
        (stage.storage.asked("slow") == 3).then_some(())
    })
    .await;
    stage
        .source("shop", "main@sha1:1", &[(&env(), "KEY_A=1\n")])
        .await;
    stage.object("shop", stage.spec("shop")).await;
    stage.says("shop", "Succeeded").await;
    for name in ["suspended", "deleted", "changed"] {
        let object = stage.objects().get(name).await.unwrap();
        assert!(object.data["status"].is_null(), "{name} waits still");
    }

    stage
        .change("suspended", json!({"spec": {"suspend": true}}))
        .await;
    stage.delete("deleted").await;
    stage.gone("deleted").await;
    stage
        .change("changed", json!({"spec": {"secrets": {"suffix": "anew"}}}))
        .await;
    hold.send(true).unwrap();
    stage.says("suspended", "Suspended").await;
    stage.says("changed", "Succeeded").await;
    assert_eq!(
        stage.held().await,
        [stage.entry("KEY_A"), stage.entry("SLOW-anew")]
    );
    assert_eq!(jasm.terminate().await, 0);
}

async fn resource_versions(stage: &Stage) -> Vec<(String, String)> {
    let objects = stage
        .objects()
        .list(&Default::default())
        .await
        .unwrap()
        .items;
    { objects.into_iter() }
        .map(|object| {
            (
                object.metadata.name.unwrap(),
                object.metadata.resource_version.unwrap(),
            )
        })
        .collect()
}

/// Runs that ended.
async fn pushed(jasm: &Controller) -> f64 {
    jasm.metric("jasm_pushes_total", &[]).await
}

#[tokio::test]
async fn what_somebody_changed_is_put_right_when_it_is_asked_for() {
    let stage = Stage::new("smc-trigger").await;
    stage
        .source(
            "shop",
            "main@sha1:1",
            &[(&env(), "KEY_A=1\nKEY_B=1\nKEY_C=1\n")],
        )
        .await;
    stage.object("shop", stage.spec("shop")).await;
    let jasm = stage.world.jasm().await;
    stage.says("shop", "Succeeded").await;
    let (a, b, c) = (
        stage.entry("KEY_A"),
        stage.entry("KEY_B"),
        stage.entry("KEY_C"),
    );
    aws::put_secret(&a, "by hand").await;
    aws::secrets_manager()
        .delete_secret()
        .secret_id(&b)
        .recovery_window_in_days(7)
        .send()
        .await
        .unwrap();
    let untouched = versions(&c).await;
    stage.change("shop", asked("one")).await;
    let status = obeyed(&stage, "shop", "one").await;
    assert_eq!(status["entries"]["total"], 3, "{status}");
    assert_eq!(status["entries"]["updated"], 1, "{status}");
    assert_eq!(value(&a).await.as_deref(), Some("1"));
    assert_eq!(value(&b).await.as_deref(), Some("1"));
    assert_eq!(versions(&c).await, untouched);

    // JASM's own key is lost: entries are read once, and none is written anew.
    assert_eq!(jasm.terminate().await, 0);
    let all = [versions(&a).await, versions(&b).await, versions(&c).await];
    stage
        .world
        .secrets()
        .delete("jasm-push-key", &DeleteParams::default())
        .await
        .unwrap();
    let jasm = stage.world.jasm().await;
    stage.change("shop", asked("two")).await;
    let status = obeyed(&stage, "shop", "two").await;
    assert_eq!(status["entries"]["unchanged"], 3, "{status}");
    assert_eq!(
        [versions(&a).await, versions(&b).await, versions(&c).await],
        all
    );
    let first = jasm.calls().await;
    stage.change("shop", asked("three")).await;
    obeyed(&stage, "shop", "three").await;
    let second = jasm.calls().await - first;
    assert!(second < first, "read again: {first}, {second}");
    assert_eq!(
        [versions(&a).await, versions(&b).await, versions(&c).await],
        all
    );
    // And the new key tells a change.
    stage
        .source(
            "shop",
            "main@sha1:2",
            &[(&env(), "KEY_A=1\nKEY_B=2\nKEY_C=1\n")],
        )
        .await;
    let status = stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(status["entries"]["updated"], 1, "{status}");
    assert_eq!(versions(&b).await.len(), all[1].len() + 1);
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_store_that_the_config_gains_wakes_whom_it_was_missing() {
    let stage = Stage::without_config("smc-reload").await;
    stage.config(&stage.store("ps", "aws-parameterstore", ""));
    stage
        .source("shop", "main@sha1:1", &[(&env(), "KEY_A=1\n")])
        .await;
    stage.object("shop", stage.spec("shop")).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says("shop", "StoreUnknown").await;
    assert!(message(&status).contains("aws-secretsmanager"), "{status}");
    stage.config(&stage.stores());
    stage.says("shop", "Succeeded").await;
    let status = stage.objects().get("shop").await.unwrap();
    assert!(condition(&status.data["status"], "Stalled").is_null());
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_source_that_is_not_ready_is_waited_for() {
    let stage = Stage::new("smc-waits").await;
    stage.object("shop", stage.spec("shop")).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says("shop", "SourceNotFound").await;
    assert!(condition(&status, "Stalled").is_null(), "{status}");
    stage
        .source("shop", "main@sha1:1", &[(&env(), "KEY_A=1\n")])
        .await;
    stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    // The next fetch fails at Flux: what was applied stays.
    let api: Api<kube::api::DynamicObject> = Api::namespaced_with(
        stage.admin(),
        stage.namespace(),
        &kube::api::ApiResource::from_gvk(&GroupVersionKind::gvk(
            "source.toolkit.fluxcd.io",
            "v1",
            "GitRepository",
        )),
    );
    let failing = json!({"status": {"conditions": [{"type": "Ready", "status": "False",
        "reason": "GitOperationFailed", "message": "no route", "observedGeneration": 1,
        "lastTransitionTime": "2026-11-22T00:00:00Z"}]}});
    api.patch_status("shop", &PatchParams::default(), &Patch::Merge(&failing))
        .await
        .unwrap();
    // Who has nothing of it yet waits for it; who has stays ready.
    stage.object("late", stage.spec("shop")).await;
    let status = stage.says("late", "SourceNotReady").await;
    assert!(message(&status).contains("GitOperationFailed"), "{status}");
    stage.says_of("shop", "Succeeded", "main@sha1:1").await;
    stage.delete("late").await;
    stage
        .source("shop", "main@sha1:2", &[(&env(), "KEY_A=2\n")])
        .await;
    stage.says_of("shop", "Succeeded", "main@sha1:2").await;
    assert_eq!(value(&stage.entry("KEY_A")).await.as_deref(), Some("2"));
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_source_that_stays_unready_is_an_event_after_a_minute() {
    let stage = Stage::new("smc-unready").await;
    stage
        .source("shop", "main@sha1:1", &[(&env(), "KEY_A=1\n")])
        .await;
    let api: Api<kube::api::DynamicObject> = Api::namespaced_with(
        stage.admin(),
        stage.namespace(),
        &kube::api::ApiResource::from_gvk(&GroupVersionKind::gvk(
            "source.toolkit.fluxcd.io",
            "v1",
            "GitRepository",
        )),
    );
    let failing = json!({"status": {"artifact": null, "conditions": [{"type": "Ready", "status": "False",
        "reason": "GitOperationFailed", "message": "no route", "observedGeneration": 1,
        "lastTransitionTime": "2026-11-22T00:00:00Z"}]}});
    api.patch_status("shop", &PatchParams::default(), &Patch::Merge(&failing))
        .await
        .unwrap();
    let begun = Instant::now();
    stage.object("shop", stage.spec("shop")).await;
    let jasm = stage.world.jasm().await;
    stage.says("shop", "SourceNotReady").await;
    let said = stage.world.event("SourceNotReady", "shop").await;
    assert!(
        begun.elapsed() >= Duration::from_secs(60),
        "it was said at once"
    );
    assert!(said.contains("GitOperationFailed"), "{said}");
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_commit_that_argo_cd_synced_is_cloned_with_the_objects_own_credentials() {
    let stage = Stage::new("smc-argo").await;
    crds::of_source(&stage.admin(), SourceKind::Application).await;
    let server = GitServer::start().await;
    server.behave(Manner {
        private: true,
        ..Manner::default()
    });
    let repository = server.repository("shop");
    repository.write(&env(), "KEY_A=1\n");
    let first = repository.push("first");
    repository.write(&env(), "KEY_A=2\n");
    let second = repository.push("second");
    let source = json!({"repoURL": server.url("shop"), "targetRevision": "main", "path": "."});
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop"},
        "spec": {"project": "default", "source": source, "destination": {}}});
    stage.world.create(application.clone()).await;
    let synced = |revision: &str| {
        json!({"status": {"sync": {"status": "Synced", "revision": revision,
            "comparedTo": {"source": source, "destination": {}}}}})
    };
    stage.world.patch(&application, synced(&first)).await;
    let mut spec = stage.spec("shop");
    spec["sourceRef"] = json!({"kind": "Application", "name": "shop"});
    stage.object("shop", spec).await;
    let jasm = stage.world.jasm().await;
    let status = stage.says("shop", "SourceUnavailable").await;
    assert!(message(&status).contains("gitCredentials"), "{status}");
    stage
        .secret("git", &[("username", USER), ("password", PASSWORD)])
        .await;
    stage
        .change(
            "shop",
            json!({"spec": {"sourceRef": {"gitCredentials": {"name": "git"}}}}),
        )
        .await;
    let status = stage.says("shop", "Succeeded").await;
    assert_eq!(status["lastAppliedRevision"], first.as_str());
    assert_eq!(value(&stage.entry("KEY_A")).await.as_deref(), Some("1"));
    stage.world.patch(&application, synced(&second)).await;
    stage.says_of("shop", "Succeeded", &second).await;
    assert_eq!(value(&stage.entry("KEY_A")).await.as_deref(), Some("2"));
    assert!(
        !jasm.log_text().contains(PASSWORD),
        "a password is in the log"
    );
    assert_eq!(jasm.terminate().await, 0);
}
