//! Patterns in which `*` is any run of characters.

/// Whether all of `text` is matched.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_run_of_characters() {
        for (pattern, text) in [
            ("a", "a"),
            ("*", ""),
            ("*", "a/b"),
            ("a*", "a"),
            ("a*c", "abbc"),
            ("*b*", "abc"),
            ("a*b*b", "a-b-b"),
            ("/v1/*:access", "/v1/projects/p/secrets/s/versions/1:access"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("a", "b"),
            ("a", "ab"),
            ("a*", "ba"),
            ("a*c", "ab"),
            ("", "a"),
            ("a*b*b", "a-b"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
