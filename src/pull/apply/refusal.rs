//! Why the API server did not do it, in our words: its own may quote what was sent.

use super::{CALL, OURS};
use crate::client::NOT_ACCEPTED;
use crate::pull::condition::{Condition, Failure};
use crate::pull::pod::Controller;
use crate::pull::request::{ObjectKind, Target};

/// What our admission policy says of an object without our label, and nobody else says: other
/// policies may demand the same label.
const PROMISES: [&str; 3] = [
    "everything that JASM writes has to",
    "is not JASM's, so JASM may not change it",
    "JASM changes only what carries the label",
];

/// True if these are the words of our admission policy.
pub(super) fn is_ours(message: &str) -> bool {
    PROMISES.iter().any(|words| message.contains(words))
}

/// True if these are the words of the admission plugin OwnerReferencesPermissionEnforcement
/// (`plugin/pkg/admission/gc`).
pub(super) fn is_about_owners(message: &str) -> bool {
    message.contains("cannot set an ownerRef")
}

/// Why a call failed, without the server's own words: they may quote what was sent.
#[derive(Debug)]
pub(super) enum CallError {
    Api {
        code: u16,
        terminating: bool,
        /// It is our admission policy that refuses, on account of our label.
        guarded: bool,
        /// It is the owners' change that is refused.
        owners: bool,
        fields: Vec<String>,
    },
    Unreachable,
    Late,
}

impl CallError {
    pub(super) fn failure(self, verb: &str, target: &Target) -> Failure {
        let resource = match target.kind {
            ObjectKind::Secret => "secrets",
            ObjectKind::ConfigMap => "configmaps",
        };
        let namespace = &target.namespace;
        match self {
            Self::Api {
                terminating: true, ..
            } => Failure::new(
                Condition::NamespaceTerminating,
                format!("the namespace {namespace} is gone or being deleted"),
            ),
            Self::Api { guarded: true, .. } if verb == "update" => not_ours(target),
            Self::Api { owners: true, .. } => Failure::new(
                Condition::WriteRefused,
                format!(
                    "the API server refuses to {verb} {target} (403): where its owners change, this server demands \
                     \"delete\" on it, which config/rbac/shared-targets gives"
                ),
            ),
            Self::Api { code: 403, .. } => Failure::new(
                Condition::WriteRefused,
                format!(
                    "the API server refuses to {verb} {target} (403): JASM's account lacks \"{verb}\" on {resource} \
                     in {namespace}, or a quota or an admission policy stands against it"
                ),
            ),
            Self::Api {
                code: code @ (429 | 500..=599),
                ..
            } => Failure::new(
                Condition::WriteUnavailable,
                format!("the API server cannot {verb} {target} now ({code}); it is tried again"),
            ),
            Self::Api { code: 401, .. } => Failure::new(
                Condition::WriteUnavailable,
                format!(
                    "the API server cannot be asked to {verb} {target}, as it {NOT_ACCEPTED}; it is tried again"
                ),
            ),
            Self::Api { code, fields, .. } => {
                let fields = if fields.is_empty() {
                    String::new()
                } else {
                    format!(" because of {}", fields.join(", "))
                };
                Failure::new(
                    Condition::WriteRefused,
                    format!("the API server refuses to {verb} {target} ({code}){fields}"),
                )
            }
            Self::Unreachable => Failure::new(
                Condition::WriteUnavailable,
                format!("the API server cannot be reached to {verb} {target}; it is tried again"),
            ),
            Self::Late => Failure::new(
                Condition::WriteUnavailable,
                format!(
                    "the API server did not {verb} {target} within {} s; it is tried again",
                    CALL.as_secs()
                ),
            ),
        }
    }
}

/// The failure for an object that does not carry our label.
#[must_use]
pub fn not_ours(target: &Target) -> Failure {
    Failure::new(
        Condition::NotOurs,
        format!(
            "{target} is there already and is not JASM's, so it is left alone: choose another name, \
             or hand it over with the label {}={}",
            OURS.0, OURS.1
        ),
    )
}

pub(super) fn owner_failure(target: &Target, owners: &[Controller]) -> Failure {
    let names: Vec<_> = owners.iter().map(crate::pull::workload::name).collect();
    Failure::new(
        Condition::OwnerRefused,
        format!(
            "{target} is up to date, but {} could not be added as its owner: this API server demands \"delete\" on the \
             object for that; without it the object goes when its present owner goes",
            names.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_says_what_it_is_known_by() {
        let policy = include_str!("../../../config/components/admission-policy/policy.yaml");
        for words in PROMISES {
            assert!(policy.contains(words), "{words}");
        }
    }

    #[test]
    fn a_refused_token_is_named_with_what_to_do_and_tried_again() {
        let target = Target {
            kind: ObjectKind::Secret,
            namespace: "shop".into(),
            name: "db".into(),
        };
        let error = CallError::Api {
            code: 401,
            terminating: false,
            guarded: false,
            owners: false,
            fields: Vec::new(),
        };
        assert_eq!(
            error.failure("create", &target),
            Failure::new(
                Condition::WriteUnavailable,
                "the API server cannot be asked to create Secret shop/db, as it does not accept JASM's token (401); \
                 if that lasts, restart JASM's pod, or renew the credentials in its kubeconfig; it is tried again"
            )
        );
    }

    #[test]
    fn another_policy_that_demands_the_label_is_not_ours() {
        let other = "admission webhook \"validate.example\" denied the request: \
                     the label app.kubernetes.io/managed-by is required";
        assert!(!is_ours(other));
    }
}
