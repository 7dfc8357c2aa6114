//! A request and its answer.

use std::borrow::Cow;
use std::fmt;

use axum::body::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A request, whole.
pub struct Ask {
    /// Its method.
    pub method: Method,
    /// The `Host` header, with the port.
    pub host: String,
    /// The path as it was sent, not decoded.
    pub path: String,
    /// The query as it was sent.
    pub query: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and body carry tokens and values.
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Ask {
    /// The host without the port.
    #[must_use]
    pub fn host_name(&self) -> &str {
        let host = self.host.as_str();
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        }
    }

    /// A header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the query, decoded. Its name's case does not matter (Azure's clients write it in any).
    #[must_use]
    pub fn param(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
    }

    /// All parameters of this name.
    #[must_use]
    pub fn params(&self, name: &str) -> Vec<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// A field of a body that is a form or a JSON object of strings.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        if self
            .header("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"))
        {
            return self.json()?.get(name)?.as_str().map(str::to_owned);
        }
        form_urlencoded::parse(&self.body)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// The body, if it is JSON.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The token of `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    }

    /// The parts of the path, each decoded once. A part that is not UTF-8 then is as it was sent.
    #[must_use]
    pub fn segments(&self) -> Vec<Cow<'_, str>> {
        let path = self.path.strip_prefix('/').unwrap_or(&self.path);
        path.split('/')
            .map(|part| {
                percent_decode_str(part)
                    .decode_utf8()
                    .unwrap_or(Cow::Borrowed(part))
            })
            .collect()
    }
}

/// An answer, and whom it was for.
#[derive(Clone)]
pub struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    pub(crate) principal: Option<String>,
    pub(crate) operation: Option<String>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)
    }
}

impl Answer {
    /// Without a body. A status that is none becomes 500.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            headers: Vec::new(),
            body: Bytes::new(),
            principal: None,
            operation: None,
        }
    }

    /// JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::with_body(status, "application/json; charset=utf-8", body.to_string())
    }

    /// Anything else.
    #[must_use]
    pub fn with_body(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::new(status);
        answer
            .headers
            .push((header::CONTENT_TYPE, HeaderValue::from_static(kind)));
        answer.body = body.into();
        answer
    }

    /// One header more; one that cannot be sent is left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            self.headers.push((name, value));
        }
        self
    }

    /// For whom, in the record.
    #[must_use]
    pub fn by(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// What was asked for, in the record.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }
}
