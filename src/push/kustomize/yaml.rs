//! YAML as kustomize reads it: several documents, anchors, aliases and merge keys. Pure.

use std::collections::HashMap;

use jasm_sops::events::{Events, Fault, SIGNS};
use saphyr_parser::{Event, ScalarStyle, Span};

use super::budget::Budget;
use super::problem::Problem;
use super::resolve::{Dialect, Tag, resolve};
use super::value::{Map, Scalar, Value};
use crate::yaml::clip;
use crate::yaml::quoted::Cursor;

/// Deeper nesting is nothing that a person wrote.
const MAX_DEPTH: usize = 64;

/// The documents of a file that are not empty.
pub(super) fn documents(
    bytes: &[u8],
    dialect: Dialect,
    budget: &Budget,
) -> Result<Vec<Value>, Problem> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Problem::invalid("it is not UTF-8, so it cannot be read as YAML"))?;
    check(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = zeroize::Zeroizing::new(text.replace("\r\n", "\n"));
    separators(&text)?;
    let mut reader = Reader {
        parser: Events::new(&text),
        dialect,
        budget,
        cursor: Cursor::new(&text),
        anchors: HashMap::new(),
    };
    let mut documents = Vec::new();
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentEnd | Event::Nothing, _) => {}
            (Event::DocumentStart(_), _) => {
                // An anchor is known in its own document only.
                reader.anchors.clear();
                let (event, span) = reader.next()?;
                let value = reader.value(event, span, 0)?;
                if !value.is_null() {
                    documents.push(value);
                }
            }
            (_, _) => return Ok(documents),
        }
    }
}

/// Refuses characters that YAML does not allow and that the reader of kustomize refuses.
fn check(text: &str) -> Result<(), Problem> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    match text.chars().find(|c| !allowed(*c)) {
        Some(_) => Err(Problem::invalid(
            "not valid YAML: it has a control character; write it as an escape in double quotes",
        )),
        None => Ok(()),
    }
}

/// Refuses `--- {a: b}` anywhere but in the first line, as kustomize does.
fn separators(text: &str) -> Result<(), Problem> {
    for (index, line) in text.lines().enumerate().skip(1) {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(Problem::invalid(format!(
                    "line {}: only a comment may stand behind \"---\" in its line",
                    index + 1
                )));
            }
        }
    }
    Ok(())
}

