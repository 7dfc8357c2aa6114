//! From a resource to the object that an API server would keep of it. Pure.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jasm_providers::SecretBytes;

use super::problem::Problem;
use super::resolve::Tag;
use super::resource::Resource;
use super::value::Value;
use super::{Kind, Object};
use crate::yaml::clip;

/// As the API server decodes it: padding has to be there, bits behind the last byte do not matter.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The longest name of a key (apimachinery's `IsConfigMapKey`).
const MAX_KEY: usize = 253;

/// What a fields' values are.
#[derive(Clone, Copy, PartialEq)]
enum Field {
    Text,
    Base64,
    /// The kind has no such field.
    Foreign,
}

/// The object, or nothing if the resource is neither a Secret nor a ConfigMap.
pub(super) fn settle(resource: &Resource) -> Result<Option<Object>, Problem> {
    let kind = match (resource.api_version(), resource.kind()) {
        ("v1", "Secret") => Kind::Secret,
        ("v1", "ConfigMap") => Kind::ConfigMap,
        ("", "Secret" | "ConfigMap") => {
            return Err(Problem::invalid(format!(
                "{} {} has no apiVersion; write \"apiVersion: v1\"",
                resource.kind(),
                clip(resource.name())
            )));
        }
        _ => return Ok(None),
    };
    // Behind `data`, so that it wins.
    let fields = match kind {
        Kind::Secret => [
            ("data", Field::Base64),
            ("stringData", Field::Text),
            ("binaryData", Field::Foreign),
        ],
        Kind::ConfigMap => [
            ("data", Field::Text),
            ("binaryData", Field::Base64),
            ("stringData", Field::Foreign),
        ],
    };
    let mut data = BTreeMap::new();
    for (field, holds) in fields {
        for (key, bytes) in values(resource, field, holds)
            .map_err(|problem| problem.within(&format!("{kind} {}", clip(resource.name()))))?
        {
            if data.insert(key.clone(), bytes).is_some() && kind == Kind::ConfigMap {
                return Err(Problem::invalid(format!(
                    "{kind} {}: the key \"{}\" is both in data and in binaryData",
                    clip(resource.name()),
                    clip(&key)
                )));
            }
        }
    }
    let namespace = resource.namespace();
    Ok(Some(Object {
        kind,
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        name: resource.name().to_owned(),
        hashed: resource.is_hashed(),
        file: resource.file.to_string(),
        data,
    }))
}

fn values(
    resource: &Resource,
    field: &str,
    holds: Field,
) -> Result<Vec<(String, SecretBytes)>, Problem> {
    let map = match resource.root.get(field) {
        None => return Ok(Vec::new()),
        Some(value) if value.is_null() => return Ok(Vec::new()),
        Some(Value::Map(map)) => map,
        Some(other) => {
            return Err(Problem::invalid(format!(
                "{field} must be a mapping, not {}",
                other.word()
            )));
        }
    };
    if holds == Field::Foreign {
        return Err(Problem::invalid(format!("it has no field {field}")));
    }
    map.iter()
        .map(|(key, value)| {
            check_key(key).map_err(|problem| problem.within(field))?;
            let bytes =
                bytes(value, holds).map_err(|problem| problem.within(&format!("{field}.{key}")))?;
            Ok((key.clone(), bytes))
        })
        .collect()
}

fn bytes(value: &Value, holds: Field) -> Result<SecretBytes, Problem> {
    let text = match value {
        Value::Scalar(scalar) if scalar.tag == Tag::Text => &scalar.text,
        Value::Scalar(scalar) if scalar.tag == Tag::Null => {
            return Err(Problem::invalid(
                "it has no value; write \"\" if it is empty",
            ));
        }
        Value::Scalar(scalar) => {
            return Err(Problem::invalid(format!(
                "it is {}, which is no text; write it in quotes",
                scalar.tag.word()
            )));
        }
        other => {
            return Err(Problem::invalid(format!(
                "it must be text, not {}",
                other.word()
            )));
        }
    };
    if holds == Field::Text {
        if !text.chars().all(is_writable) {
            return Err(Problem::invalid(
                "it has a character that kustomize cannot write; put it into a Secret",
            ));
        }
        return Ok(SecretBytes::new(text.as_bytes().to_vec()));
    }
    // Line breaks do not count.
    let plain = zeroize::Zeroizing::new(text.replace(['\n', '\r'], ""));
    BASE64
        .decode(plain.as_bytes())
        .map(SecretBytes::new)
        .map_err(|_| Problem::invalid("it is no base64; write plain text below stringData"))
}

/// Of the others, kustomize refuses most, and changes U+0085, U+2028 and U+2029.
fn is_writable(c: char) -> bool {
    !matches!(
        c,
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}'
    )
}

fn check_key(key: &str) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let fits = (1..=MAX_KEY).contains(&key.len())
        && key.bytes().all(plain)
        && key != "."
        && !key.starts_with("..");
    if fits {
        Ok(())
    } else {
        Err(Problem::invalid(format!(
            "\"{}\" is no name of a key; it may have letters, digits, \"-\", \"_\" and \".\"",
            clip(key)
        )))
    }
}
