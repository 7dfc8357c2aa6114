//! Stores that are read as the pod: as a ServiceAccount of the cluster, with its own tokens.

use std::sync::Arc;

use jasm_fakes::Server;
use jasm_fakes::gcp::{Gcp, Pool};
use serde_json::json;

use super::{MARKER, doctor, finding, is};
use crate::support::clouds;
use crate::support::cluster::cluster;
use crate::support::world::World;

const PROJECT: &str = "acme-prod";

#[tokio::test]
async fn a_store_is_read_as_the_service_account_that_is_named() {
    let world = World::new("doctoras").await;
    let namespace = &world.namespace;
    for name in ["web", "other", "idle"] {
        let account =
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
        world.create(account).await;
    }
    for name in ["web", "other"] {
        world
            .create(
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
                "spec": {"serviceAccountName": name, "automountServiceAccountToken": false,
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "c", "image": "registry.example/c"}]}}),
            )
            .await;
    }
    let issuer = clouds::issuer(&world).await;
    let gcp = Arc::new(Gcp::new(clouds::trust(&issuer).await));
    gcp.add_pool(Pool::gke(PROJECT, "europe-west1", "prod", &issuer));
    let server = Server::start(Arc::clone(&gcp), 0, None).await.unwrap();
    let entry = format!("projects/{PROJECT}/secrets/db");
    gcp.secrets.put(&entry, MARKER.as_bytes());
    let principal = format!("serviceAccount:{PROJECT}.svc.id.goog[{namespace}/web]");
    gcp.grants.allow(&principal, &entry);
    let endpoint = server.endpoint();
    let config = format!(
        "storeTimeout: 5s\nstores:\n- {{name: gcp-secretmanager, kind: gcp-secretmanager, project: {PROJECT}, \
         clusterProject: {PROJECT}, clusterLocation: europe-west1, clusterName: prod, identity: workload, \
         endpoint: '{endpoint}', stsEndpoint: '{endpoint}', iamEndpoint: '{endpoint}'}}\n"
    );
    std::fs::write(world.config_file(), config).unwrap();
    let admin = cluster().kubeconfig.as_str();
    let ask = |account: &str, more: &[&str]| {
        let named = format!("{namespace}/{account}");
        let mut args: Vec<String> = ["--kubeconfig", admin, "--format", "json", "--as", &named]
            .map(str::to_owned)
            .into();
        args.extend(more.iter().map(|word| (*word).to_owned()));
        let folder = world.dir.path().to_owned();
        async move {
            let args: Vec<_> = args.iter().map(String::as_str).collect();
            doctor(&folder, &[], &args).await
        }
    };
    let store = "gcp-secretmanager";
    let read = ["--read", "gcp:db"];
    let report = ask("web", &read).await.json();
    is(&finding(&report, store, "identity"), "ok", &principal);
    is(
        &finding(&report, store, "read"),
        "ok",
        "db: secret, text, 14 bytes, version 1",
    );

    // Another one gets a token of its own, and is refused by the cloud.
    let report = ask("other", &read).await.ends(1).json();
    is(
        &finding(&report, store, "identity"),
        "ok",
        &format!("[{namespace}/other]"),
    );
    let refused = finding(&report, store, "read");
    is(
        &refused,
        "fail",
        "AccessSecretVersion is not allowed for db",
    );
    assert!(
        refused["fix"]
            .as_str()
            .unwrap()
            .contains("the cloud identity of the ServiceAccount"),
        "{refused:#}"
    );
    // Without an entry a call that names none is made; that one is refused too.
    let report = ask("other", &[]).await.json();
    is(
        &finding(&report, store, "read"),
        "warn",
        "ListSecrets is not allowed",
    );

    let report = ask("idle", &read).await.ends(1).json();
    is(
        &finding(&report, store, "identity"),
        "fail",
        "no pod of the ServiceAccount",
    );
    let report = ask("nobody", &read).await.ends(1).json();
    is(
        &finding(&report, store, "identity"),
        "fail",
        "nobody does not exist",
    );
    // A cloud that believes another cluster.
    let report = {
        let foreign = Arc::new(Gcp::new(Arc::default()));
        foreign.add_pool(Pool::gke(PROJECT, "europe-west1", "prod", &issuer));
        let server = Server::start(foreign, 0, None).await.unwrap();
        let text = std::fs::read_to_string(world.config_file()).unwrap();
        std::fs::write(
            world.config_file(),
            text.replace(&endpoint, &server.endpoint()),
        )
        .unwrap();
        ask("web", &read).await.ends(1).json()
    };
    let found = finding(&report, store, "identity");
    is(
        &found,
        "fail",
        "google does not accept the token of the ServiceAccount",
    );
}
