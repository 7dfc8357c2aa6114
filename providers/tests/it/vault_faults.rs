//! Vault's own ways to refuse, and what of them a token is to blame for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use jasm_providers::vault::{Auth, Connection, Login, Method, Options, Vault};
use jasm_providers::{ErrorKind, Identity, vault};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Calls, MARKER, assert_clean, kind, list, read_one, versioned, want};
use crate::wire::{Reply, Request, Wire};
use crate::workload::Web;

pub(crate) fn options(endpoint: &str) -> Options {
    let login = Login::new(Method::Kubernetes, "{namespace}-{serviceaccount}");
    Options::new(endpoint, Auth::Login(login))
}

/// Logins, and what becomes of their tokens.
#[derive(Default)]
pub(crate) struct Tokens {
    revoked: AtomicBool,
    number: AtomicU32,
}

impl Tokens {
    /// The token in use is none any more.
    pub(crate) fn revoke(&self) {
        self.revoked.store(true, Ordering::SeqCst);
    }

    /// Answers what is about tokens.
    pub(crate) fn answer(&self, request: &Request) -> Option<Reply> {
        let refused = || Reply::Json(403, json!({"errors": [MARKER]}));
        if request.line == "POST /v1/auth/kubernetes/login" {
            assert_eq!(request.text("role"), "shop-web");
            assert_eq!(request.text("jwt"), format!("jwt-{MARKER}-vault"));
            assert!(!request.headers.contains_key("x-vault-token"));
            self.revoked.store(false, Ordering::SeqCst);
            let number = self.number.fetch_add(1, Ordering::SeqCst);
            return Some(Reply::Json(
                200,
                auth(&format!("token-{number}-{MARKER}"), 3600),
            ));
        }
        if request.line == "GET /v1/auth/token/lookup-self" {
            return Some(if self.revoked.load(Ordering::SeqCst) {
                refused()
            } else {
                Reply::Json(200, json!({"data": {"ttl": 3600, "renewable": true}}))
            });
        }
        None
    }
}

fn auth(token: &str, seconds: u64) -> Value {
    json!({"auth": {"client_token": token, "lease_duration": seconds, "renewable": true}})
}

fn good() -> Reply {
    Reply::Json(
        200,
        json!({"data": {"data": {"a": MARKER}, "metadata": {"version": 1}}}),
    )
}

async fn vault(
    change: impl FnOnce(&mut Options),
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Wire, Vault, Calls) {
    let wire = Wire::new(script).await;
    let mut options = options(&wire.endpoint);
    change(&mut options);
    let connection = Connection::new(&options).unwrap();
    let calls = Calls::default();
    let identity = Identity::Workload(Arc::new(Web));
    let source = Vault::new(&connection, identity, calls.observer()).unwrap();
    (wire, source, calls)
}

#[tokio::test]
async fn each_status_has_its_sentence() {
    let errors = |text: &str| format!("{{\"errors\":[\"{text} {MARKER}\"]}}").into_bytes();
    let table: Vec<(u16, Vec<u8>, ErrorKind, &str)> = vec![
        (307, Vec::new(), ErrorKind::Invalid, "redirect"),
        (
            403,
            errors("permission denied"),
            ErrorKind::Denied,
            "secret/data/a",
        ),
        (
            404,
            errors("no handler for route"),
            ErrorKind::Invalid,
            "no engine at secret",
        ),
        (
            404,
            b"{\"warnings\":[\"w\"],\"data\":null}".to_vec(),
            ErrorKind::Invalid,
            "kv",
        ),
        (404, b"<html>".to_vec(), ErrorKind::Unavailable, "HTTP 404"),
        (
            404,
            b"{\"data\":{\"data\":null,\"metadata\":{\"version\":3,\"destroyed\":true}}}".to_vec(),
            ErrorKind::Gone,
            "destroyed",
        ),
        (
            412,
            errors("required index state"),
            ErrorKind::Unavailable,
            "does not know yet",
        ),
        (472, Vec::new(), ErrorKind::Unavailable, "standby"),
        (473, Vec::new(), ErrorKind::Unavailable, "standby"),
        (
            503,
            errors("Vault is sealed"),
            ErrorKind::Unavailable,
            "sealed",
        ),
        (
            503,
            errors("no upstream"),
            ErrorKind::Unavailable,
            "HTTP 503",
        ),
    ];
    for (status, body, expected, word) in table {
        let tokens = Tokens::default();
        let script = move |request: &Request| {
            tokens.answer(request).unwrap_or_else(|| {
                Reply::Raw(status, "Location: http://localhost:1/\r\n", body.clone())
            })
        };
        let (_wire, source, _) = vault(|_| (), script).await;
        let error = read_one(&source, want("a")).await.unwrap_err();
        assert_eq!(error.kind, expected, "{status}: {error}");
        assert!(error.message.contains(word), "{status}: {error}");
        assert_clean(&error);
    }
}

