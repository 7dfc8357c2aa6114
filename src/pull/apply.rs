//! Writing Secrets and ConfigMaps: by name only, never over what is not ours.
//!
//! POST first; if the name is taken, GET, check the label, compare, PUT with the version and uid
//! that were read. Never server-side apply: after a POST it would leave dropped keys behind.
//! Where JASM may read nothing, [`blind`] writes.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use jasm_providers::SecretBytes;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::events::is_terminating;
use crate::metrics::Metrics;
use crate::pull::condition::{Condition, Failure};
use crate::pull::merge::{Existing, Holders};
use crate::pull::pod::Controller;
use crate::pull::request::{ObjectKind, SecretType, Target};
use crate::settings::Rights;

mod blind;
mod managed;
mod refusal;

use managed::Managed;
pub use refusal::not_ours;
use refusal::{CallError, owner_failure};

/// Label and value by which an object is ours.
pub const OURS: (&str, &str) = ("app.kubernetes.io/managed-by", "jasm");
/// Digest of what was asked for when the object was written.
pub const REQUEST: &str = "jasm.codnod.io/request";
/// Version tokens of what it was made from.
pub const VERSIONS: &str = "jasm.codnod.io/versions";
/// Which workload holds which key.
pub const HOLDERS: &str = "jasm.codnod.io/holders";

/// How many requests are under way at once; what the API server makes of them is its own matter.
const IN_FLIGHT: usize = 64;
/// One call, with the client's own repetitions on 429 and 503.
const CALL: Duration = Duration::from_secs(15);
/// How often a write starts anew because somebody else wrote between.
const CONTESTS: usize = 8;

/// What an object shall be.
#[derive(Debug)]
pub struct Desired {
    /// Its data.
    pub data: BTreeMap<String, SecretBytes>,
    /// Its type, for a Secret.
    pub secret_type: SecretType,
    /// Who holds which key.
    pub holders: Holders,
    /// Digest of what was asked for.
    pub digest: String,
    /// Version tokens.
    pub versions: BTreeMap<String, String>,
    /// Owners to be added; none for an object that outlives its workloads.
    pub owners: Vec<Controller>,
}

/// How a write goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// The object is probably there, so that asking comes before writing.
    pub expected: bool,
    /// Owners may be added.
    pub change_owners: bool,
    /// The digest is noted even where nothing else changes.
    pub note_digest: bool,
    /// An object that is there may be replaced unseen: nothing that it holds has to stay.
    pub complete: bool,
}

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The object was not there.
    Created,
    /// It was there and differed.
    Updated,
    /// It was as it should be: nothing was written.
    Unchanged,
}

/// A finished write.
#[derive(Debug)]
pub struct Applied {
    /// What it did.
    pub change: Change,
    /// An owner was not added, for want of a right.
    pub owners_refused: Option<Failure>,
    /// The object's version now.
    pub version: u64,
}

/// An object as it is, for those who compare before they read a store.
#[derive(Debug)]
pub struct Found {
    /// It carries our label.
    pub ours: bool,
    /// Digest of what was asked for when it was written.
    pub digest: Option<String>,
    /// Uids of its owners by `Kind/name`.
    pub owners: BTreeMap<String, String>,
    /// Its version.
    pub version: u64,
}

/// Reads and writes objects of both kinds.
pub struct Objects {
    client: Client,
    rights: Rights,
    permits: Semaphore,
    metrics: Metrics,
}

impl Debug for Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Objects")
    }
}

impl Objects {
    /// Uses this client, with these rights.
    #[must_use]
    pub fn new(client: Client, rights: Rights, metrics: Metrics) -> Self {
        Self {
            client,
            rights,
            permits: Semaphore::new(IN_FLIGHT),
            metrics,
        }
    }

    /// True if what is there may not be read.
    #[must_use]
    pub fn blind(&self) -> bool {
        self.rights == Rights::WriteOnly
    }

    /// Looks at the object; none if there is none.
    ///
    /// # Errors
    /// If the API server does not tell.
    pub async fn find(&self, target: &Target) -> Result<Option<Found>, Failure> {
        let _permit = self.permit().await;
        match target.kind {
            ObjectKind::Secret => Box::pin(self.look::<Secret>(target)).await,
            ObjectKind::ConfigMap => Box::pin(self.look::<ConfigMap>(target)).await,
        }
    }

