//! Which objects refer to which source, and how both are now. Pure.
//!
//! A source's change wakes exactly the objects that refer to it; a change that says nothing new, above all
//! a status that we wrote ourselves, wakes nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::push::crd::{SecretManagerConfig, SourceKind};
use crate::push::source::{SourceKey, argo, flux, reference};

/// An object of the push half.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What a watch says.
#[derive(Debug)]
pub enum Event {
    /// About the objects.
    Object(Change<ObjectKey, Box<SecretManagerConfig>>),
    /// About the sources of a kind.
    Source(SourceKind, Change<SourceKey, State>),
    /// The API server does not know the objects, or knows them no more.
    ObjectsNotServed,
    /// The same of sources of a kind.
    NotServed(SourceKind),
    /// Nobody refers to sources of a kind any more: nothing is known of them from now on.
    NotWatched(SourceKind),
}

/// What happened to one of many.
#[derive(Debug)]
pub enum Change<K, T> {
    /// A list of all there are begins.
    Listing,
    /// One of them.
    Listed(K, T),
    /// The list is complete.
    InSync,
    /// One is new or different.
    Applied(K, T),
    /// One is gone.
    Gone(K),
}

/// A source as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// An object of Flux.
    Offer(flux::Offer),
    /// An application of Argo CD.
    Application(Box<argo::Application>),
}

/// What is known of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing yet: the list of its kind is not complete.
    NotYet,
    /// The cluster has no such kind.
    NotServed,
    /// There is none of that name.
    Missing,
    /// It is there.
    There(&'a State),
    /// A directory, of which the cluster knows nothing.
    Directory,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    NotServed,
    InSync,
}

/// Objects and sources.
#[derive(Debug, Default)]
pub struct Index {
    objects: BTreeMap<ObjectKey, Object>,
    sources: HashMap<SourceKey, Source>,
    users: HashMap<SourceKey, BTreeSet<ObjectKey>>,
    kinds: HashMap<SourceKind, Kind>,
    in_sync: bool,
    /// Counts events, so that what a list does not name is told.
    clock: u64,
    /// When the list of the objects, and of each kind of source, began.
    listing: u64,
    listings: HashMap<SourceKind, u64>,
}

#[derive(Debug)]
struct Object {
    config: Arc<SecretManagerConfig>,
    source: SourceKey,
    seen: u64,
}

#[derive(Debug)]
struct Source {
    state: State,
    seen: u64,
}

impl Index {
    /// Takes in what a watch says; the objects that are to be looked at for it.
    #[must_use]
    pub fn apply(&mut self, event: Event) -> BTreeSet<ObjectKey> {
        self.clock += 1;
        match event {
            Event::Object(Change::Listing) => {
                self.listing = self.clock;
                BTreeSet::new()
            }
            Event::Object(Change::Listed(key, config) | Change::Applied(key, config)) => {
                self.put(key, Arc::from(config)).into_iter().collect()
            }
            Event::Object(Change::InSync) => {
                self.in_sync = true;
                let begun = self.listing;
                let old = self
                    .objects
                    .iter()
                    .filter(|(_, object)| object.seen < begun);
                let old: BTreeSet<_> = old.map(|(key, _)| key.clone()).collect();
                old.iter().for_each(|key| self.remove(key));
                old
            }
            Event::Object(Change::Gone(key)) => {
                self.remove(&key);
                [key].into()
            }
            Event::ObjectsNotServed => {
                self.in_sync = true;
                let all: BTreeSet<_> = self.objects.keys().cloned().collect();
                all.iter().for_each(|key| self.remove(key));
                all
            }
            Event::Source(kind, change) => self.source_changed(kind, change),
            Event::NotWatched(kind) => {
                self.kinds.remove(&kind);
                self.sources.retain(|key, _| key.kind != kind);
                // Whoever came meanwhile waits for the list.
                BTreeSet::new()
            }
            Event::NotServed(kind) => {
                let before = self.kinds.insert(kind, Kind::NotServed);
                self.sources.retain(|key, _| key.kind != kind);
                if before == Some(Kind::NotServed) {
                    return BTreeSet::new();
                }
                self.users_of_kind(kind, |_| true)
            }
        }
    }

