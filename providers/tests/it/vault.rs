//! Vault as OpenBao plays it: versions, deletion, namespaces, policies, logins, renewals.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use jasm_providers::vault::{Auth, Connection, Engine, Login, Method, Options, Vault};
use jasm_providers::{
    Error, ErrorKind, Identity, Known, SecretBytes, Source, VersionToken, Workload,
};
use rcgen::{KeyPair, SigningKey};
use reqwest::Method as Verb;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::openbao::{Bao, ROOT};
use crate::support::{Calls, kind, list, read_one, text, versioned, want};

/// A file with a token, for as long as the process lives.
fn token_file(token: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("jasm-token-{}-{number}", std::process::id()));
    fs::write(&path, format!("{token}\n")).unwrap();
    path
}

/// The server as the one who may do everything.
pub(crate) fn options(bao: &Bao) -> Options {
    Options::new(&bao.address, Auth::TokenFile(token_file(ROOT)))
}

fn source(options: &Options, identity: Identity) -> (Vault, Calls) {
    let calls = Calls::default();
    let connection = Connection::new(options).unwrap();
    let source = Vault::new(&connection, identity, calls.observer()).unwrap();
    (source, calls)
}

async fn mount(engine: Engine) -> (Bao, String, Vault) {
    let bao = Bao::new().await;
    let version = match engine {
        Engine::V1 => 1,
        Engine::V2 => 2,
    };
    let mount = bao.engine(version).await;
    let options = Options {
        engine,
        mount: mount.clone(),
        ..options(&bao)
    };
    let (source, _) = source(&options, Identity::Controller);
    (bao, mount, source)
}

#[tokio::test]
async fn a_version_is_its_number_and_what_was_deleted_is_gone() {
    let (bao, mount, source) = mount(Engine::V2).await;
    for value in ["one", "two", "three"] {
        bao.write(&format!("{mount}/data/a"), &json!({"data": {"v": value}}))
            .await;
    }
    let current = read_one(&source, want("a")).await;
    assert_eq!(text(&current), "{\"v\":\"three\"}");
    assert_eq!(current.unwrap().version.0, "3");
    assert_eq!(
        text(&read_one(&source, versioned("a", "1")).await),
        "{\"v\":\"one\"}"
    );
    for missing in [
        versioned("a", "4"),
        versioned("b", "1"),
        want("b"),
        want("a/b"),
    ] {
        assert_eq!(
            kind(&read_one(&source, missing).await),
            Some(ErrorKind::NotFound)
        );
    }
    bao.write(&format!("{mount}/destroy/a"), &json!({"versions": [1]}))
        .await;
    bao.call(Verb::DELETE, &format!("{mount}/data/a"), None, None)
        .await;
    let destroyed = read_one(&source, versioned("a", "1")).await.unwrap_err();
    assert!(
        destroyed.kind == ErrorKind::Gone && destroyed.message.contains("destroyed"),
        "{destroyed}"
    );
    for deleted in [want("a"), versioned("a", "3")] {
        let error = read_one(&source, deleted).await.unwrap_err();
        assert!(
            error.kind == ErrorKind::Gone && error.message.contains("undelete"),
            "{error}"
        );
    }
    assert_eq!(
        text(&read_one(&source, versioned("a", "2")).await),
        "{\"v\":\"two\"}"
    );
    bao.call(Verb::DELETE, &format!("{mount}/metadata/a"), None, None)
        .await;
    assert_eq!(
        kind(&read_one(&source, want("a")).await),
        Some(ErrorKind::NotFound)
    );
}

#[tokio::test]
async fn what_version_1_holds_keeps_its_digits() {
    let (bao, mount, source) = mount(Engine::V1).await;
    let value: Value = serde_json::from_str("{\"n\": 9007199254740993}").unwrap();
    bao.write(&format!("{mount}/a"), &value).await;
    assert_eq!(
        text(&read_one(&source, want("a")).await),
        "{\"n\":9007199254740993}"
    );
}

