//! `jasm policy`: answers held against what the controller really does.

use crate::support::aws::{create_secret, ssm};
use crate::support::call::{folder, jasm, unusable};
use crate::support::pods::template;
use crate::support::recorder::{Recorder, is_of};
use crate::support::world::World;
use crate::support::{eventually, moto};

const CONFIG: &str = "namespaces: [\"shop\", \"team-*\"]
stores:
- name: aws-secretsmanager
  kind: aws-secretsmanager
  region: eu-west-1
  identity: controller
  allow:
  - namespaces: [\"shop\"]
    paths: [\"/shared/smtp\"]
  - namespaces: [\"*\"]
    paths: [\"/{namespace}/**\", \"/common/*\"]
";

#[test]
fn one_question_is_answered_with_the_rule() {
    let dir = folder(&[("jasm.yaml", CONFIG)]);
    let ask = |namespace: &str, path: &str| {
        let args = [
            "policy",
            "test",
            "--config",
            "jasm.yaml",
            "-n",
            namespace,
            "aws",
            path,
        ];
        jasm(dir.path(), &args, b"")
    };
    let said = ask("shop", "/shop/db").ends(0).out;
    assert_eq!(
        said,
        "allowed: rule 2 of the store \"aws-secretsmanager\", \
         {namespaces: [\"*\"], paths: [\"/{namespace}/**\", \"/common/*\"]} (jasm.yaml:10)\n"
    );
    let table = [
        ("shop", "/shared/smtp", 0, "rule 1 of"),
        ("shop", "/shop/**", 0, "allowed: rule 2"),
        ("shop", "/common/**", 1, "partly: only in part"),
        (
            "shop",
            "/other/db",
            1,
            "denied: the store \"aws-secretsmanager\" does not let the namespace shop read /other/db; a rule",
        ),
        ("team-a", "/shared/smtp", 1, "denied: "),
        (
            "other",
            "/other/db",
            1,
            "denied: JASM does not serve the namespace other",
        ),
        ("shop", "/shop//db", 1, "must not contain //"),
    ];
    for (namespace, path, code, word) in table {
        let said = ask(namespace, path).ends(code).out;
        assert!(said.contains(word), "{said}");
    }
    let args = [
        "policy",
        "test",
        "--config",
        "jasm.yaml",
        "-n",
        "shop",
        "aws",
    ];
    jasm(dir.path(), &args, b"").ends(2);
    let args = [
        "policy",
        "test",
        "--config",
        "jasm.yaml",
        "-n",
        "shop",
        "awz",
        "/a",
    ];
    let said = jasm(dir.path(), &args, b"").ends(1).out;
    assert!(said.contains("unknown store: \"awz\""), "{said}");
}

#[test]
fn a_table_is_held_against_its_expectations() {
    let good = "- {namespace: shop, store: aws, path: /shop/db, expect: allow}\r\n\
                - {namespace: team-a, store: aws, path: /shop/**, expect: deny}\r\n\
                - {namespace: shop, store: aws, path: /common/x}\r\n";
    let bad = "- {namespace: shop, store: aws, path: /other, expect: allow}\n\
               - {namespace: shop, store: aws, path: /shop/**, expect: deny}\n\
               - {namespace: shop, store: aws, path: /common/**, expect: deny}\n";
    let dir = folder(&[("jasm.yaml", CONFIG), ("good", good), ("bad", bad)]);
    let ask = |table: &str, stdin: &[u8]| {
        let args = ["policy", "test", "--config", "jasm.yaml", table];
        jasm(dir.path(), &args, stdin)
    };
    let said = ask("good", b"").ends(0).out;
    assert!(said.contains("2 of 2 expectations met"), "{said}");
    let said = ask("-", bad.as_bytes()).ends(1).out;
    assert_eq!(said.matches("FAIL").count(), 3, "{said}");
    assert!(
        said.contains("FAIL line 2: shop aws:/shop/** allowed, expected is deny: rule 2"),
        "{said}"
    );
    let args = [
        "policy",
        "test",
        "--config",
        "jasm.yaml",
        "--format",
        "json",
        "bad",
    ];
    let report = jasm(dir.path(), &args, b"").ends(1).json();
    assert_eq!(report[1]["rule"]["line"], 10);
    assert_eq!(report[2]["answer"], "partly");
    let said = ask(
        "-",
        b"- {namespace: shop, store: aws, path: /a, expct: deny}",
    )
    .ends(2)
    .err;
    assert!(
        said.contains("did you mean \"expect\"?") && said.contains("^^^^^"),
        "{said}"
    );
    for (name, word) in unusable(dir.path()) {
        let said = ask(&name, b"").ends(2).err;
        assert!(said.contains(word), "{said}");
    }
}

/// The printed policy allows every call of a real run, and nothing in it is unused.
#[tokio::test]
async fn the_printed_rights_are_those_that_a_run_uses() {
    let world = World::new("iam").await;
    let recorder = Recorder::start().await;
    let config = std::fs::read_to_string(world.config_file()).unwrap();
    std::fs::write(
        world.config_file(),
        config.replace(moto::endpoint(), &recorder.endpoint),
    )
    .unwrap();
    let namespace = &world.namespace;
    let mut syncs = String::new();
    for name in ["a", "b", "c", "d", "e"] {
        create_secret(
            &format!("{namespace}/{name}"),
            &format!(r#"{{"{name}":"1"}}"#),
        )
        .await;
        syncs.push_str(&format!(
            "- {{provider: aws, path: {namespace}/{name}, secretName: shop}}\n"
        ));
    }
    for name in ["x", "y", "z"] {
        create_secret(&format!("/{namespace}/list/{name}"), "1").await;
        put_parameter(&format!("/{namespace}/config/{name}")).await;
    }
    put_parameter(&format!("/{namespace}/single")).await;
    syncs.push_str(&format!(
        "- {{provider: aws, path: {namespace}/a, version: AWSCURRENT, key: whole, secretName: shop}}\n\
         - {{provider: aws, path: /{namespace}/list/**, secretName: shop}}\n"
    ));
    let configs = format!(
        "- {{provider: parameters, path: /{namespace}/config/**, configMapName: shop}}\n\
         - {{provider: parameters, path: /{namespace}/single, configMapName: shop}}\n"
    );
    let deployment = template(&[("secret-sync", &syncs), ("config-sync", &configs)])
        .env_from("shop")
        .deployment("shop", 1);
    std::fs::write(world.dir.path().join("shop.json"), deployment.to_string()).unwrap();
    let jasm_runs = world.jasm().await;
    world.create(deployment).await;
    eventually("both objects are there", || async {
        let config_map = world.config_maps().get_opt("shop").await.unwrap();
        (world.data("shop").await?.len() == 9 && config_map?.data?.len() == 4).then_some(())
    })
    .await;
    drop(jasm_runs);

    let call = [
        "policy",
        "iam",
        "-f",
        "shop.json",
        "--config",
        "jasm.yaml",
        "-n",
        namespace,
    ];
    let printed = jasm(world.dir.path(), &call, b"").ends(0);
    assert!(printed.err.contains("kms:Decrypt"), "{}", printed.err);
    let policy = printed.json();
    let mut granted = Vec::new();
    for statement in policy["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in statement["Action"].as_array().unwrap() {
            for resource in statement["Resource"].as_array().unwrap() {
                granted.push((action.as_str().unwrap(), resource.as_str().unwrap()));
            }
        }
    }
    let used = recorder.pairs();
    for (action, resource) in &used {
        assert!(
            granted
                .iter()
                .any(|(granted, pattern)| granted == action && is_of(pattern, resource)),
            "{action} on {resource} is not granted by {policy:#}"
        );
    }
    for (action, pattern) in granted {
        assert!(
            used.iter()
                .any(|(used, resource)| used == action && is_of(pattern, resource)),
            "{action} on {pattern} is granted and not used: {used:#?}"
        );
    }
}

async fn put_parameter(name: &str) {
    ssm()
        .put_parameter()
        .name(name)
        .value("1")
        .r#type(aws_sdk_ssm::types::ParameterType::String)
        .send()
        .await
        .unwrap();
}

#[test]
fn what_the_config_refuses_is_left_out_and_told() {
    let manifest = "apiVersion: v1
kind: Pod
metadata:
  name: shop
  namespace: shop
  annotations:
    jasm.codnod.io/secret.a: |
      aws:/shop/db -> DB
      aws:/other/db -> OTHER
";
    let dir = folder(&[("jasm.yaml", CONFIG), ("pod.yaml", manifest)]);
    let call = ["policy", "iam", "-f", "pod.yaml", "--config", "jasm.yaml"];
    let said = jasm(dir.path(), &call, b"").ends(1);
    assert!(
        said.err.contains("pod.yaml:9:11") && said.err.contains("/other/db"),
        "{}",
        said.err
    );
    assert!(said.err.contains("names no account"), "{}", said.err);
    let policy = said.json();
    assert_eq!(
        policy["Statement"][0]["Resource"],
        serde_json::json!(["arn:aws:secretsmanager:eu-west-1:*:secret:/shop/db-??????"])
    );
    let mut other = call.to_vec();
    other.extend(["--store", "awz"]);
    jasm(dir.path(), &other, b"").ends(2);
}
