//! A store as the operator describes it.

use std::path::PathBuf;

use jasm_providers::{Kind, Scope};

use crate::policy::Rule;

/// One store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The name that annotations use.
    pub name: String,
    /// What it is, with what that kind needs.
    pub backend: Backend,
    /// What its paths are read against.
    pub scope: Scope,
    /// Secret values may go into ConfigMaps.
    pub configs: bool,
    /// Who may read what.
    pub allow: Vec<Rule>,
}

/// The kinds of store with what each needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A directory.
    File {
        /// Its root.
        root: PathBuf,
    },
    /// AWS Secrets Manager.
    AwsSecretsManager(AwsEndpoint),
    /// AWS Systems Manager Parameter Store.
    AwsParameterStore(AwsEndpoint),
}

impl Backend {
    /// The kind whose grammar the store's paths have.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::File { .. } => Kind::File,
            Self::AwsSecretsManager(_) => Kind::AwsSecretsManager,
            Self::AwsParameterStore(_) => Kind::AwsParameterStore,
        }
    }
}

/// Where an AWS API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsEndpoint {
    /// The region.
    pub region: String,
    /// A private endpoint or an emulator instead of the region's own.
    pub endpoint: Option<String>,
    /// Certificates (PEM) to trust for it, besides the system's.
    pub ca_file: Option<PathBuf>,
}
