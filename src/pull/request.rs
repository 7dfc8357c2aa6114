//! What an annotation asks for, parsed: pure data, independent of any store or cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::diagnostic::Place;

/// The two kinds of object that JASM produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum ObjectKind {
    /// `v1/Secret`
    Secret,
    /// `v1/ConfigMap`
    ConfigMap,
}

impl ObjectKind {
    /// The kind as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

/// The object to produce. All work is keyed by it, never by a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// Secret or ConfigMap.
    pub kind: ObjectKind,
    /// The pods' namespace.
    pub namespace: Arc<str>,
    /// The object's name.
    pub name: Arc<str>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.as_str(), self.namespace, self.name)
    }
}

/// Where a request's payload comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// One entry of a store; the path is as written and validated by the store's kind later.
    Entry {
        /// The store's name or one of the short words for it.
        store: String,
        /// The path as written.
        path: String,
        /// Current if none is named.
        version: Option<String>,
    },
    /// Every entry below a path that ends in `/**`.
    Prefix {
        /// As above.
        store: String,
        /// With its `/**`.
        path: String,
    },
    /// A literal of the `environment` annotation.
    Literal(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry {
                store,
                path,
                version: None,
            }
            | Self::Prefix { store, path } => write!(f, "{store}:{path}"),
            Self::Entry {
                store,
                path,
                version: Some(version),
            } => write!(f, "{store}:{path}?version={version}"),
            Self::Literal(_) => f.write_str("a literal"),
        }
    }
}

/// What is taken of a payload, and under which data keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Take {
    /// The members of a JSON object; any other payload under the last segment of its path.
    All,
    /// Data key → source key (a literal member name, or an RFC 6901 pointer if it begins with `/`).
    Keys(BTreeMap<String, String>),
    /// The whole payload, byte for byte, under this data key.
    Whole(String),
}

/// How generated keys are spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// As the source has them.
    AsIs,
    /// Fit for `envFrom`: upper case, every other character `_`.
    Env,
}

/// The types of Secret that may be produced; service-account and bootstrap tokens never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretType {
    /// `Opaque`
    Opaque,
    /// `kubernetes.io/tls`
    Tls,
    /// `kubernetes.io/dockerconfigjson`
    DockerConfigJson,
    /// `kubernetes.io/basic-auth`
    BasicAuth,
    /// `kubernetes.io/ssh-auth`
    SshAuth,
}

impl SecretType {
    /// The words an annotation may write, without the optional `kubernetes.io/`.
    pub const WORDS: [&'static str; 5] = [
        "Opaque",
        "tls",
        "dockerconfigjson",
        "basic-auth",
        "ssh-auth",
    ];

    /// The type as the API writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opaque => "Opaque",
            Self::Tls => "kubernetes.io/tls",
            Self::DockerConfigJson => "kubernetes.io/dockerconfigjson",
            Self::BasicAuth => "kubernetes.io/basic-auth",
            Self::SshAuth => "kubernetes.io/ssh-auth",
        }
    }

    /// Parses an annotation's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word.strip_prefix("kubernetes.io/").unwrap_or(word) {
            "Opaque" if word == "Opaque" => Self::Opaque,
            "tls" => Self::Tls,
            "dockerconfigjson" => Self::DockerConfigJson,
            "basic-auth" => Self::BasicAuth,
            "ssh-auth" => Self::SshAuth,
            _ => return None,
        })
    }
}

/// The format of a rendered file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `java.util.Properties`
    Properties,
    /// `NAME='value'` lines
    Env,
    /// One JSON object
    Json,
    /// One YAML mapping
    Yaml,
}

impl Format {
    /// The words an annotation may write.
    pub const WORDS: [&'static str; 4] = ["properties", "env", "json", "yaml"];

    /// Parses an annotation's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "properties" => Self::Properties,
            "env" => Self::Env,
            "json" => Self::Json,
            "yaml" => Self::Yaml,
            _ => return None,
        })
    }

    /// The format a file's extension stands for.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "yml" => Some(Self::Yaml),
            extension => Self::parse(extension),
        }
    }
}

/// A file of a ConfigMap into which a request renders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// The data key.
    pub name: String,
    /// How it is written.
    pub format: Format,
}

/// As whom the store is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ReadAs {
    /// As the store's config says.
    #[default]
    Store,
    /// As the pod, whoever that is; an annotation may ask for it.
    Workload,
    /// As this ServiceAccount of the pod's namespace; no annotation says so.
    ServiceAccount(Box<str>),
}

impl ReadAs {
    /// What is so in most requests is left out of their text.
    fn is_default(&self) -> bool {
        *self == Self::Store
    }
}

/// One request for one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Where the payload comes from.
    pub origin: Origin,
    /// What is taken of it.
    pub take: Take,
    /// How generated keys are spelt.
    pub names: Names,
    /// Put before generated keys.
    pub prefix: String,
    /// The Secret's type; `Opaque` for ConfigMaps.
    pub secret_type: SecretType,
    /// The file it renders into.
    pub file: Option<File>,
    /// A missing entry is no error.
    pub optional: bool,
    /// The object outlives its workload.
    pub retain: bool,
    /// As whom the store is read.
    #[serde(skip_serializing_if = "ReadAs::is_default")]
    pub read_as: ReadAs,
    /// Which annotation says so, for messages; no part of what is asked.
    #[serde(skip)]
    pub said_in: String,
    /// Where in the annotation's text; no part of what is asked.
    #[serde(skip)]
    pub written: Written,
}

/// Where in its annotation's text a request is written, as far as it is.
///
/// Two of them are always equal: the same request may be written anywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// The object's name, or the variable's.
    pub object: Option<Place>,
    /// The store.
    pub store: Option<Place>,
    /// The path.
    pub path: Option<Place>,
}

impl PartialEq for Written {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Written {}

impl Request {
    /// A request with every default.
    #[must_use]
    pub fn new(origin: Origin, take: Take, said_in: impl Into<String>) -> Self {
        Self {
            origin,
            take,
            names: Names::AsIs,
            prefix: String::new(),
            secret_type: SecretType::Opaque,
            file: None,
            optional: false,
            retain: false,
            read_as: ReadAs::Store,
            said_in: said_in.into(),
            written: Written::default(),
        }
    }

    /// The store that it reads, as the annotation names it; none for a literal.
    #[must_use]
    pub fn store(&self) -> Option<&str> {
        match &self.origin {
            Origin::Entry { store, .. } | Origin::Prefix { store, .. } => Some(store),
            Origin::Literal(_) => None,
        }
    }

    /// The name of the annotation that says so, without its prefix.
    #[must_use]
    pub fn annotation(&self) -> &str {
        self.said_in
            .split(['[', ' '])
            .next()
            .unwrap_or(&self.said_in)
    }

    /// One stable text for what is asked, equal exactly where the requests ask the same.
    #[must_use]
    pub fn canonical(&self) -> String {
        // Plain data with string keys cannot fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}
