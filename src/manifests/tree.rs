//! One document as a tree with places: YAML as people write it.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput};

use super::documents::Document;
use super::{NOT_RENDERED, NOT_YAML, TOO_LARGE};
use crate::diagnostic::{Place, Rule};

/// Deeper than any schema of a custom resource nests.
const MAX_DEPTH: usize = 128;
/// Nodes of one document; the API server takes objects up to about 3 MiB.
const MAX_NODES: usize = 1_000_000;
/// Nodes that all aliases of a document may stand for together.
const MAX_ALIASED: usize = 200_000;

/// Why a document cannot be read.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) rule: &'static Rule,
    pub(super) place: Place,
    pub(super) message: String,
}

/// A document read.
#[derive(Debug)]
pub(super) struct Parsed<'a> {
    /// None if there is nothing in it.
    pub(super) root: Option<Node<'a>>,
    /// Keys that their mapping has already.
    pub(super) duplicates: Vec<Place>,
}

/// A node and where it begins in the whole text.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    line: u32,
    column: u32,
    value: Value<'a>,
}

#[derive(Debug, Clone)]
enum Value<'a> {
    Scalar(Cow<'a, str>, ScalarStyle),
    List(Vec<Node<'a>>),
    Map(Vec<(Node<'a>, Node<'a>)>),
    /// What an anchor or an alias names; it is where the anchor is.
    Shared(Rc<Node<'a>>),
}

impl<'a> Node<'a> {
    /// The node behind aliases.
    fn target(&self) -> &Self {
        let mut node = self;
        while let Value::Shared(shared) = &node.value {
            node = shared;
        }
        node
    }

    /// Line and column, both from 1, of what it stands for.
    pub(super) fn start(&self) -> (usize, usize) {
        let target = self.target();
        (target.line as usize, target.column as usize)
    }

    /// A scalar's text and style.
    pub(super) fn scalar(&self) -> Option<(&str, ScalarStyle)> {
        match &self.target().value {
            Value::Scalar(text, style) => Some((text, *style)),
            _ => None,
        }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Self] {
        match &self.target().value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a mapping; none of anything else.
    pub(super) fn pairs(&self) -> &[(Self, Self)] {
        match &self.target().value {
            Value::Map(pairs) => pairs,
            _ => &[],
        }
    }

    pub(super) fn is_map(&self) -> bool {
        matches!(self.target().value, Value::Map(_))
    }

    /// The value of a key; of several the last, as the readers of manifests take it.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.pairs()
            .iter()
            .rev()
            .find(|(key, _)| key.scalar().is_some_and(|(text, _)| text == name))
            .map(|(_, value)| value)
    }

    /// The value at the end of a chain of keys.
    pub(super) fn at(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |node, name| node.get(name))
    }
}

pub(super) fn parse<'a>(document: &Document<'a>) -> Result<Parsed<'a>, Problem> {
    let mut reader = Reader {
        parser: Parser::new_from_str(document.text),
        lines_before: document.lines_before,
        anchors: HashMap::new(),
        duplicates: Vec::new(),
        nodes: 0,
        aliased: 0,
    };
    reader.document().map_err(|problem| {
        // A template fails in many ways, and of all of them only this one helps.
        match document.text.find("{{") {
            Some(at) if problem.rule == &NOT_YAML => not_rendered(document, at),
            _ => problem,
        }
    })
}

