//! Google's stores as a workload, against the fake cloud.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jasm_fakes::gcp::{Format, Gcp, Node, Pool, State};
use jasm_fakes::{Fault, Server, Signer};
use jasm_providers::{ErrorKind, Known, Source, gcp};
use serde_json::json;

use crate::support::{Calls, assert_clean, kind, list, read_one, soon, text, versioned, want};
use crate::wire::{Reply, Wire};
use crate::workload::{Account, ISSUER, cluster};

pub(crate) const PROJECT: &str = "acme-prod";
pub(crate) const SHOP: &str = "serviceAccount:acme-prod.svc.id.goog[shop/web]";
const READER: &str = "reader@acme-prod.iam.gserviceaccount.com";

pub(crate) struct World {
    pub(crate) cloud: Arc<Gcp>,
    pub(crate) server: Server,
    signer: Arc<Signer>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let (trust, signer) = cluster();
        let cloud = Arc::new(Gcp::new(trust));
        cloud.add_pool(Pool::gke(PROJECT, "europe-west1", "prod", ISSUER));
        let server = Server::start(Arc::clone(&cloud), 0, None).await.unwrap();
        Self {
            cloud,
            server,
            signer,
        }
    }

    pub(crate) fn options(&self) -> gcp::Options {
        let endpoint = self.server.endpoint();
        gcp::Options {
            endpoint: Some(endpoint.clone()),
            hosts: gcp::Hosts {
                sts: endpoint.clone(),
                iam_credentials: endpoint.clone(),
                oauth: endpoint.clone(),
                kms: endpoint.clone(),
                metadata: endpoint,
            },
            cluster: gcp::Cluster {
                project: Some(PROJECT.into()),
                location: Some("europe-west1".into()),
                name: Some("prod".into()),
                ..gcp::Cluster::default()
            },
            ..gcp::Options::new(PROJECT)
        }
    }

    fn secrets(&self, account: Account) -> (gcp::SecretManager, Arc<Account>) {
        let (identity, account) = account.identity();
        let connection = gcp::Connection::new(&self.options()).unwrap();
        let calls = Calls::default();
        let source = gcp::SecretManager::new(&connection, identity, calls.observer());
        (source.unwrap(), account)
    }

    pub(crate) fn web(&self) -> Account {
        Account::new(&self.signer, ("shop", "web"), &[])
    }

    /// A token of a ServiceAccount of the cluster.
    pub(crate) fn token(&self, namespace: &str, account: &str, audience: &str) -> String {
        let token = self.signer.token(namespace, account, audience, 600);
        token.unwrap()
    }

    fn put(&self, name: &str, value: &[u8]) -> String {
        let full = format!("projects/{PROJECT}/secrets/{name}");
        self.cloud.secrets.put(&full, value);
        full
    }
}

