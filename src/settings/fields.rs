//! The fields of the operator's file: one table for the parser and for the JSON Schema. Pure.

use jasm_providers::Kind;

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name in the file.
    pub name: &'static str,
    /// What it means, for editors and docs.
    pub about: &'static str,
    /// What may be written there.
    pub shape: Shape,
    /// What holds where it is left out, as YAML.
    pub default: Option<&'static str>,
    /// Kinds of store that have it; all of them where this is empty.
    pub of: &'static [Kind],
    /// Where it must be written.
    pub needed: Needed,
}

/// Where a field must be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// Nowhere.
    Never,
    /// Everywhere.
    Always,
    /// In a store of these kinds.
    For(&'static [Kind]),
}

/// What may be written in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The list of stores.
    Stores,
    /// The list of rules of a store.
    Rules,
    /// The list of rules of who may write to a store.
    WriteRules,
    /// Identities, with `*` and `{namespace}`.
    Identities,
    /// What holds for the push half.
    Push,
    /// The list of rules of who may use sources of other namespaces.
    SourceRules,
    /// The list of directories that objects may use as their source.
    Directories,
    /// A DNS label.
    Label,
    /// Namespaces, with `*`.
    Namespaces,
    /// Paths, with `*`, `**` and `{namespace}`.
    Paths,
    /// An address with a port.
    Address,
    /// A level of the log.
    Level,
    /// A format of the log.
    Format,
    /// A tier of rights.
    Rights,
    /// Whole seconds or minutes.
    Duration,
    /// The name of a store.
    Name,
    /// A kind of store.
    Kind,
    /// Whose rights read the store.
    Identity,
    /// An AWS region.
    Region,
    /// An AWS account.
    Account,
    /// A URL.
    Endpoint,
    /// A file or directory on JASM's own disk.
    Path,
    /// `true` or `false`.
    Flag,
    /// Any text but the empty one.
    Text,
    /// A text of this pattern (ECMA-262, without lookaround).
    Matching(&'static str),
    /// A URL with TLS.
    Secure,
    /// A list of key vaults, each a name or a mapping.
    Vaults,
    /// One of these words.
    Words(&'static [&'static str]),
}

const FILE: &[Kind] = &[Kind::File];
const AWS: &[Kind] = &[Kind::AwsSecretsManager, Kind::AwsParameterStore];
const GCP: &[Kind] = &[Kind::GcpSecretManager, Kind::GcpParameterManager];
const RENDERED: &[Kind] = &[Kind::GcpParameterManager];
const AZURE: &[Kind] = &[Kind::AzureKeyVault, Kind::AzureAppConfiguration];
const KEY_VAULT: &[Kind] = &[Kind::AzureKeyVault];
const APP_CONFIGURATION: &[Kind] = &[Kind::AzureAppConfiguration];
const VAULT: &[Kind] = &[Kind::Vault];
/// Those that take another endpoint than the cloud's own.
const CLOUDS: &[Kind] = &[
    Kind::AwsSecretsManager,
    Kind::AwsParameterStore,
    Kind::GcpSecretManager,
    Kind::GcpParameterManager,
    Kind::AzureKeyVault,
    Kind::AzureAppConfiguration,
];
/// Those whose workloads sign in at a token service of its own.
const WITH_STS: &[Kind] = &[
    Kind::AwsSecretsManager,
    Kind::AwsParameterStore,
    Kind::GcpSecretManager,
    Kind::GcpParameterManager,
];
/// Those that are reached over the network.
const REMOTE: &[Kind] = &[
    Kind::AwsSecretsManager,
    Kind::AwsParameterStore,
    Kind::GcpSecretManager,
    Kind::GcpParameterManager,
    Kind::AzureKeyVault,
    Kind::AzureAppConfiguration,
    Kind::Vault,
];

