//! Secrets and versions as JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::Ask;
use crate::gcp::alt;
use crate::gcp::secrets::{Secret, Version};

/// A `Secret`. Empty maps are left out, as protobuf's JSON does.
pub(super) fn secret(name: &str, secret: &Secret, regional: bool) -> Json {
    let mut shape = Map::new();
    shape.insert("name".to_owned(), json!(name));
    shape.insert("createTime".to_owned(), json!(secret.created));
    shape.insert("etag".to_owned(), json!(secret.etag));
    if !regional {
        shape.insert("replication".to_owned(), json!({"automatic": {}}));
    }
    for (field, map) in [
        ("labels", &secret.labels),
        ("annotations", &secret.annotations),
    ] {
        if !map.is_empty() {
            shape.insert(field.to_owned(), json!(map));
        }
    }
    if !secret.aliases.is_empty() {
        // 64-bit numbers are strings.
        let aliases: BTreeMap<_, _> = secret
            .aliases
            .iter()
            .map(|(alias, number)| (alias, number.to_string()))
            .collect();
        shape.insert("versionAliases".to_owned(), json!(aliases));
    }
    Json::Object(shape)
}

/// A `SecretVersion`.
pub(super) fn version(ask: &Ask, secret: &str, version: &Version) -> Json {
    let mut shape = Map::new();
    shape.insert(
        "name".to_owned(),
        json!(format!("{secret}/versions/{}", version.number)),
    );
    shape.insert("createTime".to_owned(), json!(version.created));
    let state = alt::word(ask, version.state.as_str(), version.state.number());
    shape.insert("state".to_owned(), state);
    shape.insert("replicationStatus".to_owned(), json!({"automatic": {}}));
    shape.insert(
        "etag".to_owned(),
        json!(format!("\"{:x}\"", version.number)),
    );
    if let Some(destroyed) = &version.destroyed {
        shape.insert("destroyTime".to_owned(), json!(destroyed));
    }
    if version.checked {
        shape.insert("clientSpecifiedPayloadChecksum".to_owned(), json!(true));
    }
    Json::Object(shape)
}

/// Takes over what a client may set and has sent.
pub(super) fn read(body: &Json, secret: &mut Secret) {
    let words = |field: &str| -> Option<BTreeMap<String, String>> {
        let map = body.get(field)?.as_object()?;
        Some(
            map.iter()
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
        )
    };
    if let Some(labels) = words("labels") {
        secret.labels = labels;
    }
    if let Some(annotations) = words("annotations") {
        secret.annotations = annotations;
    }
    if let Some(aliases) = body.get("versionAliases").and_then(Json::as_object) {
        let number = |value: &Json| match value {
            Json::String(text) => text.parse().ok(),
            value => usize::try_from(value.as_u64()?).ok(),
        };
        secret.aliases = aliases
            .iter()
            .filter_map(|(alias, value)| Some((alias.clone(), number(value)?)))
            .collect();
    }
}
