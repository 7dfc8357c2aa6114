//! What the API server itself takes and refuses, and what `kubectl get` shows.

use std::collections::BTreeSet;
use std::process::Command;

use jasm::push::crd::SecretManagerConfig;
use kube::CustomResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::stage::Stage;
use crate::support::cluster::cluster;
use crate::support::manifests::{self, Run};

fn object(namespace: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": "secret-manager.microscaler.io/v1alpha1", "kind": "SecretManagerConfig",
        "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn aws() -> Value {
    json!({"sourceRef": {"name": "shop"},
        "provider": {"type": "aws", "aws": {"region": "eu-west-1"}},
        "secrets": {"environment": "prod"}})
}

fn gcp() -> Value {
    json!({"sourceRef": {"name": "shop"},
        "provider": {"type": "gcp", "gcp": {"projectId": "acme"}},
        "secrets": {"environment": "prod"}})
}

fn azure() -> Value {
    json!({"sourceRef": {"name": "shop"},
        "provider": {"type": "azure", "azure": {"vaultName": "acme"}},
        "secrets": {"environment": "prod"}})
}

/// A spec with changes at these JSON pointers.
fn with<const N: usize>(mut spec: Value, changes: [(&str, Value); N]) -> Value {
    for (path, value) in changes {
        let (parent, field) = path.rsplit_once('/').unwrap();
        spec.pointer_mut(parent).unwrap()[field] = value;
    }
    spec
}

fn all_good() -> Vec<Value> {
    let role = "arn:aws:iam::123456789012:role/shop";
    let aws_auth =
        |how: &str| json!({"region": "eu-west-1", "auth": {"authType": how, "roleArn": role}});
    let gcp_auth = |how: &str| {
        json!({"projectId": "acme", "location": "europe-west1",
        "auth": {"authType": how, "serviceAccountEmail": "shop@acme.iam.gserviceaccount.com"}})
    };
    let azure_auth = |how: &str| {
        json!({"vaultName": "https://acme.vault.azure.net/", "location": "westeurope",
        "auth": {"authType": how, "clientId": "22222222-2222-2222-2222-222222222222"}})
    };
    let store = |name: &str| json!({"enabled": true, "store": name});
    let settings = json!({"enabled": true, "appConfigEndpoint": "https://acme.azconfig.io", "label": "prod",
        "keySeparator": "/"});
    let mut good = vec![
        aws(),
        gcp(),
        azure(),
        with(aws(), [("/provider/aws", aws_auth("Irsa"))]),
        with(aws(), [("/provider/aws", aws_auth("irsa"))]),
        with(gcp(), [("/provider/gcp", gcp_auth("WorkloadIdentity"))]),
        with(gcp(), [("/provider/gcp", gcp_auth("workloadIdentity"))]),
        with(
            azure(),
            [("/provider/azure", azure_auth("WorkloadIdentity"))],
        ),
        with(
            azure(),
            [("/provider/azure", azure_auth("workloadIdentity"))],
        ),
        with(azure(), [("/configs", settings)]),
        with(
            aws(),
            [(
                "/configs",
                json!({"enabled": true, "parameterPath": "/shop/prod", "files": ["*.yaml"]}),
            )],
        ),
        with(
            aws(),
            [(
                "/secrets",
                json!({"environment": "prod", "basePath": "a/b..c/d", "prefix": "p", "suffix": "s"}),
            )],
        ),
        with(
            aws(),
            [(
                "/secrets",
                json!({"environment": "prod", "kustomizePath": "deploy/prod"}),
            )],
        ),
        with(
            aws(),
            [(
                "/sourceRef",
                json!({"kind": "Application", "name": "shop", "namespace": "argocd",
            "gitCredentials": {"name": "git"}}),
            )],
        ),
        with(
            aws(),
            [
                ("/decryption", json!({"secretRef": {"name": "keys"}})),
                ("/suspend", json!(true)),
                ("/deletionPolicy", json!("Delete")),
                ("/driftInterval", json!("1h30m")),
            ],
        ),
        // What is left out may be written as null.
        with(
            aws(),
            [
                ("/configs", Value::Null),
                ("/decryption", Value::Null),
                ("/driftInterval", Value::Null),
                ("/deletionPolicy", Value::Null),
                ("/suspend", Value::Null),
                ("/provider/gcp", Value::Null),
                ("/provider/aws/auth", Value::Null),
                ("/secrets/prefix", Value::Null),
                ("/sourceRef/namespace", Value::Null),
                ("/sourceRef/kind", Value::Null),
            ],
        ),
    ];
    for kind in [
        "GitRepository",
        "OCIRepository",
        "Bucket",
        "ExternalArtifact",
        "Application",
        "File",
    ] {
        good.push(with(aws(), [("/sourceRef/kind", json!(kind))]));
    }
    for name in [
        "SecretManager",
        "secretManager",
        "ParameterManager",
        "parameterManager",
    ] {
        good.push(with(gcp(), [("/configs", store(name))]));
    }
    good
}

