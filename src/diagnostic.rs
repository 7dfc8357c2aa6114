//! A problem with its place in a file, and the ways to write it: for people, for editors, for CI.
//!
//! Pure. Lines and columns count from 1, columns and lengths in characters (Unicode scalar values).

use std::sync::Arc;

mod github;
mod json;
mod sarif;
mod source;
mod text;

pub use source::Source;

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not work.
    Error,
    /// It works, but hardly as it is meant.
    Warning,
    /// Said once for the reader's information; it never counts.
    Note,
}

impl Severity {
    /// The word for it; SARIF has the same three (section 3.27.10).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A class of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name, `area/what`.
    pub id: &'static str,
    /// One sentence about the class, for tools that list rules.
    pub about: &'static str,
}

/// A stretch of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Length in characters, at least 1.
    pub length: usize,
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How grave it is.
    pub severity: Severity,
    /// What class of problem.
    pub rule: &'static Rule,
    /// The file it is in.
    pub source: Arc<Source>,
    /// Where in the file; none if it concerns the whole.
    pub place: Option<Place>,
    /// One line that says it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(
        rule: &'static Rule,
        source: &Arc<Source>,
        place: Option<Place>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            rule,
            source: source.clone(),
            place,
            message: message.into(),
            help: None,
        }
    }

    /// A warning at a place.
    pub fn warning(
        rule: &'static Rule,
        source: &Arc<Source>,
        place: Option<Place>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, source, place, message)
        }
    }

    /// With what to write instead.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// The formats that diagnostics are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people: the message, the place, the line with the place underlined, the mend
    #[default]
    Text,
    /// One JSON document: {"diagnostics": […], "errors": N, "warnings": N}
    Json,
    /// SARIF 2.1.0, as code scanning services read it
    Sarif,
    /// Workflow commands that annotate a pull request on GitHub
    Github,
}

/// All diagnostics in one of the formats; `color` concerns `text` only.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], format: Format, color: bool) -> String {
    match format {
        Format::Text => text::render(diagnostics, color),
        Format::Json => json::render(diagnostics),
        Format::Sarif => sarif::render(diagnostics),
        Format::Github => github::render(diagnostics),
    }
}

/// How many are of that severity.
#[must_use]
pub fn count(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == severity)
        .count()
}

/// The character itself, or U+FFFD for one that a terminal acts on or that turns the direction of
/// what follows.
#[must_use]
pub fn visible(c: char) -> char {
    match c {
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests;
