//! Issuers whose tokens are believed, and the check of one token.

mod fetch;

use std::fmt;
use std::sync::Mutex;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, dangerous, decode, decode_header};
use serde_json::{Map, Value};

pub use fetch::Source;

use crate::lock::lock;

/// The algorithms that all three clouds take from an OIDC issuer.
const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

/// Why a token is not believed. Its text names no part of the token but the issuer and the subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is no token, or a claim that every one has is missing.
    Malformed,
    /// Nobody here trusts this issuer.
    Issuer(String),
    /// The issuer has no such key, or the signature is not the key's.
    Signature,
    /// Its time is over, or has not come.
    Expired,
    /// It is for somebody else.
    Audience,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the token is malformed"),
            Self::Issuer(issuer) => write!(f, "the issuer {issuer} is not known"),
            Self::Signature => f.write_str("the signature is not of a key of the issuer"),
            Self::Expired => f.write_str("the token is not within its time"),
            Self::Audience => f.write_str("the token is for another audience"),
        }
    }
}

/// What a token says that was believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// Who signed it.
    pub issuer: String,
    /// `system:serviceaccount:NAMESPACE:NAME`
    pub subject: String,
    /// The audience that was asked for and is in it.
    pub audience: String,
    /// Seconds after 1970.
    pub expires: u64,
}

impl Claims {
    /// Namespace and name, of a ServiceAccount's token.
    #[must_use]
    pub fn service_account(&self) -> Option<(&str, &str)> {
        self.subject
            .strip_prefix("system:serviceaccount:")?
            .split_once(':')
    }
}

/// The issuers that are trusted.
#[derive(Default)]
pub struct Trust(Mutex<Vec<(String, JwkSet)>>);

impl Trust {
    /// Believes what `issuer` signs with these keys: the text of its `/openid/v1/jwks`. Other keys of the
    /// same issuer are forgotten.
    ///
    /// # Errors
    /// The text is no key set, or has no key.
    pub fn add(&self, issuer: &str, jwks: &str) -> Result<(), String> {
        let keys: JwkSet =
            serde_json::from_str(jwks).map_err(|_| "this is no JSON Web Key Set".to_owned())?;
        if keys.keys.is_empty() {
            return Err("the JSON Web Key Set has no key".to_owned());
        }
        let mut issuers = lock(&self.0);
        issuers.retain(|(name, _)| name != issuer);
        issuers.push((issuer.to_owned(), keys));
        Ok(())
    }

    /// Checks signature, issuer, time and audience; the subject is the caller's to judge.
    ///
    /// # Errors
    /// The first thing that is wrong, in this order.
    pub fn check(&self, token: &str, audiences: &[&str]) -> Result<Claims, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Malformed)?;
        let said: Map<String, Value> =
            dangerous::insecure_decode_claims(token).map_err(|_| Refusal::Malformed)?;
        let issuer = said
            .get("iss")
            .and_then(Value::as_str)
            .ok_or(Refusal::Malformed)?;
        let key = {
            let issuers = lock(&self.0);
            let (_, keys) = issuers
                .iter()
                .find(|(name, _)| name == issuer)
                .ok_or_else(|| Refusal::Issuer(issuer.to_owned()))?;
            let key = header
                .kid
                .as_deref()
                .and_then(|kid| keys.find(kid))
                .ok_or(Refusal::Signature)?;
            DecodingKey::from_jwk(key).map_err(|_| Refusal::Signature)?
        };
        // An algorithm of the token's own choice is how signatures are forged.
        if !ALGORITHMS.contains(&header.alg) || key.family() != header.alg.family() {
            return Err(Refusal::Signature);
        }
        let mut validation = Validation::new(header.alg);
        validation.leeway = 0;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(audiences);
        validation.set_required_spec_claims(&["exp", "iss", "sub", "aud"]);
        let claims = decode::<Map<String, Value>>(token, &key, &validation)
            .map_err(|error| refusal(error.kind()))?
            .claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Claims {
            issuer: issuer.to_owned(),
            subject: text("sub").ok_or(Refusal::Malformed)?,
            audience: claims
                .get("aud")
                .and_then(|aud| audiences.iter().find(|wanted| carries(aud, wanted)))
                .map(|audience| (*audience).to_owned())
                .ok_or(Refusal::Audience)?,
            expires: claims
                .get("exp")
                .and_then(Value::as_u64)
                .ok_or(Refusal::Malformed)?,
        })
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(lock(&self.0).iter().map(|(issuer, _)| issuer))
            .finish()
    }
}

/// One audience or a list of them (RFC 7519, 4.1.3).
fn carries(aud: &Value, wanted: &str) -> bool {
    match aud {
        Value::String(one) => one == wanted,
        Value::Array(all) => all.iter().any(|one| one.as_str() == Some(wanted)),
        _ => false,
    }
}

fn refusal(kind: &ErrorKind) -> Refusal {
    match kind {
        ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature => Refusal::Expired,
        ErrorKind::InvalidAudience => Refusal::Audience,
        ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::InvalidToken => Refusal::Malformed,
        _ => Refusal::Signature,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::{Refusal, Trust};
    use crate::Signer;

    const ISSUER: &str = "https://kubernetes.default.svc";

    fn parts() -> (Trust, Signer) {
        let (trust, signer) = (Trust::default(), Signer::new(ISSUER).unwrap());
        trust.add(ISSUER, &signer.jwks().unwrap()).unwrap();
        (trust, signer)
    }

    #[test]
    fn a_good_token_is_believed() {
        let (trust, signer) = parts();
        let token = signer.token("shop", "api", "cloud", 600).unwrap();
        let claims = trust.check(&token, &["other", "cloud"]).unwrap();
        assert_eq!(claims.service_account(), Some(("shop", "api")));
        assert_eq!(claims.audience, "cloud");
        // An audience may be written without a list.
        let claims = Map::from_iter([("aud".to_owned(), json!("cloud"))]);
        let token = signer.token_with("shop", "api", "", 600, claims).unwrap();
        assert!(trust.check(&token, &["cloud"]).is_ok());
    }

    #[test]
    fn every_other_token_is_refused() {
        let (trust, signer) = parts();
        let check = |token: &str| trust.check(token, &["cloud"]).unwrap_err();
        let token = |seconds| signer.token("shop", "api", "cloud", seconds).unwrap();
        assert_eq!(check(&token(-10)), Refusal::Expired);
        assert_eq!(
            check(&signer.token("shop", "api", "else", 600).unwrap()),
            Refusal::Audience
        );
        let (_, stranger) = parts();
        assert_eq!(
            check(&stranger.token("shop", "api", "cloud", 600).unwrap()),
            Refusal::Signature
        );
        let stranger = Signer::new("https://elsewhere").unwrap();
        assert!(matches!(
            check(&stranger.token("shop", "api", "cloud", 600).unwrap()),
            Refusal::Issuer(_)
        ));
        // The claims of one token with the signature of another.
        let (good, other) = (
            token(600),
            signer.token("shop", "root", "cloud", 600).unwrap(),
        );
        let head = other.rsplit_once('.').unwrap().0;
        let tail = good.rsplit_once('.').unwrap().1;
        assert_eq!(check(&format!("{head}.{tail}")), Refusal::Signature);
        for token in ["", "a", "a.b", "a.b.c"] {
            assert_eq!(check(token), Refusal::Malformed, "{token}");
        }
    }
}