/// Specs that are refused, with what is said.
fn all_bad() -> Vec<(Value, &'static str)> {
    let irsa = |role: &str| json!({"authType": "Irsa", "roleArn": role});
    vec![
        // Every rule of the kind's own.
        (
            with(aws(), [("/configs", json!({"label": "a"}))]),
            "are for provider type azure",
        ),
        (
            with(aws(), [("/configs", json!({"keySeparator": "/"}))]),
            "are for provider type azure",
        ),
        (
            with(
                gcp(),
                [(
                    "/configs",
                    json!({"appConfigEndpoint": "https://a.azconfig.io"}),
                )],
            ),
            "are for provider type azure",
        ),
        (
            with(gcp(), [("/configs", json!({"parameterPath": "/a"}))]),
            "configs.parameterPath is for provider type aws",
        ),
        (
            with(aws(), [("/configs", json!({"store": "SecretManager"}))]),
            "configs.store is for provider type gcp",
        ),
        (
            with(azure(), [("/configs", json!({"enabled": true}))]),
            "configs.appConfigEndpoint is required",
        ),
        (
            with(aws(), [("/driftInterval", json!("59s"))]),
            "at least 1m",
        ),
        (
            with(aws(), [("/driftInterval", json!("soon"))]),
            "driftInterval",
        ),
        (
            with(aws(), [("/sourceRef/gitCredentials", json!({"name": "a"}))]),
            "gitCredentials are for kind Application",
        ),
        (
            with(aws(), [("/provider/gcp", json!({"projectId": "a"}))]),
            "exactly the block that type names",
        ),
        (
            with(aws(), [("/provider", json!({"type": "aws"}))]),
            "exactly the block that type names",
        ),
        (
            with(
                aws(),
                [("/provider", json!({"type": "gcp", "aws": {"region": "a"}}))],
            ),
            "exactly the block that type names",
        ),
        (
            with(
                aws(),
                [
                    ("/secrets/kustomizePath", json!("a")),
                    ("/secrets/basePath", json!("b")),
                ],
            ),
            "not both",
        ),
        (
            with(aws(), [("/secrets/kustomizePath", json!("a/../../b"))]),
            "kustomizePath must be a path below",
        ),
        (
            with(aws(), [("/secrets/kustomizePath", json!("/a"))]),
            "kustomizePath must be a path below",
        ),
        (
            with(aws(), [("/secrets/basePath", json!(".."))]),
            "basePath must be a path below",
        ),
        (
            with(aws(), [("/secrets/basePath", json!("/etc"))]),
            "basePath must be a path below",
        ),
        // Words that are not known, and forms that cannot be.
        (
            with(aws(), [("/sourceRef/kind", json!("HelmRelease"))]),
            "spec.sourceRef.kind",
        ),
        (
            with(aws(), [("/sourceRef/name", json!("Shop"))]),
            "spec.sourceRef.name",
        ),
        (
            with(aws(), [("/sourceRef/name", json!(""))]),
            "spec.sourceRef.name",
        ),
        (
            with(aws(), [("/sourceRef/namespace", json!("a.b"))]),
            "spec.sourceRef.namespace",
        ),
        (
            with(aws(), [("/provider/type", json!("AWS"))]),
            "spec.provider.type",
        ),
        (
            with(aws(), [("/provider/aws/region", json!("eu west"))]),
            "spec.provider.aws.region",
        ),
        (
            with(
                aws(),
                [(
                    "/provider/aws/auth",
                    json!({"authType": "IRSA", "roleArn": "arn:aws:iam::123456789012:role/a"}),
                )],
            ),
            "authType",
        ),
        (
            with(
                aws(),
                [("/provider/aws/auth", irsa("arn:aws:iam::1:role/a"))],
            ),
            "roleArn",
        ),
        (
            with(
                aws(),
                [(
                    "/provider/aws/auth",
                    irsa("arn:aws:iam::123456789012:user/a"),
                )],
            ),
            "roleArn",
        ),
        (
            with(gcp(), [("/provider/gcp/location", json!("Europe"))]),
            "location",
        ),
        (
            with(
                gcp(),
                [(
                    "/provider/gcp/auth",
                    json!({"authType": "WorkloadIdentity", "serviceAccountEmail": "shop"}),
                )],
            ),
            "serviceAccountEmail",
        ),
        (
            with(
                azure(),
                [(
                    "/provider/azure/vaultName",
                    json!("http://acme.vault.azure.net"),
                )],
            ),
            "vaultName",
        ),
        (
            with(
                azure(),
                [(
                    "/provider/azure/auth",
                    json!({"authType": "WorkloadIdentity", "clientId": "me"}),
                )],
            ),
            "clientId",
        ),
        (
            with(
                azure(),
                [("/configs", json!({"appConfigEndpoint": "http://a"}))],
            ),
            "appConfigEndpoint",
        ),
        (
            with(
                azure(),
                [(
                    "/configs",
                    json!({"appConfigEndpoint": "https://a", "keySeparator": "::"}),
                )],
            ),
            "keySeparator",
        ),
        (
            with(
                azure(),
                [(
                    "/configs",
                    json!({"appConfigEndpoint": "https://a", "label": ""}),
                )],
            ),
            "label",
        ),
        (
            with(gcp(), [("/configs", json!({"store": "secretmanager"}))]),
            "store",
        ),
        (
            with(aws(), [("/configs", json!({"parameterPath": "shop"}))]),
            "parameterPath",
        ),
        (
            with(aws(), [("/configs", json!({"parameterPath": "/shop/"}))]),
            "parameterPath",
        ),
        (
            with(aws(), [("/secrets/environment", json!("../prod"))]),
            "environment",
        ),
        (with(aws(), [("/secrets/prefix", json!("a/b"))]), "prefix"),
        (with(aws(), [("/secrets/suffix", json!("a b"))]), "suffix"),
        (with(aws(), [("/decryption", json!({}))]), "secretRef"),
        (
            with(aws(), [("/deletionPolicy", json!("Orphan"))]),
            "deletionPolicy",
        ),
        (with(aws(), [("/suspend", json!("yes"))]), "suspend"),
        (
            json!({"provider": {"type": "aws", "aws": {"region": "a"}}, "secrets": {"environment": "a"}}),
            "sourceRef",
        ),
        // Fields that there are none of.
        (
            with(aws(), [("/sourcRef", json!("a"))]),
            "unknown field \"spec.sourcRef\"",
        ),
        (
            with(aws(), [("/secrets/prefx", json!("a"))]),
            "unknown field \"spec.secrets.prefx\"",
        ),
        (
            with(
                aws(),
                [("/provider/aws/endpoint", json!("http://127.0.0.1"))],
            ),
            "unknown field \"spec.provider.aws.endpoint\"",
        ),
    ]
}

