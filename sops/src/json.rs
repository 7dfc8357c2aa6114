//! Loads JSON with its members in order and its numbers as SOPS reads them: integers of 64 bits, else floats.

use zeroize::Zeroizing;

use crate::count::Values;
use crate::error::{Error, shown};
use crate::node::{Item, Leaf, Node};
use crate::{limits, number};

/// The object that a file is.
pub(crate) fn load(bytes: &[u8]) -> Result<Node, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = Reader {
        bytes,
        at: 0,
        depth: 0,
        values: Values::default(),
    };
    reader.space();
    if reader.peek() != Some(b'{') {
        return Err(reader.wrong("the file is no JSON object"));
    }
    let node = reader.node()?;
    reader.space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.wrong("there is more behind the JSON object")),
    }
}

/// The names of the members of the object that a file is; `None` if it is none.
pub(crate) fn members(bytes: &[u8]) -> Option<Vec<String>> {
    match load(bytes).ok()? {
        Node::Map(items) => Some(
            items
                .into_iter()
                .filter_map(|item| match item {
                    Item::Entry(key, _) => Some(key),
                    Item::Comment(_) => None,
                })
                .collect(),
        ),
        _ => None,
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    values: Values,
}

impl Reader<'_> {
    fn wrong(&self, message: impl Into<String>) -> Error {
        Error::malformed(self.line(), message)
    }

    fn line(&self) -> usize {
        let seen = &self.bytes[..self.at.min(self.bytes.len())];
        seen.iter().filter(|&&byte| byte == b'\n').count() + 1
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn word(&mut self, word: &[u8], leaf: Leaf) -> Result<Node, Error> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            Ok(Node::Leaf(leaf))
        } else {
            Err(self.wrong("the file is no JSON: a value is missing"))
        }
    }

    fn node(&mut self) -> Result<Node, Error> {
        self.space();
        if self.values.add(0).is_err() {
            // Again, as its line is only looked for where it is needed.
            let seen = self.line();
            self.values.add(seen)?;
        }
        match self.peek() {
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => Ok(Node::Leaf(Leaf::Text(self.text()?))),
            Some(b't') => self.word(b"true", Leaf::Bool(true)),
            Some(b'f') => self.word(b"false", Leaf::Bool(false)),
            Some(b'n') => self.word(b"null", Leaf::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.wrong("the file is no JSON: a value is missing")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Node, Error>) -> Result<Node, Error> {
        self.at += 1;
        self.depth += 1;
        if self.depth > limits::DEPTH {
            return Err(self.wrong(format!(
                "objects and lists nest deeper than {}",
                limits::DEPTH
            )));
        }
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn map(&mut self) -> Result<Node, Error> {
        let mut items = Vec::new();
        let mut keys = std::collections::HashSet::new();
        self.space();
        if self.eat(b'}') {
            return Ok(Node::Map(items));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("the file is no JSON: a member's name is missing"));
            }
            let key = String::from_utf8_lossy(&self.text()?).into_owned();
            if !keys.insert(key.clone()) {
                return Err(self.wrong(format!("the member {} is there twice", shown(&key))));
            }
            self.space();
            if !self.eat(b':') {
                return Err(self.wrong("the file is no JSON: a colon is missing"));
            }
            let node = self.node()?;
            items.push(Item::Entry(key, node));
            self.space();
            if self.eat(b'}') {
                return Ok(Node::Map(items));
            }
            if !self.eat(b',') {
                return Err(self.wrong("the file is no JSON: an object does not end"));
            }
        }
    }

    fn list(&mut self) -> Result<Node, Error> {
        let mut nodes = Vec::new();
        self.space();
        if self.eat(b']') {
            return Ok(Node::List(nodes));
        }
        loop {
            nodes.push(self.node()?);
            self.space();
            if self.eat(b']') {
                return Ok(Node::List(nodes));
            }
            if !self.eat(b',') {
                return Err(self.wrong("the file is no JSON: a list does not end"));
            }
        }
    }

    fn number(&mut self) -> Result<Node, Error> {
        let start = self.at;
        self.eat(b'-');
        let digits = |reader: &mut Self| {
            let from = reader.at;
            while matches!(reader.peek(), Some(b'0'..=b'9')) {
                reader.at += 1;
            }
            reader.at - from
        };
        let zero = self.peek() == Some(b'0');
        let whole = digits(self);
        let mut valid = whole > 0 && !(zero && whole > 1);
        let mut integer = true;
        if self.eat(b'.') {
            integer = false;
            valid &= digits(self) > 0;
        }
        if self.eat(b'e') || self.eat(b'E') {
            integer = false;
            let _ = self.eat(b'+') || self.eat(b'-');
            valid &= digits(self) > 0;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        if !valid {
            return Err(self.wrong("the file is no JSON: a number is not written as one"));
        }
        if integer && let Ok(number) = text.parse() {
            return Ok(Node::Leaf(Leaf::Int(number)));
        }
        number::parse(text)
            .map(|number| Node::Leaf(Leaf::Float(number)))
            .ok_or_else(|| self.wrong("a number is too large"))
    }

    fn text(&mut self) -> Result<crate::node::Text, Error> {
        self.at += 1;
        let rest = &self.bytes[self.at..];
        // Most have no escapes.
        let length = rest
            .iter()
            .position(|&byte| matches!(byte, b'"' | b'\\') || byte < 0x20)
            .ok_or_else(|| self.wrong("the file is no JSON: a text does not end"))?;
        let mut text = Zeroizing::new(Vec::with_capacity(length));
        text.extend_from_slice(&rest[..length]);
        self.at += length;
        loop {
            match self.peek() {
                None => return Err(self.wrong("the file is no JSON: a text does not end")),
                Some(b'"') => {
                    self.at += 1;
                    break;
                }
                Some(b'\\') => self.escape(&mut text)?,
                Some(0..0x20) => {
                    return Err(self.wrong("the file is no JSON: a text has a control character"));
                }
                Some(byte) => {
                    text.push(byte);
                    self.at += 1;
                }
            }
        }
        if std::str::from_utf8(&text).is_err() {
            return Err(self.wrong("the file is not UTF-8"));
        }
        Ok(text)
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let byte = self.bytes.get(self.at + 1).copied();
        self.at += 2;
        let plain = match byte {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'u') => {
                let first = self.hex()?;
                let c = if (0xd800..0xdc00).contains(&first)
                    && self.bytes[self.at..].starts_with(b"\\u")
                {
                    let back = self.at;
                    self.at += 2;
                    let second = self.hex()?;
                    if (0xdc00..0xe000).contains(&second) {
                        char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))
                    } else {
                        self.at = back;
                        None
                    }
                } else {
                    char::from_u32(first)
                };
                // As Go does with halves of a pair.
                let c = c.unwrap_or('\u{fffd}');
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return Err(self.wrong("the file is no JSON: an escape is not known")),
        };
        text.push(plain);
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        let value = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| {
                digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += 4;
        value.ok_or_else(|| self.wrong("the file is no JSON: an escape is not known"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_objects_load() {
        for good in [
            "{}",
            " {\"a\": [1, -2.5e3, true, null, \"\\u00e9\\ud83d\\ude00\\ud800\", {}, []]} \n",
        ] {
            assert!(load(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "",
            "[]",
            "1",
            "{",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":-}",
            "{\"a\":1}x",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":1e999}",
            "{\"a\":tru}",
        ] {
            assert!(load(bad.as_bytes()).is_err(), "{bad}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(99), "]".repeat(99));
        assert!(load(deep.as_bytes()).is_ok());
        let deeper = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
        assert!(load(deeper.as_bytes()).is_err());
    }
}
