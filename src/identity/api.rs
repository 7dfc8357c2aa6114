//! What is asked of the API server: the ServiceAccount, and a token for it.

use std::collections::BTreeMap;

use jasm_providers::{Error, ErrorKind, SecretBytes};
use kube::Client;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::client::NOT_ACCEPTED;
use crate::pull::index::PodName;

/// Only this much of an object.
const METADATA_ONLY: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";
/// The same of a list.
const METADATA_ONLY_LIST: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// Seconds; the API server gives no shorter ones (`pkg/registry/core/serviceaccount/storage/token.go`).
const LIFETIME: u32 = 600;
/// What gives the rights for it.
const COMPONENT: &str = "config/components/workload-identity";

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The pod that it would be bound to is not there any more.
    PodIsGone,
    Failed(Error),
}

#[derive(Deserialize)]
struct Object {
    metadata: Written,
}

/// What identifies a ServiceAccount, and what clouds have written on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    uid: String,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Pods {
    // Where there are none, some servers write none rather than an empty list.
    items: Option<Vec<PodFound>>,
}

#[derive(Deserialize)]
struct PodFound {
    metadata: PodMetadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodMetadata {
    name: String,
    uid: String,
    creation_timestamp: Option<String>,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    // Overwritten with zeros when it goes, as it is moved into what does that.
    token: String,
}

/// What is written on a ServiceAccount.
pub(super) async fn look_up(
    client: &Client,
    namespace: &str,
    name: &str,
    deadline: Instant,
) -> Result<Written, Error> {
    let who = who(namespace, name);
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
    let request = http::Request::get(path)
        .header(http::header::ACCEPT, METADATA_ONLY)
        .body(Vec::new())
        .map_err(|_| Error::new(ErrorKind::Invalid, format!("{who} has an impossible name")))?;
    let found: Object = match timeout_at(deadline, client.request(request)).await {
        Ok(Ok(found)) => found,
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
            let message = format!("{who} does not exist");
            return Err(Error::new(ErrorKind::Denied, message));
        }
        Ok(Err(error)) => return Err(refused(&error, &who, "get on serviceaccounts", None)),
        Err(_) => return Err(late(&who)),
    };
    Ok(found.metadata)
}

/// Pods that run as a ServiceAccount, the youngest first: they live longest.
pub(super) async fn pods(
    client: &Client,
    namespace: &str,
    name: &str,
    deadline: Instant,
) -> Result<Vec<PodName>, Error> {
    /// Enough to find some that live.
    const MOST: usize = 100;
    let who = who(namespace, name);
    let path = format!(
        "/api/v1/namespaces/{namespace}/pods?limit={MOST}&fieldSelector=spec.serviceAccountName%3D{name}\
         %2Cstatus.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed"
    );
    let request = http::Request::get(path)
        .header(http::header::ACCEPT, METADATA_ONLY_LIST)
        .body(Vec::new())
        .map_err(|_| Error::new(ErrorKind::Invalid, format!("{who} has an impossible name")))?;
    let found: Pods = match timeout_at(deadline, client.request(request)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(refused(&error, &who, "list on pods", None)),
        Err(_) => return Err(late(&who)),
    };
    let mut pods = found.items.unwrap_or_default();
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    pods.sort_by(|a, b| {
        let created = |pod: &PodFound| pod.metadata.creation_timestamp.clone();
        created(b).cmp(&created(a))
    });
    let names = pods.into_iter().map(|pod| PodName {
        name: pod.metadata.name,
        uid: pod.metadata.uid,
    });
    Ok(names.collect())
}

/// A token of a ServiceAccount, bound to one of its pods.
pub(super) async fn token(
    client: &Client,
    namespace: &str,
    name: &str,
    audience: &str,
    pod: &PodName,
    deadline: Instant,
) -> Result<SecretBytes, Refusal> {
    let who = who(namespace, name);
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
    let asked = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {
            "audiences": [audience],
            "expirationSeconds": LIFETIME,
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "uid": pod.uid},
        },
    });
    let failed = |kind, message: String| Refusal::Failed(Error::new(kind, message));
    let request = http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(asked.to_string().into_bytes())
        .map_err(|_| failed(ErrorKind::Invalid, format!("{who} has an impossible name")))?;
    match timeout_at(deadline, client.request::<Answer>(request)).await {
        Ok(Ok(answer)) => Ok(SecretBytes::from(answer.status.token)),
        // The pod is looked for before the token is made; a uid that differs is a conflict.
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(Refusal::PodIsGone),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
            if status.message.starts_with("pods ") {
                Err(Refusal::PodIsGone)
            } else {
                Err(failed(ErrorKind::Denied, format!("{who} does not exist")))
            }
        }
        Ok(Err(error)) => Err(Refusal::Failed(refused(
            &error,
            &who,
            "create on serviceaccounts/token",
            Some(audience),
        ))),
        Err(_) => Err(Refusal::Failed(late(&who))),
    }
}

/// The API server's refusal in our words.
fn refused(error: &kube::Error, who: &str, right: &str, audience: Option<&str>) -> Error {
    match (error, audience) {
        // The words before an admission policy's own; a missing right is said otherwise.
        (kube::Error::Api(status), Some(audience))
            if status.code == 403 && status.message.contains(" denied request: ") =>
        {
            Error::new(
                ErrorKind::Denied,
                format!(
                    "a policy of the cluster forbids a token of {who} for the audience {audience}: the policy in \
                     {COMPONENT} has to list the audience, and gives none in JASM's own namespace and in the system's"
                ),
            )
        }
        (kube::Error::Api(status), _) if status.code == 403 => Error::new(
            ErrorKind::Denied,
            format!("JASM may not read as {who}: its account lacks {right}; apply {COMPONENT}"),
        ),
        (kube::Error::Api(status), _) if status.code == 401 => Error::new(
            ErrorKind::Unavailable,
            format!("{who} cannot be asked for, as the API server {NOT_ACCEPTED}"),
        ),
        (kube::Error::Api(status), _) if status.code == 429 => Error::new(
            ErrorKind::Throttled { after: None },
            format!("the API server is too busy to give a token of {who}"),
        ),
        _ => Error::new(
            ErrorKind::Unavailable,
            format!("the API server does not tell of {who} now"),
        ),
    }
}

/// How a ServiceAccount is called in messages.
pub(super) fn who(namespace: &str, name: &str) -> String {
    format!("the ServiceAccount {namespace}/{name}")
}

pub(super) fn late(who: &str) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("the API server did not tell of {who} in time"),
    )
}
