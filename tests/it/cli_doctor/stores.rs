//! Stores that answer: what is read of them, and what they refuse.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use jasm_fakes::aws::Aws;
use jasm_fakes::{Fault, Server};
use serde_json::json;

use super::{KEYS, MARKER, doctor, finding, is, stores};
use crate::support::aws::create_secret;
use crate::support::call::folder;
use crate::support::{moto, root};

/// A store at moto; its own token service is there too.
fn at_aws(name: &str, endpoint: &str, more: &str) -> String {
    format!(
        "- {{name: {name}, kind: aws-secretsmanager, region: eu-west-1, identity: controller, endpoint: '{endpoint}', \
         stsEndpoint: '{endpoint}', {more}}}\n"
    )
}

async fn at_moto(name: &str, more: &str) -> String {
    let endpoint = tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
    at_aws(name, endpoint, more)
}

#[tokio::test]
async fn what_works_is_said_to_work_and_no_value_is_said() {
    let name = format!("doctor/{:08x}", fastrand::u32(..));
    let value = json!({"user": "app", "password": MARKER}).to_string();
    let good = at_moto(
        "aws",
        &format!(
            "account: '123456789012', allow: [{{namespaces: [a], paths: ['x/**', '{name}']}}]"
        ),
    )
    .await;
    create_secret(&name, &value).await;
    let config = format!(
        "stores:\n{good}- {{name: local, kind: file, root: store, allow: [{{namespaces: [a], paths: [app/db]}}]}}\n"
    );
    let dir = folder(&[("jasm.yaml", &config)]);
    fs::create_dir_all(dir.path().join("store/app")).unwrap();
    fs::write(dir.path().join("store/app/db"), MARKER).unwrap();
    fs::write(dir.path().join("store/app/other"), "four").unwrap();

    let said = doctor(dir.path(), &KEYS, &["--no-cluster"])
        .await
        .ends(0)
        .out;
    for part in [
        "store aws (aws-secretsmanager): ok",
        "ok   address: 127.0.0.1:",
        "ok   identity: as arn:aws:sts::123456789012:",
        &format!(
            "ok   read: {name}: secret, a JSON object with 2 members, {} bytes, version ",
            value.len()
        ),
        "store local (file): ok",
        "ok   identity: as the user ",
        &format!("ok   read: app/db: secret, text, {} bytes", MARKER.len()),
        "0 fail, 0 warn, 5 ok",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }

    // What is named on the command line is read instead, from that store by any of its names.
    let args = [
        "--store",
        "local",
        "--read",
        "local:app/other",
        "--read",
        "local:app/none",
    ];
    let report = stores(dir.path(), &[], &args, 1).await;
    assert_eq!(report["fine"], false);
    assert_eq!(report["stores"].as_array().unwrap().len(), 1);
    is(
        &finding(&report, "local", "read"),
        "ok",
        "app/other: secret, text, 4 bytes",
    );
    let missing = &report["stores"][0]["findings"][2];
    is(missing, "fail", "app/none");
    assert_eq!(missing["class"], "not_found");
}

#[tokio::test]
async fn what_a_rule_names_need_not_be_there_and_a_store_without_such_a_rule_is_knocked_at() {
    let missing = at_moto(
        "missing",
        "allow: [{namespaces: [a], paths: [doctor-none]}]",
    )
    .await;
    let open = at_moto("open", "allow: [{namespaces: [a], paths: ['**']}]").await;
    let parameters = open
        .replace("name: open", "name: parameters")
        .replace("aws-secretsmanager", "aws-parameterstore");
    let foreign = at_moto("foreign", "account: '999999999999'").await;
    let config = format!("stores:\n{missing}{open}{parameters}");
    let dir = folder(&[
        ("jasm.yaml", &config),
        ("foreign.yaml", &format!("stores:\n{foreign}")),
    ]);
    let report = stores(dir.path(), &KEYS, &[], 0).await;
    is(
        &finding(&report, "missing", "read"),
        "warn",
        "a rule names it: there is no doctor-none",
    );
    for store in ["open", "parameters"] {
        let found = finding(&report, store, "read");
        is(&found, "warn", "the store lets this identity in");
        assert_eq!(
            found["fix"],
            format!("name an entry with --read {store}:PATH")
        );
    }
    let config = fs::read_to_string(dir.path().join("foreign.yaml")).unwrap();
    fs::write(dir.path().join("jasm.yaml"), config).unwrap();
    let report = stores(dir.path(), &KEYS, &[], 1).await;
    let found = finding(&report, "foreign", "identity");
    is(
        &found,
        "fail",
        "of the account 123456789012; the store's is 999999999999",
    );
}

