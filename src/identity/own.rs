//! For whom JASM's own token is: the API server, for which no token of a workload is ever asked.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The audiences of the API server, as far as JASM's own token tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own(BTreeSet<String>);

/// The claims that matter (RFC 7519, 4.1); where the API server names no audiences, its issuer is its audience.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    #[serde(default)]
    aud: Audiences,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

/// Why a token is not asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Forbidden<'a>(&'a str);

impl Own {
    /// Read from a token's claims; nothing is known from one that is no JWT.
    #[must_use]
    pub fn of(token: &str) -> Self {
        let claims = token.trim().split('.').nth(1).and_then(|part| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
            serde_json::from_slice::<Claims>(&bytes).ok()
        });
        let Some(claims) = claims else {
            return Self::default();
        };
        let audiences = match claims.aud {
            Audiences::One(audience) => vec![audience],
            Audiences::Many(audiences) => audiences,
            Audiences::None => Vec::new(),
        };
        Self(audiences.into_iter().chain(claims.iss).collect())
    }

    /// Whether a workload's token may be for this audience.
    ///
    /// # Errors
    /// It is the API server's own: the token would be the workload's rights in the cluster.
    pub fn allows<'a>(&self, audience: &'a str) -> Result<(), Forbidden<'a>> {
        // The usual one is never a cloud's, whatever the own token is.
        let usual = ["https://kubernetes.default.svc", "kubernetes.default.svc"];
        let usual = usual.iter().any(|name| audience.starts_with(name));
        match usual || self.0.contains(audience) {
            true => Err(Forbidden(audience)),
            false => Ok(()),
        }
    }
}

impl fmt::Display for Forbidden<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the audience {} is the API server's own, so a token for it would be the pod's rights in the cluster and \
             goes to no store: name another audience here and at the store",
            self.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn what_a_token_is_for_is_the_api_servers() {
        let several = Own::of(&token(
            r#"{"iss":"https://issuer.example","aud":["https://kubernetes.default.svc","k3s"],"sub":"x"}"#,
        ));
        for audience in [
            "https://issuer.example",
            "https://kubernetes.default.svc",
            "k3s",
        ] {
            assert_eq!(several.allows(audience), Err(Forbidden(audience)));
        }
        assert_eq!(several.allows("sts.amazonaws.com"), Ok(()));
        assert_eq!(several.allows("https://issuer.example/"), Ok(()));
        let one = Own::of(&format!("{}\n", token(r#"{"aud":"api"}"#)));
        assert_eq!(one.allows("api"), Err(Forbidden("api")));
    }

    #[test]
    fn nothing_is_known_from_what_is_no_jwt() {
        let texts = [
            "",
            "opaque",
            "a.b.c",
            "e30.e30.c2ln",
            &token("[]"),
            &token(r#"{"aud":7}"#),
        ];
        for text in texts {
            assert_eq!(Own::of(text), Own::default(), "{text}");
        }
        // What is nobody else's is refused all the same.
        for usual in [
            "https://kubernetes.default.svc.cluster.local",
            "kubernetes.default.svc",
        ] {
            assert_eq!(Own::default().allows(usual), Err(Forbidden(usual)));
        }
    }

    #[test]
    fn the_refusal_says_what_to_do() {
        let own = Own::of(&token(r#"{"aud":"api"}"#));
        assert_eq!(
            own.allows("api").unwrap_err().to_string(),
            "the audience api is the API server's own, so a token for it would be the pod's rights in the cluster and \
             goes to no store: name another audience here and at the store"
        );
    }
}
