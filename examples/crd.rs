//! Prints the CRD of `SecretManagerConfig`, made from its Rust types: `cargo run --example crd`.

use std::io::Write as _;

use jasm::push::crd::SecretManagerConfig;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut crd = serde_json::to_value(SecretManagerConfig::crd())?;
    crd["metadata"]["labels"] = json!({"app.kubernetes.io/name": "jasm"});
    prune(&mut crd);
    let mut out = std::io::stdout();
    writeln!(out, "# Generated from src/push/crd.rs: make manifests.")?;
    out.write_all(serde_norway::to_string(&crd)?.as_bytes())?;
    Ok(())
}

/// Takes out what says nothing, and `nullable`: a null would be a field that is there to CEL's `has`, and is
/// dropped by the API server without it. Other spellings of a word are said beside the word itself, twice.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| {
                *value != json!([])
                    && !value.is_null()
                    && !(name == "nullable" && value.is_boolean())
            });
            if let Some(Value::Array(words)) = fields.get_mut("enum") {
                let mut seen = Vec::new();
                words.retain(|word| {
                    !seen.contains(word) && {
                        seen.push(word.clone());
                        true
                    }
                });
            }
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}
