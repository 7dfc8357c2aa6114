//! `SecretManagerConfig`: what a user writes, and what is told about it.
//!
//! The CRD is generated from these types (`config/crd`); what can be checked at admission is, by CEL.

#![allow(
    unreachable_pub,
    reason = "the derive repeats the types where nobody sees them"
)]

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod status;

pub use status::Status;

/// Carries the configuration of one environment from a Git source to the stores of one cloud.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, CustomResource, KubeSchema)]
#[kube(
    group = "secret-manager.microscaler.io",
    version = "v1alpha1",
    kind = "SecretManagerConfig",
    plural = "secretmanagerconfigs",
    shortname = "smc",
    namespaced,
    status = "Status",
    doc = "Carries the configuration of one environment from a Git source to the stores of one cloud.",
    derive = "PartialEq",
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name":"Revision","type":"string","jsonPath":".status.lastAppliedRevision"}"#,
    printcolumn = r#"{"name":"Entries","type":"integer","jsonPath":".status.entries.total"}"#,
    printcolumn = r#"{"name":"Failed","type":"integer","jsonPath":".status.entries.failed"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type==\"Ready\")].message"}"#,
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$') && size(self.metadata.name) <= 63").message("metadata.name must be up to 63 lower-case letters, digits and \"-\": it is part of the mark on every entry")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.provider.type == 'azure' || !has(self.configs) || (!has(self.configs.appConfigEndpoint) && !has(self.configs.label) && !has(self.configs.keySeparator))").message("configs.appConfigEndpoint, label and keySeparator are for provider type azure"))]
#[x_kube(validation = Rule::new("self.provider.type == 'aws' || !has(self.configs) || !has(self.configs.parameterPath)").message("configs.parameterPath is for provider type aws"))]
#[x_kube(validation = Rule::new("self.provider.type == 'gcp' || !has(self.configs) || !has(self.configs.store)").message("configs.store is for provider type gcp"))]
#[x_kube(validation = Rule::new("self.provider.type != 'azure' || !has(self.configs) || !has(self.configs.enabled) || !self.configs.enabled || has(self.configs.appConfigEndpoint)").message("configs.appConfigEndpoint is required with provider type azure and configs.enabled: write the endpoint of the App Configuration store"))]
pub struct SecretManagerConfigSpec {
    /// Where the files come from.
    pub source_ref: SourceRef,
    /// Where the entries go.
    pub provider: Provider,
    /// Which files are read, and how their entries are named.
    pub secrets: Secrets,
    /// Configuration that is no secret, in the cloud's config store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configs: Option<Configs>,
    /// The keys for files that are encrypted with SOPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decryption: Option<Decryption>,
    /// What becomes of entries that are in the source no more: they stay (`Retain`) or are deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Nothing is read or written while this is true.
    #[serde(default)]
    pub suspend: bool,
    /// How often entries are compared with the stores although the source did not change, as in `1h30m`.
    /// Never, if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('1m')").message("driftInterval must be a duration of at least 1m, such as 1h30m"))]
    pub drift_interval: Option<String>,
}

/// Where the files come from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.gitCredentials) || self.kind == 'Application'").message("gitCredentials are for kind Application: Flux has its own"))]
pub struct SourceRef {
    /// What it is: an object of Flux, an `Application` of Argo CD, or a directory of JASM's own (`File`).
    #[serde(default)]
    pub kind: SourceKind,
    /// Its name.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Its namespace; the object's own if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub namespace: Option<String>,
    /// The Secret, in the object's namespace, with which the repository of an `Application` is cloned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_credentials: Option<SecretRef>,
}

/// Kinds of source.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Deserialize,
    Serialize,
    JsonSchema,
)]
pub enum SourceKind {
    /// A Git repository that Flux fetches.
    #[default]
    GitRepository,
    /// An OCI artifact that Flux fetches.
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// A bucket that Flux fetches.
    Bucket,
    /// An artifact that something else gives to Flux.
    ExternalArtifact,
    /// An application of Argo CD: its repository at the revision that is synced.
    Application,
    /// A directory that JASM's config names.
    File,
}

/// A Secret in the object's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SecretRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Where the entries go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.aws) == (self.type == 'aws') && has(self.gcp) == (self.type == 'gcp') && has(self.azure) == (self.type == 'azure')").message("exactly the block that type names must be there: aws, gcp or azure"))]
pub struct Provider {
    /// Which cloud.
    pub r#type: Cloud,
    /// For type `aws`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// For type `gcp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gcp: Option<Gcp>,
    /// For type `azure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<Azure>,
}

/// Which cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Secrets Manager and Parameter Store.
    Aws,
    /// Secret Manager and Parameter Manager.
    Gcp,
    /// Key Vault and App Configuration.
    Azure,
}

/// One region of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Aws {
    /// The region, as a store of JASM's config has it.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[a-z0-9-]+$"))]
    pub region: String,
    /// As whom entries are written; JASM itself if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AwsAuth>,
}

