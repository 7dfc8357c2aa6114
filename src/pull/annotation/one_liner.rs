//! `secret.<name>` and `config.<name>`: one source per line,
//! `STORE:PATH[?version=V][#KEY][ -> NAME]`.

use std::collections::BTreeMap;

use jasm_providers::reference::is_prefix;

use super::words::{check_data_key, check_object_name, check_source_key};
use super::{Part, Refusal, Spot, Wanted};
use crate::diagnostic::Place;
use crate::pull::request::{ObjectKind, Origin, Request, Take, Written};

pub(super) fn parse(
    kind: ObjectKind,
    object: &str,
    annotation: &str,
    text: &str,
) -> Result<Vec<Part>, Refusal> {
    check_object_name(object).map_err(Refusal::of)?;
    let short = annotation.strip_prefix(super::PREFIX).unwrap_or(annotation);
    let mut wanted = Vec::new();
    for (index, whole) in text.lines().enumerate() {
        let line = whole.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let said_in = format!("{short} line {}", index + 1);
        let place = |part: &str| place(index + 1, whole, part);
        let request = source(line, said_in, &place).map_err(|wrong| Refusal {
            target: Some((kind, object.to_owned())),
            message: format!("line {}: {}", index + 1, wrong.message),
            spot: Spot::Within(place(wrong.part)),
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
            spot: Spot::Value,
        });
    }
    Ok(wanted)
}

/// A problem with a part of a line.
struct Wrong<'a> {
    part: &'a str,
    message: String,
}

/// Where a part of a line is, the part being a slice of it.
fn place(number: usize, line: &str, part: &str) -> Place {
    let offset = (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    Place {
        line: number,
        column: line
            .get(..offset)
            .map_or(0, |before| before.chars().count())
            + 1,
        length: part.chars().count().max(1),
    }
}

fn source<'a>(
    line: &'a str,
    said_in: String,
    place: &dyn Fn(&str) -> Place,
) -> Result<Request, Wrong<'a>> {
    let wrong = |part: &'a str, message: &str| Wrong {
        part,
        message: message.to_owned(),
    };
    let because = |part: &'a str| move |message: String| Wrong { part, message };
    let (source, name) = match line.rsplit_once(" -> ") {
        Some((before, name)) => (before.trim_end(), Some(name.trim())),
        None if line.ends_with(" ->") => {
            let arrow = &line[line.len() - 2..];
            return Err(wrong(arrow, "there is no name after \"->\""));
        }
        None => (line, None),
    };
    if let Some(name) = name {
        check_data_key(name).map_err(because(name))?;
    }
    let shape = "it is not STORE:PATH[?version=V][#KEY][ -> NAME]";
    let (store, rest) = source.split_once(':').ok_or_else(|| wrong(source, shape))?;
    let (rest, key) = match rest.split_once('#') {
        Some((rest, key)) => (rest, Some(key)),
        None => (rest, None),
    };
    let (written_path, version) = match rest.split_once("?version=") {
        Some((path, version)) => (path, Some(version)),
        None => (rest, None),
    };
    if store.is_empty() || written_path.is_empty() {
        return Err(wrong(source, shape));
    }
    if version == Some("") {
        let selector = &rest[written_path.len()..];
        return Err(wrong(selector, "there is no version after \"?version=\""));
    }
    let path = decode(written_path);
    let prefix_read = is_prefix(&path);
    let take = match (key, name) {
        (None, None) => Take::All,
        (None, Some(name)) if prefix_read => {
            return Err(wrong(
                name,
                "a path that ends in \"*\" has many entries: take one with #KEY -> NAME",
            ));
        }
        (None, Some(name)) => Take::Whole(name.to_owned()),
        (Some(key), name) => {
            check_source_key(key).map_err(because(key))?;
            if prefix_read && key.starts_with('/') {
                return Err(wrong(
                    key,
                    "after \"*\" a KEY is the entry's path below it, without a \"/\" in front",
                ));
            }
            let data_key = match name {
                Some(name) => name,
                None if key.starts_with('/') => {
                    return Err(Wrong {
                        part: key,
                        message: format!(
                            "\"#{}\" is a pointer and needs \" -> NAME\"",
                            crate::yaml::clip(key)
                        ),
                    });
                }
                None => {
                    check_data_key(key).map_err(because(key))?;
                    key
                }
            };
            Take::Keys(BTreeMap::from([(data_key.to_owned(), key.to_owned())]))
        }
    };
    let written = Written {
        object: None,
        store: Some(place(store)),
        path: Some(place(written_path)),
    };
    let store = store.to_owned();
    let origin = if prefix_read {
        if let Some(version) = version {
            return Err(wrong(version, "a path that ends in \"*\" takes no version"));
        }
        Origin::Prefix { store, path }
    } else {
        Origin::Entry {
            store,
            path,
            version: version.map(str::to_owned),
        }
    };
    Ok(Request {
        written,
        ..Request::new(origin, take, said_in)
    })
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
