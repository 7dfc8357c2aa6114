//! What can go wrong with a target, and what follows: the one table of reasons and retries.

use std::time::Duration;

use jasm_providers::ErrorKind;

use crate::pull::request::ObjectKind;

/// Why a target is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// The annotation cannot be understood, or asks for what nobody may have.
    AnnotationInvalid,
    /// The config names no such store.
    StoreUnknown,
    /// No rule of the store allows the path.
    PolicyRefused,
    /// A secret value in a ConfigMap, from a store that does not say `configs: true`.
    SecretInConfigMap,
    /// The store answered with an error, or not in time.
    Fetch(ErrorKind),
    /// The data does not fit the object.
    Render,
    /// Two sources for one key.
    Conflict,
    /// The object that is there does not carry our label.
    NotOurs,
    /// The object that is there cannot be changed: immutable, or of another type.
    Unchangeable,
    /// The API server refuses: a right, a quota, an admission policy.
    WriteRefused,
    /// With `rights: write-only`: the admission policy that guards the objects of others is not seen
    /// to be in force.
    Unguarded,
    /// The API server cannot be reached, is full, or does not answer in time.
    WriteUnavailable,
    /// An owner could not be added; the content was written all the same.
    OwnerRefused,
    /// The namespace is being deleted.
    NamespaceTerminating,
}

/// The reason of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(
    missing_docs,
    reason = "each word is explained where it is used, in the table of conditions"
)]
pub enum Reason {
    SecretSynced,
    ConfigMapSynced,
    AnnotationInvalid,
    StoreUnknown,
    AccessDenied,
    FetchFailed,
    RenderFailed,
    Conflict,
    NotOwned,
    WriteFailed,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SecretSynced,
        Self::ConfigMapSynced,
        Self::AnnotationInvalid,
        Self::StoreUnknown,
        Self::AccessDenied,
        Self::FetchFailed,
        Self::RenderFailed,
        Self::Conflict,
        Self::NotOwned,
        Self::WriteFailed,
    ];

    /// The word in the event.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SecretSynced => "SecretSynced",
            Self::ConfigMapSynced => "ConfigMapSynced",
            Self::AnnotationInvalid => "AnnotationInvalid",
            Self::StoreUnknown => "StoreUnknown",
            Self::AccessDenied => "AccessDenied",
            Self::FetchFailed => "FetchFailed",
            Self::RenderFailed => "RenderFailed",
            Self::Conflict => "Conflict",
            Self::NotOwned => "NotOwned",
            Self::WriteFailed => "WriteFailed",
        }
    }

    /// The reason for a success.
    #[must_use]
    pub fn synced(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Secret => Self::SecretSynced,
            ObjectKind::ConfigMap => Self::ConfigMapSynced,
        }
    }
}

/// When it is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// When the pod, the config or another pod of the target changes.
    OnChange,
    /// While a pod waits for the target: 5 s doubling to 2 min.
    WhileWaiting,
    /// While the target is asked for: 1 s doubling to 2 min, or when the store says.
    Backoff(Option<Duration>),
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every waiting pod, up to ten, and the workload.
    Waiting,
    /// The same from the second try on: most often it ends by itself before.
    Lasting,
    /// Nobody: a metric counts it.
    Nobody,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The event's reason.
    pub reason: Reason,
    /// When it is tried again.
    pub retry: Retry,
    /// Who is told.
    pub audience: Audience,
}

impl Condition {
    /// The table: reason, retry and audience of every condition.
    #[must_use]
    pub fn row(self) -> Row {
        use Audience::{Lasting, Nobody, Waiting};
        use Reason as R;
        use Retry::{Backoff, OnChange, WhileWaiting};
        let (reason, retry, audience) = match self {
            Self::AnnotationInvalid => (R::AnnotationInvalid, OnChange, Waiting),
            Self::StoreUnknown => (R::StoreUnknown, OnChange, Waiting),
            Self::PolicyRefused | Self::SecretInConfigMap => (R::AccessDenied, OnChange, Waiting),
            Self::Fetch(ErrorKind::Throttled { after }) => {
                (R::FetchFailed, Backoff(after), Waiting)
            }
            Self::Fetch(ErrorKind::Unavailable | ErrorKind::Integrity) => {
                (R::FetchFailed, Backoff(None), Waiting)
            }
            // Somebody creates the entry, grants the right, mends the credentials or the value.
            Self::Fetch(
                ErrorKind::NotFound
                | ErrorKind::Gone
                | ErrorKind::Denied
                | ErrorKind::Unauthenticated
                | ErrorKind::TooLarge
                | ErrorKind::Invalid,
            ) => (R::FetchFailed, WhileWaiting, Waiting),
            Self::Fetch(ErrorKind::Unsupported) => (R::FetchFailed, OnChange, Waiting),
            // The value may be mended in the store.
            Self::Render => (R::RenderFailed, WhileWaiting, Waiting),
            Self::Conflict => (R::Conflict, OnChange, Waiting),
            // Somebody deletes the object, or hands it over with the label.
            Self::NotOurs | Self::Unchangeable => (R::NotOwned, WhileWaiting, Waiting),
            Self::WriteRefused => (R::WriteFailed, WhileWaiting, Waiting),
            // The API server takes up a new policy a moment after it was applied.
            Self::Unguarded => (R::WriteFailed, WhileWaiting, Lasting),
            Self::WriteUnavailable => (R::WriteFailed, Backoff(None), Waiting),
            Self::OwnerRefused => (R::WriteFailed, OnChange, Waiting),
            Self::NamespaceTerminating => (R::WriteFailed, OnChange, Nobody),
        };
        Row {
            reason,
            retry,
            audience,
        }
    }
}

/// The wait before try number `attempt` (from 0) with this first wait: doubling to 2 min.
#[must_use]
pub fn backoff(first: Duration, attempt: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(120);
    first.saturating_mul(1 << attempt.min(10)).min(LONGEST)
}

/// A condition with the sentence for whoever has to act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What follows from it.
    pub condition: Condition,
    /// What, where, what to do instead; no values.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(condition: Condition, message: impl Into<String>) -> Self {
        Self {
            condition,
            message: message.into(),
        }
    }
}
