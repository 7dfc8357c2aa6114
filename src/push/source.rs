//! Where the files come from: a source of the cluster to a [`Snapshot`] of its files.
//!
//! ```text
//!  watch ─► flux, argo (is it usable?) ─► artifact: download, verify ─► archive ─┐
//!                                     └─► git: one commit ─► objects ────────────┼─► Snapshot
//!  notify ─► directory ──────────────────────────────────────────────────────────┘
//! ```
//!
//! `flux`, `argo`, `files`, `reference` and the insides of `git` are pure; `artifact`, `git` and
//! `directory` read; `watched` and `definitions` follow the objects. Nothing is written to a disk.

use std::collections::BTreeMap;
use std::fmt;

use crate::push::crd::SourceKind;
use crate::push::source::files::{Files, LeftOut};
use crate::push::tree::Tree;

pub mod argo;
pub mod artifact;
pub mod definitions;
pub mod directory;
pub mod files;
pub mod flux;
#[cfg(feature = "git")]
pub mod git;
pub mod reference;
pub mod repository;
pub mod watched;

/// The files of a source at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// As the source itself names it.
    pub revision: String,
    /// The files that were wanted.
    pub tree: Tree,
    /// What is wanted and not among them, by its path.
    pub left_out: BTreeMap<String, LeftOut>,
}

impl Snapshot {
    /// Why a file is not among them although it is in the source: it, or a folder above it, was left out.
    #[must_use]
    pub fn why_left_out(&self, path: &str) -> Option<(&str, &str)> {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let mut candidates = above.chain([path]);
        let (path, left_out) = candidates.find_map(|path| self.left_out.get_key_value(path))?;
        Some((path, &left_out.why))
    }

    pub(crate) fn new(revision: String, files: Files) -> Self {
        Self {
            revision,
            tree: files.tree,
            left_out: files.left_out,
        }
    }
}

/// A source of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceKey {
    /// What it is.
    pub kind: SourceKind,
    /// Its namespace; empty for a directory.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SourceKind::File => write!(f, "File {}", self.name),
            kind => write!(f, "{} {}/{}", kind.name(), self.namespace, self.name),
        }
    }
}

impl SourceKind {
    /// Kinds that are objects of the cluster, each with a CRD of its own.
    pub const WATCHED: [Self; 5] = [
        Self::GitRepository,
        Self::OciRepository,
        Self::Bucket,
        Self::ExternalArtifact,
        Self::Application,
    ];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GitRepository => "GitRepository",
            Self::OciRepository => "OCIRepository",
            Self::Bucket => "Bucket",
            Self::ExternalArtifact => "ExternalArtifact",
            Self::Application => "Application",
            Self::File => "File",
        }
    }

    /// The name of its CRD; none for a directory.
    #[must_use]
    pub fn definition(self) -> Option<&'static str> {
        Some(match self {
            Self::GitRepository => "gitrepositories.source.toolkit.fluxcd.io",
            Self::OciRepository => "ocirepositories.source.toolkit.fluxcd.io",
            Self::Bucket => "buckets.source.toolkit.fluxcd.io",
            Self::ExternalArtifact => "externalartifacts.source.toolkit.fluxcd.io",
            Self::Application => "applications.argoproj.io",
            Self::File => return None,
        })
    }
}

/// What is said of an error that is nobody's but JASM's.
pub(crate) const ENDED: &str = "it could not be read: an error of JASM's own, which its log has";

/// What a source as it is now is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usable<T> {
    /// It can be read.
    Now(T),
    /// Not yet; what was read last stays in force until the source changes. Why.
    Later(String),
    /// Not as it is written. Why, and what to write.
    Never(String),
}

/// Why there are no files of a source that is usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What to do about it.
    pub kind: ProblemKind,
    /// One sentence: what, where, what to do. Never a value or a credential.
    pub message: String,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// Try again with growing pauses: the network, a server that fails.
    Unavailable,
    /// The credentials are missing, wrong or not enough: try again when they or the source change, and now
    /// and then.
    Denied,
    /// What came is not what the source says: a digest that differs, a cut body. Try again with pauses.
    Integrity,
    /// Of no use to try again until the source changes: too large, a link in it, no archive.
    Content,
    /// Of no use to try again until the object or its source is written otherwise.
    Unsupported,
}

impl Problem {
    pub(crate) fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
