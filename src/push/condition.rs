//! What can stand between a source and the stores, and what follows: the one table of reasons and retries.

use std::fmt;

/// Why an object is not ready, or that it is: the reason of its condition `Ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Everything that is in the source is in the stores.
    Succeeded,
    /// `suspend` is true.
    Suspended,
    /// The object asks for what cannot be.
    SpecInvalid,
    /// No store of the config is what the object's provider names, or more than one is.
    StoreUnknown,
    /// The operator's config does not allow it.
    AccessDenied,
    /// There is no such source, or no such kind of source in the cluster.
    SourceNotFound,
    /// The source says itself that it is not ready.
    SourceNotReady,
    /// The source cannot be fetched.
    SourceUnavailable,
    /// What was fetched is not what the source says it is, or cannot be taken: a digest, a link, a size.
    SourceInvalid,
    /// A file cannot be decrypted.
    DecryptionFailed,
    /// A file cannot be understood, or there is none.
    FilesInvalid,
    /// The kustomization needs what the native subset has not.
    UnsupportedKustomizeFeature,
    /// Two keys would become one entry.
    NameCollision,
    /// The stores cannot be asked what is there.
    StoreFailed,
    /// Some entries were not written; the others were.
    EntriesFailed,
}

/// When it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// When the object, its source or the config changes.
    OnChange,
    /// After a while: 5 s doubling to 10 min.
    Backoff,
}

impl Reason {
    /// All of them, for the docs.
    pub const ALL: [Self; 15] = [
        Self::Succeeded,
        Self::Suspended,
        Self::SpecInvalid,
        Self::StoreUnknown,
        Self::AccessDenied,
        Self::SourceNotFound,
        Self::SourceNotReady,
        Self::SourceUnavailable,
        Self::SourceInvalid,
        Self::DecryptionFailed,
        Self::FilesInvalid,
        Self::UnsupportedKustomizeFeature,
        Self::NameCollision,
        Self::StoreFailed,
        Self::EntriesFailed,
    ];

    /// The word in conditions, events and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Suspended => "Suspended",
            Self::SpecInvalid => "SpecInvalid",
            Self::StoreUnknown => "StoreUnknown",
            Self::AccessDenied => "AccessDenied",
            Self::SourceNotFound => "SourceNotFound",
            Self::SourceNotReady => "SourceNotReady",
            Self::SourceUnavailable => "SourceUnavailable",
            Self::SourceInvalid => "SourceInvalid",
            Self::DecryptionFailed => "DecryptionFailed",
            Self::FilesInvalid => "FilesInvalid",
            Self::UnsupportedKustomizeFeature => "UnsupportedKustomizeFeature",
            Self::NameCollision => "NameCollision",
            Self::StoreFailed => "StoreFailed",
            Self::EntriesFailed => "EntriesFailed",
        }
    }

    /// The status of the condition `Ready`.
    #[must_use]
    pub fn ready(self) -> &'static str {
        match self {
            Self::Succeeded => "True",
            // Neither good nor bad: nobody is to be woken for it.
            Self::Suspended => "Unknown",
            _ => "False",
        }
    }

    /// When it is tried again.
    #[must_use]
    pub fn retry(self) -> Retry {
        match self {
            // A key's Secret, a right, a store: nothing says when they change.
            Self::SourceUnavailable
            | Self::DecryptionFailed
            | Self::StoreFailed
            | Self::EntriesFailed => Retry::Backoff,
            _ => Retry::OnChange,
        }
    }

    /// Whether somebody has to change something before it can go on: the condition `Stalled`
    /// (`sigs.k8s.io/cli-utils/pkg/kstatus`).
    #[must_use]
    pub fn is_stalled(self) -> bool {
        matches!(
            self,
            Self::SpecInvalid
                | Self::StoreUnknown
                | Self::AccessDenied
                | Self::SourceInvalid
                | Self::FilesInvalid
                | Self::UnsupportedKustomizeFeature
                | Self::NameCollision
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an object is not ready: the reason, and one sentence without values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// What follows from it.
    pub reason: Reason,
    /// What, where, what to do.
    pub message: String,
}

impl Problem {
    /// A problem.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}