#[tokio::test]
async fn the_api_server_takes_what_is_right_and_says_what_is_not() {
    let stage = Stage::without_config("smc-admission").await;
    let admin = stage.admin();
    let mut wrong = Vec::new();
    for spec in all_good() {
        let object = object(stage.namespace(), "good", spec.clone());
        match manifests::create(&admin, &object, Run::Dry).await {
            Err(error) => wrong.push(format!("refused: {spec}: {error}")),
            // What the API server takes, the controller reads.
            Ok(taken) => {
                let read = serde_json::from_value::<jasm::push::crd::SecretManagerConfig>(taken);
                if let Err(error) = read {
                    wrong.push(format!("taken and not read: {spec}: {error}"));
                }
            }
        }
    }
    for (spec, said) in all_bad() {
        let object = object(stage.namespace(), "bad", spec.clone());
        match manifests::create(&admin, &object, Run::Dry).await {
            Ok(_) => wrong.push(format!("taken: {spec}")),
            Err(error) if error.to_string().contains(said) => {}
            Err(error) => wrong.push(format!("not \"{said}\": {spec}: {error}")),
        }
    }
    for (name, is_good) in [
        ("a".repeat(63), true),
        ("a".repeat(64), false),
        ("a.b".into(), false),
    ] {
        let object = object(stage.namespace(), &name, aws());
        let taken = manifests::create(&admin, &object, Run::Dry).await;
        if taken.is_ok() != is_good {
            wrong.push(format!("the name {name}: {taken:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The paths of all fields of a schema.
fn fields(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(field, &path, found);
        found.insert(path);
    }
    if schema["items"].is_object() {
        fields(&schema["items"], &format!("{path}[]"), found);
    }
}

#[test]
fn the_file_that_is_installed_has_every_field_of_the_types() {
    let schema = "/spec/versions/0/schema/openAPIV3Schema";
    let installed =
        &manifests::documents(&manifests::read("config/crd/secretmanagerconfigs.yaml"))[0];
    let typed = serde_json::to_value(SecretManagerConfig::crd()).unwrap();
    let (mut in_file, mut in_types) = (BTreeSet::new(), BTreeSet::new());
    fields(installed.pointer(schema).unwrap(), "", &mut in_file);
    fields(typed.pointer(schema).unwrap(), "", &mut in_types);
    assert!(in_types.len() > 40, "{in_types:?}");
    let missing: Vec<_> = in_types.symmetric_difference(&in_file).collect();
    assert!(missing.is_empty(), "generate config/crd anew: {missing:?}");
}

#[tokio::test]
async fn kubectl_shows_how_an_object_is() {
    let stage = Stage::without_config("smc-columns").await;
    stage.object("shop", aws()).await;
    let status = json!({"status": {
        "observedGeneration": 1,
        "lastAppliedRevision": "main@sha1:4b825dc",
        "entries": {"total": 12, "failed": 3},
        "conditions": [{"type": "Ready", "status": "False", "reason": "EntriesFailed", "message": "three failed",
            "lastTransitionTime": "2026-11-22T00:00:00Z", "observedGeneration": 1}],
    }});
    stage
        .objects()
        .patch_status("shop", &PatchParams::default(), &Patch::Merge(&status))
        .await
        .unwrap();
    let output = Command::new(manifests::kubectl())
        .args([
            "--kubeconfig",
            &cluster().kubeconfig,
            "get",
            "smc",
            "-o",
            "wide",
            "-n",
        ])
        .arg(stage.namespace())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let words = |number: usize| -> Vec<&str> {
        text.lines()
            .nth(number)
            .unwrap_or_default()
            .split_whitespace()
            .collect()
    };
    assert_eq!(
        words(0),
        [
            "NAME", "READY", "REASON", "REVISION", "ENTRIES", "FAILED", "AGE", "MESSAGE"
        ],
        "{text}"
    );
    let row = words(1);
    assert_eq!(
        row[..6],
        [
            "shop",
            "False",
            "EntriesFailed",
            "main@sha1:4b825dc",
            "12",
            "3"
        ],
        "{text}"
    );
    assert!(text.contains("three failed"), "{text}");
}