    /// One of the few requests that may be under way. What a request needs of memory is boxed after
    /// that, so that the many that wait for their turn hold next to nothing.
    async fn permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.permits.acquire().await.ok()
    }

    async fn look<T: Managed>(&self, target: &Target) -> Result<Option<Found>, Failure> {
        let Some(mut object) = self.get::<T>(&self.api(target), target).await? else {
            return Ok(None);
        };
        object.wipe();
        let meta = object.meta();
        let owners = meta.owner_references.iter().flatten();
        Ok(Some(Found {
            ours: ours(meta),
            digest: digest(meta).cloned(),
            owners: owners
                .map(|owner| (owner_name(owner), owner.uid.clone()))
                .collect(),
            version: version(meta),
        }))
    }

    /// Makes the object what `desired` says, given what is there.
    ///
    /// # Errors
    /// `NotOwned`, `WriteFailed`, or what `desired` says; the object is then as it was.
    pub async fn apply(
        &self,
        target: &Target,
        how: Manner,
        desired: impl FnMut(Option<&Existing>) -> Result<Desired, Failure>,
    ) -> Result<Applied, Failure> {
        let _permit = self.permit().await;
        match (target.kind, self.blind()) {
            (ObjectKind::Secret, false) => {
                Box::pin(self.write::<Secret>(target, how, desired)).await
            }
            (ObjectKind::ConfigMap, false) => {
                Box::pin(self.write::<ConfigMap>(target, how, desired)).await
            }
            (ObjectKind::Secret, true) => {
                Box::pin(self.replace::<Secret>(target, how, desired)).await
            }
            (ObjectKind::ConfigMap, true) => {
                Box::pin(self.replace::<ConfigMap>(target, how, desired)).await
            }
        }
    }

    fn api<T: Managed>(&self, target: &Target) -> Api<T> {
        Api::namespaced(self.client.clone(), &target.namespace)
    }

    async fn get<T: Managed>(&self, api: &Api<T>, target: &Target) -> Result<Option<T>, Failure> {
        self.call("get", target, api.get_opt(&target.name))
            .await
            .map_err(|error| error.failure("get", target))
    }

    async fn write<T: Managed>(
        &self,
        target: &Target,
        how: Manner,
        mut desired: impl FnMut(Option<&Existing>) -> Result<Desired, Failure>,
    ) -> Result<Applied, Failure> {
        let api = self.api::<T>(target);
        let (mut ask_first, mut change_owners) = (how.expected, how.change_owners);
        let mut owners_refused = None;
        for _ in 0..CONTESTS {
            if !ask_first {
                let mut object = T::default();
                fill(&mut object, target, &desired(None)?, true);
                let result = self
                    .call(
                        "create",
                        target,
                        api.create(&PostParams::default(), &object),
                    )
                    .await;
                object.wipe();
                match result {
                    Ok(mut created) => {
                        created.wipe();
                        return Ok(Applied {
                            change: Change::Created,
                            owners_refused,
                            version: version(created.meta()),
                        });
                    }
                    Err(CallError::Api { code: 409, .. }) => {}
                    Err(error) => return Err(error.failure("create", target)),
                }
            }
            ask_first = true;
            let Some(mut object) = self.get::<T>(&api, target).await? else {
                ask_first = false;
                continue;
            };
            check_ours(object.meta(), target)?;
            let meta = object.meta();
            let existing = Existing {
                data: object.data(),
                holders: holders(meta),
                owners: meta
                    .owner_references
                    .iter()
                    .flatten()
                    .map(owner_name)
                    .collect(),
            };
            let want = desired(Some(&existing))?;
            let owners = missing_owners(object.meta(), &want.owners);
            let same = existing.data == want.data
                && existing.holders == want.holders
                && (owners.is_empty() || !change_owners);
            // A changed version token alone is no write, nor is a changed request that makes the same,
            // until it is the only one: then it is noted, so that a restart need not read.
            let noted = !how.note_digest || digest(object.meta()) == Some(&want.digest);
            if same && noted {
                object.wipe();
                return Ok(Applied {
                    change: Change::Unchanged,
                    owners_refused,
                    version: version(object.meta()),
                });
            }
            check_changeable(&object, target, &existing, &want)?;
            fill(&mut object, target, &want, change_owners);
            let result = self
                .call(
                    "update",
                    target,
                    api.replace(&target.name, &PostParams::default(), &object),
                )
                .await;
            object.wipe();
            match result {
                Ok(mut updated) => {
                    updated.wipe();
                    return Ok(Applied {
                        change: if same {
                            Change::Unchanged
                        } else {
                            Change::Updated
                        },
                        owners_refused,
                        version: version(updated.meta()),
                    });
                }
                Err(CallError::Api {
                    code: 409 | 404, ..
                }) => {}
                Err(CallError::Api {
                    code: 403,
                    terminating: false,
                    ..
                }) if change_owners && !owners.is_empty() => {
                    change_owners = false;
                    owners_refused = Some(owner_failure(target, &owners));
                }
                Err(error) => return Err(error.failure("update", target)),
            }
        }
        Err(Failure::new(
            Condition::WriteUnavailable,
            format!("{target} is changed by others all the time"),
        ))
    }

    async fn call<T>(
        &self,
        verb: &'static str,
        target: &Target,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, CallError> {
        let result = match timeout(CALL, request).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) => {
                let causes = status
                    .details
                    .as_ref()
                    .map(|details| details.causes.as_slice())
                    .unwrap_or_default();
                let terminating =
                    is_terminating(&status) || (status.code == 404 && verb == "create");
                let fields = causes
                    .iter()
                    .map(|cause| cause.field.clone())
                    .filter(|field| !field.is_empty())
                    .collect();
                Err(CallError::Api {
                    code: status.code,
                    terminating,
                    guarded: refusal::is_ours(&status.message),
                    owners: refusal::is_about_owners(&status.message),
                    fields,
                })
            }
            Ok(Err(_)) => Err(CallError::Unreachable),
            Err(_) => Err(CallError::Late),
        };
        if verb != "get" {
            let outcome = match &result {
                Ok(_) if verb == "create" => "created",
                Ok(_) => "updated",
                Err(CallError::Api { code: 409, .. }) => "contested",
                Err(CallError::Api {
                    code: 429 | 500..=599,
                    ..
                }) => "unavailable",
                Err(CallError::Api { .. }) => "refused",
                Err(CallError::Unreachable | CallError::Late) => "unavailable",
            };
            self.metrics.wrote(target.kind.as_str(), outcome);
        }
        result
    }
}

