//! What a store adapter implements to be written to.
//!
//! Every entry that is written carries the mark of the object that it belongs to. What does not carry it
//! is never written and never deleted. Values are compared by keyed digests that stand beside the mark, or
//! by what the store's own list brings along, so that what did not change costs no read and no write.

use std::fmt;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Error, SecretBytes, VersionToken};

pub(crate) mod beside;
pub mod fingerprint;
pub mod owner;
pub(crate) mod pages;
pub(crate) mod rounds;
pub(crate) mod token;

pub use fingerprint::{Fingerprint, Fingerprints};
pub use owner::Owner;

/// Where a value comes from; stands on the entry so that it can be traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The source's revision.
    pub revision: String,
    /// The file in it.
    pub file: String,
}

/// One entry as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Its name, as the store's kind has names.
    pub name: String,
    /// Its value: not empty.
    pub value: SecretBytes,
    /// The keyed digest of name and value.
    pub fingerprint: Fingerprint,
    /// Where the value comes from.
    pub origin: Origin,
}

/// One entry that carries an owner's mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its name.
    pub name: String,
    /// The digest of the value that it has now; none where what stands on it is of another value, or
    /// where the store's list does not tell.
    pub fingerprint: Option<Fingerprint>,
    /// The value, where the store's list brings it along. Empty, which no value that is written is, for an
    /// entry that a write has begun and not ended: [`Sink::update`] ends it.
    pub value: Option<SecretBytes>,
    /// What the store says about the version, for a write that must not meet another one.
    pub version: Option<VersionToken>,
}

/// Who has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// There is no such entry.
    Nobody,
    /// The owner that was asked for.
    Owner(Held),
    /// Somebody else: another object of JASM's, or none of them.
    Other(Option<Owner>),
    /// An entry with the owner's mark that is deleted and can be brought back.
    Deleted,
    /// One of somebody else that is deleted and still keeps its name.
    DeletedOther,
}

/// Why a write did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// An entry of that name is there already, or its name is not free yet: [`Sink::holder`] says whose.
    #[error("there is an entry of that name")]
    Exists,
    /// The entry is not as it was when it was listed: look again.
    #[error("somebody else changed the entry meanwhile")]
    Changed,
    /// The store refused or failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

/// Writes one store as one identity. Implementations answer within `deadline` and never log or return a
/// value anywhere but in [`Held`] and from [`read`](Self::read).
#[async_trait]
pub trait Sink: Send + Sync + fmt::Debug {
    /// All entries with the owner's mark, all pages, by as few calls as the store can do it with. Asked for
    /// after this call began: what was written before is in it.
    async fn held(&self, owner: &Owner, deadline: Instant) -> Result<Vec<Held>, Error>;

    /// Who has a name, asked of the entry itself: a list can be behind.
    async fn holder(&self, name: &str, owner: &Owner, deadline: Instant) -> Result<Holder, Error>;

    /// The current values of entries, in the order asked, each item failing by itself.
    async fn read(&self, names: &[&str], deadline: Instant) -> Vec<Result<SecretBytes, Error>>;

    /// Makes a new entry with the owner's mark. Never writes one that is there, whosever it is. Saying it
    /// again after a cut answer makes no second version.
    async fn create(&self, put: &Put, owner: &Owner, deadline: Instant) -> Result<(), WriteError>;

    /// Gives an entry of the owner's exactly one new version.
    async fn update(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError>;

    /// Writes the digest of a value that the entry has already; makes no version. A store that cannot do
    /// that does nothing.
    async fn remark(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError>;

    /// Brings back a deleted entry of the owner's; it is then updated like any other.
    async fn restore(&self, name: &str, deadline: Instant) -> Result<(), WriteError>;

    /// Deletes an entry of the owner's, in the way that can be undone where the store has one.
    async fn delete(&self, held: &Held, owner: &Owner, deadline: Instant)
    -> Result<(), WriteError>;
}
