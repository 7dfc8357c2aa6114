//! A sample of each kind of store, in `config/samples/stores`, through every command that needs no store.

use std::collections::BTreeSet;

use jasm_providers::Kind;
use serde_json::Value;

use crate::support::call::{Call, jasm};
use crate::support::manifests;
use crate::support::root;

const FOLDER: &str = "config/samples/stores";

fn call(args: &[&str]) -> Call {
    jasm(&root().join(FOLDER), args, b"")
}

fn manifest(kind: Kind) -> String {
    format!("{kind}.yaml")
}

#[test]
fn every_kind_has_a_sample_that_lint_takes() {
    call(&["config", "check", "--strict", "jasm.yaml"]).ends(0);
    let mut files: BTreeSet<_> = std::fs::read_dir(root().join(FOLDER))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(files.remove("jasm.yaml"));
    assert_eq!(files, Kind::ALL.into_iter().map(manifest).collect());
    for kind in Kind::ALL {
        let file = manifest(kind);
        call(&["lint", "--strict", "--config", "jasm.yaml", &file]).ends(0);
        // Of the store of that kind, and of no other.
        let report = explained(&file);
        assert_eq!(report["identity"].is_null(), kind == Kind::File, "{file}");
        let from = report["from"].as_str().unwrap();
        let named = from.split(':').next().unwrap();
        let store = if kind == Kind::File {
            "local"
        } else {
            kind.as_str()
        };
        assert_eq!(named, store, "{file}");
    }
}

/// The one source of the one object that a sample asks for.
fn explained(file: &str) -> Value {
    let args = [
        "explain",
        "--config",
        "jasm.yaml",
        "--format",
        "json",
        "-f",
        file,
    ];
    let report = call(&args).ends(0).json();
    report[0]["objects"][0]["sources"][0].clone()
}

#[test]
fn who_is_read_as_is_named_with_the_annotations_that_it_needs() {
    for (kind, account, needs) in [
        (Kind::AwsParameterStore, None, &[][..]),
        (
            Kind::AwsSecretsManager,
            Some("shop/from-aws"),
            &["eks.amazonaws.com/role-arn"],
        ),
        (Kind::GcpSecretManager, Some("shop/from-gcp"), &[]),
        (
            Kind::GcpParameterManager,
            Some("shop/from-google-parameters"),
            &[],
        ),
        // The store has the tenant.
        (
            Kind::AzureKeyVault,
            Some("shop/from-azure"),
            &["azure.workload.identity/client-id"],
        ),
        (Kind::Vault, Some("shop/from-vault"), &[]),
    ] {
        let source = explained(&manifest(kind));
        assert_eq!(source["serviceAccount"].as_str(), account, "{kind}");
        let named: Vec<_> = source["needs"].as_array().unwrap().iter().collect();
        assert_eq!(named, needs.iter().collect::<Vec<_>>(), "{kind}");
    }
    let args = [
        "explain",
        "--config",
        "jasm.yaml",
        "-f",
        "aws-secretsmanager.yaml",
    ];
    let said = call(&args).ends(0).out;
    assert!(
        said.contains(
            "read as: the ServiceAccount shop/from-aws, which needs the annotation eks.amazonaws.com/role-arn"
        ),
        "{said}"
    );
}

#[test]
fn the_rules_of_every_kind_are_asked() {
    for (store, path, code) in [
        ("local", "shop/db", 0),
        ("local", "other/db", 1),
        ("aws-parameterstore", "/shop/config/**", 0),
        ("aws-parameterstore", "/other/config/**", 1),
        // Without a rule the cloud decides, if the kind has such paths.
        ("aws", "/any/path", 0),
        ("gcp", "any-secret", 0),
        ("gcp", "projects/acme-prod/secrets/any-secret", 0),
        ("gcp", "projects/foreign/secrets/any-secret", 1),
        ("gcp", "a/../b", 1),
        ("gcp-parametermanager", "any_parameter", 0),
        ("gcp-parametermanager", "any.parameter", 1),
        ("azure", "any-secret", 0),
        ("azure", "any_secret", 1),
        ("azure-appconfiguration", "any:key/of_it", 0),
        ("azure-appconfiguration", "any:*", 0),
        ("azure-appconfiguration", "any,key", 1),
        ("vault", "any/path", 0),
        ("vault", "/any/path", 1),
    ] {
        let args = [
            "policy",
            "test",
            "--config",
            "jasm.yaml",
            "-n",
            "shop",
            store,
            path,
        ];
        let said = call(&args);
        assert_eq!(said.code, code, "{store} {path}: {}{}", said.out, said.err);
    }
}

