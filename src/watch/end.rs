//! Why a list or a watch ended.

/// Why a list or watch ended.
#[derive(Debug)]
pub(super) enum End {
    /// The version is too old: list again.
    Expired,
    /// The server ended it, as it does every few minutes or when a reader is slow.
    Closed,
    /// The server streams no lists.
    CannotStream,
    /// The server does not have the kind: its CRD is not there, or not yet in force.
    Absent,
    /// The account may not list and watch it.
    Forbidden(String),
    /// It failed.
    Failed(String),
}

impl End {
    pub(super) fn of(error: &kube::Error, resource: &str) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 410 => Self::Expired,
            kube::Error::Api(status) if status.code == 401 => {
                Self::Failed(format!("the API server {}", crate::client::NOT_ACCEPTED))
            }
            kube::Error::Api(status) if status.code == 403 => Self::Forbidden(format!(
                "the API server refuses to list and watch {resource}: JASM's account needs list and watch on {resource}"
            )),
            kube::Error::Api(status) if status.code == 404 => Self::Absent,
            kube::Error::Api(status) if is_refusal(status.code, &status.message) => {
                Self::CannotStream
            }
            kube::Error::Api(status) => Self::Failed(format!(
                "the API server answers {} {}",
                status.code, status.reason
            )),
            other => Self::Failed(format!(
                "the API server cannot be reached: {}",
                describe(other)
            )),
        }
    }
}

/// Whether the server says that it streams no lists. From 1.27 on it names the first parameter, whose
/// feature gate is off; before, the second, which is not for watches there (`ValidateListOptions` in
/// `k8s.io/apimachinery/pkg/apis/meta/internalversion/validation`).
fn is_refusal(code: u16, message: &str) -> bool {
    let parameters = ["sendInitialEvents", "resourceVersionMatch"];
    matches!(code, 400 | 422) && parameters.iter().any(|name| message.contains(name))
}

/// The kind of a client error without what it quotes.
fn describe(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::HyperError(_) | kube::Error::Service(_) => "no connection",
        kube::Error::Auth(_) => "no credentials",
        kube::Error::SerdeError(_) | kube::Error::ReadEvents(_) => {
            "the answer was cut or is no JSON"
        }
        _ => "the request failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_that_stream_no_lists_are_told_by_their_words() {
        let from_1_27 = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
        let before = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch";
        assert!(is_refusal(422, from_1_27));
        assert!(is_refusal(422, before));
        assert!(is_refusal(400, "unknown parameter sendInitialEvents"));
        assert!(!is_refusal(422, "fieldSelector: Invalid value"));
        assert!(!is_refusal(403, from_1_27));
        assert!(!is_refusal(500, from_1_27));
    }
}
