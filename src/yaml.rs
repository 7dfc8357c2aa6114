//! Strict YAML with positions, for annotations and the operator's file.
//!
//! Scalars keep the text that was written: `1.10` stays `1.10`. One document, no duplicate keys,
//! no anchors, aliases, tags or merge keys, bounded depth: what an author did not mean to say is
//! refused, not guessed.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use crate::diagnostic::{Place, visible};

pub mod quoted;

use quoted::Cursor;

/// Deeper nesting than this is no configuration that a person wrote.
const MAX_DEPTH: usize = 32;

/// What is wrong and where: lines and columns count from 1, in the text as given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Problem {
    /// Line of the offending text.
    pub line: usize,
    /// Column of the offending text.
    pub column: usize,
    /// How many characters of its line the offending text takes.
    pub length: usize,
    /// One sentence without the position.
    pub message: String,
}

impl Problem {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            line: self.line,
            column: self.column,
            length: self.length,
        }
    }
}

/// A node with the place it begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// How many characters of its line a scalar takes; 1 for what goes over several lines.
    pub length: usize,
}

/// The three shapes of YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text as written; `plain` if it had no quotes and is no block.
    Scalar {
        /// The text after YAML's own unescaping.
        text: String,
        /// Without quotes, so that `true` and `~` mean more than their letters.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order written, keys unique.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Where it begins.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            line: self.line,
            column: self.column,
            length: self.length,
        }
    }

    /// A problem at this node.
    pub fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            column: self.column,
            length: self.length,
            message: message.into(),
        }
    }

    /// True for nothing, `~` and `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What a message calls this node.
    #[must_use]
    pub fn shape(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { text, plain: true } if as_bool(text).is_some() => "a boolean",
            Value::Scalar { .. } => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The text of a scalar as written; empty, boolean, list and mapping are refused.
    ///
    /// # Errors
    /// Says what was expected and what is there.
    pub fn text(&self, what: &str) -> Result<&str, Problem> {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => Err(self.problem(format!("{what} is empty"))),
            Value::Scalar { text, plain: true } if as_bool(text).is_some() => Err(self.problem(
                format!("{what} must be text: write \"{text}\" in quotes if that is meant"),
            )),
            Value::Scalar { text, .. } if text.is_empty() => {
                Err(self.problem(format!("{what} is empty")))
            }
            Value::Scalar { text, .. } => Ok(text),
            _ => Err(self.problem(format!("{what} must be text, not {}", self.shape()))),
        }
    }

    /// A boolean written without quotes.
    ///
    /// # Errors
    /// If it is anything but `true` or `false`.
    pub fn boolean(&self, what: &str) -> Result<bool, Problem> {
        match &self.value {
            Value::Scalar { text, plain: true } => as_bool(text),
            _ => None,
        }
        .ok_or_else(|| self.problem(format!("{what} must be true or false")))
    }

    /// The items of a list.
    ///
    /// # Errors
    /// If it is no list.
    pub fn list(&self, what: &str) -> Result<&[Self], Problem> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.problem(format!("{what} must be a list, not {}", self.shape()))),
        }
    }

    /// The pairs of a mapping, keys being scalars.
    ///
    /// # Errors
    /// If it is no mapping.
    pub fn map(&self, what: &str) -> Result<&[(Self, Self)], Problem> {
        match &self.value {
            Value::Map(pairs) => Ok(pairs),
            _ => Err(self.problem(format!("{what} must be a mapping, not {}", self.shape()))),
        }
    }

    /// The scalar's text, whatever it is; empty for lists and mappings.
    #[must_use]
    pub fn raw(&self) -> &str {
        match &self.value {
            Value::Scalar { text, .. } => text,
            _ => "",
        }
    }
}

fn as_bool(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// A mapping whose field names are known; everything else in it is refused.
#[derive(Debug)]
pub struct Fields<'a> {
    node: &'a Node,
    what: String,
    pairs: &'a [(Node, Node)],
}

impl<'a> Fields<'a> {
    /// Takes a mapping and refuses a field that is not in `known`, with the nearest one that is.
    ///
    /// # Errors
    /// If it is no mapping or has an unknown field.
    pub fn of(node: &'a Node, what: &str, known: &[&str]) -> Result<Self, Problem> {
        let pairs = node.map(what)?;
        for (key, _) in pairs {
            if !known.contains(&key.raw()) {
                return Err(key.problem(unknown(&format!("field in {what}"), key.raw(), known)));
            }
        }
        Ok(Self {
            node,
            what: what.to_owned(),
            pairs,
        })
    }

