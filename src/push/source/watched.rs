//! What is watched for the push half: the objects, the sources of each kind, and which kinds there are.

use serde::Deserialize;

use crate::push::crd::{SecretManagerConfig, SourceKind};
use crate::push::index::{Change, Event, ObjectKey, State};
use crate::push::source::{SourceKey, argo, flux};
use crate::watch::Watched;

/// The CRD of the objects.
const OBJECTS: &str = "secretmanagerconfigs.secret-manager.microscaler.io";

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    resource_version: String,
}

/// All `SecretManagerConfig` objects of the cluster, whole.
#[derive(Debug)]
pub struct Objects;

impl Objects {
    fn read(
        json: &str,
    ) -> Result<(ObjectKey, Box<SecretManagerConfig>, String), serde_json::Error> {
        let mut config: Box<SecretManagerConfig> = serde_json::from_str(json)?;
        // Of no use here, and as large as the rest.
        config.metadata.managed_fields = None;
        let key = ObjectKey {
            namespace: config.metadata.namespace.clone().unwrap_or_default(),
            name: config.metadata.name.clone().unwrap_or_default(),
        };
        let version = config.metadata.resource_version.clone().unwrap_or_default();
        Ok((key, config, version))
    }
}

impl Watched for Objects {
    type Event = Event;

    fn resource(&self) -> &'static str {
        "secretmanagerconfigs"
    }

    fn path(&self) -> &'static str {
        "/apis/secret-manager.microscaler.io/v1alpha1/secretmanagerconfigs?pretty=false"
    }

    fn metadata_only(&self) -> bool {
        false
    }

    fn listing(&self) -> Event {
        Event::Object(Change::Listing)
    }

    fn listed(&self, json: &str) -> Result<Option<Event>, serde_json::Error> {
        let (key, config, _) = Self::read(json)?;
        Ok(Some(Event::Object(Change::Listed(key, config))))
    }

    fn in_sync(&self, _: &str) -> Event {
        Event::Object(Change::InSync)
    }

    fn changed(&self, json: &str, gone: bool) -> Result<(Event, String), serde_json::Error> {
        if gone {
            let Object { metadata } = serde_json::from_str(json)?;
            let key = ObjectKey {
                namespace: metadata.namespace,
                name: metadata.name,
            };
            return Ok((Event::Object(Change::Gone(key)), metadata.resource_version));
        }
        let (key, config, version) = Self::read(json)?;
        Ok((Event::Object(Change::Applied(key, config)), version))
    }
}

/// All sources of one kind, as far as they matter.
#[derive(Debug)]
pub struct Sources {
    kind: SourceKind,
    resource: &'static str,
    path: &'static str,
}

impl Sources {
    /// Those of a kind; none for directories, which are not in the cluster.
    #[must_use]
    pub fn of(kind: SourceKind) -> Option<Self> {
        let (resource, path) = match kind {
            SourceKind::GitRepository => (
                "gitrepositories",
                "/apis/source.toolkit.fluxcd.io/v1/gitrepositories?pretty=false",
            ),
            SourceKind::OciRepository => (
                "ocirepositories",
                "/apis/source.toolkit.fluxcd.io/v1/ocirepositories?pretty=false",
            ),
            SourceKind::Bucket => (
                "buckets",
                "/apis/source.toolkit.fluxcd.io/v1/buckets?pretty=false",
            ),
            SourceKind::ExternalArtifact => (
                "externalartifacts",
                "/apis/source.toolkit.fluxcd.io/v1/externalartifacts?pretty=false",
            ),
            SourceKind::Application => (
                "applications",
                "/apis/argoproj.io/v1alpha1/applications?pretty=false",
            ),
            SourceKind::File => return None,
        };
        Some(Self {
            kind,
            resource,
            path,
        })
    }

    fn key(&self, json: &str) -> Result<(SourceKey, String), serde_json::Error> {
        let Object { metadata } = serde_json::from_str(json)?;
        let key = SourceKey {
            kind: self.kind,
            namespace: metadata.namespace,
            name: metadata.name,
        };
        Ok((key, metadata.resource_version))
    }

    fn state(&self, json: &str) -> Result<State, serde_json::Error> {
        match self.kind {
            SourceKind::Application => argo::Application::from_json(json)
                .map(|application| State::Application(Box::new(application))),
            _ => flux::Offer::from_json(json).map(State::Offer),
        }
    }
}

impl Watched for Sources {
    type Event = Event;