#[tokio::test]
async fn a_refused_login_names_who_and_what_to_do_and_reads_nothing() {
    for status in [400, 403] {
        let script = move |_: &Request| Reply::Json(status, json!({"errors": [MARKER]}));
        let (wire, source, calls) = vault(|_| (), script).await;
        let error = read_one(&source, want("a")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated);
        for word in [
            "shop/web",
            "role shop-web",
            "audience vault",
            "auth/kubernetes",
        ] {
            assert!(error.message.contains(word), "{error}");
        }
        assert_clean(&error);
        assert_eq!(wire.requests().len(), 1);
        assert_eq!(calls.take(), [("Login", "unauthenticated")]);
    }
}

#[tokio::test]
async fn a_burst_is_one_login() {
    let tokens = Tokens::default();
    let (_wire, source, calls) = vault(
        |_| (),
        move |request| tokens.answer(request).unwrap_or_else(good),
    )
    .await;
    let mut tasks = JoinSet::new();
    for number in 0..100 {
        let source = source.clone();
        tasks.spawn(async move { kind(&read_one(&source, want(format!("a{number}"))).await) });
    }
    assert!(tasks.join_all().await.iter().all(Option::is_none));
    let calls = calls.take();
    let logins = calls.iter().filter(|(operation, _)| *operation == "Login");
    assert_eq!((calls.len(), logins.count()), (101, 1));
}

#[tokio::test]
async fn a_missing_right_costs_no_login_and_a_revoked_token_costs_one() {
    let tokens = Arc::new(Tokens::default());
    let theirs = Arc::clone(&tokens);
    let script = move |request: &Request| {
        theirs.answer(request).unwrap_or_else(|| {
            let revoked = theirs.revoked.load(Ordering::SeqCst);
            if revoked || request.line.ends_with("/denied") {
                Reply::Json(403, json!({"errors": [MARKER]}))
            } else {
                good()
            }
        })
    };
    let (wire, source, _) = vault(|_| (), script).await;
    let read = async |path: &str| kind(&read_one(&source, want(path)).await);
    for _ in 0..3 {
        assert_eq!(read("denied").await, Some(ErrorKind::Denied));
    }
    assert_eq!(tokens.number.load(Ordering::SeqCst), 1);
    tokens.revoke();
    assert_eq!(read("a").await, None);
    assert_eq!(tokens.number.load(Ordering::SeqCst), 2);
    // Once a minute: a server that takes back every token is not asked for ever more of them.
    tokens.revoke();
    assert_eq!(read("a").await, Some(ErrorKind::Denied));
    assert_eq!(tokens.number.load(Ordering::SeqCst), 2);
    let last = wire.requests().pop().unwrap();
    assert_eq!(
        last.headers.get("x-vault-token"),
        Some(&format!("token-1-{MARKER}"))
    );
}

#[tokio::test]
async fn what_is_sent_is_what_the_config_says() {
    let tokens = Tokens::default();
    let change = |options: &mut Options| {
        options.namespace = Some("org/team".to_owned());
        options.mount = "kv/prod".to_owned();
    };
    let script = move |request: &Request| {
        tokens
            .answer(request)
            .unwrap_or_else(|| match request.line.as_str() {
                line if line.contains("/metadata/") => {
                    Reply::Json(200, json!({"data": {"keys": ["a"]}}))
                }
                _ => good(),
            })
    };
    let (wire, source, _) = vault(change, script).await;
    assert!(read_one(&source, want("a+b=c@d/e")).await.is_ok());
    assert!(read_one(&source, versioned("a", "1")).await.is_ok());
    assert_eq!(
        kind(&read_one(&source, versioned("a", "2")).await),
        Some(ErrorKind::Integrity),
        "the answer is of version 1"
    );
    assert_eq!(list(&source, "").await.unwrap(), ["a"]);
    assert_eq!(list(&source, "app").await.unwrap(), ["app/a"]);
    let requests = wire.requests();
    let lines: Vec<_> = requests
        .iter()
        .map(|request| request.line.as_str())
        .collect();
    assert_eq!(
        lines,
        [
            "POST /v1/auth/kubernetes/login",
            "GET /v1/kv/prod/data/a+b=c@d/e",
            "GET /v1/kv/prod/data/a?version=1",
            "GET /v1/kv/prod/data/a?version=2",
            "GET /v1/kv/prod/metadata/?list=true",
            "GET /v1/kv/prod/metadata/app/?list=true",
        ]
    );
    for request in &requests {
        assert_eq!(request.headers["x-vault-namespace"], "org/team");
        assert_eq!(request.headers["x-vault-request"], "true");
    }
}

