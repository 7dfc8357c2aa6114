//! Keys: RSA, for what `RSA-OAEP-256` does. <https://learn.microsoft.com/rest/api/keyvault/keys>

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value as Json, json};

use super::{Call, Refusal};
use crate::Answer;
use crate::lock::lock;

struct Key {
    version: String,
    private: OaepPrivateDecryptingKey,
    /// DER.
    public: Vec<u8>,
}

/// By vault and name in lower case.
#[derive(Default)]
pub(super) struct Keys(Mutex<BTreeMap<(String, String), Arc<Key>>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn add(&self, vault: &str, name: &str) -> Result<String, String> {
        let unusable = |_| "no RSA key can be made".to_owned();
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(unusable)?;
        let public = private.public_key().as_der().map_err(unusable)?;
        let key = Key {
            version: format!("{:032x}", fastrand::u128(..)),
            public: public.as_ref().to_vec(),
            private: OaepPrivateDecryptingKey::new(private).map_err(unusable)?,
        };
        let version = key.version.clone();
        lock(&self.0).insert(place(vault, name), Arc::new(key));
        Ok(version)
    }

    fn find(&self, vault: &str, name: &str) -> Option<Arc<Key>> {
        lock(&self.0).get(&place(vault, name)).cloned()
    }

    pub(super) fn encrypt(&self, vault: &str, name: &str, plain: &[u8]) -> Option<Vec<u8>> {
        encrypted(&*self.find(vault, name)?, plain)
    }
}

fn place(vault: &str, name: &str) -> (String, String) {
    (vault.to_ascii_lowercase(), name.to_ascii_lowercase())
}

fn encrypted(key: &Key, plain: &[u8]) -> Option<Vec<u8>> {
    let public = PublicEncryptingKey::from_der(&key.public).ok()?;
    let public = OaepPublicEncryptingKey::new(public).ok()?;
    let mut room = vec![0; public.ciphertext_size()];
    let cipher = public
        .encrypt(&OAEP_SHA256_MGF1SHA256, plain, &mut room, None)
        .ok()?;
    Some(cipher.to_vec())
}

pub(super) fn decrypt(call: &Call<'_>, name: &str, version: &str) -> Result<Answer, Refusal> {
    operate(call, "decrypt", (name, version), |key, cipher| {
        let mut room = vec![0; key.private.min_output_size()];
        let plain = key
            .private
            .decrypt(&OAEP_SHA256_MGF1SHA256, cipher, &mut room, None)
            .ok()?;
        Some(plain.to_vec())
    })
}

pub(super) fn encrypt(call: &Call<'_>, name: &str, version: &str) -> Result<Answer, Refusal> {
    operate(call, "encrypt", (name, version), encrypted)
}

fn operate(
    call: &Call<'_>,
    action: &str,
    (name, version): (&str, &str),
    work: impl Fn(&Key, &[u8]) -> Option<Vec<u8>>,
) -> Result<Answer, Refusal> {
    let resource = format!("vaults/{}/keys/{}", call.vault, name.to_ascii_lowercase());
    if !call.store.azure.grants.allows(call.who, action, &resource) {
        return Err(Refusal::forbidden(action, call.vault, name));
    }
    let key = call.store.keys.find(call.vault, name);
    let key = key
        .filter(|key| key.version == version)
        .ok_or_else(|| Refusal::no_key(name))?;
    let body = call.ask.json().unwrap_or_default();
    if body.get("alg").and_then(Json::as_str) != Some("RSA-OAEP-256") {
        return Err(Refusal::parameter("Property alg has invalid value"));
    }
    // Clients write base64 for URLs, with and without what fills it up.
    let given = body.get("value").and_then(Json::as_str).unwrap_or_default();
    let given = URL_SAFE_NO_PAD
        .decode(given.trim_end_matches('='))
        .map_err(|_| Refusal::parameter("Property value has invalid value"))?;
    let done =
        work(&key, &given).ok_or_else(|| Refusal::parameter("The parameter is incorrect.\r\n"))?;
    let kid = format!(
        "https://{}.vault.azure.net/keys/{name}/{version}",
        call.vault
    );
    let answer = json!({"kid": kid, "value": URL_SAFE_NO_PAD.encode(done)});
    Ok(Answer::json(200, &answer))
}
