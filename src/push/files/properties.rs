//! What `java.util.Properties.load` reads, byte for byte (Java SE 17, class documentation), but for what
//! could only be a mistake: an empty key, a key that is there twice, half a surrogate pair.
//!
//! Java leaves the charset to its caller. Here it is UTF-8 where the content is valid UTF-8, and
//! ISO-8859-1 where it is not.

use jasm_providers::SecretBytes;
use zeroize::Zeroizing;

use super::{Fault, Pair, push};

const BLANK: [char; 3] = [' ', '\t', '\u{c}'];

/// All pairs in the order written, those too that Java would overwrite later.
///
/// # Errors
/// The first line that Java refuses, or that has an empty key or an escape that stands for no character.
pub fn parse(content: &[u8]) -> Result<Vec<Pair>, Fault> {
    let text = decode(content);
    let mut lines = Lines {
        chars: text.strip_prefix('\u{feff}').unwrap_or(&text).chars(),
        line: 1,
        pair: false,
    };
    let mut pairs = Vec::new();
    while let Some((logical, line)) = lines.next() {
        let (key, value) = split(&logical);
        if key.is_empty() {
            return Err(Fault::new(
                line,
                "there is no key before \"=\", \":\" or the blank: write KEY=value",
            ));
        }
        let unescaped = unescape(key, line)?;
        let key = std::str::from_utf8(unescaped.expose())
            .unwrap_or_default()
            .to_owned();
        let value = unescape(value, line)?;
        push(&mut pairs, Pair { key, value, line })?;
    }
    Ok(pairs)
}

fn decode(content: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(match std::str::from_utf8(content) {
        Ok(text) => text.to_owned(),
        // ISO-8859-1 is the first 256 characters of Unicode, of which each takes two bytes at most.
        Err(_) => {
            let mut text = String::with_capacity(2 * content.len());
            text.extend(content.iter().copied().map(char::from));
            text
        }
    })
}

/// Joins natural lines to logical ones: without blanks before, comments and blank lines.
struct Lines<'a> {
    chars: std::str::Chars<'a>,
    /// The natural line that is read next, from 1.
    line: usize,
    /// Whether the one before it ends in `\r\n`.
    pair: bool,
}

impl Lines<'_> {
    /// A logical line with the number of the natural line that it begins on.
    fn next(&mut self) -> Option<(Zeroizing<Vec<char>>, usize)> {
        loop {
            let begin = self.line;
            let mut logical = self.natural()?;
            // What is continued before anything is written may still turn out to be a comment.
            while continued(&logical) {
                logical.pop();
                // Java's own quirk: a backslash alone before the end is a line, but not before "\r\n".
                if self.chars.as_str().is_empty() && !(logical.is_empty() && self.pair) {
                    return Some((logical, begin));
                }
                if logical.is_empty() {
                    break;
                }
                if let Some(more) = self.natural() {
                    logical.extend_from_slice(&more);
                }
            }
            if !logical.is_empty() && !matches!(logical.first(), Some('#' | '!')) {
                return Some((logical, begin));
            }
        }
    }

    /// A natural line without the blanks before it; none at the end.
    fn natural(&mut self) -> Option<Zeroizing<Vec<char>>> {
        if self.chars.as_str().is_empty() {
            return None;
        }
        let all = self.chars.as_str();
        let end = all.find(['\n', '\r']).unwrap_or(all.len());
        let (line, rest) = all.split_at(end);
        let behind = rest.strip_prefix("\r\n");
        self.pair = behind.is_some();
        let rest = behind
            .or_else(|| rest.strip_prefix(['\n', '\r']))
            .unwrap_or(rest);
        self.chars = rest.chars();
        self.line += 1;
        let mut chars = Zeroizing::new(Vec::with_capacity(line.len()));
        chars.extend(line.trim_start_matches(BLANK).chars());
        Some(chars)
    }
}

/// Whether a line ends in a backslash that is not escaped by another one; a comment never does.
fn continued(line: &[char]) -> bool {
    !matches!(line.first(), Some('#' | '!'))
        && line.iter().rev().take_while(|c| **c == '\\').count() % 2 == 1
}

/// Key and value of a logical line, still escaped.
fn split(line: &[char]) -> (&[char], &[char]) {
    let mut escaped = false;
    let end = line
        .iter()
        .position(|c| {
            let separates = !escaped && (matches!(c, '=' | ':') || BLANK.contains(c));
            escaped = *c == '\\' && !escaped;
            separates
        })
        .unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    let rest = skip_blank(rest);
    let rest = match rest {
        ['=' | ':', behind @ ..] => skip_blank(behind),
        rest => rest,
    };
    (key, rest)
}

fn skip_blank(text: &[char]) -> &[char] {
    let blank = text.iter().take_while(|c| BLANK.contains(c)).count();
    text.get(blank..).unwrap_or_default()
}

fn unescape(text: &[char], line: usize) -> Result<SecretBytes, Fault> {
    // UTF-16, as Java has it: a pair of escapes is one character.
    let mut units: Zeroizing<Vec<u16>> = Zeroizing::new(Vec::with_capacity(2 * text.len()));
    let mut rest = text;
    loop {
        let (c, behind) = match rest {
            [] => break,
            ['\\', 'u', behind @ ..] => {
                let (unit, behind) = code_unit(behind, line)?;
                units.push(unit);
                rest = behind;
                continue;
            }
            ['\\', 't', behind @ ..] => ('\t', behind),
            ['\\', 'n', behind @ ..] => ('\n', behind),
            ['\\', 'r', behind @ ..] => ('\r', behind),
            ['\\', 'f', behind @ ..] => ('\u{c}', behind),
            ['\\', c, behind @ ..] | [c, behind @ ..] => (*c, behind),
        };
        units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        rest = behind;
    }
    let text = String::from_utf16(&units).map_err(|_| {
        Fault::new(
            line,
            "a \\u escape stands for half a character: write both halves of the surrogate pair",
        )
    })?;
    Ok(SecretBytes::from(text))
}

/// The four digits behind `\u`, and what follows them.
fn code_unit(text: &[char], line: usize) -> Result<(u16, &[char]), Fault> {
    let read = || {
        let (digits, behind) = text.split_at_checked(4)?;
        let unit = digits
            .iter()
            .try_fold(0, |unit, digit| Some(unit * 16 + digit.to_digit(16)?))?;
        Some((u16::try_from(unit).ok()?, behind))
    };
    read().ok_or_else(|| {
        Fault::new(
            line,
            "\\u must be followed by four hexadecimal digits: write \\\\ for a backslash",
        )
    })
}

#[cfg(test)]
mod tests;
