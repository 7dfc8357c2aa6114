//! What an answer of Google means: by the word in its error envelope, else by the HTTP status.
//!
//! Messages are never kept; of the details, only reasons that are known.

use serde::Deserialize;

use crate::http::Answer;
use crate::{Error, ErrorKind};

/// There is one of that name.
pub(super) const ALREADY_EXISTS: &str = "ALREADY_EXISTS";
/// A write's etag is not the current one, or the thing is in another state than it has to be.
pub(super) const FAILED_PRECONDITION: &str = "FAILED_PRECONDITION";
/// Cloud KMS's method.
pub(super) const DECRYPT: &str = "Decrypt";
/// Two writes met.
pub(super) const ABORTED: &str = "ABORTED";

/// What was asked, for the sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The API's method, as Google names it.
    pub(super) operation: &'static str,
    /// The entry or the prefix.
    pub(super) subject: Option<&'a str>,
}

impl About<'_> {
    fn what(&self) -> &str {
        self.subject.unwrap_or("the store")
    }
}

/// `google.rpc.Status` as JSON.
#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Status,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize, Default)]
struct Detail {
    #[serde(default)]
    reason: String,
}

impl Detail {
    fn disabled(&self) -> bool {
        self.reason == "SERVICE_DISABLED"
    }
}

fn api_disabled(operation: &str) -> (ErrorKind, String) {
    (
        ErrorKind::Denied,
        format!("the API of {operation} is not enabled in this store's project: enable it"),
    )
}

/// An answer that is not 200.
pub(super) fn response(answer: &Answer, about: About<'_>) -> Error {
    let envelope: Envelope = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Status { status, details } = envelope.error;
    let (operation, what) = (about.operation, about.what());
    let throttled = ErrorKind::Throttled {
        after: answer.retry_after(),
    };
    let (kind, sentence) = match status.as_str() {
        "NOT_FOUND" => (
            ErrorKind::NotFound,
            format!("there is no {what}, or not in this version"),
        ),
        FAILED_PRECONDITION if operation == DECRYPT => (
            ErrorKind::Gone,
            format!(
                "the key {what}, or the version of it that is needed, is disabled or destroyed: enable it"
            ),
        ),
        "INVALID_ARGUMENT" if operation == DECRYPT => (
            ErrorKind::Invalid,
            format!(
                "what is to be decrypted was not encrypted with the key {what}, or was changed since"
            ),
        ),
        FAILED_PRECONDITION if deed(operation) == "writes" => (
            ErrorKind::Invalid,
            format!("{operation} is refused: {what} is not in a state in which it can be written"),
        ),
        FAILED_PRECONDITION => (
            ErrorKind::Gone,
            format!(
                "the version of {what} that was asked for is disabled or destroyed: enable it, add a new one, or name \
                 another in version"
            ),
        ),
        "PERMISSION_DENIED" if details.iter().any(Detail::disabled) => api_disabled(operation),
        "PERMISSION_DENIED" => (
            ErrorKind::Denied,
            format!(
                "{operation} is not allowed for {what}: grant {} to the identity that {} this store",
                role(operation),
                deed(operation)
            ),
        ),
        "UNAUTHENTICATED" => unauthenticated(),
        "INVALID_ARGUMENT" | "OUT_OF_RANGE" => (
            ErrorKind::Invalid,
            format!("{operation} refuses the request for {what} as malformed"),
        ),
        ALREADY_EXISTS => (ErrorKind::Invalid, format!("there is a {what} already")),
        ABORTED => (
            ErrorKind::Unavailable,
            format!("somebody else wrote {what} at the same time"),
        ),
        "RESOURCE_EXHAUSTED" => (throttled, format!("{operation} is throttled")),
        "UNIMPLEMENTED" => (
            ErrorKind::Unsupported,
            format!("{operation} is not known at this endpoint"),
        ),
        // Above all 404: what does not speak Google's language cannot say that an entry is missing.
        _ => return answer.refusal(what),
    };
    Error::new(kind, sentence).with_code(&status)
}

fn unauthenticated() -> (ErrorKind, String) {
    (
        ErrorKind::Unauthenticated,
        "google does not accept the credentials of this store's identity".to_owned(),
    )
}

/// What whoever calls a method does with the store.
fn deed(operation: &str) -> &'static str {
    let reads = ["Access", "Get", "List", "Render"];
    match reads.iter().any(|word| operation.starts_with(word)) {
        true => "reads",
        false => "writes",
    }
}

