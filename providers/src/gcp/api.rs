//! One call to Google: as one identity, under its deadline, observed, its error classed.

mod whoami;

use std::future::Future;
use std::sync::Arc;

use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::classify::{self, About};
use super::connection::Connection;
use super::credentials::Credentials;
use crate::http::{self, Answer, Ask};
use crate::retry::pause;
use crate::session::Held;
use crate::source::Observer;
use crate::{Error, ErrorKind, Identity, SecretBytes};

/// Largest answer with a value: one of 1 MiB in base64 beside the same once more.
const LARGEST: usize = 4 * 1024 * 1024;

/// What is asked of a service.
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    /// JSON.
    pub(super) body: Option<Zeroizing<Vec<u8>>>,
    /// Most bytes of the answer.
    pub(super) limit: usize,
    /// Whether it may be said again where no answer came.
    pub(super) repeats: bool,
}

impl<'a> Request<'a> {
    pub(super) fn new(method: Method, path: &'a str, query: Option<&'a str>) -> Self {
        Self {
            method,
            path,
            query,
            body: None,
            limit: LARGEST,
            repeats: true,
        }
    }

    pub(super) fn body(self, body: &serde_json::Value) -> Self {
        let bytes = Zeroizing::new(body.to_string().into_bytes());
        Self {
            body: Some(bytes),
            ..self
        }
    }
}

/// A service of a connection as one identity; clones share its credentials.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) connection: Connection,
    endpoint: Url,
    credentials: Arc<Credentials>,
    observer: Observer,
}

impl Api {
    pub(super) fn new(
        connection: &Connection,
        service: &str,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        let endpoint = connection.endpoint(service)?;
        Ok(Self::at(connection, endpoint, identity, observer))
    }

    /// A service at an address of its own.
    pub(super) fn at(
        connection: &Connection,
        endpoint: Url,
        identity: Identity,
        observer: Observer,
    ) -> Self {
        let credentials = Credentials::new(connection, identity, Arc::clone(&observer));
        Self {
            endpoint,
            credentials: Arc::new(credentials),
            connection: connection.clone(),
            observer,
        }
    }

    /// Asks for what is at a path of the service.
    pub(super) async fn get(
        &self,
        path: &str,
        query: Option<&str>,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let request = Request::new(Method::GET, path, query);
        self.send(request, about, deadline).await
    }

    /// Asks a service; a token that is not accepted is replaced once.
    pub(super) async fn send(
        &self,
        request: Request<'_>,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let url = http::below(&self.endpoint, request.path, request.query)?;
        let attempts = match request.repeats {
            true => self.connection.shared.options.attempts.max(1),
            false => 1,
        };
        let (mut tried, mut renewed) = (1, false);
        loop {
            let token = self.credentials.token(deadline).await?;
            let call = self.once(url.clone(), &request, &token, about, deadline);
            let error = match http::observed(&self.observer, about.operation, call).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            match error.kind {
                ErrorKind::Unauthenticated if !renewed && self.credentials.refuse(&token) => {
                    renewed = true;
                }
                ErrorKind::Unavailable if tried < attempts && pause(tried, deadline).await => {
                    tried += 1;
                }
                _ => return Err(error),
            }
        }
    }

    async fn once(
        &self,
        url: Url,
        request: &Request<'_>,
        token: &Held<SecretBytes>,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut ask = Ask {
            method: request.method.clone(),
            body: request
                .body
                .as_ref()
                .map(|body| ("application/json", body.to_vec())),
            ..Ask::get(about.operation, url, request.limit)
        };
        ask.headers
            .insert(AUTHORIZATION, http::sensitive("Bearer ", token.value())?);
        let answer = self.connection.shared.http.send(ask, deadline).await?;
        match answer.status {
            200 => Ok(answer.body),
            _ => Err(classify::response(&answer, about)),
        }
    }
}

/// A call without credentials of ours: to the metadata server, or one that asks for them.
pub(super) async fn plain(
    connection: &Connection,
    observer: &Observer,
    ask: Ask,
    deadline: Instant,
) -> Result<Answer, Error> {
    let operation = ask.operation;
    http::observed(
        observer,
        operation,
        connection.shared.http.send(ask, deadline),
    )
    .await
}

/// A path at a host of the settings.
pub(super) fn url(host: &str, path: &str) -> Result<Url, Error> {
    Url::parse(&format!("{}{path}", host.trim_end_matches('/'))).map_err(|_| {
        Error::new(
            ErrorKind::Invalid,
            "a host of the store's settings is no URL: write https://HOST",
        )
    })
}

/// A body without values, as what it should be.
pub(super) fn parsed<T: DeserializeOwned>(body: &[u8], operation: &str) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|_| classify::garbage(operation))
}

/// A future that ends at the deadline.
pub(super) async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match timeout_at(deadline, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(
            ErrorKind::Unavailable,
            "google cloud did not answer in time",
        )),
    }
}
