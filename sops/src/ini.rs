//! Loads ini as the library does that SOPS uses: sections with keys, comments above them or behind values, values in
//! quotes, in three double quotes or backquotes over several lines, and lines that end in a backslash.

use zeroize::Zeroizing;

use crate::count::Values;
use crate::error::{Error, shown};
use crate::node::{Item, Leaf, Node};

/// Where keys are that stand above every section.
pub(crate) const DEFAULT: &str = "DEFAULT";

/// The sections of a file, the default one first.
pub(crate) fn load(bytes: &[u8]) -> Result<Vec<Item>, Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text =
        std::str::from_utf8(bytes).map_err(|_| Error::malformed(0, "the file is not UTF-8"))?;
    let mut lines = Lines {
        rest: text,
        number: 0,
    };
    let mut sections = vec![Section::new(DEFAULT)];
    let mut comment = String::new();
    let mut values = Values::default();
    while let Some(line) = lines.next() {
        let number = lines.number;
        let line = line.trim_start();
        if line.is_empty() {
            continue;
        }
        values.add(number)?;
        if line.starts_with(['#', ';']) {
            comment.push_str(line);
        } else if let Some(rest) = line.strip_prefix('[') {
            let Some((name, behind)) = rest.rsplit_once(']') else {
                return Err(Error::malformed(number, "a section's name does not end"));
            };
            comment.push_str(from_mark(behind));
            let section = if name == DEFAULT && sections.len() == 1 {
                // The one that is there.
                0
            } else {
                sections.push(Section::new(name));
                sections.len() - 1
            };
            sections[section].comment(&std::mem::take(&mut comment));
        } else {
            let (key, behind) = key(line).ok_or_else(|| {
                Error::malformed(number, "a line is neither a section nor key = value")
            })?;
            let key = key.to_owned();
            let value = value(behind, &mut lines, &mut comment)?;
            let section = sections.last_mut().ok_or(Error::NoMetadata)?;
            section.entry(key, value, number)?;
            section.comment(&std::mem::take(&mut comment));
        }
    }
    Ok(sections
        .into_iter()
        .map(|section| Item::Entry(section.name, Node::Map(section.items)))
        .collect())
}

struct Section {
    name: String,
    items: Vec<Item>,
    keys: std::collections::HashSet<String>,
}

impl Section {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            items: Vec::new(),
            keys: std::collections::HashSet::new(),
        }
    }

    fn entry(&mut self, key: String, value: Zeroizing<String>, line: usize) -> Result<(), Error> {
        if !self.keys.insert(key.clone()) {
            return Err(Error::malformed(
                line,
                format!(
                    "the key {} is twice in the section {}",
                    shown(&key),
                    shown(&self.name)
                ),
            ));
        }
        let bytes = Zeroizing::new(value.as_bytes().to_vec());
        self.items
            .push(Item::Entry(key, Node::Leaf(Leaf::Text(bytes))));
        Ok(())
    }

    /// A comment is that of what stands above it in the list.
    fn comment(&mut self, text: &str) {
        let text = text.trim();
        let text = if text.starts_with(';') {
            text.trim_start_matches([';', ' '])
        } else {
            text.trim_start_matches(['#', ' '])
        };
        if !text.is_empty() {
            self.items
                .push(Item::Comment(Zeroizing::new(text.as_bytes().to_vec())));
        }
    }
}

struct Lines<'a> {
    rest: &'a str,
    number: usize,
}

impl<'a> Lines<'a> {
    /// With its newline.
    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self
            .rest
            .find('\n')
            .map_or(self.rest.len(), |place| place + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.number += 1;
        Some(line)
    }
}

fn from_mark(text: &str) -> &str {
    text.find(['#', ';']).map_or("", |place| &text[place..])
}

/// A key, which may be in quotes, and what stands behind its delimiter.
fn key(line: &str) -> Option<(&str, &str)> {
    let quote = if line.starts_with("\"\"\"") && line.len() > 6 {
        "\"\"\""
    } else if line.starts_with('"') {
        "\""
    } else if line.starts_with('`') {
        "`"
    } else {
        let place = line.find(['=', ':']).filter(|&place| place > 0)?;
        return Some((line[..place].trim(), &line[place + 1..]));
    };
    let inner = &line[quote.len()..];
    let end = inner.find(quote)?;
    let behind = inner.get(end + quote.len()..)?;
    let place = behind.find(['=', ':'])?;
    Some((inner[..end].trim(), &behind[place + 1..]))
}

