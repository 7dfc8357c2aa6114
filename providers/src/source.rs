//! What a store adapter implements.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{EntryRef, Error, Prefix, SecretBytes};

/// What a store says about which version a value is: a version id, a number, an etag. Never a
/// hash of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VersionToken(pub String);

/// One entry as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The payload, byte for byte.
    pub value: SecretBytes,
    /// Which version it is.
    pub version: VersionToken,
    /// Whether the store treats it as a secret; a ConfigMap refuses those.
    pub secret: bool,
}

/// One entry below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The entry's full path as policy and annotations write it.
    pub path: String,
    /// Its value where the listing call carries values (Parameter Store), else to be read.
    pub entry: Option<Entry>,
}

/// An entry, and the version of it that was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Which entry.
    pub want: EntryRef,
    /// What its store said about the version.
    pub version: VersionToken,
}

/// Reads one store as one identity. Implementations answer within `deadline` and never log or
/// return a value anywhere but in [`Entry`].
#[async_trait]
pub trait Source: Send + Sync + fmt::Debug {
    /// How many entries one [`read`](Self::read) may carry now; 1 where there is no batch call.
    fn batch_limit(&self) -> usize;

    /// Whether this entry may go into a batch with others (a named version often may not).
    fn batches(&self, want: &EntryRef) -> bool;

    /// Reads the entries; answers in the order asked, each item failing by itself.
    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>>;

    /// Reads those of the entries that are another version than the one that is known, by the cheapest
    /// call that tells ([`Changes`](crate::Changes)); none for one that is the same. In the order asked,
    /// each item failing by itself.
    async fn read_changed(
        &self,
        known: &[Known],
        deadline: Instant,
    ) -> Vec<Result<Option<Entry>, Error>> {
        compared(self, known, deadline).await
    }

    /// Everything below a prefix, all pages. An empty answer is `Ok` and empty.
    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error>;
}

/// Reads entries and keeps those that are another version than the one that is known.
pub(crate) async fn compared<S: Source + ?Sized>(
    source: &S,
    known: &[Known],
    deadline: Instant,
) -> Vec<Result<Option<Entry>, Error>> {
    let wants: Vec<EntryRef> = known.iter().map(|known| known.want.clone()).collect();
    let answers = source.read(&wants, deadline).await;
    answers
        .into_iter()
        .zip(known)
        .map(|(answer, known)| {
            answer.map(|entry| Some(entry).filter(|entry| entry.version != known.version))
        })
        .collect()
}

/// One call to a store's API, for metrics.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    /// The API operation, as the provider names it.
    pub operation: &'static str,
    /// `ok` or an [`ErrorKind`](crate::ErrorKind) word.
    pub outcome: &'static str,
    /// How long it took.
    pub took: Duration,
}

/// Told of every call; must not block.
pub type Observer = Arc<dyn Fn(Call) + Send + Sync>;

/// The word of a call's result for [`Call::outcome`].
pub(crate) fn outcome<T>(result: &Result<T, Error>) -> &'static str {
    result
        .as_ref()
        .map_or_else(|error| error.kind.as_str(), |_| "ok")
}
