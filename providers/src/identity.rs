//! Whose rights a store is read with.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Error, ErrorKind, SecretBytes};

/// A ServiceAccount as whom a store is read: what it is called, what is written on it, its tokens.
///
/// What is written on it is as it was when it was looked up; a changed one is another `Workload`.
#[async_trait]
pub trait Workload: Send + Sync + fmt::Debug {
    /// Its namespace.
    fn namespace(&self) -> &str;

    /// Its name.
    fn service_account(&self) -> &str;

    /// One of its annotations.
    fn annotation(&self, name: &str) -> Option<&str>;

    /// A new token for `audience`: ten minutes long, bound to a live pod of it.
    ///
    /// # Errors
    /// If the API server gives none; the sentence says what is missing.
    async fn token(&self, audience: &str, deadline: Instant) -> Result<SecretBytes, Error>;
}

/// Whose rights a source reads with.
#[derive(Debug, Clone, Default)]
pub enum Identity {
    /// The program's own.
    #[default]
    Controller,
    /// Those of a pod's ServiceAccount.
    Workload(Arc<dyn Workload>),
}

/// An annotation that a ServiceAccount must have to be read as.
///
/// # Errors
/// It has none: the sentence names it with an example.
pub(crate) fn required<'a>(
    workload: &'a dyn Workload,
    annotation: &str,
    example: &str,
) -> Result<&'a str, Error> {
    workload
        .annotation(annotation)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Denied,
                format!(
                    "the ServiceAccount {}/{} has no annotation {annotation}, which says as whom to read: \
                     write it, for example {annotation}: {example}",
                    workload.namespace(),
                    workload.service_account()
                ),
            )
        })
}
