//! One call to AWS: under its deadline, observed, its error classed and the SDK's own dropped.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::answers::Answers;
use super::classify::{self, About};
use crate::source::{Call, Observer, outcome};
use crate::{Entry, EntryRef, Error};

/// Calls under way where a batch becomes single ones.
const AT_ONCE: usize = 8;

/// Sends one call of the SDK.
pub(super) async fn call<T, E: ProvideErrorMetadata + StdError + 'static>(
    observer: &Observer,
    about: About<'_>,
    deadline: Instant,
    send: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<T, Error> {
    let began = Instant::now();
    let result = match timeout_at(deadline, send).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(classify::sdk_error(&error, about)),
        Err(_) => Err(classify::late(about)),
    };
    let operation = about
        .action
        .rsplit_once(':')
        .map_or(about.action, |(_, operation)| operation);
    observer(Call {
        operation,
        outcome: outcome(&result),
        took: began.elapsed(),
    });
    result
}

/// Reads entries one by one, a few at a time.
pub(super) async fn singly<F>(wants: &[EntryRef], read: impl Fn(EntryRef) -> F) -> Answers
where
    F: Future<Output = (EntryRef, Result<Entry, Error>)> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for want in wants {
        let (room, reading) = (Arc::clone(&room), read(want.clone()));
        tasks.spawn(async move {
            // Never closed; without a permit it would only be less polite.
            let _permit = room.acquire().await;
            reading.await
        });
    }
    let mut answers = Vec::with_capacity(wants.len());
    while let Some(joined) = tasks.join_next().await {
        answers.extend(joined.ok());
    }
    answers.into_iter().collect()
}
