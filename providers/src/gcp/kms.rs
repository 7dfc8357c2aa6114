//! Cloud KMS: decrypting with a symmetric key.
//! <https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt>

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::api::{Api, Request};
use super::classify::{self, About, DECRYPT};
use super::connection::Connection;
use super::payload::{Checksum, decoded};
use crate::source::Observer;
use crate::{Error, ErrorKind, Identity, SecretBytes, http};

/// Most bytes that a key of KMS takes: 64 KiB of plain text and what encryption adds.
const LARGEST: usize = 96 * 1024;

/// Cloud KMS as one identity.
#[derive(Clone)]
pub struct Kms {
    api: Api,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted<'a> {
    /// Left out where it is empty.
    #[serde(borrow, default)]
    plaintext: Cow<'a, str>,
    #[serde(borrow)]
    plaintext_crc32c: Option<Checksum<'a>>,
}

impl Kms {
    /// The keys that an identity may use, wherever they are.
    ///
    /// # Errors
    /// The host of the settings is no address.
    pub fn new(
        connection: &Connection,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        let endpoint = http::address(&connection.shared.options.hosts.kms)?;
        let api = Api::at(connection, endpoint, identity, observer);
        Ok(Self { api })
    }

    /// What was encrypted with a key: `projects/P/locations/L/keyRings/R/cryptoKeys/K`. Both ways are
    /// under a checksum.
    ///
    /// # Errors
    /// The name is not one of a key, or as for a read; a cipher text that is not the key's is `Invalid`.
    pub async fn decrypt(
        &self,
        key: &str,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<SecretBytes, Error> {
        check(key)?;
        if ciphertext.len() > LARGEST {
            let sentence =
                format!("what is to be decrypted with {key} is larger than any cipher text of it");
            return Err(Error::new(ErrorKind::TooLarge, sentence));
        }
        let body = json!({
            "ciphertext": STANDARD.encode(ciphertext),
            "ciphertextCrc32c": crc32c::crc32c(ciphertext).to_string(),
        });
        let path = format!("v1/{key}:decrypt");
        let request = Request::new(Method::POST, &path, None).body(&body);
        let about = About {
            operation: DECRYPT,
            subject: Some(key),
        };
        let body = self.api.send(request, about, deadline).await?;
        let decrypted: Decrypted<'_> =
            serde_json::from_slice(&body).map_err(|_| classify::garbage(DECRYPT))?;
        let value = decoded(&decrypted.plaintext, key)?;
        // Without a checksum nobody knows whether it is what left the key.
        let checked = decrypted
            .plaintext_crc32c
            .is_some_and(|sum| sum.is_of(value.expose()));
        if checked {
            return Ok(value);
        }
        let sentence =
            format!("what {DECRYPT} gave for {key} does not match its checksum, or has none");
        Err(Error::new(ErrorKind::Integrity, sentence))
    }
}

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kms")
            .field("connection", &self.api.connection)
            .finish_non_exhaustive()
    }
}

/// A key's resource name, before it becomes a part of a URL.
fn check(key: &str) -> Result<(), Error> {
    let parts: Vec<&str> = key.split('/').collect();
    let kinds: Vec<&str> = parts.iter().step_by(2).copied().collect();
    let word = |at: usize, part: &str| {
        // A project can be of a domain; elsewhere a colon would be another method.
        let extra = if at == 0 { "-.:" } else { "_-" };
        (1..=63).contains(&part.len())
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
            && !part.contains("..")
    };
    let mut names = parts.iter().skip(1).step_by(2).enumerate();
    let named = names.all(|(at, part)| word(at, part));
    if parts.len() == 8 && kinds == ["projects", "locations", "keyRings", "cryptoKeys"] && named {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Invalid,
        "a key of google cloud is written as projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_become_another_url() {
        let good = "projects/example.com:acme/locations/global/keyRings/a_b/cryptoKeys/C-1";
        assert!(check(good).is_ok());
        for bad in [
            "",
            "projects/p/locations/l/keyRings/r/cryptoKeys/",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1",
            "projects/p/locations/l/keyRings/../cryptoKeys/k",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k?x",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k:destroy",
            "projects/../locations/l/keyRings/r/cryptoKeys/k",
            "projects/p/locations/l/keyRings/r%2f/cryptoKeys/k",
            "projects/p/locations/l/secrets/r/cryptoKeys/k",
        ] {
            assert_eq!(check(bad).unwrap_err().kind, ErrorKind::Invalid, "{bad}");
        }
    }
}
