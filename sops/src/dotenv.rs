//! Loads dotenv as SOPS does: a line is a comment, or a key and a value with nothing trimmed.

use zeroize::Zeroizing;

use crate::error::Error;
use crate::node::{Item, Leaf, Node};

/// The lines of a file. A key that is there twice stays there twice, as SOPS leaves it.
pub(crate) fn load(bytes: &[u8]) -> Result<Vec<Item>, Error> {
    let mut items = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        if let Some(comment) = line.strip_prefix(b"#") {
            items.push(Item::Comment(Zeroizing::new(comment.to_vec())));
            continue;
        }
        let wrong = |message: &str| Error::malformed(index + 1, message);
        let Some(equals) = line.iter().position(|&byte| byte == b'=') else {
            return Err(wrong("a line is neither KEY=value nor a comment"));
        };
        let key = std::str::from_utf8(&line[..equals]).map_err(|_| wrong("a key is not UTF-8"))?;
        let value = unescape(&line[equals + 1..]);
        items.push(Item::Entry(key.to_owned(), Node::Leaf(Leaf::Text(value))));
    }
    Ok(items)
}

/// A newline is written as a backslash and an n.
fn unescape(value: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some(place) = rest.windows(2).position(|pair| pair == b"\\n") {
        plain.extend_from_slice(&rest[..place]);
        plain.push(b'\n');
        rest = &rest[place + 2..];
    }
    plain.extend_from_slice(rest);
    plain
}
