//! Calls of a service that are made by hand: writes, and keys.

use std::sync::Arc;

use azure_core::error::CheckSuccessOptions;
use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, RawResponse, Request, Url};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::account::{Account, Credential};
use super::call::Caller;
use super::classify::{self, About};
use super::connection::Connection;
use crate::Error;
use crate::source::Observer;

/// A service as one account.
pub(super) struct Service {
    host: Url,
    version: &'static str,
    pipeline: Pipeline,
    account: Arc<Account>,
    attempts: u32,
    observer: Observer,
}

/// A call.
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Its media type and what it says.
    pub(super) body: Option<(&'static str, Json)>,
    /// Statuses that are an answer.
    pub(super) answers: &'static [u16],
    /// Whether it may be said again where no answer came.
    pub(super) repeats: bool,
}

impl Message {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: None,
            answers: &[200],
            repeats: true,
        }
    }

    /// With a JSON body.
    pub(super) fn json(self, body: Json) -> Self {
        Self {
            body: Some(("application/json", body)),
            ..self
        }
    }
}

impl Service {
    /// `scope` is what the account's tokens are for, `version` that of the API.
    pub(super) fn new(
        connection: &Connection,
        (operation, host, limit): (&'static str, &Url, usize),
        (scope, version): (&'static str, &'static str),
        account: Arc<Account>,
        observer: Observer,
    ) -> Self {
        let policy: Arc<dyn Policy> = Arc::new(BearerTokenAuthorizationPolicy::new(
            Arc::new(Credential(Arc::clone(&account))),
            [scope],
        ));
        let pipeline = Pipeline::new(
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
            connection.client_options(operation, vec![host.clone()], limit),
            Vec::new(),
            vec![policy],
            None,
        );
        Self {
            host: host.clone(),
            version,
            pipeline,
            account,
            attempts: connection.shared.options.attempts.max(1),
            observer,
        }
    }

    /// The address of what these parts name.
    pub(super) fn url(&self, parts: &[&str]) -> Url {
        let mut url = self.host.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url.query_pairs_mut()
            .append_pair("api-version", self.version);
        url
    }

    /// Where a link of an answer leads; the transport sends to no other host.
    pub(super) fn linked(&self, link: &str, operation: &'static str) -> Result<Url, Error> {
        self.host
            .join(link)
            .map_err(|_| classify::garbage(operation))
    }

    pub(super) async fn send(
        &self,
        message: &Message,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<RawResponse, Error> {
        let send = || async {
            let mut request = Request::new(message.url.clone(), message.method);
            request.insert_header("accept", "application/json, application/problem+json");
            for (name, value) in &message.headers {
                request.insert_header(name.clone(), value.clone());
            }
            if let Some((media, body)) = &message.body {
                request.insert_header("content-type", *media);
                request.set_body(body.to_string().into_bytes());
            }
            let options = PipelineSendOptions {
                check_success: CheckSuccessOptions {
                    success_codes: message.answers,
                },
                ..PipelineSendOptions::default()
            };
            self.pipeline
                .send(&Context::new(), &mut request, Some(options))
                .await
        };
        let caller = Caller {
            account: Arc::clone(&self.account),
            attempts: if message.repeats { self.attempts } else { 1 },
        };
        caller.call(&self.observer, about, deadline, send).await
    }

    /// The answer's body.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        message: &Message,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<T, Error> {
        let answer = self.send(message, about, deadline).await?;
        serde_json::from_slice(answer.body()).map_err(|_| classify::garbage(about.operation))
    }
}
