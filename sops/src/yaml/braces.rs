//! An empty map with a comment on its line comes back from sops with its closing brace on a line of its own, in the
//! first column (go-yaml v3 writes it so, and reads it), where YAML has none: what is inside a map is indented
//! (YAML 1.2.2, 7.4, `s-separate(n,c)`).

use std::borrow::Cow;

/// The text with such braces indented. Nowhere else does a line of a brace alone follow a comment that is encrypted.
pub(super) fn indented(text: &str) -> Cow<'_, str> {
    if !text.contains("\n}") {
        return Cow::Borrowed(text);
    }
    let mut fixed = String::with_capacity(text.len() + 64);
    let mut before = "";
    for line in text.split_inclusive('\n') {
        let indent = before.len() - before.trim_start_matches(' ').len();
        let comment = before.trim_start_matches(' ').starts_with("#ENC[");
        if comment && line.trim_end() == "}" {
            fixed.push_str(&before[..indent]);
        }
        fixed.push_str(line);
        before = line;
    }
    Cow::Owned(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brace_behind_an_encrypted_comment_is_indented_as_it_is() {
        let text = "a: {\n    #ENC[x]\n}\nb:\n    c: {\n        #ENC[y]\n}\n";
        assert_eq!(
            indented(text),
            "a: {\n    #ENC[x]\n    }\nb:\n    c: {\n        #ENC[y]\n        }\n"
        );
        for other in [
            "{\"a\": 1\n}\n",
            "a: |\n    {\n    # x\n    }\n",
            "# x\n}",
            "",
        ] {
            assert_eq!(indented(other), other);
        }
    }
}
