//! `jasm explain`: of manifests, and of live pods with and without rights.

use serde_json::json;

use crate::support::call::{Call, folder, jasm};
use crate::support::cluster::cluster;
use crate::support::eventually;
use crate::support::pods::template;
use crate::support::world::World;

const CONFIG: &str = "stores:
- name: aws-secretsmanager
  kind: aws-secretsmanager
  region: eu-west-1
  identity: controller
  allow:
  - namespaces: [\"shop\"]
    paths: [\"/shop/**\"]
";

const MANIFEST: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  template:
    metadata:
      annotations:
        jasm.codnod.io/secret-sync: |
          provider: aws
          path: /shop/db
          secretName: shop-db
          version: AWSPREVIOUS
          keys: {PASSWORD: password}
        jasm.codnod.io/secret.other: aws:/elsewhere/x -> X
    spec:
      serviceAccountName: seller
      containers:
      - name: shop
        env:
        - {name: PW, valueFrom: {secretKeyRef: {name: shop-db, key: PASSWORD}}}
";

#[test]
fn manifests_are_explained_without_a_store() {
    let dir = folder(&[("jasm.yaml", CONFIG), ("shop.yaml", MANIFEST)]);
    let call = ["explain", "-f", "shop.yaml", "--config", "jasm.yaml"];
    let said = jasm(dir.path(), &call, b"").ends(1).out;
    for part in [
        "Deployment shop in shop (shop.yaml:3), running as the account seller",
        "Secret shop-db",
        "from aws-secretsmanager:/shop/db, version AWSPREVIOUS (secret-sync)",
        "keys: PASSWORD (its password)",
        "read as: JASM's own identity",
        "allowed by rule 1 of the store \"aws-secretsmanager\", {namespaces: [\"shop\"], paths: [\"/shop/**\"]} (jasm.yaml:7)",
        "used by PW of the container \"shop\" (key PASSWORD)",
        "Secret other",
        "refused: the store \"aws-secretsmanager\" does not let the namespace shop read /elsewhere/x",
        "used by nothing",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let mut call = call.to_vec();
    call.extend(["--format", "json"]);
    let report = jasm(dir.path(), &call, b"").ends(1).json();
    let objects = report[0]["objects"].as_array().unwrap();
    let db = objects
        .iter()
        .find(|object| object["name"] == "shop-db")
        .unwrap();
    assert_eq!(db["keys"], json!(["PASSWORD"]));
    assert_eq!(db["sources"][0]["allowed"], true);
    // Without a config nothing is said of what is allowed.
    let said = jasm(dir.path(), &["explain", "-f", "-"], MANIFEST.as_bytes())
        .ends(0)
        .out;
    assert!(
        said.contains("--config") && !said.contains("refused"),
        "{said}"
    );
}

/// `jasm explain pod` with the kubeconfig of everybody's rights, or of JASM's account.
fn explain(world: &World, pod: &str, kubeconfig: &str, more: &[&str]) -> Call {
    let mut call = vec![
        "explain",
        "pod",
        pod,
        "-n",
        &world.namespace,
        "--kubeconfig",
        kubeconfig,
    ];
    call.extend(more);
    jasm(world.dir.path(), &call, b"")
}

#[tokio::test]
async fn a_live_pod_is_explained_from_its_trouble_to_its_end() {
    let world = World::new("explain").await;
    let namespace = &world.namespace;
    let admin = &cluster().kubeconfig;
    let text = format!("provider: local\npath: {namespace}/db\nsecretName: db\n");
    let manifest = template(&[("secret-sync", &text)])
        .env("db", "password")
        .deployment("shop", 1);
    world.create(manifest).await;
    let pod = eventually("the pod is there", || async {
        let pods = world
            .pods()
            .list(&kube::api::ListParams::default())
            .await
            .unwrap()
            .items;
        pods.into_iter().next().and_then(|pod| pod.metadata.name)
    })
    .await;
    world.waiting("shop").await;
    // Nobody has done anything yet.
    let said = explain(&world, &pod, admin, &["--config", "jasm.yaml"])
        .ends(1)
        .out;
    for part in [
        "Deployment/shop",
        "it is not there",
        "Next: See whether JASM runs",
        "allowed by rule 1",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }

    let running = world.jasm().await;
    world.event("FetchFailed", &pod).await;
    let report = explain(&world, &pod, admin, &["--format", "json"])
        .ends(1)
        .json();
    assert!(
        report["next"]
            .as_str()
            .unwrap()
            .starts_with("See that the entry is there"),
        "{report:#}"
    );
    let unseen = report["unseen"].to_string();
    assert!(unseen.contains("jasm-system/jasm-config"), "{unseen}");

    world.put("db", r#"{"user":"app"}"#);
    world.expect("db", &[("user", "app")]).await;
    eventually("the recovery is said", || async {
        let said = explain(&world, &pod, admin, &["--config", "jasm.yaml"]).out;
        said.contains("it is there and JASM's").then_some(())
    })
    .await;
    eventually("the missing key is named", || async {
        let said = explain(&world, &pod, admin, &["--config", "jasm.yaml"]).out;
        said.contains("the key \"password\" of Secret db")
            .then_some(())
    })
    .await;

    // An edited annotation is what makes JASM read again now.
    world.put("db", r#"{"user":"app","password":"hunter2-secret"}"#);
    let edited = json!({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": pod}});
    let again = json!({"metadata": {"annotations": {"jasm.codnod.io/secret-sync": format!("{text}names: as-is\n")}}});
    world.patch(&edited, again).await;
    world.pod_runs(&pod).await;
    let said = eventually("all is well", || async {
        let said = explain(&world, &pod, admin, &["--config", "jasm.yaml"]);
        (said.code == 0).then_some(said.out)
    })
    .await;
    for part in [
        "SecretSynced",
        "owned by Deployment/shop",
        "of type Opaque",
        "keys: password, user",
        "at version",
        "Next: Nothing to do",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    drop(running);
}

#[tokio::test]
async fn of_a_live_pod_the_service_account_is_looked_at() {
    let world = World::new("explainaccount").await;
    let admin = &cluster().kubeconfig;
    let config = "stores:\n- {name: aws-secretsmanager, kind: aws-secretsmanager, region: eu-west-1, identity: workload}\n";
    std::fs::write(world.dir.path().join("workload.yaml"), config).unwrap();
    let text = "provider: aws\npath: /shop/db\nsecretName: db\n";
    let pod = template(&[("secret-sync", text)])
        .unschedulable()
        .pod("shop");
    world.create(pod).await;
    let reader = || {
        let args = ["--config", "workload.yaml", "--format", "json"];
        let report = explain(&world, "shop", admin, &args).json();
        report["objects"][0]["sources"][0].clone()
    };
    let annotation = "eks.amazonaws.com/role-arn";
    let found = reader();
    assert_eq!(
        found["serviceAccount"],
        format!("{}/default", world.namespace)
    );
    assert_eq!(found["lacks"], json!([annotation]));
    let said = explain(&world, "shop", admin, &["--config", "workload.yaml"]).out;
    let words = format!(
        "read as: the ServiceAccount {}/default, which lacks the annotation {annotation}",
        world.namespace
    );
    assert!(said.contains(&words), "{said}");
    let account =
        json!({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "default"}});
    let role =
        json!({"metadata": {"annotations": {annotation: "arn:aws:iam::123456789012:role/shop"}}});
    world.patch(&account, role).await;
    assert_eq!(reader()["lacks"], json!([]));
}

#[tokio::test]
async fn what_the_caller_may_not_see_is_said_and_the_rest_is_shown() {
    let world = World::new("explainless").await;
    let text = format!(
        "provider: local\npath: {}/db\nsecretName: db\n",
        world.namespace
    );
    world.put("db", r#"{"user":"app"}"#);
    let pod = template(&[("secret-sync", &text)])
        .unschedulable()
        .pod("shop");
    world.create(pod).await;
    // JASM's own account may list pods and get no single one.
    let kubeconfig = world.dir.path().join("kubeconfig").display().to_string();
    let said = explain(&world, "shop", &kubeconfig, &[]).ends(2).err;
    assert!(
        said.contains("it needs \"get\" on pods in the namespace"),
        "{said}"
    );

    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": {"name": "look"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]});
    world.create(role).await;
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "look"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"},
        "subjects": [{"kind": "ServiceAccount", "name": "jasm", "namespace": world.namespace}]});
    world.create(binding).await;
    let said = eventually(
        "the right is in force and the scheduler has spoken",
        || async {
            let said = explain(&world, "shop", &kubeconfig, &["--config", "jasm.yaml"]);
            (said.code == 1 && said.out.contains("no node takes it")).then_some(said.out)
        },
    )
    .await;
    for part in [
        "the events may not be seen by you: it needs \"list\" on events",
        "Secret db",
        "allowed by rule 1",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    let admin = &cluster().kubeconfig;
    let said = explain(&world, "nobody", admin, &[]).ends(2).err;
    assert!(
        said.contains("there is no pod nobody in the namespace"),
        "{said}"
    );
    let said = explain(&world, "../x", admin, &[]).ends(2).err;
    assert!(said.contains("cannot be the name of a pod"), "{said}");
    let said = explain(&world, "shop", admin, &["--context", "nowhere"])
        .ends(2)
        .err;
    assert!(said.contains("the kubeconfig cannot be used"), "{said}");
    let said = explain(&world, "shop", "/nonexistent", &[]).ends(2).err;
    assert!(
        said.contains("the kubeconfig /nonexistent cannot be read"),
        "{said}"
    );
}
