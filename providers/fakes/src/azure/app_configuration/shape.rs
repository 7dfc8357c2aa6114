//! Key-values as JSON.

use serde_json::{Map, Value as Json, json};

use super::settings::Setting;
use crate::{Answer, Ask};

const ONE: &str = "application/vnd.microsoft.appconfig.kv+json; charset=utf-8";

/// The answer about one.
pub(super) fn one(ask: &Ask, found: &Setting) -> Answer {
    answer(ONE, &setting(ask, found)).header("etag", &format!("\"{}\"", found.etag))
}

/// An answer of this type.
pub(super) fn answer(kind: &'static str, body: &Json) -> Answer {
    Answer::with_body(200, kind, body.to_string())
}

/// The fields that `$Select` asks for, or all.
pub(super) fn setting(ask: &Ask, setting: &Setting) -> Json {
    let mut shape = json!({
        "etag": setting.etag,
        "key": setting.key,
        "label": setting.label,
        "content_type": setting.content_type,
        "value": setting.value,
        "tags": setting.tags,
        "locked": setting.locked,
        "last_modified": setting.modified,
    });
    if let (Some(wanted), Some(fields)) = (ask.param("$select"), shape.as_object_mut()) {
        let wanted: Vec<&str> = wanted.split(',').map(str::trim).collect();
        let kept: Map<String, Json> = std::mem::take(fields)
            .into_iter()
            .filter(|(field, _)| wanted.contains(&field.as_str()))
            .collect();
        *fields = kept;
    }
    shape
}

/// What a client wrote.
pub(super) fn read(key: &str, label: Option<&str>, body: &Json) -> Setting {
    let text = |field: &str| body.get(field).and_then(Json::as_str).map(str::to_owned);
    let tags = body
        .get("tags")
        .and_then(Json::as_object)
        .into_iter()
        .flatten();
    Setting {
        key: key.to_owned(),
        label: label.map(str::to_owned),
        value: text("value").unwrap_or_default(),
        content_type: text("content_type").filter(|kind| !kind.is_empty()),
        tags: tags
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        ..Setting::default()
    }
}
