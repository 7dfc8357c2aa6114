//! How enums are written: `$alt=json;enum-encoding=int` asks for their numbers.

use serde_json::{Value, json};

use crate::Ask;

/// An enum's name or number, as the client asked.
pub(super) fn word(ask: &Ask, name: &str, number: u32) -> Value {
    let numbers = ask
        .param("$alt")
        .is_some_and(|alt| alt.contains("enum-encoding=int"));
    if numbers { json!(number) } else { json!(name) }
}

/// Clients write an enum as a name or as a number; the position in `names` is the number.
pub(super) fn read(value: &Value, names: &[&str]) -> Option<usize> {
    match value {
        Value::String(name) => names.iter().position(|known| known == name),
        Value::Number(number) => usize::try_from(number.as_u64()?)
            .ok()
            .filter(|number| *number < names.len()),
        _ => None,
    }
}