#[tokio::test]
async fn a_workload_reads_what_its_own_principal_may() {
    let world = World::new().await;
    let (source, account) = world.secrets(world.web());
    let full = world.put("db", b"one");
    world.cloud.grants.allow(SHOP, &full);
    let entry = read_one(&source, want("db")).await;
    assert_eq!(text(&entry), "one");
    assert_eq!(entry.unwrap().version.0, "1");
    assert_eq!(
        *account.audiences.lock().unwrap(),
        ["acme-prod.svc.id.goog"]
    );

    // A version by number and by alias; binary and empty values.
    world.cloud.secrets.put(&full, b"\xff\x00");
    world.cloud.secrets.set_alias(&full, "stable", 1);
    let current = read_one(&source, want("db")).await.unwrap();
    assert_eq!(
        (current.value.expose(), current.version.0.as_str()),
        (&b"\xff\x00"[..], "2")
    );
    for version in ["1", "stable"] {
        assert_eq!(
            text(&read_one(&source, versioned("db", version)).await),
            "one"
        );
    }

    // Not its own: refused by the cloud, and nobody else is tried.
    world.put("other", b"no");
    let refused = read_one(&source, want("other")).await;
    assert_eq!(kind(&refused), Some(ErrorKind::Denied));
    assert_clean(refused.as_ref().unwrap_err());
    let seen = world.server.record.of("secrets/other");
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(
        seen.iter()
            .all(|seen| seen.principal.as_deref() == Some(SHOP)),
        "{seen:?}"
    );
    assert_eq!(account.tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_workload_reads_as_the_service_account_that_it_names() {
    let world = World::new().await;
    let annotation = [("iam.gke.io/gcp-service-account", READER)];
    let source = || {
        let account = Account::new(&world.signer, ("shop", "web"), &annotation);
        world.secrets(account).0
    };
    let full = world.put("db", b"one");
    world
        .cloud
        .grants
        .allow(&format!("serviceAccount:{READER}"), &full);
    let refused = read_one(&source(), want("db")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert!(
        refused.message.contains("roles/iam.workloadIdentityUser")
            && refused.message.contains("shop/web"),
        "{refused}"
    );
    world
        .cloud
        .grants
        .allow(SHOP, &format!("serviceAccounts/{READER}"));
    assert_eq!(text(&read_one(&source(), want("db")).await), "one");
}

#[tokio::test]
async fn what_is_gone_or_spoilt_is_said_so() {
    let world = World::new().await;
    let (source, _) = world.secrets(world.web());
    let full = world.put("db", b"one");
    world.cloud.grants.allow(SHOP, &full);
    assert!(
        world
            .cloud
            .secrets
            .set_state(&full, "latest", State::Disabled)
    );
    let gone = read_one(&source, want("db")).await.unwrap_err();
    assert_eq!(gone.kind, ErrorKind::Gone);
    assert!(gone.message.contains("disabled or destroyed"), "{gone}");
    world.cloud.secrets.put(&full, b"two");
    world.cloud.secrets.spoil(&full);
    assert_eq!(
        kind(&read_one(&source, want("db")).await),
        Some(ErrorKind::Integrity)
    );
    assert_eq!(
        kind(&read_one(&source, versioned("db", "9")).await),
        Some(ErrorKind::NotFound)
    );
}

#[tokio::test]
async fn a_hundred_reads_of_one_identity_cost_one_exchange() {
    let world = World::new().await;
    let (source, account) = world.secrets(world.web());
    let full = world.put("db", b"one");
    world.cloud.grants.allow(SHOP, &full);
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let source = source.clone();
        reads.spawn(async move { read_one(&source, want("db")).await.is_ok() });
    }
    assert!(reads.join_all().await.into_iter().all(|read| read));
    assert_eq!(account.tokens.load(Ordering::SeqCst), 1);
    assert_eq!(world.server.record.of("/v1/token").len(), 1);

    // A token that is not accepted any more is replaced once.
    world.cloud.tokens.revoke_all();
    assert_eq!(text(&read_one(&source, want("db")).await), "one");
    assert_eq!(world.server.record.of("/v1/token").len(), 2);
    world
        .server
        .faults
        .play("*/secrets/*", Fault::status(401), None);
    assert_eq!(
        kind(&read_one(&source, want("db")).await),
        Some(ErrorKind::Unauthenticated)
    );
    // Once a minute: a store that refuses every token is not asked for with ever more of them.
    assert_eq!(world.server.record.of("/v1/token").len(), 2);
}

#[tokio::test]
async fn a_token_that_is_over_or_of_another_cluster_gives_none() {
    let world = World::new().await;
    let (_, foreign) = cluster();
    // Of a cluster that is trusted, but is not this pool's.
    let other = Arc::new(Signer::new("https://other.test").unwrap());
    world
        .cloud
        .trust
        .add("https://other.test", &other.jwks().unwrap())
        .unwrap();
    let accounts = [
        world.web().expired(),
        Account::new(&foreign, ("shop", "web"), &[]),
        Account::new(&other, ("shop", "web"), &[]),
    ];
    for account in accounts {
        let (source, _) = world.secrets(account);
        let refused = read_one(&source, want("db")).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Denied);
        assert!(
            refused
                .message
                .contains("does not accept the token of the ServiceAccount shop/web"),
            "{refused}"
        );
        assert_clean(&refused);
    }
    assert_eq!(world.server.record.of("/v1/token").len(), 3);
    assert!(world.server.record.of("/secrets/").is_empty());
}

#[tokio::test]
async fn what_is_missing_where_tokens_are_given_is_no_missing_entry() {
    let world = World::new().await;
    let full = world.put("db", b"one");
    world.cloud.grants.allow(SHOP, &full);
    let annotation = [("iam.gke.io/gcp-service-account", READER)];
    for path in ["*/v1/token", "*:generateAccessToken"] {
        world
            .cloud
            .grants
            .allow(SHOP, &format!("serviceAccounts/{READER}"));
        for status in [400, 403, 404] {
            world.server.faults.play(path, Fault::status(status), None);
            let (source, _) =
                world.secrets(Account::new(&world.signer, ("shop", "web"), &annotation));
            let refused = read_one(&source, want("db")).await.unwrap_err();
            assert_eq!(
                refused.kind,
                ErrorKind::Denied,
                "{path} {status}: {refused}"
            );
            assert!(refused.message.contains("shop/web"), "{refused}");
            world.server.faults.clear();
        }
    }
}

#[tokio::test]
async fn a_grant_is_advised_to_the_subject_of_the_pool_that_is_iams_own() {
    let world = World::new().await;
    world
        .cloud
        .add_pool(Pool::federation("7", "clusters", "prod", ISSUER));
    let pool = "iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/clusters";
    let options = gcp::Options {
        cluster: gcp::Cluster {
            provider: Some(format!("//{pool}/providers/prod")),
            ..gcp::Cluster::default()
        },
        ..world.options()
    };
    let annotation = [("iam.gke.io/gcp-service-account", READER)];
    let connection = gcp::Connection::new(&options).unwrap();
    let source = || {
        let (identity, _) = Account::new(&world.signer, ("shop", "web"), &annotation).identity();
        gcp::SecretManager::new(&connection, identity, Calls::default().observer()).unwrap()
    };
    let full = world.put("db", b"one");
    world
        .cloud
        .grants
        .allow(&format!("serviceAccount:{READER}"), &full);
    let refused = read_one(&source(), want("db")).await.unwrap_err();
    let member = format!("principal://{pool}/subject/system:serviceaccount:shop:web");
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert!(
        refused.message.ends_with(&format!(" to {member}")),
        "{refused}"
    );
    // Who does what is advised reads.
    world
        .cloud
        .grants
        .allow(&member, &format!("serviceAccounts/{READER}"));
    assert_eq!(text(&read_one(&source(), want("db")).await), "one");
}

#[tokio::test]
async fn the_newest_version_takes_the_right_to_list_beside_that_to_render() {
    let world = World::new().await;
    let (identity, _) = world.web().identity();
    let connection = gcp::Connection::new(&world.options()).unwrap();
    let observer = Calls::default().observer();
    let source = gcp::ParameterManager::new(&connection, identity, true, observer).unwrap();
    let full = format!("projects/{PROJECT}/locations/global/parameters/app");
    let parameters = &world.cloud.parameters;
    assert!(parameters.put(&full, Format::Json, "v1", b"{}"));
    let permit = |action: &str| {
        let permission = format!("parametermanager.parameterVersions.{action}");
        world.cloud.grants.permit(SHOP, &permission, &full);
    };
    permit("render");
    assert_eq!(text(&read_one(&source, versioned("app", "v1")).await), "{}");
    let refused = read_one(&source, want("app")).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert!(
        refused
            .message
            .contains("grant roles/parametermanager.parameterViewer"),
        "{refused}"
    );
    permit("list");
    assert_eq!(text(&read_one(&source, want("app")).await), "{}");
}

#[tokio::test]
async fn the_cluster_is_what_the_metadata_server_says() {
    let world = World::new().await;
    world.cloud.set_node(Node {
        project: PROJECT.into(),
        cluster: "prod".into(),
        location: "europe-west1".into(),
        email: "node@acme-prod.iam.gserviceaccount.com".into(),
    });
    let full = world.put("db", b"one");
    world.cloud.grants.allow(SHOP, &full);
    let options = gcp::Options {
        cluster: gcp::Cluster::default(),
        ..world.options()
    };
    let connection = gcp::Connection::new(&options).unwrap();
    let (identity, _) = world.web().identity();
    let source =
        gcp::SecretManager::new(&connection, identity, Calls::default().observer()).unwrap();
    assert_eq!(text(&read_one(&source, want("db")).await), "one");
}

#[tokio::test]
async fn every_secret_on_every_page() {
    let world = World::new().await;
    let (source, _) = world.secrets(world.web());
    let names: Vec<String> = (0..250).map(|number| format!("s-{number:03}")).collect();
    names.iter().for_each(|name| drop(world.put(name, b"v")));
    world
        .cloud
        .grants
        .allow(SHOP, &format!("projects/{PROJECT}"));
    world.cloud.set_page_limit(100);
    assert_eq!(list(&source, "").await.unwrap(), names);
}

#[tokio::test]
async fn parameters_are_of_their_newest_enabled_version() {
    let world = World::new().await;
    let (identity, _) = world.web().identity();
    let connection = gcp::Connection::new(&world.options()).unwrap();
    let source = |render: bool| {
        let calls = Calls::default();
        gcp::ParameterManager::new(&connection, identity.clone(), render, calls.observer()).unwrap()
    };
    let (raw, rendered) = (source(false), source(true));
    let full = format!("projects/{PROJECT}/locations/global/parameters/app");
    world.cloud.grants.allow(SHOP, &full);
    for (version, value) in [("v1", r#"{"a":1}"#), ("v2", r#"{"a":2}"#)] {
        assert!(
            world
                .cloud
                .parameters
                .put(&full, Format::Json, version, value.as_bytes())
        );
    }
    let entry = read_one(&raw, want("app")).await.unwrap();
    assert_eq!(
        (entry.value.expose(), entry.secret),
        (&br#"{"a":2}"#[..], false)
    );
    // One that is deleted can give its name to another.
    assert!(entry.version.0.starts_with("v2@20"), "{:?}", entry.version);
    // What a rendered one refers to changes without it.
    let known = Known {
        want: want("app"),
        version: read_one(&rendered, want("app")).await.unwrap().version,
    };
    let again = rendered.read_changed(&[known], soon()).await.remove(0);
    assert!(again.unwrap().is_some());
    assert!(read_one(&rendered, want("app")).await.unwrap().secret);
    assert_eq!(
        text(&read_one(&raw, versioned("app", "v1")).await),
        r#"{"a":1}"#
    );
    assert!(world.cloud.parameters.set_disabled(&full, "v2", true));
    assert_eq!(text(&read_one(&raw, want("app")).await), r#"{"a":1}"#);
    for source in [&raw, &rendered] {
        assert_eq!(
            kind(&read_one(source, versioned("app", "v2")).await),
            Some(ErrorKind::Gone)
        );
        assert_eq!(
            kind(&read_one(source, versioned("app", "v9")).await),
            Some(ErrorKind::NotFound)
        );
    }
    assert!(world.cloud.parameters.set_disabled(&full, "v1", true));
    assert_eq!(
        kind(&read_one(&raw, want("app")).await),
        Some(ErrorKind::Gone)
    );
}

#[tokio::test]
async fn what_was_not_rendered_is_no_empty_value() {
    let world = World::new().await;
    let name = "projects/acme-prod/locations/global/parameters/app/versions/v1";
    let (failed, empty) = (json!({"error": {"status": "INTERNAL"}}), json!({}));
    // What the rendering gives, whether the version is disabled, and what is made of it.
    let table = [
        (500, failed.clone(), Some(true), Some(ErrorKind::Gone)),
        (
            500,
            failed.clone(),
            Some(false),
            Some(ErrorKind::Unavailable),
        ),
        (500, failed, None, Some(ErrorKind::Unavailable)),
        (200, empty.clone(), Some(true), Some(ErrorKind::Gone)),
        (200, empty.clone(), None, Some(ErrorKind::Unavailable)),
        (200, empty, Some(false), None),
    ];
    for (status, body, disabled, expected) in table {
        let case = format!("{status} {disabled:?}");
        let store = Wire::new(move |request| match disabled {
            _ if request.line.contains(":render") => {
                let mut body = body.clone();
                body["parameterVersion"] = name.into();
                Reply::Json(status, body)
            }
            Some(disabled) => Reply::Json(200, json!({"disabled": disabled})),
            None => Reply::Json(503, json!({})),
        })
        .await;
        let options = gcp::Options {
            endpoint: Some(store.endpoint.clone()),
            attempts: 1,
            ..world.options()
        };
        let connection = gcp::Connection::new(&options).unwrap();
        let (identity, _) = world.web().identity();
        let observer = Calls::default().observer();
        let source = gcp::ParameterManager::new(&connection, identity, true, observer).unwrap();
        let read = read_one(&source, versioned("app", "v1")).await;
        assert_eq!(kind(&read), expected, "{case}");
        if let Ok(entry) = read {
            assert!(entry.value.expose().is_empty());
        }
    }
}