#[tokio::test]
async fn who_is_not_known_and_who_may_not_are_told_apart() {
    let upstream = tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
    let aws = Aws::new(Arc::default(), Some(upstream)).unwrap();
    let arn = "arn:aws:iam::123456789012:user/jasm";
    aws.add_key(moto::ACCESS_KEY, moto::SECRET_KEY, arn);
    let server = Server::start(Arc::clone(&aws), 0, None).await.unwrap();
    let name = format!("doctor/{:08x}", fastrand::u32(..));
    create_secret(&name, MARKER).await;
    let endpoint = server.endpoint();
    let named = format!("allow: [{{namespaces: [a], paths: ['{name}']}}]");
    let config = format!(
        "storeTimeout: 5s\nstores:\n{}{}",
        at_aws("named", &endpoint, &named),
        at_aws("unnamed", &endpoint, "allow: []"),
    );
    let dir = folder(&[("jasm.yaml", &config)]);

    // Nothing is granted.
    let report = stores(dir.path(), &KEYS, &[], 1).await;
    is(&finding(&report, "named", "identity"), "ok", arn);
    let read = finding(&report, "named", "read");
    is(
        &read,
        "fail",
        "secretsmanager:GetSecretValue is not allowed",
    );
    assert_eq!(read["class"], "denied");
    // The right to list is not one that reading needs.
    let knocked = finding(&report, "unnamed", "read");
    is(&knocked, "warn", "which says nothing of entries");
    assert_eq!(knocked["class"], "denied");

    aws.grants.allow(arn, &format!("secretsmanager:{name}"));
    let report = stores(dir.path(), &KEYS, &[], 0).await;
    is(&finding(&report, "named", "read"), "ok", "secret, text");

    // Nobody, and somebody whose key is wrong.
    let wrong = [KEYS[0], ("AWS_SECRET_ACCESS_KEY", "another")];
    for (variables, words) in [
        (&[][..], "there are no credentials"),
        (&wrong[..], "aws does not accept the credentials"),
    ] {
        let report = stores(dir.path(), variables, &["--store", "named"], 1).await;
        let found = finding(&report, "named", "identity");
        is(&found, "fail", words);
        assert_eq!(found["class"], "unauthenticated");
        assert!(
            found["fix"].as_str().unwrap().contains("AWS_PROFILE"),
            "{found:#}"
        );
        assert!(!report.to_string().contains("\"read\""), "{report:#}");
    }

    // Who it is cannot be told, and the store is read all the same.
    let deaf = Server::start(Arc::clone(&aws), 0, None).await.unwrap();
    deaf.faults.play("*", Fault::status(503), None);
    let text = config.replace(
        &format!("stsEndpoint: '{endpoint}'"),
        &format!("stsEndpoint: '{}'", deaf.endpoint()),
    );
    fs::write(dir.path().join("jasm.yaml"), text).unwrap();
    let report = stores(dir.path(), &KEYS, &["--store", "named"], 0).await;
    is(
        &finding(&report, "named", "identity"),
        "warn",
        "cannot be told",
    );
    is(&finding(&report, "named", "read"), "ok", "secret, text");
}

#[tokio::test]
async fn a_directory_that_is_not_there_or_may_not_be_read_is_told() {
    let config = "stores:\n- {name: none, kind: file, root: nowhere}\n- {name: closed, kind: file, root: closed}\n\
                  - {name: odd, kind: file, root: jasm.yaml}\n";
    let dir = folder(&[("jasm.yaml", config)]);
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // Whoever may everything is not kept out.
    let kept_out = fs::read_dir(&closed).is_err();
    let report = stores(dir.path(), &[], &[], 1).await;
    is(
        &finding(&report, "none", "read"),
        "fail",
        "the directory nowhere is not there",
    );
    let (verdict, words) = if kept_out {
        ("fail", "may not be looked at")
    } else {
        ("warn", "the store lets this identity in")
    };
    is(&finding(&report, "closed", "read"), verdict, words);
    is(
        &finding(&report, "odd", "identity"),
        "fail",
        "is no directory",
    );
}

#[tokio::test]
async fn a_call_that_cannot_be_meant_is_refused_before_anything_is_asked() {
    let config = "stores:\n- {name: local, kind: file, root: store}\n- {name: other, kind: file, root: store}\n";
    let dir = folder(&[("jasm.yaml", config)]);
    for (args, words) in [
        (&["--store", "locl"][..], "did you mean \"local\"?"),
        (&["--read", "app/db"], "write STORE:PATH"),
        (&["--read", "local:../x"], "--read local:../x: "),
        (
            &["--store", "other", "--read", "local:a"],
            "which --store leaves out",
        ),
        (&["--as", "web"], "write NAMESPACE/SERVICEACCOUNT"),
        (&["--no-cluster", "--as", "shop/web"], "cannot be used with"),
        (&["--config", "nowhere.yaml"], "--config"),
    ] {
        let said = doctor(dir.path(), &[], args).await.ends(2);
        assert!(said.err.contains(words), "{words}\n{}", said.err);
    }
    fs::write(dir.path().join("jasm.yaml"), "stores: [{name: a}]").unwrap();
    let said = doctor(dir.path(), &[], &["--no-cluster"]).await.ends(2);
    assert!(said.err.contains("jasm.yaml:1:"), "{}", said.err);
    // The configs that are shipped are read, whatever their stores say.
    let shipped = root().join("config/overlays/production/jasm.yaml");
    fs::copy(shipped, dir.path().join("jasm.yaml")).unwrap();
    let config = fs::read_to_string(dir.path().join("jasm.yaml")).unwrap();
    let nowhere = config.replace(
        "identity: controller\n",
        "identity: controller\n    endpoint: http://127.0.0.1:9\n",
    );
    fs::write(dir.path().join("jasm.yaml"), nowhere).unwrap();
    let report = stores(dir.path(), &[], &[], 1).await;
    is(
        &finding(&report, "aws-secretsmanager", "address"),
        "fail",
        "nothing listens",
    );
}
