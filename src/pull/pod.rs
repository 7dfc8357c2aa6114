//! A pod, decoded to the few fields that JASM reads.
//!
//! A full `Pod` costs about 64 KB of heap, most of it `managedFields`; this costs under 1 KB.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::pull::annotation;

/// Set by the kubelet on the copy of a static pod (`kubetypes.ConfigMirrorAnnotationKey`).
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Labels by which controllers say which revision a pod is of.
const TEMPLATE_HASH: &str = "pod-template-hash";
const REVISION_HASH: &str = "controller-revision-hash";
const LABELS: [&str; 4] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/name",
    TEMPLATE_HASH,
    REVISION_HASH,
];

/// The object that made a pod, from its controlling owner reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Controller {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}

/// Names with texts, sorted by name. A map would take half a kilobyte for its first pair.
pub type Pairs = Box<[(String, String)]>;

/// What JASM reads of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Creation time as the API writes it (RFC 3339, UTC: sorts by time).
    pub created: String,
    /// Annotations under our prefix.
    pub annotations: Pairs,
    /// The few labels that are read.
    pub labels: Pairs,
    /// Who made it; none for a bare pod.
    pub controller: Option<Controller>,
    /// The ServiceAccount that it runs as.
    pub service_account: Box<str>,
    /// None of what it asks matters any more, or never did: finished, terminating or a mirror.
    pub settled: bool,
    /// Some of its containers have not started yet.
    pub waiting: bool,
}

impl Pod {
    /// True if it asks for anything.
    #[must_use]
    pub fn asks(&self) -> bool {
        !self.settled && !self.annotations.is_empty()
    }

    /// The label that tells revisions of one workload apart.
    #[must_use]
    pub fn revision_hash(&self) -> Option<&str> {
        self.label(REVISION_HASH)
    }

    /// The hash that a Deployment put at the end of its ReplicaSet's name.
    #[must_use]
    pub fn template_hash(&self) -> Option<&str> {
        self.label(TEMPLATE_HASH)
    }

    fn label(&self, name: &str) -> Option<&str> {
        let (_, value) = self.labels.iter().find(|(label, _)| label == name)?;
        Some(value)
    }

    /// Decodes a pod from the API's JSON; beside it its resource version, which is no part of it.
    ///
    /// # Errors
    /// If it has no metadata that identifies it.
    pub fn from_json(json: &str) -> Result<(Self, String), serde_json::Error> {
        let mut raw: Raw = serde_json::from_str(json)?;
        let version = std::mem::take(&mut raw.metadata.resource_version);
        Ok((raw.into(), version))
    }
}