#[tokio::test]
async fn the_wrong_version_of_the_engine_and_no_engine_are_told_from_a_missing_entry() {
    let bao = Bao::new().await;
    let second = bao.engine(2).await;
    bao.write(&format!("{second}/data/a"), &json!({"data": {"v": "1"}}))
        .await;
    let read = async |mount: &str, engine: Engine| {
        let options = Options {
            mount: mount.to_owned(),
            engine,
            ..options(&bao)
        };
        read_one(&source(&options, Identity::Controller).0, want("a"))
            .await
            .unwrap_err()
    };
    let other = read(&second, Engine::V1).await;
    assert!(
        other.kind == ErrorKind::Invalid && other.message.contains("write kv: 2"),
        "{other}"
    );
    let none = read(&bao.own("nothing"), Engine::V2).await;
    assert!(
        none.kind == ErrorKind::Invalid && none.message.contains("no engine"),
        "{none}"
    );
}

#[tokio::test]
async fn the_other_version_of_the_engine_has_no_missing_entries_and_no_empty_folders() {
    let bao = Bao::new().await;
    let (first, second) = (bao.engine(1).await, bao.engine(2).await);
    let value = json!({"v": "1"});
    bao.write(&format!("{first}/app/a"), &value).await;
    bao.write(&format!("{second}/data/app/a"), &json!({"data": value}))
        .await;
    let table = [
        (&first, Engine::V2, "write kv: 1"),
        (&second, Engine::V1, "write kv: 2"),
    ];
    for (mount, engine, advice) in table {
        let options = Options {
            mount: mount.clone(),
            engine,
            ..options(&bao)
        };
        let (source, _) = source(&options, Identity::Controller);
        // Of entries and folders that are there in the engine's own words, and that are not.
        for name in ["app", "none"] {
            let read = read_one(&source, want(format!("{name}/a"))).await;
            let known = Known {
                want: want(format!("{name}/a")),
                version: VersionToken("1".to_owned()),
            };
            let changed = source
                .read_changed(&[known], Instant::now() + Duration::from_secs(10))
                .await;
            let errors = [
                read.unwrap_err(),
                changed[0].clone().unwrap_err(),
                list(&source, name).await.unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind, ErrorKind::Invalid, "{error}");
                assert!(error.message.contains(advice), "{error}");
            }
        }
        let root = list(&source, "").await.unwrap_err();
        assert_eq!(root.kind, ErrorKind::Invalid, "{root}");
    }
    // Who has it right is told the truth, and the server is asked once what is mounted.
    for (mount, engine) in [(&first, Engine::V1), (&second, Engine::V2)] {
        let options = Options {
            mount: mount.clone(),
            engine,
            ..options(&bao)
        };
        let (source, calls) = source(&options, Identity::Controller);
        assert!(read_one(&source, want("app/a")).await.is_ok());
        for _ in 0..2 {
            let missing = read_one(&source, want("app/none")).await;
            assert_eq!(kind(&missing), Some(ErrorKind::NotFound));
            assert_eq!(list(&source, "none").await, Ok(Vec::new()));
        }
        let asked = calls.take();
        let asked = asked.iter().filter(|(name, _)| *name == "ReadMount");
        assert_eq!(asked.count(), 1, "{mount}");
    }
}

#[tokio::test]
async fn a_namespace_is_a_world_of_its_own() {
    let bao = Bao::new().await;
    let namespace = bao.own("team");
    bao.call(
        Verb::POST,
        &format!("sys/namespaces/{namespace}"),
        None,
        Some(&json!({})),
    )
    .await;
    let engine = json!({"type": "kv", "options": {"version": "2"}});
    let within = Some(namespace.as_str());
    bao.call(Verb::POST, "sys/mounts/kv", within, Some(&engine))
        .await;
    let value = json!({"data": {"v": "theirs"}});
    bao.call(Verb::POST, "kv/data/app/a", within, Some(&value))
        .await;
    let (source, _) = source(
        &Options {
            mount: "kv".to_owned(),
            namespace: Some(namespace.clone()),
            ..options(&bao)
        },
        Identity::Controller,
    );
    assert_eq!(
        text(&read_one(&source, want("app/a")).await),
        "{\"v\":\"theirs\"}"
    );
    assert_eq!(list(&source, "app").await.unwrap(), ["app/a"]);
}

