//! The names that Kubernetes accepts.

/// An object's name: a DNS subdomain of RFC 1123, at most 253 characters
/// (`apimachinery/pkg/util/validation`, `IsDNS1123Subdomain`).
#[must_use]
pub fn valid_object_name(name: &str) -> bool {
    let label = |label: &str| {
        let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = label.as_bytes();
        matches!((bytes.first(), bytes.last()), (Some(first), Some(last)) if edge(*first) && edge(*last))
            && bytes.iter().all(|byte| edge(*byte) || *byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// A data key of a Secret or ConfigMap (`IsConfigMapKey`): up to 253 of `[-._a-zA-Z0-9]`,
/// neither `.` nor beginning with `..`.
#[must_use]
pub fn valid_data_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= 253
        && key != "."
        && !key.starts_with("..")
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// The name of an environment variable that every shell can read.
#[must_use]
pub(super) fn valid_env_name(name: &str) -> bool {
    valid_data_key(name)
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A source key: not empty; one that begins with `/` must be a JSON Pointer (RFC 6901 section 3).
pub(super) fn check_source_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("a source key is empty".to_owned());
    }
    if key.starts_with('/') {
        let mut rest = key.split('~');
        rest.next();
        if rest.any(|after| !after.starts_with(['0', '1'])) {
            return Err(format!(
                "\"{}\" is not a JSON Pointer: write \"~\" as \"~0\" and \"/\" as \"~1\"",
                crate::yaml::clip(key)
            ));
        }
    }
    Ok(())
}

/// Checks a data key that an annotation names.
pub(super) fn check_data_key(key: &str) -> Result<(), String> {
    if valid_data_key(key) {
        return Ok(());
    }
    Err(format!(
        "\"{}\" cannot be a data key: use up to 253 letters, digits, \"-\", \"_\" and \".\", not beginning with \"..\"",
        crate::yaml::clip(key)
    ))
}

/// Checks an object name that an annotation names.
pub(super) fn check_object_name(name: &str) -> Result<(), String> {
    if valid_object_name(name) {
        return Ok(());
    }
    Err(format!(
        "\"{}\" cannot be an object's name: use up to 253 lower case letters, digits, \"-\" and \".\"",
        crate::yaml::clip(name)
    ))
}