#[derive(Deserialize)]
struct Raw {
    metadata: RawMetadata,
    #[serde(default)]
    spec: RawSpec,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawMetadata {
    #[serde(default)]
    namespace: String,
    name: String,
    uid: String,
    #[serde(default)]
    resource_version: String,
    #[serde(default)]
    creation_timestamp: Option<String>,
    #[serde(default)]
    deletion_timestamp: Option<String>,
    #[serde(default)]
    annotations: Annotations,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    owner_references: Option<Vec<RawOwner>>,
}

#[derive(Deserialize)]
struct RawOwner {
    #[serde(flatten)]
    reference: Controller,
    #[serde(default)]
    controller: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RawSpec {
    /// The API server writes `default` where the author wrote nothing.
    #[serde(default)]
    service_account_name: Option<Box<str>>,
}

#[derive(Deserialize, Default)]
struct RawStatus {
    #[serde(default)]
    phase: Option<String>,
}

#[derive(Default)]
struct Annotations {
    ours: Vec<(String, String)>,
    mirror: bool,
}

#[derive(Default)]
struct Labels(Vec<(String, String)>);

/// Keeps the pairs that `keep` accepts; the others are skipped without an allocation for the value.
struct Filter<F>(F);

impl<'de, F: FnMut(String, &mut dyn FnMut() -> Option<String>)> Visitor<'de> for Filter<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of text")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let mut failed = None;
            let mut taken = false;
            (self.0)(key, &mut || {
                taken = true;
                map.next_value::<String>()
                    .map_err(|error| failed = Some(error))
                    .ok()
            });
            if let Some(error) = failed {
                return Err(error);
            }
            if !taken {
                map.next_value::<serde::de::IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut found = Self::default();
        deserializer.deserialize_any(Filter(
            |key: String, value: &mut dyn FnMut() -> Option<String>| {
                if key.starts_with(annotation::PREFIX) {
                    if let Some(value) = value() {
                        found.ours.push((key, value));
                    }
                } else if key == MIRROR {
                    found.mirror = true;
                }
            },
        ))?;
        Ok(found)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut found = Self::default();
        deserializer.deserialize_any(Filter(
            |key: String, value: &mut dyn FnMut() -> Option<String>| {
                if LABELS.contains(&key.as_str())
                    && let Some(value) = value()
                {
                    found.0.push((key, value));
                }
            },
        ))?;
        Ok(found)
    }
}

fn sorted(mut pairs: Vec<(String, String)>) -> Pairs {
    pairs.sort();
    pairs.into()
}

impl From<Raw> for Pod {
    fn from(raw: Raw) -> Self {
        let RawMetadata {
            namespace,
            name,
            uid,
            creation_timestamp,
            deletion_timestamp,
            annotations,
            labels,
            owner_references,
            resource_version: _,
        } = raw.metadata;
        let phase = raw.status.phase.unwrap_or_default();
        let controller = owner_references
            .unwrap_or_default()
            .into_iter()
            .find(|owner| owner.controller == Some(true))
            .map(|owner| owner.reference);
        Self {
            namespace,
            name,
            uid,
            created: creation_timestamp.unwrap_or_default(),
            settled: annotations.mirror
                || deletion_timestamp.is_some()
                || matches!(phase.as_str(), "Succeeded" | "Failed"),
            annotations: sorted(annotations.ours),
            labels: sorted(labels.0),
            controller,
            service_account: raw
                .spec
                .service_account_name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| "default".into()),
            // The kubelet keeps a pod Pending exactly while a container of it has not started.
            waiting: matches!(phase.as_str(), "" | "Pending"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(metadata: &str, status: &str) -> Pod {
        let json = format!(
            r#"{{"kind":"Pod","metadata":{{"name":"p","namespace":"n","uid":"u",{metadata}}},"spec":{{"containers":[{{"name":"c","env":[{{"value":1}}]}}]}},"status":{status}}}"#
        );
        Pod::from_json(&json).unwrap().0
    }

    #[test]
    fn only_what_is_read_is_kept() {
        let pod = decode(
            r#""creationTimestamp":"2026-01-02T03:04:05Z",
               "annotations":{"jasm.codnod.io/secret-sync":"x","other":"y"},
               "labels":{"app.kubernetes.io/name":"shop","a":"b"},
               "managedFields":[{"f:x":{"deep":[1,2,{"a":null}]}}],
               "ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"x","uid":"1"},
                 {"apiVersion":"apps/v1","kind":"ReplicaSet","name":"shop-abc","uid":"2","controller":true}]"#,
            r#"{"phase":"Pending"}"#,
        );
        assert_eq!(pod.annotations.len(), 1);
        assert_eq!(pod.labels.len(), 1);
        assert_eq!(pod.controller.as_ref().unwrap().name, "shop-abc");
        assert!(pod.waiting && pod.asks());
        assert_eq!(&*pod.service_account, "default");
    }

    #[test]
    fn settled_pods_ask_for_nothing() {
        let ours = r#""annotations":{"jasm.codnod.io/secret-sync":"x"}"#;
        assert!(!decode(ours, r#"{"phase":"Running"}"#).waiting);
        assert!(decode(ours, r#"{"phase":"Running"}"#).asks());
        assert!(!decode(ours, r#"{"phase":"Succeeded"}"#).asks());
        assert!(!decode(ours, r#"{"phase":"Failed"}"#).asks());
        let terminating = format!(r#"{ours},"deletionTimestamp":"2026-01-02T03:04:05Z""#);
        assert!(!decode(&terminating, "{}").asks());
        let mirror =
            r#""annotations":{"jasm.codnod.io/secret-sync":"x","kubernetes.io/config.mirror":"h"}"#;
        assert!(!decode(mirror, "{}").asks());
        assert!(!decode(r#""annotations":null"#, "{}").asks());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = Pod::from_json(&text);
        }
    }
}