    /// The field's value if it is there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.pairs
            .iter()
            .find(|(key, _)| key.raw() == name)
            .map(|(_, value)| value)
    }

    /// The text of an optional field.
    ///
    /// # Errors
    /// If it is there and no text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>, Problem> {
        self.get(name).map(|node| node.text(name)).transpose()
    }

    /// An optional boolean, false if it is not there.
    ///
    /// # Errors
    /// If it is there and no boolean.
    pub fn flag(&self, name: &str) -> Result<bool, Problem> {
        self.get(name).map_or(Ok(false), |node| node.boolean(name))
    }

    /// The value of a field that has to be there.
    ///
    /// # Errors
    /// If it is not.
    pub fn required(&self, name: &str) -> Result<&'a Node, Problem> {
        self.get(name).ok_or_else(|| {
            self.node
                .problem(format!("{} needs the field \"{name}\"", self.what))
        })
    }
}

/// The known word that a misspelt one is nearest to, if any is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // Clipped first: the distance takes memory by the length of both words.
    let word = clip(word);
    known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, &word), *known))
        .filter(|(distance, known)| *distance <= 2.max(known.len() / 3))
        .min()
        .map(|(_, near)| near)
}

/// The sentence for a word that is not among the known ones.
#[must_use]
pub fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    let word = clip(word);
    match nearest(&word, known) {
        Some(near) => format!("unknown {what}: \"{word}\"; did you mean \"{near}\"?"),
        None => format!("unknown {what}: \"{word}\"; known are {}", known.join(", ")),
    }
}

/// A foreign word in a message: at most 64 characters, none that a terminal acts on or that turns
/// the direction of what follows.
#[must_use]
pub fn clip(word: &str) -> String {
    if word.chars().count() <= 64 {
        return word.chars().map(visible).collect();
    }
    word.chars().take(63).map(visible).chain(['…']).collect()
}

/// Parses exactly one document.
///
/// # Errors
/// The first problem with its place.
pub fn parse(text: &str) -> Result<Node, Problem> {
    let mut events = Events {
        parser: Parser::new_from_str(text),
        cursor: Cursor::new(text),
    };
    let (mut event, mut span) = events.next()?;
    while matches!(event, Event::StreamStart) {
        (event, span) = events.next()?;
    }
    if matches!(event, Event::StreamEnd) {
        return Err(at(Marker::new(0, 1, 0), "there is nothing here"));
    }
    let (event, span) = if matches!(event, Event::DocumentStart(_)) {
        events.next()?
    } else {
        (event, span)
    };
    let node = events.node(event, span, 0)?;
    loop {
        match events.next()? {
            (Event::DocumentEnd, _) => {}
            (Event::StreamEnd, _) => return Ok(node),
            (_, span) => {
                return Err(at(
                    span.start,
                    "a second YAML document (\"---\") is not allowed here",
                ));
            }
        }
    }
}

fn at(mark: Marker, message: impl Into<String>) -> Problem {
    Problem {
        line: mark.line().max(1),
        column: mark.col() + 1,
        length: 1,
        message: message.into(),
    }
}

struct Events<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    cursor: Cursor<'a>,
}

impl<'a> Events<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => Err(at(
                *error.marker(),
                format!("not valid YAML: {}", error.info()),
            )),
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Problem> {
        if depth > MAX_DEPTH {
            return Err(at(
                span.start,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        let (line, column) = (span.start.line().max(1), span.start.col() + 1);
        let length = match &event {
            Event::Scalar(_, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted, ..) => {
                let rest = self.cursor.from(span.start.index());
                rest.and_then(quoted::length).unwrap_or(1)
            }
            Event::Scalar(..) if span.end.line() == span.start.line() => span.len().max(1),
            _ => 1,
        };
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                plain_node(anchor, tag.is_some(), span)?;
                Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                }
            }
            Event::SequenceStart(anchor, tag) => {
                plain_node(anchor, tag.is_some(), span)?;
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Value::List(items),
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(anchor, tag) => {
                plain_node(anchor, tag.is_some(), span)?;
                Value::Map(self.pairs(depth)?)
            }
            Event::Alias(_) => {
                return Err(at(
                    span.start,
                    "YAML aliases (\"*name\") are not allowed here",
                ));
            }
            _ => return Err(at(span.start, "there is nothing here")),
        };
        Ok(Node {
            value,
            line,
            column,
            length,
        })
    }

    fn pairs(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Problem> {
        let mut pairs: Vec<(Node, Node)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(pairs);
            }
            let key = self.node(event, span, depth + 1)?;
            match &key.value {
                Value::Scalar { text, plain: true } if text == "<<" => {
                    return Err(key.problem("YAML merge keys (\"<<\") are not allowed here"));
                }
                Value::Scalar { .. } => {}
                _ => return Err(key.problem("a mapping's key must be text")),
            }
            if !seen.insert(key.raw().to_owned()) {
                return Err(
                    key.problem(format!("the key \"{}\" is written twice", clip(key.raw())))
                );
            }
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            pairs.push((key, value));
        }
    }
}

