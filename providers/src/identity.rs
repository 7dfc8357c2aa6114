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
    /// Those of an identity of the cloud that the program may take on.
    Assumed(Principal),
}

/// An identity of a cloud that the program takes on by its own rights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A role of AWS IAM (AssumeRole).
    AwsRole {
        /// Its ARN.
        arn: String,
        /// The session's name, by which CloudTrail tells who acted: `[\w+=,.@-]`, 2 to 64 characters.
        session: String,
    },
    /// A service account of Google Cloud, by its e-mail address (impersonation).
    GoogleServiceAccount(String),
    /// An application or managed identity of Entra, by its client id, that trusts the program's own
    /// ServiceAccount.
    EntraClient(String),
}

impl Principal {
    /// What is said where a store is not of its cloud.
    pub(crate) fn foreign(&self) -> Error {
        let what = match self {
            Self::AwsRole { .. } => "a role of aws",
            Self::GoogleServiceAccount(_) => "a service account of google cloud",
            Self::EntraClient(_) => "an identity of entra",
        };
        let sentence = format!(
            "{what} has no rights in this kind of store: name an identity of its own cloud"
        );
        Error::new(ErrorKind::Unsupported, sentence)
    }
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
