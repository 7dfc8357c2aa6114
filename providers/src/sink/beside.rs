//! What others wrote beside a mark, so that it stays when the mark is written anew.
//!
//! A list brings it along and a write replaces all of it; who kept nothing would have to read each entry
//! before each write. Only of entries that have such things; of most it is nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::VersionToken;

/// By entry, as of a version.
pub(crate) struct Beside<T>(Mutex<HashMap<String, (VersionToken, T)>>);

impl<T> Default for Beside<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone + Default> Beside<T> {
    /// Notes what stands on an entry in this version; none where nothing does.
    pub(crate) fn note(&self, name: &str, version: &VersionToken, what: Option<T>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match what {
            Some(what) => drop(all.insert(name.to_owned(), (version.clone(), what))),
            None => drop(all.remove(name)),
        }
    }

    /// What stood on it in this version.
    pub(crate) fn of(&self, name: &str, version: &VersionToken) -> T {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(name) {
            Some((of, what)) if of == version => what.clone(),
            _ => T::default(),
        }
    }
}

impl<T> fmt::Debug for Beside<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_another_version_is_not_given() {
        let beside = Beside::<String>::default();
        let (one, two) = (VersionToken("1".into()), VersionToken("2".into()));
        beside.note("a", &one, Some("theirs".into()));
        assert_eq!(beside.of("a", &one), "theirs");
        assert_eq!(beside.of("a", &two), "");
        beside.note("a", &two, None);
        assert_eq!(beside.of("a", &one), "");
    }
}
