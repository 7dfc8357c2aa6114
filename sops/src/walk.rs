//! Decrypts the values of a file in place, and proves by the MAC that they are those that were encrypted.

use sha2::{Digest as _, Sha512};

use crate::cipher::{self, Cipher, KEY, Kind};
use crate::error::{Error, shown};
use crate::limits;
use crate::metadata::Metadata;
use crate::node::{Item, Leaf, Node};
use crate::scope::Verdict;

/// What the hash of a file begins with whose MAC is over encrypted values only: SHA-256 of `sops`.
const ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b,
    0x0b, 0x97, 0x5b, 0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// Decrypts all documents of a file.
pub(crate) fn decrypt(
    documents: &mut [Node],
    metadata: &Metadata,
    key: &[u8; KEY],
) -> Result<(), Error> {
    let cipher = Cipher::new(key);
    // First, since it tells a wrong key from a changed value.
    let expected = match cipher.open(metadata.mac.as_bytes(), &metadata.last_modified) {
        Ok((Kind::Text, mac)) => mac,
        _ => return Err(Error::MacUnreadable),
    };
    let mut walk = Walk {
        cipher,
        metadata,
        hash: Sha512::new(),
        aad: String::new(),
    };
    if metadata.mac_only_encrypted {
        walk.hash.update(ONLY_ENCRYPTED);
    }
    for document in documents {
        walk.node(document, false)?;
    }
    let mut actual = String::with_capacity(128);
    for byte in walk.hash.finalize() {
        use std::fmt::Write as _;
        let _ = write!(actual, "{byte:02X}");
    }
    if actual.as_bytes() == expected.as_slice() {
        Ok(())
    } else {
        Err(Error::MacMismatch)
    }
}

struct Walk<'a> {
    cipher: Cipher,
    metadata: &'a Metadata,
    hash: Sha512,
    /// The keys on the way, each with `:` behind it; indices of lists are no part of it.
    aad: String,
}

impl Walk<'_> {
    fn node(&mut self, node: &mut Node, matched: bool) -> Result<(), Error> {
        match node {
            Node::Map(items) => {
                for item in items {
                    match item {
                        Item::Comment(text) => {
                            // One that does not decrypt was not encrypted: old versions did not.
                            if self.metadata.scope.verdict(matched) != Verdict::Plain
                                && let Ok((Kind::Comment, plain)) =
                                    self.cipher.open(text, self.path())
                            {
                                *text = plain;
                            }
                        }
                        Item::Entry(key, value) => {
                            let matched = matched || self.metadata.scope.matches(key);
                            let length = self.aad.len();
                            self.aad.push_str(key);
                            self.aad.push(':');
                            if self.aad.len() > limits::PATH {
                                return Err(self.refuse("has keys above it that are too long"));
                            }
                            self.node(value, matched)?;
                            self.aad.truncate(length);
                        }
                    }
                }
                Ok(())
            }
            Node::List(nodes) => self.list(nodes, matched),
            Node::Leaf(leaf) => self.leaf(leaf, matched),
        }
    }

    /// A list's members. SOPS writes encrypted comments as members of their own; they are none.
    fn list(&mut self, nodes: &mut Vec<Node>, matched: bool) -> Result<(), Error> {
        let mut failure = None;
        nodes.retain_mut(|node| {
            if failure.is_some() || self.is_comment(node, matched) {
                return false;
            }
            failure = self.node(node, matched).err();
            true
        });
        failure.map_or(Ok(()), Err)
    }

    fn is_comment(&self, node: &Node, matched: bool) -> bool {
        let Node::Leaf(Leaf::Text(text)) = node else {
            return false;
        };
        text.ends_with(b",type:comment]")
            && self.metadata.scope.verdict(matched) != Verdict::Plain
            && matches!(self.cipher.open(text, self.path()), Ok((Kind::Comment, _)))
    }

    fn leaf(&mut self, leaf: &mut Leaf, matched: bool) -> Result<(), Error> {
        let encrypted = match (self.metadata.scope.verdict(matched), &*leaf) {
            (_, Leaf::Null) | (Verdict::Plain, _) => false,
            (Verdict::ByForm, Leaf::Text(text)) => cipher::is_encrypted(text),
            (Verdict::ByForm, _) => false,
            (Verdict::Encrypted, _) => true,
        };
        if encrypted {
            let Leaf::Text(text) = leaf else {
                return Err(
                    self.refuse("is not encrypted although it should be: set it with `sops edit`")
                );
            };
            // What is encrypted need not be erased.
            let text: Vec<u8> = std::mem::take(&mut *text);
            *leaf = self
                .cipher
                .leaf(&text, self.path())
                .map_err(|why| self.refuse(why))?;
        }
        if (encrypted || !self.metadata.mac_only_encrypted)
            && let Some(bytes) = leaf.for_mac()
        {
            self.hash.update(bytes);
        }
        Ok(())
    }

    fn path(&self) -> &str {
        // At the top there is no key, and yet a colon.
        if self.aad.is_empty() { ":" } else { &self.aad }
    }

    fn refuse(&self, why: &'static str) -> Error {
        Error::Value {
            path: shown(self.aad.trim_end_matches(':')),
            why,
        }
    }
}
