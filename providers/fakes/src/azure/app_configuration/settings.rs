//! Key-values. No wire here.

use std::collections::BTreeMap;
use std::fmt;

use crate::time::rfc3339_now;

/// One key-value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// None is a label of its own.
    pub label: Option<String>,
    /// The value.
    pub value: String,
    /// `application/json`, or one of the service's own.
    pub content_type: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Refuses writes.
    pub locked: bool,
    pub(super) etag: String,
    pub(super) modified: String,
    pub(super) revision: usize,
}

impl Setting {
    /// Without a label, a content type or tags.
    #[must_use]
    pub fn new(key: &str, value: &str) -> Self {
        Self {
            key: key.to_owned(),
            value: value.to_owned(),
            ..Self::default()
        }
    }

    /// With this label.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// With this content type.
    #[must_use]
    pub fn content_type(mut self, kind: &str) -> Self {
        self.content_type = Some(kind.to_owned());
        self
    }

    /// A reference to a secret of Key Vault.
    #[must_use]
    pub fn reference(key: &str, uri: &str) -> Self {
        Self::new(key, &serde_json::json!({"uri": uri}).to_string())
            .content_type("application/vnd.microsoft.appconfig.keyvaultref+json;charset=utf-8")
    }

    pub(super) fn size(&self) -> usize {
        let tags: usize = self
            .tags
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        self.key.len() + self.label.as_ref().map_or(0, String::len) + self.value.len() + tags
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Setting({:?}, {:?})", self.key, self.label)
    }
}

type Store = BTreeMap<(String, Option<String>), Setting>;

/// By store; sorted by key, then label, as listings are.
#[derive(Debug, Default)]
pub(super) struct Stores {
    stores: BTreeMap<String, Store>,
    sequence: u64,
}

impl Stores {
    /// How often anything was written.
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn put(&mut self, store: &str, mut setting: Setting) -> String {
        self.sequence += 1;
        // Never the same twice, also for the same value.
        setting.etag = format!("{:016x}{:016x}", self.sequence, fastrand::u64(..));
        setting.modified = rfc3339_now();
        let etag = setting.etag.clone();
        let place = (setting.key.clone(), setting.label.clone());
        let store = self.stores.entry(store.to_owned()).or_default();
        setting.revision = store.get(&place).map_or(0, |old| old.revision) + 1;
        store.insert(place, setting);
        etag
    }

    pub(super) fn delete(
        &mut self,
        store: &str,
        key: &str,
        label: Option<&str>,
    ) -> Option<Setting> {
        self.sequence += 1;
        self.stores
            .get_mut(store)?
            .remove(&(key.to_owned(), label.map(str::to_owned)))
    }

    pub(super) fn get(&self, store: &str, key: &str, label: Option<&str>) -> Option<&Setting> {
        self.stores
            .get(store)?
            .get(&(key.to_owned(), label.map(str::to_owned)))
    }

    pub(super) fn of(&self, store: &str) -> impl Iterator<Item = &Setting> {
        self.stores
            .get(store)
            .into_iter()
            .flat_map(BTreeMap::values)
    }
}
