//! What owns a pod at the top, found by one GET of what made the pod.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use kube::Client;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::client::NOT_ACCEPTED;
use crate::pull::condition::{Condition, Failure};
use crate::pull::index::PodRecord;
use crate::pull::pod::Controller;

/// Only this much of an object, whatever else it has.
const METADATA_ONLY: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// One lookup; a connection may be dead without anybody having said so.
const CALL: Duration = Duration::from_secs(15);

/// Beyond this many the cache starts afresh.
const CACHED: usize = 10_000;

const REVISIONS: [&str; 2] = [
    "deployment.kubernetes.io/revision",
    "rollout.argoproj.io/revision",
];

/// A workload as the owner of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The object that owns what is made for the pod.
    pub owner: Controller,
    /// Which revision of it the pod is of; higher is newer, 0 where there are none.
    pub revision: i64,
}

impl Workload {
    /// `Deployment/shop`
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.owner)
    }
}

/// `Deployment/shop`
#[must_use]
pub fn name(owner: &Controller) -> String {
    format!("{}/{}", owner.kind, owner.name)
}

/// The workload's name as far as it can be told without asking: a ReplicaSet's name is its
/// Deployment's and the template's hash, a Job's its CronJob's and a time. A guess saves a GET
/// after a restart; where it is wrong, the owner is looked up.
#[must_use]
pub fn guess(record: &PodRecord) -> String {
    let Some(controller) = &record.pod.controller else {
        return format!("Pod/{}", record.pod.name);
    };
    match controller.kind.as_str() {
        "ReplicaSet" => {
            let deployment = record
                .pod
                .template_hash()
                .and_then(|hash| controller.name.strip_suffix(hash)?.strip_suffix('-'));
            deployment.map_or_else(
                || name(controller),
                |deployment| format!("Deployment/{deployment}"),
            )
        }
        "Job" => match controller.name.rsplit_once('-') {
            Some((cron, time))
                if time.len() >= 8 && time.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                format!("CronJob/{cron}")
            }
            _ => name(controller),
        },
        _ => name(controller),
    }
}

#[derive(Deserialize)]
struct Made {
    metadata: MadeMetadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct MadeMetadata {
    #[serde(default)]
    annotations: HashMap<String, String>,
    #[serde(default)]
    owner_references: Vec<Owner>,
    #[serde(default)]
    creation_timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    #[serde(flatten)]
    reference: Controller,
    #[serde(default)]
    controller: bool,
}

#[derive(Deserialize)]
struct ControllerRevision {
    revision: i64,
}

/// How much has to be known of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Who it was when last asked: good enough for who is told.
    Known,
    /// Who it is now: a ReplicaSet that was orphaned has a new owner after its adoption, and an
    /// object that a dead owner owns is collected.
    Fresh,
    /// That, and which revision made the pod: a rollback gives an old ReplicaSet a new number.
    Ranked,
}

/// Looks workloads up and remembers them.
#[derive(Debug)]
pub struct Workloads {
    client: ClientBox,
    known: Mutex<HashMap<String, Controller>>,
}

struct ClientBox(Client);

impl std::fmt::Debug for ClientBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Workloads {
    /// Uses this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client: ClientBox(client),
            known: Mutex::default(),
        }
    }

    /// The pod's workload.
    ///
    /// # Errors
    /// If the API server does not tell; not found means that the pod is about to go too.
    pub async fn of(&self, record: &PodRecord, lookup: Lookup) -> Result<Workload, Failure> {
        let namespace = &record.pod.namespace;
        let Some(controller) = &record.pod.controller else {
            let owner = Controller {
                api_version: "v1".to_owned(),
                kind: "Pod".to_owned(),
                name: record.pod.name.clone(),
                uid: record.pod.uid.clone(),
            };
            return Ok(Workload { owner, revision: 0 });
        };
        let group = controller.api_version.split('/').next().unwrap_or_default();
        let resource = match (group, controller.kind.as_str()) {
            ("apps", "ReplicaSet") => "replicasets",
            ("batch", "Job") => "jobs",
            (group, kind) => {
                let revision = match (group, kind, record.pod.revision_hash()) {
                    ("apps", "StatefulSet" | "DaemonSet", Some(hash))
                        if lookup == Lookup::Ranked =>
                    {
                        self.controller_revision(namespace, controller, hash)
                            .await?
                    }
                    _ => 0,
                };
                return Ok(Workload {
                    owner: controller.clone(),
                    revision,
                });
            }
        };
        if lookup == Lookup::Known
            && let Some(owner) = self.cached(&controller.uid)
        {
            return Ok(Workload { owner, revision: 0 });
        }
        let path = format!(
            "/apis/{}/namespaces/{namespace}/{resource}/{}",
            controller.api_version, controller.name
        );
        let made: Made = self
            .get(&path, METADATA_ONLY, namespace, controller)
            .await?;
        let revision = REVISIONS
            .iter()
            .find_map(|annotation| made.metadata.annotations.get(*annotation)?.parse().ok())
            .or_else(|| created(made.metadata.creation_timestamp.as_deref()))
            .unwrap_or(0);
        let mut owners = made.metadata.owner_references.into_iter();
        let top = owners.find(|owner| owner.controller);
        let owner = top.map_or_else(|| controller.clone(), |owner| owner.reference);
        self.remember(&controller.uid, &owner);
        Ok(Workload { owner, revision })
    }

    async fn controller_revision(
        &self,
        namespace: &str,
        controller: &Controller,
        hash: &str,
    ) -> Result<i64, Failure> {
        // A StatefulSet's label has the revision's whole name, a DaemonSet's only its end.
        let name = match controller.kind.as_str() {
            "DaemonSet" => format!("{}-{hash}", controller.name),
            _ => hash.to_owned(),
        };
        let path = format!("/apis/apps/v1/namespaces/{namespace}/controllerrevisions/{name}");
        let revision: ControllerRevision = self
            .get(&path, "application/json", namespace, controller)
            .await?;
        Ok(revision.revision)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        accept: &str,
        namespace: &str,
        controller: &Controller,
    ) -> Result<T, Failure> {
        let made_by = name(controller);
        let later = |why: &str| {
            let message = format!(
                "the owner of {made_by} in {namespace} cannot be found now{why}; it is tried again"
            );
            Failure::new(Condition::WriteUnavailable, message)
        };
        let request = http::Request::get(path)
            .header(http::header::ACCEPT, accept)
            .body(Vec::new())
            .map_err(|_| later(""))?;
        match timeout(CALL, self.client.0.request(request)).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(Failure::new(
                Condition::WriteRefused,
                format!(
                    "the API server does not let JASM look at {made_by} in {namespace} to find the owner: \
                     its account lacks \"get\" on replicasets, jobs or controllerrevisions"
                ),
            )),
            Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
                Err(later(&format!(", as the API server {NOT_ACCEPTED}")))
            }
            Ok(Err(_)) | Err(_) => Err(later("")),
        }
    }

    fn cached(&self, uid: &str) -> Option<Controller> {
        self.known.lock().ok()?.get(uid).cloned()
    }

    fn remember(&self, uid: &str, owner: &Controller) {
        if let Ok(mut known) = self.known.lock() {
            if known.len() >= CACHED {
                known.clear();
            }
            known.insert(uid.to_owned(), owner.clone());
        }
    }
}

/// Jobs of a CronJob have no revisions: the later one is the newer.
fn created(time: Option<&str>) -> Option<i64> {
    time?
        .parse::<k8s_openapi::jiff::Timestamp>()
        .ok()
        .map(k8s_openapi::jiff::Timestamp::as_second)
}