/// The least role that grants a method.
fn role(operation: &str) -> &'static str {
    match operation {
        "AccessSecretVersion" => "roles/secretmanager.secretAccessor",
        "ListSecrets" | "GetSecret" | "GetSecretVersion" => "roles/secretmanager.viewer",
        "AddSecretVersion" => "roles/secretmanager.secretVersionAdder",
        "CreateSecret" | "UpdateSecret" | "DeleteSecret" => "roles/secretmanager.admin",
        "CreateParameter" | "UpdateParameter" | "DeleteParameter" => "roles/parametermanager.admin",
        "CreateParameterVersion" => "roles/parametermanager.parameterVersionAdder",
        "DeleteParameterVersion" => "roles/parametermanager.parameterVersionManager",
        DECRYPT => "roles/cloudkms.cryptoKeyDecrypter",
        "RenderParameterVersion" => "roles/parametermanager.parameterAccessor",
        _ => "roles/parametermanager.parameterViewer",
    }
}

/// A body that is not what the API promises.
pub(super) fn garbage(operation: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("the answer of {operation} cannot be understood"),
    )
}

/// What a token endpoint says: a word as OAuth has it (RFC 6749, 5.2), or Google's status.
#[derive(Deserialize)]
struct Refusal {
    error: Said,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Word(String),
    Status(Status),
}

/// A token endpoint that gave no token; `refused` is the sentence for who is not given one.
///
/// Never that there is no entry, or none any more: whatever is missing here is an account, a pool or a
/// key of the one who asks.
pub(super) fn exchange(answer: &Answer, operation: &'static str, refused: String) -> Error {
    let (code, details) = match serde_json::from_slice(&answer.body) {
        Ok(Refusal {
            error: Said::Word(word),
        }) => (word, Vec::new()),
        Ok(Refusal {
            error: Said::Status(status),
        }) => (status.status, status.details),
        Err(_) => (String::new(), Vec::new()),
    };
    let unavailable = || {
        (
            ErrorKind::Unavailable,
            format!("{operation} failed with HTTP {}", answer.status),
        )
    };
    let (kind, sentence) = match (answer.status, code.as_str()) {
        (429, _) | (_, "RESOURCE_EXHAUSTED") => (
            ErrorKind::Throttled {
                after: answer.retry_after(),
            },
            format!("{operation} is throttled"),
        ),
        (500.., _) | (_, "temporarily_unavailable" | "server_error" | "UNAVAILABLE") => {
            unavailable()
        }
        // No token endpoint said that.
        (_, "") => return answer.refusal("a token"),
        (_, "UNAUTHENTICATED") => unauthenticated(),
        _ if details.iter().any(Detail::disabled) => api_disabled(operation),
        (400..500, _) => (ErrorKind::Denied, refused),
        _ => return answer.refusal("a token"),
    };
    Error::new(kind, sentence).with_code(&code)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;
    use zeroize::Zeroizing;

    use super::*;

    fn said(status: u16, body: &str) -> Answer {
        Answer {
            operation: "ExchangeToken",
            status,
            headers: HeaderMap::new(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        }
    }

    fn envelope(status: &str) -> String {
        format!(r#"{{"error":{{"code":1,"message":"m4rk3r","status":"{status}","details":[]}}}}"#)
    }

    #[test]
    fn who_is_given_no_token_has_not_lost_an_entry() {
        let oauth = |word: &str| format!(r#"{{"error":"{word}","error_description":"m4rk3r"}}"#);
        let disabled =
            r#"{"error":{"status":"PERMISSION_DENIED","details":[{"reason":"SERVICE_DISABLED"}]}}"#;
        let (denied, unavailable) = (ErrorKind::Denied, ErrorKind::Unavailable);
        let table = [
            (400, oauth("invalid_grant"), denied, "refused"),
            (401, oauth("invalid_client"), denied, "refused"),
            (400, oauth("invalid_target"), denied, "refused"),
            (404, envelope("NOT_FOUND"), denied, "refused"),
            (400, envelope("FAILED_PRECONDITION"), denied, "refused"),
            (400, envelope("INVALID_ARGUMENT"), denied, "refused"),
            (403, envelope("PERMISSION_DENIED"), denied, "refused"),
            (403, disabled.to_owned(), denied, "not enabled"),
            (
                401,
                envelope("UNAUTHENTICATED"),
                ErrorKind::Unauthenticated,
                "credentials",
            ),
            (
                429,
                envelope("RESOURCE_EXHAUSTED"),
                ErrorKind::Throttled { after: None },
                "throttled",
            ),
            (503, envelope("UNAVAILABLE"), unavailable, "HTTP 503"),
            (500, oauth("invalid_grant"), unavailable, "HTTP 500"),
            (404, "<html>m4rk3r".to_owned(), unavailable, "HTTP 404"),
            (403, String::new(), denied, "not allowed"),
            (307, String::new(), ErrorKind::Invalid, "redirect"),
            (204, String::new(), ErrorKind::Integrity, "understood"),
        ];
        for (status, body, kind, part) in table {
            let error = exchange(&said(status, &body), "ExchangeToken", "refused".into());
            assert_eq!(error.kind, kind, "{status} {body}");
            assert!(error.message.contains(part), "{status} {body}: {error}");
            assert!(!format!("{error} {error:?}").contains("m4rk3r"));
        }
    }
}
