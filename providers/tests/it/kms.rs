//! KMS as moto plays it, behind the gate that checks signatures; and a server that answers as told.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_fakes::Server;
use jasm_fakes::aws::{Aws, Role};
use jasm_providers::aws::{KeyArn, Kms};
use jasm_providers::{Error, ErrorKind, Identity, Principal, SecretBytes, aws};
use serde_json::{Value, json};

use crate::moto::Cloud;
use crate::support::{Calls, MARKER, assert_clean, connect, options, soon};
use crate::wire::{Reply, Wire};
use crate::workload::{ISSUER, cluster};

const ROLE: &str = "arn:aws:iam::123456789012:role/shop-writer";
const SESSION: &str = "arn:aws:sts::123456789012:assumed-role/shop-writer/jasm-shop";
const PROGRAM: &str = "arn:aws:iam::123456789012:user/jasm";
const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A call of somebody else's to moto.
async fn ask(cloud: &Cloud, operation: &str, body: Value) -> Value {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let scope = format!("20261122/{}/kms/aws4_request", cloud.region);
    let request = client
        .post(&cloud.endpoint)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("TrentService.{operation}"))
        .header(
            "authorization",
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIASEED/{scope}, SignedHeaders=host, Signature=0"
            ),
        )
        .body(body.to_string());
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{operation}");
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

fn context(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

async fn encrypted(
    cloud: &Cloud,
    key: &str,
    plaintext: &[u8],
    context: &BTreeMap<String, String>,
) -> Vec<u8> {
    let body = json!({"KeyId": key, "Plaintext": STANDARD.encode(plaintext), "EncryptionContext": context});
    let answer = ask(cloud, "Encrypt", body).await;
    STANDARD
        .decode(answer["CiphertextBlob"].as_str().unwrap())
        .unwrap()
}

async fn opened(
    kms: &Kms,
    key: &str,
    ciphertext: &[u8],
    context: &BTreeMap<String, String>,
) -> Result<SecretBytes, Error> {
    let key = KeyArn::parse(key).unwrap();
    let result = kms.decrypt(&key, ciphertext, context, soon()).await;
    result.inspect_err(assert_clean)
}

fn is_key(bytes: &Result<SecretBytes, Error>, expected: &[u8]) -> bool {
    bytes.as_ref().is_ok_and(|bytes| bytes.expose() == expected)
}

#[tokio::test]
async fn a_key_decrypts_for_who_may_use_it() {
    let cloud = Cloud::new().await;
    let (trust, _) = cluster();
    let aws = Aws::new(trust, Some(&cloud.endpoint)).unwrap();
    aws.add_role(Role::new(ROLE, ISSUER).trusts_principal(PROGRAM));
    let server = Server::start(Arc::clone(&aws), 0, None).await.unwrap();
    let options = aws::Options {
        sts_endpoint: Some(server.endpoint()),
        kms_endpoint: Some(server.endpoint()),
        ..options("http://127.0.0.1:9", &cloud.region)
    };
    aws.add_key("AKIAIOSFODNN7EXAMPLE", &format!("key-{MARKER}"), PROGRAM);
    let connection = connect(&options).await;
    let made = ask(&cloud, "CreateKey", json!({})).await;
    let key = made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let other = ask(&cloud, "CreateKey", json!({})).await;
    let other = other["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    let alias = key.rsplit_once(":key/").unwrap().0.to_owned() + ":alias/sops";
    ask(
        &cloud,
        "CreateAlias",
        json!({"AliasName": "alias/sops", "TargetKeyId": key}),
    )
    .await;
    let data_key: Vec<u8> = (0..32).collect();
    let with = context(&[("app", "shop"), ("env", "prod")]);
    let none = BTreeMap::new();
    let plain = encrypted(&cloud, &key, &data_key, &none).await;
    let bound = encrypted(&cloud, &key, &data_key, &with).await;

    // As the program itself, with rights and without.
    let calls = Calls::default();
    let own = Kms::new(&connection, calls.observer()).unwrap();
    let refused = opened(&own, &key, &plain, &none).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied);
    assert!(
        refused
            .message
            .contains(&format!("kms:Decrypt is not allowed for {key}")),
        "{refused}"
    );
    aws.grants.allow(PROGRAM, "kms:*");
    assert!(is_key(&opened(&own, &key, &plain, &none).await, &data_key));
    assert!(is_key(&opened(&own, &key, &bound, &with).await, &data_key));
    assert!(is_key(
        &opened(&own, &alias, &plain, &none).await,
        &data_key
    ));
    assert_eq!(calls.take().first(), Some(&("Decrypt", "denied")));

    // As a role, which is taken on once.
    let role = Principal::AwsRole {
        arn: ROLE.to_owned(),
        session: "jasm-shop".to_owned(),
    };
    let assumed = connection.of(Identity::Assumed(role)).unwrap();
    let shop = Kms::new(&assumed, Calls::default().observer()).unwrap();
    let refused = opened(&shop, &key, &plain, &none).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Denied, "{refused}");
    let id = key.rsplit_once(':').unwrap().1;
    aws.grants.allow(SESSION, &format!("kms:{id}"));
    assert!(is_key(&opened(&shop, &key, &plain, &none).await, &data_key));
    aws.revoke_sessions();
    assert!(is_key(&opened(&shop, &key, &plain, &none).await, &data_key));

    // Another context, another key, something else, a key that is not there.
    let mut broken = plain.clone();
    *broken.last_mut().unwrap() ^= 1;
    let missing = key.replace(id, "key/00000000-0000-4000-8000-000000000000");
    let table = [
        (&key, &bound, &none, ErrorKind::Invalid),
        (&key, &plain, &with, ErrorKind::Invalid),
        (&key, &broken, &none, ErrorKind::Invalid),
        // moto's word for it; that of AWS is IncorrectKeyException.
        (&other, &plain, &none, ErrorKind::Denied),
        (&missing, &plain, &none, ErrorKind::NotFound),
    ];
    for (key, ciphertext, context, kind) in table {
        let refused = opened(&own, key, ciphertext, context).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{refused}");
        assert!(refused.message.contains(key.as_str()), "{refused}");
    }

    // What is refused without a call.
    let before = server.record.all().len();
    let elsewhere = opened(&own, KEY, &plain, &none).await.unwrap_err();
    assert_eq!(elsewhere.kind, ErrorKind::Denied, "{elsewhere}");
    for ciphertext in [&[][..], &[0; 6145]] {
        let refused = opened(&own, &key, ciphertext, &none).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Invalid, "{refused}");
    }
    assert_eq!(server.record.all().len(), before);
}

