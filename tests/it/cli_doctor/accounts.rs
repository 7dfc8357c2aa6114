//! What JASM's account may do in the cluster, and what holds it to that.

use std::fs;

use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{doctor, finding, is};
use crate::support::cluster::cluster;
use crate::support::tier::{Parts, Tier};

/// The report by a kubeconfig.
async fn report(tier: &Tier, kubeconfig: &str, args: &[&str]) -> Value {
    let mut call = vec!["--format", "json", "--kubeconfig", kubeconfig];
    call.extend(args);
    doctor(tier.world.dir.path(), &[], &call).await.json()
}

fn config(tier: &Tier, text: &str) {
    fs::write(tier.world.config_file(), text).unwrap();
}

#[tokio::test]
async fn the_rights_of_the_account_are_held_against_the_tier() {
    let parts = Parts {
        resources: &["rbac/default"],
        ..Parts::default()
    };
    let tier = Tier::install("doctorrights", parts).await;
    let world = &tier.world;
    config(&tier, "stores: []\n");
    let admin = cluster().kubeconfig.as_str();
    let own = world.kubeconfig().display().to_string();
    let (home, name) = &world.account;
    let account = format!("{home}/{name}");

    // As whoever may ask for it, and as the account itself.
    let asked = report(&tier, admin, &["--account", &account]).await;
    is(
        &finding(&asked, "", "api server"),
        "ok",
        "it answers, Kubernetes 1.",
    );
    for report in [asked, report(&tier, &own, &[]).await] {
        let rights = finding(&report, "", "rights");
        is(&rights, "ok", "has list on pods, watch on pods");
        assert!(
            rights["said"].as_str().unwrap().contains(name.as_str()),
            "{rights:#}"
        );
    }
    config(&tier, "rights: observe\nstores: []\n");
    let rights = finding(&report(&tier, &own, &[]).await, "", "rights");
    is(
        &rights,
        "fail",
        "lacks list on secrets, watch on secrets, list on configmaps, watch on configmaps",
    );
    assert!(
        rights["fix"]
            .as_str()
            .unwrap()
            .contains("config/rbac/observe"),
        "{rights:#}"
    );

    // A tier that needs less: what is given beyond it is told, and that nothing guards it.
    config(&tier, "rights: write-only\nstores: []\n");
    let found = report(&tier, &own, &[]).await;
    let rights = found["cluster"]["findings"].as_array().unwrap();
    let too_many = |finding: &&Value| {
        finding["said"]
            .as_str()
            .unwrap()
            .contains("get on secrets too")
    };
    assert!(rights.iter().any(|finding| too_many(&finding)), "{found:#}");
    is(&finding(&found, "", "policy"), "warn", "cannot be seen");
    // Reading as pods needs more.
    config(
        &tier,
        "stores: [{name: v, kind: vault, address: 'http://127.0.0.1:9', role: r, identity: workload}]\n",
    );
    let tokens = finding(&report(&tier, &own, &[]).await, "", "tokens");
    is(
        &tokens,
        "fail",
        "lacks get on serviceaccounts, create on serviceaccounts/token",
    );

    // Somebody who is no ServiceAccount, where JASM is not installed as usual.
    let found = report(&tier, admin, &[]).await;
    is(
        &finding(&found, "", "rights"),
        "warn",
        "there is no ServiceAccount jasm-system/jasm",
    );
    // Who may not ask.
    let found = report(&tier, &own, &["--account", "default/default"]).await;
    is(
        &finding(&found, "", "rights"),
        "warn",
        "\"create\" on subjectaccessreviews",
    );
}

#[tokio::test]
async fn rights_in_the_served_namespaces_are_enough() {
    let parts = Parts {
        resources: &["rbac/namespaced"],
        opt_in: true,
        ..Parts::default()
    };
    let tier = Tier::install("doctornamespaced", parts).await;
    let own = tier.world.kubeconfig().display().to_string();
    let served = &tier.world.namespace;
    config(&tier, &format!("namespaces: [{served}]\nstores: []\n"));
    is(
        &finding(&report(&tier, &own, &[]).await, "", "rights"),
        "ok",
        "get on secrets",
    );
    config(
        &tier,
        &format!("namespaces: [{served}, default]\nstores: []\n"),
    );
    is(
        &finding(&report(&tier, &own, &[]).await, "", "rights"),
        "fail",
        "get on secrets",
    );
}

#[tokio::test]
async fn the_policies_that_the_config_relies_on_are_looked_for() {
    let parts = Parts {
        resources: &["rbac/write-only"],
        components: &["components/workload-identity"],
        ..Parts::default()
    };
    let tier = Tier::install("doctorpolicies", parts).await;
    let (home, name) = &tier.world.account;
    let account = format!("{home}/{name}");
    let admin = cluster().kubeconfig.as_str();
    let store =
        "{name: v, kind: vault, address: 'http://127.0.0.1:9', role: r, identity: workload}";
    let look = async |store: &str| {
        config(&tier, &format!("rights: write-only\nstores: [{store}]\n"));
        report(&tier, admin, &["--account", &account]).await
    };
    let found = look(store).await;
    is(
        &finding(&found, "", "tokens"),
        "ok",
        "create on serviceaccounts/token",
    );
    let suffix = name.strip_prefix("jasm").unwrap();
    let in_force = |found: &Value, policy: &str| {
        let findings = found["cluster"]["findings"].to_string();
        findings.contains(&format!(
            "the admission policy {policy}{suffix} is in force"
        ))
    };
    assert!(
        in_force(&found, "jasm-promises") && in_force(&found, "jasm-tokens"),
        "{found:#}"
    );
    is(
        &finding(&found, "", "audiences"),
        "ok",
        "the policy allows vault",
    );
    let other = store.replace("role: r", "role: r, audience: bank");
    is(
        &finding(&look(&other).await, "", "audiences"),
        "fail",
        "does not allow bank",
    );

    // One that only warns holds nobody to anything, and one that is not bound neither.
    let bindings = Api::<ValidatingAdmissionPolicyBinding>::all(tier.world.admin.clone());
    let warns = json!({"spec": {"validationActions": ["Warn"]}});
    let tokens = format!("jasm-tokens{suffix}");
    bindings
        .patch(&tokens, &PatchParams::default(), &Patch::Merge(&warns))
        .await
        .unwrap();
    let promises = format!("jasm-promises{suffix}");
    bindings
        .delete(&promises, &DeleteParams::default())
        .await
        .unwrap();
    let found = look(store).await;
    assert!(
        !in_force(&found, "jasm-promises") && !in_force(&found, "jasm-tokens"),
        "{found:#}"
    );
    is(
        &finding(&found, "", "policy"),
        "fail",
        "\"rights: write-only\" relies on",
    );
    let findings = found["cluster"]["findings"].to_string();
    assert!(
        findings.contains("no admission policy holds JASM to the audiences"),
        "{found:#}"
    );
}
