//! Words of the command language.

use std::time::Duration;

use serde_json::Value;

use crate::Fault;

pub(super) fn no_cloud(name: &str) -> String {
    format!("there is no cloud {name}; there are gcp, azure and aws")
}

/// `"hang"`, `"cut"`, `"garbage"`, `{"late": MILLISECONDS}`, `{"flood": BYTES}`, `{"redirect": URL}`,
/// `{"status": 429, "headers": {"retry-after": "2"}}`.
pub(super) fn fault(word: &Value) -> Result<Fault, String> {
    let number = |field: &str| word.get(field).and_then(Value::as_u64);
    match word.as_str() {
        Some("hang") => return Ok(Fault::Hang),
        Some("cut") => return Ok(Fault::Cut),
        Some("garbage") => return Ok(Fault::Garbage),
        _ => {}
    }
    if let Some(milliseconds) = number("late") {
        return Ok(Fault::Late(Duration::from_millis(milliseconds)));
    }
    if let Some(size) = number("flood").and_then(|size| usize::try_from(size).ok()) {
        return Ok(Fault::Flood(size));
    }
    if let Some(to) = word.get("redirect").and_then(Value::as_str) {
        return Ok(Fault::Redirect(to.to_owned()));
    }
    let code = number("status").and_then(|code| u16::try_from(code).ok());
    let headers = word
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    let headers = headers
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect();
    code.map(|code| Fault::Status { code, headers })
        .ok_or_else(|| "there is no such fault".to_owned())
}