/// Versions are numbers that grow (Kubernetes 1.35 says so of all servers' versions).
fn version(meta: &ObjectMeta) -> u64 {
    let version = meta.resource_version.as_deref();
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}

fn owner_name(owner: &OwnerReference) -> String {
    format!("{}/{}", owner.kind, owner.name)
}

fn digest(meta: &ObjectMeta) -> Option<&String> {
    meta.annotations.as_ref()?.get(REQUEST)
}

fn ours(meta: &ObjectMeta) -> bool {
    meta.labels
        .as_ref()
        .and_then(|labels| labels.get(OURS.0))
        .is_some_and(|value| value == OURS.1)
}

fn holders(meta: &ObjectMeta) -> Holders {
    let noted = meta
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(HOLDERS));
    noted
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

fn check_ours(meta: &ObjectMeta, target: &Target) -> Result<(), Failure> {
    if ours(meta) {
        return Ok(());
    }
    Err(not_ours(target))
}

fn check_changeable<T: Managed>(
    object: &T,
    target: &Target,
    existing: &Existing,
    want: &Desired,
) -> Result<(), Failure> {
    if object.is_immutable() && existing.data != want.data {
        let message = format!(
            "{target} is immutable and its content is out of date: delete it, it is then made anew"
        );
        return Err(Failure::new(Condition::Unchangeable, message));
    }
    match object.type_word() {
        Some(there) if there != want.secret_type.as_str() => {
            let message = format!(
                "{target} is of type {there}, asked for is {}: a type cannot be changed; delete the Secret or choose another name",
                want.secret_type.as_str()
            );
            Err(Failure::new(Condition::Unchangeable, message))
        }
        _ => Ok(()),
    }
}

fn missing_owners(meta: &ObjectMeta, owners: &[Controller]) -> Vec<Controller> {
    let there: Vec<_> = meta
        .owner_references
        .iter()
        .flatten()
        .map(|owner| owner.uid.as_str())
        .collect();
    owners
        .iter()
        .filter(|owner| !there.contains(&owner.uid.as_str()))
        .cloned()
        .collect()
}

/// The version tokens as noted: all of them, or for very many what tells a change.
fn versions(versions: &BTreeMap<String, String>) -> String {
    const LONGEST: usize = 16 << 10;
    let all = serde_json::to_string(versions).unwrap_or_default();
    if all.len() <= LONGEST {
        return all;
    }
    let digest = crate::pull::digest(versions);
    serde_json::json!({"*": format!("{} sources, {digest}", versions.len())}).to_string()
}

/// The object as it would be created, without owners; it has the values in it.
///
/// # Errors
/// Never, as both kinds are plain data.
pub fn manifest(target: &Target, want: &Desired) -> serde_json::Result<serde_json::Value> {
    fn filled<T: Managed>(
        target: &Target,
        want: &Desired,
    ) -> serde_json::Result<serde_json::Value> {
        let mut object = T::default();
        fill(&mut object, target, want, false);
        let value = serde_json::to_value(&object);
        object.wipe();
        value
    }
    match target.kind {
        ObjectKind::Secret => filled::<Secret>(target, want),
        ObjectKind::ConfigMap => filled::<ConfigMap>(target, want),
    }
}

fn fill<T: Managed>(object: &mut T, target: &Target, want: &Desired, change_owners: bool) {
    object.set_data(&want.data);
    object.set_type(want.secret_type);
    let meta = object.meta_mut();
    meta.name = Some(target.name.to_string());
    meta.namespace = Some(target.namespace.to_string());
    meta.labels
        .get_or_insert_default()
        .insert(OURS.0.to_owned(), OURS.1.to_owned());
    let annotations = meta.annotations.get_or_insert_default();
    annotations.insert(REQUEST.to_owned(), want.digest.clone());
    annotations.insert(VERSIONS.to_owned(), versions(&want.versions));
    // Maps of text cannot fail to serialise.
    annotations.insert(
        HOLDERS.to_owned(),
        serde_json::to_string(&want.holders).unwrap_or_default(),
    );
    if change_owners {
        let missing = missing_owners(meta, &want.owners);
        if !missing.is_empty() {
            let references = meta.owner_references.get_or_insert_default();
            references.extend(missing.into_iter().map(|owner| OwnerReference {
                api_version: owner.api_version,
                kind: owner.kind,
                name: owner.name,
                uid: owner.uid,
                controller: None,
                block_owner_deletion: None,
            }));
        }
    }
}
