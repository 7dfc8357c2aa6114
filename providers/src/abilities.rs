//! What each kind of store can do: one table, which the stores take their numbers from and the docs and the
//! contract's tests are held to. Pure.

use crate::Kind;

/// How a kind tells that an entry is still the version that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// The read carries the version, and the answer is empty where it is the same.
    Conditional,
    /// By a call that has no value in its answer, and that is a right of its own; without it, by reading.
    Probe(&'static str),
    /// By reading, as no other call is cheaper.
    Read,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// What `version` names; none where the kind keeps no versions.
    pub versions: Option<&'static str>,
    /// Whether a value may be other than text.
    pub binary: bool,
    /// How everything below something is written.
    pub prefix: &'static str,
    /// Whether one call of a listing brings the values too.
    pub listed_values: bool,
    /// Most entries in one call; 1 where there is no such call.
    pub batch: usize,
    /// How a change is seen.
    pub changes: Changes,
    /// Whether it can be read as the pod's own ServiceAccount.
    pub workload: bool,
    /// Whether entries can be written to it.
    pub push: bool,
    /// Largest value, in bytes, that the store holds or that is read of it.
    pub largest: usize,
}

const KIB: usize = 1024;
/// No Secret or ConfigMap holds more.
const OBJECT: usize = KIB * KIB;

const FILE: Abilities = Abilities {
    versions: None,
    binary: true,
    prefix: "PATH/**",
    listed_values: false,
    batch: 1,
    changes: Changes::Read,
    // The files are those of the program itself.
    workload: false,
    push: false,
    largest: OBJECT,
};

// AWS: quotas of Secrets Manager; BatchGetSecretValue, SecretIdList.
const AWS_SECRETS_MANAGER: Abilities = Abilities {
    versions: Some("version id or staging label"),
    binary: true,
    prefix: "PATH/**",
    listed_values: false,
    batch: 20,
    changes: Changes::Probe("DescribeSecret"),
    workload: true,
    push: true,
    largest: 64 * KIB,
};

// AWS: parameter tiers; GetParameters, Names.
const AWS_PARAMETER_STORE: Abilities = Abilities {
    versions: Some("number or label"),
    binary: false,
    prefix: "/PATH/**",
    listed_values: true,
    batch: 10,
    changes: Changes::Read,
    workload: true,
    push: true,
    largest: 8 * KIB,
};

// Google: quotas of Secret Manager, size of a secret version.
const GCP_SECRET_MANAGER: Abilities = Abilities {
    versions: Some("number, alias or latest"),
    binary: true,
    prefix: "**",
    listed_values: false,
    batch: 1,
    changes: Changes::Probe("GetSecretVersion"),
    workload: true,
    push: true,
    largest: 64 * KIB,
};

// Google: quotas of Parameter Manager. What a rendered version refers to changes without it, so that only
// a raw one can be probed.
const GCP_PARAMETER_MANAGER: Abilities = Abilities {
    versions: Some("name"),
    binary: true,
    prefix: "**",
    listed_values: false,
    batch: 1,
    changes: Changes::Probe("ListParameterVersions"),
    workload: true,
    push: true,
    largest: OBJECT,
};

// Azure: limits of Key Vault secrets. Its versions are listed twenty-five in a call, in no order and dated to
// the second, with another right: one read of 25 KiB at most is less.
const AZURE_KEY_VAULT: Abilities = Abilities {
    versions: Some("id of 32 digits"),
    binary: false,
    prefix: "**",
    listed_values: false,
    batch: 1,
    changes: Changes::Read,
    workload: true,
    push: true,
    largest: 25 * KIB,
};

// Azure: a key-value with its key, label and tags; keys in one filter.
const AZURE_APP_CONFIGURATION: Abilities = Abilities {
    versions: Some("label"),
    binary: false,
    prefix: "BEGINNING*",
    listed_values: true,
    batch: 5,
    changes: Changes::Conditional,
    workload: true,
    push: true,
    largest: 10 * KIB,
};

// An entry is a JSON object, so text. Version 1 of the engine keeps no versions and is read.
const VAULT: Abilities = Abilities {
    versions: Some("number (version 2 of the engine)"),
    binary: false,
    prefix: "PATH/**",
    listed_values: false,
    batch: 1,
    changes: Changes::Probe("ReadMetadata"),
    workload: true,
    push: false,
    largest: OBJECT,
};

impl Kind {
    /// What this kind can do.
    #[must_use]
    pub const fn abilities(self) -> &'static Abilities {
        match self {
            Self::File => &FILE,
            Self::AwsSecretsManager => &AWS_SECRETS_MANAGER,
            Self::AwsParameterStore => &AWS_PARAMETER_STORE,
            Self::GcpSecretManager => &GCP_SECRET_MANAGER,
            Self::GcpParameterManager => &GCP_PARAMETER_MANAGER,
            Self::AzureKeyVault => &AZURE_KEY_VAULT,
            Self::AzureAppConfiguration => &AZURE_APP_CONFIGURATION,
            Self::Vault => &VAULT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    #[test]
    fn the_table_says_what_the_grammar_takes() {
        let scope = Scope::default();
        for kind in Kind::ALL {
            let abilities = kind.abilities();
            let path = abilities
                .prefix
                .replace("PATH", "a")
                .replace("BEGINNING", "a:");
            assert!(kind.prefix(&scope, &path).is_ok(), "{kind}: {path}");
            let version = match kind {
                Kind::AzureKeyVault => "0123456789abcdef0123456789abcdef",
                _ => "7",
            };
            let taken = kind.entry(&scope, "a", Some(version)).is_ok();
            assert_eq!(taken, abilities.versions.is_some(), "{kind}");
        }
    }
}
