//! One JSON object, flattened: members by `.`, items by `[0]`; numbers and booleans exactly as written,
//! null and empty containers as the empty value.

use std::fmt;

use jasm_providers::SecretBytes;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::flat::Flat;
use super::{Fault, Pair};
use crate::yaml::clip;

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
        ends: text.match_indices('\n').map(|(at, _)| at).collect(),
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

struct Walk<'a> {
    text: &'a str,
    /// Where lines end.
    ends: Vec<usize>,
    flat: Flat,
}

impl<'a> Walk<'a> {
    /// The line that a value begins on; it borrows from the text.
    fn line(&self, raw: &RawValue) -> usize {
        let at = (raw.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        self.ends.partition_point(|end| *end < at) + 1
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
                    items.push(item);
                }
                Ok(items)
            }
        }
        deserializer.deserialize_seq(Visit).map(Self)
    }
}
