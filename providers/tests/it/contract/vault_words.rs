//! Both versions of Vault's engine in its own words.

use std::sync::Arc;

use async_trait::async_trait;
use jasm_providers::{Identity, Kind, Source, vault};
use serde_json::{Value, json};

use super::faults::{Harness, Sample, Says, Subject, Wired, holds, uncounted};
use super::table::Column;
use crate::support::MARKER;
use crate::vault_faults::{Tokens, options};
use crate::wire::{Reply, Request};
use crate::workload::Web;

struct Engine {
    version: vault::Engine,
    tokens: Tokens,
}

fn engine(version: vault::Engine) -> Wired<Engine> {
    Wired(Arc::new(Engine {
        version,
        tokens: Tokens::default(),
    }))
}

#[async_trait]
impl Harness for Engine {
    fn kind(&self) -> Kind {
        Kind::Vault
    }

    fn column(&self) -> Column {
        match self.version {
            vault::Engine::V1 => Column::Vault1,
            vault::Engine::V2 => Column::Vault2,
        }
    }

    async fn source(&self, endpoint: &str) -> Arc<dyn Source> {
        let options = vault::Options {
            engine: self.version,
            ..options(endpoint)
        };
        let connection = vault::Connection::new(&options).unwrap();
        let identity = Identity::Workload(Arc::new(Web));
        Arc::new(vault::Vault::new(&connection, identity, uncounted()).unwrap())
    }

    fn aside(&self, request: &Request) -> Option<Reply> {
        self.tokens.answer(request)
    }

    fn is_login(&self, request: &Request) -> bool {
        request.line.ends_with("/login")
    }

    fn good(&self, request: &Request, value: &[u8]) -> Reply {
        let text = std::str::from_utf8(value).unwrap();
        let body = match self.version {
            vault::Engine::V1 => format!("{{\"data\":{text}}}"),
            vault::Engine::V2 => {
                assert!(request.line.contains("/data/"), "{}", request.line);
                format!("{{\"data\":{{\"data\":{text},\"metadata\":{{\"version\":1}}}}}}")
            }
        };
        Reply::Raw(200, "", body.into_bytes())
    }

    fn says(&self, _: &Request, what: Says) -> Option<Reply> {
        let keeps_none = self.version == vault::Engine::V1;
        if keeps_none && matches!(what, Says::VersionMissing | Says::Disabled) {
            return None;
        }
        let errors = |status: u16, errors: Value| Reply::Json(status, json!({"errors": errors}));
        Some(match what {
            Says::Missing | Says::VersionMissing => errors(404, json!([])),
            Says::Disabled => {
                let metadata = json!({"version": 2, "deletion_time": "2026-11-21T00:00:00Z", "destroyed": false});
                Reply::Json(404, json!({"data": {"data": null, "metadata": metadata}}))
            }
            Says::Denied => errors(403, json!([format!("permission denied {MARKER}")])),
            Says::Unauthenticated => {
                self.tokens.revoke();
                errors(403, json!([format!("permission denied {MARKER}")]))
            }
            Says::Throttled(None) => errors(429, json!([MARKER])),
            Says::Throttled(Some(_)) => Reply::Raw(
                429,
                "Retry-After: 7\r\n",
                format!("{{\"errors\":[\"{MARKER}\"]}}").into_bytes(),
            ),
            Says::Failing => errors(500, json!([MARKER])),
        })
    }

    fn listing(&self, request: &Request, names: &[String]) -> Reply {
        assert!(request.line.ends_with("/p/?list=true"), "{}", request.line);
        let relative: Vec<&str> = names
            .iter()
            .map(|name| name.strip_prefix("p/").unwrap())
            .collect();
        Reply::Json(200, json!({"data": {"keys": relative}}))
    }

    fn sample(&self, sample: Sample) -> Option<Vec<u8>> {
        let text = match sample {
            Sample::Marked => format!("{{\"a\":\"{MARKER}\"}}"),
            Sample::Empty => "{}".to_owned(),
            // Byte for byte: escapes, digits and spaces as they are sent.
            Sample::Unicode => "{ \"größe\" : \"秘密 \u{1f511}\",\"e\":\"\\u00e9\\u003c\",\
                                \"n\":12345678901234567890.10,\"x\":1E2}"
                .to_owned(),
            Sample::TooLarge => format!("{{\"a\":\"{}\"}}", "x".repeat(3 * 1024 * 1024)),
            Sample::Binary => return None,
        };
        Some(text.into_bytes())
    }
}

#[tokio::test]
async fn version_2_bears_every_fault() {
    holds(&engine(vault::Engine::V2)).await;
}

#[tokio::test]
async fn version_1_bears_every_fault() {
    holds(&engine(vault::Engine::V1)).await;
}

pub(super) fn subjects() -> Vec<Box<dyn Subject>> {
    vec![
        Box::new(engine(vault::Engine::V1)),
        Box::new(engine(vault::Engine::V2)),
    ]
}
