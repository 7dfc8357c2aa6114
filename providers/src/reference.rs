//! What a path may look like, per store kind: pure, one table (`reference/rules.rs`), no I/O.
//!
//! A path is taken as it is written and never decoded, so what a policy matches is what a store
//! is asked for. What could mean two things (`//`, `.`, `..`, `%2f`, a trailing `/`) is refused.

mod arn;
mod path;
mod resource;
mod rules;
mod version;

#[cfg(test)]
mod tests;

pub(crate) use arn::{partition_of, without_suffix};
pub(crate) use version::{is_label, is_number, is_version_id};

use std::fmt;
use std::str::FromStr;

/// Why a path, a version or an ARN is refused: one sentence, lower case, no full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PathError(pub(crate) String);

impl PathError {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

/// What a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A directory; a path is a file below it.
    File,
    /// AWS Secrets Manager; a path is a secret's name.
    AwsSecretsManager,
    /// AWS Systems Manager Parameter Store; a path is a parameter's name.
    AwsParameterStore,
    /// Google Cloud Secret Manager; a path is a secret's id.
    GcpSecretManager,
    /// Google Cloud Parameter Manager; a path is a parameter's id.
    GcpParameterManager,
    /// Azure Key Vault; a path is a secret's name.
    AzureKeyVault,
    /// Azure App Configuration; a path is a key, a version its label.
    AzureAppConfiguration,
    /// Vault or OpenBao, one key-value engine; a path is one below its mount.
    Vault,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 8] = [
        Self::File,
        Self::AwsSecretsManager,
        Self::AwsParameterStore,
        Self::GcpSecretManager,
        Self::GcpParameterManager,
        Self::AzureKeyVault,
        Self::AzureAppConfiguration,
        Self::Vault,
    ];

    /// The word for it in the operator's config.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::AwsSecretsManager => "aws-secretsmanager",
            Self::AwsParameterStore => "aws-parameterstore",
            Self::GcpSecretManager => "gcp-secretmanager",
            Self::GcpParameterManager => "gcp-parametermanager",
            Self::AzureKeyVault => "azure-keyvault",
            Self::AzureAppConfiguration => "azure-appconfiguration",
            Self::Vault => "vault",
        }
    }

    /// Checks a path and a version of one entry; an ARN or a resource name of the scope becomes its
    /// name.
    ///
    /// # Errors
    /// The path or the version is not one that this kind can have, or not of this scope.
    pub fn entry(
        self,
        scope: &Scope,
        path: &str,
        version: Option<&str>,
    ) -> Result<EntryRef, PathError> {
        let path = if arn::is_arn(path) {
            arn::name(self, scope, path)?
        } else if resource::is_resource(self, path) {
            resource::name(self, scope, path)?
        } else {
            path.to_owned()
        };
        path::check(self.rules(), &path)?;
        let version = version
            .map(|word| version::check(self.rules().versions, word))
            .transpose()?;
        Ok(EntryRef { path, version })
    }

    /// Checks a path that ends in `/**` (of App Configuration: in `*`), or that names the whole store.
    ///
    /// # Errors
    /// The path is not one that this kind can read everything below.
    pub fn prefix(self, scope: &Scope, path: &str) -> Result<Prefix, PathError> {
        if arn::is_arn(path) {
            // The ARN's own faults first: a foreign account is worth more than the form.
            arn::name(self, scope, path.strip_suffix("/**").unwrap_or(path))?;
            return Err(PathError::new(
                "an ARN names one entry: write the name, followed by /**",
            ));
        }
        path::check_prefix(self.rules(), path).map(|base| Prefix {
            base: base.to_owned(),
        })
    }
}

/// Whether a path asks for everything below it rather than for one entry; [`Kind::prefix`] says
/// whether it is one that the kind has.
#[must_use]
pub fn is_prefix(path: &str) -> bool {
    path.ends_with('*')
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The word is not the name of a [`Kind`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such kind of store: write file, aws-secretsmanager, aws-parameterstore, gcp-secretmanager, \
     gcp-parametermanager, azure-keyvault, azure-appconfiguration or vault"
)]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or(UnknownKind)
    }
}

/// Where a store is, as the operator wrote it; an ARN or a resource name must say the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The AWS region.
    pub region: Option<String>,
    /// The AWS account number.
    pub account: Option<String>,
    /// The Google Cloud project's id.
    pub project: Option<String>,
    /// The Google Cloud location; none is `global`.
    pub location: Option<String>,
}

/// One entry of a store. Made by [`Kind::entry`], which has checked it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryRef {
    /// The entry's name as the store has it.
    pub path: String,
    /// Which version; none is the current one.
    pub version: Option<String>,
}

impl EntryRef {
    /// What follows the last `/`.
    #[must_use]
    pub fn last_segment(&self) -> &str {
        self.path
            .rsplit_once('/')
            .map_or(self.path.as_str(), |(_, last)| last)
    }
}

impl fmt::Display for EntryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        match &self.version {
            Some(version) => write!(f, "?version={version}"),
            None => Ok(()),
        }
    }
}

/// Everything below a path. Made by [`Kind::prefix`], which has checked it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// The path without `/**`; empty is the whole store. Where names have no levels of their own (App
    /// Configuration), the path as it is written, with its `*` at the end.
    pub base: String,
}

impl Prefix {
    /// The rest of a path below this prefix, without the `/` between; none if it is not below.
    #[must_use]
    pub fn relative<'path>(&self, path: &'path str) -> Option<&'path str> {
        let rest = if let Some(start) = self.base.strip_suffix('*') {
            path.strip_prefix(start)?
        } else if self.base.is_empty() {
            // The whole store: names with and without a leading `/` are below it.
            path.strip_prefix('/').unwrap_or(path)
        } else {
            path.strip_prefix(self.base.as_str())?.strip_prefix('/')?
        };
        (!rest.is_empty()).then_some(rest)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.base.as_str() {
            "" => f.write_str("**"),
            base if base.ends_with('*') => f.write_str(base),
            base => write!(f, "{base}/**"),
        }
    }
}
