//! Writes a decrypted file, as SOPS does.

use zeroize::Zeroizing;

use crate::error::Error;
use crate::limits;
use crate::node::{Item, Leaf, Node};
use crate::number;

mod ini;
mod json;
mod yaml;

pub(crate) use ini::ini;
pub(crate) use json::json;
pub(crate) use yaml::yaml;

/// A file, made of bytes that are erased when it is dropped. Sized beforehand, as growing would leave copies.
fn file(encrypted: usize) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(encrypted + 64))
}

/// Whether a file became larger than anything that SOPS encrypted becomes.
fn fits(out: &[u8], more: usize, encrypted: usize, format: &'static str) -> Result<(), Error> {
    if out.len().saturating_add(more) > encrypted.saturating_add(limits::GROWTH) {
        return Err(Error::Plain {
            format,
            why: format!(
                "written as SOPS does it would be {} bytes larger than the encrypted one",
                limits::GROWTH
            ),
        });
    }
    Ok(())
}

/// The one value of a binary file.
pub(crate) fn binary(documents: Vec<Node>) -> Result<Zeroizing<Vec<u8>>, Error> {
    let items = documents.into_iter().next();
    let Some(Node::Map(items)) = items else {
        return Err(no_data());
    };
    items
        .into_iter()
        .find_map(|item| match item {
            Item::Entry(key, Node::Leaf(Leaf::Text(text))) if key == "data" => Some(text),
            _ => None,
        })
        .ok_or_else(no_data)
}

fn no_data() -> Error {
    Error::Plain {
        format: "binary",
        why: "it has no text `data`".to_owned(),
    }
}

/// Lines `KEY=value` and `#comment`.
pub(crate) fn dotenv(documents: &[Node], encrypted: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut out = file(encrypted);
    let items = match documents {
        [Node::Map(items)] => items.as_slice(),
        _ => &[],
    };
    for item in items {
        match item {
            Item::Comment(text) => {
                out.push(b'#');
                escaped(&mut out, text);
            }
            Item::Entry(key, Node::Leaf(leaf)) => {
                out.extend_from_slice(key.as_bytes());
                out.push(b'=');
                match leaf {
                    Leaf::Text(text) => escaped(&mut out, text),
                    leaf => escaped(&mut out, &text(leaf)),
                }
            }
            Item::Entry(key, _) => {
                return Err(Error::Plain {
                    format: "dotenv",
                    why: format!("{} is a map or a list", crate::error::shown(key)),
                });
            }
        }
        out.push(b'\n');
    }
    Ok(out)
}

/// Writes a newline as a backslash and an n.
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(place) = memchr::memchr(b'\n', rest) {
        out.extend_from_slice(&rest[..place]);
        out.extend_from_slice(b"\\n");
        rest = &rest[place + 1..];
    }
    out.extend_from_slice(rest);
}

/// A leaf in formats that know text only.
fn text(leaf: &Leaf) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match leaf {
        Leaf::Null => b"<nil>".to_vec(),
        Leaf::Bool(value) => value.to_string().into_bytes(),
        Leaf::Int(number) => number.to_string().into_bytes(),
        Leaf::Float(number) => {
            let text = number::general(*number).replace('e', "E");
            // Not to be taken for an integer.
            if text.contains(['.', 'E', 'N', 'I']) {
                text
            } else {
                format!("{text}.0")
            }
            .into_bytes()
        }
        Leaf::Time(time) => time.clone().into_bytes(),
        Leaf::Text(text) => return text.clone(),
    })
}
