//! `secret-sync` and `config-sync`: a YAML mapping, or a list of them.

use std::collections::BTreeMap;

use jasm_providers::reference::is_prefix;

use super::words::{check_data_key, check_object_name, check_source_key};
use super::{OPTIONS, Part, Refusal, Wanted, identity};
use crate::diagnostic::Place;
use crate::pull::request::{
    File, Format, Names, ObjectKind, Origin, ReadAs, Request, SecretType, Take, Written,
};
use crate::yaml::{self, Fields, Node, Problem, Value};

const SECRET_FIELDS: [&str; 12] = [
    "provider",
    "path",
    "secretName",
    "keys",
    "key",
    "version",
    "names",
    "prefix",
    "type",
    "optional",
    "retain",
    "identity",
];
const CONFIG_FIELDS: [&str; 13] = [
    "provider",
    "path",
    "configMapName",
    "keys",
    "key",
    "version",
    "names",
    "prefix",
    "file",
    "format",
    "optional",
    "retain",
    "identity",
];

pub(super) fn parse(kind: ObjectKind, text: &str) -> Result<Vec<Part>, Refusal> {
    let document = yaml::parse(text)?;
    let annotation = match kind {
        ObjectKind::Secret => super::SECRET_SYNC,
        ObjectKind::ConfigMap => super::CONFIG_SYNC,
    };
    match &document.value {
        Value::Map(_) => Ok(vec![item(kind, annotation, &document)]),
        Value::List(items) if items.is_empty() => Err(document.problem("the list is empty").into()),
        Value::List(items) => Ok(items
            .iter()
            .enumerate()
            .map(|(index, node)| item(kind, &format!("{annotation}[{index}]"), node))
            .collect()),
        Value::Scalar { .. } => Err(document
            .problem(format!(
                "{annotation} must be a mapping or a list of mappings, not {}",
                document.shape()
            ))
            .into()),
    }
}

/// One mapping; its problems carry the target wherever that can be read.
fn item(kind: ObjectKind, what: &str, node: &Node) -> Part {
    let (name, named) = target_name(kind, what, node)?;
    let mut request =
        request(kind, what, node).map_err(|problem| Refusal::target(kind, &name, &problem))?;
    request.written.object = Some(named);
    Ok(Wanted {
        kind,
        name,
        request,
    })
}

fn target_name(kind: ObjectKind, what: &str, node: &Node) -> Result<(String, Place), Problem> {
    let field = match kind {
        ObjectKind::Secret => "secretName",
        ObjectKind::ConfigMap => "configMapName",
    };
    let named = node.map(what)?.iter().find(|(key, _)| key.raw() == field);
    let Some((_, value)) = named else {
        // A misspelt name is better answered by the nearest field than by "is missing".
        fields(kind, what, node)?;
        return Err(node.problem(format!("{what} needs the field \"{field}\"")));
    };
    let name = value.text(field)?;
    check_object_name(name).map_err(|message| value.problem(message))?;
    Ok((name.to_owned(), value.place()))
}

fn fields<'a>(kind: ObjectKind, what: &str, node: &'a Node) -> Result<Fields<'a>, Problem> {
    let known = match kind {
        ObjectKind::Secret => &SECRET_FIELDS[..],
        ObjectKind::ConfigMap => &CONFIG_FIELDS[..],
    };
    for (key, _) in node.map(what)? {
        if OPTIONS.contains(&key.raw()) && key.raw() != "identity" {
            return Err(key.problem(format!(
                "\"{}\" is not implemented in this version; remove it",
                key.raw()
            )));
        }
        if kind == ObjectKind::ConfigMap && key.raw() == "type" {
            return Err(key.problem("a ConfigMap has no type; remove \"type\""));
        }
    }
    Fields::of(node, what, known)
}

