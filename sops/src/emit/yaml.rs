//! YAML that every reader takes for the same: text in double quotes unless it is plainly a word.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::Error;
use crate::node::{Item, Leaf, Node};
use crate::number;
use crate::yaml::needs_quotes;

const INDENT: usize = 4;

/// In bytes. A longer key has to be marked as one, since readers look for its colon in 1024 characters only.
const LONG: usize = 128;

/// Documents, without comments.
pub(crate) fn yaml(documents: &[Node], encrypted: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut out = super::file(encrypted);
    for (index, document) in documents.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b"---\n");
        }
        node(&mut out, document, 0, false, encrypted)?;
        if matches!(document, Node::Map(items) if items.is_empty()) {
            out.push(b'\n');
        }
    }
    Ok(out)
}

/// A node from the present place on. `inline`: a map or a list begins on this line, behind the dash of a list.
fn node(
    out: &mut Vec<u8>,
    node_: &Node,
    depth: usize,
    inline: bool,
    encrypted: usize,
) -> Result<(), Error> {
    super::fits(out, depth * INDENT, encrypted, "YAML")?;
    let mut first = inline;
    let mut indent = |out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.extend(std::iter::repeat_n(b' ', depth * INDENT));
        }
    };
    match node_ {
        Node::Map(items) if !items.is_empty() => {
            for item in items {
                let Item::Entry(key, value) = item else {
                    continue;
                };
                indent(out);
                if key.len() > LONG {
                    out.extend_from_slice(b"? ");
                    text(out, key.as_bytes());
                    out.push(b'\n');
                    out.extend(std::iter::repeat_n(b' ', depth * INDENT));
                } else {
                    text(out, key.as_bytes());
                }
                out.push(b':');
                if is_block(value) {
                    out.push(b'\n');
                    node(out, value, depth + 1, false, encrypted)?;
                } else {
                    out.push(b' ');
                    node(out, value, depth + 1, true, encrypted)?;
                    out.push(b'\n');
                }
            }
        }
        Node::List(nodes) if !nodes.is_empty() => {
            for value in nodes {
                indent(out);
                out.push(b'-');
                out.extend(std::iter::repeat_n(b' ', INDENT - 1));
                node(out, value, depth + 1, true, encrypted)?;
                if !is_block(value) {
                    out.push(b'\n');
                }
            }
        }
        Node::Map(_) => out.extend_from_slice(b"{}"),
        Node::List(_) => out.extend_from_slice(b"[]"),
        Node::Leaf(value) => leaf(out, value),
    }
    Ok(())
}

fn is_block(node: &Node) -> bool {
    match node {
        Node::Map(items) => !items.is_empty(),
        Node::List(nodes) => !nodes.is_empty(),
        Node::Leaf(_) => false,
    }
}

fn leaf(out: &mut Vec<u8>, leaf: &Leaf) {
    match leaf {
        Leaf::Null => out.extend_from_slice(b"null"),
        Leaf::Bool(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Leaf::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Leaf::Float(number) => {
            let text = number::general(*number);
            out.extend_from_slice(match text.as_str() {
                "NaN" => b".nan",
                "+Inf" => b".inf",
                "-Inf" => b"-.inf",
                text => text.as_bytes(),
            });
        }
        Leaf::Time(time) => out.extend_from_slice(time.as_bytes()),
        Leaf::Text(bytes) => text(out, bytes),
    }
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        out.extend_from_slice(b"!!binary \"");
        out.extend_from_slice(Zeroizing::new(STANDARD.encode(bytes)).as_bytes());
        out.push(b'"');
        return;
    };
    if !needs_quotes(text) {
        out.extend_from_slice(bytes);
        return;
    }
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            // What is no printable character of YAML, or a line break to some.
            '\0'..'\u{20}'
            | '\u{7f}'..='\u{a0}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                out.extend_from_slice(format!("\\u{:04X}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
