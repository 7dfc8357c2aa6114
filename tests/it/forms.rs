//! Every form of annotation, through real pods, from every kind of store.

use std::collections::BTreeMap;

use crate::support::pods::template;
use crate::support::world::World;
use crate::support::{aws, moto};

#[tokio::test]
async fn the_original_annotation_means_what_it_meant() {
    let world = World::new("original").await;
    let path = format!("{}/database", world.namespace);
    aws::create_secret(
        &path,
        r#"{"username":"app","password":"p","id":12345678901234567890}"#,
    )
    .await;
    let _jasm = world.jasm().await;
    let text = format!(
        "provider: aws-secretsmanager\npath: {path}\nsecretName: database\nkeys:\n  DB_USER: username\n  ID: id\n"
    );
    world
        .create(
            template(&[("secret-sync", &text)])
                .env("database", "DB_USER")
                .pod("shop"),
        )
        .await;
    world.pod_runs("shop").await;
    world
        .expect(
            "database",
            &[("DB_USER", "app"), ("ID", "12345678901234567890")],
        )
        .await;
}

#[tokio::test]
async fn arns_versions_stages_and_binary_payloads() {
    let world = World::new("versions").await;
    let path = format!("{}/key", world.namespace);
    let client = aws::secrets_manager();
    let bytes = vec![0_u8, 159, 146, 150, 255];
    let blob = aws_sdk_secretsmanager::primitives::Blob::new(bytes.clone());
    let created = client
        .create_secret()
        .name(&path)
        .secret_binary(blob)
        .send()
        .await
        .unwrap();
    let first = created.version_id().unwrap().to_owned();
    aws::put_secret(&path, "second").await;
    let arn = created.arn().unwrap();
    let _jasm = world.jasm().await;
    let text = format!(
        "- {{provider: aws, path: '{arn}', secretName: keys, key: now}}\n\
         - {{provider: aws, path: {path}, secretName: keys, key: first, version: {first}}}\n\
         - {{provider: aws, path: {path}, secretName: keys, key: previous, version: AWSPREVIOUS}}\n"
    );
    world
        .create(
            template(&[("secret-sync", &text)])
                .env_from("keys")
                .pod("shop"),
        )
        .await;
    world.pod_runs("shop").await;
    let data = world.secrets().get("keys").await.unwrap().data.unwrap();
    assert_eq!(data["now"].0, b"second");
    assert_eq!(data["first"].0, bytes);
    assert_eq!(data["previous"].0, bytes);
}

#[tokio::test]
async fn parameters_by_name_and_by_path() {
    let world = World::new("parameters").await;
    let ssm = aws::ssm();
    let put = |name: String, value: &'static str, secure: bool| {
        let kind = if secure {
            aws_sdk_ssm::types::ParameterType::SecureString
        } else {
            aws_sdk_ssm::types::ParameterType::String
        };
        ssm.put_parameter()
            .name(name)
            .value(value)
            .r#type(kind)
            .overwrite(true)
            .send()
    };
    let base = format!("/{}/shop", world.namespace);
    put(format!("{base}/db/host"), "db.internal", false)
        .await
        .unwrap();
    put(format!("{base}/db/port"), "5432", false).await.unwrap();
    put(format!("{base}/motd"), "grüße = \\o/", false)
        .await
        .unwrap();
    put(format!("/{}/password", world.namespace), "one", true)
        .await
        .unwrap();
    put(format!("/{}/password", world.namespace), "two", true)
        .await
        .unwrap();
    let jasm = world.jasm().await;
    let config = format!(
        "provider: parameters\npath: {base}/**\nconfigMapName: shop\nfile: application.properties\n"
    );
    let secret = format!(
        "parameters:/{0}/password -> current\nparameters:/{0}/password?version=1 -> first\n",
        world.namespace
    );
    let template = template(&[("config-sync", &config), ("secret.db", &secret)])
        .env_from("db")
        .config_volume("shop");
    world.create(template.deployment("shop", 1)).await;
    world.running("shop", 1).await;
    world
        .expect("db", &[("current", "two"), ("first", "one")])
        .await;
    let file =
        &world.config_maps().get("shop").await.unwrap().data.unwrap()["application.properties"];
    assert_eq!(
        file,
        "db.host=db.internal\ndb.port=5432\nmotd=gr\\u00FC\\u00DFe \\= \\\\o/\n"
    );
    assert!(
        jasm.metric("jasm_provider_calls_total", &["GetParametersByPath"])
            .await
            >= 1.0
    );
}

