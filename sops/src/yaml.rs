//! Loads YAML with the values that go-yaml v3 finds in it, which the MAC is over.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saphyr_parser::{Event, ScalarStyle, Span, Tag};
use zeroize::Zeroizing;

use crate::count::Values;
use crate::error::{Error, shown};
use crate::events::{Events, Fault, SIGNS};
use crate::limits;
use crate::node::{Item, Leaf, Node};

mod braces;
mod scalar;

pub(crate) use scalar::needs_quotes;

/// The documents of a file. Each is a mapping; an empty one is a mapping without members.
pub(crate) fn load(bytes: &[u8]) -> Result<Vec<Node>, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count()
            + 1;
        Error::malformed(line, "the file is not UTF-8")
    })?;
    let mut loader = Loader {
        stack: Vec::new(),
        anchors: HashMap::new(),
        documents: Vec::new(),
        budget: limits::ALIASES,
        values: Values::default(),
    };
    let text = braces::indented(text);
    let mut events = Events::new(&text);
    while let Some(event) = events.next_event() {
        let (event, span) = event.map_err(|fault| match fault {
            Fault::Syntax(error) => Error::malformed(
                error.marker().line(),
                format!("the file is no YAML: {}", error.info()),
            ),
            Fault::Signs(line) => Error::malformed(
                line,
                format!(
                    "a list or map in brackets, or a text, has more than {SIGNS} signs of YAML: split it"
                ),
            ),
        })?;
        loader.event(event, span)?;
    }
    Ok(loader.documents)
}

/// A map or list that is being read.
struct Open {
    node: Partial,
    anchor: usize,
}

enum Partial {
    Map {
        items: Vec<Item>,
        keys: HashSet<String>,
        /// The key whose value is next.
        key: Option<String>,
    },
    List(Vec<Node>),
}

/// What an alias stands for.
struct Anchored {
    node: Node,
    cost: usize,
    depth: usize,
}

struct Loader {
    stack: Vec<Open>,
    anchors: HashMap<usize, Anchored>,
    documents: Vec<Node>,
    /// Bytes that anchors and aliases may still take.
    budget: usize,
    values: Values,
}

impl Loader {
    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Error> {
        let line = span.start.line();
        match event {
            Event::DocumentStart(_) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                short(tag.as_deref(), line)?;
                let leaf = resolve(&text, style, tag.as_deref(), line)?;
                self.add(Node::Leaf(leaf), anchor, line)
            }
            Event::Alias(anchor) => {
                let Some(anchored) = self.anchors.get(&anchor) else {
                    return Err(Error::malformed(
                        line,
                        "the alias leads to what it is part of",
                    ));
                };
                if self.stack.len() + anchored.depth > limits::DEPTH {
                    return Err(too_deep(line));
                }
                self.budget = self.budget.checked_sub(anchored.cost).ok_or_else(|| {
                    Error::malformed(line, "the aliases of the file make it too large")
                })?;
                let node = anchored.node.clone();
                self.add(node, 0, line)
            }
            Event::MappingStart(anchor, tag) => {
                short(tag.as_deref(), line)?;
                let map = Partial::Map {
                    items: Vec::new(),
                    keys: HashSet::new(),
                    key: None,
                };
                self.open(map, anchor, line)
            }
            Event::SequenceStart(anchor, tag) => {
                short(tag.as_deref(), line)?;
                self.open(Partial::List(Vec::new()), anchor, line)
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(open) = self.stack.pop() else {
                    return Ok(());
                };
                let node = match open.node {
                    Partial::Map { items, .. } => Node::Map(items),
                    Partial::List(nodes) => Node::List(nodes),
                };
                self.add(node, open.anchor, line)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, node: Partial, anchor: usize, line: usize) -> Result<(), Error> {
        if self.stack.len() >= limits::DEPTH {
            return Err(too_deep(line));
        }
        if let Some(Open {
            node: Partial::Map { key: None, .. },
            ..
        }) = self.stack.last()
        {
            return Err(Error::malformed(
                line,
                "a key is a map or a list, and SOPS takes text only",
            ));
        }
        self.stack.push(Open { node, anchor });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize, line: usize) -> Result<(), Error> {
        if anchor > 0 {
            let cost = cost(&node);
            let taken = cost + size_of::<Anchored>();
            self.budget = self.budget.checked_sub(taken).ok_or_else(|| {
                Error::malformed(line, "the anchors of the file make it too large")
            })?;
            let depth = depth(&node);
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    cost,
                    depth,
                },
            );
        }
        match self.stack.last_mut().map(|open| &mut open.node) {
            None => {
                let document = match node {
                    Node::Map(items) => Node::Map(items),
                    Node::Leaf(Leaf::Null) => Node::Map(Vec::new()),
                    Node::List(_) | Node::Leaf(_) => {
                        return Err(Error::malformed(
                            line,
                            "the document is no mapping, and SOPS takes nothing else",
                        ));
                    }
                };
                self.values.add(line)?;
                self.documents.push(document);
            }
            Some(Partial::List(nodes)) => {
                self.values.add(line)?;
                nodes.push(node);
            }
            Some(Partial::Map { items, keys, key }) => match key.take() {
                Some(key) => {
                    self.values.add(line)?;
                    items.push(Item::Entry(key, node));
                }
                None => {
                    let name = match node {
                        Node::Leaf(Leaf::Text(text)) => String::from_utf8(text.to_vec()).ok(),
                        _ => None,
                    };
                    let Some(name) = name else {
                        return Err(Error::malformed(
                            line,
                            "a key is no text, and SOPS takes nothing else: quote it",
                        ));
                    };
                    if !keys.insert(name.clone()) {
                        return Err(Error::malformed(
                            line,
                            format!("the key {} is there twice", shown(&name)),
                        ));
                    }
                    *key = Some(name);
                }
            },
        }
        Ok(())
    }
}

