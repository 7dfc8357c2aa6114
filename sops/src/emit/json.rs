//! JSON with the escapes and the layout of Go's `encoding/json`.

use zeroize::Zeroizing;

use crate::error::{Error, shown};
use crate::node::{Item, Leaf, Node};
use crate::number;

/// The one document, indented by tabs.
pub(crate) fn json(documents: &[Node], encrypted: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut out = super::file(encrypted);
    if let Some(document) = documents.first() {
        node(&mut out, document, 0, encrypted)?;
    }
    out.push(b'\n');
    Ok(out)
}

fn node(out: &mut Vec<u8>, node: &Node, depth: usize, encrypted: usize) -> Result<(), Error> {
    super::fits(out, depth, encrypted, "JSON")?;
    match node {
        Node::Map(items) => {
            let entries = items.iter().filter_map(|item| match item {
                Item::Entry(key, node) => Some((Some(key), node)),
                Item::Comment(_) => None,
            });
            nested(out, [b'{', b'}'], entries, depth, encrypted)
        }
        Node::List(nodes) => nested(
            out,
            [b'[', b']'],
            nodes.iter().map(|node| (None, node)),
            depth,
            encrypted,
        ),
        Node::Leaf(leaf) => {
            match leaf {
                Leaf::Null => out.extend_from_slice(b"null"),
                Leaf::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
                Leaf::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
                Leaf::Float(number) => {
                    let text = number::json(*number).ok_or_else(|| Error::Plain {
                        format: "JSON",
                        why: "a number is infinite or none".to_owned(),
                    })?;
                    out.extend_from_slice(text.as_bytes());
                }
                Leaf::Time(time) => quoted(out, time.as_bytes()),
                Leaf::Text(text) => quoted(out, text),
            }
            Ok(())
        }
    }
}

fn nested<'a>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    entries: impl Iterator<Item = (Option<&'a String>, &'a Node)>,
    depth: usize,
    encrypted: usize,
) -> Result<(), Error> {
    out.push(open);
    let mut empty = true;
    for (key, value) in entries {
        if !empty {
            out.push(b',');
        }
        empty = false;
        newline(out, depth + 1);
        if let Some(key) = key {
            quoted(out, key.as_bytes());
            out.extend_from_slice(b": ");
        }
        node(out, value, depth + 1, encrypted).map_err(|error| match (error, key) {
            (Error::Plain { format, why }, Some(key)) if !why.contains(" at ") => Error::Plain {
                format,
                why: format!("{why} at {}", shown(key)),
            },
            (error, _) => error,
        })?;
    }
    if !empty {
        newline(out, depth);
    }
    out.push(close);
    Ok(())
}

fn newline(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b'\t', depth));
}

fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\u{8}' => out.extend_from_slice(b"\\b"),
                '\u{c}' => out.extend_from_slice(b"\\f"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                // The last five as they mean something in HTML or in JavaScript.
                '\0'..'\u{20}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
                }
                c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            // Go counts bytes here.
            for _ in chunk.invalid() {
                out.extend_from_slice(b"\\ufffd");
            }
        }
    }
    out.push(b'"');
}