    fn resource(&self) -> &'static str {
        self.resource
    }

    fn path(&self) -> &'static str {
        self.path
    }

    fn metadata_only(&self) -> bool {
        // What matters is in the status.
        false
    }

    fn listing(&self) -> Event {
        Event::Source(self.kind, Change::Listing)
    }

    fn listed(&self, json: &str) -> Result<Option<Event>, serde_json::Error> {
        let (key, _) = self.key(json)?;
        let change = Change::Listed(key, self.state(json)?);
        Ok(Some(Event::Source(self.kind, change)))
    }

    fn in_sync(&self, _: &str) -> Event {
        Event::Source(self.kind, Change::InSync)
    }

    fn changed(&self, json: &str, gone: bool) -> Result<(Event, String), serde_json::Error> {
        let (key, version) = self.key(json)?;
        let change = if gone {
            Change::Gone(key)
        } else {
            Change::Applied(key, self.state(json)?)
        };
        Ok((Event::Source(self.kind, change), version))
    }
}

/// A kind that is followed while the API server has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Followed {
    /// The objects.
    Objects,
    /// Sources of a kind.
    Sources(SourceKind),
}

impl Followed {
    /// All of them.
    pub const ALL: [Self; 6] = {
        let [a, b, c, d, e] = SourceKind::WATCHED;
        let of = Self::Sources;
        [Self::Objects, of(a), of(b), of(c), of(d), of(e)]
    };

    /// The one whose CRD has this name.
    #[must_use]
    pub fn of_definition(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|followed| match followed {
            Self::Objects => name == OBJECTS,
            Self::Sources(kind) => kind.definition() == Some(name),
        })
    }
}

/// CRDs as they come and go, those that matter.
#[derive(Debug)]
pub struct Definitions;

/// What is said about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// A list begins.
    Listing,
    /// The list is complete.
    InSync,
    /// One is there, or changed.
    There(Followed),
    /// One is gone.
    Gone(Followed),
    /// It is about one that is of no interest.
    Other,
}

impl Watched for Definitions {
    type Event = Definition;

    fn resource(&self) -> &'static str {
        "customresourcedefinitions"
    }

    fn path(&self) -> &'static str {
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions?pretty=false"
    }

    fn metadata_only(&self) -> bool {
        true
    }

    fn listing(&self) -> Definition {
        Definition::Listing
    }

    fn listed(&self, json: &str) -> Result<Option<Definition>, serde_json::Error> {
        let Object { metadata } = serde_json::from_str(json)?;
        Ok(Followed::of_definition(&metadata.name).map(Definition::There))
    }

    fn in_sync(&self, _: &str) -> Definition {
        Definition::InSync
    }

    fn changed(&self, json: &str, gone: bool) -> Result<(Definition, String), serde_json::Error> {
        let Object { metadata } = serde_json::from_str(json)?;
        let definition = match Followed::of_definition(&metadata.name) {
            None => Definition::Other,
            Some(followed) if gone => Definition::Gone(followed),
            Some(followed) => Definition::There(followed),
        };
        Ok((definition, metadata.resource_version))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_has_its_definition_and_path() {
        for followed in Followed::ALL {
            let Followed::Sources(kind) = followed else {
                assert_eq!(Followed::of_definition(OBJECTS), Some(followed));
                continue;
            };
            let name = kind.definition().unwrap();
            assert_eq!(Followed::of_definition(name), Some(followed));
            let sources = Sources::of(kind).unwrap();
            let (plural, group) = name.split_once('.').unwrap();
            assert_eq!(sources.resource(), plural);
            assert!(sources.path().starts_with(&format!("/apis/{group}/")));
        }
        assert_eq!(
            Followed::of_definition("gateways.gateway.networking.k8s.io"),
            None
        );
    }

    #[test]
    fn a_source_is_known_by_its_kind_namespace_and_name() {
        let sources = Sources::of(SourceKind::Bucket).unwrap();
        let json = json!({"metadata": {"name": "a", "namespace": "n", "resourceVersion": "7"}})
            .to_string();
        let (event, version) = sources.changed(&json, false).unwrap();
        assert_eq!(version, "7");
        let Event::Source(SourceKind::Bucket, Change::Applied(key, State::Offer(_))) = event else {
            panic!("{event:?}")
        };
        assert_eq!(key.to_string(), "Bucket n/a");
        let (event, _) = sources.changed(&json, true).unwrap();
        assert!(matches!(event, Event::Source(_, Change::Gone(_))));
    }
}