    fn source_changed(
        &mut self,
        kind: SourceKind,
        change: Change<SourceKey, State>,
    ) -> BTreeSet<ObjectKey> {
        match change {
            Change::Listing => {
                self.listings.insert(kind, self.clock);
                BTreeSet::new()
            }
            Change::Listed(key, state) | Change::Applied(key, state) => {
                let seen = self.clock;
                let before = self.sources.insert(key.clone(), Source { state, seen });
                let now = &self.sources[&key].state;
                if before.is_some_and(|before| before.state == *now) {
                    return BTreeSet::new();
                }
                self.users(&key)
            }
            Change::InSync => {
                let before = self.kinds.insert(kind, Kind::InSync);
                let begun = self.listings.get(&kind).copied().unwrap_or_default();
                let old =
                    |key: &SourceKey, source: &Source| key.kind == kind && source.seen < begun;
                let gone: BTreeSet<_> = self
                    .sources
                    .iter()
                    .filter(|(key, source)| old(key, source))
                    .map(|(key, _)| key.clone())
                    .collect();
                self.sources.retain(|key, source| !old(key, source));
                // Who waited for the list learns that there is no such source.
                let first = before != Some(Kind::InSync);
                self.users_of_kind(kind, |key| {
                    gone.contains(key) || (first && !self.sources.contains_key(key))
                })
            }
            Change::Gone(key) => {
                self.sources.remove(&key);
                self.users(&key)
            }
        }
    }

    /// Who is to be looked at because an object is new or written otherwise.
    fn put(&mut self, key: ObjectKey, config: Arc<SecretManagerConfig>) -> Option<ObjectKey> {
        let source = reference::key(&config.spec.source_ref, &key.namespace);
        let seen = self.clock;
        if let Some(known) = self.objects.get_mut(&key) {
            known.seen = seen;
            let same = is_same(&known.config, &config);
            known.config = Arc::clone(&config);
            if same {
                return None;
            }
        }
        self.remove(&key);
        self.users
            .entry(source.clone())
            .or_default()
            .insert(key.clone());
        let object = Object {
            config,
            source,
            seen,
        };
        self.objects.insert(key.clone(), object);
        Some(key)
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(object) = self.objects.remove(key) else {
            return;
        };
        if let Some(users) = self.users.get_mut(&object.source) {
            users.remove(key);
            if users.is_empty() {
                self.users.remove(&object.source);
            }
        }
    }

    /// The objects that refer to a source, whether or not they may.
    #[must_use]
    pub fn users(&self, source: &SourceKey) -> BTreeSet<ObjectKey> {
        self.users.get(source).cloned().unwrap_or_default()
    }

    fn users_of_kind(
        &self,
        kind: SourceKind,
        of: impl Fn(&SourceKey) -> bool,
    ) -> BTreeSet<ObjectKey> {
        let users = self.users.iter();
        let users = users.filter(|(key, _)| key.kind == kind && of(key));
        users.flat_map(|(_, users)| users.iter().cloned()).collect()
    }

    /// The kinds of source that objects refer to.
    #[must_use]
    pub fn used(&self) -> BTreeSet<SourceKind> {
        self.users.keys().map(|key| key.kind).collect()
    }

    /// An object as it is now; none if it is gone.
    #[must_use]
    pub fn object(&self, key: &ObjectKey) -> Option<Arc<SecretManagerConfig>> {
        self.objects
            .get(key)
            .map(|object| Arc::clone(&object.config))
    }

    /// All objects.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectKey> {
        self.objects.keys()
    }

    /// A source as it is now.
    #[must_use]
    pub fn source(&self, key: &SourceKey) -> Found<'_> {
        if key.kind == SourceKind::File {
            return Found::Directory;
        }
        if let Some(source) = self.sources.get(key) {
            return Found::There(&source.state);
        }
        match self.kinds.get(&key.kind).copied().unwrap_or_default() {
            Kind::Unknown => Found::NotYet,
            Kind::NotServed => Found::NotServed,
            Kind::InSync => Found::Missing,
        }
    }

    /// Whether the list of objects is complete.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.in_sync
    }
}

/// Whether two versions of an object ask for the same; status and managed fields ask for nothing.
fn is_same(one: &SecretManagerConfig, other: &SecretManagerConfig) -> bool {
    let (a, b) = (&one.metadata, &other.metadata);
    one.spec == other.spec
        && a.uid == b.uid
        && a.deletion_timestamp == b.deletion_timestamp
        && a.finalizers == b.finalizers
        && a.annotations == b.annotations
}

#[cfg(test)]
mod tests;
