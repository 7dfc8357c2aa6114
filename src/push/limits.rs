//! What a value may be, by the kind of its store: checked before a call. Pure.

use jasm_providers::reference::Kind;

/// AWS: `CreateSecret`, `SecretString` and `SecretBinary`.
const SECRETS_MANAGER: usize = 65_536;
/// AWS: Parameter Store, parameter tiers: the size of a value in the standard tier.
const PARAMETER_STORE: usize = 4096;
/// Google: Secret Manager, quotas: the size of a secret version's payload.
const GCP_SECRET_MANAGER: usize = 65_536;
/// Google: Parameter Manager, quotas: the size of a parameter version's payload.
const PARAMETER_MANAGER: usize = 1_048_576;
/// Azure: Key Vault, about secrets: 25k bytes.
const KEY_VAULT: usize = 25_000;
/// Azure: App Configuration, keys and values: 10,000 characters of key, value, label and all else.
const APP_CONFIGURATION: usize = 10_000;
/// What the mark and the origin of an entry take of that, with their names.
const APP_CONFIGURATION_MARK: usize = 1000;

/// Why a store cannot have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is longer than the store takes.
    TooLarge {
        /// Its length in bytes.
        length: usize,
        /// How many bytes the store takes.
        limit: usize,
    },
    /// It is no text, and the store takes text only.
    Binary,
    /// It has `{{` in it, which Parameter Store refuses.
    Braces,
}

impl Refusal {
    /// One word for it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "TooLarge",
            Self::Binary | Self::Braces => "ValueInvalid",
        }
    }

    /// One sentence, of which the entry is the subject.
    #[must_use]
    pub fn sentence(self, kind: Kind) -> String {
        match self {
            Self::TooLarge { length, limit } => format!(
                "has {length} bytes, and {kind} takes {limit}: make it smaller, or part it into several keys"
            ),
            Self::Binary => {
                format!("is no text, and {kind} takes text only: encode it, in base64 for example")
            }
            Self::Braces => format!(
                "has \"{{{{\" in it, which {kind} takes for a reference to another parameter: write it without, or let the file's name contain \"secrets\""
            ),
        }
    }
}

/// Whether a store of that kind takes the value under that name, with that label.
///
/// # Errors
/// Why it does not.
pub fn check(kind: Kind, name: &str, label: Option<&str>, value: &[u8]) -> Result<(), Refusal> {
    let limit = match kind {
        Kind::AwsSecretsManager => SECRETS_MANAGER,
        Kind::AwsParameterStore => PARAMETER_STORE,
        Kind::GcpSecretManager => GCP_SECRET_MANAGER,
        Kind::GcpParameterManager => PARAMETER_MANAGER,
        Kind::AzureKeyVault => KEY_VAULT,
        Kind::AzureAppConfiguration => (APP_CONFIGURATION - APP_CONFIGURATION_MARK)
            .saturating_sub(name.len() + label.map_or(0, str::len)),
        Kind::File | Kind::Vault => usize::MAX,
    };
    if value.len() > limit {
        return Err(Refusal::TooLarge {
            length: value.len(),
            limit,
        });
    }
    let text_only = matches!(
        kind,
        Kind::AwsParameterStore | Kind::AzureKeyVault | Kind::AzureAppConfiguration
    );
    if text_only && std::str::from_utf8(value).is_err() {
        return Err(Refusal::Binary);
    }
    // AWS: PutParameter, Value: "{{}}" and "{{ssm:parameter-name}}" cannot be used.
    if kind == Kind::AwsParameterStore && value.windows(2).any(|pair| pair == b"{{") {
        return Err(Refusal::Braces);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
