//! A proxy in front of moto that notes which rights a call would need at AWS.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::moto;

/// (action, resource) pairs.
pub(crate) type Pairs = BTreeSet<(String, String)>;

#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) endpoint: String,
    pairs: Arc<Mutex<Pairs>>,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        tokio::task::spawn_blocking(moto::endpoint).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let pairs = Arc::<Mutex<Pairs>>::default();
        let router = Router::new().fallback(forward).with_state(pairs.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { endpoint, pairs }
    }

    /// What was needed so far.
    pub(crate) fn pairs(&self) -> Pairs {
        self.pairs.lock().unwrap().clone()
    }
}

async fn forward(
    State(pairs): State<Arc<Mutex<Pairs>>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    pairs.lock().unwrap().extend(needed(&target, &request));
    let mut message = format!(
        "POST / HTTP/1.1\r\nhost: moto\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for name in [
        "x-amz-target",
        "content-type",
        "authorization",
        "x-amz-date",
    ] {
        if let Some(value) = headers.get(name) {
            message.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
    }
    message.push_str("\r\n");
    let address = moto::endpoint().trim_start_matches("http://");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(message.as_bytes()).await.unwrap();
    stream.write_all(&body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        StatusCode::from_u16(status).unwrap(),
        [("content-type", "application/x-amz-json-1.1")],
        answer[end + 4..].to_vec(),
    )
        .into_response()
}

/// As the Service Authorization Reference has it.
fn needed(target: &str, request: &Value) -> Vec<(String, String)> {
    let arn = |service: &str, resource: &str| {
        let (region, account) = (moto::REGION, moto::ACCOUNT);
        format!("arn:aws:{service}:{region}:{account}:{resource}")
    };
    let secret = |name: &Value| {
        let name = name.as_str().unwrap();
        let resource = arn("secretsmanager", &format!("secret:{name}-AbCdEf"));
        ("secretsmanager:GetSecretValue".to_owned(), resource)
    };
    let parameter = |name: &str| {
        let name = name.split(':').next().unwrap();
        arn(
            "ssm",
            &format!("parameter/{}", name.trim_start_matches('/')),
        )
    };
    let (service, operation) = target.split_once('.').unwrap();
    match (service, operation) {
        ("secretsmanager", "GetSecretValue") => vec![secret(&request["SecretId"])],
        ("secretsmanager", "BatchGetSecretValue") => {
            let ids = request["SecretIdList"].as_array().unwrap();
            let batch = (
                "secretsmanager:BatchGetSecretValue".to_owned(),
                "*".to_owned(),
            );
            ids.iter().map(secret).chain([batch]).collect()
        }
        ("secretsmanager", "ListSecrets") => {
            vec![("secretsmanager:ListSecrets".to_owned(), "*".to_owned())]
        }
        ("AmazonSSM", "GetParameters") => {
            let names = request["Names"].as_array().unwrap().iter();
            names
                .map(|name| {
                    (
                        "ssm:GetParameters".to_owned(),
                        parameter(name.as_str().unwrap()),
                    )
                })
                .collect()
        }
        ("AmazonSSM", "GetParameter") => {
            let name = parameter(request["Name"].as_str().unwrap());
            vec![("ssm:GetParameter".to_owned(), name)]
        }
        ("AmazonSSM", "GetParametersByPath") => {
            let path = parameter(request["Path"].as_str().unwrap());
            ["", "/anything"]
                .map(|below| {
                    (
                        "ssm:GetParametersByPath".to_owned(),
                        format!("{path}{below}"),
                    )
                })
                .to_vec()
        }
        other => panic!("the recorder knows no right for {other:?}"),
    }
}

/// Whether an ARN is one of a policy's resources: `*` is any text, `?` one character.
pub(crate) fn is_of(pattern: &str, arn: &str) -> bool {
    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], text) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
            ([b'?', rest @ ..], [_, text @ ..]) => matches(rest, text),
            ([c, rest @ ..], [d, text @ ..]) => c == d && matches(rest, text),
            _ => false,
        }
    }
    matches(pattern.as_bytes(), arn.as_bytes())
}
