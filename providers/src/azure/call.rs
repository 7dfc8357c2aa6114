//! One call to a service: under its deadline, observed, its error classed and the SDK's own dropped;
//! a token that is not accepted is replaced once.

use std::future::Future;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::account::Account;
use super::classify::{self, About};
use crate::http::observed;
use crate::retry::pause;
use crate::source::Observer;
use crate::{Error, ErrorKind};

/// How calls of a service are made.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) account: Arc<Account>,
    pub(super) attempts: u32,
}

impl Caller {
    /// Sends what `send` makes, more than once where that may help.
    pub(super) async fn call<T, F>(
        &self,
        observer: &Observer,
        about: About<'_>,
        deadline: Instant,
        send: impl Fn() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = azure_core::Result<T>>,
    {
        let (mut tried, mut renewed) = (1, false);
        loop {
            // Had first, so that what is wrong with it is said in our words and costs no call.
            let token = self.account.token(deadline).await?;
            let sent = observed(observer, about.operation, async {
                match timeout_at(deadline, send()).await {
                    Ok(Ok(answer)) => Ok(answer),
                    Ok(Err(error)) => Err(classify::sdk_error(&error, about)),
                    Err(_) => Err(Error::new(
                        ErrorKind::Unavailable,
                        format!("{} did not answer in time", about.operation),
                    )),
                }
            });
            let error = match sent.await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match error.kind {
                ErrorKind::Unauthenticated if !renewed && self.account.refuse(&token) => {
                    renewed = true;
                }
                ErrorKind::Unavailable if tried < self.attempts && pause(tried, deadline).await => {
                    tried += 1;
                }
                _ => return Err(error),
            }
        }
    }
}
