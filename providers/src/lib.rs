//! Stores, how they are read, and how they are written.
//!
//! A [`Source`] reads entries of one store as one identity, a [`Sink`] writes those that carry its
//! owner's mark. A [`Lane`] sits before a source and decides when a call leaves: one call for however
//! many ask, batches where the store has them.
//! [`mod@reference`] holds the grammar of paths per store kind, [`Kind::abilities`] what each kind can do,
//! [`Error`] the ten ways a read can fail. Nothing here knows Kubernetes.

pub mod abilities;
mod advice;
pub mod batching;
pub mod check;
pub mod error;
mod http;
pub mod identity;
mod listing;
mod probe;
mod proxy;
pub mod reach;
pub mod reference;
mod retry;
mod roots;
mod session;
pub mod sink;
mod small_file;
pub mod source;
pub mod value;
pub mod web;

pub mod aws;
pub mod azure;
pub mod file;
pub mod gcp;
pub mod vault;

pub use abilities::{Abilities, Changes};
pub use batching::Lane;
pub use check::Check;
pub use error::{Error, ErrorKind};
pub use identity::{Identity, Principal, Workload};
pub use reference::{EntryRef, Kind, Prefix, Scope};
pub use sink::Sink;
pub use source::{Entry, Known, Listed, Source, VersionToken};
pub use value::SecretBytes;
