//! Payloads to data keys. Pure.
//!
//! [`items`] turns what one request got into keyed values, [`files`] renders the files of a
//! ConfigMap. What several requests make together is for [`merge`](crate::pull::merge).

use jasm_providers::{Entry, SecretBytes};

use crate::pull::annotation::valid_data_key;
use crate::pull::request::{Names, Request, Take};
use crate::yaml::clip;

pub mod files;
mod payload;

/// What kind of JSON value a text was, for files that have types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text, binary, and nested JSON as its exact source.
    Text,
    /// A number or boolean exactly as written.
    Scalar,
    /// `null`: an empty value, except in files that know null.
    Null,
}

/// One value under its final key.
#[derive(Debug, Clone)]
pub struct Item {
    /// The data key, or the key inside a file.
    pub key: String,
    /// The bytes.
    pub value: SecretBytes,
    /// What it was in JSON.
    pub form: Form,
    /// Whether its store says it is a secret.
    pub secret: bool,
    /// Where it comes from: store, path, version, source key. Equal for one source only.
    pub source: String,
}

/// What a request's origin answered.
#[derive(Debug, Clone)]
pub enum Payload {
    /// One entry and the last segment of its path.
    Entry {
        /// What was read.
        entry: Entry,
        /// The key of a payload that is no JSON object.
        segment: String,
    },
    /// Entries by their path below the prefix.
    Below(Vec<(String, Entry)>),
    /// A literal of the annotation.
    Literal(String),
    /// Nothing, and the request says that this is fine.
    Absent,
}

/// The values that one request takes of its payload, under their final keys.
///
/// `label` names the origin (store and path) in messages and sources.
///
/// # Errors
/// One sentence that names the key and says what there is instead; never a value.
pub fn items(request: &Request, label: &str, payload: &Payload) -> Result<Vec<Item>, String> {
    let mut items = match payload {
        Payload::Absent => Vec::new(),
        Payload::Literal(text) => vec![Item {
            key: match &request.take {
                Take::Whole(key) => key.clone(),
                Take::All | Take::Keys(_) => return Err("a literal goes under one name".to_owned()),
            },
            value: SecretBytes::from(text.clone()),
            form: Form::Text,
            secret: false,
            source: format!("{label} {text}"),
        }],
        Payload::Entry { entry, segment } => of_entry(request, label, entry, segment)?,
        Payload::Below(entries) => below(request, label, entries)?,
    };
    if request.file.is_none() {
        for item in &items {
            if !valid_data_key(&item.key) {
                return Err(format!(
                    "\"{}\" of {label} cannot be a data key: name it in \"keys\", or use \"names: env\"",
                    clip(&item.key)
                ));
            }
        }
    }
    items.sort_by(|a, b| a.key.cmp(&b.key));
    if let Some(pair) = items.windows(2).find(|pair| pair[0].key == pair[1].key) {
        return Err(format!(
            "{} and {} would both become \"{}\": name them in \"keys\"",
            pair[0].source,
            pair[1].source,
            clip(&pair[0].key)
        ));
    }
    Ok(items)
}

fn of_entry(
    request: &Request,
    label: &str,
    entry: &Entry,
    segment: &str,
) -> Result<Vec<Item>, String> {
    let whole = |key: String| Item {
        key,
        value: entry.value.clone(),
        form: Form::Text,
        secret: entry.secret,
        source: label.to_owned(),
    };
    let member = |key: String, source: &str, (value, form): (SecretBytes, Form)| Item {
        key,
        value,
        form,
        secret: entry.secret,
        source: format!("{label}#{source}"),
    };
    let bytes = entry.value.expose();
    match &request.take {
        Take::Whole(key) => Ok(vec![whole(key.clone())]),
        Take::All => {
            match payload::Object::parse(bytes).map_err(|problem| format!("{label} {problem}"))? {
                None => Ok(vec![whole(generated(request, segment)?)]),
                Some(object) => object
                    .members()
                    .map(|(name, raw)| {
                        let value =
                            payload::value(raw).map_err(|problem| format!("{label} {problem}"))?;
                        Ok(member(generated(request, name)?, name, value))
                    })
                    .collect(),
            }
        }
        Take::Keys(keys) => keys
            .iter()
            .map(|(key, source)| {
                let value = payload::select(bytes, source)
                    .map_err(|problem| format!("{label} {problem}"))?;
                Ok(member(key.clone(), source, value))
            })
            .collect(),
    }
}

fn below(request: &Request, label: &str, entries: &[(String, Entry)]) -> Result<Vec<Item>, String> {
    let item = |key: String, path: &str, entry: &Entry| Item {
        key,
        value: entry.value.clone(),
        form: Form::Text,
        secret: entry.secret,
        source: format!("{label}#{path}"),
    };
    match &request.take {
        Take::Keys(keys) => keys
            .iter()
            .map(|(key, source)| {
                let found = entries.iter().find(|(path, _)| path == source);
                let (path, entry) = found.ok_or_else(|| {
                    payload::missing(label, source, entries.iter().map(|(path, _)| path.as_str()))
                })?;
                Ok(item(key.clone(), path, entry))
            })
            .collect(),
        Take::All | Take::Whole(_) => entries
            .iter()
            .map(|(path, entry)| {
                Ok(item(
                    generated(request, &path.replace(['/', ':'], "."))?,
                    path,
                    entry,
                ))
            })
            .collect(),
    }
}

/// A generated key: spelt as asked, then prefixed, then checked.
fn generated(request: &Request, name: &str) -> Result<String, String> {
    let spelt: String = match request.names {
        Names::AsIs => name.to_owned(),
        Names::Env => name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_uppercase()
                } else {
                    '_'
                }
            })
            .collect(),
    };
    let key = format!("{}{spelt}", request.prefix);
    if request.names == Names::Env
        && !key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    {
        return Err(format!(
            "\"{}\" becomes \"{}\", and an environment variable cannot begin so: name it in \"keys\" or add a \"prefix\"",
            clip(name),
            clip(&key)
        ));
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
