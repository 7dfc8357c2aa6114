//! The two kinds of Google in their own words, a parameter raw and rendered.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jasm_providers::{Identity, Kind, Source, gcp};
use serde_json::{Value, json};

use super::faults::{Harness, Sample, Says, Subject, Wired, holds, uncounted};
use super::table::Column;
use crate::support::MARKER;
use crate::wire::{Reply, Request};
use crate::workload::Web;

/// Names on one page.
const PAGE: usize = 1_000;

pub(crate) fn options(endpoint: &str) -> gcp::Options {
    gcp::Options {
        endpoint: Some(endpoint.to_owned()),
        hosts: gcp::Hosts {
            sts: endpoint.to_owned(),
            iam_credentials: endpoint.to_owned(),
            oauth: endpoint.to_owned(),
            kms: endpoint.to_owned(),
            metadata: endpoint.to_owned(),
        },
        cluster: gcp::Cluster {
            project: Some("acme".into()),
            location: Some("europe-west1".into()),
            name: Some("prod".into()),
            ..gcp::Cluster::default()
        },
        attempts: 1,
        ..gcp::Options::new("acme")
    }
}

pub(crate) fn connection(endpoint: &str) -> gcp::Connection {
    gcp::Connection::new(&options(endpoint)).unwrap()
}

fn identity() -> Identity {
    Identity::Workload(Arc::new(Web))
}

fn is_login(request: &Request) -> bool {
    request.line == "POST /v1/token"
}

fn aside(request: &Request) -> Option<Reply> {
    is_login(request).then(|| {
        let token = format!("token-{}-{MARKER}", request.number);
        Reply::Json(
            200,
            json!({"access_token": token, "expires_in": 3600, "token_type": "Bearer"}),
        )
    })
}

fn error(code: u16, status: &str, headers: &'static str) -> Reply {
    let body = json!({"error": {"code": code, "status": status, "message": MARKER}});
    Reply::Raw(code, headers, body.to_string().into_bytes())
}

/// What both services say in the same words.
fn says(what: Says) -> Reply {
    match what {
        Says::Missing | Says::VersionMissing => error(404, "NOT_FOUND", ""),
        Says::Disabled => error(400, "FAILED_PRECONDITION", ""),
        Says::Denied => error(403, "PERMISSION_DENIED", ""),
        Says::Unauthenticated => error(401, "UNAUTHENTICATED", ""),
        Says::Throttled(None) => error(429, "RESOURCE_EXHAUSTED", ""),
        Says::Throttled(Some(_)) => error(429, "RESOURCE_EXHAUSTED", "Retry-After: 7\r\n"),
        Says::Failing => error(500, "INTERNAL", ""),
    }
}

fn page(request: &Request, names: &[String], collection: &str) -> Reply {
    let token = request.line.split_once("pageToken=");
    let first: usize = token.map_or(0, |(_, token)| token.parse().unwrap());
    let last = (first + PAGE).min(names.len());
    let entries: Vec<Value> = names[first..last]
        .iter()
        .map(|name| json!({"name": format!("projects/1/{collection}/{name}")}))
        .collect();
    let mut body = json!({collection: entries});
    if last < names.len() {
        body["nextPageToken"] = last.to_string().into();
    }
    Reply::Json(200, body)
}

fn payload(value: &[u8]) -> Value {
    match value {
        // As JSON of Protocol Buffers leaves out what is empty.
        [] => json!({"dataCrc32c": "0"}),
        value => json!({"data": STANDARD.encode(value)}),
    }
}

fn sample(sample: Sample) -> Option<Vec<u8>> {
    Some(match sample {
        Sample::Marked => format!("value {MARKER}").into_bytes(),
        Sample::Empty => Vec::new(),
        Sample::Unicode => "Grüße, 秘密 \u{1f511}\u{0}\n".as_bytes().to_vec(),
        Sample::Binary => (0..=255).collect(),
        Sample::TooLarge => vec![b'x'; 5 * 1024 * 1024],
    })
}

struct Secrets;

#[async_trait]
impl Harness for Secrets {
    fn kind(&self) -> Kind {
        Kind::GcpSecretManager
    }

