//! The cluster's API server as an older one would be: it refuses to stream lists, in the words of
//! those from 1.27 on, and passes on everything else.

use axum::Router;
use axum::extract::State;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kube::Client;
use serde_json::json;

use super::cluster::without_credentials;

/// What servers say whose feature gate is off.
pub(crate) const GATE_OFF: &str = "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";
/// What servers before 1.27 say.
pub(crate) const BEFORE_1_27: &str =
    "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch";

/// A server's refusal to stream a list.
pub(crate) fn refuse(why: &str) -> Response {
    let message = format!("ListOptions.meta.k8s.io \"\" is invalid: {why}");
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "Invalid", "code": 422});
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (StatusCode::UNPROCESSABLE_ENTITY, kind, status.to_string()).into_response()
}

/// Starts it, until the test ends; its URL.
pub(crate) async fn start() -> String {
    let client = without_credentials().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(client);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

async fn answer(State(client): State<Client>, request: Request<axum::body::Body>) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if query.contains("sendInitialEvents=true") {
        return refuse(GATE_OFF);
    }
    let (mut head, body) = request.into_parts();
    head.headers.remove(header::HOST);
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let request = Request::from_parts(head, kube::client::Body::from(body));
    match client.send(request).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
