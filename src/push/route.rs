//! Which store a file goes to, and in what shape. Pure.
//!
//! | the file's name | with `configs.enabled` | without |
//! |---|---|---|
//! | contains `secrets` | secret store, each key an entry | the same |
//! | `application.properties`, contains `config`, or is in `configs.files` | config store, each key an entry | secret store, the file one entry |
//!
//! The first row that fits counts: what is called secret never goes to a config store.

use jasm_providers::reference::Kind;

use crate::push::crd::{Cloud, Configs, GcpConfigStore, SecretManagerConfigSpec};

/// The one file of configuration whose name does not say so.
pub const PROPERTIES: &str = "application.properties";

/// Beginnings of the names of files that are looked for, besides [`PROPERTIES`].
pub const BEGINNINGS: [&str; 2] = ["application.secrets.", "application.config."];

/// Which of an object's two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Destination {
    /// The secret store.
    Secrets,
    /// The config store.
    Configs,
}

/// What becomes of the keys of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each is an entry of its own.
    Each,
    /// All are one entry: a JSON object.
    Whole,
}

/// The kinds of an object's two stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds {
    /// Of the secret store.
    pub secrets: Kind,
    /// Of the config store; none without `configs.enabled`.
    pub configs: Option<Kind>,
}

impl Kinds {
    /// What the object asks for.
    #[must_use]
    pub fn of(spec: &SecretManagerConfigSpec) -> Self {
        let configs = spec.configs.as_ref().filter(|configs| configs.enabled);
        let (secrets, config) = match spec.provider.r#type {
            Cloud::Aws => (Kind::AwsSecretsManager, Kind::AwsParameterStore),
            Cloud::Gcp => {
                let store = configs.and_then(|configs| configs.store);
                let config = match store.unwrap_or(GcpConfigStore::SecretManager) {
                    GcpConfigStore::SecretManager => Kind::GcpSecretManager,
                    GcpConfigStore::ParameterManager => Kind::GcpParameterManager,
                };
                (Kind::GcpSecretManager, config)
            }
            Cloud::Azure => (Kind::AzureKeyVault, Kind::AzureAppConfiguration),
        };
        Self {
            secrets,
            configs: configs.map(|_| config),
        }
    }

    /// The kind of one of the two; without a config store everything is the secret store's.
    #[must_use]
    pub fn get(self, destination: Destination) -> Kind {
        match destination {
            Destination::Secrets => self.secrets,
            Destination::Configs => self.configs.unwrap_or(self.secrets),
        }
    }
}

/// Where a file goes; none for one that is not looked for. `name` is its path from the environment's
/// folder, which for most is the file's name alone.
#[must_use]
pub fn route(name: &str, configs: Option<&Configs>) -> Option<(Destination, Shape)> {
    let file = name.rsplit_once('/').map_or(name, |(_, file)| file);
    let begins = |begin: &&str| file.len() > begin.len() && file.starts_with(*begin);
    let looked_for = file == name && (file == PROPERTIES || BEGINNINGS.iter().any(begins));
    if !looked_for && !listed(name, configs) {
        return None;
    }
    let enabled = configs.is_some_and(|configs| configs.enabled);
    Some(if file.to_ascii_lowercase().contains("secrets") {
        (Destination::Secrets, Shape::Each)
    } else if enabled {
        (Destination::Configs, Shape::Each)
    } else {
        (Destination::Secrets, Shape::Whole)
    })
}

/// What the name of a file that is not looked for was probably to be: one that is looked for.
#[must_use]
pub fn meant(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let near = |a: &str, b: &str| a.len() <= 2 * b.len() && strsim::damerau_levenshtein(a, b) <= 2;
    if near(&lower, PROPERTIES) {
        return Some(PROPERTIES.to_owned());
    }
    let dots = lower
        .match_indices('.')
        .map(|(at, _)| lower.split_at(at + 1));
    dots.filter(|(_, tail)| !tail.is_empty())
        .find_map(|(head, tail)| {
            let begin = BEGINNINGS.iter().find(|begin| near(head, begin))?;
            Some(format!("{begin}{tail}"))
        })
}

/// Whether a pattern of `configs.files` could fit a file below this folder.
#[must_use]
pub fn leads_to(folder: &str, pattern: &str) -> bool {
    let depth = folder.split('/').count();
    let parts: Vec<_> = pattern.split('/').collect();
    parts
        .get(..depth)
        .filter(|_| parts.len() > depth)
        .is_some_and(|parts| matches(&parts.join("/"), folder))
}

fn listed(name: &str, configs: Option<&Configs>) -> bool {
    let files = configs.and_then(|configs| configs.files.as_deref());
    files
        .unwrap_or_default()
        .iter()
        .any(|pattern| matches(pattern, name))
}

/// Whether a pattern of `configs.files` fits: `*` is any characters but `/`.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (patterns, names) = (pattern.split('/'), name.split('/'));
    patterns.clone().count() == names.clone().count()
        && patterns
            .zip(names)
            .all(|(pattern, name)| part(pattern, name))
}

/// One part between `/`: what stands before the first `*` and behind the last one is fixed, what stands
/// between two is taken at the first place where it is.
fn part(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = name
        .strip_prefix(first)
        .and_then(|name| name.strip_suffix(last));
    let Some(mut inner) = inner else {
        return false;
    };
    for piece in middle.split('*') {
        match inner.split_once(piece) {
            Some((_, behind)) => inner = behind,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
