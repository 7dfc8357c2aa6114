//! A scalar of a manifest: its text, and where every character of it is written.

use std::fmt;
use std::sync::Arc;

use saphyr_parser::ScalarStyle;

use super::positions::Locator;
use super::tree::Node;
use crate::diagnostic::{Diagnostic, Place, Rule, Source};
use crate::yaml::quoted;

/// A text with its place.
#[derive(Clone)]
pub struct Text {
    text: String,
    source: Arc<Source>,
    place: Place,
    style: ScalarStyle,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column, .. } = self.place;
        write!(f, "{:?}@{line}:{column}", self.text)
    }
}

impl Text {
    /// A scalar; none for lists and mappings.
    pub(super) fn of(source: &Arc<Source>, node: &Node<'_>) -> Option<Self> {
        let (text, style) = node.scalar()?;
        let (line, start) = node.start();
        let column = start + properties(source, line, start, style);
        let length = written(source, line, column, text, style);
        Some(Self {
            text: text.to_owned(),
            source: source.clone(),
            place: Place {
                line,
                column,
                length,
            },
            style,
        })
    }

    /// The text after YAML's own unescaping.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The file that it is in.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Where it is written; of a text of several lines the beginning.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// An unquoted `true`, number or nothing, which is no text for the API server.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.style == ScalarStyle::Plain
    }

    /// Where a stretch of the text is written in the file; line and column count from 1 within the
    /// text. Where escapes or folds hide it: where the text begins.
    #[must_use]
    pub fn locate(&self, within: Place) -> Place {
        self.locator().locate(within)
    }

    /// Made once, it locates many.
    #[must_use]
    pub fn locator(&self) -> Locator {
        Locator::new(&self.source, self.place, self.style, &self.text)
    }

    /// An error about it.
    pub fn error(&self, rule: &'static Rule, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(rule, &self.source, Some(self.place), message)
    }

    /// A warning about it.
    pub fn warning(&self, rule: &'static Rule, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(rule, &self.source, Some(self.place), message)
    }
}

/// How many characters an anchor and a tag take before the scalar itself.
fn properties(source: &Source, line: usize, column: usize, style: ScalarStyle) -> usize {
    // A block begins with its content, on a line of its own.
    if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
        return 0;
    }
    let whole = source.rest(line, column);
    let mut rest = whole;
    while rest.starts_with(['&', '!']) {
        let word = rest.find([' ', '\t']).unwrap_or(rest.len());
        rest = rest[word..].trim_start_matches([' ', '\t']);
    }
    // The scalar is on a later line: its properties are shown instead.
    if rest.is_empty() {
        return 0;
    }
    whole[..whole.len() - rest.len()].chars().count()
}

/// How many characters of its first line a scalar takes, with its quotes.
fn written(source: &Source, line: usize, column: usize, text: &str, style: ScalarStyle) -> usize {
    let rest = || source.rest(line, column).chars();
    let length = match style {
        ScalarStyle::Plain => {
            let first = text.lines().next().unwrap_or_default();
            rest()
                .zip(first.chars())
                .take_while(|(written, read)| written == read)
                .count()
        }
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            quoted::length(source.rest(line, column)).unwrap_or(1)
        }
        ScalarStyle::Literal | ScalarStyle::Folded => {
            let line: String = rest().collect();
            line.trim_end().chars().count()
        }
    };
    length.max(1)
}