/// A project's id or a pool of workload identities.
const PROJECT: Shape = Shape::Matching(r"^[A-Za-z0-9](\.?[A-Za-z0-9:-])*\.?$");
/// A region, a zone or a cluster of Google Cloud.
const PLACE: Shape = Shape::Matching("^[A-Za-z0-9][A-Za-z0-9-]*$");
/// A provider of a pool.
const PROVIDER: Shape = Shape::Matching(
    "^//iam\\.googleapis\\.com/projects/[A-Za-z0-9-]+/locations/[A-Za-z0-9-]+/workloadIdentityPools/[A-Za-z0-9-]+/providers/[A-Za-z0-9-]+$",
);
/// A vault or a configuration store of Azure.
const AZURE_NAME: Shape = Shape::Matching("^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$");
/// An id of Entra ID, or a tenant's domain.
const ENTRA_ID: Shape = Shape::Matching(r"^[A-Za-z0-9](\.?[A-Za-z0-9-])*\.?$");
/// A label of App Configuration.
const LABEL: Shape = Shape::Matching("^[A-Za-z0-9._:/@+=$-]{1,256}$");
/// A mount or a namespace of Vault.
const VAULT_PATH: Shape = Shape::Matching(
    r"^\.?[A-Za-z0-9_-](\.?[A-Za-z0-9_-])*\.?(/\.?[A-Za-z0-9_-](\.?[A-Za-z0-9_-])*\.?)*$",
);
/// A role of Vault.
const ROLE: Shape = Shape::Matching(r"^([^{}]|\{namespace\}|\{serviceaccount\})+$");

const fn field(name: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        name,
        about,
        shape,
        default: None,
        of: &[],
        needed: Needed::Never,
    }
}

impl Field {
    const fn default(mut self, text: &'static str) -> Self {
        self.default = Some(text);
        self
    }

    const fn of(mut self, kinds: &'static [Kind]) -> Self {
        self.of = kinds;
        self
    }

    const fn needed(mut self, needed: Needed) -> Self {
        self.needed = needed;
        self
    }

    /// True if a store of this kind may have it.
    #[must_use]
    pub fn fits(&self, kind: Kind) -> bool {
        self.of.is_empty() || self.of.contains(&kind)
    }
}

/// The file itself.
pub const CONFIG: [Field; 8] = [
    field(
        "stores",
        Shape::Stores,
        "The stores by name, each with who may read what. A store that is not named here does not exist for anybody.",
    )
    .default("[]"),
    field(
        "namespaces",
        Shape::Namespaces,
        "Namespaces whose pods are served; \"*\" matches any characters of a name.",
    )
    .default("[\"*\"]"),
    field(
        "listen",
        Shape::Address,
        "Where /livez, /readyz and /metrics are served, as ADDRESS:PORT. Taken at start only.",
    )
    .default(super::read::LISTEN),
    field("logLevel", Shape::Level, "Level of JASM's own log. Taken while it runs.").default("info"),
    field("logFormat", Shape::Format, "Format of the log. Taken at start only.").default("json"),
    field(
        "storeTimeout",
        Shape::Duration,
        "How long a store may take for one call: whole seconds or minutes from 1s to 10m.",
    )
    .default("10s"),
    field(
        "rights",
        Shape::Rights,
        "What JASM's account may do with Secrets and ConfigMaps: the tier of config/rbac that it has. Taken at start only.",
    )
    .default("default"),
    field(
        "push",
        Shape::Push,
        "What holds for every SecretManagerConfig: configuration from Git to the stores.",
    )
    .default("{}"),
];

/// What holds for the push half.
pub const PUSH: [Field; 3] = [
    field(
        "cluster",
        Shape::Label,
        "What the cluster is called in the mark that every written entry carries; the uid of its namespace kube-system if it is left out. Another name later makes every entry a stranger's.",
    ),
    field(
        "crossNamespaceSources",
        Shape::SourceRules,
        "Which namespaces' objects may use the sources of which other namespaces; none, if it is left out.",
    )
    .default("[]"),
    field(
        "directories",
        Shape::Directories,
        "Directories on JASM's own disk that objects may use as their source (kind File): for tests and demos.",
    )
    .default("[]"),
];

/// A rule of who may use sources of other namespaces.
pub const SOURCE_RULE: [Field; 2] = [
    field(
        "namespaces",
        Shape::Namespaces,
        "Namespaces of the objects; \"*\" matches any characters of a name.",
    )
    .needed(Needed::Always),
    field(
        "sources",
        Shape::Namespaces,
        "Namespaces of the sources that they may use.",
    )
    .needed(Needed::Always),
];

