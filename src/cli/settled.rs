//! A request against the config, and the rule that lets it through. Pure.

use jasm_providers::{EntryRef, Prefix};

use crate::policy::{self, Below, Grant};
use crate::pull::condition::{Condition, Failure};
use crate::pull::reference::{self, Reference};
use crate::pull::request::Request;
use crate::settings::{Settings, Store};

/// A request whose store, path and right are settled.
#[derive(Debug, Clone)]
pub(super) enum Settled<'a> {
    /// One entry, and the rule that lets the namespace read it; none where the store has no rules and
    /// needs none.
    Entry(&'a Store, EntryRef, Option<Grant>),
    /// Everything below a path, and how much of that may be read.
    Prefix(&'a Store, Prefix, Option<Below>),
    /// The annotation says the value itself.
    Literal,
}

/// Settles it as the controller does.
pub(super) fn settle<'a>(
    request: &Request,
    namespace: &str,
    settings: &'a Settings,
) -> Result<Settled<'a>, Failure> {
    let resolved = reference::resolve(request, Some(namespace), &settings)?;
    let settled = match resolved.reference {
        Reference::Literal(_) => Some(Settled::Literal),
        Reference::Entry(store, entry) if !store.is_ruled() => {
            Some(Settled::Entry(store, entry, None))
        }
        Reference::Prefix(store, prefix) if !store.is_ruled() => {
            Some(Settled::Prefix(store, prefix, None))
        }
        Reference::Entry(store, entry) => policy::grant(&store.allow, namespace, &entry.path)
            .map(|grant| Settled::Entry(store, entry, Some(grant))),
        Reference::Prefix(store, prefix) => {
            policy::grant_below(&store.allow, namespace, &prefix.base)
                .map(|below| Settled::Prefix(store, prefix, Some(below)))
        }
    };
    // It was resolved, so some rule allows it.
    settled.ok_or_else(|| {
        let message = format!("{}: no rule allows {}", request.said_in, resolved.label);
        Failure::new(Condition::PolicyRefused, message)
    })
}
