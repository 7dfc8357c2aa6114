//! `NAME=value` lines.
//!
//! There is no standard. What all readers take alike is taken; what they read differently is settled so
//! that a file means the same before and after `sops` encrypted it:
//! - A line whose first character is `#` is a comment, whatever follows.
//! - `export` before a name is read over. Blanks around name, `=` and value are none of them.
//! - `'…'` is literal, over several lines too. `"…"` knows `\n`, `\r`, `\t`, `\\`, `\"` and `\$`; readers
//!   disagree on all others, which are refused.
//! - Without quotes a value ends before a `#` that follows a blank. Of escapes there is `\n` only: sops
//!   writes the end of a line so in its dotenv files, quotes or not.
//! - Nothing is filled in for `$NAME` and `${NAME}`.

use jasm_providers::SecretBytes;
use zeroize::Zeroizing;

use super::{Fault, Pair, plain_lines, push};

const BLANK: [char; 4] = [' ', '\t', '\u{b}', '\u{c}'];

/// All pairs in the order written.
///
/// # Errors
/// The first line that means nothing.
pub fn parse(text: &str) -> Result<Vec<Pair>, Fault> {
    let text = plain_lines(text);
    let mut rest: &str = &text;
    let mut line = 1;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (first, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = first.trim_start_matches(BLANK);
        if trimmed.is_empty() || trimmed.starts_with('#') {
            rest = after;
            line += 1;
            continue;
        }
        let Some((name, _)) = trimmed.split_once('=') else {
            return Err(Fault::new(
                line,
                "there is no \"=\": write NAME=value, a \"#\" before a comment, and quotes around a value of several lines",
            ));
        };
        let key = key(name, line)?;
        // From behind the first "=", which is in this line.
        let value = rest.split_once('=').map_or("", |(_, value)| value);
        let (value, left) = self::value(value, line)?;
        push(&mut pairs, Pair { key, value, line })?;
        line += count_lines(rest, left);
        rest = left;
    }
    Ok(pairs)
}

fn count_lines(before: &str, after: &str) -> usize {
    let read = before.len() - after.len();
    before
        .bytes()
        .take(read)
        .filter(|byte| *byte == b'\n')
        .count()
}

/// The name before `=`. A wrong one is not repeated: it may be a piece of a value.
fn key(name: &str, line: usize) -> Result<String, Fault> {
    let name = name.trim_end_matches(BLANK);
    let name = match name.strip_prefix("export") {
        Some(rest) if rest.starts_with(BLANK) => rest.trim_start_matches(BLANK),
        _ => name,
    };
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if name.is_empty() || !name.chars().all(fit) {
        return Err(Fault::new(
            line,
            "what stands before \"=\" is no name: use letters, digits, \"_\", \".\" and \"-\", and quotes around a value of several lines",
        ));
    }
    Ok(name.to_owned())
}

/// A value, and what follows its last line.
fn value(text: &str, line: usize) -> Result<(SecretBytes, &str), Fault> {
    let begin = text.trim_start_matches(BLANK);
    let quoted = match begin.chars().next() {
        Some('\'') => Some(single(begin, line)?),
        Some('"') => Some(double(begin, line)?),
        _ => None,
    };
    let Some((value, after)) = quoted else {
        let (first, after) = text.split_once('\n').unwrap_or((text, ""));
        return Ok((SecretBytes::from(unquoted(first)), after));
    };
    let (behind, next) = after.split_once('\n').unwrap_or((after, ""));
    let behind = behind.trim_start_matches(BLANK);
    if !behind.is_empty() && !behind.starts_with('#') {
        return Err(Fault::new(
            line + count_lines(begin, after),
            "something follows the closing quote: put the whole value into quotes, and of the other kind if one is in it",
        ));
    }
    Ok((value, next))
}

fn unquoted(text: &str) -> String {
    let comment = text
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| text.get(..*at).is_some_and(|left| left.ends_with(BLANK)));
    let text = comment.and_then(|at| text.get(..at)).unwrap_or(text);
    text.trim_matches(BLANK).replace("\\n", "\n")
}

fn not_closed(line: usize) -> Fault {
    Fault::new(
        line,
        "the quote that begins the value is not closed: close it, or put the value into quotes of the other kind",
    )
}

fn single(text: &str, line: usize) -> Result<(SecretBytes, &str), Fault> {
    let inside = text.strip_prefix('\'').unwrap_or(text);
    let (value, after) = inside.split_once('\'').ok_or_else(|| not_closed(line))?;
    Ok((SecretBytes::new(value.as_bytes().to_vec()), after))
}

fn double(text: &str, line: usize) -> Result<(SecretBytes, &str), Fault> {
    // Where it ends, so that no value takes room for the whole rest of the file.
    let mut escaped = false;
    let end = text.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let mut value = Zeroizing::new(String::with_capacity(end.unwrap_or_default()));
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let after = text.get(at + 1..).unwrap_or_default();
                return Ok((SecretBytes::new(value.as_bytes().to_vec()), after));
            }
            '\\' => value.push(match chars.next().map(|(_, c)| c) {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(c @ ('\\' | '"' | '$')) => c,
                _ => {
                    let here = text.get(at..).unwrap_or_default();
                    return Err(Fault::new(
                        line + count_lines(text, here),
                        "in double quotes a backslash stands before n, r, t, $, another backslash or a double quote only: use single quotes for a value with a backslash",
                    ));
                }
            }),
            c => value.push(c),
        }
    }
    Err(not_closed(line))
}
