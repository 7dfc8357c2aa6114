//! The controller may end at any moment: nothing is lost, nothing is done twice, nothing is asked
//! that need not be.

use std::collections::BTreeMap;

use kube::api::{DeleteParams, ListParams};

use crate::support::eventually;
use crate::support::pods::template;
use crate::support::world::World;

fn annotation(world: &World, entry: &str, secret: &str) -> String {
    format!(
        "provider: local\npath: {}/{entry}\nsecretName: {secret}\n",
        world.namespace
    )
}

#[tokio::test]
async fn a_restart_asks_and_writes_only_what_changed_meanwhile() {
    let world = World::new("restart").await;
    let jasm = world.jasm().await;
    let mut deployments = BTreeMap::new();
    for name in ["same", "rolled", "deleted"] {
        world.put(name, r#"{"user":"app"}"#);
        let deployment = template(&[("secret-sync", &annotation(&world, name, name))])
            .env_from(name)
            .deployment(name, 2);
        world.create(deployment.clone()).await;
        deployments.insert(name, deployment);
    }
    for name in deployments.keys() {
        world.running(name, 2).await;
    }
    assert_eq!(jasm.terminate().await, 0);

    let before = world.requests().len();
    let jasm = world.jasm().await;
    eventually("every object is looked at", || async {
        (jasm.metric("jasm_targets", &["synced"]).await == 3.0).then_some(())
    })
    .await;
    assert_eq!((jasm.calls().await, jasm.writes().await), (0.0, 0.0));
    let looked: Vec<_> = world
        .requests()
        .into_iter()
        .skip(before)
        .filter(|request| request.resource != "pods")
        .collect();
    assert_eq!(looked.len(), 3, "one GET for each target: {looked:?}");
    assert!(
        looked
            .iter()
            .all(|request| request.verb == "get" && request.resource == "secrets"),
        "{looked:?}"
    );
    assert_eq!(jasm.terminate().await, 0);

    // Meanwhile: a rollout that asks for less, a Secret that is deleted while its pod waits, a new pod.
    let keys = format!(
        "{}keys: {{name: user}}\n",
        annotation(&world, "rolled", "rolled")
    );
    let rolled = template(&[("secret-sync", &keys)])
        .env_from("rolled")
        .deployment("rolled", 2);
    world.roll(&rolled).await;
    world.rolled_out(&rolled, 2).await;
    world
        .secrets()
        .delete("deleted", &DeleteParams::default())
        .await
        .unwrap();
    world.restart(&deployments["deleted"]).await;
    world.waiting("deleted").await;
    world.put("new", r#"{"user":"app"}"#);
    let pod = template(&[("secret-sync", &annotation(&world, "new", "new"))])
        .env_from("new")
        .pod("new");
    world.create(pod).await;
    eventually("the new pod is there", || async {
        world.pods().get_opt("new").await.unwrap()
    })
    .await;

    let jasm = world.jasm().await;
    world.expect("rolled", &[("name", "app")]).await;
    world.rolled_out(&deployments["deleted"], 2).await;
    world.pod_runs("new").await;
    assert_eq!(jasm.calls().await, 3.0, "one read for each of the three");
    let log = jasm.log_text();
    assert_eq!(jasm.writes().await, 3.0, "{log}");
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn killed_at_twenty_moments_of_a_burst_it_loses_nothing_and_does_nothing_twice() {
    const PODS: usize = 300;
    let world = World::new("killed").await;
    for number in 0..PODS {
        world.put(&format!("e{number}"), &format!("{{\"number\":{number}}}"));
    }
    let create = async {
        for number in 0..PODS {
            let name = format!("p{number}");
            let text = annotation(&world, &format!("e{number}"), &name);
            world
                .create(
                    template(&[("secret-sync", &text)])
                        .env_from(&name)
                        .unschedulable()
                        .pod(&name),
                )
                .await;
        }
    };
    let kill = async {
        for _ in 0..20 {
            let jasm = world.jasm_with(&[]).await;
            // A random moment: some die while they list, some in the middle of a write.
            let moment = std::time::Duration::from_millis(fastrand::u64(0..600));
            let _ = tokio::time::timeout(moment, std::future::pending::<()>()).await;
            jasm.kill().await;
        }
    };
    tokio::join!(create, kill);
    let jasm = world.jasm().await;
    eventually("every Secret is there", || async {
        let ours = ListParams::default().labels("app.kubernetes.io/managed-by=jasm");
        (world
            .secrets()
            .list_metadata(&ours)
            .await
            .unwrap()
            .items
            .len()
            == PODS)
            .then_some(())
    })
    .await;
    for number in [0, 1, 150, PODS - 1] {
        world
            .expect(&format!("p{number}"), &[("number", &number.to_string())])
            .await;
    }
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for request in world.requests() {
        assert!(request.code != 403, "{request:?}");
        let wrote = matches!(request.verb.as_str(), "create" | "update") && request.code < 300;
        if request.resource == "secrets" && wrote {
            *made.entry(request.name).or_default() += 1;
        }
    }
    let twice: Vec<_> = made.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "written more than once: {twice:?}");
    assert_eq!(jasm.terminate().await, 0);
}
