//! `secret.<name>` and `config.<name>`: one source per line,
//! `STORE:PATH[?version=V][#KEY][ -> NAME]`.

use std::collections::BTreeMap;

use super::words::{check_data_key, check_object_name, check_source_key};
use super::{Part, Refusal, Wanted};
use crate::pull::request::{ObjectKind, Origin, Request, Take};

pub(super) fn parse(
    kind: ObjectKind,
    object: &str,
    annotation: &str,
    text: &str,
) -> Result<Vec<Part>, Refusal> {
    check_object_name(object).map_err(Refusal::of)?;
    let short = annotation.strip_prefix(super::PREFIX).unwrap_or(annotation);
    let mut wanted = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let said_in = format!("{short} line {}", index + 1);
        let request = source(line, said_in).map_err(|message| Refusal {
            target: Some((kind, object.to_owned())),
            message: format!("line {}: {message}", index + 1),
        })?;
        wanted.push(Ok(Wanted {
            kind,
            name: object.to_owned(),
            request,
        }));
    }
    if wanted.is_empty() {
        return Err(Refusal {
            target: Some((kind, object.to_owned())),
            message: "there is no source in it: write STORE:PATH, one a line".to_owned(),
        });
    }
    Ok(wanted)
}

fn source(line: &str, said_in: String) -> Result<Request, String> {
    let (line, name) = match line.rsplit_once(" -> ") {
        Some((before, name)) => (before.trim_end(), Some(name.trim())),
        None if line.ends_with(" ->") => return Err("there is no name after \"->\"".to_owned()),
        None => (line, None),
    };
    if let Some(name) = name {
        check_data_key(name)?;
    }
    let (store, rest) = line
        .split_once(':')
        .ok_or("it is not STORE:PATH[?version=V][#KEY][ -> NAME]")?;
    let (rest, key) = match rest.split_once('#') {
        Some((rest, key)) => (rest, Some(key)),
        None => (rest, None),
    };
    let (path, version) = match rest.split_once("?version=") {
        Some((path, version)) => (path, Some(version)),
        None => (rest, None),
    };
    if store.is_empty() || path.is_empty() {
        return Err("it is not STORE:PATH[?version=V][#KEY][ -> NAME]".to_owned());
    }
    if version == Some("") {
        return Err("there is no version after \"?version=\"".to_owned());
    }
    let path = decode(path);
    let prefix_read = path == "**" || path.ends_with("/**");
    let take = match (key, name) {
        (None, None) => Take::All,
        (None, Some(_)) if prefix_read => {
            return Err(
                "a path that ends in \"/**\" has many entries: take one with #KEY -> NAME"
                    .to_owned(),
            );
        }
        (None, Some(name)) => Take::Whole(name.to_owned()),
        (Some(key), name) => {
            check_source_key(key)?;
            if prefix_read && key.starts_with('/') {
                return Err(
                    "after \"/**\" a KEY is the entry's path below it, without a \"/\" in front"
                        .to_owned(),
                );
            }
            let data_key = match name {
                Some(name) => name,
                None if key.starts_with('/') => {
                    return Err(format!(
                        "\"#{}\" is a pointer and needs \" -> NAME\"",
                        crate::yaml::clip(key)
                    ));
                }
                None => {
                    check_data_key(key)?;
                    key
                }
            };
            Take::Keys(BTreeMap::from([(data_key.to_owned(), key.to_owned())]))
        }
    };
    let store = store.to_owned();
    let origin = if prefix_read {
        if version.is_some() {
            return Err("a path that ends in \"/**\" takes no version".to_owned());
        }
        Origin::Prefix { store, path }
    } else {
        Origin::Entry {
            store,
            path,
            version: version.map(str::to_owned),
        }
    };
    Ok(Request::new(origin, take, said_in))
}

/// Undoes the encoding of the characters that separate the parts, and of nothing else: any other
/// `%` stays and is then refused by the kind's grammar.
fn decode(path: &str) -> String {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        let plain = match rest.get(at..at + 3).map(str::to_ascii_uppercase).as_deref() {
            Some("%23") => '#',
            Some("%3F") => '?',
            Some("%3A") => ':',
            Some("%20") => ' ',
            _ => {
                decoded.push('%');
                rest = &rest[at + 1..];
                continue;
            }
        };
        decoded.push(plain);
        rest = &rest[at + 3..];
    }
    decoded.push_str(rest);
    decoded
}
