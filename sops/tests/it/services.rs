//! Key services: the data key is asked of whoever the file names, as the file names him.
//!
//! The real sops encrypts with moto's AWS KMS and OpenBao's transit engine, and those decrypt again.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_sops::{Error, Format, KeyError, KeyService, Keys, Recipient};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::support::{both, decrypt_with, recipient, text};

const PLAIN: &[u8] = b"a: secret\n";

/// Ends the server when the pipe from this process closes, however this process ends.
const UNTIL_STDIN_CLOSES: &str =
    "\"$@\" >/dev/null 2>&1 </dev/null & server=$!\ncat >/dev/null\nkill \"$server\"";
/// A cold start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server on a port of its own.
struct Server {
    port: u16,
    // Its standard input is what keeps the server alive.
    _keeper: Child,
}

impl Server {
    fn start(
        variable: &str,
        script: &str,
        arguments: &dyn Fn(u16) -> Vec<String>,
        probe: &str,
    ) -> Self {
        let program = program(variable, script);
        // Somebody else may take the port between its being found and its being used.
        for _ in 0..3 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let mut keeper = Command::new("sh")
                .args(["-c", UNTIL_STDIN_CLOSES, "sh"])
                .arg(&program)
                .args(arguments(port))
                .env("HOME", std::env::temp_dir())
                .stdin(Stdio::piped())
                .spawn()
                .unwrap();
            let began = Instant::now();
            while began.elapsed() < PATIENCE {
                if call(port, "GET", probe, &[], "").is_some() {
                    return Self {
                        port,
                        _keeper: keeper,
                    };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
        panic!("{} cannot be started", program.display());
    }
}

/// What the variable says, else what the installing script prints.
fn program(variable: &str, script: &str) -> PathBuf {
    if let Some(program) = std::env::var_os(variable) {
        return program.into();
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/tools")
        .join(script);
    let output = Command::new(&script).stderr(Stdio::inherit()).output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{} cannot be started ({error}); or set {variable}",
            script.display()
        )
    });
    assert!(
        output.status.success(),
        "{} failed; or set {variable}",
        script.display()
    );
    text(&output.stdout).trim_end().into()
}

/// One request; the body of a good answer.
fn call(port: u16, method: &str, path: &str, headers: &[&str], body: &str) -> Option<Value> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let mut request = format!(
        "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n",
        body.len()
    );
    for header in headers {
        request.push_str(&format!("{header}\r\n"));
    }
    stream
        .write_all(format!("{request}\r\n{body}").as_bytes())
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?;
    status
        .starts_with('2')
        .then(|| serde_json::from_str(body).unwrap_or(Value::Null))
}

fn kms(port: u16, operation: &str, body: &Value) -> Option<Value> {
    let headers = [
        &format!("X-Amz-Target: TrentService.{operation}"),
        "Content-Type: application/x-amz-json-1.1",
        "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0",
    ];
    call(port, "POST", "/", &headers, &body.to_string())
}

fn bao(port: u16, path: &str, body: &Value) -> Option<Value> {
    call(
        port,
        "POST",
        &format!("/v1/{path}"),
        &["X-Vault-Token: root"],
        &body.to_string(),
    )
}

/// Asks both, and keeps what it was asked.
struct Real {
    moto: u16,
    bao: u16,
    asked: Mutex<Vec<Recipient>>,
}

#[async_trait]
impl KeyService for Real {
    async fn decrypt(&self, recipient: &Recipient) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.asked.lock().unwrap().push(recipient.clone());
        let answer = match recipient {
            Recipient::AwsKms {
                arn, context, enc, ..
            } => kms(
                self.moto,
                "Decrypt",
                &json!({"KeyId": arn, "CiphertextBlob": enc, "EncryptionContext": context}),
            )
            .map(|answer| answer["Plaintext"].clone()),
            Recipient::VaultTransit {
                engine_path,
                key_name,
                enc,
                ..
            } => bao(
                self.bao,
                &format!("{engine_path}/decrypt/{key_name}"),
                &json!({"ciphertext": enc}),
            )
            .map(|answer| answer["data"]["plaintext"].clone()),
            other => panic!("{other} is asked"),
        };
        let plain = answer.and_then(|answer| STANDARD.decode(answer.as_str()?).ok());
        plain.map(Zeroizing::new).ok_or_else(|| KeyError {
            message: "it said no".to_owned(),
            transient: false,
        })
    }
}

