//! A thousand pods at once, and a wire that is cut in the middle of it.

use futures::StreamExt;
use kube::api::ListParams;
use serde_json::Value;

use crate::support::cluster::cluster;
use crate::support::controller::Controller;
use crate::support::eventually;
use crate::support::pods::template;
use crate::support::proxy::Proxy;
use crate::support::world::World;

fn pods(world: &World, prefix: &str, count: usize) -> Vec<Value> {
    let text = format!("local:{}/db", world.namespace);
    (0..count)
        .map(|number| {
            let name = format!("{prefix}{number}");
            template(&[(&format!("secret.{name}"), &text)])
                .unschedulable()
                .pod(&name)
        })
        .collect()
}

async fn create_all(world: &World, pods: Vec<Value>) {
    futures::stream::iter(pods)
        .for_each_concurrent(32, |pod| async { drop(world.create(pod).await) })
        .await;
}

async fn secrets(world: &World, jasm: &Controller, count: usize) {
    let ours = ListParams::default().labels("app.kubernetes.io/managed-by=jasm");
    eventually(&format!("{count} Secrets"), || async {
        (world
            .secrets()
            .list_metadata(&ours)
            .await
            .unwrap()
            .items
            .len()
            == count)
            .then_some(())
    })
    .await;
    eventually("nothing is under way", || async {
        (jasm.metric("jasm_queue_running", &[]).await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_thousand_pods_at_once_are_all_served() {
    let world = World::new("burst").await;
    world.put("db", r#"{"user":"app"}"#);
    let jasm = world.jasm_with(&[]).await;
    jasm.ready().await;
    create_all(&world, pods(&world, "p", 1000)).await;
    secrets(&world, &jasm, 1000).await;
    assert_eq!(jasm.writes().await, 1000.0);
    let calls = jasm.calls().await;
    assert!(calls < 100.0, "{calls} reads of one entry");
    assert_eq!(
        jasm.metric("jasm_undecodable_objects_total", &[]).await,
        0.0
    );
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_wire_that_is_cut_loses_nothing_and_causes_no_rewrite() {
    let world = World::new("cut").await;
    world.put("db", r#"{"user":"app"}"#);
    let proxy = Proxy::to(cluster().server.trim_start_matches("https://").to_owned()).await;
    world
        .write_kubeconfig(Some(format!("https://{}", proxy.address)))
        .await;
    let jasm = world.jasm_with(&[]).await;
    jasm.ready().await;
    for round in 0..5 {
        let prefix = format!("r{round}-");
        let cut = async {
            for _ in 0..3 {
                proxy.cut();
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(create_all(&world, pods(&world, &prefix, 20)), cut);
        proxy.cut();
    }
    secrets(&world, &jasm, 100).await;
    // An answer that is cut off is a write all the same, so the API server is asked.
    let updates = world
        .requests()
        .into_iter()
        .filter(|request| request.resource == "secrets" && request.verb == "update");
    assert_eq!(updates.count(), 0, "no Secret is written again");
    assert!(
        jasm.metric("jasm_watch_restarts_total", &[]).await > 0.0,
        "the watch was really cut"
    );
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn it_is_ready_again_as_soon_as_the_api_server_is_back() {
    let world = World::new("back").await;
    let proxy = Proxy::to(cluster().server.trim_start_matches("https://").to_owned()).await;
    world
        .write_kubeconfig(Some(format!("https://{}", proxy.address)))
        .await;
    let jasm = world.jasm_with(&[]).await;
    jasm.ready().await;
    proxy.refuse(true);
    eventually("it is not ready without an API server", || async {
        (jasm.get("/readyz").await?.0 == 503).then_some(())
    })
    .await;
    proxy.refuse(false);
    jasm.ready().await;
}
