//! What the SDK sends through: to the hosts of the settings only, answers bounded.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::{Error as SdkError, ErrorKind as SdkKind};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, Url};
use reqwest::header;
use tokio::time::Instant;

use crate::http::{Ask, Client};
use crate::{Error, ErrorKind};

/// The one kind of body that is sent: requests for tokens.
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) struct Pinned {
    http: Client,
    operation: &'static str,
    hosts: Vec<Url>,
    limit: usize,
    timeout: Duration,
}

impl Pinned {
    pub(super) fn new(
        http: Client,
        operation: &'static str,
        hosts: Vec<Url>,
        limit: usize,
        timeout: Duration,
    ) -> Self {
        Self {
            http,
            operation,
            hosts,
            limit,
            timeout,
        }
    }

    /// What the SDK wants sent, as our client sends it.
    fn ask(&self, request: &Request) -> Result<Ask, Error> {
        let url = request.url();
        // Above all links to next pages, which come from the server.
        if !self.hosts.iter().any(|host| host.origin() == url.origin()) {
            let sentence = format!(
                "{} leads to a host that is not this store's: nothing was sent there",
                self.operation
            );
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        let mut ask = match (request.method(), request.body()) {
            (Method::Get, _) => Ask::get(self.operation, url.clone(), self.limit),
            (Method::Post, Body::Bytes(bytes)) => Ask::post(
                self.operation,
                url.clone(),
                (FORM, bytes.to_vec()),
                self.limit,
            ),
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "only reads and requests for tokens are sent",
                ));
            }
        };
        for (name, value) in request.headers().iter() {
            let name = header::HeaderName::from_bytes(name.as_str().as_bytes());
            let value = header::HeaderValue::from_str(value.as_str());
            let (Ok(name), Ok(mut value)) = (name, value) else {
                return Err(Error::new(
                    ErrorKind::Invalid,
                    "a header of the request has characters that no header has",
                ));
            };
            if name == header::CONTENT_LENGTH {
                continue;
            }
            value.set_sensitive(name == header::AUTHORIZATION);
            ask.headers.insert(name, value);
        }
        Ok(ask)
    }
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Pinned {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        // Our own error goes through the SDK and is found again behind it.
        let wrapped = |error: Error| SdkError::new(SdkKind::Io, error);
        let ask = self.ask(request).map_err(wrapped)?;
        // The caller's deadline is nearer; this one is for tokens that the SDK asks for by itself.
        let deadline = Instant::now() + self.timeout;
        let answer = self.http.send(ask, deadline).await.map_err(wrapped)?;
        let mut headers = Headers::new();
        for (name, value) in &answer.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(
                    HeaderName::from(name.as_str().to_owned()),
                    HeaderValue::from(value.to_owned()),
                );
            }
        }
        Ok(AsyncRawResponse::from_bytes(
            answer.status.into(),
            headers,
            Bytes::copy_from_slice(&answer.body),
        ))
    }
}
