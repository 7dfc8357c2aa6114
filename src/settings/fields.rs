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
}

const FILE: &[Kind] = &[Kind::File];
const AWS: &[Kind] = &[Kind::AwsSecretsManager, Kind::AwsParameterStore];

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
pub const CONFIG: [Field; 7] = [
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
];

/// A store.
pub const STORE: [Field; 10] = [
    field(
        "name",
        Shape::Name,
        "The name that annotations use. \"aws\" in an annotation stands for the name aws-secretsmanager.",
    )
    .needed(Needed::Always),
    field("kind", Shape::Kind, "What the store is.").needed(Needed::Always),
    field("region", Shape::Region, "The AWS region.").of(AWS).needed(Needed::For(AWS)),
    field(
        "account",
        Shape::Account,
        "The AWS account, twelve digits in quotes; needed before ARNs are accepted as paths.",
    )
    .of(AWS),
    field(
        "identity",
        Shape::Identity,
        "Whose rights read the store: \"controller\" is JASM's own identity, and \"allow\" says who may read what.",
    )
    .needed(Needed::For(AWS)),
    field(
        "allow",
        Shape::Rules,
        "Who may read what. What no rule allows is refused; without a rule nobody may read the store.",
    )
    .default("[]"),
    field(
        "endpoint",
        Shape::Endpoint,
        "A private endpoint or an emulator instead of the region's own: https, or http on this machine.",
    )
    .of(AWS),
    field(
        "caFile",
        Shape::Path,
        "Certificates (PEM) to trust for the endpoint, besides the system's.",
    )
    .of(AWS),
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
