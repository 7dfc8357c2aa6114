//! A store as the operator describes it.

use std::path::PathBuf;

use jasm_providers::{Kind, Scope};

use super::backends::{Azure, Gcp, Vault};
use crate::policy::{self, Rule, WriteRule};

/// One store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The name that annotations use.
    pub name: String,
    /// What it is, with what that kind needs.
    pub backend: Backend,
    /// As whom it is read where an annotation does not ask for less.
    pub identity: Identity,
    /// What its paths are read against.
    pub scope: Scope,
    /// Secret values may go into ConfigMaps.
    pub configs: bool,
    /// Who may read what.
    pub allow: Vec<Rule>,
    /// Who may write what, and as whom.
    pub allow_write: Vec<WriteRule>,
}

impl Store {
    /// Whether its rules have a say: always where it is read as the controller, whose rights they
    /// lend out; else where there are any.
    #[must_use]
    pub fn is_ruled(&self) -> bool {
        self.identity == Identity::Controller || !self.allow.is_empty()
    }

    /// Whether the namespace may read exactly this path.
    #[must_use]
    pub fn lets(&self, namespace: &str, path: &str) -> bool {
        !self.is_ruled() || policy::allows(&self.allow, namespace, path)
    }

    /// Whether the namespace may read anything below this path.
    #[must_use]
    pub fn lets_below(&self, namespace: &str, base: &str) -> bool {
        !self.is_ruled() || policy::may_allow_below(&self.allow, namespace, base)
    }
}

/// Whose rights read a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// JASM's own; the rules say who may read what.
    Controller,
    /// Those of the pod's ServiceAccount; the store's own IAM decides, and rules, if any, narrow it.
    Workload,
}

impl Identity {
    /// The word for it in the file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Workload => "workload",
        }
    }
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
    /// Google Cloud Secret Manager.
    GcpSecretManager(Gcp),
    /// Google Cloud Parameter Manager.
    GcpParameterManager(Gcp),
    /// Azure Key Vault.
    AzureKeyVault(Azure),
    /// Azure App Configuration.
    AzureAppConfiguration(Azure),
    /// Vault or OpenBao.
    Vault(Vault),
}

impl Backend {
    /// The kind whose grammar the store's paths have.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::File { .. } => Kind::File,
            Self::AwsSecretsManager(_) => Kind::AwsSecretsManager,
            Self::AwsParameterStore(_) => Kind::AwsParameterStore,
            Self::GcpSecretManager(_) => Kind::GcpSecretManager,
            Self::GcpParameterManager(_) => Kind::GcpParameterManager,
            Self::AzureKeyVault(_) => Kind::AzureKeyVault,
            Self::AzureAppConfiguration(_) => Kind::AzureAppConfiguration,
            Self::Vault(_) => Kind::Vault,
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
    /// The same for the service that gives workloads their credentials.
    pub sts_endpoint: Option<String>,
    /// The same for the service whose keys decrypt SOPS files.
    pub kms_endpoint: Option<String>,
    /// Certificates (PEM) to trust for it, besides the system's.
    pub ca_file: Option<PathBuf>,
}
