//! Files to keys and values. Pure.
//!
//! One parser for each format, by the file's extension. A file is read as a whole or not at all: a line
//! that means nothing, a key that is there twice, a value that is still encrypted are one sentence with
//! file and line, and never a value.

use std::collections::HashMap;
use std::fmt;

use jasm_providers::SecretBytes;
use zeroize::Zeroizing;

use crate::yaml::clip;

pub mod dotenv;
mod flat;
pub mod json;
pub mod properties;
pub mod yaml;

/// More keys than this in one file are no configuration that a person wrote.
pub const MAX_KEYS: usize = 10_000;

/// What SOPS writes in place of a value.
const ENCRYPTED: &[u8] = b"ENC[";
const ENCRYPTED_BY_SOPS: &[u8] = b"ENC[AES256_GCM,";

/// One key with its value, as a file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key: not empty.
    pub key: String,
    /// The value; it may be empty.
    pub value: SecretBytes,
    /// The line that it begins on, from 1.
    pub line: usize,
}

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// One sentence without the line: what, and what to write instead. Never a value.
    pub message: String,
}

impl Fault {
    /// A fault on a line.
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, from the source's root; of what a kustomization made, the object and its key.
    pub file: String,
    /// The line, from 1; none if it concerns the whole file.
    pub line: Option<usize>,
    /// One sentence. Never a value.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

impl std::error::Error for Problem {}

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `NAME=value` lines.
    Dotenv,
    /// What `java.util.Properties` reads.
    Properties,
    /// One YAML document.
    Yaml,
    /// One JSON object.
    Json,
}

impl Format {
    /// The format that a file name's extension says; none for others.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "env" => Some(Self::Dotenv),
            "properties" => Some(Self::Properties),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// All pairs of a file in the order written, keys unique, nothing encrypted.
///
/// # Errors
/// The first problem of the file.
pub fn read(path: &str, content: &SecretBytes) -> Result<Vec<Pair>, Problem> {
    let format = Format::of(path).ok_or_else(|| Problem {
        file: path.to_owned(),
        line: None,
        message:
            "its format is not known: let the name end in .env, .properties, .yaml, .yml or .json"
                .to_owned(),
    })?;
    parse(format, content.expose()).map_err(|fault| Problem {
        file: path.to_owned(),
        line: Some(fault.line),
        message: fault.message,
    })
}

/// All pairs of a content in the order written, keys unique, nothing encrypted.
///
/// # Errors
/// The first fault.
pub fn parse(format: Format, content: &[u8]) -> Result<Vec<Pair>, Fault> {
    let pairs = match format {
        Format::Dotenv => dotenv::parse(text(content)?)?,
        Format::Yaml => yaml::parse(text(content)?)?,
        Format::Json => json::parse(text(content)?)?,
        Format::Properties => properties::parse(content)?,
    };
    // Before anything else: the other faults of such a file are no help.
    if let Some(pair) = pairs.iter().find(|pair| encrypted(pair.value.expose())) {
        return Err(Fault::new(
            pair.line,
            format!("\"{}\" {STILL_ENCRYPTED}", clip(&pair.key)),
        ));
    }
    unique(&pairs)?;
    Ok(pairs)
}

/// The fault of a file with more than [`MAX_KEYS`] keys; said while it is read, before they take memory.
fn too_many(line: usize) -> Fault {
    Fault::new(
        line,
        format!("there are more than {MAX_KEYS} keys: use several files"),
    )
}

/// Adds a pair.
fn push(pairs: &mut Vec<Pair>, pair: Pair) -> Result<(), Fault> {
    if pairs.len() >= MAX_KEYS {
        return Err(too_many(pair.line));
    }
    pairs.push(pair);
    Ok(())
}

/// What is said about a value that is [`encrypted`].
pub(crate) const STILL_ENCRYPTED: &str = "is still encrypted (ENC[…]): encrypt the file as a whole with sops, so that it says by which key, or write the value itself";

/// Whether a value is what SOPS puts in place of one: such a value never goes to a store.
#[must_use]
pub fn encrypted(value: &[u8]) -> bool {
    value.trim_ascii_start().starts_with(ENCRYPTED)
        || value
            .windows(ENCRYPTED_BY_SOPS.len())
            .any(|part| part == ENCRYPTED_BY_SOPS)
}

fn unique(pairs: &[Pair]) -> Result<(), Fault> {
    let mut lines: HashMap<&str, usize> = HashMap::with_capacity(pairs.len());
    for pair in pairs {
        if let Some(first) = lines.insert(&pair.key, pair.line) {
            return Err(Fault::new(
                pair.line,
                format!(
                    "\"{}\" is there twice, on lines {first} and {}: keep one of them",
                    clip(&pair.key),
                    pair.line
                ),
            ));
        }
    }
    Ok(())
}

/// The content as text, without a byte order mark.
fn text(content: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(content).map_err(|error| {
        let before = content.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Fault::new(line, "this is not UTF-8: save the file in UTF-8")
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The text with every end of line as `\n`.
fn plain_lines(text: &str) -> Zeroizing<String> {
    // No copy of a secret is left behind while the text grows.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\r') {
        plain.push_str(line);
        plain.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests;
