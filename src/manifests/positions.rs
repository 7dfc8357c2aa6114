//! From a place within a scalar's text to the place in the file where it is written.
//!
//! The text and its source are walked side by side; white space, which folding and indentation
//! change, is stepped over. Where the two do not agree nothing is claimed.

use std::collections::HashMap;

use saphyr_parser::ScalarStyle;

use crate::diagnostic::{Place, Source};

/// Where each character of a scalar is written.
#[derive(Debug)]
pub struct Locator {
    scalar: Place,
    text: Source,
    /// Line, column and the column behind it, of each character up to the first that cannot be told.
    written: Vec<(usize, usize, usize)>,
    /// How many characters each line of the file takes where a stretch goes on below it.
    ends: HashMap<usize, usize>,
}

impl Locator {
    pub(super) fn new(source: &Source, scalar: Place, style: ScalarStyle, text: &str) -> Self {
        let mut written = Vec::new();
        let mut ends = HashMap::new();
        if let Some(mut walk) = Walk::new(source, scalar, style) {
            for c in text.chars() {
                let Some((line, column)) = walk.step(c) else {
                    break;
                };
                let end = if walk.line == line {
                    walk.column
                } else {
                    column
                };
                written.push((line, column, end));
                let last = ends.entry(line).or_insert(end);
                *last = end.max(*last);
            }
        }
        Self {
            scalar,
            text: Source::new("", text),
            written,
            ends,
        }
    }

    /// Where a stretch of the text is written in the file; line and column count from 1 within the
    /// text. Where escapes or folds hide it: where the text begins.
    #[must_use]
    pub fn locate(&self, within: Place) -> Place {
        self.find(within).unwrap_or(self.scalar)
    }

    fn find(&self, within: Place) -> Option<Place> {
        let offset = self.text.offset(within.line, within.column)?;
        let start = self.text.text().get(..offset)?.chars().count();
        let last = start + within.length.saturating_sub(1);
        let Some(&(line, column, end)) = self.written.get(start) else {
            // Behind the last character, if that could be told.
            let (line, _, end) = *self.written.last()?;
            let whole = self.text.text().chars().count();
            return (start == whole && self.written.len() == whole).then_some(Place {
                line,
                column: end,
                length: 1,
            });
        };
        let end = match self.written.get(last) {
            Some((last_line, _, last_end)) if *last_line == line => *last_end,
            // It goes on below: to the end of its first line.
            Some(_) => self.ends.get(&line).copied().unwrap_or(end),
            None => end,
        };
        Some(Place {
            line,
            column,
            length: end.saturating_sub(column).max(1),
        })
    }
}

struct Walk<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    style: ScalarStyle,
    line: usize,
    column: usize,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Source, scalar: Place, style: ScalarStyle) -> Option<Self> {
        let from = source.offset(scalar.line, scalar.column)?;
        let mut walk = Self {
            rest: source.text().get(from..)?.chars().peekable(),
            style,
            line: scalar.line,
            column: scalar.column,
        };
        match style {
            // A block begins with its content, not with its header.
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => {}
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
                walk.next();
            }
        }
        Some(walk)
    }

    /// One character of the source; a line end is one.
    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        let crlf = c == '\r' && self.rest.peek() == Some(&'\n');
        if crlf {
            self.rest.next();
        }
        if matches!(c, '\r' | '\n') {
            self.line += 1;
            self.column = 1;
            return Some('\n');
        }
        self.column += 1;
        Some(c)
    }

    /// Steps over one character of the text; where it is written.
    fn step(&mut self, c: char) -> Option<(usize, usize)> {
        if c.is_whitespace() {
            // Folding makes one white space of many, and many of one; only an escaped one is exact.
            let here = (self.line, self.column);
            match self.rest.peek() {
                Some('\\') if self.style == ScalarStyle::DoubleQuoted => {
                    return self.unit(c).then_some(here);
                }
                Some(next) if *next == c && !matches!(c, '\n' | '\r') => {
                    self.next();
                }
                Some('\n' | '\r') if c == '\n' => {
                    self.next();
                }
                _ => {}
            }
            return Some(here);
        }
        while self.rest.peek().is_some_and(|next| next.is_whitespace()) {
            self.next();
        }
        let here = (self.line, self.column);
        self.unit(c).then_some(here)
    }

    /// Reads one character as the style writes it; false if it is another one.
    fn unit(&mut self, expected: char) -> bool {
        match self.next() {
            Some('\'') if self.style == ScalarStyle::SingleQuoted => {
                expected == '\'' && self.next() == Some('\'')
            }
            Some('\\') if self.style == ScalarStyle::DoubleQuoted => self.escape(expected),
            Some(c) => c == expected,
            None => false,
        }
    }

    /// An escape sequence after its backslash (YAML 1.2.2, section 5.7).
    fn escape(&mut self, expected: char) -> bool {
        let digits = match self.next() {
            Some('n') => return expected == '\n',
            Some('t' | '\t') => return expected == '\t',
            Some('r') => return expected == '\r',
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(c @ ('"' | '\\' | '/' | ' ')) => return expected == c,
            _ => return false,
        };
        let mut code = 0_u32;
        for _ in 0..digits {
            let Some(digit) = self.next().and_then(|c| c.to_digit(16)) else {
                return false;
            };
            code = code.wrapping_mul(16).wrapping_add(digit);
        }
        char::from_u32(code) == Some(expected)
    }
}