fn request(kind: ObjectKind, what: &str, node: &Node) -> Result<Request, Problem> {
    let fields = fields(kind, what, node)?;
    let store_node = fields.required("provider")?;
    let store = store_node.text("provider")?.to_owned();
    let path_node = fields.required("path")?;
    let path = path_node.text("path")?.to_owned();
    let version = fields.text("version")?.map(str::to_owned);
    let prefix_read = is_prefix(&path);
    if prefix_read {
        for excluded in ["version", "key"] {
            if let Some(node) = fields.get(excluded) {
                return Err(node.problem(format!(
                    "\"{excluded}\" cannot be used with a path that ends in \"*\"; remove it"
                )));
            }
        }
    }
    let secret_type = secret_type(&fields)?;
    let take = take(&fields, prefix_read, secret_type)?;
    let origin = if prefix_read {
        Origin::Prefix { store, path }
    } else {
        Origin::Entry {
            store,
            path,
            version,
        }
    };
    let names = match fields.get("names") {
        None => Names::AsIs,
        Some(node) => match node.text("names")? {
            "as-is" => Names::AsIs,
            "env" => Names::Env,
            other => {
                return Err(node.problem(yaml::unknown(
                    "value of names",
                    other,
                    &["as-is", "env"],
                )));
            }
        },
    };
    let prefix = fields.text("prefix")?.unwrap_or_default().to_owned();
    if !prefix
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    {
        let node = fields.required("prefix")?;
        return Err(node.problem("prefix may have letters, digits, \"-\", \"_\" and \".\" only"));
    }
    let read_as = match fields.get("identity") {
        None => ReadAs::Store,
        Some(node) => {
            identity::parse(node.text("identity")?).map_err(|message| node.problem(message))?
        }
    };
    Ok(Request {
        take,
        names,
        prefix,
        secret_type,
        file: if kind == ObjectKind::ConfigMap {
            file(&fields)?
        } else {
            None
        },
        optional: fields.flag("optional")?,
        retain: fields.flag("retain")?,
        read_as,
        written: Written {
            object: None,
            store: Some(store_node.place()),
            path: Some(path_node.place()),
        },
        ..Request::new(origin, Take::All, what)
    })
}

fn secret_type(fields: &Fields<'_>) -> Result<SecretType, Problem> {
    let Some(node) = fields.get("type") else {
        return Ok(SecretType::Opaque);
    };
    let word = node.text("type")?;
    SecretType::parse(word).ok_or_else(|| {
        node.problem(format!(
            "a Secret of type \"{}\" is never produced; allowed are {}",
            yaml::clip(word),
            SecretType::WORDS.join(", ")
        ))
    })
}

fn take(fields: &Fields<'_>, prefix_read: bool, secret_type: SecretType) -> Result<Take, Problem> {
    if let Some(node) = fields.get("key") {
        for excluded in ["keys", "prefix", "names"] {
            if let Some(node) = fields.get(excluded) {
                return Err(node.problem(format!(
                    "\"{excluded}\" and \"key\" exclude each other; \"key\" takes all as it is"
                )));
            }
        }
        if let Value::Map(_) = node.value {
            return Err(node.problem(
                "\"key\" is one data key for the whole payload; a mapping is written as \"keys\"",
            ));
        }
        let key = node.text("key")?;
        check_data_key(key).map_err(|message| node.problem(message))?;
        return Ok(Take::Whole(key.to_owned()));
    }
    let Some(node) = fields.get("keys") else {
        if prefix_read || secret_type != SecretType::DockerConfigJson {
            return Ok(Take::All);
        }
        for excluded in ["prefix", "names"] {
            if let Some(node) = fields.get(excluded) {
                return Err(node.problem(format!(
                    "\"{excluded}\" has no effect here: the type takes all as \".dockerconfigjson\"; remove it"
                )));
            }
        }
        return Ok(Take::Whole(".dockerconfigjson".to_owned()));
    };
    let mut keys = BTreeMap::new();
    for (data_key, source_key) in node.map("keys")? {
        check_data_key(data_key.raw()).map_err(|message| data_key.problem(message))?;
        let source = source_key.text(&format!("the source key of \"{}\"", data_key.raw()))?;
        check_source_key(source).map_err(|message| source_key.problem(message))?;
        if prefix_read && source.starts_with('/') {
            return Err(source_key.problem(
                "with a path that ends in \"*\" a source key is the entry's path below it, without a \"/\" in front",
            ));
        }
        keys.insert(data_key.raw().to_owned(), source.to_owned());
    }
    if keys.is_empty() {
        return Err(node.problem("\"keys\" is empty: leave it out to take every key"));
    }
    Ok(Take::Keys(keys))
}

fn file(fields: &Fields<'_>) -> Result<Option<File>, Problem> {
    let format_node = fields.get("format");
    let Some(node) = fields.get("file") else {
        return match format_node {
            Some(node) => {
                Err(node.problem("\"format\" needs \"file\": the data key to render into"))
            }
            None => Ok(None),
        };
    };
    let name = node.text("file")?;
    check_data_key(name).map_err(|message| node.problem(message))?;
    let format = match format_node {
        Some(node) => {
            let word = node.text("format")?;
            Format::parse(word).ok_or_else(|| node.problem(yaml::unknown("format", word, &Format::WORDS)))?
        }
        None => Format::of_file(name).ok_or_else(|| {
            node.problem(format!(
                "the format of \"{name}\" cannot be told from its extension: add \"format\", one of {}",
                Format::WORDS.join(", ")
            ))
        })?,
    };
    Ok(Some(File {
        name: name.to_owned(),
        format,
    }))
}