/// A directory that objects may use as their source.
pub const DIRECTORY: [Field; 3] = [
    field("name", Shape::Label, "The name that objects use.").needed(Needed::Always),
    field("path", Shape::Path, "The directory.").needed(Needed::Always),
    field(
        "namespaces",
        Shape::Namespaces,
        "Namespaces whose objects may use it; \"*\" matches any characters of a name.",
    )
    .needed(Needed::Always),
];

/// A store.
pub const STORE: [Field; 40] = [
    field(
        "name",
        Shape::Name,
        "The name that annotations use. In annotations \"aws\", \"gcp\" and \"azure\" stand for aws-secretsmanager, gcp-secretmanager and azure-keyvault.",
    )
    .needed(Needed::Always),
    field("kind", Shape::Kind, "What the store is.").needed(Needed::Always),
    field("region", Shape::Region, "The AWS region.").of(AWS).needed(Needed::For(AWS)),
    field(
        "account",
        Shape::Account,
        "The AWS account, twelve digits in quotes; needed before ARNs are accepted as paths. Roles of other accounts are refused then.",
    )
    .of(AWS),
    field("project", PROJECT, "The Google Cloud project's id.").of(GCP).needed(Needed::For(GCP)),
    field("location", PLACE, "The location of regional secrets and parameters.")
        .of(GCP)
        .default("global"),
    field(
        "clusterProject",
        PROJECT,
        "For identity workload: the project of the GKE cluster. What is left out of the cluster is asked of the metadata server.",
    )
    .of(GCP),
    field("clusterLocation", PLACE, "The GKE cluster's region or zone.").of(GCP),
    field("clusterName", PLACE, "The GKE cluster's name.").of(GCP),
    field(
        "workloadPool",
        PROJECT,
        "The workload identity pool; PROJECT.svc.id.goog if it is left out.",
    )
    .of(GCP),
    field(
        "workloadProvider",
        PROVIDER,
        "For clusters outside of GKE: //iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER.",
    )
    .of(GCP),
    field(
        "render",
        Shape::Words(&["rendered", "raw"]),
        "Whether references to secrets in a parameter are replaced by their values.",
    )
    .of(RENDERED)
    .default("rendered"),
    field("vault", AZURE_NAME, "The key vault's name.").of(KEY_VAULT).needed(Needed::For(KEY_VAULT)),
    field("configuration", AZURE_NAME, "The App Configuration store's name.")
        .of(APP_CONFIGURATION)
        .needed(Needed::For(APP_CONFIGURATION)),
    field("label", LABEL, "The label of entries that are asked for without a version; none if it is left out.")
        .of(APP_CONFIGURATION),
    field(
        "vaults",
        Shape::Vaults,
        "Key vaults to which references may lead, each as its name or as {name, endpoint}; no others are asked.",
    )
        .of(APP_CONFIGURATION)
        .default("[]"),
    field("featureFlags", Shape::Flag, "Whether a prefix read gives feature flags too.")
        .of(APP_CONFIGURATION)
        .default("false"),
    field(
        "tenant",
        ENTRA_ID,
        "The Entra ID tenant of ServiceAccounts that name none, and of JASM; AZURE_TENANT_ID if it is left out.",
    )
    .of(AZURE),
    field("client", ENTRA_ID, "JASM's own client id; AZURE_CLIENT_ID if it is left out.").of(AZURE),
    field("cloud", Shape::Words(&["public", "government", "china"]), "Which Azure.")
        .of(AZURE)
        .default("public"),
    field("authority", Shape::Secure, "Where Entra ID is, if not at its cloud's own address.").of(AZURE),
    field("address", Shape::Endpoint, "Where Vault or OpenBao is: the active node's address.")
        .of(VAULT)
        .needed(Needed::For(VAULT)),
    field("vaultNamespace", VAULT_PATH, "The namespace of mount and login in Vault.").of(VAULT),
    field("mount", VAULT_PATH, "Where the key-value engine is mounted.").of(VAULT).default("secret"),
    field("kv", Shape::Words(&["1", "2"]), "The version of the key-value engine.").of(VAULT).default("2"),
    field(
        "auth",
        Shape::Words(&["kubernetes", "jwt"]),
        "By which auth method a ServiceAccount signs in.",
    )
    .of(VAULT)
    .default("kubernetes"),
    field("authMount", VAULT_PATH, "Where the auth method is mounted; its own name if it is left out.").of(VAULT),
    field(
        "role",
        ROLE,
        "The role that is signed in to; {namespace} and {serviceaccount} stand for the reader's.",
    )
    .of(VAULT)
    .needed(Needed::For(VAULT)),
    field("audience", Shape::Text, "The audience of the tokens, which the role has to name.")
        .of(VAULT)
        .default("vault"),
    field("tokenFile", Shape::Path, "JASM's own token for that audience.")
        .of(VAULT)
        .default("/var/run/secrets/jasm/vault/token"),
    field(
        "identity",
        Shape::Identity,
        "Whose rights read the store: \"workload\" the pod's ServiceAccount's, so that the store's own IAM decides and rules, if any, narrow it; \"controller\" JASM's own, and \"allow\" says who may read what.",
    )
    .needed(Needed::For(REMOTE)),
    field(
        "allow",
        Shape::Rules,
        "Who may read what. What no rule allows is refused; without a rule nobody may read a store as the controller, and the store's own IAM decides alone for workloads.",
    )
    .default("[]"),
    field(
        "allowWrite",
        Shape::WriteRules,
        "Which SecretManagerConfig objects may write what, and as whom. What no rule allows is refused; without a rule nothing is ever written.",
    )
    .of(CLOUDS)
    .default("[]"),
    field(
        "endpoint",
        Shape::Endpoint,
        "A private endpoint or an emulator instead of the cloud's own: https, or http on this machine (Azure's https only).",
    )
    .of(CLOUDS),
    field("stsEndpoint", Shape::Endpoint, "The same for the service that gives workloads their credentials.")
        .of(WITH_STS),
    field(
        "kmsEndpoint",
        Shape::Endpoint,
        "The same for the service whose keys decrypt SOPS files.",
    )
    .of(WITH_STS),
    field("iamEndpoint", Shape::Endpoint, "The same for the IAM Service Account Credentials API.").of(GCP),
    field(
        "caFile",
        Shape::Path,
        "Certificates (PEM) to trust for the endpoint, besides the system's.",
    )
    .of(REMOTE),
    field("root", Shape::Path, "The directory whose files are the entries.")
        .of(FILE)
        .needed(Needed::For(FILE)),
    field(
        "configs",
        Shape::Flag,
        "Secret values of this store may go into ConfigMaps.",
    )
    .default("false"),
];

