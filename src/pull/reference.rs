//! Which entry of which store a request means, and whether its namespace may read it. Pure.

use jasm_providers::{EntryRef, Kind, Prefix};

use crate::pull::condition::{Condition, Failure};
use crate::pull::request::{Origin, ReadAs, Request};
use crate::settings::{self, Backend, Settings};
use crate::yaml::{clip, unknown};

/// Stores by name: those of the config, or those that are connected.
pub trait Catalog {
    /// One of them.
    type Store;

    /// The store of that name, or for that other word.
    fn find(&self, name: &str) -> Option<(Self::Store, &settings::Store)>;

    /// The names there are, sorted, for a message.
    fn names(&self) -> Vec<&str>;
}

impl<'a> Catalog for &'a Settings {
    type Store = &'a settings::Store;

    fn find(&self, name: &str) -> Option<(&'a settings::Store, &settings::Store)> {
        let store = settings::names_for(name)
            .find_map(|name| self.stores.iter().find(|store| store.name == name))?;
        Some((store, store))
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self
            .stores
            .iter()
            .map(|store| store.name.as_str())
            .collect();
        names.sort_unstable();
        names
    }
}

/// What a request reads.
#[derive(Debug, Clone)]
pub enum Reference<S> {
    /// One entry.
    Entry(S, EntryRef),
    /// Every entry below.
    Prefix(S, Prefix),
    /// Nothing: the annotation says the value itself.
    Literal(String),
}

/// A request whose store, path and right are settled.
#[derive(Debug, Clone)]
pub struct Resolved<S> {
    /// `store:path` under the store's own name: equal for one origin only.
    pub label: String,
    /// What is read.
    pub reference: Reference<S>,
}

/// Finds the request's store, checks its path by the kind's grammar and the policy; without a
/// namespace the policy is left out.
///
/// # Errors
/// `StoreUnknown`, `AnnotationInvalid` or `AccessDenied`.
pub fn resolve<C: Catalog>(
    request: &Request,
    namespace: Option<&str>,
    stores: &C,
) -> Result<Resolved<C::Store>, Failure> {
    let said_in = &request.said_in;
    let (name, path) = match &request.origin {
        Origin::Literal(text) => {
            return Ok(Resolved {
                label: format!("the literal of {said_in}"),
                reference: Reference::Literal(text.clone()),
            });
        }
        Origin::Entry { store, path, .. } | Origin::Prefix { store, path } => (store, path),
    };
    let (store, settings) = stores.find(name).ok_or_else(|| {
        let message = if stores.names().is_empty() {
            format!(
                "there is no store \"{}\": the operator's config names no stores",
                clip(name)
            )
        } else {
            unknown("store", name, &stores.names())
        };
        Failure::new(Condition::StoreUnknown, format!("{said_in}: {message}"))
    })?;
    let invalid =
        |why: String| Failure::new(Condition::AnnotationInvalid, format!("{said_in}: {why}"));
    let kind = settings.backend.kind();
    if kind == Kind::File && request.read_as != ReadAs::Store {
        return Err(invalid(format!(
            "the store \"{}\" is a directory, which knows no identities: leave \"identity: workload\" out for it",
            settings.name
        )));
    }
    let other_label = match (&settings.backend, &request.origin) {
        (Backend::AzureAppConfiguration(store), Origin::Entry { version, .. }) => store
            .label
            .as_ref()
            .filter(|label| version.as_ref().is_some_and(|version| version != *label)),
        _ => None,
    };
    // Labels are environments there: who was given one was not given the others.
    if let Some(label) = other_label {
        return Err(invalid(format!(
            "the store \"{}\" has the label \"{label}\" and no other: leave \"version\" out, or name a store of the label that is meant",
            settings.name
        )));
    }
    let refused = |namespace: &str, path: &str, patterns: &str| {
        let message = format!(
            "{said_in}: the store \"{}\" does not let the namespace {namespace} read {path}; \
             a rule {{namespaces: [\"{namespace}\"], paths: [{patterns}]}} in its \"allow\" would",
            settings.name
        );
        Failure::new(Condition::PolicyRefused, message)
    };
    let version = match &request.origin {
        Origin::Entry { version, .. } => version.as_deref(),
        _ => {
            let prefix = kind
                .prefix(&settings.scope, path)
                .map_err(|error| invalid(error.to_string()))?;
            if let Some(namespace) = namespace
                && !settings.lets_below(namespace, &prefix.base)
            {
                return Err(refused(namespace, &prefix.to_string(), &patterns(&prefix)));
            }
            return Ok(Resolved {
                label: format!("{}:{prefix}", settings.name),
                reference: Reference::Prefix(store, prefix),
            });
        }
    };
    let entry = kind
        .entry(&settings.scope, path, version)
        .map_err(|error| invalid(error.to_string()))?;
    if let Some(namespace) = namespace
        && !settings.lets(namespace, &entry.path)
    {
        return Err(refused(
            namespace,
            &entry.path,
            &format!("\"{}\"", entry.path),
        ));
    }
    Ok(Resolved {
        label: format!("{}:{entry}", settings.name),
        reference: Reference::Entry(store, entry),
    })
}

/// What a rule has to name for a prefix to be read, quoted. Of a beginning, what follows may have a `/` in
/// it, which `*` does not match.
#[must_use]
pub fn patterns(prefix: &Prefix) -> String {
    match prefix.base.strip_suffix('*') {
        None => format!("\"{prefix}\""),
        Some("") => "\"**\"".to_owned(),
        Some(start) if start.ends_with('/') => format!("\"{start}**\""),
        Some(start) => format!("\"{start}*\", \"{start}*/**\""),
    }
}

#[cfg(test)]
mod tests;
