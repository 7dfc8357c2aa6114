//! The floor of the benchmark: the least that any program must do to give a pod its Secret.
//!
//! One watch on pods, one fetch and one create for each pod, all at once and without a limit, with
//! JASM's own clients and as many threads. It checks nothing, shares nothing, retries nothing that
//! the clients do not retry by themselves, reports nothing, and reads the annotation by cutting its
//! lines at the colon. Region, endpoint and credentials come from the environment.

use std::collections::BTreeMap;
use std::io::Write as _;

use aws_config::BehaviorVersion;
use aws_sdk_secretsmanager::Client as Store;
use futures::TryStreamExt as _;
use jasm::client::Clients;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, PartialObjectMeta, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};

const ANNOTATION: &str = "jasm.codnod.io/secret-sync";

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What an annotation asks for, and for whom.
struct Asked {
    namespace: String,
    pod: String,
    uid: String,
    path: String,
    secret: String,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Failure> {
    // Two TLS users in one process must not each choose a provider of their own.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Clients {
        requests: client,
        watches,
        ..
    } = Clients::connect().await?;
    let store = Store::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let pods = Api::<Pod>::all(watches);
    let parameters = WatchParams::default();
    // From version 0 the API server tells every pod that there is before it tells changes.
    let mut version = "0".to_owned();
    loop {
        let mut events = Box::pin(pods.watch_metadata(&parameters, &version).await?);
        writeln!(std::io::stderr(), "watching")?;
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Added(pod) => {
                    version = pod.metadata.resource_version.clone().unwrap_or_default();
                    if let Some(asked) = asked(pod) {
                        tokio::spawn(serve(client.clone(), store.clone(), asked));
                    }
                }
                WatchEvent::Modified(pod) | WatchEvent::Deleted(pod) => {
                    version = pod.metadata.resource_version.unwrap_or_default();
                }
                WatchEvent::Bookmark(bookmark) => version = bookmark.metadata.resource_version,
                WatchEvent::Error(status) => return Err(status.message.into()),
            }
        }
    }
}

fn asked(pod: PartialObjectMeta<Pod>) -> Option<Asked> {
    let metadata = pod.metadata;
    let annotations = metadata.annotations?;
    let fields: BTreeMap<&str, &str> = annotations
        .get(ANNOTATION)?
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    Some(Asked {
        path: (*fields.get("path")?).to_owned(),
        secret: (*fields.get("secretName")?).to_owned(),
        namespace: metadata.namespace?,
        pod: metadata.name?,
        uid: metadata.uid?,
    })
}

async fn serve(client: Client, store: Store, asked: Asked) {
    let (namespace, pod) = (asked.namespace.clone(), asked.pod.clone());
    if let Err(error) = make(client, store, asked).await {
        // A second pod of one Secret is told here that it exists.
        let _ = writeln!(std::io::stderr(), "{namespace}/{pod}: {error}");
    }
}

async fn make(client: Client, store: Store, asked: Asked) -> Result<(), Failure> {
    let value = store.get_secret_value().secret_id(&asked.path);
    let value = value.send().await.map_err(|_| "the store fails")?;
    let members: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(value.secret_string().unwrap_or_default())
            .map_err(|_| "the value is no JSON object")?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(asked.secret),
            labels: Some([("app.kubernetes.io/managed-by".into(), "jasm".into())].into()),
            owner_references: Some(vec![OwnerReference {
                api_version: "v1".into(),
                kind: "Pod".into(),
                name: asked.pod,
                uid: asked.uid,
                ..OwnerReference::default()
            }]),
            ..ObjectMeta::default()
        },
        string_data: Some(members.into_iter().map(|(k, v)| (k, text(v))).collect()),
        ..Secret::default()
    };
    let secrets = Api::<Secret>::namespaced(client, &asked.namespace);
    secrets.create(&PostParams::default(), &secret).await?;
    Ok(())
}
