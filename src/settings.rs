//! The operator's config: the file, and the flags that stand before it. Pure.
//!
//! [`read`] and [`stores`] read it strictly, by the table in [`fields`]; [`warnings`] says what of
//! it is hardly meant, [`places`] where in the file it stands, [`schema`] tells editors.

use std::net::SocketAddr;
use std::time::Duration;

use crate::policy;

mod backends;
pub mod fields;
mod places;
mod push;
mod read;
pub mod schema;
mod store;
mod stores;
mod warnings;
mod workload;

pub use backends::{Azure, Gcp, Vault};
pub use places::{Places, places};
pub use push::{Directory, Push, SourceRule};
pub use read::duration;
pub use store::{AwsEndpoint, Backend, Identity, Store};
pub use warnings::{RuleAt, Warning};

/// Everything that an operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The stores by name, in the order of the file.
    pub stores: Vec<Store>,
    /// Namespaces that are served; patterns with `*`.
    pub namespaces: Vec<String>,
    /// Where health and metrics are served; taken at start only.
    pub listen: SocketAddr,
    /// Level of JASM's own log.
    pub log_level: LogLevel,
    /// Format of the log; taken at start only.
    pub log_format: LogFormat,
    /// How long a store may take for one call.
    pub store_timeout: Duration,
    /// What JASM's account may do with Secrets and ConfigMaps; taken at start only.
    pub rights: Rights,
    /// What holds for every `SecretManagerConfig`.
    pub push: Push,
}

/// What JASM's account may do with Secrets and ConfigMaps: the tiers of `config/rbac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Rights {
    /// Create, get and update by name.
    Default,
    /// Besides, list and watch what carries our label, and put back what others change or delete.
    Observe,
    /// Create and update only, under the admission policy; nothing is ever read.
    WriteOnly,
}

/// Level of JASM's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "the words say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "the words say it")]
pub enum LogFormat {
    Json,
    Text,
}

/// What flags and environment variables say; each stands before the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--log-level`
    pub log_level: Option<LogLevel>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// `--namespaces`
    pub namespaces: Option<Vec<String>>,
    /// `--store-timeout`
    pub store_timeout: Option<Duration>,
    /// `--rights`
    pub rights: Option<Rights>,
    /// `--stores`: the YAML list that `stores:` holds.
    pub stores: Option<String>,
    /// `--push`: the YAML mapping that `push:` holds.
    pub push: Option<String>,
}

impl Settings {
    /// True if pods of the namespace are served.
    #[must_use]
    pub fn serves(&self, namespace: &str) -> bool {
        self.namespaces
            .iter()
            .any(|pattern| policy::glob(pattern, namespace))
    }

    /// True if every pod reads the store as itself, by the word that an annotation has for it.
    #[must_use]
    pub fn reads_as_workload(&self, word: &str) -> bool {
        let named = |name| self.stores.iter().find(|store| store.name == name);
        names_for(word)
            .find_map(named)
            .is_some_and(|store| store.identity == Identity::Workload)
    }
}

/// Other words for the names of stores.
const ALIASES: [(&str, &str); 3] = [
    ("aws", "aws-secretsmanager"),
    ("gcp", "gcp-secretmanager"),
    ("azure", "azure-keyvault"),
];

/// The names of stores that a word of an annotation may mean, the likelier first.
pub fn names_for(word: &str) -> impl Iterator<Item = &str> {
    let full = ALIASES
        .iter()
        .find(|(alias, _)| *alias == word)
        .map(|(_, full)| *full);
    std::iter::once(word).chain(full)
}

#[cfg(test)]
mod tests;