#[tokio::test]
async fn a_secure_parameter_does_not_go_into_a_config_map() {
    let world = World::new("secure").await;
    let name = format!("/{}/password", world.namespace);
    let secure = aws_sdk_ssm::types::ParameterType::SecureString;
    aws::ssm()
        .put_parameter()
        .name(&name)
        .value("x")
        .r#type(secure)
        .send()
        .await
        .unwrap();
    let _jasm = world.jasm().await;
    let text = format!("parameters:{name}");
    world
        .create(
            template(&[("config.shop", &text)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    let note = world.event("AccessDenied", "shop").await;
    assert!(
        note.contains("\"password\"") && note.contains("configs: true"),
        "{note}"
    );
    assert!(world.config_maps().get_opt("shop").await.unwrap().is_none());
}

#[tokio::test]
async fn many_entries_of_one_store_travel_in_batches() {
    let world = World::new("batches").await;
    let mut lines = String::new();
    for number in 0..30 {
        let path = format!("{}/e{number}", world.namespace);
        aws::create_secret(&path, &format!("v{number}")).await;
        lines.push_str(&format!("aws:{path}\n"));
    }
    let jasm = world.jasm().await;
    world
        .create(
            template(&[("secret.all", &lines)])
                .env_from("all")
                .pod("shop"),
        )
        .await;
    world.pod_runs("shop").await;
    let data = world.data("all").await.unwrap();
    assert_eq!(data.len(), 30);
    assert_eq!(data["e17"], "v17");
    let calls = jasm.calls().await;
    assert!(calls <= 3.0, "{calls} calls for 30 entries");
}

#[tokio::test]
async fn the_environment_annotation_makes_a_secret_and_a_config_map() {
    let world = World::new("environment").await;
    world.put("db", r#"{"password":"p","port":5432}"#);
    world.put("token", "t0k3n\n");
    let _jasm = world.jasm().await;
    let text = format!(
        "LOG_LEVEL: debug\nRATIO: 1.10\nDB_PASSWORD: {{secret: {0}/db, provider: local, key: password}}\n\
         TOKEN: {{secret: {0}/token, provider: local}}\n",
        world.namespace
    );
    let mut pod = template(&[("environment", &text)])
        .env("shop-secrets", "TOKEN")
        .config_volume("shop-env")
        .pod("pod");
    pod["metadata"]["labels"] = serde_json::json!({"app.kubernetes.io/name": "shop"});
    world.create(pod).await;
    world.pod_runs("pod").await;
    world
        .expect(
            "shop-secrets",
            &[("DB_PASSWORD", "p"), ("TOKEN", "t0k3n\n")],
        )
        .await;
    let data = world
        .config_maps()
        .get("shop-env")
        .await
        .unwrap()
        .data
        .unwrap();
    let expected = [("LOG_LEVEL", "debug"), ("RATIO", "1.10")];
    let expected: BTreeMap<_, _> = expected
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(data, expected);
}

#[tokio::test]
async fn typed_secrets_prefixes_pointers_and_optional_entries() {
    let world = World::new("typed").await;
    world.put("tls", r#"{"tls.crt":"CERT","tls.key":"KEY"}"#);
    world.put("registry", r#"{"auths":{"r":{"auth":"eDp5"}}}"#);
    world.put(
        "deep",
        r#"{"a/b":{"list":[10,{"x":true}]},"first name":"n"}"#,
    );
    let _jasm = world.jasm().await;
    let text = format!(
        "- {{provider: local, path: {0}/tls, secretName: tls, type: tls}}\n\
         - {{provider: local, path: {0}/registry, secretName: pull, type: dockerconfigjson}}\n\
         - {{provider: local, path: {0}/deep, secretName: deep, keys: {{x: /a~1b/list/1/x, list: /a~1b/list}}}}\n\
         - {{provider: local, path: {0}/deep, secretName: named, names: env, prefix: APP_}}\n\
         - {{provider: local, path: {0}/nowhere, secretName: named, optional: true}}\n",
        world.namespace
    );
    let template = template(&[("secret-sync", &text)])
        .secret_volume("tls")
        .secret_volume("pull")
        .env_from("named");
    world.create(template.env_from("deep").pod("shop")).await;
    world.pod_runs("shop").await;
    assert_eq!(
        world.secrets().get("tls").await.unwrap().type_.unwrap(),
        "kubernetes.io/tls"
    );
    let pull = world.secrets().get("pull").await.unwrap();
    assert_eq!(pull.type_.unwrap(), "kubernetes.io/dockerconfigjson");
    assert_eq!(
        pull.data.unwrap()[".dockerconfigjson"].0,
        br#"{"auths":{"r":{"auth":"eDp5"}}}"#
    );
    world
        .expect("deep", &[("x", "true"), ("list", r#"[10,{"x":true}]"#)])
        .await;
    world
        .expect(
            "named",
            &[
                ("APP_A_B", r#"{"list":[10,{"x":true}]}"#),
                ("APP_FIRST_NAME", "n"),
            ],
        )
        .await;
}

#[tokio::test]
async fn an_arn_of_another_account_is_refused_without_a_call() {
    let world = World::new("account").await;
    let jasm = world.jasm().await;
    let text = format!(
        "provider: aws\npath: arn:aws:secretsmanager:{}:999999999999:secret:{}/db-AbCdEf\nsecretName: db\n",
        moto::REGION,
        world.namespace
    );
    world
        .create(
            template(&[("secret-sync", &text)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    let note = world.event("AnnotationInvalid", "shop").await;
    assert!(note.contains("account"), "{note}");
    assert_eq!(jasm.calls().await, 0.0);
}
