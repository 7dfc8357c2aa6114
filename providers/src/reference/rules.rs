//! The table: what each kind's names, prefixes and versions may be.

use super::Kind;

/// Whether a name begins with `/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leading {
    /// Never: the path is relative to the store's root.
    Refused,
    /// Both are names, and different ones.
    Free,
    /// A name of more than one level must; a name of one level may.
    WithLevels,
}

/// What selects a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Versions {
    /// The kind keeps none.
    Absent,
    /// A version id or a staging label.
    IdOrStage,
    /// A version number or a label.
    NumberOrLabel,
    /// A version number, an alias or `latest`.
    NumberOrAlias,
    /// A name that the version was given.
    Name,
    /// Thirty-two hexadecimal digits.
    Hexadecimal,
    /// A label, which is half of an entry's name.
    Label,
    /// A version number.
    Number,
}

/// How everything below a path is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Below {
    /// By a path that ends in `/**`.
    Levels,
    /// Not at all: names have no levels, there is only the whole store.
    Nothing,
    /// By the beginning of names, followed by `*`.
    Beginning,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) kind: Kind,
    /// Characters of a name besides ASCII letters, digits and `/`.
    pub(super) extra: &'static str,
    /// Longest name, in characters (all are ASCII).
    pub(super) longest: usize,
    /// Longest part between two `/`.
    pub(super) longest_segment: usize,
    /// Most parts between `/`.
    pub(super) levels: usize,
    pub(super) leading: Leading,
    pub(super) below: Below,
    /// How the whole store is written.
    pub(super) whole: &'static str,
    pub(super) versions: Versions,
}

// 255 is the longest file name on every common file system; 1024 keeps a path out of ENAMETOOLONG.
const FILE: Rules = Rules {
    kind: Kind::File,
    extra: "._-",
    longest: 1024,
    longest_segment: 255,
    levels: 32,
    leading: Leading::Refused,
    below: Below::Levels,
    whole: "**",
    versions: Versions::Absent,
};

// AWS: CreateSecret, Name.
const SECRETS_MANAGER: Rules = Rules {
    kind: Kind::AwsSecretsManager,
    extra: "_+=.@-",
    longest: 512,
    longest_segment: 512,
    levels: usize::MAX,
    leading: Leading::Free,
    below: Below::Levels,
    whole: "**",
    versions: Versions::IdOrStage,
};

// AWS: PutParameter, Name; 15 levels, and a fully qualified name where there are levels.
const PARAMETER_STORE: Rules = Rules {
    kind: Kind::AwsParameterStore,
    extra: "_.-",
    longest: 1011,
    longest_segment: 1011,
    levels: 15,
    leading: Leading::WithLevels,
    below: Below::Levels,
    whole: "/**",
    versions: Versions::NumberOrLabel,
};

// Google: CreateSecretRequest, secret_id.
const GCP_SECRET_MANAGER: Rules = Rules {
    kind: Kind::GcpSecretManager,
    extra: "_-",
    longest: 255,
    longest_segment: 255,
    levels: 1,
    leading: Leading::Refused,
    below: Below::Nothing,
    whole: "**",
    versions: Versions::NumberOrAlias,
};

// Google: CreateParameterRequest, parameter_id.
const GCP_PARAMETER_MANAGER: Rules = Rules {
    kind: Kind::GcpParameterManager,
    extra: "_-",
    longest: 63,
    longest_segment: 63,
    levels: 1,
    leading: Leading::Refused,
    below: Below::Nothing,
    whole: "**",
    versions: Versions::Name,
};

// Azure: Set Secret, secret-name: ^[0-9a-zA-Z-]+$, 1 to 127.
const AZURE_KEY_VAULT: Rules = Rules {
    kind: Kind::AzureKeyVault,
    extra: "-",
    longest: 127,
    longest_segment: 127,
    levels: 1,
    leading: Leading::Refused,
    below: Below::Nothing,
    whole: "**",
    versions: Versions::Hexadecimal,
};

// Azure: a key is any text but %, "." and ".."; `*`, `,` and `\` are its filters' own. Of that, what
// cannot be mistaken; 10,000 characters are the limit of a key with its value and label.
const AZURE_APP_CONFIGURATION: Rules = Rules {
    kind: Kind::AzureAppConfiguration,
    extra: "._-:@+=$",
    longest: 1024,
    longest_segment: 1024,
    levels: usize::MAX,
    leading: Leading::Free,
    below: Below::Beginning,
    whole: "*",
    versions: Versions::Label,
};

// No character of these has a meaning of its own in a URL or in the engine. 512 is the longest key of the
// storage that allows least (Consul: KV store, key size); each level is a call when everything below is read.
const VAULT: Rules = Rules {
    kind: Kind::Vault,
    extra: "_+=.@-",
    longest: 512,
    longest_segment: 512,
    levels: 32,
    leading: Leading::Refused,
    below: Below::Levels,
    whole: "**",
    versions: Versions::Number,
};

impl Kind {
    /// Whether no path of it begins with `/`.
    #[must_use]
    pub fn is_relative(self) -> bool {
        self.rules().leading == Leading::Refused
    }

    /// This kind's row.
    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::File => &FILE,
            Self::AwsSecretsManager => &SECRETS_MANAGER,
            Self::AwsParameterStore => &PARAMETER_STORE,
            Self::GcpSecretManager => &GCP_SECRET_MANAGER,
            Self::GcpParameterManager => &GCP_PARAMETER_MANAGER,
            Self::AzureKeyVault => &AZURE_KEY_VAULT,
            Self::AzureAppConfiguration => &AZURE_APP_CONFIGURATION,
            Self::Vault => &VAULT,
        }
    }
}