fn value(
    behind: &str,
    lines: &mut Lines<'_>,
    comment: &mut String,
) -> Result<Zeroizing<String>, Error> {
    let line = behind.trim_start();
    let owned = |text: &str| Zeroizing::new(text.to_owned());
    if line.is_empty() {
        return Ok(owned(""));
    }
    let quote = if line.starts_with("\"\"\"") && line.len() > 3 {
        "\"\"\""
    } else if line.starts_with('`') {
        "`"
    } else {
        return plain(line, lines, comment);
    };
    let inner = &line[quote.len()..];
    if let Some(end) = inner.rfind(quote) {
        return Ok(owned(&inner[..end]));
    }
    let start = lines.number;
    let mut value = owned(inner);
    loop {
        let next = lines
            .next()
            .ok_or_else(|| Error::malformed(start, "a value's quotes do not end"))?;
        if let Some(end) = next.rfind(quote) {
            let rest = next[end + quote.len()..].trim();
            if rest.ends_with('\\') {
                value.push_str(next);
                continue;
            }
            value.push_str(&next[..end]);
            comment.push_str(from_mark(&next[end..]).trim());
            return Ok(value);
        }
        value.push_str(next);
    }
}

fn plain(
    line: &str,
    lines: &mut Lines<'_>,
    comment: &mut String,
) -> Result<Zeroizing<String>, Error> {
    let mut line = line.trim();
    if let Some(first) = line.strip_suffix('\\') {
        let mut value = Zeroizing::new(first.to_owned());
        while let Some(next) = lines.next().map(str::trim).filter(|next| !next.is_empty()) {
            match next.strip_suffix('\\') {
                Some(next) => value.push_str(next),
                None => {
                    value.push_str(next);
                    break;
                }
            }
        }
        return Ok(value);
    }
    if let Some(place) = line.find(['#', ';']) {
        comment.push_str(&line[place..]);
        line = line[..place].trim();
    }
    for quote in ['\'', '"'] {
        let inner = line
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner.filter(|inner| !inner.contains(quote)) {
            line = inner;
            break;
        }
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> String {
        let mut out = String::new();
        for section in load(text.as_bytes()).unwrap() {
            let Item::Entry(name, Node::Map(items)) = section else {
                panic!()
            };
            out.push_str(&format!("[{name}]"));
            for item in items {
                match item {
                    Item::Entry(key, Node::Leaf(Leaf::Text(value))) => {
                        out.push_str(&format!("{key}={:?} ", String::from_utf8_lossy(&value)));
                    }
                    Item::Comment(text) => {
                        out.push_str(&format!("#{} ", String::from_utf8_lossy(&text)))
                    }
                    Item::Entry(..) => panic!(),
                }
            }
        }
        out
    }

    #[test]
    fn values_are_written_in_many_ways() {
        for (text, expected) in [
            ("a = 1\n[b]\nc: 2\n", "[DEFAULT]a=\"1\" [b]c=\"2\" "),
            ("[a]\nb = `x;y`\n", "[DEFAULT][a]b=\"x;y\" "),
            (
                "[a]\nb = \"\"\"x\ny\"\"\"\nc=3\n",
                "[DEFAULT][a]b=\"x\\ny\" c=\"3\" ",
            ),
            ("[a]\nb = \" x \"\n", "[DEFAULT][a]b=\" x \" "),
            ("[a]\nb = x ; why\n", "[DEFAULT][a]b=\"x\" #why "),
            (
                "; top\n[a]\n# one\nb = x\n",
                "[DEFAULT][a]#top b=\"x\" #one ",
            ),
            (
                "[a]\nb = x \\\n  y\nc=1\n",
                "[DEFAULT][a]b=\"x y\" c=\"1\" ",
            ),
            ("[a]\n`b=c` = x\nd =\n", "[DEFAULT][a]b=c=\"x\" d=\"\" "),
        ] {
            assert_eq!(shape(text), expected, "{text}");
        }
        for text in [
            "[a",
            "nothing",
            "= x",
            "[a]\nb = \"\"\"x\n",
            "[a]\nb=1\nb=2\n",
            "\"a = 1",
        ] {
            assert!(load(text.as_bytes()).is_err(), "{text}");
        }
    }
}