/// What comes of an answer, and how often was asked.
async fn told(
    reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> (Result<usize, Error>, usize) {
    let wire = Wire::new(move |request| reply(request.number)).await;
    let connection = connect(&aws::Options {
        kms_endpoint: Some(wire.endpoint.clone()),
        ..options("http://127.0.0.1:9", "eu-west-1")
    })
    .await;
    let kms = Kms::new(&connection, Calls::default().observer()).unwrap();
    let result = opened(&kms, KEY, b"x", &BTreeMap::new()).await;
    (result.map(|bytes| bytes.len()), wire.requests().len())
}

fn good() -> Reply {
    Reply::Json(
        200,
        json!({"KeyId": KEY, "Plaintext": STANDARD.encode([7; 32])}),
    )
}

#[tokio::test]
async fn what_passes_is_tried_again_and_nothing_else() {
    let passes = [
        "ThrottlingException",
        "KMSInternalException",
        "KeyUnavailableException",
    ];
    for code in passes {
        let (result, asked) = told(move |number| match number {
            0 => Reply::error(code, "no"),
            _ => good(),
        })
        .await;
        assert_eq!((result, asked), (Ok(32), 2), "{code}");
    }
    let (result, asked) = told(|number| if number == 0 { Reply::Close } else { good() }).await;
    assert_eq!(result, Ok(32));
    assert!(asked >= 2);
    let stays = [
        ("InvalidCiphertextException", ErrorKind::Invalid),
        ("IncorrectKeyException", ErrorKind::Invalid),
        ("NotFoundException", ErrorKind::NotFound),
        ("DisabledException", ErrorKind::Denied),
        ("KMSInvalidStateException", ErrorKind::Denied),
        ("AccessDeniedException", ErrorKind::Denied),
        ("com.amazonaws.kms#AccessDeniedException", ErrorKind::Denied),
        ("ValidationException", ErrorKind::Invalid),
    ];
    for (code, kind) in stays {
        let (result, asked) = told(move |_| Reply::error(code, "no")).await;
        let error = result.unwrap_err();
        assert_eq!((error.kind, asked), (kind, 1), "{code}: {error}");
    }
    // New credentials are asked for once.
    let (result, asked) = told(|_| Reply::error("ExpiredTokenException", "no")).await;
    assert_eq!(result.unwrap_err().kind, ErrorKind::Unauthenticated);
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn what_is_no_answer_of_kms_is_none() {
    let other = KEY.replace("1234abcd-", "99999999-");
    let table = [
        (json!({"KeyId": other, "Plaintext": "AAAA"}), "another key"),
        (json!({"KeyId": KEY, "Plaintext": "no base64"}), "no base64"),
        (json!({"KeyId": KEY}), "no plaintext"),
        (json!({"error": MARKER}), "something else"),
    ];
    for (body, why) in table {
        let (result, asked) = told(move |_| Reply::Json(200, body.clone())).await;
        assert_eq!(result.unwrap_err().kind, ErrorKind::Integrity, "{why}");
        assert_eq!(asked, 1, "{why}");
    }
    let page = |status: u16, headers: &'static str| {
        told(move |_| Reply::Raw(status, headers, MARKER.as_bytes().to_vec()))
    };
    let redirect = page(302, "Location: http://evil.test/\r\n").await;
    assert_eq!(redirect.0.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(redirect.1, 1);
    assert_eq!(page(403, "").await.0.unwrap_err().kind, ErrorKind::Denied);
    let flood = told(|_| Reply::Raw(200, "", vec![b'x'; 100_000])).await;
    assert_eq!(flood.0.unwrap_err().kind, ErrorKind::TooLarge);
}
