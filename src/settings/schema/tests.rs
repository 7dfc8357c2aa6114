use std::collections::BTreeSet;

use boon::{Compiler, SchemaIndex, Schemas};

use super::super::push::{DIRECTORY_FIELDS, PUSH_FIELDS, SOURCE_RULE_FIELDS, WRITE_RULE_FIELDS};
use super::super::read::FIELDS;
use super::super::stores::{RULE_FIELDS, STORE_FIELDS};
use super::super::tests::{GOOD, bad};
use super::super::{Overrides, Settings};
use super::*;
use crate::yaml::{self, Node};

struct Validator(Schemas, SchemaIndex);

impl Validator {
    fn new() -> Self {
        let mut compiler = Compiler::new();
        // Where the schema names no draft, or a wrong one, this fails.
        compiler.add_resource("schema.json", schema()).unwrap();
        let mut schemas = Schemas::new();
        let index = compiler.compile("schema.json", &mut schemas).unwrap();
        Self(schemas, index)
    }

    fn check(&self, text: &str) -> Result<(), String> {
        let value = json(&yaml::parse(text).unwrap());
        self.0
            .validate(&value, self.1)
            .map_err(|error| error.to_string())
    }
}

/// Whether an editor that has the schema marks the file.
pub(in crate::settings) fn refuses(text: &str) -> bool {
    Validator::new().check(text).is_err()
}

/// As an editor sees it: plain scalars by the core schema of YAML 1.2.
fn json(node: &Node) -> Value {
    match &node.value {
        yaml::Value::Scalar { text, plain } => match text.as_str() {
            _ if node.is_null() => Value::Null,
            "true" if *plain => json!(true),
            "false" if *plain => json!(false),
            number if *plain && number.bytes().all(|byte| byte.is_ascii_digit()) => {
                number.parse::<u64>().map_or(json!(number), |n| json!(n))
            }
            text => json!(text),
        },
        yaml::Value::List(items) => items.iter().map(json).collect(),
        yaml::Value::Map(pairs) => pairs
            .iter()
            .map(|(key, value)| (key.raw().to_owned(), json(value)))
            .collect(),
    }
}

#[test]
fn its_fields_are_the_parsers() {
    let schema = schema();
    let names = |object: &Value| -> BTreeSet<String> {
        object["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect()
    };
    let parsers = |fields: &[&str]| fields.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(names(&schema), parsers(&FIELDS));
    assert_eq!(names(&schema["$defs"]["store"]), parsers(&STORE_FIELDS));
    let of = |name: &str| names(&schema["$defs"][name]);
    assert_eq!(of("rule"), parsers(&RULE_FIELDS));
    assert_eq!(of("writeRule"), parsers(&WRITE_RULE_FIELDS));
    assert_eq!(of("push"), parsers(&PUSH_FIELDS));
    assert_eq!(of("sourceRule"), parsers(&SOURCE_RULE_FIELDS));
    assert_eq!(of("directory"), parsers(&DIRECTORY_FIELDS));
}

#[test]
fn every_field_says_what_it_means() {
    for field in CONFIG
        .iter()
        .chain(&STORE)
        .chain(&RULE)
        .chain(&KEY_VAULT_ITEM)
        .chain(&WRITE_RULE)
        .chain(&PUSH)
        .chain(&SOURCE_RULE)
        .chain(&DIRECTORY)
    {
        assert!(
            field.about.len() > 10 && field.about.ends_with('.'),
            "{}",
            field.name
        );
    }
}

#[test]
fn its_defaults_are_the_parsers() {
    let mut text = String::new();
    for field in &CONFIG {
        text.push_str(&format!("{}: {}\n", field.name, field.default.unwrap()));
    }
    let none = Overrides::default();
    assert_eq!(
        Settings::read(Some(&text), &none),
        Settings::read(None, &none)
    );
}

#[test]
fn what_the_parser_takes_it_takes() {
    let validator = Validator::new();
    for text in GOOD {
        Settings::read(Some(text), &Overrides::default()).unwrap();
        validator
            .check(text)
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn what_the_parser_refuses_it_refuses() {
    let validator = Validator::new();
    let mut seen = 0;
    for (text, sentence) in bad() {
        // A schema sees neither the text of a document nor two stores side by side.
        let beyond = ["nothing here", "written twice", "second YAML", "two stores"];
        if beyond.iter().any(|word| sentence.contains(word)) {
            continue;
        }
        assert!(validator.check(&text).is_err(), "{sentence}\n{text}");
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}
