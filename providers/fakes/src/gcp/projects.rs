//! Projects have an id and a number; both name them, and Secret Manager answers with the number.

use std::sync::Mutex;

use crate::lock::lock;

/// The number of the first project.
const FIRST: u64 = 100_000_000_001;

/// The ids, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Projects(Mutex<Vec<String>>);

impl Projects {
    /// The id of what is an id or the number of a project that was asked for before.
    pub(super) fn id(&self, word: &str) -> String {
        let known = lock(&self.0);
        word.parse::<u64>()
            .ok()
            .and_then(|number| {
                known
                    .get(usize::try_from(number.checked_sub(FIRST)?).ok()?)
                    .cloned()
            })
            .unwrap_or_else(|| word.to_owned())
    }

    /// The number of a project; it gets one when it is first asked for.
    pub(super) fn number(&self, id: &str) -> String {
        let mut known = lock(&self.0);
        let at = known
            .iter()
            .position(|known| known == id)
            .unwrap_or_else(|| {
                known.push(id.to_owned());
                known.len() - 1
            });
        (FIRST + at as u64).to_string()
    }
}
