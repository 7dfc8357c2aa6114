//! A signer of ServiceAccount tokens, for tests without a cluster.

use std::fmt;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::KeyPair;
use serde_json::{Map, Value, json};

use crate::time::unix_now;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Signs as an API server does that has an ECDSA key.
pub struct Signer {
    issuer: String,
    key_id: String,
    key: EncodingKey,
}

impl Signer {
    /// A new key, of this issuer.
    ///
    /// # Errors
    /// No key can be made.
    pub fn new(issuer: &str) -> Result<Self, Failure> {
        let pair = KeyPair::generate()?;
        Ok(Self {
            issuer: issuer.to_owned(),
            key_id: format!("{:016x}", fastrand::u64(..)),
            key: EncodingKey::from_ec_der(&pair.serialize_der()),
        })
    }

    /// The public key as the API server's `/openid/v1/jwks` has it.
    ///
    /// # Errors
    /// The key cannot be written so.
    pub fn jwks(&self) -> Result<String, Failure> {
        let mut key = Jwk::from_encoding_key(&self.key, Algorithm::ES256)?;
        key.common.key_id = Some(self.key_id.clone());
        Ok(serde_json::to_string(&JwkSet { keys: vec![key] })?)
    }

    /// A token of a ServiceAccount for one audience, good for so many seconds; below 0 it is over already.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn token(
        &self,
        namespace: &str,
        account: &str,
        audience: &str,
        seconds: i64,
    ) -> Result<String, Failure> {
        self.token_with(namespace, account, audience, seconds, Map::new())
    }

    /// The same with claims more, or instead.
    ///
    /// # Errors
    /// It cannot be signed.
    pub fn token_with(
        &self,
        namespace: &str,
        account: &str,
        audience: &str,
        seconds: i64,
        claims: Map<String, Value>,
    ) -> Result<String, Failure> {
        let now = unix_now();
        let mut all = json!({
            "iss": self.issuer,
            "sub": format!("system:serviceaccount:{namespace}:{account}"),
            "aud": [audience],
            "iat": now.saturating_add_signed(seconds.min(0)),
            "nbf": now.saturating_add_signed(seconds.min(0)),
            "exp": now.saturating_add_signed(seconds),
            "kubernetes.io": {
                "namespace": namespace,
                "serviceaccount": {"name": account, "uid": "00000000-0000-4000-8000-000000000000"},
            },
        });
        if let Some(all) = all.as_object_mut() {
            all.extend(claims);
        }
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.key_id.clone());
        Ok(encode(&header, &all, &self.key)?)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.issuer)
    }
}
