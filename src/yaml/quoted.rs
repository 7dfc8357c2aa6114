//! Where a quoted scalar ends: the parser's own span goes on over the blanks and the comment behind it.

/// How many characters of its first line a scalar takes that begins here with a quotation mark;
/// none if there is no such mark.
pub fn length(rest: &str) -> Option<usize> {
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    let mut chars = line.chars().peekable();
    let quote = chars.next().filter(|c| matches!(c, '"' | '\''))?;
    let mut length = 1;
    while let Some(c) = chars.next() {
        length += 1;
        // What is escaped ends nothing: "\"" and, in the other style, ''''.
        let escaped = match quote {
            '"' => c == '\\',
            _ => c == '\'' && chars.peek() == Some(&'\''),
        };
        if escaped {
            length += usize::from(chars.next().is_some());
        } else if c == quote {
            break;
        }
    }
    Some(length)
}

/// A text that is walked through once, from scalar to scalar.
#[derive(Debug)]
pub struct Cursor<'a> {
    rest: &'a str,
    index: usize,
}

impl<'a> Cursor<'a> {
    /// At the beginning of the text.
    pub fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            index: 0,
        }
    }

    /// The text from a character on; nothing of what was passed already.
    pub fn from(&mut self, index: usize) -> Option<&'a str> {
        let more = index.checked_sub(self.index)?;
        let mut chars = self.rest.chars();
        for _ in 0..more {
            chars.next()?;
        }
        self.rest = chars.as_str();
        self.index = index;
        Some(self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_scalar_ends_with_its_mark() {
        for (text, expected) in [
            (r#""a" # "b""#, Some(3)),
            (r#""a\" \\" # b"#, Some(8)),
            ("'a' # it's", Some(3)),
            ("'it''s' x", Some(7)),
            ("'' # it''s", Some(2)),
            ("''''", Some(4)),
            ("'ä'\r\n", Some(3)),
            ("\"goes on \n below\"", Some(9)),
            ("\"ends in \\", Some(10)),
            ("plain", None),
            ("", None),
        ] {
            assert_eq!(length(text), expected, "{text}");
        }
    }
}
