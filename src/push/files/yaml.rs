//! One YAML document, flattened: members by `.`, items by `[0]`; scalars exactly as written, null and empty
//! containers as the empty value.
//!
//! Aliases are followed, within bounds. Tags, merge keys and a second document are refused: what they mean
//! differs from reader to reader.

use std::collections::HashMap;
use std::rc::Rc;

use jasm_providers::SecretBytes;
use jasm_sops::events;
use saphyr_parser::{Event, Marker, ScalarStyle, Span};

use super::flat::{Flat, MAX_DEPTH};
use super::{Fault, MAX_KEYS, Pair, too_many};
use crate::yaml::clip;

/// Nodes that are read, aliases as one each: a file with more has more keys than may be.
const MAX_NODES: usize = (MAX_DEPTH + 1) * MAX_KEYS;

/// All pairs in the order written. A file of comments only has none.
///
/// # Errors
/// The first place that is no YAML or that means more than one thing.
pub fn parse(text: &str) -> Result<Vec<Pair>, Fault> {
    // What is missing at the end is said of the last line that there is.
    let last = text.lines().count().max(1);
    read(text).map_err(|fault| Fault {
        line: fault.line.min(last),
        ..fault
    })
}

fn read(text: &str) -> Result<Vec<Pair>, Fault> {
    let mut events = Events {
        parser: events::Events::new(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let Some(root) = events.document()? else {
        return Ok(Vec::new());
    };
    let mut flat = Flat::default();
    match &root.value {
        Value::Map(_) => walk(&root, root.line, &mut flat, true)?,
        Value::Null => {}
        _ => {
            return Err(Fault::new(
                root.line,
                "the file must be one mapping: write KEY: value",
            ));
        }
    }
    Ok(flat.into_pairs())
}

struct Node {
    line: usize,
    /// How many levels there are below.
    height: usize,
    value: Value,
}

enum Value {
    Null,
    Scalar(SecretBytes),
    List(Vec<Rc<Node>>),
    Map(Vec<(String, usize, Rc<Node>)>),
}

/// `line` is the one that a person would look at: of the key, not of what an alias leads to.
fn walk(node: &Node, line: usize, flat: &mut Flat, root: bool) -> Result<(), Fault> {
    match &node.value {
        Value::Null => flat.value(SecretBytes::new(Vec::new()), line),
        Value::Scalar(value) => flat.value(value.clone(), line),
        Value::List(items) if items.is_empty() => flat.value(SecretBytes::new(Vec::new()), line),
        Value::Map(pairs) if pairs.is_empty() && root => Ok(()),
        Value::Map(pairs) if pairs.is_empty() => flat.value(SecretBytes::new(Vec::new()), line),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                flat.enter_item(index, item.line)?;
                walk(item, item.line, flat, false)?;
                flat.leave();
            }
            Ok(())
        }
        Value::Map(pairs) => {
            for (name, line, value) in pairs {
                flat.enter_member(name, *line)?;
                walk(value, *line, flat, false)?;
                flat.leave();
            }
            Ok(())
        }
    }
}

struct Events<'a> {
    parser: events::Events<'a>,
    anchors: HashMap<usize, Rc<Node>>,
    nodes: usize,
}

fn too_deep(line: usize) -> Fault {
    Fault::new(line, format!("nested deeper than {MAX_DEPTH} levels"))
}

fn line(mark: &Marker) -> usize {
    mark.line().max(1)
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Fault> {
        match self.parser.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(events::Fault::Signs(line))) => Err(Fault::new(
                line,
                format!(
                    "a list or map in brackets, or a text, has more than {} signs of YAML: use several files",
                    events::SIGNS
                ),
            )),
            Some(Err(events::Fault::Syntax(error))) => {
                // All of its sentences are about syntax; one of them repeats a character.
                let info = error.info();
                let what = info.split_once(": `").map_or(info, |(what, _)| what);
                Err(Fault::new(
                    line(error.marker()),
                    format!("not valid YAML: {what}"),
                ))
            }
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))),
        }
    }

    fn document(&mut self) -> Result<Option<Rc<Node>>, Fault> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(Fault::new(
                        line(&span.start),
                        "a second YAML document (\"---\") begins here: write one document in a file",
                    ));
                }
                Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd
                | Event::Nothing => {}
                event => root = Some(self.node(event, span, 0)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Rc<Node>, Fault> {
        let line = line(&span.start);
        if depth > MAX_DEPTH {
            return Err(too_deep(line));
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many(line));
        }
        let (anchor, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(anchor, tag)
            | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if tagged {
            return Err(Fault::new(
                line,
                "a YAML tag (\"!name\") is not followed: leave it away, and quote what shall be text",
            ));
        }
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..)
                if matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL") =>
            {
                Value::Null
            }
            Event::Scalar(text, ..) => Value::Scalar(SecretBytes::from(text.into_owned())),
            Event::SequenceStart(..) => Value::List(self.items(depth)?),
            Event::MappingStart(..) => Value::Map(self.pairs(depth)?),
            Event::Alias(id) => {
                // Not there while the node that has it is still being read.
                let node = self.anchors.get(&id).cloned().ok_or_else(|| {
                    Fault::new(
                        line,
                        "the alias is inside what it stands for: write the value itself",
                    )
                })?;
                return if depth + node.height > MAX_DEPTH {
                    Err(too_deep(line))
                } else {
                    Ok(node)
                };
            }
            _ => return Err(Fault::new(line, "there is nothing here")),
        };
        let height = match &value {
            Value::List(items) => items.iter().map(|item| item.height + 1).max(),
            Value::Map(pairs) => pairs.iter().map(|(_, _, value)| value.height + 1).max(),
            Value::Null | Value::Scalar(_) => None,
        };
        let node = Rc::new(Node {
            line,
            height: height.unwrap_or(0),
            value,
        });
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Rc<Node>>, Fault> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(String, usize, Rc<Node>)>, Fault> {
        let mut pairs = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            let line = line(&span.start);
            let name = match event {
                Event::MappingEnd => return Ok(pairs),
                Event::Scalar(text, ScalarStyle::Plain, 0, None) if text == "<<" => {
                    return Err(Fault::new(
                        line,
                        "a YAML merge key (\"<<\") is not followed: write the keys themselves",
                    ));
                }
                Event::Scalar(text, style, 0, None) => {
                    if style == ScalarStyle::Plain
                        && matches!(text.as_ref(), "~" | "null" | "Null" | "NULL")
                    {
                        return Err(Fault::new(line, "a key is null: put it into quotes"));
                    }
                    text.into_owned()
                }
                _ => {
                    return Err(Fault::new(
                        line,
                        "a key must be plain text, without tag, anchor or alias",
                    ));
                }
            };
            if let Some(first) = seen.insert(name.clone(), line) {
                return Err(Fault::new(
                    line,
                    format!(
                        "\"{}\" is there twice, on lines {first} and {line}: keep one of them",
                        clip(&name)
                    ),
                ));
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            pairs.push((name, line, value));
        }
    }
}
