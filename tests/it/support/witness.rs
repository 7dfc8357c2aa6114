//! Stands before the API server and notes whose tokens are asked for, what for, and what was given.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kube::Client;
use serde_json::Value;
use tokio::sync::watch;

use super::cluster::without_credentials;
use super::veil::kept_back;

/// The watch that can be held back.
const PODS: &str = "/api/v1/pods";

/// A request for a token of a ServiceAccount.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) namespace: String,
    pub(crate) account: String,
    /// The request's `spec`.
    pub(crate) spec: Value,
    pub(crate) code: u16,
    token: Option<String>,
}

impl Asked {
    /// The one audience.
    pub(crate) fn audience(&self) -> &str {
        match self.spec["audiences"].as_array().unwrap().as_slice() {
            [audience] => audience.as_str().unwrap(),
            others => panic!("{} audiences", others.len()),
        }
    }

    /// The pod that it is bound to: name and uid.
    pub(crate) fn bound(&self) -> (&str, &str) {
        let bound = &self.spec["boundObjectRef"];
        assert_eq!(
            (bound["kind"].as_str(), bound["apiVersion"].as_str()),
            (Some("Pod"), Some("v1"))
        );
        (
            bound["name"].as_str().unwrap(),
            bound["uid"].as_str().unwrap(),
        )
    }
}

/// Makes another token of who asked, and for whom: namespace, name, audience.
type Forge = dyn Fn(&str, &str, &str) -> String + Send + Sync;

#[derive(Default)]
struct Notes {
    asked: Vec<Asked>,
    looked_up: Vec<(String, String)>,
    forge: Option<Arc<Forge>>,
}

#[derive(Clone)]
struct Front {
    client: Client,
    notes: Arc<Mutex<Notes>>,
    down: watch::Receiver<bool>,
}

pub(crate) struct Witness {
    /// Where it listens.
    pub(crate) url: String,
    notes: Arc<Mutex<Notes>>,
    down: watch::Sender<bool>,
}

impl Witness {
    pub(crate) async fn start() -> Self {
        let (down, receiver) = watch::channel(false);
        let notes = Arc::<Mutex<Notes>>::default();
        let front = Front {
            client: without_credentials().await,
            notes: notes.clone(),
            down: receiver,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(front);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, notes, down }
    }

    /// Every request for a token so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.notes.lock().unwrap().asked.clone()
    }

    /// The requests for tokens of one ServiceAccount.
    pub(crate) fn asked_of(&self, namespace: &str, account: &str) -> Vec<Asked> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.namespace == namespace && asked.account == account);
        asked
    }

    /// How often a ServiceAccount was looked up.
    pub(crate) fn looked_up(&self, namespace: &str, account: &str) -> usize {
        let notes = self.notes.lock().unwrap();
        let looked_up = notes.looked_up.iter();
        looked_up
            .filter(|(a, b)| (a.as_str(), b.as_str()) == (namespace, account))
            .count()
    }

    /// Every token that was handed out.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.asked()
            .into_iter()
            .filter_map(|asked| asked.token)
            .collect()
    }

    /// From now on hands out these instead of the API server's.
    pub(crate) fn forge(&self, forge: impl Fn(&str, &str, &str) -> String + Send + Sync + 'static) {
        self.notes.lock().unwrap().forge = Some(Arc::new(forge));
    }

    /// From now on the watch of pods says nothing.
    pub(crate) fn hide_pods(&self) {
        self.down.send_replace(true);
    }
}

/// Namespace, name and what follows of a ServiceAccount's path.
fn account_of(path: &str) -> Option<(String, String, &str)> {
    let rest = path.strip_prefix("/api/v1/namespaces/")?;
    let (namespace, rest) = rest.split_once("/serviceaccounts/")?;
    let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
    Some((namespace.to_owned(), name.to_owned(), rest))
}

async fn answer(State(front): State<Front>, request: Request<Body>) -> Response {
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::HOST);
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let path = head.uri.path().to_owned();
    let is_watch = head.uri.query().unwrap_or_default().contains("watch=true");
    let method = head.method.clone();
    let sent = Request::from_parts(head, kube::client::Body::from(body.to_vec()));
    let Ok(response) = front.client.send(sent).await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let response = response.map(Body::new);
    match account_of(&path) {
        Some((namespace, name, "token")) if method == Method::POST => {
            token(&front, namespace, name, &body, response).await
        }
        Some((namespace, name, "")) => {
            front
                .notes
                .lock()
                .unwrap()
                .looked_up
                .push((namespace, name));
            response
        }
        _ if is_watch && path == PODS => response.map(|body| kept_back(body, front.down)),
        _ => response,
    }
}

async fn token(
    front: &Front,
    namespace: String,
    account: String,
    request: &[u8],
    response: Response,
) -> Response {
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut answer: Value = serde_json::from_slice(&body).unwrap();
    let request: Value = serde_json::from_slice(request).unwrap();
    let mut asked = Asked {
        namespace,
        account,
        spec: request["spec"].clone(),
        code: head.status.as_u16(),
        token: None,
    };
    let forge = front.notes.lock().unwrap().forge.clone();
    if head.status.is_success() {
        if let Some(forge) = forge {
            answer["status"]["token"] =
                forge(&asked.namespace, &asked.account, asked.audience()).into();
        }
        asked.token = answer["status"]["token"].as_str().map(str::to_owned);
    }
    head.headers.remove(header::CONTENT_LENGTH);
    front.notes.lock().unwrap().asked.push(asked);
    Response::from_parts(head, Body::from(answer.to_string()))
}
