//! Regular expressions of Go (RE2) for an engine that reads nearly the same.
//!
//! What the two read differently is written out (`\d`, `\w`, `\s` and `\b` mean ASCII in Go) or refused.

use regex::Regex;

/// An expression that matches what Go's `regexp` matches.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > crate::limits::PATTERN {
        return Err(format!(
            "the regular expression is longer than {} bytes",
            crate::limits::PATTERN
        ));
    }
    let translated = translate(pattern)?;
    regex::RegexBuilder::new(&translated)
        .size_limit(1 << 20)
        .build()
        .map_err(|_| {
            format!(
                "{:?} is no regular expression that is understood here",
                crate::error::shown(pattern)
            )
        })
}

fn translate(pattern: &str) -> Result<String, String> {
    let refuse = |what: &str| {
        Err(format!(
            "the regular expression uses {what}, which is read differently elsewhere"
        ))
    };
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut class = false;
    // Characters since the class began; `]` is itself at first.
    let mut inside = 0;
    while let Some(c) = chars.next() {
        inside += 1;
        match c {
            '\\' => match chars.next() {
                None => return refuse("a trailing backslash"),
                Some('d') if class => out.push_str("0-9"),
                Some('w') if class => out.push_str("0-9A-Za-z_"),
                Some('s') if class => out.push_str(r"\t\n\f\r "),
                Some('d') => out.push_str("[0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('s') => out.push_str(r"[\t\n\f\r ]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('S') => out.push_str(r"[^\t\n\f\r ]"),
                Some(c @ ('b' | 'B')) if !class => {
                    out.push_str(r"(?-u:\");
                    out.push(c);
                    out.push(')');
                }
                Some(c @ ('A' | 'z' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'p' | 'P' | 'x')) => {
                    out.push('\\');
                    out.push(c);
                }
                Some(c) if c.is_ascii_punctuation() && !matches!(c, '<' | '>') => {
                    out.push('\\');
                    out.push(c);
                }
                Some(c) => return refuse(&format!("\\{c}")),
            },
            '[' if class => match chars.peek() {
                // A named class.
                Some(':') => out.push('['),
                _ => out.push_str(r"\["),
            },
            '[' => {
                class = true;
                inside = 0;
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
            }
            ']' if class && inside == 1 => out.push_str(r"\]"),
            ']' if class => {
                // The end of a named class ends no other.
                class = out.ends_with(':')
                    && out
                        .rfind("[:")
                        .is_some_and(|start| !out[start + 2..].contains(']'));
                out.push(']');
            }
            '&' | '~' | '-' if class && chars.peek() == Some(&c) => {
                return refuse("a doubled sign in a class");
            }
            '(' if chars.peek() == Some(&'?') && !class => {
                out.push('(');
                let mut ahead = chars.clone();
                ahead.next();
                if ahead
                    .take_while(|c| !matches!(c, ')' | ':' | '<' | 'P'))
                    .any(|c| !matches!(c, 'i' | 'm' | 's' | 'U' | '-'))
                {
                    return refuse("flags other than i, m, s and U");
                }
            }
            _ => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_go() {
        for (pattern, text, expected) in [
            (r"^(data|stringData)$", "data", true),
            (r"^(data|stringData)$", "metadata", false),
            (r"pass", "my_password", true),
            (r"^\d+$", "12", true),
            (r"^\d+$", "١٢", false),
            (r"^[\d_]+$", "1_2", true),
            (r"\bkey\b", "a key b", true),
            (r"^[[:alpha:]]+$", "abc", true),
            (r"^[[:alpha:]1]+$", "abc1", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]+$", "bc", true),
            (r"^[[a]+$", "[a", true),
            (r"(?i)^SECRET", "secret_x", true),
            (r"^(?P<a>x)(?:y)$", "xy", true),
            (r"\.key$", "tls.key", true),
            (r"^[a\]b]$", "]", true),
            ("", "anything", true),
        ] {
            assert_eq!(
                compile(pattern).unwrap().is_match(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn what_means_something_else_is_refused() {
        for pattern in [
            r"[a&&b]", r"\Qa\E", "(?x)a b", r"\<a", "(", r"a\", "[a--b]", r"\u0061", "(?=a)",
        ] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
