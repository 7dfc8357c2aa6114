//! Answers by what was asked: matched, not counted, and never in contradiction. Pure.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use crate::{Entry, EntryRef, Error, ErrorKind};

/// What a call, or several, said about entries.
#[derive(Debug, Default)]
pub(super) struct Answers {
    known: HashMap<EntryRef, Result<Entry, Error>>,
}

impl Answers {
    /// The same failure for everything that was asked.
    pub(super) fn all_failed(wants: &[EntryRef], error: &Error) -> Self {
        wants
            .iter()
            .map(|want| (want.clone(), Err(error.clone())))
            .collect()
    }

    /// Notes an answer; a second one has to be the same.
    pub(super) fn note(&mut self, want: &EntryRef, result: Result<Entry, Error>) {
        match self.known.entry(want.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(result);
            }
            Slot::Occupied(mut slot) => {
                if *slot.get() != result {
                    let sentence = format!("the answer holds {want} twice, and not the same");
                    *slot.get_mut() = Err(Error::new(ErrorKind::Integrity, sentence));
                }
            }
        }
    }

    /// Fails what has no answer yet.
    pub(super) fn fail_rest(&mut self, wants: &[EntryRef], error: &Error) {
        for want in wants {
            self.known
                .entry(want.clone())
                .or_insert_with(|| Err(error.clone()));
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.known.extend(other.known);
    }

    /// Whether the answer to this one is a failure of that kind.
    pub(super) fn failed(&self, want: &EntryRef, kind: ErrorKind) -> bool {
        self.known
            .get(want)
            .is_some_and(|result| result.as_ref().is_err_and(|error| error.kind == kind))
    }

    /// Whether the store has said what there is to say about this one, for now.
    pub(super) fn settled(&self, want: &EntryRef) -> bool {
        self.known.get(want).is_some_and(|result| match result {
            Ok(_) => true,
            Err(error) => matches!(
                error.kind,
                ErrorKind::NotFound | ErrorKind::Gone | ErrorKind::TooLarge
            ),
        })
    }

    /// The answers in the order asked; what nobody mentioned is unavailable, not missing.
    pub(super) fn in_order(&self, wants: &[EntryRef]) -> Vec<Result<Entry, Error>> {
        let unmentioned = |want| {
            let sentence = format!("the answer neither holds {want} nor says why not");
            Err(Error::new(ErrorKind::Unavailable, sentence))
        };
        wants
            .iter()
            .map(|want| {
                self.known
                    .get(want)
                    .cloned()
                    .unwrap_or_else(|| unmentioned(want))
            })
            .collect()
    }
}

impl FromIterator<(EntryRef, Result<Entry, Error>)> for Answers {
    fn from_iter<I: IntoIterator<Item = (EntryRef, Result<Entry, Error>)>>(answers: I) -> Self {
        Self {
            known: answers.into_iter().collect(),
        }
    }
}
