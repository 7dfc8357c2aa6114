//! Secrets Manager's JSON protocol with scripted misbehaviour, and a count of what was asked.
//!
//! The values and the good answers are moto's part; this one is for what moto cannot do: hang,
//! deny, throttle, answer late, answer rubbish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// How one entry answers.
#[derive(Clone)]
pub(crate) enum Answer {
    Value(String),
    /// An error code with its HTTP status.
    Error(u16, &'static str, &'static str),
    /// No answer within any deadline.
    Hang,
    /// A body that ends in the middle of the value.
    Truncated(String),
    Rubbish,
}

#[derive(Default)]
struct Script {
    entries: BTreeMap<String, Answer>,
    calls: Vec<(String, Vec<String>)>,
    latency: Duration,
    batch_denied: bool,
}

#[derive(Clone)]
pub(crate) struct FakeAws {
    pub(crate) endpoint: String,
    script: Arc<Mutex<Script>>,
}

impl FakeAws {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::<Mutex<Script>>::default();
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, script }
    }

    pub(crate) fn set(&self, entry: &str, answer: Answer) {
        self.script
            .lock()
            .unwrap()
            .entries
            .insert(entry.to_owned(), answer);
    }

    pub(crate) fn latency(&self, latency: Duration) {
        self.script.lock().unwrap().latency = latency;
    }

    pub(crate) fn deny_batches(&self) {
        self.script.lock().unwrap().batch_denied = true;
    }

    /// Operations so far with the entries that each asked for.
    pub(crate) fn calls(&self) -> Vec<(String, Vec<String>)> {
        self.script.lock().unwrap().calls.clone()
    }

    /// How often an entry was asked for.
    pub(crate) fn asked(&self, entry: &str) -> usize {
        self.calls()
            .iter()
            .filter(|(_, entries)| entries.iter().any(|asked| asked == entry))
            .count()
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let operation = headers["x-amz-target"]
        .to_str()
        .unwrap()
        .trim_start_matches("secretsmanager.")
        .to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let asked: Vec<String> = match &request["SecretIdList"] {
        Value::Array(ids) => ids
            .iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect(),
        _ => vec![request["SecretId"].as_str().unwrap_or_default().to_owned()],
    };
    let (latency, batch_denied, answers) = {
        let mut script = script.lock().unwrap();
        script.calls.push((operation.clone(), asked.clone()));
        let answers: Vec<_> = asked
            .iter()
            .map(|entry| script.entries.get(entry).cloned())
            .collect();
        (script.latency, script.batch_denied, answers)
    };
    tokio::time::sleep(latency).await;
    if answers
        .iter()
        .any(|answer| matches!(answer, Some(Answer::Hang)))
    {
        std::future::pending::<()>().await;
    }
    if operation == "BatchGetSecretValue" {
        return if batch_denied {
            error(400, "AccessDeniedException", "no batches")
        } else {
            batch(&asked, answers)
        };
    }
    match answers.into_iter().next().flatten() {
        None => error(
            400,
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        ),
        Some(Answer::Value(value)) => ok(entry(&asked[0], &value).to_string()),
        Some(Answer::Error(status, code, message)) => error(status, code, message),
        Some(Answer::Truncated(value)) => {
            let whole = entry(&asked[0], &value).to_string();
            ok(whole[..whole.len() - 5].to_owned())
        }
        Some(Answer::Rubbish) => ok("<html>not what you think</html>".to_owned()),
        Some(Answer::Hang) => std::future::pending().await,
    }
}

fn batch(asked: &[String], answers: Vec<Option<Answer>>) -> Response {
    let (mut values, mut errors) = (Vec::new(), Vec::new());
    for (name, answer) in asked.iter().zip(answers) {
        match answer {
            Some(Answer::Value(value)) => values.push(entry(name, &value)),
            Some(Answer::Error(_, code, message)) => {
                errors.push(json!({"SecretId": name, "ErrorCode": code, "Message": message}));
            }
            Some(Answer::Truncated(_) | Answer::Rubbish | Answer::Hang) => {
                errors.push(
                    json!({"SecretId": name, "ErrorCode": "InternalServiceError", "Message": "x"}),
                );
            }
            None => errors.push(
                json!({"SecretId": name, "ErrorCode": "ResourceNotFoundException", "Message": "x"}),
            ),
        }
    }
    ok(json!({"SecretValues": values, "Errors": errors}).to_string())
}

fn entry(name: &str, value: &str) -> Value {
    json!({
        "ARN": format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf"),
        "Name": name,
        "VersionId": "11111111-2222-3333-4444-555555555555",
        "VersionStages": ["AWSCURRENT"],
        "SecretString": value,
        "CreatedDate": 1.0,
    })
}

fn ok(body: String) -> Response {
    ([("content-type", "application/x-amz-json-1.1")], body).into_response()
}

fn error(status: u16, code: &str, message: &str) -> Response {
    let body = json!({"__type": code, "message": message}).to_string();
    (
        StatusCode::from_u16(status).unwrap(),
        [("content-type", "application/x-amz-json-1.1")],
        body,
    )
        .into_response()
}
