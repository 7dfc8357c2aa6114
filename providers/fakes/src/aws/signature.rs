//! Signature version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

use aws_lc_rs::hmac;

use super::requests::Refusal;
use super::sessions::Sessions;
use crate::Ask;
use crate::digest::{hex, sha256_hex};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Whose request it is, if its signature is right and its session good.
pub(super) fn caller(sessions: &Sessions, ask: &Ask) -> Result<String, Refusal> {
    let missing = || {
        Refusal::new(
            403,
            "MissingAuthenticationToken",
            "Request is missing Authentication Token",
        )
    };
    let authorization = Authorization::parse(ask.header("authorization").ok_or_else(missing)?)
        .ok_or_else(missing)?;
    let unknown = || {
        Refusal::new(
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    };
    let key = sessions.find(authorization.key).ok_or_else(unknown)?;
    if key.token.as_deref() != ask.header("x-amz-security-token") {
        return Err(unknown().by(&key.principal));
    }
    if key.is_over() {
        let message = "The security token included in the request is expired";
        return Err(Refusal::new(403, "ExpiredTokenException", message).by(&key.principal));
    }
    if authorization.expected(ask, &key.secret) != authorization.signature {
        let message =
            "The request signature we calculated does not match the signature you provided.";
        return Err(Refusal::new(403, "InvalidSignatureException", message).by(&key.principal));
    }
    Ok(key.principal)
}

struct Authorization<'a> {
    key: &'a str,
    /// `DATE/REGION/SERVICE/aws4_request`
    scope: &'a str,
    headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (mut credential, mut headers, mut signature) = (None, None, None);
        for part in text.strip_prefix(ALGORITHM)?.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => {}
            }
        }
        let (key, scope) = credential?.split_once('/')?;
        Some(Self {
            key,
            scope,
            headers: headers?,
            signature: signature?,
        })
    }

    fn expected(&self, ask: &Ask, secret: &str) -> String {
        let mut canonical = format!("{}\n{}\n{}\n", ask.method, ask.path, sorted(&ask.query));
        for name in self.headers.split(';') {
            let value = if name == "host" {
                ask.host.as_str()
            } else {
                ask.header(name).unwrap_or_default()
            };
            let value: Vec<&str> = value.split_whitespace().collect();
            canonical.push_str(&format!("{name}:{}\n", value.join(" ")));
        }
        canonical.push_str(&format!("\n{}\n{}", self.headers, sha256_hex(&ask.body)));
        let date = ask.header("x-amz-date").unwrap_or_default();
        let text = format!(
            "{ALGORITHM}\n{date}\n{}\n{}",
            self.scope,
            sha256_hex(canonical.as_bytes())
        );
        let key = self
            .scope
            .split('/')
            .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
                sign(&key, part.as_bytes())
            });
        hex(&sign(&key, text.as_bytes()))
    }
}

fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
        .as_ref()
        .to_vec()
}

/// The parameters in order, as they came.
fn sorted(query: &str) -> String {
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::Authorization;
    use crate::Ask;

    #[test]
    fn of_the_published_suite() {
        // AWS Signature Version 4 test suite, get-vanilla.
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-date", HeaderValue::from_static("20150830T123600Z"));
        let ask = Ask {
            method: Method::GET,
            host: "example.amazonaws.com".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers,
            body: Bytes::new(),
        };
        let authorization = Authorization::parse(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        )
        .unwrap();
        assert_eq!(
            authorization.expected(&ask, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            authorization.signature
        );
    }
}
