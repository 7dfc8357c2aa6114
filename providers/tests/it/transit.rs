//! The transit engine of OpenBao.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_providers::vault::{Auth, Connection, Options, Transit};
use jasm_providers::{Error, ErrorKind, SecretBytes};
use serde_json::json;

use crate::openbao::{Bao, ROOT};
use crate::support::{Calls, assert_clean, soon};
use crate::wire::{Reply, Wire};

fn transit(address: &str, namespace: Option<String>) -> (Transit, Calls) {
    // The store's own identity is another one, and is not used.
    let auth = Auth::TokenFile("/nonexistent".into());
    let options = Options {
        namespace,
        ..Options::new(address, auth)
    };
    let calls = Calls::default();
    let connection = Connection::new(&options).unwrap();
    (Transit::new(&connection, calls.observer()), calls)
}

fn token(text: &str) -> SecretBytes {
    SecretBytes::from(text.to_owned())
}

#[tokio::test]
async fn a_token_decrypts_what_its_policy_lets_it() {
    let bao = Bao::new().await;
    let (engine, policy) = (bao.own("team/transit"), bao.own("sops"));
    bao.write(&format!("sys/mounts/{engine}"), &json!({"type": "transit"}))
        .await;
    for key in ["sops", "other"] {
        bao.write(&format!("{engine}/keys/{key}"), &json!({})).await;
    }
    let data_key: Vec<u8> = (0..32).collect();
    let answer = bao
        .write(
            &format!("{engine}/encrypt/sops"),
            &json!({"plaintext": STANDARD.encode(&data_key)}),
        )
        .await;
    let ciphertext = answer["data"]["ciphertext"].as_str().unwrap().to_owned();
    let rules = format!("path \"{engine}/decrypt/sops\" {{ capabilities = [\"update\"] }}");
    bao.write(
        &format!("sys/policies/acl/{policy}"),
        &json!({"policy": rules}),
    )
    .await;
    let made = bao
        .write("auth/token/create", &json!({"policies": [policy]}))
        .await;
    let limited = token(made["auth"]["client_token"].as_str().unwrap());
    let (transit, calls) = transit(&bao.address, None);
    let decrypt = async |engine: &str, key: &str, ciphertext: &str, token: &SecretBytes| {
        let result = transit
            .decrypt(engine, key, ciphertext, token, soon())
            .await;
        result.inspect_err(|error: &Error| assert_clean(error))
    };
    for token in [&limited, &token(ROOT)] {
        let opened = decrypt(&format!("{engine}/"), "sops", &ciphertext, token).await;
        assert!(opened.is_ok_and(|bytes| bytes.expose() == data_key));
    }
    assert_eq!(calls.take(), [("Decrypt", "ok"), ("Decrypt", "ok")]);
    let rotated = format!("{engine}/keys/sops/rotate");
    bao.write(&rotated, &json!({})).await;
    let opened = decrypt(&engine, "sops", &ciphertext, &limited).await;
    assert!(opened.is_ok_and(|bytes| bytes.expose() == data_key));

    let root = token(ROOT);
    let mut broken = ciphertext.clone();
    broken.replace_range(12..16, "AAAA");
    let table = [
        (
            engine.as_str(),
            "other",
            &ciphertext,
            &limited,
            ErrorKind::Denied,
        ),
        (
            &engine,
            "sops",
            &ciphertext,
            &token("s.none"),
            ErrorKind::Denied,
        ),
        (&engine, "other", &ciphertext, &root, ErrorKind::Invalid),
        (&engine, "sops", &broken, &root, ErrorKind::Invalid),
        (&engine, "missing", &ciphertext, &root, ErrorKind::Invalid),
        (
            "nothing-here",
            "sops",
            &ciphertext,
            &root,
            ErrorKind::NotFound,
        ),
    ];
    for (engine, key, ciphertext, token, kind) in table {
        let refused = decrypt(engine, key, ciphertext, token).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{engine} {key}: {refused}");
        assert!(
            refused.message.contains(&format!("{engine}/decrypt/{key}")),
            "{refused}"
        );
    }
    calls.take();
    for (engine, key, ciphertext) in [
        ("../sys", "sops", ciphertext.as_str()),
        (&engine, "a/b", &ciphertext),
        (&engine, "sops", "AAAA"),
    ] {
        let refused = decrypt(engine, key, ciphertext, &root).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
    }
    assert_eq!(calls.take(), []);
}

#[tokio::test]
async fn it_is_asked_in_the_stores_namespace() {
    let bao = Bao::new().await;
    let namespace = bao.own("team");
    bao.write(&format!("sys/namespaces/{namespace}"), &json!({}))
        .await;
    let write = async |path: &str, body: serde_json::Value| {
        bao.call(reqwest::Method::POST, path, Some(&namespace), Some(&body))
            .await
    };
    write("sys/mounts/transit", json!({"type": "transit"})).await;
    write("transit/keys/sops", json!({})).await;
    let answer = write(
        "transit/encrypt/sops",
        json!({"plaintext": STANDARD.encode(b"data key")}),
    )
    .await;
    let ciphertext = answer["data"]["ciphertext"].as_str().unwrap();
    let (inside, _) = transit(&bao.address, Some(namespace.clone()));
    let opened = inside
        .decrypt("transit", "sops", ciphertext, &token(ROOT), soon())
        .await;
    assert!(opened.is_ok_and(|bytes| bytes.expose() == b"data key"));
    let (outside, _) = transit(&bao.address, None);
    let refused = outside
        .decrypt("transit", "sops", ciphertext, &token(ROOT), soon())
        .await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let wire = Wire::new(|request| match request.number {
        0 => Reply::Json(503, json!({"errors": []})),
        1 => Reply::Close,
        _ => Reply::Json(200, json!({"data": {"plaintext": STANDARD.encode(b"k")}})),
    })
    .await;
    let (transit, _) = transit(&wire.endpoint, None);
    let opened = transit
        .decrypt("transit", "sops", "vault:v1:AAAA", &token(ROOT), soon())
        .await;
    assert!(opened.is_ok_and(|bytes| bytes.expose() == b"k"));
    let last = wire.requests().pop().unwrap();
    assert_eq!(last.line, "POST /v1/transit/decrypt/sops");
    assert_eq!(last.headers["x-vault-token"], ROOT);
}
