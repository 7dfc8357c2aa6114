//! The JSON Schema (2020-12) of the operator's file, for editors. Pure.
//!
//! It is made from the table that the parser reads by. What a schema cannot say (two stores of one
//! name, a key written twice) only the parser refuses.

use clap::ValueEnum;
use jasm_providers::Kind;
use serde_json::{Map, Value, json};

use super::fields::{
    CONFIG, DIRECTORY, Field, KEY_VAULT_ITEM, Needed, PUSH, RULE, SOURCE_RULE, STORE, Shape,
    WRITE_RULE,
};
use super::{LogFormat, LogLevel, Rights};

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut schema = object(&CONFIG);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["$id"] = json!(concat!(
        env!("CARGO_PKG_REPOSITORY"),
        "/raw/main/config/jasm.schema.json"
    ));
    schema["title"] = json!("JASM's config");
    schema["description"] =
        json!("What whoever runs the cluster decides: the stores, and who may read what.");
    schema["$defs"] = json!({
        "store": store(),
        "rule": object(&RULE),
        "writeRule": object(&WRITE_RULE),
        "keyVault": object(&KEY_VAULT_ITEM),
        "push": object(&PUSH),
        "sourceRule": object(&SOURCE_RULE),
        "directory": object(&DIRECTORY),
    });
    schema
}

/// A mapping with exactly these fields.
fn object(fields: &[Field]) -> Value {
    let properties: Map<_, _> = fields
        .iter()
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    let mut object = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let required = required(fields, |needed| needed == Needed::Always);
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn required(fields: &[Field], is: impl Fn(Needed) -> bool) -> Vec<&'static str> {
    fields
        .iter()
        .filter(|field| is(field.needed))
        .map(|field| field.name)
        .collect()
}

/// A store: some fields are of some kinds only.
fn store() -> Value {
    let mut store = object(&STORE);
    let of_kind = |kind: Kind| {
        let required = required(
            &STORE,
            |needed| matches!(needed, Needed::For(kinds) if kinds.contains(&kind)),
        );
        let mut properties: Map<_, _> = STORE
            .iter()
            .filter(|field| !field.fits(kind))
            .map(|field| (field.name.to_owned(), json!(false)))
            .collect();
        if matches!(kind, Kind::AzureKeyVault | Kind::AzureAppConfiguration) {
            properties.insert("endpoint".to_owned(), shape(Shape::Secure));
        }
        if kind == Kind::File {
            // Paths of a directory are relative to its root.
            let path = json!({"items": {"not": {"pattern": "^/"}}});
            let rules = json!({"items": {"properties": {"paths": path}}});
            properties.insert("allow".to_owned(), rules);
            properties.insert("identity".to_owned(), json!({"const": "controller"}));
        }
        json!({
            "if": {"properties": {"kind": {"const": kind.as_str()}}, "required": ["kind"]},
            "then": {"required": required, "properties": properties},
        })
    };
    store["allOf"] = Kind::ALL.into_iter().map(of_kind).collect();
    store
}

fn property(field: &Field) -> Value {
    let mut property = shape(field.shape);
    property["description"] = json!(field.about);
    // The table's defaults are flow YAML that is JSON too, or plain text.
    if let Some(default) = field.default {
        property["default"] = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
    }
    property
}

fn shape(shape: Shape) -> Value {
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match shape {
        Shape::Stores => json!({"type": "array", "items": {"$ref": "#/$defs/store"}}),
        Shape::Rules => json!({"type": "array", "items": {"$ref": "#/$defs/rule"}}),
        Shape::WriteRules => json!({"type": "array", "items": {"$ref": "#/$defs/writeRule"}}),
        Shape::Identities => json!({"type": "array", "minItems": 1, "items": {
            "type": "string",
            "pattern": r"^([^{}\s]|\{namespace\})+$",
        }}),
        Shape::Push => json!({"$ref": "#/$defs/push"}),
        Shape::SourceRules => json!({"type": "array", "items": {"$ref": "#/$defs/sourceRule"}}),
        Shape::Directories => json!({"type": "array", "items": {"$ref": "#/$defs/directory"}}),
        Shape::Label => text("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"),
        Shape::Namespaces => {
            json!({"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}})
        }
        Shape::Paths => json!({"type": "array", "minItems": 1, "items": {
            "type": "string",
            "pattern": r"^([^{}]|\{namespace\})+$",
            // No empty, "." or ".." segment, and "**" alone in its own.
            "not": {"pattern": r"//|/$|(^|/)\.\.?(/|$)|[^/]\*\*|\*\*[^/]"},
        }}),
        Shape::Address => text(r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}$"),
        Shape::Level => json!({"enum": words::<LogLevel>()}),
        Shape::Format => json!({"enum": words::<LogFormat>()}),
        Shape::Rights => json!({"enum": words::<Rights>()}),
        Shape::Duration => text("^(([1-9]|[1-9][0-9]|[1-5][0-9][0-9]|600)s|([1-9]|10)m)$"),
        Shape::Name => text("^[A-Za-z0-9._-]{1,63}$"),
        Shape::Kind => json!({"enum": Kind::ALL.map(Kind::as_str)}),
        Shape::Identity => json!({"enum": ["controller", "workload"]}),
        Shape::Region => text("^[a-z0-9-]+$"),
        // Without quotes it is a number to everybody else who reads YAML.
        Shape::Account => json!({
            "type": ["string", "integer"],
            "pattern": "^[0-9]{12}$",
            "minimum": 100_000_000_000_u64,
            "maximum": 999_999_999_999_u64,
        }),
        Shape::Endpoint => text(
            r"^(https://[^@/\s?#]+(/[^@\s?#]*)?|http://(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?(/[^@\s?#]*)?)$",
        ),
        Shape::Matching(pattern) => {
            json!({"type": ["string", "integer"], "minLength": 1, "pattern": pattern})
        }
        Shape::Secure => text(r"^https://[^@/\s?#]+(/[^@\s?#]*)?$"),
        Shape::Text => json!({"type": ["string", "integer"], "minLength": 1}),
        Shape::Vaults => json!({"type": "array", "items": {
            "oneOf": [self::shape(KEY_VAULT_ITEM[0].shape), {"$ref": "#/$defs/keyVault"}],
        }}),
        Shape::Words(words) if words.iter().all(|word| word.parse::<u8>().is_ok()) => {
            let numbers: Vec<u8> = words.iter().filter_map(|word| word.parse().ok()).collect();
            let either: Vec<_> = words
                .iter()
                .map(|word| json!(word))
                .chain(numbers.iter().map(|n| json!(n)))
                .collect();
            json!({"enum": either})
        }
        Shape::Words(words) => json!({"enum": words}),
        Shape::Path => json!({"type": "string", "minLength": 1}),
        Shape::Flag => json!({"type": "boolean"}),
    }
}

fn words<T: ValueEnum>() -> Vec<String> {
    T::value_variants()
        .iter()
        .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
        .collect()
}

#[cfg(test)]
pub(super) mod tests;
