//! The two kinds of Azure in their own words, over TLS.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use jasm_fakes::Authority;
use jasm_providers::{Identity, Kind, Source, azure};
use serde_json::{Value, json};

use super::faults::{Harness, Sample, Says, Subject, Wired, holds, uncounted};
use super::table::Column;
use crate::support::MARKER;
use crate::wire::{Answers, Reply, Request, Wire};
use crate::workload::Web;

/// Names on one page.
const PAGE: usize = 500;
/// What a vault asks a stranger for.
const CHALLENGE: &str = "WWW-Authenticate: Bearer authorization=\"https://login.microsoftonline.com/t\", \
                         resource=\"https://vault.azure.net\"\r\n";

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new().unwrap());

pub(crate) async fn wire(script: Answers) -> Wire {
    Wire::tls(AUTHORITY.acceptor(&[]).unwrap(), script).await
}

pub(crate) fn connection(endpoint: &str) -> azure::Connection {
    let options = azure::Options {
        authority: Some(endpoint.to_owned()),
        vault_endpoints: BTreeMap::from([("default".to_owned(), endpoint.to_owned())]),
        ca_pem: Some(AUTHORITY.ca_pem().into_bytes()),
        attempts: 1,
        ..azure::Options::default()
    };
    azure::Connection::new(&options).unwrap()
}

pub(crate) fn vault(endpoint: &str) -> azure::KeyVault {
    let identity = Identity::Workload(Arc::new(Web));
    azure::KeyVault::new(&connection(endpoint), "default", identity, uncounted()).unwrap()
}

pub(crate) fn settings(endpoint: &str) -> azure::AppConfiguration {
    let identity = Identity::Workload(Arc::new(Web));
    let settings = azure::Settings {
        name: "default".into(),
        endpoint: Some(endpoint.to_owned()),
        vaults: vec!["default".into()],
        ..azure::Settings::default()
    };
    azure::AppConfiguration::new(&connection(endpoint), settings, identity, uncounted()).unwrap()
}

pub(crate) fn is_login(request: &Request) -> bool {
    request.line.starts_with("POST ") && request.line.contains("/oauth2/v2.0/token")
}

/// Entra's answer, and the vault's to who shows no token.
pub(crate) fn aside(request: &Request) -> Option<Reply> {
    if is_login(request) {
        let token = format!("token-{}-{MARKER}", request.number);
        let body = json!({"token_type": "Bearer", "expires_in": 3600, "access_token": token});
        return Some(Reply::Json(200, body));
    }
    let stranger = !request.headers.contains_key("authorization");
    stranger.then(|| Reply::Raw(401, CHALLENGE, Vec::new()))
}

fn text(sample: Sample) -> Option<Vec<u8>> {
    Some(match sample {
        Sample::Marked => format!("value {MARKER}").into_bytes(),
        Sample::Empty => Vec::new(),
        Sample::Unicode => "Grüße, 秘密 \u{1f511}\u{0}\n".as_bytes().to_vec(),
        Sample::TooLarge => vec![b'x'; 5 * 1024 * 1024],
        Sample::Binary => return None,
    })
}

/// The place in a listing that a link leads to.
fn first(request: &Request) -> usize {
    let after = request.line.split_once("after=");
    after.map_or(0, |(_, rest)| {
        rest.split('&').next().unwrap().parse().unwrap()
    })
}

struct Secrets;

#[async_trait]
impl Harness for Secrets {
    fn kind(&self) -> Kind {
        Kind::AzureKeyVault
    }

    fn column(&self) -> Column {
        Column::KeyVault
    }

    async fn wire(&self, script: Answers) -> Wire {
        wire(script).await
    }

    async fn source(&self, endpoint: &str) -> Arc<dyn Source> {
        Arc::new(vault(endpoint))
    }