#[tokio::test]
async fn version_1_is_asked_for_no_version() {
    let tokens = Tokens::default();
    let change = |options: &mut Options| options.engine = vault::Engine::V1;
    let (wire, source, _) = vault(change, move |request| {
        tokens.answer(request).unwrap_or_else(good)
    })
    .await;
    let answer = read_one(&source, versioned("a", "1")).await;
    assert_eq!(kind(&answer), Some(ErrorKind::Unsupported));
    assert!(wire.requests().is_empty());
}

#[test]
fn a_token_file_is_no_identity_of_a_workload_and_a_template_none_of_the_controller() {
    let connection = |options: &Options| Connection::new(options).unwrap();
    let observer = || Calls::default().observer();
    let file = Options::new("http://localhost:1", Auth::TokenFile("/nonexistent".into()));
    let workload = Identity::Workload(Arc::new(Web));
    let error = Vault::new(&connection(&file), workload, observer()).unwrap_err();
    assert!(error.message.contains("needs a login"), "{error}");
    let templated = options("http://localhost:1");
    let error = Vault::new(&connection(&templated), Identity::Controller, observer()).unwrap_err();
    assert!(error.message.contains("{namespace}"), "{error}");
}

#[tokio::test]
async fn a_token_file_that_is_not_there_is_said() {
    let options = Options::new(
        "http://localhost:1",
        Auth::TokenFile("/nonexistent/token".into()),
    );
    let connection = Connection::new(&options).unwrap();
    let observer = Calls::default().observer();
    let source = Vault::new(&connection, Identity::Controller, observer).unwrap();
    let error = read_one(&source, want("a")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthenticated);
    assert!(error.message.contains("/nonexistent/token"), "{error}");
}

#[tokio::test]
async fn nothing_that_is_printed_holds_a_token() {
    let tokens = Tokens::default();
    let (_wire, source, _) = vault(
        |_| (),
        move |request| tokens.answer(request).unwrap_or_else(good),
    )
    .await;
    let entry = read_one(&source, want("a")).await;
    let printed = format!("{source:?} {source:#?} {entry:?}");
    assert!(!printed.contains(MARKER), "{printed}");
}

#[tokio::test]
async fn what_is_mounted_is_asked_for_once_and_a_server_that_does_not_tell_is_believed() {
    let mounted = |kind: &str, version: &str| {
        let options = json!({"version": version});
        json!({"data": {"type": kind, "path": "secret/", "options": options}})
    };
    let unversioned = json!({"data": {"type": "kv", "options": null}});
    let missing = ErrorKind::NotFound;
    let table = [
        (200, mounted("kv", "2"), missing, "there is no", 1),
        (403, json!({"errors": [MARKER]}), missing, "there is no", 1),
        (404, json!({"errors": []}), missing, "there is no", 1),
        (200, json!({}), missing, "there is no", 1),
        (200, mounted("kv", "3"), missing, "there is no", 1),
        (
            200,
            mounted("kv", "1"),
            ErrorKind::Invalid,
            "write kv: 1",
            2,
        ),
        (200, unversioned, ErrorKind::Invalid, "write kv: 1", 2),
        (
            200,
            mounted("pki", "2"),
            ErrorKind::Invalid,
            "no key-value engine",
            2,
        ),
        (503, json!({}), ErrorKind::Unavailable, "HTTP 503", 2),
    ];
    for (status, body, expected, part, times) in table {
        let tokens = Tokens::default();
        let case = format!("{status} {body}");
        let (wire, source, _) = vault(
            |_| {},
            move |request| {
                if let Some(reply) = tokens.answer(request) {
                    return reply;
                }
                if request
                    .line
                    .starts_with("GET /v1/sys/internal/ui/mounts/secret")
                {
                    return Reply::Json(status, body.clone());
                }
                Reply::Json(404, json!({"errors": []}))
            },
        )
        .await;
        for _ in 0..2 {
            let error = read_one(&source, want("a")).await.unwrap_err();
            assert_eq!(error.kind, expected, "{case}: {error}");
            assert!(error.message.contains(part), "{case}: {error}");
            assert_clean(&error);
        }
        let requests = wire.requests();
        let asked = requests.iter().filter(|it| it.line.contains("ui/mounts"));
        assert_eq!(asked.count(), times, "{case}");
    }
}
