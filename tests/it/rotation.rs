//! Many replicas are one call and one write; a new value comes with the next pods.

use crate::support::pods::template;
use crate::support::world::World;
use crate::support::{aws, eventually};

#[tokio::test]
async fn a_hundred_replicas_are_one_call_for_each_five_seconds_and_one_write() {
    let world = World::new("replicas").await;
    let path = format!("{}/db", world.namespace);
    aws::create_secret(&path, r#"{"user":"app","password":"one"}"#).await;
    let jasm = world.jasm().await;
    let text = format!("provider: aws\npath: {path}\nsecretName: db\n");
    let deployment = template(&[("secret-sync", &text)])
        .env_from("db")
        .deployment("shop", 1);
    world.create(deployment.clone()).await;
    world.running("shop", 1).await;
    assert_eq!((jasm.calls().await, jasm.writes().await), (1.0, 1.0));

    let begun = std::time::Instant::now();
    world.scale(&deployment, 100).await;
    world.running("shop", 100).await;
    let windows = begun.elapsed().as_secs() / 5 + 1;
    let calls = jasm.calls().await - 1.0;
    assert!(
        calls <= windows as f64,
        "{calls} calls in {windows} windows of 5 s"
    );
    assert_eq!(jasm.writes().await, 1.0);

    aws::put_secret(&path, r#"{"user":"app","password":"two"}"#).await;
    let before = jasm.calls().await;
    world.scale(&deployment, 2).await;
    world.running("shop", 2).await;
    assert_eq!(jasm.calls().await, before, "scaling down asks nothing");
    eventually(
        "pods that start after the freshness of the last read cause a new one",
        || async {
            world.restart(&deployment).await;
            world.rolled_out(&deployment, 2).await;
            (jasm.calls().await > before).then_some(())
        },
    )
    .await;
    world
        .expect("db", &[("user", "app"), ("password", "two")])
        .await;
    world.rolled_out(&deployment, 2).await;
    assert_eq!(jasm.writes().await, 2.0);
}

#[tokio::test]
async fn a_changed_version_token_alone_is_no_write() {
    let world = World::new("token").await;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm().await;
    let text = format!(
        "provider: local\npath: {}/db\nsecretName: db\n",
        world.namespace
    );
    let deployment = template(&[("secret-sync", &text)])
        .env_from("db")
        .deployment("shop", 1);
    world.create(deployment.clone()).await;
    world.running("shop", 1).await;
    // The same content with a new time of change.
    world.put("db", r#"{"user":"app"}"#);
    let read = jasm.calls().await;
    eventually("a new pod causes a new read", || async {
        world.restart(&deployment).await;
        world.rolled_out(&deployment, 1).await;
        (jasm.calls().await > read).then_some(())
    })
    .await;
    world.rolled_out(&deployment, 1).await;
    assert_eq!(jasm.writes().await, 1.0);
}

#[tokio::test]
async fn editing_an_annotation_on_a_live_pod_reads_again_now() {
    let world = World::new("edit").await;
    world.put("db", r#"{"user":"app","more":"x"}"#);
    let _jasm = world.jasm().await;
    let text = format!(
        "provider: local\npath: {}/db\nsecretName: db\n",
        world.namespace
    );
    let pod = template(&[("secret-sync", &text)])
        .env_from("db")
        .pod("solo");
    world.create(pod.clone()).await;
    world.pod_runs("solo").await;
    world.expect("db", &[("user", "app"), ("more", "x")]).await;
    let narrowed = format!("{text}keys: {{user: user}}\n");
    let change =
        serde_json::json!({"metadata": {"annotations": {"jasm.codnod.io/secret-sync": narrowed}}});
    world.patch(&pod, change).await;
    world.expect("db", &[("user", "app")]).await;
}