    fn version(&self) -> &'static str {
        "0123456789abcdef0123456789abcdef"
    }

    fn base(&self) -> String {
        String::new()
    }

    fn below(&self, name: &str) -> String {
        name.to_owned()
    }

    /// As the vault writes a name into a URL, a line break and a second slash are nothing there.
    fn hostile(&self) -> Vec<&'static str> {
        vec![
            "../q",
            "../keys/q",
            "a b",
            "a\u{202e}b",
            "a%2fb",
            "*",
            "a_b",
        ]
    }

    fn aside(&self, request: &Request) -> Option<Reply> {
        aside(request)
    }

    fn is_login(&self, request: &Request) -> bool {
        is_login(request)
    }

    fn good(&self, _: &Request, value: &[u8]) -> Reply {
        let id = format!(
            "https://default.vault.azure.net/secrets/a/{}",
            self.version()
        );
        let value = std::str::from_utf8(value).unwrap();
        let body = json!({"id": id, "value": value, "attributes": {"enabled": true}});
        Reply::Json(200, body)
    }

    fn says(&self, _: &Request, what: Says) -> Option<Reply> {
        let error = |status: u16, headers: &'static str, code: &str, inner: &str| {
            let mut error = json!({"code": code, "message": MARKER});
            if !inner.is_empty() {
                error["innererror"] = json!({"code": inner});
            }
            let body = json!({"error": error}).to_string().into_bytes();
            Reply::Raw(status, headers, body)
        };
        Some(match what {
            Says::Missing | Says::VersionMissing => error(404, "", "SecretNotFound", ""),
            Says::Disabled => error(403, "", "Forbidden", "SecretDisabled"),
            Says::Denied => error(403, "", "Forbidden", "ForbiddenByRbac"),
            Says::Unauthenticated => error(401, CHALLENGE, "Unauthorized", ""),
            Says::Throttled(None) => error(429, "", "Throttled", ""),
            Says::Throttled(Some(_)) => error(429, "Retry-After: 7\r\n", "Throttled", ""),
            Says::Failing => error(500, "", "InternalError", ""),
        })
    }

    fn listing(&self, request: &Request, names: &[String]) -> Reply {
        let first = first(request);
        let last = (first + PAGE).min(names.len());
        let entries: Vec<Value> = names[first..last]
            .iter()
            .map(|name| json!({"id": format!("https://default.vault.azure.net/secrets/{name}")}))
            .collect();
        let mut body = json!({"value": entries});
        if last < names.len() {
            let host = &request.headers["host"];
            body["nextLink"] =
                format!("https://{host}/secrets?api-version=2025-07-01&after={last}").into();
        }
        Reply::Json(200, body)
    }

    fn sample(&self, sample: Sample) -> Option<Vec<u8>> {
        text(sample)
    }
}

#[tokio::test]
async fn key_vault_bears_every_fault() {
    holds(&Wired(Arc::new(Secrets))).await;
}

struct Settings;

#[async_trait]
impl Harness for Settings {
    fn kind(&self) -> Kind {
        Kind::AzureAppConfiguration
    }

    fn column(&self) -> Column {
        Column::AppConfiguration
    }

    async fn wire(&self, script: Answers) -> Wire {
        wire(script).await
    }

    async fn source(&self, endpoint: &str) -> Arc<dyn Source> {
        Arc::new(settings(endpoint))
    }

    fn version(&self) -> &'static str {
        "label"
    }

    fn base(&self) -> String {
        "p/*".to_owned()
    }

    fn below(&self, name: &str) -> String {
        format!("p/{name}")
    }

    fn aside(&self, request: &Request) -> Option<Reply> {
        aside(request)
    }

    fn is_login(&self, request: &Request) -> bool {
        is_login(request)
    }

    fn good(&self, _: &Request, value: &[u8]) -> Reply {
        let value = std::str::from_utf8(value).unwrap();
        let item = json!({"key": "a", "label": null, "value": value, "etag": "e1"});
        Reply::Json(200, json!({"items": [item]}))
    }

    fn says(&self, _: &Request, what: Says) -> Option<Reply> {
        let problem = |status: u16, headers: &'static str| {
            let body = json!({"title": MARKER, "detail": MARKER, "status": status});
            Reply::Raw(status, headers, body.to_string().into_bytes())
        };
        Some(match what {
            Says::Missing | Says::VersionMissing => Reply::Json(200, json!({"items": []})),
            Says::Disabled => return None,
            Says::Denied => problem(403, ""),
            Says::Unauthenticated => {
                problem(401, "WWW-Authenticate: Bearer error=\"invalid_token\"\r\n")
            }
            Says::Throttled(None) => problem(429, ""),
            Says::Throttled(Some(_)) => problem(429, "retry-after-ms: 7000\r\n"),
            Says::Failing => problem(500, ""),
        })
    }

    fn listing(&self, request: &Request, names: &[String]) -> Reply {
        let first = first(request);
        let last = (first + PAGE).min(names.len());
        let entries: Vec<Value> = names[first..last]
            .iter()
            .map(|name| json!({"key": name, "value": "v", "etag": "e1"}))
            .collect();
        let mut body = json!({"items": entries});
        if last < names.len() {
            body["@nextLink"] = format!("/kv?api-version=2023-11-01&after={last}").into();
        }
        Reply::Json(200, body)
    }

    fn sample(&self, sample: Sample) -> Option<Vec<u8>> {
        text(sample)
    }
}

#[tokio::test]
async fn app_configuration_bears_every_fault() {
    holds(&Wired(Arc::new(Settings))).await;
}

pub(super) fn subjects() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Wired(Arc::new(Secrets))),
        Box::new(Wired(Arc::new(Settings))),
    ]
}
