//! Cloud KMS: symmetric keys, and what encrypts and decrypts with them.
//! <https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys>

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::Method;
use serde_json::{Value as Json, json};

use super::Gcp;
use super::access::allowed;
use super::error::Refused;
use crate::lock::lock;
use crate::{Answer, Ask};

/// Keys by `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
#[derive(Default)]
pub struct Kms(Mutex<BTreeMap<String, [u8; 32]>>);

impl fmt::Debug for Kms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kms").finish_non_exhaustive()
    }
}

impl Kms {
    /// Makes a key.
    pub fn add(&self, name: &str) {
        let mut key = [0; 32];
        fastrand::fill(&mut key);
        lock(&self.0).insert(name.to_owned(), key);
    }

    /// Encrypts with a key; none where there is no such key.
    #[must_use]
    pub fn encrypt(&self, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .key(name)?
            .seal_in_place_append_tag(Aad::empty(), &mut sealed)
            .ok()?;
        Some([nonce.as_ref().as_slice(), &sealed].concat())
    }

    fn decrypt(&self, name: &str, cipher: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = cipher.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let key = self.key(name)?;
        let plain = key.open_in_place(nonce, Aad::empty(), &mut sealed).ok()?;
        Some(plain.to_vec())
    }

    fn key(&self, name: &str) -> Option<RandomizedNonceKey> {
        let key = *lock(&self.0).get(name)?;
        RandomizedNonceKey::new(&AES_256_GCM, &key).ok()
    }
}

pub(super) fn answer(gcp: &Gcp, ask: &Ask) -> Result<Answer, Refused> {
    let rest = ask.path.strip_prefix("/v1/").ok_or(Refused::NoApi)?;
    let (name, verb) = rest.rsplit_once(':').ok_or(Refused::NoApi)?;
    if ask.method != Method::POST {
        return Err(Refused::NoApi);
    }
    let permission = match verb {
        "encrypt" => "cloudkms.cryptoKeyVersions.useToEncrypt",
        "decrypt" => "cloudkms.cryptoKeyVersions.useToDecrypt",
        _ => return Err(Refused::NoApi),
    };
    let who = allowed(gcp, ask, permission, name)?;
    if gcp.kms.key(name).is_none() {
        return Err(Refused::missing(format!("CryptoKey {name} not found.")).by(&who));
    }
    let body = ask.json().unwrap_or_default();
    let answer = match verb {
        "encrypt" => {
            let plain = given(&body, "plaintext")?;
            let cipher = gcp.kms.encrypt(name, &plain).unwrap_or_default();
            json!({
                "name": format!("{name}/cryptoKeyVersions/1"),
                "ciphertext": STANDARD.encode(&cipher),
                "ciphertextCrc32c": crc32c::crc32c(&cipher).to_string(),
                "verifiedPlaintextCrc32c": body.get("plaintextCrc32c").is_some(),
                "protectionLevel": "SOFTWARE",
            })
        }
        _ => {
            let cipher = given(&body, "ciphertext")?;
            let plain = gcp.kms.decrypt(name, &cipher).ok_or_else(|| {
                Refused::invalid(
                    "Decryption failed: verify that 'name' refers to the correct CryptoKey.",
                )
                .by(&who)
            })?;
            json!({
                "plaintext": STANDARD.encode(&plain),
                "plaintextCrc32c": crc32c::crc32c(&plain).to_string(),
                "usedPrimary": true,
                "protectionLevel": "SOFTWARE",
            })
        }
    };
    Ok(Answer::json(200, &answer).by(who))
}

/// Bytes of the request; a checksum that is sent must be theirs.
fn given(body: &Json, field: &str) -> Result<Vec<u8>, Refused> {
    let text = body.get(field).and_then(Json::as_str).unwrap_or_default();
    let bytes = STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .map_err(|_| Refused::invalid(format!("{field} is not base64.")))?;
    let sum = body.get(format!("{field}Crc32c"));
    let sum = sum.map(|sum| sum.as_str().map_or_else(|| sum.to_string(), str::to_owned));
    if sum.is_some_and(|sum| sum != crc32c::crc32c(&bytes).to_string()) {
        return Err(Refused::invalid(format!(
            "The checksum of {field} is wrong."
        )));
    }
    Ok(bytes)
}
