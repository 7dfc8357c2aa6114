//! Why a read failed, typed once for every store.

use std::fmt;
use std::time::Duration;

/// The class of a failure; what is tried again, and when, follows from it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// No such entry, version or label.
    NotFound,
    /// It was there: deleted, scheduled for deletion, disabled or destroyed.
    Gone,
    /// The identity may not read it.
    Denied,
    /// The store does not accept the credentials.
    Unauthenticated,
    /// The store refuses the request as malformed.
    Invalid,
    /// More than can be taken: of the value, of a prefix read, of the answer.
    TooLarge,
    /// Too many requests; the store may say when to come back.
    Throttled {
        /// The store's own advice.
        after: Option<Duration>,
    },
    /// Not reachable, not in time, or an error of the store's own.
    Unavailable,
    /// The answer contradicts itself: a checksum, a length, a body that cannot be parsed.
    Integrity,
    /// The store cannot do this.
    Unsupported,
}

impl ErrorKind {
    /// A stable word for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Gone => "gone",
            Self::Denied => "denied",
            Self::Unauthenticated => "unauthenticated",
            Self::Invalid => "invalid",
            Self::TooLarge => "too_large",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable => "unavailable",
            Self::Integrity => "integrity",
            Self::Unsupported => "unsupported",
        }
    }
}

/// A failed read: its kind, one sentence of ours, and the store's own code.
///
/// Neither an SDK's error nor a body nor a URL is ever kept: they can carry values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What follows from it.
    pub kind: ErrorKind,
    /// What and where, without values, lower case, no full stop.
    pub message: String,
    /// The store's error code (`AccessDeniedException`, …), if it gave one.
    pub code: Option<String>,
}

impl Error {
    /// An error without a code of the store.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            code: None,
        }
    }

    /// The same with the store's code, cut to a plain word so that it cannot carry anything else.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        let word: String = code
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
            .take(64)
            .collect();
        self.code = (!word.is_empty()).then_some(word);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}
