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
    whole: "/**",
    versions: Versions::NumberOrLabel,
};

impl Kind {
    /// This kind's row.
    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::File => &FILE,
            Self::AwsSecretsManager => &SECRETS_MANAGER,
            Self::AwsParameterStore => &PARAMETER_STORE,
        }
    }
}