    fn column(&self) -> Column {
        Column::SecretManager
    }

    async fn source(&self, endpoint: &str) -> Arc<dyn Source> {
        let source = gcp::SecretManager::new(&connection(endpoint), identity(), uncounted());
        Arc::new(source.unwrap())
    }

    fn base(&self) -> String {
        String::new()
    }

    fn below(&self, name: &str) -> String {
        name.to_owned()
    }

    fn aside(&self, request: &Request) -> Option<Reply> {
        aside(request)
    }

    fn is_login(&self, request: &Request) -> bool {
        is_login(request)
    }

    fn good(&self, _: &Request, value: &[u8]) -> Reply {
        let name = "projects/1/secrets/a/versions/3";
        Reply::Json(200, json!({"name": name, "payload": payload(value)}))
    }

    fn says(&self, _: &Request, what: Says) -> Option<Reply> {
        Some(says(what))
    }

    fn listing(&self, request: &Request, names: &[String]) -> Reply {
        page(request, names, "secrets")
    }

    fn sample(&self, it: Sample) -> Option<Vec<u8>> {
        sample(it)
    }
}

#[tokio::test]
async fn secret_manager_bears_every_fault() {
    holds(&Wired(Arc::new(Secrets))).await;
}

struct Parameters {
    render: bool,
}

#[async_trait]
impl Harness for Parameters {
    fn kind(&self) -> Kind {
        Kind::GcpParameterManager
    }

    fn column(&self) -> Column {
        if self.render {
            Column::Rendered
        } else {
            Column::ParameterManager
        }
    }

    async fn source(&self, endpoint: &str) -> Arc<dyn Source> {
        let connection = connection(endpoint);
        let source = gcp::ParameterManager::new(&connection, identity(), self.render, uncounted());
        Arc::new(source.unwrap())
    }

    fn base(&self) -> String {
        String::new()
    }

    fn below(&self, name: &str) -> String {
        name.to_owned()
    }

    fn aside(&self, request: &Request) -> Option<Reply> {
        aside(request)
    }

    fn is_login(&self, request: &Request) -> bool {
        is_login(request)
    }

    fn good(&self, request: &Request, value: &[u8]) -> Reply {
        let name = "projects/1/locations/global/parameters/a/versions/v1";
        let created = "2026-11-21T00:00:00Z";
        let body = match request.line.as_str() {
            line if line.contains("/versions?") => {
                json!({"parameterVersions": [{"name": name, "createTime": created}]})
            }
            line if line.contains("view=BASIC") => json!({"createTime": created}),
            _ if self.render && value.is_empty() => json!({"parameterVersion": name}),
            _ if self.render => {
                json!({"parameterVersion": name, "renderedPayload": STANDARD.encode(value)})
            }
            _ => json!({"name": name, "createTime": created, "payload": payload(value)}),
        };
        Reply::Json(200, body)
    }

    fn says(&self, request: &Request, what: Says) -> Option<Reply> {
        let name = "projects/1/locations/global/parameters/a/versions/v1";
        Some(match what {
            Says::Disabled if request.line.contains("/versions?") => {
                let version = json!({"name": name, "disabled": true});
                Reply::Json(200, json!({"parameterVersions": [version]}))
            }
            other => says(other),
        })
    }

    fn listing(&self, request: &Request, names: &[String]) -> Reply {
        page(request, names, "parameters")
    }

    fn sample(&self, it: Sample) -> Option<Vec<u8>> {
        sample(it).filter(|_| !(self.render && it == Sample::Binary))
    }
}

#[tokio::test]
async fn parameter_manager_bears_every_fault() {
    holds(&Wired(Arc::new(Parameters { render: false }))).await;
}

#[tokio::test]
async fn parameter_manager_bears_every_fault_of_a_rendering() {
    holds(&Wired(Arc::new(Parameters { render: true }))).await;
}

pub(super) fn subjects() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Wired(Arc::new(Secrets))),
        Box::new(Wired(Arc::new(Parameters { render: false }))),
        Box::new(Wired(Arc::new(Parameters { render: true }))),
    ]
}
