//! What the tests have in common: connections, wants, and who counts the calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jasm_providers::source::{Call, Observer};
use jasm_providers::{Entry, EntryRef, Error, ErrorKind, Prefix, SecretBytes, Source, aws};
use tokio::time::Instant;

/// In every value and every message of a faulty answer; must never be in an error or a log.
pub(crate) const MARKER: &str = "m4rk3r";

/// Calls as the observer was told of them.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<(&'static str, &'static str)>>>);

impl Calls {
    pub(crate) fn observer(&self) -> Observer {
        let calls = self.clone();
        Arc::new(move |call: Call| calls.0.lock().unwrap().push((call.operation, call.outcome)))
    }

    /// Operation and outcome of each call since the last time.
    pub(crate) fn take(&self) -> Vec<(&'static str, &'static str)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(crate) fn options(endpoint: &str, region: &str) -> aws::Options {
    aws::Options {
        endpoint: Some(endpoint.to_owned()),
        credentials: aws::Credentials::Static {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: SecretBytes::from(format!("key-{MARKER}")),
        },
        ..aws::Options::new(region)
    }
}

pub(crate) async fn connect(options: &aws::Options) -> aws::Connection {
    aws::Connection::new(options).await.unwrap()
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

pub(crate) fn want(path: impl Into<String>) -> EntryRef {
    EntryRef {
        path: path.into(),
        version: None,
    }
}

pub(crate) fn versioned(path: impl Into<String>, version: impl Into<String>) -> EntryRef {
    EntryRef {
        path: path.into(),
        version: Some(version.into()),
    }
}

pub(crate) fn prefix(base: impl Into<String>) -> Prefix {
    Prefix { base: base.into() }
}

pub(crate) async fn read_one(source: &dyn Source, want: EntryRef) -> Result<Entry, Error> {
    let mut answers = source.read(&[want], soon()).await;
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

pub(crate) async fn list(source: &dyn Source, base: &str) -> Result<Vec<String>, Error> {
    let listed = source.list(&prefix(base), soon()).await?;
    Ok(listed.into_iter().map(|listed| listed.path).collect())
}

/// The value as text.
pub(crate) fn text(result: &Result<Entry, Error>) -> &str {
    match result {
        Ok(entry) => std::str::from_utf8(entry.value.expose()).unwrap(),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn kind<T>(result: &Result<T, Error>) -> Option<ErrorKind> {
    result.as_ref().err().map(|error| error.kind)
}

/// No error, printed in any way, has a value in it.
pub(crate) fn assert_clean(error: &Error) {
    let printed = format!("{error} {error:?} {error:#?}");
    assert!(!printed.contains(MARKER), "{printed}");
}
