//! A Secret that an object names, read when it is needed and kept by nobody.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_providers::SecretBytes;
use kube::Client;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::client::NOT_ACCEPTED;
use crate::push::source::{Problem, ProblemKind};

/// The data of a Secret by its keys.
pub type Data = BTreeMap<String, SecretBytes>;

#[derive(Deserialize)]
struct Object<'a> {
    // Base64 has nothing that JSON escapes, so that no copy is left behind.
    #[serde(borrow, default)]
    data: Option<BTreeMap<String, &'a str>>,
}

/// The data of a Secret of the object's own namespace.
///
/// # Errors
/// It is not there, may not be read, or the API server does not answer.
pub async fn read(
    client: &Client,
    namespace: &str,
    name: &str,
    deadline: Instant,
) -> Result<Data, Problem> {
    let what = format!("the Secret {namespace}/{name}");
    let unavailable = |why: &str| {
        Problem::new(
            ProblemKind::Unavailable,
            format!("{what} cannot be read: {why}"),
        )
    };
    let plain = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    if !plain(namespace) || !plain(name) {
        let why = "a Secret's name has lower-case letters, digits, \"-\" and \".\" only";
        return Err(Problem::new(ProblemKind::Unsupported, why));
    }
    let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
    let request = http::Request::get(path)
        .body(Vec::new())
        .map_err(|_| unavailable("its name is impossible"))?;
    let text = match timeout_at(deadline, client.request_text(request)).await {
        Ok(Ok(text)) => Zeroizing::new(text),
        Ok(Err(kube::Error::Api(status))) => {
            return Err(match status.code {
                404 => Problem::new(
                    ProblemKind::Denied,
                    format!("{what} does not exist: create it, or name another one"),
                ),
                401 => unavailable(&format!("the API server {NOT_ACCEPTED}")),
                403 => Problem::new(
                    ProblemKind::Denied,
                    format!("{what} may not be read: JASM's account needs get on secrets there"),
                ),
                code => unavailable(&format!("the API server answers {code}")),
            });
        }
        Ok(Err(_)) => return Err(unavailable("the API server cannot be reached")),
        Err(_) => return Err(unavailable("the API server did not answer in time")),
    };
    parse(&text).ok_or_else(|| unavailable("the answer is no Secret"))
}

fn parse(text: &str) -> Option<Data> {
    let object: Object<'_> = serde_json::from_str(text).ok()?;
    let data = object.data.unwrap_or_default().into_iter();
    data.map(|(key, encoded)| {
        let bytes = STANDARD.decode(encoded.as_bytes()).ok()?;
        Some((key, SecretBytes::new(bytes)))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_decoded_and_may_be_missing() {
        let data = parse(r#"{"kind":"Secret","data":{"token":"bWFya2Vy"}}"#).unwrap();
        assert_eq!(data["token"].expose(), b"marker");
        assert!(!format!("{data:?}").contains("marker"));
        for none in ["{}", r#"{"data":null}"#] {
            assert_eq!(parse(none), Some(Data::new()), "{none}");
        }
        for bad in ["", "7", r#"{"data":{"a":"?"}}"#] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
