//! What the SDK sends through: to the hosts of the settings only, answers bounded.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::error::{Error as SdkError, ErrorKind as SdkKind};
use azure_core::http::headers::{CONTENT_TYPE, HeaderName, HeaderValue, Headers};
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, Request, Url};
use reqwest::header;
use tokio::time::Instant;

use crate::http::{Ask, Client};
use crate::{Error, ErrorKind};

/// What bodies are, by what the request says; one that says nothing is a request for a token.
const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
const SETTING: &str = "application/vnd.microsoft.appconfig.kv+json";

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
        let method = match request.method() {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
            _ => return Err(unsupported()),
        };
        let Body::Bytes(bytes) = request.body() else {
            return Err(unsupported());
        };
        let said = request.headers().get_optional_str(&CONTENT_TYPE);
        let media = [JSON, SETTING].into_iter().find(|it| said == Some(*it));
        let has_body = method != reqwest::Method::GET && (!bytes.is_empty() || said.is_some());
        let mut ask = Ask {
            method,
            body: has_body.then(|| (media.unwrap_or(FORM), bytes.to_vec())),
            ..Ask::get(self.operation, url.clone(), self.limit)
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
            if name == header::CONTENT_LENGTH || name == header::CONTENT_TYPE {
                continue;
            }
            value.set_sensitive(name == header::AUTHORIZATION);
            ask.headers.insert(name, value);
        }
        Ok(ask)
    }
}

fn unsupported() -> Error {
    let sentence = "only reads, writes and requests for tokens are sent";
    Error::new(ErrorKind::Unsupported, sentence)
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
