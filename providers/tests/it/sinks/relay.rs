//! Passes requests on to a server that closes the connection after each answer, and loses an answer when told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The relay; it ends when it is dropped.
pub(crate) struct Relay {
    pub(crate) endpoint: String,
    loses: Arc<AtomicBool>,
    _connections: JoinSet<()>,
}

impl Relay {
    /// One to `upstream`, an `http://HOST:PORT`.
    pub(crate) async fn new(upstream: &str) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let loses = Arc::<AtomicBool>::default();
        let lost = Arc::clone(&loses);
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (upstream, loses) = (upstream.clone(), Arc::clone(&lost));
                open.spawn(async move { pass(stream, &upstream, &loses).await });
            }
        });
        Self {
            endpoint,
            loses,
            _connections: connections,
        }
    }

    /// The next write is passed on, and its answer is not.
    pub(crate) fn lose_an_answer(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }
}

/// One request and its answer.
async fn pass(stream: TcpStream, upstream: &str, loses: &AtomicBool) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let (mut request, mut length, mut writes) = (String::new(), 0, false);
    loop {
        let at = request.len();
        if stream.read_line(&mut request).await.ok()? == 0 {
            return None;
        }
        let line = request[at..].trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        match line.split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok()?,
            Some(("x-amz-target", value)) => {
                let operation = value.rsplit('.').next()?;
                writes = ["create", "update", "put", "delete"]
                    .iter()
                    .any(|word| operation.starts_with(word));
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let mut server = TcpStream::connect(upstream).await.ok()?;
    server.write_all(request.as_bytes()).await.ok()?;
    server.write_all(&body).await.ok()?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).await.ok()?;
    if writes && loses.swap(false, Ordering::SeqCst) {
        return None;
    }
    stream.write_all(&answer).await.ok()?;
    stream.shutdown().await.ok()
}
