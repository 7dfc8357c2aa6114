//! One mount of one server: what all identities share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::time::Instant;

use super::mark::Marker;
use super::options::{Auth, Engine, Options};
use crate::http::{self, Answer, Ask, Client};
use crate::{Error, ErrorKind, SecretBytes};

const TOKEN: &str = "x-vault-token";
const NAMESPACE: &str = "x-vault-namespace";
/// Agents and proxies in front of a server may insist on it.
const REQUEST: &str = "x-vault-request";

/// One mount of one server; clones share its connections.
#[derive(Clone)]
pub struct Connection(Arc<Shared>);

struct Shared {
    client: Client,
    address: Url,
    namespace: Option<HeaderValue>,
    mount: String,
    engine: Engine,
    /// The server said that it is this engine.
    confirmed: AtomicBool,
    auth: Auth,
    timeout: Duration,
    marker: Marker,
}

impl Connection {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// The address, the mount, the namespace or the login cannot be meant, or the CA file holds no
    /// certificate.
    pub fn new(options: &Options) -> Result<Self, Error> {
        options.check()?;
        let namespace = options
            .namespace
            .as_deref()
            .map(HeaderValue::from_str)
            .transpose()
            .map_err(|_| {
                Error::new(
                    ErrorKind::Invalid,
                    "the namespace of a vault store cannot be sent in a header",
                )
            })?;
        Ok(Self(Arc::new(Shared {
            client: Client::new(options.ca_pem.as_deref(), options.timeout)?,
            address: http::address(&options.address)?,
            namespace,
            mount: options.mount.clone(),
            engine: options.engine,
            confirmed: AtomicBool::new(false),
            auth: options.auth.clone(),
            timeout: options.timeout,
            marker: Marker::new()?,
        })))
    }

    /// Where the server is.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address.to_string()
    }

    pub(super) fn mount(&self) -> &str {
        &self.0.mount
    }

    pub(super) fn engine(&self) -> Engine {
        self.0.engine
    }

    /// Whether the server said that the engine is the one of the config.
    pub(super) fn confirmed(&self) -> bool {
        self.0.confirmed.load(Ordering::Relaxed)
    }

    pub(super) fn confirm(&self) {
        self.0.confirmed.store(true, Ordering::Relaxed);
    }

    pub(super) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(super) fn marker(&self) -> &Marker {
        &self.0.marker
    }

    /// When what is not done for one read has to be done.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.0.timeout
    }

    /// Reads `path` of the API, without `/v1/`.
    pub(super) async fn get(
        &self,
        operation: &'static str,
        path: &str,
        query: Option<&str>,
        limit: usize,
        token: &SecretBytes,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let url = self.url(path, query)?;
        self.send(Ask::get(operation, url, limit), Some(token), deadline)
            .await
    }

    /// Posts JSON to `path` of the API, without `/v1/`.
    pub(super) async fn post(
        &self,
        operation: &'static str,
        path: &str,
        body: Vec<u8>,
        token: Option<&SecretBytes>,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        /// Far more than any token with its metadata.
        const LIMIT: usize = 256 * 1024;
        let ask = Ask::post(
            operation,
            self.url(path, None)?,
            ("application/json", body),
            LIMIT,
        );
        self.send(ask, token, deadline).await
    }

    fn url(&self, path: &str, query: Option<&str>) -> Result<Url, Error> {
        http::below(&self.0.address, &format!("v1/{path}"), query)
    }

    async fn send(
        &self,
        mut ask: Ask,
        token: Option<&SecretBytes>,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let mut headers = HeaderMap::with_capacity(3);
        headers.insert(REQUEST, HeaderValue::from_static("true"));
        if let Some(namespace) = &self.0.namespace {
            headers.insert(NAMESPACE, namespace.clone());
        }
        if let Some(token) = token {
            headers.insert(TOKEN, http::sensitive("", token)?);
        }
        ask.headers = headers;
        self.0.client.send(ask, deadline).await
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.0.address.as_str())
            .field("mount", &self.0.mount)
            .finish_non_exhaustive()
    }
}
