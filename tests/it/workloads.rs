//! Whatever makes the pod: its containers start, and the object goes with the workload.

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::pods::{Template, template};
use crate::support::world::World;

const ANNOTATION: &str = "provider: local\npath: NS/db\nsecretName: NAME\n";

fn asks(world: &World, secret: &str) -> Template {
    let text = ANNOTATION
        .replace("NS", &world.namespace)
        .replace("NAME", secret);
    template(&[("secret-sync", &text)])
}

fn owners(secret: &Secret) -> Vec<(String, String)> {
    let owners = secret.metadata.owner_references.iter().flatten();
    owners
        .map(|owner| (owner.kind.clone(), owner.name.clone()))
        .collect()
}

/// Runs the story for one kind of workload: created, running, owned, collected.
async fn story(world: &World, name: &str, workload: Value, owner: (&str, &str), pods: &str) {
    world.create(workload.clone()).await;
    if pods == "pod" {
        world.pod_runs(name).await;
    } else {
        world.running(name, 1).await;
    }
    let secret = world.secrets().get(name).await.unwrap();
    assert_eq!(owners(&secret), [(owner.0.to_owned(), owner.1.to_owned())]);
    let reference = &secret.metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!(
        (reference.controller, reference.block_owner_deletion),
        (None, None)
    );
    world.delete(&workload).await;
    eventually(
        &format!("the garbage collector takes Secret {name}"),
        || async {
            world
                .secrets()
                .get_opt(name)
                .await
                .unwrap()
                .is_none()
                .then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn every_workload_gets_its_secret_and_takes_it_along() {
    let world = World::new("workloads").await;
    world.put("db", r#"{"user":"app","port":5432}"#);
    let jasm = world.jasm().await;

    let deployment = asks(&world, "deploy")
        .env_from("deploy")
        .deployment("deploy", 1);
    let stateful = asks(&world, "stateful")
        .env("stateful", "user")
        .stateful_set("stateful", 1);
    let daemon = asks(&world, "daemon")
        .secret_volume("daemon")
        .daemon_set("daemon");
    let job = asks(&world, "job").env_from("job").job("job");
    let pod = asks(&world, "bare")
        .secret_volume("bare")
        .env("bare", "port")
        .pod("bare");
    tokio::join!(
        story(
            &world,
            "deploy",
            deployment,
            ("Deployment", "deploy"),
            "app"
        ),
        story(
            &world,
            "stateful",
            stateful,
            ("StatefulSet", "stateful"),
            "app"
        ),
        story(&world, "daemon", daemon, ("DaemonSet", "daemon"), "app"),
        story(&world, "job", job, ("Job", "job"), "app"),
        story(&world, "bare", pod, ("Pod", "bare"), "pod"),
    );
    assert_eq!(jasm.terminate().await, 0);
}

#[tokio::test]
async fn a_cron_jobs_next_run_never_sees_its_secret_vanish() {
    let world = World::new("cron").await;
    world.put("db", r#"{"user":"app"}"#);
    let _jasm = world.jasm().await;
    let cron = asks(&world, "cron").env_from("cron").cron_job("cron");
    let created = world.create(cron.clone()).await;
    let uid = created.metadata.uid.unwrap();
    // What the CronJob controller makes at its time, made now.
    let run = |name: &str| {
        let mut job = asks(&world, "cron").env_from("cron").job(name);
        job["metadata"]["ownerReferences"] = json!([{"apiVersion": "batch/v1", "kind": "CronJob", "name": "cron", "uid": uid, "controller": true}]);
        job
    };
    let first = run("cron-29380001");
    world.create(first.clone()).await;
    world.running("cron-29380001", 1).await;
    let secret = world.secrets().get("cron").await.unwrap();
    assert_eq!(owners(&secret), [("CronJob".to_owned(), "cron".to_owned())]);
    world.delete(&first).await;
    world.running("cron-29380001", 0).await;
    world.create(run("cron-29380002")).await;
    world.running("cron-29380002", 1).await;
    let after = world.secrets().get("cron").await.unwrap();
    assert_eq!(after.metadata.uid, secret.metadata.uid);
    assert_eq!(
        after.metadata.resource_version, secret.metadata.resource_version,
        "no write for the next run"
    );
    world.delete(&cron).await;
    eventually(
        "the garbage collector takes the CronJob's Secret",
        || async {
            world
                .secrets()
                .get_opt("cron")
                .await
                .unwrap()
                .is_none()
                .then_some(())
        },
    )
    .await;
}

#[tokio::test]
async fn a_retained_secret_outlives_its_workload() {
    let world = World::new("retain").await;
    world.put("db", r#"{"user":"app"}"#);
    let _jasm = world.jasm().await;
    let text = format!(
        "{}retain: true\n",
        ANNOTATION
            .replace("NS", &world.namespace)
            .replace("NAME", "kept")
    );
    let pod = template(&[("secret-sync", &text)])
        .env_from("kept")
        .pod("keeper");
    world.create(pod.clone()).await;
    world.pod_runs("keeper").await;
    assert_eq!(owners(&world.secrets().get("kept").await.unwrap()), []);
}
