//! What is wrong with a kustomization. Pure.

/// Why a kustomization gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It asks for something that is not built here, though kustomize may build it.
    Unsupported,
    /// It cannot be built, or what it gives is no Secret or ConfigMap that an API server would take.
    Invalid,
    /// It is larger or deeper than anything that a person writes.
    TooLarge,
}

/// What is wrong, in which file. Never has a value of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {message}")]
pub struct Error {
    /// The file, from the source's root.
    pub file: String,
    /// Why.
    pub reason: Reason,
    /// One sentence without the file.
    pub message: String,
}

/// An error before it is known in which file.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) reason: Reason,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Unsupported,
            message: message.into(),
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::Invalid,
            message: message.into(),
        }
    }

    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self {
            reason: Reason::TooLarge,
            message: message.into(),
        }
    }

    /// With a part of the file in front.
    pub(super) fn within(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    pub(super) fn at(self, file: &str) -> Error {
        Error {
            file: file.to_owned(),
            reason: self.reason,
            message: self.message,
        }
    }
}
