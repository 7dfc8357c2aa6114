//! Who asked for what. Never a value, never a token.

use std::sync::Mutex;

use serde::Serialize;

use crate::lock::lock;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// `GET`, …
    pub method: String,
    /// The host that the client named.
    pub host: String,
    /// The path as it was sent.
    pub path: String,
    /// The query as it was sent; names and filters, as no cloud has values there.
    pub query: String,
    /// Which credential: a digest of a bearer token, or an access key's id.
    pub credential: Option<String>,
    /// Whose credential that is, or who was given one.
    pub principal: Option<String>,
    /// What was done, where the path does not say it: `GetSecretValue`, …
    pub operation: Option<String>,
    /// The status of the answer; none while there is no answer.
    pub status: Option<u16>,
    /// What went wrong on purpose.
    pub fault: Option<&'static str>,
}

/// All requests, in the order in which they came.
#[derive(Debug, Default)]
pub struct Record(Mutex<Vec<Seen>>);

impl Record {
    /// The requests so far.
    #[must_use]
    pub fn all(&self) -> Vec<Seen> {
        lock(&self.0).clone()
    }

    /// The requests whose path contains `part`.
    #[must_use]
    pub fn of(&self, part: &str) -> Vec<Seen> {
        let seen = lock(&self.0);
        seen.iter()
            .filter(|seen| seen.path.contains(part))
            .cloned()
            .collect()
    }

    /// Adds one; its number is for [`settle`](Self::settle).
    pub(crate) fn add(&self, seen: Seen) -> usize {
        let mut all = lock(&self.0);
        all.push(seen);
        all.len() - 1
    }

    /// What became of it.
    pub(crate) fn settle(&self, number: usize, settle: impl FnOnce(&mut Seen)) {
        if let Some(seen) = lock(&self.0).get_mut(number) {
            settle(seen);
        }
    }
}
