//! Key Vault's keys: decrypting with the private half of one.
//! <https://learn.microsoft.com/rest/api/keyvault/keys/decrypt/decrypt>

use std::fmt;

use azure_core::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::classify::{self, About, DECRYPT};
use super::connection::Connection;
use super::key_vault;
use super::service::{Message, Service};
use crate::source::Observer;
use crate::{Error, ErrorKind, Identity, SecretBytes};

const API: &str = "7.4";
const USER: &str = "Key Vault Crypto User";
/// The answer is a block of an RSA key at most.
const LARGEST: usize = 64 * 1024;
/// Bytes of the largest RSA key that a vault has.
const BLOCK: usize = 512;

/// The keys of one vault as one identity.
pub struct Keys {
    vault: String,
    service: Service,
}

#[derive(Deserialize)]
struct Decrypted {
    kid: String,
    value: String,
}

impl Keys {
    /// A vault behind a connection, as an identity.
    ///
    /// # Errors
    /// The name is not one of a vault.
    pub fn new(
        connection: &Connection,
        vault: &str,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        let host = connection.vault(vault)?;
        let account = key_vault::account(connection, identity, &observer);
        let scope = connection.shared.options.cloud.vault_scope();
        let service = Service::new(
            connection,
            ("the vault", &host, LARGEST),
            (scope, API),
            account,
            observer,
        );
        Ok(Self {
            vault: vault.to_owned(),
            service,
        })
    }

    /// What was encrypted with a version of a key, by RSA-OAEP with SHA-256. The vault has another API for
    /// the current version, which whoever encrypted did not mean.
    ///
    /// # Errors
    /// The name or the version is not one of a key, or as for a read; a cipher text that is not the key's
    /// is `Invalid`.
    pub async fn decrypt(
        &self,
        name: &str,
        version: &str,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<SecretBytes, Error> {
        let is_name = (1..=127).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let is_version = version.len() == 32 && version.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_name || !is_version {
            let sentence =
                "a key of a vault is letters, digits and -, and its version 32 hexadecimal digits";
            return Err(Error::new(ErrorKind::Invalid, sentence));
        }
        if ciphertext.len() > BLOCK {
            let sentence = format!(
                "what is to be decrypted with the key {name} is larger than a block of any key"
            );
            return Err(Error::new(ErrorKind::TooLarge, sentence));
        }
        let url = self.service.url(&["keys", name, version, "decrypt"]);
        let body = json!({"alg": "RSA-OAEP-256", "value": URL_SAFE_NO_PAD.encode(ciphertext)});
        let message = Message::new(Method::Post, url).json(body);
        let about = About {
            operation: DECRYPT,
            subject: name,
            role: USER,
        };
        let answer: Decrypted = self.service.ask(&message, about, deadline).await?;
        let end = format!("/keys/{name}/{version}").to_ascii_lowercase();
        if !answer.kid.to_ascii_lowercase().ends_with(&end) {
            let sentence =
                format!("the answer of {DECRYPT} is of another key or version than {name}");
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        let value = URL_SAFE_NO_PAD.decode(answer.value);
        value
            .map(SecretBytes::new)
            .map_err(|_| classify::garbage(DECRYPT))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}
