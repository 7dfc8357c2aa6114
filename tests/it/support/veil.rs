//! Stands before the API server, as its administrator, and keeps back what a watch would tell.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures::{StreamExt, stream};
use kube::Client;
use tokio::sync::watch;

/// How a watch ends whose version is too old: whoever watched has to list again.
const EXPIRED: &str = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}"#;

pub(crate) struct Veil {
    /// Where it listens.
    pub(crate) url: String,
    down: watch::Sender<bool>,
}

#[derive(Clone)]
struct Front {
    admin: Client,
    /// The path whose watches are concerned.
    path: &'static str,
    down: watch::Receiver<bool>,
}

impl Veil {
    /// Concerns the watches on a path.
    pub(crate) async fn before(admin: Client, path: &'static str) -> Self {
        let (down, receiver) = watch::channel(false);
        let front = Front {
            admin,
            path,
            down: receiver,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(forward).with_state(front);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, down }
    }

    /// From now on these watches say nothing.
    pub(crate) fn fall(&self) {
        self.down.send_replace(true);
    }

    /// They end, with nothing of what was kept back.
    pub(crate) fn lift(&self) {
        self.down.send_replace(false);
    }
}

async fn forward(State(front): State<Front>, request: Request) -> Response {
    let (mut head, body) = request.into_parts();
    // The administrator's own credentials take its place.
    head.headers.remove(http::header::AUTHORIZATION);
    head.headers.remove(http::header::HOST);
    let veiled = head.uri.path() == front.path
        && head.uri.query().unwrap_or_default().contains("watch=true");
    head.uri = head.uri.path_and_query().unwrap().as_str().parse().unwrap();
    head.version = http::Version::HTTP_11;
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = http::Request::from_parts(head, kube::client::Body::from(body.to_vec()));
    let (head, body) = front.admin.send(request).await.unwrap().into_parts();
    let body = Body::new(body);
    let body = if veiled && head.status.is_success() {
        kept_back(body, front.down)
    } else {
        body
    };
    Response::from_parts(head, body)
}

/// What a watch tells until the veil falls, and again when it is lifted: that it has to begin anew.
pub(crate) fn kept_back(body: Body, down: watch::Receiver<bool>) -> Body {
    let chunks = body.into_data_stream();
    let told = stream::unfold(Some((chunks, down)), |open| async {
        let (mut chunks, mut down) = open?;
        let chunk = tokio::select! {
            biased;
            _ = down.wait_for(|down| *down) => None,
            chunk = chunks.next() => Some(chunk?),
        };
        if let Some(chunk) = chunk {
            return Some((chunk, Some((chunks, down))));
        }
        // Read on, so that nothing waits for it; all of it is lost.
        tokio::select! {
            _ = down.wait_for(|down| !*down) => {}
            () = chunks.for_each(|_| async {}) => {}
        }
        Some((Ok(Bytes::from(format!("{EXPIRED}\n"))), None))
    });
    Body::from_stream(told)
}
