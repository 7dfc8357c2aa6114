//! The two kinds of AWS in their own words, read as a workload.

use std::sync::Arc;

use async_trait::async_trait;
use jasm_providers::{Identity, Kind, Source, aws};
use serde_json::{Value, json};

use super::faults::{Harness, Sample, Says, Subject, Wired, holds, uncounted};
use super::table::Column;
use crate::support::{MARKER, connect, options};
use crate::wire::{Reply, Request};
use crate::workload::Web;

/// Names on one page.
const PAGE: usize = 100;

async fn connection(endpoint: &str) -> aws::Connection {
    let options = aws::Options {
        attempts: 1,
        sts_endpoint: Some(endpoint.to_owned()),
        ..options(endpoint, "eu-west-1")
    };
    let connection = connect(&options).await;
    connection.of(Identity::Workload(Arc::new(Web))).unwrap()
}

/// The token service speaks another protocol than the two.
fn is_login(request: &Request) -> bool {
    request.operation.is_empty() && request.line == "POST /"
}

fn aside(request: &Request) -> Option<Reply> {
    let credentials = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>\
         <SecretAccessKey>key-{MARKER}</SecretAccessKey><SessionToken>token-{MARKER}</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    is_login(request).then(|| Reply::Raw(200, "", credentials.into_bytes()))
}

/// Codes that both services have.
fn says(what: Says) -> Option<Reply> {
    let error = |code: &str| Reply::error(code, "no");
    Some(match what {
        Says::Denied => error("AccessDeniedException"),
        Says::Unauthenticated => error("ExpiredTokenException"),
        Says::Throttled(None) => error("ThrottlingException"),
        Says::Throttled(Some(seconds)) => {
            assert_eq!(seconds, 7);
            let body = json!({"__type": "ThrottlingException", "message": MARKER});
            let header = "Retry-After: 7\r\n";
            Reply::Raw(400, header, body.to_string().into_bytes())
        }
        Says::Failing => error("InternalServiceError"),
        Says::Missing | Says::VersionMissing | Says::Disabled => return None,
    })
}

/// One page of names.
fn page(request: &Request, names: &[String], field: &str, entry: fn(&str) -> Value) -> Reply {
    let first: usize = request.text("NextToken").parse().unwrap_or(0);
    let last = (first + PAGE).min(names.len());
    let entries: Vec<Value> = names[first..last].iter().map(|name| entry(name)).collect();
    let mut body = json!({field: entries});
    if last < names.len() {
        body["NextToken"] = last.to_string().into();
    }
    Reply::Json(200, body)
}

fn text(sample: Sample) -> Option<Vec<u8>> {
    match sample {
        Sample::Marked => Some(format!("value {MARKER}").into_bytes()),
        Sample::Empty => Some(Vec::new()),
        Sample::Unicode => Some("Grüße, 秘密 \u{1f511}\u{0}\n".as_bytes().to_vec()),
        Sample::Binary | Sample::TooLarge => None,
    }
}

struct Secrets;

#[async_trait]
impl Harness for Secrets {
    fn kind(&self) -> Kind {
        Kind::AwsSecretsManager
    }

    fn column(&self) -> Column {
        Column::SecretsManager
    }

    async fn source(&self, endpoint: &str) -> Arc<dyn Source> {
        Arc::new(aws::SecretsManager::new(
            &connection(endpoint).await,
            uncounted(),
        ))
    }

    fn version(&self) -> &'static str {
        "AWSPREVIOUS"
    }

    fn aside(&self, request: &Request) -> Option<Reply> {
        aside(request)
    }

    fn is_login(&self, request: &Request) -> bool {
        is_login(request)
    }

    fn good(&self, _: &Request, value: &[u8]) -> Reply {
        let mut body = json!({"Name": "a", "VersionId": "v1"});
        match std::str::from_utf8(value) {
            Ok(text) => body["SecretString"] = text.into(),
            // The binary sample, in base64.
            Err(_) => body["SecretBinary"] = "AP+A".into(),
        }
        Reply::Json(200, body)
    }

    fn says(&self, _: &Request, what: Says) -> Option<Reply> {
        match what {
            Says::Missing | Says::VersionMissing => {
                Some(Reply::error("ResourceNotFoundException", "no"))
            }
            Says::Disabled => Some(Reply::error(
                "InvalidRequestException",
                "it was marked for deletion",
            )),
            other => says(other),
        }
    }

    fn listing(&self, request: &Request, names: &[String]) -> Reply {
        page(request, names, "SecretList", |name| json!({"Name": name}))
    }

    fn sample(&self, sample: Sample) -> Option<Vec<u8>> {
        match sample {
            Sample::Binary => Some(vec![0x00, 0xff, 0x80]),
            other => text(other),
        }
    }
}

#[tokio::test]
async fn secrets_manager_bears_every_fault() {
    holds(&Wired(Arc::new(Secrets))).await;
}

struct Parameters;

#[async_trait]
impl Harness for Parameters {
    fn kind(&self) -> Kind {
        Kind::AwsParameterStore
    }

    fn column(&self) -> Column {
        Column::ParameterStore
    }

    async fn source(&self, endpoint: &str) -> Arc<dyn Source> {
        Arc::new(aws::ParameterStore::new(
            &connection(endpoint).await,
            uncounted(),
        ))
    }

    fn name(&self, path: &str) -> String {
        format!("/{path}")
    }

    fn aside(&self, request: &Request) -> Option<Reply> {
        aside(request)
    }

    fn is_login(&self, request: &Request) -> bool {
        is_login(request)
    }

    fn good(&self, _: &Request, value: &[u8]) -> Reply {
        let text = String::from_utf8(value.to_vec()).expect("parameters are text");
        let parameter = json!({"Name": "/a", "Version": 1, "Type": "SecureString", "Value": text});
        Reply::Json(200, json!({"Parameters": [parameter]}))
    }

    fn says(&self, _: &Request, what: Says) -> Option<Reply> {
        match what {
            Says::Missing => Some(Reply::Json(200, json!({"InvalidParameters": ["/a"]}))),
            Says::VersionMissing => Some(Reply::error("ParameterVersionNotFound", "no")),
            other => says(other),
        }
    }

    fn listing(&self, request: &Request, names: &[String]) -> Reply {
        page(
            request,
            names,
            "Parameters",
            |name| json!({"Name": name, "Version": 1, "Value": "v"}),
        )
    }

    fn sample(&self, sample: Sample) -> Option<Vec<u8>> {
        text(sample)
    }
}

#[tokio::test]
async fn parameter_store_bears_every_fault() {
    holds(&Wired(Arc::new(Parameters))).await;
}

pub(super) fn subjects() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(Wired(Arc::new(Secrets))),
        Box::new(Wired(Arc::new(Parameters))),
    ]
}