/// A cluster that signs tokens of one ServiceAccount.
struct Web {
    key: KeyPair,
    name: &'static str,
    tokens: AtomicU32,
}

impl Web {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            key: KeyPair::generate().unwrap(),
            name,
            tokens: AtomicU32::new(0),
        })
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[async_trait]
impl Workload for Web {
    fn namespace(&self) -> &str {
        "shop"
    }

    fn service_account(&self) -> &str {
        self.name
    }

    fn annotation(&self, _: &str) -> Option<&str> {
        None
    }

    async fn token(&self, audience: &str, _: Instant) -> Result<SecretBytes, Error> {
        self.tokens.fetch_add(1, Ordering::SeqCst);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = json!({
            "iss": "https://cluster", "aud": [audience], "iat": now, "nbf": now, "exp": now + 600,
            "sub": format!("system:serviceaccount:shop:{}", self.name),
        });
        let part = |value: &Value| base64url(value.to_string().as_bytes());
        let signed = format!(
            "{}.{}",
            part(&json!({"alg": "ES256", "typ": "JWT"})),
            part(&claims)
        );
        let signature = raw(&self.key.sign(signed.as_bytes()).unwrap());
        Ok(SecretBytes::from(format!(
            "{signed}.{}",
            base64url(&signature)
        )))
    }
}

/// RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| (group << 8) | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(
                LETTERS[((group >> (18 - 6 * place)) & 63) as usize],
            ));
        }
    }
    text
}

/// The two numbers of a P-256 signature in DER, each in 32 bytes as JWTs have them (RFC 7518, 3.4).
fn raw(der: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(64);
    // A sequence of less than 128 bytes with two integers in it.
    let mut rest = &der[2..];
    for _ in 0..2 {
        let (number, after) = rest[2..].split_at(usize::from(rest[1]));
        let significant = &number[number.len().saturating_sub(32)..];
        raw.resize(raw.len() + 32 - significant.len(), 0);
        raw.extend_from_slice(significant);
        rest = after;
    }
    raw
}

/// A mount with one entry `a`, and a JWT auth method with a role for `web` that may read it.
async fn with_jwt(bao: &Bao, web: &Web, seconds: u32) -> Options {
    let (mount, method, policy) = (bao.engine(2).await, bao.own("jwt"), bao.own("reader"));
    bao.write(&format!("{mount}/data/a"), &json!({"data": {"v": "1"}}))
        .await;
    bao.write(&format!("{mount}/data/b"), &json!({"data": {"v": "2"}}))
        .await;
    let rules = format!("path \"{mount}/data/a\" {{ capabilities = [\"read\"] }}");
    bao.write(
        &format!("sys/policies/acl/{policy}"),
        &json!({"policy": rules}),
    )
    .await;
    bao.write(&format!("sys/auth/{method}"), &json!({"type": "jwt"}))
        .await;
    let keys = json!({"jwt_validation_pubkeys": [web.key.public_key_pem()], "bound_issuer": "https://cluster"});
    bao.write(&format!("auth/{method}/config"), &keys).await;
    let role = json!({
        "role_type": "jwt", "user_claim": "sub", "bound_subject": "system:serviceaccount:shop:web",
        "bound_audiences": ["vault"], "token_policies": [policy], "token_ttl": seconds,
    });
    bao.write(&format!("auth/{method}/role/shop-web"), &role)
        .await;
    let login = Login {
        mount: method,
        ..Login::new(Method::Jwt, "{namespace}-web")
    };
    Options {
        mount,
        ..Options::new(&bao.address, Auth::Login(login))
    }
}

