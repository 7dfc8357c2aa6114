//! The text of a file, by lines.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

/// Within a longer line every so many characters an offset is kept: JSON may be one line of many MiB.
const LONG: usize = 4096;

/// A file's name and text.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    /// Where each line begins, in bytes.
    starts: Vec<u32>,
    /// For long lines where every [`LONG`]th character begins, in bytes from the line's start.
    long: BTreeMap<usize, Vec<u32>>,
    /// The lines of documents in which a Secret is written.
    secrets: Vec<Range<usize>>,
}

impl fmt::Debug for Source {
    // The text may be long and hold literals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({:?})", self.name)
    }
}

impl Source {
    /// A name for messages and the text; a byte order mark in front is dropped.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let mut starts = vec![0];
        let mut from = 0;
        while let Some(next) = after_break(&text, from) {
            from = next;
            starts.push(offset(from));
        }
        let mut source = Self {
            name: name.into(),
            text,
            starts,
            long: BTreeMap::new(),
            secrets: Vec::new(),
        };
        for number in 1..=source.lines() {
            let line = source.line(number);
            if line.len() > LONG {
                let marks = line
                    .char_indices()
                    .step_by(LONG)
                    .map(|(at, _)| offset(at))
                    .collect();
                source.long.insert(number, marks);
            }
        }
        source.secrets = source.secret_documents();
        source
    }

    /// The name as the user gave it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How many lines there are; the empty text has one.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.starts.len()
    }

    /// The line of that number without its end; empty if there is none.
    #[must_use]
    pub fn line(&self, number: usize) -> &str {
        let Some(start) = self.line_start(number) else {
            return "";
        };
        let end = self.line_start(number + 1).unwrap_or(self.text.len());
        let line = self.text.get(start..end).unwrap_or_default();
        line.trim_end_matches(['\n', '\r'])
    }

    /// The offset in bytes of a line.
    #[must_use]
    pub fn line_start(&self, number: usize) -> Option<usize> {
        let start = self.starts.get(number.checked_sub(1)?)?;
        usize::try_from(*start).ok()
    }

    /// The rest of a line from a column on; empty past its end.
    #[must_use]
    pub fn rest(&self, number: usize, column: usize) -> &str {
        let line = self.line(number);
        let column = column.saturating_sub(1);
        let (line, skip) = match self.long.get(&number) {
            Some(marks) => {
                let near = (column / LONG).min(marks.len() - 1);
                let start = marks.get(near).map_or(0, |mark| *mark as usize);
                (line.get(start..).unwrap_or_default(), column - near * LONG)
            }
            None => (line, column),
        };
        line.char_indices()
            .nth(skip)
            .map_or("", |(at, _)| &line[at..])
    }

    /// True if the line is of a YAML document in which a Secret is written, by the look of its text:
    /// it may be neither YAML nor whole.
    #[must_use]
    pub fn in_secret(&self, number: usize) -> bool {
        let behind = self.secrets.partition_point(|lines| lines.end <= number);
        self.secrets
            .get(behind)
            .is_some_and(|lines| lines.contains(&number))
    }

    /// The lines of all documents in which a Secret is written.
    fn secret_documents(&self) -> Vec<Range<usize>> {
        let (mut found, mut first, mut secret) = (Vec::new(), 1, false);
        for number in 1..=self.lines() {
            let line = self.line(number);
            if line.starts_with("---") {
                if secret {
                    found.push(first..number);
                }
                (first, secret) = (number, false);
            }
            secret |= names_secret(line);
        }
        if secret {
            found.push(first..self.lines() + 1);
        }
        found
    }

    /// The offset in bytes of a line and column; past the line's end its end.
    #[must_use]
    pub fn offset(&self, line: usize, column: usize) -> Option<usize> {
        let start = self.line_start(line)?;
        Some(start + self.line(line).len() - self.rest(line, column).len())
    }
}

/// True if `kind: Secret` is in the line, as YAML or as JSON.
fn names_secret(line: &str) -> bool {
    let quotes = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    line.match_indices("kind").any(|(at, kind)| {
        let rest = line[at + kind.len()..].trim_start_matches(quotes);
        let value = rest
            .strip_prefix(':')
            .map(|it| it.trim_start_matches(quotes));
        value
            .and_then(|it| it.strip_prefix("Secret"))
            .is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_alphanumeric()))
    })
}

/// Where the next line begins. YAML ends lines with `\n`, `\r\n` and `\r` (1.2.2, section 5.4).
fn after_break(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let rest = bytes.get(from..)?;
    let at = from + rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
    let crlf = bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
    Some(at + if crlf { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_in_yaml() {
        let source = Source::new("f", "\u{feff}a\nb\r\nc\rd\n");
        assert_eq!(source.lines(), 5);
        let lines: Vec<_> = (0..=6).map(|number| source.line(number)).collect();
        assert_eq!(lines, ["", "a", "b", "c", "d", "", ""]);
        assert_eq!(Source::new("f", "").lines(), 1);
    }

    #[test]
    fn a_secret_is_known_by_its_text() {
        let text = "kind: Pod\n---\nstringData: {a: b}\nkind: \"Secret\" # one\n--- \nkind: SecretStore\n---\n{\"kind\" : \"Secret\"}";
        let source = Source::new("f", text);
        let found: Vec<_> = (1..=source.lines())
            .map(|line| source.in_secret(line))
            .collect();
        let expected = [false, true, true, true, false, false, true, true];
        assert_eq!(found, expected);
    }

    #[test]
    fn columns_count_characters() {
        let source = Source::new("f", "x\näöü=1\n");
        assert_eq!(source.offset(2, 1), Some(2));
        assert_eq!(source.offset(2, 4), Some(8));
        assert_eq!(source.offset(2, 99), Some(10));
        assert_eq!(source.offset(9, 1), None);
    }

    #[test]
    fn columns_of_long_lines_are_found_too() {
        let line = "ä日x".repeat(5000);
        let source = Source::new("f", format!("a\n{line}\nb"));
        for column in [
            1, 2, 4095, 4096, 4097, 8192, 8193, 12_289, 15_000, 15_001, 99_999,
        ] {
            let expected: String = line.chars().skip(column - 1).collect();
            assert_eq!(source.rest(2, column), expected, "{column}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_line_is_found(text in "[ab\n\r]{0,200}") {
            let source = Source::new("f", text.clone());
            let expected: Vec<String> = text.replace("\r\n", "\n").split(['\n', '\r']).map(str::to_owned).collect();
            let found: Vec<_> = (1..=source.lines()).map(|number| source.line(number).to_owned()).collect();
            proptest::prop_assert_eq!(found, expected);
        }
    }
}
