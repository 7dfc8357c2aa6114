//! For whom the data key is encrypted, and who asks those that are elsewhere.

use std::collections::BTreeMap;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::error::shown;

/// Who can decrypt the data key, or a part of it, as the file names him; `enc` is what to decrypt.
///
/// All of it is written by whoever wrote the file: hosts and roles are to be checked before anyone is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// An age recipient: X25519 or an SSH key.
    Age {
        /// `age1…` or `ssh-…`.
        recipient: String,
        /// ASCII armour.
        enc: String,
    },
    /// A PGP key.
    Pgp {
        /// In hexadecimal digits.
        fingerprint: String,
        /// ASCII armour.
        enc: String,
    },
    /// A key of AWS KMS.
    AwsKms {
        /// Of the key or its alias; names the region too.
        arn: String,
        /// The role to take on first, if one is named.
        role: Option<String>,
        /// The encryption context.
        context: BTreeMap<String, String>,
        /// Base64 of the ciphertext blob.
        enc: String,
    },
    /// A key of Google Cloud KMS.
    GcpKms {
        /// `projects/…/locations/…/keyRings/…/cryptoKeys/…`.
        resource_id: String,
        /// Base64 of the ciphertext.
        enc: String,
    },
    /// A key of Azure Key Vault, used with RSA-OAEP-256.
    AzureKeyVault {
        /// `https://….vault.azure.net`.
        vault_url: String,
        /// Of the key.
        name: String,
        /// Of the key.
        version: String,
        /// Base64 for URLs, without padding.
        enc: String,
    },
    /// A key of Vault's or OpenBao's transit engine.
    VaultTransit {
        /// `https://…`.
        address: String,
        /// Where the engine is mounted.
        engine_path: String,
        /// Of the key.
        key_name: String,
        /// `vault:v1:…`.
        enc: String,
    },
    /// Of a kind that is not supported.
    Unsupported {
        /// The name of the list in the metadata.
        kind: String,
    },
}

impl Recipient {
    /// Which are asked first; the others follow in the order of the file.
    pub(crate) fn priority(&self) -> u8 {
        match self {
            Self::Age { .. } => 0,
            Self::Pgp { .. } => 1,
            _ => 2,
        }
    }
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = match self {
            Self::Age { recipient, .. } => ("age", shown(recipient)),
            Self::Pgp { fingerprint, .. } => ("PGP", shown(fingerprint)),
            Self::AwsKms { arn, .. } => ("AWS KMS", shown(arn)),
            Self::GcpKms { resource_id, .. } => ("Google Cloud KMS", shown(resource_id)),
            Self::AzureKeyVault {
                vault_url,
                name,
                version,
                ..
            } => (
                "Azure Key Vault",
                shown(&format!(
                    "{}/keys/{name}/{version}",
                    vault_url.trim_end_matches('/')
                )),
            ),
            Self::VaultTransit {
                address,
                engine_path,
                key_name,
                ..
            } => (
                "Vault",
                shown(&format!(
                    "{}/v1/{}/keys/{key_name}",
                    address.trim_end_matches('/'),
                    engine_path.trim_matches('/')
                )),
            ),
            Self::Unsupported { kind } => ("recipients of the kind", shown(kind)),
        };
        write!(f, "{kind} {name}")
    }
}

/// Why a key service did not decrypt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct KeyError {
    /// One clause, without a value in it.
    pub message: String,
    /// Whether it may decrypt later.
    pub transient: bool,
}

/// Asks the key services of clouds and of Vault.
///
/// Never asked for [`Recipient::Age`], [`Recipient::Pgp`] and [`Recipient::Unsupported`].
#[async_trait]
pub trait KeyService: Send + Sync {
    /// What `enc` of the recipient decrypts to.
    async fn decrypt(&self, recipient: &Recipient) -> Result<Zeroizing<Vec<u8>>, KeyError>;
}
