//! Reading a mapping whose fields are known. Pure.

use std::collections::BTreeMap;

use super::problem::Problem;
use super::resolve::Tag;
use super::value::{Map, Value};
use crate::yaml::unknown;

/// A mapping, and what messages call it.
pub(super) struct Fields<'a> {
    map: &'a Map,
    place: String,
}

impl<'a> Fields<'a> {
    /// Refuses what is no mapping, and fields that are not known.
    pub(super) fn of(value: &'a Value, place: &str, known: &[&str]) -> Result<Self, Problem> {
        let map = value
            .as_map()
            .ok_or_else(|| expected(place, "a mapping", value))?;
        if let Some(field) = map.keys().find(|field| !known.contains(&field.as_str())) {
            let what = if place.is_empty() {
                "field".to_owned()
            } else {
                format!("field in {place}")
            };
            return Err(Problem::invalid(unknown(&what, field, known)));
        }
        Ok(Self {
            map,
            place: place.to_owned(),
        })
    }

    /// The whole name of a field.
    pub(super) fn name(&self, field: &str) -> String {
        if self.place.is_empty() {
            field.to_owned()
        } else {
            format!("{}.{field}", self.place)
        }
    }

    /// A field that is there and not null.
    pub(super) fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// Text; empty if the field is not there.
    pub(super) fn text(&self, field: &str) -> Result<&'a str, Problem> {
        self.get(field)
            .map_or(Ok(""), |value| text(value, &self.name(field)))
    }

    /// A boolean; false if the field is not there.
    pub(super) fn flag(&self, field: &str) -> Result<bool, Problem> {
        match self.get(field) {
            None => Ok(false),
            Some(Value::Scalar(scalar)) if scalar.tag == Tag::Bool => Ok(matches!(
                scalar.text.as_str(),
                "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON"
            )),
            Some(other) => Err(expected(&self.name(field), "true or false", other)),
        }
    }

    /// The items of a list, each with its name; none if the field is not there.
    pub(super) fn list(&self, field: &str) -> Result<Vec<(String, &'a Value)>, Problem> {
        let Some(value) = self.get(field) else {
            return Ok(Vec::new());
        };
        let name = self.name(field);
        let items = value
            .as_list()
            .ok_or_else(|| expected(&name, "a list", value))?;
        Ok(items
            .iter()
            .enumerate()
            .map(|(index, item)| (format!("{name}[{index}]"), item))
            .collect())
    }

    /// A list of texts.
    pub(super) fn texts(&self, field: &str) -> Result<Vec<String>, Problem> {
        self.list(field)?
            .into_iter()
            .map(|(name, item)| text(item, &name).map(str::to_owned))
            .collect()
    }

    /// A mapping of texts; nothing if the field is not there.
    pub(super) fn pairs(&self, field: &str) -> Result<BTreeMap<String, String>, Problem> {
        let Some(value) = self.get(field) else {
            return Ok(BTreeMap::new());
        };
        let name = self.name(field);
        let map = value
            .as_map()
            .ok_or_else(|| expected(&name, "a mapping", value))?;
        map.iter()
            .map(|(key, value)| {
                text(value, &format!("{name}.{key}")).map(|value| (key.clone(), value.to_owned()))
            })
            .collect()
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Problem> {
    match value {
        Value::Scalar(scalar) if scalar.tag == Tag::Text => Ok(&scalar.text),
        Value::Scalar(scalar) => Err(Problem::invalid(format!(
            "{name} must be text, not {}; write it in quotes",
            scalar.tag.word()
        ))),
        other => Err(expected(name, "text", other)),
    }
}

fn expected(name: &str, what: &str, found: &Value) -> Problem {
    let name = if name.is_empty() { "it" } else { name };
    Problem::invalid(format!("{name} must be {what}, not {}", found.word()))
}