/// A rule of a store.
pub const RULE: [Field; 2] = [
    field(
        "namespaces",
        Shape::Namespaces,
        "Namespaces whose pods may read; \"*\" matches any characters of a name.",
    )
    .needed(Needed::Always),
    field(
        "paths",
        Shape::Paths,
        "Paths they may read: \"*\" matches within a segment, \"**\" any number of segments, {namespace} the pod's own.",
    )
    .needed(Needed::Always),
];

/// A rule of who may write to a store.
pub const WRITE_RULE: [Field; 3] = [
    field(
        "namespaces",
        Shape::Namespaces,
        "Namespaces whose objects may write; \"*\" matches any characters of a name.",
    )
    .needed(Needed::Always),
    field(
        "paths",
        Shape::Paths,
        "Names of entries that they may write: \"*\" matches within a segment, \"**\" any number of segments, {namespace} the object's own.",
    )
    .needed(Needed::Always),
    field(
        "identities",
        Shape::Identities,
        "As whom: a role's ARN, a service account's address, a client id, with \"*\" and {namespace}; \"controller\" is JASM itself.",
    )
    .needed(Needed::Always),
];

/// A key vault to which references may lead, where it is more than a name.
pub const KEY_VAULT_ITEM: [Field; 2] = [
    field("name", AZURE_NAME, "The key vault's name.").needed(Needed::Always),
    field(
        "endpoint",
        Shape::Secure,
        "A private endpoint or an emulator instead of the cloud's own: https.",
    ),
];

/// The names of a table's fields.
pub(super) const fn names<const N: usize>(fields: &[Field; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = fields[at].name;
        at += 1;
    }
    names
}
