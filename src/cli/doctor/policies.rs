//! The admission policies that hold JASM's account to its promises: `config/components`.

use std::collections::BTreeSet;

use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
};
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::time::timeout;

use super::cluster::{PATIENCE, late, unanswered};
use super::report::Finding;
use crate::settings::{Rights, Store};

/// What the manifests call the account and them; an overlay puts the same before or behind all.
const ACCOUNT: &str = "jasm";
const PROMISES: &str = "jasm-promises";
const TOKENS: &str = "jasm-tokens";
/// The variable of it that lists the audiences.
const ALLOWED: &str = "allowed";

/// Looks for those that the config relies on.
pub(super) async fn look(
    client: &Client,
    account: &str,
    tier: Rights,
    workloads: &[&Store],
    findings: &mut Vec<Finding>,
) {
    let named = |policy| account.replacen(ACCOUNT, policy, 1);
    if tier == Rights::WriteOnly {
        let promises = named(PROMISES);
        findings.push(match bound(client, &promises).await {
            Ok(Some(_)) => in_force(&promises),
            Ok(None) => Finding::fail(
                "policy",
                "the admission policy that \"rights: write-only\" relies on is not in force",
                "apply config/components/admission-policy",
            ),
            Err(finding) => finding,
        });
    }
    if workloads.is_empty() {
        return;
    }
    let tokens = named(TOKENS);
    match bound(client, &tokens).await {
        Ok(Some(policy)) => {
            findings.push(if is_held(account) {
                in_force(&tokens)
            } else {
                Finding::warn(
                    "policy",
                    format!(
                        "the admission policy {tokens} holds accounts named {ACCOUNT}, PREFIX-{ACCOUNT} or {ACCOUNT}-SUFFIX, \
                         and not {account}"
                    ),
                    "name the account so, or change the policy's match condition by a patch of your overlay",
                )
            });
            findings.push(audiences(&tokens, &policy, workloads));
            findings.extend(untold(workloads));
        }
        Ok(None) => findings.push(Finding::warn(
            "policy",
            "no admission policy holds JASM to the audiences of the config: its account can ask for any token of a pod's \
             ServiceAccount",
            "apply config/components/workload-identity",
        )),
        Err(finding) => findings.push(finding),
    }
}

/// Whether the policy's match condition, as the component has it, holds an account of this name.
fn is_held(account: &str) -> bool {
    let before = |rest: &str| rest.is_empty() || rest.ends_with('-') && rest.len() > 1;
    let after = |rest: &str| rest.is_empty() || rest.starts_with('-') && rest.len() > 1;
    account
        .match_indices(ACCOUNT)
        .any(|(at, _)| before(&account[..at]) && after(&account[at + ACCOUNT.len()..]))
}

fn in_force(name: &str) -> Finding {
    Finding::ok("policy", format!("the admission policy {name} is in force"))
}

/// A policy of ours, if a binding puts it into force.
async fn bound(client: &Client, name: &str) -> Result<Option<ValidatingAdmissionPolicy>, Finding> {
    let ours = ListParams::default().labels("app.kubernetes.io/name=jasm");
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(client.clone());
    let found = match timeout(PATIENCE, bindings.list(&ours)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return unseen(&error),
        Err(_) => return Err(late("policy")),
    };
    let policies = Api::<ValidatingAdmissionPolicy>::all(client.clone());
    for binding in found {
        let spec = &binding.spec;
        let policy = spec.policy_name.as_str();
        let denies = spec.validation_actions.iter().any(|it| it == "Deny");
        if policy != name || !denies {
            continue;
        }
        match timeout(PATIENCE, policies.get_opt(policy)).await {
            Ok(Ok(found @ Some(_))) => return Ok(found),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => return unseen(&error),
            Err(_) => return Err(late("policy")),
        }
    }
    Ok(None)
}

fn unseen(error: &kube::Error) -> Result<Option<ValidatingAdmissionPolicy>, Finding> {
    match error {
        kube::Error::Api(status) if status.code == 404 => Err(Finding::warn(
            "policy",
            "this API server has no admission policies",
            "they need Kubernetes 1.30",
        )),
        kube::Error::Api(status) if status.code == 403 => Err(Finding::warn(
            "policy",
            "whether the admission policies are in force cannot be seen: it needs \"list\" and \"get\" on \
             validatingadmissionpolicies and their bindings",
            "use an administrator's kubeconfig",
        )),
        error => Err(unanswered("policy", error)),
    }
}

/// Stores whose audience only the cluster's metadata server knows.
fn untold(workloads: &[&Store]) -> Option<Finding> {
    let names: Vec<_> = workloads
        .iter()
        .filter(|store| store.backend.audience().is_none())
        .map(|store| store.name.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        Finding::warn(
            "audiences",
            format!(
                "the config does not tell the workload identity pool of {}, so whether the policy allows it was not looked at",
                names.join(", ")
            ),
            "see that the policy lists PROJECT.svc.id.goog, or write clusterProject or workloadPool in the config",
        )
    })
}

/// Whether the policy lets through what the stores need.
fn audiences(name: &str, policy: &ValidatingAdmissionPolicy, workloads: &[&Store]) -> Finding {
    let mut variables = policy
        .spec
        .iter()
        .flat_map(|spec| spec.variables.iter().flatten());
    let allowed = variables.find(|it| it.name == ALLOWED);
    // A list of texts is written in CEL as it is in JSON.
    let Some(allowed) =
        allowed.and_then(|it| serde_json::from_str::<BTreeSet<String>>(&it.expression).ok())
    else {
        return Finding::warn(
            "audiences",
            format!("it cannot be told which audiences the policy {name} allows"),
            format!("write them as a list of texts in its variable \"{ALLOWED}\""),
        );
    };
    let needed: BTreeSet<String> = workloads
        .iter()
        .filter_map(|store| store.backend.audience())
        .collect();
    let missing: Vec<_> = needed.difference(&allowed).map(String::as_str).collect();
    if needed.is_empty() {
        let allowed: Vec<_> = allowed.iter().map(String::as_str).collect();
        return Finding::warn(
            "audiences",
            format!("the policy {name} allows {}", allowed.join(", ")),
            "see that this is what the stores need: the config does not tell",
        );
    }
    if missing.is_empty() {
        let needed: Vec<_> = needed.iter().map(String::as_str).collect();
        return Finding::ok(
            "audiences",
            format!("the policy allows {}", needed.join(", ")),
        );
    }
    Finding::fail(
        "audiences",
        format!(
            "the policy {name} does not allow {}, so tokens for it are refused",
            missing.join(", ")
        ),
        format!(
            "add it to the list in the policy's variable \"{ALLOWED}\", by a patch of your overlay"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_held_under_the_names_of_the_condition() {
        for held in ["jasm", "team-jasm", "jasm-two", "a-b-jasm-c", "jasm-jasm"] {
            assert!(is_held(held), "{held}");
        }
        for free in [
            "", "teamjasm", "jasmine", "jasm2", "-jasm", "jasm-", "other",
        ] {
            assert!(!is_held(free), "{free}");
        }
    }
}