#[test]
fn every_kind_says_what_its_cloud_has_to_allow() {
    let printed = |kind: Kind| {
        let file = manifest(kind);
        let said = call(&["policy", "iam", "--config", "jasm.yaml", "-f", &file]).ends(0);
        (said.out, said.err)
    };
    for (kind, words) in [
        (
            Kind::AwsSecretsManager,
            &["secretsmanager:GetSecretValue", ":secret:/shop/db-??????"][..],
        ),
        (
            Kind::AwsParameterStore,
            &["ssm:GetParametersByPath", ":parameter/shop/config/*"],
        ),
        (
            Kind::GcpSecretManager,
            &[
                "gcloud secrets add-iam-policy-binding 'shop-db' --project='acme-prod' \
               --member='serviceAccount:acme-prod.svc.id.goog[shop/from-gcp]' \
               --role='roles/secretmanager.secretAccessor'",
            ],
        ),
        (
            Kind::GcpParameterManager,
            &[
                "--member='serviceAccount:acme-prod.svc.id.goog[shop/from-google-parameters]'",
                "--role='roles/parametermanager.parameterViewer'",
            ],
        ),
        (
            Kind::AzureKeyVault,
            &[
                "--role 'Key Vault Secrets User' --assignee \"$PRINCIPAL_SHOP_FROM_AZURE\" \
               --scope \"/subscriptions/$SUBSCRIPTION/resourceGroups/$GROUP/providers/Microsoft.KeyVault/vaults/acme-shop/secrets/shop-password\"",
            ],
        ),
        (
            Kind::AzureAppConfiguration,
            &[
                "--role 'App Configuration Data Reader' --assignee \"$PRINCIPAL_SHOP_FROM_APP_CONFIGURATION\"",
                "configurationStores/acme-shop\"",
                "vaults/acme-shop\"",
            ],
        ),
        (
            Kind::Vault,
            &[
                "path \"secret/data/shop/db\" {\n  capabilities = [\"read\"]\n}",
                "role jasm-{namespace}",
            ],
        ),
    ] {
        let (out, err) = printed(kind);
        for word in words {
            assert!(out.contains(word), "{kind} {word}\n{out}{err}");
        }
        // A script is one that a shell takes, and that stops where it is not told what it has to be.
        if out.starts_with("#!/bin/sh") {
            let said = crate::support::call::program(
                std::path::Path::new("/bin/sh"),
                &root(),
                &["-n"],
                out.as_bytes(),
            );
            said.ends(0);
        }
    }
    assert!(
        !printed(Kind::GcpParameterManager)
            .0
            .contains("parameterAccessor")
    );
    let (out, err) = printed(Kind::File);
    assert!(
        out.is_empty() && err.contains("is a directory"),
        "{out}{err}"
    );
    // Several kinds at once: AWS's policy, and of the others that they are apart.
    let said = call(&["policy", "iam", "--config", "jasm.yaml", "-f", "."]).ends(0);
    assert_eq!(said.json()["Version"], "2012-10-17");
    for store in ["gcp-secretmanager", "azure-keyvault", "vault"] {
        assert!(
            said.err.contains(&format!("--store {store}")),
            "{}",
            said.err
        );
    }
    let other = [
        "policy",
        "iam",
        "--config",
        "jasm.yaml",
        "-f",
        ".",
        "--store",
        "vault",
        "--as",
    ];
    let as_one = |account| {
        let mut args = other.to_vec();
        args.push(account);
        call(&args).ends(0)
    };
    assert!(
        as_one("shop/from-vault")
            .out
            .contains("secret/data/shop/db")
    );
    let nobody = as_one("shop/from-aws");
    assert!(
        nobody.out.is_empty() && nobody.err.contains("no right is needed"),
        "{nobody:?}"
    );
}

#[test]
fn the_samples_of_stores_are_objects_that_kubectl_takes() {
    for kind in Kind::ALL {
        let text = manifests::read(&format!("{FOLDER}/{}", manifest(kind)));
        for object in manifests::documents(&text) {
            assert_eq!(object["metadata"]["namespace"], "shop", "{kind}");
            let annotations = &object["metadata"]["annotations"];
            assert!(annotations.is_null() || annotations.is_object(), "{kind}");
        }
    }
}
