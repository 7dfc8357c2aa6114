//! Secret Manager's entries, and what may become of them. No wire here.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::lock::lock;
use crate::time::rfc3339_now;
use crate::value::Value;

/// The state of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Can be read.
    Enabled,
    /// Cannot, until it is enabled again.
    Disabled,
    /// Never again.
    Destroyed,
}

impl State {
    /// The enum's names by number.
    pub(super) const NAMES: [&'static str; 4] =
        ["STATE_UNSPECIFIED", "ENABLED", "DISABLED", "DESTROYED"];

    pub(super) fn number(self) -> u32 {
        match self {
            Self::Enabled => 1,
            Self::Disabled => 2,
            Self::Destroyed => 3,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        Self::NAMES[self.number() as usize]
    }
}

#[derive(Debug, Clone)]
pub(super) struct Version {
    /// From 1.
    pub(super) number: usize,
    pub(super) state: State,
    pub(super) value: Value,
    pub(super) checked: bool,
    pub(super) created: String,
    pub(super) destroyed: Option<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Secret {
    /// In which order secrets came.
    pub(super) order: usize,
    pub(super) created: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) aliases: BTreeMap<String, usize>,
    pub(super) versions: Vec<Version>,
    /// Another one after each change of what is not a version.
    pub(super) etag: String,
    /// Its checksums are sent wrong.
    pub(super) spoilt: bool,
}

impl Secret {
    pub(super) fn new(order: usize) -> Self {
        Self {
            order,
            created: rfc3339_now(),
            etag: etag(),
            ..Self::default()
        }
    }

    /// What is not a version was changed, if only to what it was.
    pub(super) fn touch(&mut self) {
        self.etag = etag();
    }

    pub(super) fn add(&mut self, value: Value, checked: bool) -> &Version {
        let number = self.versions.len() + 1;
        self.versions.push(Version {
            number,
            state: State::Enabled,
            value,
            checked,
            created: rfc3339_now(),
            destroyed: None,
        });
        &self.versions[number - 1]
    }

    /// A number, an alias, or `latest`: the one that was added last, whatever its state.
    pub(super) fn find(&self, word: &str) -> Option<usize> {
        let number = match word {
            "latest" => self.versions.len(),
            word => word
                .parse()
                .ok()
                .or_else(|| self.aliases.get(word).copied())?,
        };
        number.checked_sub(1).filter(|at| *at < self.versions.len())
    }

    pub(super) fn turn(&mut self, at: usize, state: State) -> &Version {
        let version = &mut self.versions[at];
        version.state = state;
        if state == State::Destroyed && version.destroyed.is_none() {
            version.value = Value::default();
            version.destroyed = Some(rfc3339_now());
        }
        version
    }
}

/// With its quotes, as Google has it.
fn etag() -> String {
    format!("\"{:016x}\"", fastrand::u64(..))
}

/// All secrets, by `projects/ID[/locations/L]/secrets/S`.
#[derive(Debug, Default)]
pub struct Secrets(Mutex<BTreeMap<String, Secret>>);

impl Secrets {
    /// Adds a version, to a secret that is made if need be; its number.
    pub fn put(&self, name: &str, value: &[u8]) -> usize {
        self.with(|all| {
            let order = all.len();
            let secret = all
                .entry(name.to_owned())
                .or_insert_with(|| Secret::new(order));
            secret.add(Value(value.to_vec()), false).number
        })
    }

    /// The value of the newest version.
    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.with(|all| Some(all.get(name)?.versions.last()?.value.0.clone()))
    }

    /// How many versions there are.
    pub fn versions(&self, name: &str) -> usize {
        self.with(|all| all.get(name).map_or(0, |secret| secret.versions.len()))
    }

    /// What stands on a secret, by name.
    pub fn annotations(&self, name: &str) -> BTreeMap<String, String> {
        self.with(|all| all.get(name).map(|secret| secret.annotations.clone()))
            .unwrap_or_default()
    }

    /// Puts something else on a secret, by name.
    pub fn annotate(&self, name: &str, annotation: &str, value: &str) {
        self.with(|all| {
            if let Some(secret) = all.get_mut(name) {
                let (name, value) = (annotation.to_owned(), value.to_owned());
                secret.annotations.insert(name, value);
                secret.touch();
            }
        });
    }

    /// Changes the state of a version, by number, alias or `latest`; whether there is one.
    pub fn set_state(&self, name: &str, version: &str, state: State) -> bool {
        self.with(|all| {
            let Some(secret) = all.get_mut(name) else {
                return false;
            };
            let Some(at) = secret.find(version) else {
                return false;
            };
            secret.turn(at, state);
            true
        })
    }

    /// Gives a version another name; whether there is such a secret.
    pub fn set_alias(&self, name: &str, alias: &str, number: usize) -> bool {
        self.with(|all| {
            all.get_mut(name)
                .map(|secret| secret.aliases.insert(alias.to_owned(), number))
                .is_some()
        })
    }

    /// From now on the checksums of this secret are sent wrong.
    pub fn spoil(&self, name: &str) {
        self.with(|all| {
            if let Some(secret) = all.get_mut(name) {
                secret.spoilt = true;
            }
        });
    }

    /// Forgets a secret; whether there was one.
    pub fn delete(&self, name: &str) -> bool {
        self.with(|all| all.remove(name).is_some())
    }

    pub(super) fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Secret>) -> T) -> T {
        work(&mut lock(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::{Secrets, State};

    #[test]
    fn versions_are_found_by_number_alias_and_latest() {
        let secrets = Secrets::default();
        assert_eq!((secrets.put("s", b"1"), secrets.put("s", b"2")), (1, 2));
        assert!(secrets.set_alias("s", "stable", 1));
        let find = |word: &str| secrets.with(|all| all["s"].find(word));
        assert_eq!(
            (find("1"), find("stable"), find("latest")),
            (Some(0), Some(0), Some(1))
        );
        assert_eq!((find("0"), find("3"), find("other")), (None, None, None));
        // latest stays the last one, so that a store can say that it is disabled.
        assert!(secrets.set_state("s", "latest", State::Disabled));
        assert_eq!(find("latest"), Some(1));
        assert!(secrets.set_state("s", "2", State::Destroyed));
        secrets.with(|all| assert!(all["s"].versions[1].value.0.is_empty()));
    }
}
