//! Loads dotenv as SOPS does: a line is a comment, or a key and a value with nothing trimmed.

use zeroize::Zeroizing;

use crate::count::Values;
use crate::error::Error;
use crate::node::{Item, Leaf, Node};

/// The lines of a file. A key that is there twice stays there twice, as SOPS leaves it.
pub(crate) fn load(bytes: &[u8]) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    let mut values = Values::default();
    let mut rest = bytes;
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            continue;
        }
        values.add(number)?;
        if let Some(comment) = line.strip_prefix(b"#") {
            items.push(Item::Comment(Zeroizing::new(comment.to_vec())));
            continue;
        }
        let wrong = |message: &str| Error::malformed(number, message);
        let Some(equals) = memchr::memchr(b'=', line) else {
            return Err(wrong("a line is neither KEY=value nor a comment"));
        };
        let key = std::str::from_utf8(&line[..equals]).map_err(|_| wrong("a key is not UTF-8"))?;
        // SOPS writes none there, so that a tool put it there.
        if matches!(key, "sops_mac" | "sops_lastmodified") && line.ends_with(b"\r") {
            return Err(wrong(
                "the lines of the file end in \\r\\n, and were \\n when it was encrypted: have Git leave them alone (`*.env -text` in .gitattributes), and restore the file",
            ));
        }
        let value = unescape(&line[equals + 1..]);
        items.push(Item::Entry(key.to_owned(), Node::Leaf(Leaf::Text(value))));
    }
    Ok(items)
}

/// Says so where it may be a byte order mark that a file is refused for: SOPS takes it for a part of the first key, and
/// one that was there when the file was encrypted does no harm.
pub(crate) fn with_mark(bytes: &[u8], error: Error) -> Error {
    match error {
        Error::Value { .. } | Error::MacMismatch | Error::Malformed { line: 1, .. }
            if bytes.starts_with(b"\xef\xbb\xbf") =>
        {
            Error::malformed(
                1,
                "the file begins with a byte order mark, which was not there when it was encrypted: take it off",
            )
        }
        error => error,
    }
}

/// A newline is written as a backslash and an n.
fn unescape(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some(place) = memchr::memmem::find(rest, b"\\n") {
        plain.extend_from_slice(&rest[..place]);
        plain.push(b'\n');
        rest = &rest[place + 2..];
    }
    plain.extend_from_slice(rest);
    plain
}