/// How deep maps and lists nest below a node.
fn depth(node: &Node) -> usize {
    match node {
        Node::Leaf(_) => 0,
        Node::List(nodes) => 1 + nodes.iter().map(depth).max().unwrap_or(0),
        Node::Map(items) => {
            1 + items
                .iter()
                .map(|item| match item {
                    Item::Entry(_, node) => depth(node),
                    Item::Comment(_) => 0,
                })
                .max()
                .unwrap_or(0)
        }
    }
}

fn short(tag: Option<&Tag>, line: usize) -> Result<(), Error> {
    if tag.is_some_and(|tag| tag.handle.len() + tag.suffix.len() > limits::TAG) {
        return Err(Error::malformed(
            line,
            format!("a tag is longer than {} bytes", limits::TAG),
        ));
    }
    Ok(())
}

fn too_deep(line: usize) -> Error {
    Error::malformed(
        line,
        format!("maps and lists nest deeper than {}", limits::DEPTH),
    )
}

/// What an allocation takes besides its bytes.
const ALLOCATION: usize = 16;

/// The bytes of memory that a copy of a node takes.
fn cost(node: &Node) -> usize {
    size_of::<Node>()
        + ALLOCATION
        + match node {
            Node::Leaf(Leaf::Text(text)) => text.len(),
            Node::Leaf(Leaf::Time(text)) => text.len(),
            Node::Leaf(_) => 0,
            Node::List(nodes) => nodes.iter().map(cost).sum(),
            Node::Map(items) => items
                .iter()
                .map(|item| {
                    size_of::<Item>()
                        + ALLOCATION
                        + match item {
                            Item::Entry(key, node) => key.len() + cost(node),
                            Item::Comment(text) => text.len(),
                        }
                })
                .sum(),
        }
}

fn resolve(text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<Leaf, Error> {
    let owned = || Leaf::Text(Zeroizing::new(text.as_bytes().to_vec()));
    let wrong = || Error::malformed(line, "a value is not of the type that its tag says");
    let Some(tag) = tag else {
        return if style == ScalarStyle::Plain {
            scalar::resolve(text).map_err(|why| Error::malformed(line, why))
        } else {
            Ok(owned())
        };
    };
    let core = tag.is_yaml_core_schema()
        || format!("{}{}", tag.handle, tag.suffix).starts_with("tag:yaml.org,2002:");
    let name = tag.suffix.rsplit(':').next().unwrap_or_default();
    if !core {
        // `!` alone makes text of it, and so does go-yaml of tags that it does not know.
        return Ok(owned());
    }
    match name {
        "binary" => {
            let plain: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
            let bytes = STANDARD.decode(plain).map_err(|_| wrong())?;
            Ok(Leaf::Text(Zeroizing::new(bytes)))
        }
        "null" | "bool" | "int" | "float" | "timestamp" => {
            match (
                name,
                scalar::resolve(text).map_err(|why| Error::malformed(line, why))?,
            ) {
                #[expect(clippy::cast_precision_loss, reason = "as go-yaml does")]
                ("float", Leaf::Int(number)) => Ok(Leaf::Float(number as f64)),
                ("null", leaf @ Leaf::Null)
                | ("bool", leaf @ Leaf::Bool(_))
                | ("int", leaf @ Leaf::Int(_))
                | ("float", leaf @ Leaf::Float(_))
                | ("timestamp", leaf @ Leaf::Time(_)) => Ok(leaf),
                _ => Err(wrong()),
            }
        }
        _ => Ok(owned()),
    }
}
