//! What manifests say of pods, Secrets and ConfigMaps.

use std::fmt;
use std::sync::Arc;

use super::text::Text;
use crate::diagnostic::{Place, Source};
use crate::pull::request::ObjectKind;

/// An object that makes pods, or a pod.
#[derive(Debug, Clone)]
pub struct Workload {
    /// The file it is in.
    pub source: Arc<Source>,
    /// `Deployment`, `CronJob`, …, as written.
    pub kind: Text,
    /// `metadata.name`; none if it is generated or left out.
    pub name: Option<Text>,
    /// `metadata.namespace`, if it says one.
    pub namespace: Option<Text>,
    /// The account that its pods run as, if it says one.
    pub service_account: Option<Text>,
    /// The annotations of its pods, in the order written.
    pub annotations: Vec<Annotation>,
    /// The labels of its pods.
    pub labels: Vec<(Text, Text)>,
    /// False for a patch that says nothing of containers.
    pub has_containers: bool,
    /// Where its containers and volumes take Secrets and ConfigMaps from.
    pub consumers: Vec<Consumer>,
}

impl Workload {
    /// `Deployment shop`, for messages.
    #[must_use]
    pub fn title(&self) -> String {
        let name = self.name.as_ref().map_or("without a name", Text::as_str);
        format!("{} {name}", self.kind.as_str())
    }

    /// The place of its name, or of its kind.
    #[must_use]
    pub fn place(&self) -> Place {
        self.name.as_ref().unwrap_or(&self.kind).place()
    }
}

/// An annotation of ours where no pod has it.
#[derive(Debug, Clone)]
pub struct Misplaced {
    /// The kind of the object that it is in.
    pub kind: Text,
    /// Its whole name.
    pub name: Text,
    /// It is on the object's own metadata, not somewhere below.
    pub own: bool,
    /// The kind is Kubernetes' own: nobody hands the annotation on to pods.
    pub sure: bool,
    /// Where the object has the annotations of its pods; nothing where it has no pods.
    pub instead: Vec<String>,
}

/// One annotation.
#[derive(Debug, Clone)]
pub struct Annotation {
    /// Its whole name.
    pub name: Text,
    /// Its text.
    pub value: Text,
}

/// One place of a pod that takes an object.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Secret or ConfigMap.
    pub kind: ObjectKind,
    /// The object's name.
    pub name: Text,
    /// The keys that it takes; none for all there are.
    pub keys: Option<Vec<Text>>,
    /// The value of `optional`, where it is true: the pod starts without the object.
    pub optional: Option<Text>,
    /// How it takes it.
    pub via: Via,
}

/// How a pod takes an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// `envFrom` of a container.
    EnvFrom {
        /// The container.
        container: String,
    },
    /// `env[].valueFrom` of a container.
    Env {
        /// The container.
        container: String,
        /// The variable.
        variable: String,
    },
    /// A volume, or one source of a projected one.
    Volume {
        /// The volume.
        volume: String,
    },
    /// `imagePullSecrets`.
    ImagePull,
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EnvFrom { container } => write!(f, "envFrom of the container \"{container}\""),
            Self::Env {
                container,
                variable,
            } => write!(f, "{variable} of the container \"{container}\""),
            Self::Volume { volume } => write!(f, "the volume \"{volume}\""),
            Self::ImagePull => f.write_str("imagePullSecrets"),
        }
    }
}

/// A Secret or ConfigMap that the manifests make without JASM.
#[derive(Debug, Clone)]
pub struct Defined {
    /// Secret or ConfigMap.
    pub kind: ObjectKind,
    /// Its name.
    pub name: Text,
    /// Its namespace, if it says one.
    pub namespace: Option<Text>,
    /// Its keys; none where another controller fills it.
    pub keys: Option<Vec<String>>,
}
