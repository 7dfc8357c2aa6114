//! An object as block YAML: what people read first comes first, and every text is quoted so that
//! no reader takes it for a number. Pure.

use serde_json::{Map, Value};

use crate::pull::render::files::quoted;

/// The order of an object's fields as people write it.
const FIRST: [&str; 4] = ["apiVersion", "kind", "metadata", "type"];
/// Fields of which each is written without quotes.
const PLAIN: [&str; 5] = ["apiVersion", "kind", "type", "name", "namespace"];

/// Appends one document's text.
pub(super) fn write(out: &mut String, object: &Value) {
    if let Value::Object(fields) = object {
        mapping(out, fields, 0);
    }
}

fn mapping(out: &mut String, fields: &Map<String, Value>, depth: usize) {
    let first = FIRST.iter().filter_map(|name| fields.get_key_value(*name));
    let rest = fields
        .iter()
        .filter(|(name, _)| !FIRST.contains(&name.as_str()));
    let ordered = if depth == 0 {
        first.chain(rest).collect::<Vec<_>>()
    } else {
        fields.iter().collect()
    };
    for (name, value) in ordered {
        out.push_str(&"  ".repeat(depth));
        key(out, name, depth);
        out.push(':');
        match value {
            Value::Object(fields) if fields.is_empty() => out.push_str(" {}\n"),
            Value::Object(fields) if fields.keys().eq(["masked"]) => {
                out.push_str(" {masked: ");
                scalar(out, fields.values().next().unwrap_or(&Value::Null), false);
                out.push_str("}\n");
            }
            Value::Object(fields) => {
                out.push('\n');
                mapping(out, fields, depth + 1);
            }
            other => {
                out.push(' ');
                scalar(out, other, depth < 2 && PLAIN.contains(&name.as_str()));
                out.push('\n');
            }
        }
    }
}

/// A field of the API without quotes, anything that a user named with them unless it is one word.
fn key(out: &mut String, name: &str, depth: usize) {
    let clear = clear(name, &['.', '/', '-', '_']);
    if depth == 0 || clear {
        out.push_str(name);
    } else {
        quoted(out, name);
    }
}

fn scalar(out: &mut String, value: &Value, plain: bool) {
    match value {
        Value::String(text) if plain && clear(text, &['.', '/', '-']) => out.push_str(text),
        Value::String(text) => quoted(out, text),
        other => out.push_str(&other.to_string()),
    }
}

/// One word that is nothing but text to every reader of YAML, also of YAML 1.1.
fn clear(text: &str, others: &[char]) -> bool {
    const MORE: [&str; 10] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
    ];
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(&c))
        && !MORE.iter().any(|more| text.eq_ignore_ascii_case(more))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml::{self, Node};

    /// What a reader of YAML gets, all scalars as text.
    fn read(node: &Node) -> Value {
        match &node.value {
            yaml::Value::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| (key.raw().to_owned(), read(value)))
                .collect(),
            _ => json!(node.raw()),
        }
    }

    #[test]
    fn an_object_is_written_as_people_write_it() {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": "on", "namespace": "shop-a"}, "data": {"no": "eA==", "tls.crt": {"masked": "3 bytes"}}});
        let mut text = String::new();
        write(&mut text, &object);
        assert_eq!(
            text,
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"on\"\n  namespace: shop-a\ntype: kubernetes.io/tls\n\
             data:\n  \"no\": \"eA==\"\n  tls.crt: {masked: \"3 bytes\"}\n"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_text_comes_back(key in "[-._a-zA-Z0-9]{1,12}", value in "\\PC{0,40}|[\\x00-\\xff]{0,20}") {
            let object = json!({"metadata": {"annotations": {"a": value}}, "data": {key: value}});
            let mut text = String::new();
            write(&mut text, &object);
            let node = yaml::parse(&text).unwrap();
            proptest::prop_assert_eq!(read(&node), object);
        }
    }
}
