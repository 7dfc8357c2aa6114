//! What a target holds while revisions and workloads change: the union over live pods, the newer
//! revision first, the holder of a key before others; and nothing flips back.

use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::pods::template;
use crate::support::world::World;

async fn world(test: &str) -> World {
    let world = World::new(test).await;
    world.put("a", r#"{"user":"a","password":"a","extra":"a"}"#);
    world.put("b", r#"{"user":"b","password":"b"}"#);
    world
}

/// A Deployment whose pods run whatever the Secret holds.
fn asks(world: &World, name: &str, text: &str) -> Value {
    let text = text.replace("NS", &world.namespace);
    let mut deployment = template(&[("secret-sync", &text)])
        .secret_volume("db")
        .deployment(name, 2);
    deployment["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    deployment
}

/// The same with a pod that never starts, so that the rollout stays half done.
fn stuck(mut deployment: Value) -> Value {
    deployment["spec"]["template"]["spec"]["nodeSelector"] = json!({"nowhere": "yes"});
    deployment
}

const A: &str =
    "{provider: local, path: NS/a, secretName: db, keys: {user: user, password: password}}";
const A_AND_EXTRA: &str = "{provider: local, path: NS/a, secretName: db, keys: {user: user, password: password, extra: extra}}";
const A_WITHOUT_PASSWORD: &str =
    "{provider: local, path: NS/a, secretName: db, keys: {user: user}}";
const PASSWORD_FROM_B: &str = "[{provider: local, path: NS/a, secretName: db, keys: {user: user}}, \
    {provider: local, path: NS/b, secretName: db, keys: {password: password}}]";

/// Waits until nothing is under way after at least this many changes of content; what is asked may
/// have been noted anew once more.
async fn settled(jasm: &crate::support::controller::Controller, changes: usize) {
    eventually(
        &format!("{changes} changes and nothing under way"),
        || async {
            let written = jasm
                .lines()
                .iter()
                .filter(|line| line["message"] == "written")
                .count();
            assert!(
                written <= changes,
                "{written} changes where {changes} were expected"
            );
            (written == changes && jasm.metric("jasm_queue_running", &[]).await == 0.0)
                .then_some(())
        },
    )
    .await;
    let writes = jasm.writes().await;
    assert!(
        writes <= changes as f64 + 1.0,
        "{writes} writes for {changes} changes of content"
    );
}

#[tokio::test]
async fn a_rollout_adds_drops_and_resources_keys_without_a_pod_that_lacks_one() {
    let world = world("rollout").await;
    let jasm = world.jasm().await;
    world.create(asks(&world, "shop", A)).await;
    world.running("shop", 2).await;
    world
        .expect("db", &[("user", "a"), ("password", "a")])
        .await;

    world.roll(&asks(&world, "shop", A_AND_EXTRA)).await;
    world
        .expect("db", &[("user", "a"), ("password", "a"), ("extra", "a")])
        .await;
    world.running("shop", 2).await;

    // While old pods live, what they ask stays; when the last is gone, the key goes.
    world
        .roll(&stuck(asks(&world, "shop", A_WITHOUT_PASSWORD)))
        .await;
    eventually("a pod of the new revision waits", || async {
        let pods = world
            .pods()
            .list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items;
        (pods.len() == 3).then_some(())
    })
    .await;
    world
        .expect("db", &[("user", "a"), ("password", "a"), ("extra", "a")])
        .await;
    world.roll(&asks(&world, "shop", A_WITHOUT_PASSWORD)).await;
    world
        .rolled_out(&asks(&world, "shop", A_WITHOUT_PASSWORD), 2)
        .await;
    world.expect("db", &[("user", "a")]).await;

    world.roll(&asks(&world, "shop", PASSWORD_FROM_B)).await;
    world
        .rolled_out(&asks(&world, "shop", PASSWORD_FROM_B), 2)
        .await;
    world
        .expect("db", &[("user", "a"), ("password", "b")])
        .await;
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn an_old_pod_that_is_evicted_in_mid_rollout_does_not_flip_a_key_back() {
    let world = world("evicted").await;
    let jasm = world.jasm().await;
    world.create(asks(&world, "shop", A)).await;
    world.running("shop", 2).await;
    world
        .roll(&stuck(asks(&world, "shop", PASSWORD_FROM_B)))
        .await;
    // Both revisions want `password`; the newer one has its way.
    world
        .expect("db", &[("user", "a"), ("password", "b")])
        .await;
    settled(&jasm, 2).await;

    let pods = world
        .pods()
        .list(&kube::api::ListParams::default())
        .await
        .unwrap()
        .items;
    let old = pods
        .iter()
        .find(|pod| pod.spec.as_ref().unwrap().node_selector.is_none())
        .unwrap();
    let name = old.metadata.name.clone().unwrap();
    let reads = jasm.calls().await;
    eventually("the eviction is followed by a new read", || async {
        // Until a replacement is younger than the freshness of the last read.
        let pods = world
            .pods()
            .list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items;
        let old = pods
            .iter()
            .find(|pod| pod.spec.as_ref().unwrap().node_selector.is_none())?;
        let _ = world
            .pods()
            .delete(old.metadata.name.as_ref()?, &DeleteParams::default())
            .await;
        (jasm.calls().await > reads).then_some(())
    })
    .await;
    eventually("the evicted pod is gone", || async {
        world
            .pods()
            .get_opt(&name)
            .await
            .unwrap()
            .is_none()
            .then_some(())
    })
    .await;
    settled(&jasm, 2).await;
    world
        .expect("db", &[("user", "a"), ("password", "b")])
        .await;

    // A rollback gives the old revision a new number, and with it the key.
    world.roll(&asks(&world, "shop", A)).await;
    world.rolled_out(&asks(&world, "shop", A), 2).await;
    world
        .expect("db", &[("user", "a"), ("password", "a")])
        .await;
    assert!(
        !world
            .events()
            .await
            .iter()
            .any(|(reason, _, _)| reason == "Conflict"),
        "between revisions it is silent"
    );
}

#[tokio::test]
async fn a_stateful_set_with_a_partition_serves_both_revisions() {
    let world = world("partition").await;
    let jasm = world.jasm().await;
    let asks = |text: &str| {
        template(&[("secret-sync", &text.replace("NS", &world.namespace))])
            .secret_volume("db")
            .stateful_set("shop", 2)
    };
    let mut old = asks(A);
    old["spec"]["updateStrategy"] =
        json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 1}});
    world.create(old.clone()).await;
    world.running("shop", 2).await;
    world
        .expect("db", &[("user", "a"), ("password", "a")])
        .await;
    world.roll(&asks(PASSWORD_FROM_B)).await;
    // Pod 1 is of the new revision, pod 0 of the old one, for as long as the partition stands.
    world
        .expect("db", &[("user", "a"), ("password", "b")])
        .await;
    settled(&jasm, 2).await;
    world.running("shop", 2).await;
    world
        .pods()
        .delete("shop-0", &DeleteParams::default())
        .await
        .unwrap();
    world.running("shop", 2).await;
    settled(&jasm, 2).await;
    world
        .expect("db", &[("user", "a"), ("password", "b")])
        .await;
}

/// Two workloads on one target; JASM may or may not change owners.
async fn shared(world: World, may_change_owners: bool) {
    if may_change_owners {
        world
            .set_rules(|rules| rules[1]["verbs"] = json!(["create", "get", "update", "delete"]))
            .await;
    }
    let jasm = world.jasm().await;
    world.create(asks(&world, "first", A)).await;
    world.running("first", 2).await;
    let second = asks(
        &world,
        "second",
        "{provider: local, path: NS/b, secretName: db, keys: {password: password, name: user}}",
    );
    world.create(second.clone()).await;
    // The first holds `password` and keeps it; what only the second asks for comes in.
    world
        .expect("db", &[("user", "a"), ("password", "a"), ("name", "b")])
        .await;
    world.running("second", 2).await;
    let note = world.event("Conflict", "second").await;
    for word in [
        "\"password\"",
        "Deployment/first",
        "Deployment/second",
        "/a#password",
        "/b#password",
    ] {
        assert!(note.contains(word), "{word} is not in {note}");
    }
    assert!(
        !world
            .events()
            .await
            .iter()
            .any(|(reason, name, _)| reason == "Conflict" && name.starts_with("first"))
    );

    let secret = world.secrets().get("db").await.unwrap();
    let owners: Vec<_> = secret
        .metadata
        .owner_references
        .iter()
        .flatten()
        .map(|owner| owner.name.clone())
        .collect();
    if may_change_owners {
        assert_eq!(owners, ["first", "second"]);
    } else {
        assert_eq!(owners, ["first"]);
        let note = world.event("WriteFailed", "second").await;
        assert!(note.contains("\"delete\""), "{note}");
    }
    // New pods of either change nothing.
    let writes = jasm.writes().await;
    world.restart(&asks(&world, "first", A)).await;
    world.restart(&second).await;
    world.rolled_out(&asks(&world, "first", A), 2).await;
    world.rolled_out(&second, 2).await;
    world
        .expect("db", &[("user", "a"), ("password", "a"), ("name", "b")])
        .await;
    assert_eq!(jasm.writes().await, writes);

    // When the holder leaves the target, the other gets the key.
    world
        .roll(&asks(
            &world,
            "first",
            "{provider: local, path: NS/a, secretName: other, keys: {user: user}}",
        ))
        .await;
    world
        .expect("db", &[("password", "b"), ("name", "b")])
        .await;
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn two_workloads_share_a_target_and_both_own_it() {
    shared(world("shared").await, true).await;
}

#[tokio::test]
async fn two_workloads_share_a_target_where_owners_may_not_be_changed() {
    shared(world("sharedby").await, false).await;
}

#[tokio::test]
async fn a_request_that_says_the_same_otherwise_is_no_write_and_no_read_for_every_look() {
    let world = world("otherwise").await;
    let jasm = world.jasm().await;
    world.create(asks(&world, "shop", A)).await;
    world.running("shop", 2).await;
    world
        .roll(&stuck(asks(
            &world,
            "shop",
            &A.replace(
                "}}",
                "}, optional: false, retain: false, names: as-is, prefix: a}",
            ),
        )))
        .await;
    world.waiting_unscheduled("shop").await;
    let looks = || {
        let requests = world.requests();
        requests
            .iter()
            .filter(|request| request.resource == "secrets" && request.verb == "get")
            .count()
    };
    eventually("the new request is worked off", || async {
        (looks() > 0).then_some(())
    })
    .await;
    let (before, calls) = (looks(), jasm.calls().await);
    eventually(
        "the waiting pod's Secret is looked at twice more",
        || async { (looks() >= before + 2).then_some(()) },
    )
    .await;
    assert_eq!((jasm.calls().await, jasm.writes().await), (calls, 1.0));
}

#[tokio::test]
async fn a_workload_keeps_its_keys_while_its_only_pod_is_replaced() {
    let world = world("replaced").await;
    world
        .set_rules(|rules| rules[1]["verbs"] = json!(["create", "get", "update", "delete"]))
        .await;
    let jasm = world.jasm().await;
    let annotated = |text: &str| {
        template(&[("secret-sync", &text.replace("NS", &world.namespace))]).secret_volume("db")
    };
    let holder = annotated(A).stateful_set("holder", 1);
    world.create(holder.clone()).await;
    world.running("holder", 1).await;
    let other =
        "{provider: local, path: NS/b, secretName: db, keys: {password: password, name: user}}";
    world.create(annotated(other).deployment("other", 1)).await;
    let content = [("user", "a"), ("password", "a"), ("name", "b")];
    world.expect("db", &content).await;
    world.running("other", 1).await;

    world.scale(&holder, 0).await;
    world.running("holder", 0).await;
    let reads = jasm.calls().await;
    let theirs = kube::api::ListParams::default().labels("app=other");
    eventually("a new pod of the other workload causes a read", || async {
        let background = DeleteParams::default();
        world
            .pods()
            .delete_collection(&background, &theirs)
            .await
            .unwrap();
        world.running("other", 1).await;
        (jasm.calls().await > reads).then_some(())
    })
    .await;
    settled(&jasm, 2).await;
    world.expect("db", &content).await;
    world.scale(&holder, 1).await;
    world.running("holder", 1).await;
    settled(&jasm, 2).await;
    world.expect("db", &content).await;
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_replica_set_that_is_adopted_anew_gives_its_secret_a_living_owner() {
    let world = world("adopted").await;
    world
        .set_rules(|rules| rules[1]["verbs"] = json!(["create", "get", "update", "delete"]))
        .await;
    let _jasm = world.jasm().await;
    let shop = asks(&world, "shop", A);
    world.create(shop.clone()).await;
    world.running("shop", 2).await;
    let dead = world
        .secrets()
        .get("db")
        .await
        .unwrap()
        .metadata
        .owner_references
        .unwrap()[0]
        .uid
        .clone();
    world.orphan(&shop).await;
    world.create(shop.clone()).await;
    world.rolled_out(&shop, 2).await;
    world.scale(&shop, 3).await;
    let theirs = kube::api::ListParams::default().labels("app=shop");
    let owner = eventually(
        "pods that start later give the Secret a new owner",
        || async {
            world.running("shop", 3).await;
            let background = DeleteParams::default();
            world
                .pods()
                .delete_collection(&background, &theirs)
                .await
                .unwrap();
            let secret = world.secrets().get_opt("db").await.unwrap()?;
            Some(secret.metadata.owner_references?[0].uid.clone())
        },
    )
    .await;
    assert_ne!(owner, dead);
    let deployment = world.get(&shop).await;
    assert_eq!(deployment.metadata.uid.as_deref(), Some(owner.as_str()));
    world.running("shop", 3).await;
}
