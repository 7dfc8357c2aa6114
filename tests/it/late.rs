//! Who creates the entry, grants the right or brings the object back sees the pod start, without
//! touching it.

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

#[tokio::test]
async fn an_entry_that_is_created_after_the_pod() {
    let world = World::new("late").await;
    let _jasm = world.jasm().await;
    world
        .create(
            template(&[("secret-sync", &annotation(&world))])
                .env_from("db")
                .deployment("shop", 1),
        )
        .await;
    let note = world.event("FetchFailed", "shop-").await;
    assert!(
        note.contains(&format!("local:{}/db", world.namespace)),
        "{note}"
    );
    // The Deployment is told too.
    eventually("the Deployment is told", || async {
        let events = world.events().await;
        events
            .iter()
            .any(|(reason, name, _)| reason == "FetchFailed" && name == "shop")
            .then_some(())
    })
    .await;
    world.waiting("shop").await;
    world.put("db", r#"{"user":"app"}"#);
    world.running("shop", 1).await;
    world.event("SecretSynced", "shop-").await;
}

#[tokio::test]
async fn a_right_in_the_store_that_is_granted_after_the_pod() {
    let world = World::new("granted").await;
    let store = FakeAws::start().await;
    store.set(
        "db",
        Answer::Error(400, "AccessDeniedException", "User is not authorized"),
    );
    world
        .config(&World::aws_store("cloud", &store.endpoint))
        .await;
    let _jasm = world.jasm().await;
    let text = "provider: cloud\npath: db\nsecretName: db\n";
    world
        .create(
            template(&[("secret-sync", text)])
                .env_from("db")
                .pod("shop"),
        )
        .await;
    let note = world.event("FetchFailed", "shop").await;
    assert!(note.contains("AccessDeniedException"), "{note}");
    store.set("db", Answer::Value(r#"{"user":"app"}"#.to_owned()));
    world.pod_runs("shop").await;
}

#[tokio::test]
async fn a_right_in_the_cluster_that_is_granted_after_the_pod() {
    let world = World::new("rbac").await;
    world.put("db", r#"{"user":"app"}"#);
    world
        .set_rules(|rules| rules[1]["resources"] = json!(["configmaps"]))
        .await;
    let _jasm = world.jasm().await;
    world
        .create(
            template(&[("secret-sync", &annotation(&world))])
                .env_from("db")
                .pod("shop"),
        )
        .await;
    let note = world.event("WriteFailed", "shop").await;
    assert!(note.contains("\"create\" on secrets"), "{note}");
    world.set_rules(|_| {}).await;
    world.pod_runs("shop").await;
}

#[tokio::test]
async fn a_rule_of_the_operator_that_is_added_after_the_pod() {
    let world = World::new("policy").await;
    world.put_at("elsewhere/db", r#"{"user":"app"}"#);
    let jasm = world.jasm().await;
    let text = "provider: local\npath: elsewhere/db\nsecretName: db\n";
    world
        .create(
            template(&[("secret-sync", text)])
                .env_from("db")
                .pod("shop"),
        )
        .await;
    let note = world.event("AccessDenied", "shop").await;
    let rule = format!(
        "{{namespaces: [\"{}\"], paths: [\"elsewhere/db\"]}}",
        world.namespace
    );
    assert!(note.contains(&rule), "{note}");
    assert_eq!(jasm.calls().await, 0.0, "a refusal costs no call");
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    std::fs::write(
        world.config_file(),
        config.replace("\"shared/*\"", "\"elsewhere/*\""),
    )
    .unwrap();
    world.pod_runs("shop").await;
}

#[tokio::test]
async fn a_secret_that_someone_deletes_while_a_pod_waits() {
    let world = World::new("deleted").await;
    world.put("db", r#"{"user":"app"}"#);
    let _jasm = world.jasm().await;
    // It waits for another object, so that it still waits when its Secret is deleted.
    let pod = template(&[("secret-sync", &annotation(&world))])
        .env_from("db")
        .env_from("other")
        .pod("shop");
    world.create(pod).await;
    world.expect("db", &[("user", "app")]).await;
    world
        .secrets()
        .delete("db", &DeleteParams::default())
        .await
        .unwrap();
    world.expect("db", &[("user", "app")]).await;
    world
        .create(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other"}}))
        .await;
    world.pod_runs("shop").await;
}

#[tokio::test]
async fn a_problem_that_comes_again_after_a_recovery_is_told_again() {
    let world = World::new("again").await;
    let store = FakeAws::start().await;
    let denied = Answer::Error(400, "AccessDeniedException", "User is not authorized");
    let good = Answer::Value(r#"{"user":"app"}"#.to_owned());
    store.set("db", denied.clone());
    world
        .config(&World::aws_store("cloud", &store.endpoint))
        .await;
    let _jasm = world.jasm().await;
    let text = "provider: cloud\npath: db\nsecretName: db\n";
    let pod = template(&[("secret-sync", text)])
        .unschedulable()
        .pod("shop");
    world.create(pod.clone()).await;
    world.event("FetchFailed", "shop").await;
    store.set("db", good);
    world.expect("db", &[("user", "app")]).await;
    world.event("SecretSynced", "shop").await;
    store.set("db", denied);
    let edit = |text: &str| serde_json::json!({"metadata": {"annotations": {"jasm.codnod.io/secret-sync": text}}});
    world
        .patch(&pod, edit(&format!("{text}names: as-is\n")))
        .await;
    eventually("the same problem is told a second time", || async {
        let events = world.events().await;
        let told = events
            .iter()
            .filter(|(reason, _, _)| reason == "FetchFailed")
            .count();
        (told == 2).then_some(())
    })
    .await;
}
