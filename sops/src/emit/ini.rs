//! ini as the library writes it that SOPS uses.

use zeroize::Zeroizing;

use crate::error::{Error, shown};
use crate::ini::DEFAULT;
use crate::node::{Item, Leaf, Node};

/// Sections with keys in a column, and an empty line between sections.
pub(crate) fn ini(documents: &[Node], encrypted: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let sections = match documents {
        [Node::Map(sections)] => sections.as_slice(),
        _ => &[],
    };
    // Keys are padded, so that it may become larger than the encrypted file.
    let mut out = super::file(encrypted.saturating_mul(2));
    let last = sections.len().saturating_sub(1);
    for (index, section) in sections.iter().enumerate() {
        let Item::Entry(name, Node::Map(items)) = section else {
            return Err(Error::Plain {
                format: "ini",
                why: "a section is no mapping".to_owned(),
            });
        };
        let mut items = items.as_slice();
        if let [Item::Comment(text), rest @ ..] = items {
            comment(&mut out, text);
            items = rest;
        }
        if index > 0 || !name.eq_ignore_ascii_case(DEFAULT) {
            out.push(b'[');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"]\n");
        } else if items.is_empty() {
            continue;
        }
        entries(&mut out, items, encrypted)?;
        if index < last {
            out.push(b'\n');
        }
    }
    Ok(out)
}

fn entries(out: &mut Vec<u8>, items: &[Item], encrypted: usize) -> Result<(), Error> {
    let width = items
        .iter()
        .filter_map(|item| match item {
            Item::Entry(key, _) => Some(quoted(key).len()),
            Item::Comment(_) => None,
        })
        .max()
        .unwrap_or(0);
    for (index, item) in items.iter().enumerate() {
        let Item::Entry(key, node) = item else {
            continue;
        };
        let Node::Leaf(leaf) = node else {
            return Err(Error::Plain {
                format: "ini",
                why: format!("{} is a map or a list", shown(key)),
            });
        };
        // The last comment before the next key is that of this one.
        let above = items[index + 1..]
            .iter()
            .map_while(|item| match item {
                Item::Comment(text) => Some(text),
                Item::Entry(..) => None,
            })
            .last();
        if let Some(text) = above {
            comment(out, text);
        }
        super::fits(out, width, encrypted, "ini")?;
        let key = quoted(key);
        out.extend_from_slice(key.as_bytes());
        out.extend(std::iter::repeat_n(b' ', width - key.len()));
        out.extend_from_slice(b" = ");
        value(out, leaf);
        out.push(b'\n');
    }
    Ok(())
}

fn quoted(key: &str) -> String {
    if key.contains(['"', '=', ':']) {
        format!("`{key}`")
    } else if key.contains('`') {
        format!("\"\"\"{key}\"\"\"")
    } else {
        key.to_owned()
    }
}

fn value(out: &mut Vec<u8>, leaf: &Leaf) {
    let bytes = super::text(leaf);
    let has = |marks: &[u8]| bytes.iter().any(|byte| marks.contains(byte));
    let quote: &[u8] = if has(b"\n`") {
        b"\"\"\""
    } else if has(b"#;") {
        b"`"
    } else if bytes.trim_ascii().len() != bytes.len() {
        b"\""
    } else {
        b""
    };
    out.extend_from_slice(quote);
    out.extend_from_slice(&bytes);
    out.extend_from_slice(quote);
}

fn comment(out: &mut Vec<u8>, text: &[u8]) {
    for line in text.split(|&byte| byte == b'\n') {
        match line {
            [mark @ (b'#' | b';'), rest @ ..] => {
                out.push(*mark);
                out.push(b' ');
                out.extend_from_slice(rest.trim_ascii());
            }
            line => {
                out.extend_from_slice(b"; ");
                out.extend_from_slice(line.trim_ascii());
            }
        }
        out.push(b'\n');
    }
}