/// As whom entries of AWS are written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AwsAuth {
    /// How: `Irsa`, also written `irsa`.
    pub auth_type: AwsAuthType,
    /// The role that JASM takes on.
    #[schemars(
        length(max = 2048),
        regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$")
    )]
    pub role_arn: String,
}

/// How the identity of AWS is taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("enum" = ["Irsa", "irsa"]))]
pub enum AwsAuthType {
    /// By a role.
    #[serde(alias = "irsa")]
    Irsa,
}

/// One project of Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gcp {
    /// The project's id, as a store of JASM's config has it.
    #[schemars(length(min = 1, max = 63))]
    pub project_id: String,
    /// A region, where the stores of JASM's config have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9-]+$"))]
    pub location: Option<String>,
    /// As whom entries are written; JASM itself if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<GcpAuth>,
}

/// As whom entries of Google Cloud are written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GcpAuth {
    /// How: `WorkloadIdentity`, also written `workloadIdentity`.
    pub auth_type: WorkloadIdentity,
    /// The service account that JASM impersonates.
    #[schemars(length(max = 254), regex(pattern = r"^[^@\s/]+@[^@\s/]+$"))]
    pub service_account_email: String,
}

/// How an identity of Google Cloud or Azure is taken on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("enum" = ["WorkloadIdentity", "workloadIdentity"]))]
pub enum WorkloadIdentity {
    /// By federation.
    #[serde(alias = "workloadIdentity")]
    WorkloadIdentity,
}

/// One key vault of Azure.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Azure {
    /// The vault's name or its URL, as a store of JASM's config has it.
    #[schemars(
        length(min = 1, max = 256),
        regex(pattern = r"^(https://[^/\s]+/?|[A-Za-z0-9-]+)$")
    )]
    pub vault_name: String,
    /// A region; says nothing, and is taken for compatibility.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub location: Option<String>,
    /// As whom entries are written; JASM itself if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<AzureAuth>,
}

/// As whom entries of Azure are written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureAuth {
    /// How: `WorkloadIdentity`, also written `workloadIdentity`.
    pub auth_type: WorkloadIdentity,
    /// The client id of the identity, which must trust JASM's ServiceAccount.
    #[schemars(length(max = 36), regex(pattern = r"^[0-9A-Fa-f-]{36}$"))]
    pub client_id: String,
}

/// Which files are read, and how their entries are named.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.kustomizePath) || !has(self.basePath)").message("write kustomizePath or basePath, not both"))]
pub struct Secrets {
    /// The environment: the name of the folder below `profiles`.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    )]
    pub environment: String,
    /// The folder of a kustomization, from the source's root. Plain files beside it are read as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("!self.startsWith('/') && !self.split('/').exists(part, part == '..')").message("kustomizePath must be a path below the source's root"))]
    pub kustomize_path: Option<String>,
    /// The folder below which files are looked for, from the source's root; the root if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("!self.startsWith('/') && !self.split('/').exists(part, part == '..')").message("basePath must be a path below the source's root"))]
    pub base_path: Option<String>,
    /// What stands before every name; the service's folder if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub prefix: Option<String>,
    /// What stands after every name of a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9._-]+$"))]
    pub suffix: Option<String>,
}

/// Configuration that is no secret, in the cloud's config store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Configs {
    /// Whether it goes to the config store; else it goes to the secret store, one secret per file.
    #[serde(default)]
    pub enabled: bool,
    /// Which of Google Cloud's stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<GcpConfigStore>,
    /// The path of parameters in Parameter Store; `/{prefix}/{environment}` if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 900), regex(pattern = r"^/[\w.-]+(/[\w.-]+)*$"))]
    pub parameter_path: Option<String>,
    /// The endpoint of the App Configuration store, as a store of JASM's config has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^https://[^/\s]+/?$"))]
    pub app_config_endpoint: Option<String>,
    /// The label of entries in App Configuration; none if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub label: Option<String>,
    /// What parts the keys of App Configuration: `:` if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1), regex(pattern = r"^[:/._-]$"))]
    pub key_separator: Option<String>,
    /// Files that hold configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub files: Option<Vec<String>>,
}

/// Which of Google Cloud's stores holds configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(extend("enum" = ["SecretManager", "secretManager", "ParameterManager", "parameterManager"]))]
pub enum GcpConfigStore {
    /// Secret Manager.
    #[serde(alias = "secretManager")]
    SecretManager,
    /// Parameter Manager.
    #[serde(alias = "parameterManager")]
    ParameterManager,
}

/// The keys for files that are encrypted with SOPS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decryption {
    /// The Secret, in the object's namespace, with the keys: `*.agekey`, `*.asc`, `sops.vault-token`.
    pub secret_ref: SecretRef,
}

/// What becomes of entries that are in the source no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DeletionPolicy {
    /// They stay.
    #[default]
    Retain,
    /// They are deleted, with the object too.
    Delete,
}
