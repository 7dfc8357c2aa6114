//! A document held against a schema of a CRD: types, fields, patterns, lengths. Pure.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use serde_json::{Map, Value};

use crate::yaml::{self, Node, Problem, clip};

/// The value that a node stands for; everything in it that the schema does not take is told.
pub(super) fn value(
    node: &Node,
    schema: &JSONSchemaProps,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Value {
    if node.is_null() {
        // A field that may be left out may be written with nothing in it.
        if !schema.nullable.unwrap_or(false) {
            problems.push(node.problem(format!("{path} is empty")));
        }
        return Value::Null;
    }
    let read = match schema.type_.as_deref() {
        Some("object") => return object(node, schema, path, problems),
        Some("array") => return array(node, schema, path, problems),
        Some("boolean") => node.boolean(path).map(Value::from),
        _ => string(node, schema, path).map(Value::from),
    };
    read.unwrap_or_else(|problem| {
        problems.push(problem);
        Value::Null
    })
}

fn object(node: &Node, schema: &JSONSchemaProps, path: &str, problems: &mut Vec<Problem>) -> Value {
    let pairs = match node.map(path) {
        Ok(pairs) => pairs,
        Err(problem) => {
            problems.push(problem);
            return Value::Null;
        }
    };
    let none = Default::default();
    let fields = schema.properties.as_ref().unwrap_or(&none);
    let known: Vec<&str> = fields.keys().map(String::as_str).collect();
    let mut object = Map::new();
    for (key, child) in pairs {
        let name = key.raw();
        match fields.get(name) {
            Some(field) => {
                let below = format!("{path}.{name}");
                object.insert(name.to_owned(), value(child, field, &below, problems));
            }
            None => {
                let what = format!("field in {path}");
                problems.push(key.problem(yaml::unknown(&what, name, &known)));
            }
        }
    }
    for name in schema.required.iter().flatten() {
        if !object.contains_key(name) {
            problems.push(node.problem(format!("{path} needs the field \"{name}\"")));
        }
    }
    object.retain(|_, value| !value.is_null());
    Value::Object(object)
}

fn array(node: &Node, schema: &JSONSchemaProps, path: &str, problems: &mut Vec<Problem>) -> Value {
    let items = match node.list(path) {
        Ok(items) => items,
        Err(problem) => {
            problems.push(problem);
            return Value::Null;
        }
    };
    if let Some(most) = schema.max_items
        && usize::try_from(most).is_ok_and(|most| items.len() > most)
    {
        problems.push(node.problem(format!("{path} takes at most {most} items")));
    }
    let Some(JSONSchemaPropsOrArray::Schema(of)) = &schema.items else {
        return Value::Null;
    };
    let items = items.iter().enumerate();
    items
        .map(|(at, item)| value(item, of, &format!("{path}[{at}]"), problems))
        .collect()
}

fn string(node: &Node, schema: &JSONSchemaProps, path: &str) -> Result<String, Problem> {
    let text = match &node.value {
        // Nothing between quotes is a text too, if the schema takes it.
        yaml::Value::Scalar { text, plain: false } => text,
        _ => node.text(path)?,
    };
    if matches!(node.value, yaml::Value::Scalar { plain: true, .. }) && is_other_than_text(text) {
        let text = clip(text);
        return Err(node.problem(format!(
            "{path} must be text: write \"{text}\" in quotes if that is meant"
        )));
    }
    if let Some(allowed) = &schema.enum_ {
        let mut names: Vec<&str> = Vec::new();
        for name in allowed.iter().filter_map(|value| value.0.as_str()) {
            // A word and its alias are one variant of the type, which is listed with both.
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if !names.contains(&text) {
            return Err(node.problem(yaml::unknown(&format!("value of {path}"), text, &names)));
        }
    }
    let length = text.chars().count();
    let within = |limit: Option<i64>| limit.and_then(|limit| usize::try_from(limit).ok());
    if let Some(most) = within(schema.max_length)
        && length > most
    {
        return Err(node.problem(format!(
            "{path} takes at most {most} characters, not {length}"
        )));
    }
    if let Some(least) = within(schema.min_length)
        && length < least
    {
        return Err(node.problem(format!("{path} needs at least {least} characters")));
    }
    if let Some(pattern) = &schema.pattern
        && !regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
    {
        return Err(node.problem(format!("{path} must match {pattern}")));
    }
    Ok(text.to_owned())
}

/// What kubectl sends as a number or a boolean if it has no quotes (`sigs.k8s.io/yaml`, YAML 1.1).
fn is_other_than_text(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_start_matches(['+', '-']);
    let is_word = matches!(
        lower.as_str(),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false"
    );
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (digits.replace('_', "").parse::<f64>().is_ok()
            || matches!(digits, ".inf" | ".nan")
            || ["0x", "0o", "0b"].iter().any(|base| {
                { digits.strip_prefix(base) }.is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit() || b == b'_')
                })
            }));
    is_word || is_number
}
