//! Listens, records, plays faults, and leaves the answers to a cloud.

mod play;
mod tls;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::digest::sha256_hex;
use crate::{Answer, Ask, Fault, Faults, Record, Seen};

/// The largest request that is read; every store's own limit is below.
const LARGEST: usize = 8 << 20;

/// What answers requests.
#[async_trait]
pub trait Cloud: Send + Sync + 'static {
    /// The answer.
    async fn answer(&self, ask: &Ask) -> Answer;

    /// An error of this cloud's own form with this status, for [`Fault::Status`].
    fn error(&self, ask: &Ask, status: u16) -> Answer;
}

#[async_trait]
impl<C: Cloud> Cloud for Arc<C> {
    async fn answer(&self, ask: &Ask) -> Answer {
        (**self).answer(ask).await
    }

    fn error(&self, ask: &Ask, status: u16) -> Answer {
        (**self).error(ask, status)
    }
}

struct Desk {
    cloud: Box<dyn Cloud>,
    faults: Arc<Faults>,
    record: Arc<Record>,
}

/// A server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    /// What goes wrong.
    pub faults: Arc<Faults>,
    /// What was asked.
    pub record: Arc<Record>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens on a port of this machine; 0 is any that is free.
    ///
    /// # Errors
    /// The port cannot be had.
    pub async fn start(cloud: impl Cloud, port: u16, tls: Option<TlsAcceptor>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let (faults, record) = (Arc::<Faults>::default(), Arc::<Record>::default());
        let desk = Arc::new(Desk {
            cloud: Box::new(cloud),
            faults: Arc::clone(&faults),
            record: Arc::clone(&record),
        });
        let app = Router::new().fallback(serve).with_state(desk);
        let scheme = if tls.is_some() { "https" } else { "http" };
        // Both end only with the process or with the task.
        let task = tokio::spawn(async move {
            let _ = match tls {
                Some(acceptor) => axum::serve(tls::Tls::new(listener, acceptor), app).await,
                None => axum::serve(tls::Plain(listener), app).await,
            };
        });
        Ok(Self {
            address,
            scheme,
            faults,
            record,
            task,
        })
    }

    /// Where it listens, for a client that is told which address a host has.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body::to_bytes(body, LARGEST).await else {
        return play::response(Answer::new(413));
    };
    let host = parts
        .headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let ask = Ask {
        host: host
            .or_else(|| parts.uri.host())
            .unwrap_or_default()
            .to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        method: parts.method,
        headers: parts.headers,
        body,
    };
    let fault = desk.faults.take(ask.method.as_str(), &ask.path);
    let number = desk.record.add(Seen {
        method: ask.method.to_string(),
        host: ask.host.clone(),
        path: ask.path.clone(),
        query: ask.query.clone(),
        credential: credential(&ask),
        principal: None,
        operation: None,
        status: None,
        fault: fault.as_ref().map(Fault::as_str),
    });
    // The cloud does its part for most faults: a late answer is the answer, and the record knows whose it was.
    let answer = match &fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Status { code, headers }) => headers
            .iter()
            .fold(desk.cloud.error(&ask, *code), |answer, (name, value)| {
                answer.header(name, value)
            }),
        Some(Fault::Late(time)) => {
            tokio::time::sleep(*time).await;
            desk.cloud.answer(&ask).await
        }
        _ => desk.cloud.answer(&ask).await,
    };
    let (principal, operation) = (answer.principal.clone(), answer.operation.clone());
    let response = match fault {
        Some(fault) => play::distorted(answer, &fault),
        None => play::response(answer),
    };
    let status = response.status().as_u16();
    desk.record.settle(number, |seen| {
        seen.principal = principal;
        seen.operation = operation;
        seen.status = Some(status);
    });
    response
}

/// Which credential was shown, in a form that is none itself.
fn credential(ask: &Ask) -> Option<String> {
    if let Some(token) = ask.bearer() {
        let mut digest = sha256_hex(token.as_bytes());
        digest.truncate(12);
        return Some(digest);
    }
    let (_, rest) = ask.header("authorization")?.split_once("Credential=")?;
    rest.split(['/', ',']).next().map(str::to_owned)
}
