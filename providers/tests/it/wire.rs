//! A server that speaks just enough HTTP to answer as told, over TLS if need be.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// One request; the operation is that of the protocol that both AWS services speak.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// How many came before it.
    pub(crate) number: usize,
    /// `GetSecretValue`, …
    pub(crate) operation: String,
    /// `GET /path?query`.
    pub(crate) line: String,
    /// By their names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Value,
}

impl Request {
    /// A list of strings in the body.
    pub(crate) fn list(&self, field: &str) -> Vec<String> {
        let items = self.body[field].as_array().into_iter().flatten();
        items
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_default()
    }
}

/// What the server does.
pub(crate) enum Reply {
    Json(u16, Value),
    /// Status, further header lines, body.
    Raw(u16, &'static str, Vec<u8>),
    /// The same after a while.
    Late(Duration, Value),
    /// Half of the body, then the end of the connection.
    Cut(Vec<u8>),
    Hang,
    Close,
}

impl Reply {
    /// An error as AWS sends it, with a message that must not get out.
    pub(crate) fn error(code: &str, message: &str) -> Self {
        let message = format!("{message} {}", crate::support::MARKER);
        Self::Json(400, serde_json::json!({"__type": code, "message": message}))
    }
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;
/// What a server answers, boxed.
pub(crate) type Answers = Box<Script>;

/// The server; it ends when it is dropped.
pub(crate) struct Wire {
    pub(crate) endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
    accepted: Arc<AtomicUsize>,
    _connections: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn new(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(None, Arc::new(script)).await
    }

    pub(crate) async fn tls(
        acceptor: TlsAcceptor,
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start(Some(acceptor), Arc::new(script)).await
    }

    async fn start(acceptor: Option<TlsAcceptor>, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let endpoint = format!(
            "{scheme}://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut connections = JoinSet::new();
        let seen = Arc::clone(&requests);
        let accepted = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&accepted);
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                // Else the second write of an answer waits 40 ms for the first one's receipt.
                let _ = stream.set_nodelay(true);
                let (script, seen, acceptor) =
                    (Arc::clone(&script), Arc::clone(&seen), acceptor.clone());
                open.spawn(async move {
                    match acceptor {
                        None => serve(stream, &script, &seen).await,
                        Some(acceptor) => match acceptor.accept(stream).await {
                            Ok(stream) => serve(stream, &script, &seen).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self {
            endpoint,
            requests,
            accepted,
            _connections: connections,
        }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Their operations.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.operation)
            .collect()
    }
}

/// Answers one connection's requests until either side ends it.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &Arc<Script>,
    seen: &Mutex<Vec<Request>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut operation) = (0, String::new());
        let (mut first, mut headers) = (String::new(), HashMap::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if first.is_empty() {
                line.rsplit_once(' ')?.0.clone_into(&mut first);
                continue;
            }
            if let Some((name, value)) = line.split_once(':') {
                let name = name.to_ascii_lowercase();
                headers.insert(name.clone(), value.trim().to_owned());
                match name.as_str() {
                    "content-length" => length = value.trim().parse().ok()?,
                    "x-amz-target" => operation = value.rsplit('.').next()?.trim().to_owned(),
                    _ => {}
                }
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        let request = {
            let mut seen = seen.lock().unwrap();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            let request = Request {
                number: seen.len(),
                operation,
                line: first,
                headers,
                body,
            };
            seen.push(request.clone());
            request
        };
        let (status, headers, body) = match script(&request) {
            Reply::Json(status, body) => (status, "", body.to_string().into_bytes()),
            Reply::Raw(status, headers, body) => (status, headers, body),
            Reply::Late(delay, body) => {
                tokio::time::sleep(delay).await;
                (200, "", body.to_string().into_bytes())
            }
            Reply::Cut(body) => {
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
                    body.len() * 2
                );
                stream.write_all(head.as_bytes()).await.ok()?;
                stream.write_all(&body).await.ok()?;
                stream.shutdown().await.ok()?;
                return None;
            }
            Reply::Hang => std::future::pending().await,
            Reply::Close => return None,
        };
        let head = format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: application/x-amz-json-1.1\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        stream.write_all(&body).await.ok()?;
        stream.flush().await.ok()?;
    }
}
