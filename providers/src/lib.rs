//! Stores and how they are read.
//!
//! A [`Source`] reads entries of one store as one identity. A [`Lane`] sits before a source and
//! decides when a call leaves: one call for however many ask, batches where the store has them.
//! [`mod@reference`] holds the grammar of paths per store kind, [`Error`] the ten ways a read can
//! fail. Nothing here knows Kubernetes.

pub mod batching;
pub mod error;
pub mod reference;
pub mod source;
pub mod value;

pub mod aws;
pub mod file;

pub use batching::Lane;
pub use error::{Error, ErrorKind};
pub use reference::{EntryRef, Kind, Prefix, Scope};
pub use source::{Entry, Listed, Source, VersionToken};
pub use value::SecretBytes;