/// Refuses `\/` in double quotes, which YAML 1.2 has and the reader of kustomize does not.
fn escapes(text: &str, line: usize) -> Result<(), Problem> {
    let mut chars = text.chars().skip(1);
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' if chars.next() == Some('/') => {
                return Err(Problem::invalid(format!(
                    "line {line}: kustomize does not know the escape \"\\/\"; write \"/\""
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

struct Reader<'a> {
    parser: Events<'a>,
    dialect: Dialect,
    budget: &'a Budget,
    cursor: Cursor<'a>,
    anchors: HashMap<usize, (Value, Size)>,
}

/// What a value costs when an alias repeats it.
#[derive(Clone, Copy)]
struct Size {
    nodes: usize,
    bytes: usize,
}

fn size(value: &Value) -> Size {
    let add = |a: Size, b: Size| Size {
        nodes: a.nodes.saturating_add(b.nodes),
        bytes: a.bytes.saturating_add(b.bytes),
    };
    let one = Size { nodes: 1, bytes: 0 };
    match value {
        Value::Scalar(scalar) => Size {
            nodes: 1,
            bytes: scalar.text.len(),
        },
        Value::List(items) => items.iter().map(size).fold(one, add),
        Value::Map(map) => map
            .iter()
            .map(|(key, value)| {
                add(
                    Size {
                        nodes: 0,
                        bytes: key.len(),
                    },
                    size(value),
                )
            })
            .fold(one, add),
    }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(Fault::Signs(line))) => Err(Problem::too_large(format!(
                "line {line}: a list or map in brackets, or a text, has more than {SIGNS} signs of YAML"
            ))),
            // The parser's sentence may quote the text.
            Some(Err(Fault::Syntax(error))) => Err(Problem::invalid(format!(
                "line {}: not valid YAML",
                error.marker().line().max(1)
            ))),
            None => Ok((
                Event::StreamEnd,
                Span::empty(saphyr_parser::Marker::new(0, 1, 0)),
            )),
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, Problem> {
        let line = span.start.line().max(1);
        if depth > MAX_DEPTH {
            return Err(Problem::too_large(format!(
                "line {line}: nested deeper than {MAX_DEPTH} levels"
            )));
        }
        self.budget.nodes(1)?;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if style == ScalarStyle::DoubleQuoted {
                    let rest = self.cursor.from(span.start.index());
                    escapes(rest.unwrap_or_default(), line)?;
                }
                let tag = match tag.as_deref() {
                    Some(tag) => scalar_tag(&tag.handle, &tag.suffix, line)?,
                    None if style == ScalarStyle::Plain => resolve(&text, self.dialect),
                    None => Tag::Text,
                };
                let scalar = Scalar {
                    tag,
                    text: zeroize::Zeroizing::new(text.into_owned()),
                    quoted: style != ScalarStyle::Plain,
                };
                (Value::Scalar(scalar), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                if let Some(tag) = tag {
                    collection_tag(&tag.handle, &tag.suffix, "seq", line)?;
                }
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break (Value::List(items), anchor),
                        (event, span) => items.push(self.value(event, span, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(anchor, tag) => {
                if let Some(tag) = tag {
                    collection_tag(&tag.handle, &tag.suffix, "map", line)?;
                }
                (Value::Map(self.mapping(depth)?), anchor)
            }
            Event::Alias(anchor) => {
                let Some((value, size)) = self.anchors.get(&anchor) else {
                    return Err(Problem::invalid(format!(
                        "line {line}: the alias names no anchor that stands before it in its document"
                    )));
                };
                self.budget.nodes(size.nodes)?;
                self.budget.bytes(size.bytes)?;
                return Ok(value.clone());
            }
            _ => return Ok(Value::null()),
        };
        if anchor != 0 {
            let size = size(&value);
            self.budget.nodes(size.nodes)?;
            self.budget.bytes(size.bytes)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok(value)
    }

    fn mapping(&mut self, depth: usize) -> Result<Map, Problem> {
        let mut map = Map::new();
        let mut merged = None;
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let line = span.start.line().max(1);
            let merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key = match self.value(event, span, depth + 1)? {
                Value::Scalar(scalar) if scalar.tag == Tag::Text => scalar.text,
                other => {
                    return Err(Problem::invalid(format!(
                        "line {line}: a key must be text, not {}; write it in quotes",
                        other.word()
                    )));
                }
            };
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            let twice = if merge {
                merged.replace(value).is_some()
            } else {
                map.insert((*key).clone(), value).is_some()
            };
            if twice {
                return Err(Problem::invalid(format!(
                    "line {line}: the key \"{}\" is written twice",
                    clip(&key)
                )));
            }
        }
        if let Some(merged) = merged {
            merge_into(&mut map, merged)?;
        }
        Ok(map)
    }
}

/// What `<<` brings: one mapping or a list of them; the nearer one wins.
fn merge_into(map: &mut Map, merged: Value) -> Result<(), Problem> {
    let wrong = || Problem::invalid("\"<<\" needs a mapping or a list of mappings");
    let maps = match merged {
        Value::List(items) => items,
        single => vec![single],
    };
    for value in maps {
        let Value::Map(other) = value else {
            return Err(wrong());
        };
        for (key, value) in other {
            map.entry(key).or_insert(value);
        }
    }
    Ok(())
}

const CORE: &str = "tag:yaml.org,2002:";

fn scalar_tag(handle: &str, suffix: &str, line: usize) -> Result<Tag, Problem> {
    match (handle, suffix) {
        (CORE, "str") => Ok(Tag::Text),
        (CORE, "int") => Ok(Tag::Int),
        (CORE, "float") => Ok(Tag::Float),
        (CORE, "bool") => Ok(Tag::Bool),
        (CORE, "null") => Ok(Tag::Null),
        _ => Err(foreign(line)),
    }
}

fn collection_tag(handle: &str, suffix: &str, own: &str, line: usize) -> Result<(), Problem> {
    if handle == CORE && suffix == own {
        Ok(())
    } else {
        Err(foreign(line))
    }
}

fn foreign(line: usize) -> Problem {
    Problem::unsupported(format!(
        "line {line}: only the YAML tags !!str, !!int, !!float, !!bool, !!null, !!map and !!seq are supported"
    ))
}