fn plain_node(anchor: usize, tagged: bool, span: Span) -> Result<(), Problem> {
    if anchor != 0 {
        return Err(at(
            span.start,
            "YAML anchors (\"&name\") are not allowed here",
        ));
    }
    if tagged {
        return Err(at(span.start, "YAML tags (\"!name\") are not allowed here"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn scalars_keep_the_text_that_was_written() {
        let node = parse(
            "a: 1.10\nb: 0x1F\nc: 12345678901234567890\nd: yes\ne: '~'\nf: |\n  two\n  lines\n",
        )
        .unwrap();
        let texts: Vec<_> = node
            .map("it")
            .unwrap()
            .iter()
            .map(|(_, v)| v.raw().to_owned())
            .collect();
        assert_eq!(
            texts,
            [
                "1.10",
                "0x1F",
                "12345678901234567890",
                "yes",
                "~",
                "two\nlines\n"
            ]
        );
    }

    #[test]
    fn positions_count_from_one() {
        let node = parse("a: x\nb:\n  - y\n").unwrap();
        let (key, value) = &node.map("it").unwrap()[1];
        assert_eq!((key.line, key.column), (2, 1));
        assert_eq!(
            (
                value.list("b").unwrap()[0].line,
                value.list("b").unwrap()[0].column
            ),
            (3, 5)
        );
    }

    #[test]
    fn a_scalar_ends_before_the_comment_behind_it() {
        let text = "ä: \"x y\"   # a \"comment\"\r\n'b': 'it''s' # c\r\nc: plain # d\n\"d\": \"e\" \nf: ['g' , h]\n";
        let node = parse(text).unwrap();
        let lengths: Vec<_> = node
            .map("it")
            .unwrap()
            .iter()
            .map(|(key, value)| (key.length, value.length))
            .collect();
        assert_eq!(lengths, [(1, 5), (3, 7), (1, 5), (3, 3), (1, 1)]);
        let list = node.map("it").unwrap()[4].1.list("f").unwrap();
        assert_eq!((list[0].length, list[1].length), (3, 1));
    }

    #[test]
    fn what_an_author_did_not_mean_is_refused() {
        assert_eq!(
            message("a: 1\na: 2"),
            "line 2: the key \"a\" is written twice"
        );
        assert_eq!(
            message("a: 1\n---\nb: 2"),
            "line 2: a second YAML document (\"---\") is not allowed here"
        );
        assert_eq!(
            message("a: &x 1\nb: *x"),
            "line 1: YAML anchors (\"&name\") are not allowed here"
        );
        assert_eq!(
            message("a: !!str 1"),
            "line 1: YAML tags (\"!name\") are not allowed here"
        );
        assert_eq!(
            message("<<: {a: 1}"),
            "line 1: YAML merge keys (\"<<\") are not allowed here"
        );
        assert_eq!(message(""), "line 1: there is nothing here");
        assert_eq!(message("# only a comment"), "line 1: there is nothing here");
        assert!(message("a: [1").starts_with("line "));
        assert!(message("a: b: c").contains("not valid YAML"));
        assert!(message(&"[".repeat(200)).contains("nested deeper than 32"));
    }

    #[test]
    fn wrong_types_say_what_is_there() {
        let node = parse("a: true\nb:\nc: [x]\nd: 'true'\ne: ''").unwrap();
        let fields = Fields::of(&node, "it", &["a", "b", "c", "d", "e"]).unwrap();
        let text = |name| fields.text(name).map_err(|p| p.message);
        assert_eq!(
            text("a").unwrap_err(),
            "a must be text: write \"true\" in quotes if that is meant"
        );
        assert_eq!(text("b").unwrap_err(), "b is empty");
        assert_eq!(text("c").unwrap_err(), "c must be text, not a list");
        assert_eq!(text("d"), Ok(Some("true")));
        assert_eq!(text("e").unwrap_err(), "e is empty");
        assert!(fields.flag("a").unwrap());
        assert!(fields.flag("d").is_err());
    }

    #[test]
    fn an_unknown_field_names_the_nearest_known_one() {
        let node = parse("provder: aws").unwrap();
        let problem = Fields::of(&node, "secret-sync", &["provider", "path"]).unwrap_err();
        assert_eq!(
            problem.message,
            "unknown field in secret-sync: \"provder\"; did you mean \"provider\"?"
        );
        let node = parse("zzzzzzzzz: aws").unwrap();
        let problem = Fields::of(&node, "secret-sync", &["provider", "path"]).unwrap_err();
        assert_eq!(
            problem.message,
            "unknown field in secret-sync: \"zzzzzzzzz\"; known are provider, path"
        );
    }

    #[test]
    fn a_foreign_word_in_a_message_is_short_and_acts_on_nothing() {
        assert_eq!(
            clip("a\u{202e}b\u{1b}[31m\n"),
            "a\u{fffd}b\u{fffd}[31m\u{fffd}"
        );
        assert_eq!(clip(&"ä".repeat(100)).chars().count(), 64);
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(text in "\\PC{0,200}|[-:{}\\[\\]#&*!|>'\"% a\n\t?,0]{0,60}") {
            let _ = parse(&text);
        }
    }
}
