//! One JSON object, flattened: members by `.`, items by `[0]`; numbers and booleans exactly as written,
//! null and empty containers as the empty value.

use std::fmt;

use jasm_providers::SecretBytes;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::flat::Flat;
use super::{Fault, MAX_KEYS, Pair, too_many};
use crate::yaml::clip;

/// Bytes of the text between two places whose lines are known.
const BLOCK: usize = 1024;
/// What an object or a list with too many members is refused with; the sentence is made of it.
const TOO_MANY: &str = "too many";

/// All pairs in the order written. A text of white space only has none.
///
/// # Errors
/// The first place that is no JSON, or a member that is there twice.
pub fn parse(text: &str) -> Result<Vec<Pair>, Fault> {
    if text.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let root: &RawValue = serde_json::from_str(text).map_err(|error| syntax(&error, 1))?;
    let mut walk = Walk {
        text,
        lines: lines(text),
        flat: Flat::default(),
    };
    if !root.get().starts_with('{') {
        return Err(Fault::new(
            walk.line(root),
            "the file must be one JSON object: write {\"KEY\": \"value\"}",
        ));
    }
    walk.members(root, true)?;
    Ok(walk.flat.into_pairs())
}

/// How many lines end before each block; the first begins the text.
fn lines(text: &str) -> Vec<usize> {
    let mut ended = 0;
    { text.as_bytes().chunks(BLOCK) }
        .map(|block| {
            let before = ended;
            ended += block.iter().filter(|byte| **byte == b'\n').count();
            before
        })
        .collect()
}

struct Walk<'a> {
    text: &'a str,
    /// How many lines end before each block of the text.
    lines: Vec<usize>,
    flat: Flat,
}

impl<'a> Walk<'a> {
    /// The line that a value begins on; it borrows from the text.
    fn line(&self, raw: &RawValue) -> usize {
        let at = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let block = at / BLOCK;
        let before = self.text.as_bytes().get(block * BLOCK..at);
        let inside = before
            .unwrap_or_default()
            .iter()
            .filter(|byte| **byte == b'\n');
        self.lines.get(block).copied().unwrap_or_default() + inside.count() + 1
    }

    fn value(&mut self, raw: &'a RawValue, line: usize) -> Result<(), Fault> {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{') => self.members(raw, false),
            Some(b'[') => self.items(raw),
            Some(b'"') => {
                let text: String = serde_json::from_str(text).map_err(|_| {
                    Fault::new(
                        line,
                        "a string has an escape that stands for no character (half a surrogate pair)",
                    )
                })?;
                self.flat.value(SecretBytes::from(text), line)
            }
            Some(b'n') => self.flat.value(SecretBytes::new(Vec::new()), line),
            _ => self.flat.value(SecretBytes::from(text.to_owned()), line),
        }
    }

    fn members(&mut self, raw: &'a RawValue, root: bool) -> Result<(), Fault> {
        let at = self.line(raw);
        let Members(members) =
            serde_json::from_str(raw.get()).map_err(|error| syntax(&error, at))?;
        if members.is_empty() && !root {
            return self.flat.value(SecretBytes::new(Vec::new()), at);
        }
        // Here, not when all is flat: a second empty object would be no second key there.
        let mut seen = std::collections::HashMap::with_capacity(members.len());
        for (name, member) in members {
            let line = self.line(member);
            if let Some(first) = seen.insert(name.clone(), line) {
                return Err(Fault::new(
                    line,
                    format!(
                        "\"{}\" is there twice, on lines {first} and {line}: keep one of them",
                        clip(&name)
                    ),
                ));
            }
            self.flat.enter_member(&name, line)?;
            self.value(member, line)?;
            self.flat.leave();
        }
        Ok(())
    }

    fn items(&mut self, raw: &'a RawValue) -> Result<(), Fault> {
        let at = self.line(raw);
        let Items(items) = serde_json::from_str(raw.get()).map_err(|error| syntax(&error, at))?;
        if items.is_empty() {
            return self.flat.value(SecretBytes::new(Vec::new()), at);
        }
        for (index, item) in items.into_iter().enumerate() {
            let line = self.line(item);
            self.flat.enter_item(index, line)?;
            self.value(item, line)?;
            self.flat.leave();
        }
        Ok(())
    }
}

/// What the parser says of a text that begins on that line. Its sentences are about syntax: all that is
/// asked of it are shapes, so that it has no reason to name a value.
fn syntax(error: &serde_json::Error, begin: usize) -> Fault {
    let text = error.to_string();
    let what = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(what, _)| what);
    if what == TOO_MANY {
        return too_many(begin + error.line().max(1) - 1);
    }
    Fault::new(
        begin + error.line().max(1) - 1,
        format!("not valid JSON: {what}"),
    )
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    // Each is one key of the file at least.
                    if members.len() > MAX_KEYS {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Visit).map(Self)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    if items.len() > MAX_KEYS {
                        return Err(A::Error::custom(TOO_MANY));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Visit).map(Self)
    }
}