#[test]
fn keys_of_aws_and_of_transit_decrypt() {
    let moto = Server::start(
        "JASM_TEST_MOTO",
        "moto.sh",
        &|port| {
            vec![
                "-H".into(),
                "127.0.0.1".into(),
                "-p".into(),
                port.to_string(),
            ]
        },
        "/moto-api/",
    );
    let openbao = Server::start(
        "JASM_TEST_OPENBAO",
        "openbao.sh",
        &|port| {
            vec![
                "server".into(),
                "-dev".into(),
                "-dev-root-token-id=root".into(),
                "-dev-no-store-token".into(),
                format!("-dev-listen-address=127.0.0.1:{port}"),
            ]
        },
        "/v1/sys/health",
    );
    let created =
        kms(moto.port, "CreateKey", &json!({})).unwrap_or_else(|| panic!("moto makes no key"));
    let arn = created["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    bao(
        openbao.port,
        "sys/mounts/team/transit",
        &json!({"type": "transit"}),
    );
    bao(openbao.port, "team/transit/keys/app", &json!({}));
    let transit = format!("http://127.0.0.1:{}/v1/team/transit/keys/app", openbao.port);
    let service = Real {
        moto: moto.port,
        bao: openbao.port,
        asked: Mutex::default(),
    };
    for sops in both() {
        let sops = sops
            .with(
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", moto.port),
            )
            .with("AWS_ACCESS_KEY_ID", "AKIA")
            .with("AWS_SECRET_ACCESS_KEY", "secret")
            .with("AWS_EC2_METADATA_DISABLED", "true")
            .with("VAULT_TOKEN", "root")
            .with("VAULT_ADDR", format!("http://127.0.0.1:{}", openbao.port));
        let ask = |arguments: &[&str]| {
            let encrypted = sops
                .try_encrypt(arguments, "a.yaml", PLAIN)
                .unwrap_or_else(|error| panic!("{error}"));
            let plain = decrypt_with(&encrypted, Format::Yaml, &Keys::default(), &service);
            assert_eq!(
                text(&plain.unwrap_or_else(|error| panic!("{error}"))),
                text(PLAIN)
            );
            let asked = std::mem::take(&mut *service.asked.lock().unwrap());
            assert_eq!(asked.len(), 1);
            asked.into_iter().next()
        };
        let Some(Recipient::AwsKms {
            arn: asked,
            role,
            context,
            ..
        }) = ask(&["--kms", &arn, "--encryption-context", "app:shop,stage:test"])
        else {
            panic!("another is asked");
        };
        let expected = [("app", "shop"), ("stage", "test")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(
            (asked, role, context),
            (arn.clone(), None, BTreeMap::from(expected))
        );
        let Some(Recipient::VaultTransit {
            address,
            engine_path,
            key_name,
            enc,
        }) = ask(&["--hc-vault-transit", &transit])
        else {
            panic!("another is asked");
        };
        assert_eq!(address, format!("http://127.0.0.1:{}", openbao.port));
        assert_eq!(
            (engine_path.as_str(), key_name.as_str()),
            ("team/transit", "app")
        );
        assert!(enc.starts_with("vault:v1:"), "{enc}");
        // An identity that is there is used, and nobody is asked.
        let encrypted = sops
            .try_encrypt(
                &[
                    "--age",
                    recipient(),
                    "--kms",
                    &arn,
                    "--hc-vault-transit",
                    &transit,
                ],
                "a.env",
                b"A=b\n",
            )
            .unwrap();
        let plain = decrypt_with(
            &encrypted,
            Format::Dotenv,
            &crate::support::keys(),
            &service,
        )
        .unwrap();
        assert_eq!(text(&plain), "A=b\n");
        assert!(service.asked.lock().unwrap().is_empty());
        // Without it, the others are asked one after the other until one can.
        let plain = decrypt_with(&encrypted, Format::Dotenv, &Keys::default(), &service).unwrap();
        assert_eq!(text(&plain), "A=b\n");
        assert_eq!(std::mem::take(&mut *service.asked.lock().unwrap()).len(), 1);
    }
}

/// Keeps what it was asked, and gives the data key, or says what it says.
struct Fake {
    key: Result<Vec<u8>, KeyError>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl KeyService for Fake {
    async fn decrypt(&self, recipient: &Recipient) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        self.asked.lock().unwrap().push(recipient.to_string());
        self.key.clone().map(Zeroizing::new)
    }
}

const ALL: &str = r#"{"a": "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]", "sops": {
  "lastmodified": "2026-01-01T00:00:00Z", "mac": "ENC[AES256_GCM,data:eA==,iv:eA==,tag:eA==,type:str]",
  "kms": [{"arn": "arn:aws:kms:eu-west-1:1:key/k", "role": "arn:aws:iam::1:role/r", "context": null, "enc": "eA=="}],
  "gcp_kms": [{"resource_id": "projects/p/locations/l/keyRings/r/cryptoKeys/k", "enc": "eA=="}],
  "azure_kv": [{"vault_url": "https://v.vault.azure.net", "name": "k", "version": "1", "enc": "eA"}],
  "hc_vault": [{"vault_address": "https://vault:8200", "engine_path": "transit", "key_name": "k", "enc": "vault:v1:x"}],
  "hckms": [{"key_id": "tr-west-1:k", "enc": "eA=="}],
  "age": [], "pgp": null}}"#;

#[test]
fn whoever_is_asked_says_why_not() {
    let fake = Fake {
        key: Err(KeyError {
            message: "no answer within 5 s".to_owned(),
            transient: true,
        }),
        asked: Mutex::default(),
    };
    let error = decrypt_with(ALL.as_bytes(), Format::Json, &Keys::default(), &fake).unwrap_err();
    assert!(error.is_transient());
    assert_eq!(
        error.to_string(),
        "none of the file's recipients gives the data key: AWS KMS arn:aws:kms:eu-west-1:1:key/k: no answer within 5 s; \
         Google Cloud KMS projects/p/locations/l/keyRings/r/cryptoKeys/k: no answer within 5 s; \
         Azure Key Vault https://v.vault.azure.net/keys/k/1: no answer within 5 s; \
         Vault https://vault:8200/v1/transit/keys/k: no answer within 5 s; \
         recipients of the kind hckms: they are not supported"
    );
    assert_eq!(fake.asked.lock().unwrap().len(), 4);
}

#[test]
fn a_wrong_data_key_is_told_from_a_changed_value() {
    for (key, expected) in [
        (vec![0; 32], None),
        (vec![0; 16], Some("has 16 bytes where 32 are needed")),
    ] {
        let fake = Fake {
            key: Ok(key),
            asked: Mutex::default(),
        };
        let error =
            decrypt_with(ALL.as_bytes(), Format::Json, &Keys::default(), &fake).unwrap_err();
        match expected {
            None => assert_eq!(error, Error::MacUnreadable),
            Some(part) => assert!(error.to_string().contains(part), "{error}"),
        }
    }
}
