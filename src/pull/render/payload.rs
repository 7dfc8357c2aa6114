//! JSON payloads without loss: numbers, booleans and nested values stay as they are written.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use jasm_providers::SecretBytes;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Form;
use crate::yaml::clip;

/// A message lists at most this many key names.
const LISTED: usize = 20;

/// The members of a JSON object in source order, borrowed from the payload.
#[derive(Debug)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// None if the payload is no JSON object.
    ///
    /// # Errors
    /// If a member is there twice.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Option<Self>, String> {
        let Ok(text) = std::str::from_utf8(payload) else {
            return Ok(None);
        };
        match serde_json::from_str::<Self>(text) {
            Ok(object) => object.unique().map(Some),
            // Well formed, so it is an object; what could not be read is a member's name.
            Err(_) if is_object(text) => Err(half_pair("a member name")),
            Err(_) => Ok(None),
        }
    }

    fn unique(self) -> Result<Self, String> {
        let mut seen = BTreeSet::new();
        for (name, _) in &self.0 {
            if !seen.insert(name.as_ref()) {
                return Err(format!("has the member \"{}\" twice", clip(name)));
            }
        }
        Ok(self)
    }

    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, raw)| (name.as_ref(), *raw))
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.members()
            .find(|(member, _)| *member == name)
            .map(|(_, raw)| raw)
    }
}

/// RFC 8259 section 8.2: such text is well formed and means nothing.
fn half_pair(what: &str) -> String {
    format!("has {what} with an escape that stands for no character (half a surrogate pair)")
}

fn is_object(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|raw| raw.get().starts_with('{'))
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    members.push((Cow::Owned(name), map.next_value()?));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Self)
    }
}

/// The bytes of a JSON value: strings unescaped, null empty, all else exactly as written.
///
/// # Errors
/// If a string has an escape that stands for no character.
pub(super) fn value(raw: &RawValue) -> Result<(SecretBytes, Form), String> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(text)
            .map(|text| (SecretBytes::from(text), Form::Text))
            .map_err(|_| half_pair("a string")),
        Some(b'n') => Ok((SecretBytes::new(Vec::new()), Form::Null)),
        Some(b'{' | b'[') => Ok((SecretBytes::from(text.to_owned()), Form::Text)),
        _ => Ok((SecretBytes::from(text.to_owned()), Form::Scalar)),
    }
}

/// The value that a source key names: a literal member, or an RFC 6901 pointer.
///
/// # Errors
/// If the payload is no JSON object, or has no such key: with the names that there are.
pub(super) fn select(payload: &[u8], source: &str) -> Result<(SecretBytes, Form), String> {
    let object = Object::parse(payload)?.ok_or_else(|| {
        format!(
            "is no JSON object, so there is no key \"{}\" in it: use \"key\" to take all of it",
            clip(source)
        )
    })?;
    if !source.starts_with('/') {
        let found = object.get(source);
        return match found {
            Some(raw) => value(raw),
            None => Err(no_key(source, object.members().map(|(name, _)| name))),
        };
    }
    let mut steps = source
        .split('/')
        .skip(1)
        .map(|step| step.replace("~1", "/").replace("~0", "~"));
    let first = steps.next().unwrap_or_default();
    let mut found = object
        .get(&first)
        .ok_or_else(|| no_key(source, object.members().map(|(name, _)| name)))?;
    for step in steps {
        found = child(found, &step, source)?;
    }
    value(found)
}

fn child<'a>(raw: &'a RawValue, step: &str, source: &str) -> Result<&'a RawValue, String> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => {
            let object =
                Object::parse(text.as_bytes())?.ok_or_else(|| no_key(source, [].into_iter()))?;
            object
                .get(step)
                .ok_or_else(|| no_key(source, object.members().map(|(name, _)| name)))
        }
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|_| no_key(source, [].into_iter()))?;
            // RFC 6901 section 4: digits without a leading zero.
            let index = step
                .parse::<usize>()
                .ok()
                .filter(|_| step == "0" || (!step.starts_with(['0', '+'])));
            index
                .and_then(|index| items.get(index).copied())
                .ok_or_else(|| {
                    format!(
                        "has no \"{}\": the list there has {} items, counted from 0",
                        clip(source),
                        items.len()
                    )
                })
        }
        _ => Err(no_key(source, [].into_iter())),
    }
}

fn no_key<'a>(source: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let more = names.len().saturating_sub(LISTED);
    let listed: Vec<_> = names
        .iter()
        .take(LISTED)
        .map(|name| format!("\"{}\"", clip(name)))
        .collect();
    let there = match (listed.is_empty(), more) {
        (true, _) => "there are no keys at that place".to_owned(),
        (false, 0) => format!("there are {}", listed.join(", ")),
        (false, more) => format!("there are {} and {more} more", listed.join(", ")),
    };
    format!("has no key \"{}\"; {there}", clip(source))
}

/// The sentence for a key that a prefix read did not find.
pub(super) fn missing<'a>(
    label: &str,
    source: &str,
    names: impl Iterator<Item = &'a str>,
) -> String {
    format!("{label} {}", no_key(source, names))
}