fn not_rendered(document: &Document<'_>, at: usize) -> Problem {
    let before = &document.text[..at];
    let line_start = before.rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let line = document.text[line_start..]
        .lines()
        .next()
        .unwrap_or_default();
    let action = &line[at - line_start..];
    let length = action.find("}}").map_or(2, |end| end + 2);
    Problem {
        rule: &NOT_RENDERED,
        place: Place {
            line: document.lines_before + crate::diagnostic::Source::new("", before).lines(),
            column: before[line_start..].chars().count() + 1,
            length: action[..length].chars().count(),
        },
        message: "this is a template, not a manifest".to_owned(),
    }
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    lines_before: usize,
    /// What anchors name, with how many nodes each stands for.
    anchors: HashMap<usize, (Rc<Node<'a>>, usize)>,
    duplicates: Vec<Place>,
    nodes: usize,
    aliased: usize,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Parsed<'a>, Problem> {
        let mut root = None;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => break,
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd, _) => {}
                (_, span) if root.is_some() => {
                    return Err(self.problem(
                        &NOT_YAML,
                        span.start,
                        "a second document begins without \"---\"",
                    ));
                }
                (event, span) => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(Parsed {
            root,
            duplicates: std::mem::take(&mut self.duplicates),
        })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => Err(self.problem(
                &NOT_YAML,
                *error.marker(),
                format!("not valid YAML: {}", error.info()),
            )),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn place(&self, mark: Marker) -> Place {
        Place {
            line: self.lines_before + mark.line().max(1),
            column: mark.col() + 1,
            length: 1,
        }
    }

    fn problem(&self, rule: &'static Rule, mark: Marker, message: impl Into<String>) -> Problem {
        Problem {
            rule,
            place: self.place(mark),
            message: message.into(),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node<'a>, Problem> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message =
                format!("more than {MAX_NODES} nodes in one document; split it with \"---\"");
            return Err(self.problem(&TOO_LARGE, span.start, message));
        }
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(self.problem(&TOO_LARGE, span.start, message));
        }
        let before = self.nodes + self.aliased;
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (Value::Scalar(text, style), anchor),
            Event::SequenceStart(anchor, _) => (Value::List(self.items(depth)?), anchor),
            Event::MappingStart(anchor, _) => (Value::Map(self.pairs(depth)?), anchor),
            Event::Alias(anchor) => (Value::Shared(self.alias(anchor, span)?), 0),
            _ => {
                return Err(self.problem(
                    &NOT_YAML,
                    span.start,
                    "not valid YAML: a value is missing",
                ));
            }
        };
        let place = self.place(span.start);
        let node = Node {
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
            column: u32::try_from(place.column).unwrap_or(u32::MAX),
            value,
        };
        if anchor == 0 {
            return Ok(node);
        }
        let weight = self.nodes + self.aliased - before + 1;
        let (line, column) = (node.line, node.column);
        let shared = Rc::new(node);
        self.anchors.insert(anchor, (shared.clone(), weight));
        Ok(Node {
            line,
            column,
            value: Value::Shared(shared),
        })
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Rc<Node<'a>>, Problem> {
        let Some((node, weight)) = self.anchors.get(&anchor).cloned() else {
            return Err(self.problem(
                &NOT_YAML,
                span.start,
                "this alias stands inside of what it names",
            ));
        };
        // Aliases of aliases grow without bound although the file is short.
        self.aliased = self.aliased.saturating_add(weight);
        if self.aliased > MAX_ALIASED {
            let message =
                format!("the aliases up to this one stand for more than {MAX_ALIASED} nodes");
            return Err(self.problem(&TOO_LARGE, span.start, message));
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node<'a>>, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(Node<'a>, Node<'a>)>, Problem> {
        let mut pairs = Vec::new();
        let mut merged = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            // `{{ .Values.x }}` without quotes is a mapping with a mapping for a key.
            if key.is_map() {
                return Err(self.problem(
                    &NOT_YAML,
                    span.start,
                    "a mapping's key must be text, not a mapping",
                ));
            }
            let (event, next) = self.next()?;
            let value = self.node(event, next, depth + 1)?;
            match key.scalar() {
                Some(("<<", ScalarStyle::Plain)) => merged.push(value),
                Some((text, _)) => {
                    if !seen.insert(text.to_owned()) {
                        let place = self.place(span.start);
                        self.duplicates.push(Place {
                            length: text.chars().count().max(1),
                            ..place
                        });
                    }
                    pairs.push((key, value));
                }
                None => {}
            }
        }
        // A merged pair gives way to what is written, and a later merge to an earlier one
        // (yaml.org/type/merge).
        for value in &merged {
            let maps = if value.is_map() {
                std::slice::from_ref(value)
            } else {
                value.items()
            };
            for map in maps {
                for (key, value) in map.pairs() {
                    if let Some((text, _)) = key.scalar()
                        && seen.insert(text.to_owned())
                    {
                        pairs.push((key.clone(), value.clone()));
                    }
                }
            }
        }
        Ok(pairs)
    }
}