fn count(calls: &[(&'static str, &'static str)], operation: &str) -> usize {
    calls
        .iter()
        .filter(|(found, _)| *found == operation)
        .count()
}

#[tokio::test]
async fn a_workload_logs_in_once_reads_what_its_policy_grants_and_nothing_else() {
    let (bao, web) = (Bao::new().await, Web::new("web"));
    let options = with_jwt(&bao, &web, 3600).await;
    let (vault, calls) = source(&options, Identity::Workload(web.clone()));
    let mut tasks = JoinSet::new();
    for _ in 0..100 {
        let vault = vault.clone();
        tasks.spawn(async move { kind(&read_one(&vault, want("a")).await) });
    }
    assert!(tasks.join_all().await.iter().all(Option::is_none));
    assert_eq!(count(&calls.take(), "Login"), 1);
    assert_eq!(web.tokens.load(Ordering::SeqCst), 1);
    let denied = read_one(&vault, want("b")).await.unwrap_err();
    assert_eq!(denied.kind, ErrorKind::Denied);
    assert!(
        denied
            .message
            .contains(&format!("{}/data/b", options.mount)),
        "{denied}"
    );
    assert_eq!(kind(&list(&vault, "").await), Some(ErrorKind::Denied));
    assert_eq!(
        count(&calls.take(), "Login"),
        0,
        "the token is good: it is the right that is missing"
    );
    assert_eq!(vault.batch_limit(), 1);
}

#[tokio::test]
async fn a_token_that_was_taken_back_is_got_again() {
    let (bao, web) = (Bao::new().await, Web::new("web"));
    let options = with_jwt(&bao, &web, 3600).await;
    let (vault, calls) = source(&options, Identity::Workload(web));
    assert_eq!(kind(&read_one(&vault, want("a")).await), None);
    let prefix = format!("sys/leases/revoke-prefix/auth/{}/login", bao.own("jwt"));
    bao.write(&prefix, &json!({"sync": true})).await;
    assert_eq!(kind(&read_one(&vault, want("a")).await), None);
    assert_eq!(count(&calls.take(), "Login"), 2);
}

#[tokio::test]
async fn a_token_is_renewed_and_not_got_again() {
    let (bao, web) = (Bao::new().await, Web::new("web"));
    let options = with_jwt(&bao, &web, 6).await;
    let (vault, calls) = source(&options, Identity::Workload(web.clone()));
    let began = Instant::now();
    let mut seen = Vec::new();
    while count(&seen, "RenewToken") < 2 {
        assert!(began.elapsed() < Duration::from_secs(30), "{seen:?}");
        assert_eq!(kind(&read_one(&vault, want("a")).await), None);
        seen.extend(calls.take());
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(count(&seen, "Login"), 1);
    assert_eq!(web.tokens.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_foreign_service_account_a_foreign_audience_and_a_foreign_key_are_refused() {
    let (bao, web) = (Bao::new().await, Web::new("web"));
    let options = with_jwt(&bao, &web, 3600).await;
    let audience = Options {
        auth: match options.auth.clone() {
            Auth::Login(login) => Auth::Login(Login {
                audience: "another".to_owned(),
                ..login
            }),
            other => other,
        },
        ..options.clone()
    };
    let missing = Options {
        auth: match options.auth.clone() {
            Auth::Login(login) => Auth::Login(Login {
                role: "no-such-role".to_owned(),
                ..login
            }),
            other => other,
        },
        ..options.clone()
    };
    let table = [
        (&options, Web::new("web"), "a key of its own"),
        (&audience, web.clone(), "another audience"),
        (&missing, web, "another role"),
    ];
    for (options, web, what) in table {
        let (vault, calls) = source(options, Identity::Workload(web));
        let error = read_one(&vault, want("a")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated, "{what}");
        assert_eq!(calls.take(), [("Login", "unauthenticated")], "{what}");
    }
}
