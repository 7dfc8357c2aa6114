//! A stream's documents.
//!
//! A line that begins with `---` ends a document wherever it stands (YAML 1.2.2, rule 206,
//! `c-forbidden`), so the stream can be cut before it is parsed: a broken document costs only
//! itself, and no more than one is ever in memory as a tree.

/// One document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// Its text, with its `---`.
    pub(super) text: &'a str,
    /// The number of lines before it.
    pub(super) lines_before: usize,
}

pub(super) fn split(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut start = 0;
    let mut lines_before = 0;
    let mut lines = 0;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if lines > lines_before && is_marker(line) {
            push(&mut documents, &text[start..offset], lines_before);
            start = offset;
            lines_before = lines;
        }
        offset += line.len();
        lines += breaks(line);
    }
    push(&mut documents, &text[start..], lines_before);
    documents
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Line ends in a piece that ends with `\n` or at the end: a lone `\r` counts as in YAML.
fn breaks(line: &str) -> usize {
    let bytes = line.as_bytes();
    (0..bytes.len())
        .filter(|&at| match bytes[at] {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        })
        .count()
}

/// Keeps what has more in it than comments and directives.
fn push<'a>(documents: &mut Vec<Document<'a>>, text: &'a str, lines_before: usize) {
    let idle = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let content = text
        .lines()
        .map(|line| {
            if is_marker(line) {
                line[3..].trim_start()
            } else {
                line
            }
        })
        .any(|line| !idle(line) && !line.starts_with('%') && line.trim_end() != "...");
    if content {
        documents.push(Document { text, lines_before });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(&str, usize)> {
        split(text)
            .into_iter()
            .map(|document| (document.text, document.lines_before))
            .collect()
    }

    #[test]
    fn each_document_is_cut_with_its_line() {
        assert_eq!(
            texts("a: 1\n---\nb: 2\n--- # next\nc: |\n  ---\n----: x\n"),
            [
                ("a: 1\n", 0),
                ("---\nb: 2\n", 1),
                ("--- # next\nc: |\n  ---\n----: x\n", 3)
            ]
        );
        assert_eq!(
            texts("a: 1\r\n---\r\nb: 2\r\n"),
            [("a: 1\r\n", 0), ("---\r\nb: 2\r\n", 1)]
        );
        assert_eq!(texts("--- {a: 1}"), [("--- {a: 1}", 0)]);
    }

    #[test]
    fn what_has_nothing_in_it_is_no_document() {
        assert_eq!(texts(""), []);
        assert_eq!(texts("---\n# Source: chart\n---\n\n...\n"), []);
        assert_eq!(texts("%YAML 1.2\n---\na: 1\n"), [("---\na: 1\n", 1)]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_lost(text in "(---|a|#| |\n|\r\n|\r){0,60}") {
            for document in split(&text) {
                let source = crate::diagnostic::Source::new("f", text.clone());
                let start = source.line_start(document.lines_before + 1).unwrap();
                proptest::prop_assert!(text[start..].starts_with(document.text));
            }
        }
    }
}
