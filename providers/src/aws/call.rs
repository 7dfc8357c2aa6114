//! One call to AWS: under its deadline, observed, its error classed and the SDK's own dropped.

use std::error::Error as StdError;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::Connection;
use super::answers::Answers;
use super::classify::{self, About};
use super::role::Role;
use crate::source::{Call, Observer, outcome};
use crate::{Entry, EntryRef, Error, ErrorKind};

/// Calls under way where a batch becomes single ones.
const AT_ONCE: usize = 8;

/// Who is told of calls, and whose credentials they are made with.
#[derive(Clone)]
pub(super) struct Caller {
    observer: Observer,
    role: Option<Arc<Role>>,
}

impl Caller {
    pub(super) fn new(connection: &Connection, observer: Observer) -> Self {
        if let Some(role) = &connection.role {
            role.observed_by(&observer);
        }
        Self {
            observer,
            role: connection.role.clone(),
        }
    }
}

/// Sends a call of the SDK; a workload's credentials that are not accepted are replaced once.
pub(super) async fn call<T, E, F>(
    caller: &Caller,
    about: About<'_>,
    deadline: Instant,
    send: impl Fn() -> F,
) -> Result<T, Error>
where
    E: ProvideErrorMetadata + StdError + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let began = Instant::now();
    match (
        once(&caller.observer, about, deadline, send()).await,
        &caller.role,
    ) {
        (Err(error), Some(role))
            if error.kind == ErrorKind::Unauthenticated && role.refuse_older(began) =>
        {
            once(&caller.observer, about, deadline, send()).await
        }
        (result, _) => result,
    }
}

/// Sends one call of the SDK.
pub(super) async fn once<T, E: ProvideErrorMetadata + StdError + 'static>(
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
