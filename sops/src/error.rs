//! What can be wrong with an encrypted file. No error holds a value or a key.

use std::fmt::{self, Write as _};

/// Why a file is not decrypted: one sentence each. Paths in it are those of keys, which SOPS does not encrypt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More bytes than anything here takes.
    #[error("the file has {size} bytes, and at most {limit} are decrypted")]
    TooLarge {
        /// Of the file, in bytes.
        size: usize,
        /// In bytes.
        limit: usize,
    },
    /// It is not written in its format.
    #[error("{}{message}", place(*line))]
    Malformed {
        /// From 1; 0 where there is none to name.
        line: usize,
        /// One sentence.
        message: String,
    },
    /// There is no metadata of SOPS in it.
    #[error("the file has no metadata of SOPS: encrypt it with `sops encrypt`")]
    NoMetadata,
    /// The metadata of SOPS is not what SOPS writes.
    #[error("the file's metadata of SOPS is broken: {0}")]
    Metadata(String),
    /// What shall be encrypted is said in a way that is not understood.
    #[error("{rule} of the file's metadata of SOPS is not supported: {why}")]
    UnsupportedRule {
        /// The name of the metadata's member.
        rule: &'static str,
        /// What of it.
        why: String,
    },
    /// Not enough recipients gave the data key, or their part of it.
    #[error("{}", no_data_key(*needed, *found, failures))]
    NoDataKey {
        /// How many groups of recipients have to give their part.
        needed: usize,
        /// How many did.
        found: usize,
        /// Who was asked, and what came of it.
        failures: Vec<Failure>,
    },
    /// The parts make no data key.
    #[error("the parts of the data key do not fit together: {0}")]
    DataKey(String),
    /// A value is not what it should be.
    #[error("the value of {path} {why}")]
    Value {
        /// The keys that lead to it, with `:` between them.
        path: String,
        /// The rest of a sentence.
        why: &'static str,
    },
    /// The file does not say what it was when it was encrypted.
    #[error(
        "the file has no MAC, so nothing shows that it is as it was encrypted: encrypt it anew with `sops encrypt`"
    )]
    MacMissing,
    /// The MAC cannot be read with the data key.
    #[error(
        "the file's MAC does not decrypt: the MAC, lastmodified or the encrypted data key were changed after it was encrypted"
    )]
    MacUnreadable,
    /// The file was changed.
    #[error(
        "the file's MAC is not that of its values: it was changed after it was encrypted; restore it, or encrypt it anew with `sops`"
    )]
    MacMismatch,
    /// What was decrypted has no form in the file's format.
    #[error("what the file decrypts to is no {format} file: {why}")]
    Plain {
        /// The format's name.
        format: &'static str,
        /// One clause.
        why: String,
    },
}

impl Error {
    /// Whether the same file and the same keys may do better later: a key service did not answer.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NoDataKey { failures, .. } if failures.iter().any(|failure| failure.transient))
    }

    pub(crate) fn malformed(line: usize, message: impl Into<String>) -> Self {
        Self::Malformed {
            line,
            message: message.into(),
        }
    }
}

/// A recipient that did not give the data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Who, as the file names it.
    pub recipient: String,
    /// Why not: one clause.
    pub reason: String,
    /// Whether it may do so later.
    pub transient: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.recipient, self.reason)
    }
}

/// How many failures a sentence names.
const NAMED: usize = 6;

fn no_data_key(needed: usize, found: usize, failures: &[Failure]) -> String {
    let mut text = if needed > 1 {
        format!(
            "{found} of the {needed} key groups that are needed give their part of the data key"
        )
    } else {
        "none of the file's recipients gives the data key".to_owned()
    };
    for (index, failure) in failures.iter().take(NAMED).enumerate() {
        let mark = if index == 0 { ": " } else { "; " };
        let _ = write!(text, "{mark}{failure}");
    }
    if failures.len() > NAMED {
        let _ = write!(text, "; and {} more", failures.len() - NAMED);
    }
    text
}

fn place(line: usize) -> String {
    if line == 0 {
        String::new()
    } else {
        format!("line {line}: ")
    }
}

/// A name from a file, fit for a sentence: no control characters, and not endless.
pub(crate) fn shown(name: &str) -> String {
    const LENGTH: usize = 120;
    let mut text: String = name
        .chars()
        .take(LENGTH)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if name.chars().nth(LENGTH).is_some() {
        text.push('…');
    }
    text
}
