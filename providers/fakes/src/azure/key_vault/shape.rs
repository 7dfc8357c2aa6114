//! Secrets as JSON.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::secrets::Version;

/// A `SecretBundle`, with the value.
pub(super) fn bundle(vault: &str, name: &str, version: &Version) -> Json {
    let mut shape = item(vault, name, version, true);
    shape["value"] = json!(String::from_utf8_lossy(&version.value.0));
    shape
}

/// A `SecretItem`, without it. Listings of a vault name no version.
pub(super) fn item(vault: &str, name: &str, version: &Version, with_version: bool) -> Json {
    let mut id = format!("https://{vault}.vault.azure.net/secrets/{name}");
    if with_version {
        id.push('/');
        id.push_str(&version.id);
    }
    let mut attributes = json!({
        "enabled": version.enabled,
        "created": version.created,
        "updated": version.updated,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
    });
    for (field, time) in [("nbf", version.not_before), ("exp", version.expires)] {
        if let Some(time) = time {
            attributes[field] = json!(time);
        }
    }
    let mut shape = json!({"id": id, "attributes": attributes});
    if let Some(kind) = &version.kind {
        shape["contentType"] = json!(kind);
    }
    if !version.tags.is_empty() {
        shape["tags"] = json!(version.tags);
    }
    shape
}

/// Takes over what a client may set and has sent.
pub(super) fn read(body: &Json, version: &mut Version) {
    let attributes = body.get("attributes");
    let attribute = |name: &str| attributes.and_then(|attributes| attributes.get(name));
    if let Some(enabled) = attribute("enabled").and_then(Json::as_bool) {
        version.enabled = enabled;
    }
    if let Some(time) = attribute("nbf").and_then(Json::as_u64) {
        version.not_before = Some(time);
    }
    if let Some(time) = attribute("exp").and_then(Json::as_u64) {
        version.expires = Some(time);
    }
    if let Some(kind) = body.get("contentType").and_then(Json::as_str) {
        version.kind = Some(kind.to_owned());
    }
    if body.get("tags").is_some_and(Json::is_object) {
        version.tags = tags(body);
    }
}

/// The tags of a request.
pub(super) fn tags(body: &Json) -> BTreeMap<String, String> {
    let tags = body
        .get("tags")
        .and_then(Json::as_object)
        .into_iter()
        .flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}
