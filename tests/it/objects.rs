//! Objects that are there already: never overwritten, never blanked.

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;

use crate::support::eventually;
use crate::support::fake_aws::{Answer, FakeAws};
use crate::support::pods::template;
use crate::support::world::World;

fn annotation(world: &World) -> String {
    format!(
        "provider: local\npath: {}/db\nsecretName: db\n",
        world.namespace
    )
}

async fn world(test: &str) -> World {
    let world = World::new(test).await;
    world.put("db", r#"{"user":"app"}"#);
    world
}

#[tokio::test]
async fn an_object_of_others_is_left_alone_until_it_is_handed_over() {
    let world = world("foreign").await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "labels": {"team": "x"}},
        "stringData": {"user": "theirs", "more": "theirs"}});
    world.create(secret.clone()).await;
    let _jasm = world.jasm().await;
    let pod = template(&[("secret-sync", &annotation(&world))])
        .unschedulable()
        .pod("shop");
    world.create(pod).await;
    let note = world.event("NotOwned", "shop").await;
    assert!(note.contains("app.kubernetes.io/managed-by=jasm"), "{note}");
    world
        .expect("db", &[("user", "theirs"), ("more", "theirs")])
        .await;
    let label = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "jasm"}}});
    world.patch(&secret, label).await;
    world.expect("db", &[("user", "app")]).await;
    let after = world.secrets().get("db").await.unwrap();
    assert_eq!(
        after.metadata.labels.unwrap()["team"],
        "x",
        "what others put on it stays"
    );
}

#[tokio::test]
async fn immutable_and_differently_typed_objects_are_named_and_left_alone() {
    let world = world("fixed").await;
    let labels = json!({"app.kubernetes.io/managed-by": "jasm"});
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "frozen", "labels": labels},
            "immutable": true, "stringData": {"user": "old"}}))
        .await;
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "typed", "labels": labels},
            "type": "kubernetes.io/basic-auth", "stringData": {"username": "old"}}))
        .await;
    let _jasm = world.jasm().await;
    for (name, word) in [
        ("frozen", "immutable"),
        ("typed", "kubernetes.io/basic-auth"),
    ] {
        let text = annotation(&world).replace("secretName: db", &format!("secretName: {name}"));
        world
            .create(
                template(&[("secret-sync", &text)])
                    .unschedulable()
                    .pod(name),
            )
            .await;
        let note = world.event("NotOwned", name).await;
        assert!(note.contains(word), "{note}");
    }
    world.expect("frozen", &[("user", "old")]).await;
    world.expect("typed", &[("username", "old")]).await;
}

#[tokio::test]
async fn a_source_that_empties_takes_nothing_away() {
    let world = world("emptied").await;
    let jasm = world.jasm().await;
    let deployment = template(&[("secret-sync", &annotation(&world))])
        .env_from("db")
        .deployment("shop", 1);
    world.create(deployment.clone()).await;
    world.running("shop", 1).await;
    world.put("db", "{}");
    eventually("the empty payload is noticed", || async {
        world.restart(&deployment).await;
        world.rolled_out(&deployment, 1).await;
        world
            .events()
            .await
            .iter()
            .any(|(reason, _, _)| reason == "RenderFailed")
            .then_some(())
    })
    .await;
    world.expect("db", &[("user", "app")]).await;
    // A member that is gone from a payload that was read does go.
    world.put("db", r#"{"user":"app","more":"x"}"#);
    world.restart(&deployment).await;
    world.expect("db", &[("user", "app"), ("more", "x")]).await;
    world.put("db", r#"{"more":"x"}"#);
    eventually("the member that is gone goes", || async {
        world.restart(&deployment).await;
        world.rolled_out(&deployment, 1).await;
        (world.data("db").await?.len() == 1).then_some(())
    })
    .await;
    assert_eq!(
        jasm.metric("jasm_object_writes_total", &["refused"]).await,
        0.0
    );
}

#[tokio::test]
async fn more_than_a_mebibyte_is_refused_before_the_call_with_the_key_that_broke_it() {
    let world = world("large").await;
    for part in ["one", "two"] {
        world.put(&format!("big/{part}"), &"x".repeat(600 << 10));
    }
    let jasm = world.jasm().await;
    let text = format!(
        "[{{provider: local, path: {0}/big/one, secretName: db}}, {{provider: local, path: {0}/big/two, secretName: db}}]",
        world.namespace
    );
    world
        .create(
            template(&[("secret-sync", &text)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    let note = world.event("RenderFailed", "shop").await;
    assert!(note.contains("\"two\"") && note.contains("1 MiB"), "{note}");
    assert_eq!(jasm.metric("jasm_object_writes_total", &[]).await, 0.0);
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted_gets_no_event_and_one_count() {
    let world = World::new("ending").await;
    let namespace = format!("{}-gone", world.namespace);
    world.add_namespace(&namespace).await;
    let store = FakeAws::start().await;
    store.set("db", Answer::Value(r#"{"user":"app"}"#.to_owned()));
    // Long enough for the namespace to be deleted while the store is asked.
    store.latency(std::time::Duration::from_secs(3));
    world
        .config(&World::aws_store("cloud", &store.endpoint))
        .await;
    world.be_patient_with_stores();
    let jasm = world.jasm().await;
    let text = "provider: cloud\npath: db\nsecretName: db\n";
    world
        .create_in(
            &namespace,
            template(&[("secret-sync", text)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    eventually("the store is asked", || async {
        (store.asked("db") > 0).then_some(())
    })
    .await;
    let namespaces = Api::<Namespace>::all(world.admin.clone());
    namespaces
        .delete(&namespace, &DeleteParams::default())
        .await
        .unwrap();
    eventually("the refusal is counted", || async {
        (jasm.metric("jasm_terminating_namespaces_total", &[]).await == 1.0).then_some(())
    })
    .await;
    assert!(world.events_in(&namespace).await.is_empty());
}
