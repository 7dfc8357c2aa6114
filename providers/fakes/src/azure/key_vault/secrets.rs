//! Secrets and their versions. No wire here.

use std::collections::BTreeMap;

use crate::time::unix_now;
use crate::value::Value;

#[derive(Debug, Clone)]
pub(super) struct Version {
    /// 32 hexadecimal digits.
    pub(super) id: String,
    pub(super) value: Value,
    pub(super) kind: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) enabled: bool,
    pub(super) not_before: Option<u64>,
    pub(super) expires: Option<u64>,
    pub(super) created: u64,
    pub(super) updated: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Secret {
    /// As it was first written; names are the same in any case.
    pub(super) name: String,
    pub(super) versions: Vec<Version>,
}

impl Secret {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            versions: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        value: &str,
        kind: Option<&str>,
        tags: BTreeMap<String, String>,
    ) -> &mut Version {
        // A second after the one before: nobody who writes by hand is faster, and a test need not wait.
        let created = match self.versions.last() {
            Some(last) => unix_now().max(last.updated + 1),
            None => unix_now(),
        };
        self.versions.push(Version {
            id: format!("{:032x}", fastrand::u128(..)),
            value: Value(value.as_bytes().to_vec()),
            kind: kind.map(str::to_owned),
            tags,
            enabled: true,
            not_before: None,
            expires: None,
            created,
            updated: created,
        });
        let last = self.versions.len() - 1;
        &mut self.versions[last]
    }

    /// A version by its id, or the current one, which is the last, whatever its state.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Version> {
        match id {
            None => self.versions.last(),
            Some(id) => self.versions.iter().find(|version| version.id == id),
        }
    }

    pub(super) fn find_mut(&mut self, id: Option<&str>) -> Option<&mut Version> {
        match id {
            None => self.versions.last_mut(),
            Some(id) => self.versions.iter_mut().find(|version| version.id == id),
        }
    }
}

/// By vault and by name in lower case.
#[derive(Debug, Default)]
pub(super) struct Vaults {
    pub(super) live: BTreeMap<String, BTreeMap<String, Secret>>,
    pub(super) deleted: BTreeMap<String, BTreeMap<String, Secret>>,
}
