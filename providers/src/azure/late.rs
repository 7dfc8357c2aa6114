//! References whose vault did not answer while others waited: they are read by themselves. Pure.

use std::collections::BTreeSet;

use crate::EntryRef;

/// Most that are known; beyond it all are given another chance.
const MOST: usize = 1024;

/// The references that are not read together with others.
#[derive(Debug, Default)]
pub(super) struct Late(BTreeSet<EntryRef>);

impl Late {
    /// Notes how a reference was read.
    pub(super) fn note(&mut self, want: &EntryRef, late: bool) {
        if !late {
            self.0.remove(want);
            return;
        }
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(want.clone());
    }

    pub(super) fn knows(&self, want: &EntryRef) -> bool {
        self.0.contains(want)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(path: &str) -> EntryRef {
        EntryRef {
            path: path.into(),
            version: None,
        }
    }

    #[test]
    fn one_that_answers_again_is_read_with_others_again() {
        let mut late = Late::default();
        late.note(&want("a"), true);
        assert!(late.knows(&want("a")) && !late.knows(&want("b")));
        late.note(&want("a"), false);
        assert!(!late.knows(&want("a")));
        for number in 0..=MOST {
            late.note(&want(&number.to_string()), true);
        }
        assert!(late.0.len() <= MOST && late.knows(&want(&MOST.to_string())));
    }
}
