//! The objects at the API server: status, finalizer; and what the cluster is called.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::crd::{SecretManagerConfig, Status};
use crate::client::NOT_ACCEPTED;

/// What keeps an object until its entries are deleted.
pub const FINALIZER: &str = "secret-manager.microscaler.io/entries";
/// Tries to change what somebody else changes too.
const TRIES: usize = 3;
/// How long the API server may take for one call.
const CALL: Duration = Duration::from_secs(10);

/// The objects at the API server.
#[derive(Clone)]
pub struct Objects {
    client: Client,
    cluster: Arc<OnceCell<String>>,
}

impl Objects {
    /// By a client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            cluster: Arc::default(),
        }
    }

    /// The client, for what an object names.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the object has our finalizer.
    #[must_use]
    pub fn has_finalizer(object: &SecretManagerConfig) -> bool {
        let finalizers = object.metadata.finalizers.iter().flatten();
        finalizers.into_iter().any(|name| name == FINALIZER)
    }

    /// Puts our finalizer on the object or takes it off; no call where it is so already.
    ///
    /// # Errors
    /// One sentence.
    pub async fn set_finalizer(
        &self,
        object: &SecretManagerConfig,
        wanted: bool,
    ) -> Result<(), String> {
        if Self::has_finalizer(object) == wanted {
            return Ok(());
        }
        // A status that was just written is another version of the object.
        for _ in 0..TRIES {
            if self.try_finalizer(object, wanted).await? {
                return Ok(());
            }
        }
        Err("somebody else keeps changing the object: it is tried again".to_owned())
    }

    /// False where somebody else was quicker.
    async fn try_finalizer(
        &self,
        object: &SecretManagerConfig,
        wanted: bool,
    ) -> Result<bool, String> {
        let (api, name) = self.of(object);
        let change = async {
            let now = api.get(name).await?;
            let mut finalizers = now.metadata.finalizers.unwrap_or_default();
            finalizers.retain(|name| name != FINALIZER);
            if wanted {
                finalizers.push(FINALIZER.to_owned());
            }
            // With the version that was seen: somebody else's finalizer is not lost.
            let patch = json!({"metadata": {
                "uid": object.metadata.uid,
                "resourceVersion": now.metadata.resource_version,
                "finalizers": finalizers,
            }});
            let patch = Patch::Merge(&patch);
            api.patch(name, &PatchParams::default(), &patch).await
        };
        match timeout(CALL, change).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(false),
            // It is gone, which is what was wanted.
            Ok(Err(kube::Error::Api(status))) if status.code == 404 && !wanted => Ok(true),
            Ok(Err(error)) => Err(refused(&error, "secretmanagerconfigs")),
            Err(_) => Err(LATE.to_owned()),
        }
    }

    /// Writes the status.
    ///
    /// # Errors
    /// One sentence.
    pub async fn set_status(
        &self,
        object: &SecretManagerConfig,
        status: &Status,
    ) -> Result<(), String> {
        let mut fields = serde_json::to_value(status).unwrap_or_default();
        // What a merge would else leave as it was.
        for name in ["entries", "failures", "lastHandledReconcileAt"] {
            if fields.get(name).is_none() {
                fields[name] = serde_json::Value::Null;
            }
        }
        let patch = json!({"metadata": {"uid": object.metadata.uid}, "status": fields});
        let patch = Patch::Merge(&patch);
        let (api, name) = self.of(object);
        match timeout(
            CALL,
            api.patch_status(name, &PatchParams::default(), &patch),
        )
        .await
        {
            Ok(Ok(_)) => Ok(()),
            // It is gone, or another one of that name: nobody is left to be told.
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 404 | 409) => Ok(()),
            Ok(Err(error)) => Err(refused(&error, "secretmanagerconfigs/status")),
            Err(_) => Err(LATE.to_owned()),
        }
    }

    /// What the cluster is called where the config does not say: the uid of the namespace `kube-system`,
    /// which is as old as the cluster.
    ///
    /// # Errors
    /// One sentence.
    pub async fn cluster_uid(&self) -> Result<String, String> {
        let read = || async {
            let api: Api<Namespace> = Api::all(self.client.clone());
            let namespace = match timeout(CALL, api.get("kube-system")).await {
                Ok(Ok(namespace)) => namespace,
                Ok(Err(error)) => {
                    let why = refused(&error, "the namespace kube-system");
                    return Err(format!(
                        "the cluster has no name: {why}; or write push.cluster in JASM's config"
                    ));
                }
                Err(_) => return Err(LATE.to_owned()),
            };
            let uid = namespace.metadata.uid;
            uid.ok_or_else(|| "the namespace kube-system has no uid".to_owned())
        };
        self.cluster.get_or_try_init(read).await.cloned()
    }

    fn of<'a>(&self, object: &'a SecretManagerConfig) -> (Api<SecretManagerConfig>, &'a str) {
        let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        (Api::namespaced(self.client.clone(), namespace), name)
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Objects")
    }
}

const LATE: &str = "the API server did not answer in time";

fn refused(error: &kube::Error, what: &str) -> String {
    match error {
        kube::Error::Api(status) if status.code == 401 => format!("the API server {NOT_ACCEPTED}"),
        kube::Error::Api(status) if status.code == 403 => {
            format!(
                "the API server refuses it (403): JASM's account needs its rights on {what}, which config/rbac/push gives"
            )
        }
        kube::Error::Api(status) if status.code == 409 => {
            "somebody else changed the object meanwhile".to_owned()
        }
        kube::Error::Api(status) => format!("the API server answers {}", status.code),
        _ => "the API server cannot be reached".to_owned(),
    }
}
