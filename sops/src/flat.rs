//! Metadata in formats without nesting: `age__list_0__map_enc` is the `enc` of the first of the list `age`.

use std::collections::BTreeMap;

use crate::error::{Error, shown};
use crate::limits;
use crate::metadata::Table;
use crate::node::{Item, Leaf, Node};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// Takes the lines `sops_…` out of a dotenv file.
pub(crate) fn split_prefixed(items: Vec<Item>) -> Result<(Vec<Node>, Table), Error> {
    let mut rest = Vec::with_capacity(items.len());
    let mut flat = Vec::new();
    for item in items {
        match item {
            Item::Entry(key, value) if key.starts_with("sops_") => {
                flat.push((key["sops_".len()..].to_owned(), value));
            }
            item => rest.push(item),
        }
    }
    if flat.is_empty() {
        return Err(Error::NoMetadata);
    }
    Ok((vec![Node::Map(rest)], nested(flat)?))
}

/// Takes the section `sops` out of an ini file, whose newlines are escaped there.
pub(crate) fn split_section(sections: Vec<Item>) -> Result<(Vec<Node>, Table), Error> {
    let mut rest = Vec::with_capacity(sections.len());
    let mut flat = None;
    for section in sections {
        match section {
            Item::Entry(name, Node::Map(items)) if name == "sops" => {
                if flat.is_some() {
                    return Err(Error::Metadata("there are two sections `sops`".to_owned()));
                }
                flat = Some(items);
            }
            section => rest.push(section),
        }
    }
    let flat = flat
        .ok_or(Error::NoMetadata)?
        .into_iter()
        .filter_map(|item| match item {
            Item::Entry(key, Node::Leaf(Leaf::Text(text))) => {
                let text = String::from_utf8_lossy(&text).replace("\\n", "\n");
                Some((key, Node::text(&text)))
            }
            _ => None,
        })
        .collect();
    Ok((vec![Node::Map(rest)], nested(flat)?))
}

#[derive(Default)]
struct Tree {
    leaf: Option<Node>,
    members: BTreeMap<String, Self>,
    elements: BTreeMap<usize, Self>,
}

fn nested(flat: Vec<(String, Node)>) -> Result<Table, Error> {
    if flat.len() > limits::MEMBERS {
        return Err(Error::Metadata(format!(
            "it has more than {} members",
            limits::MEMBERS
        )));
    }
    let mut root = Tree::default();
    for (key, value) in flat {
        let broken = || {
            Error::Metadata(format!(
                "the key {} does not fit to the others",
                shown(&key)
            ))
        };
        if key.len() > limits::NAME {
            return Err(broken());
        }
        let steps = steps(&key);
        if steps.len() > limits::STEPS {
            return Err(broken());
        }
        let mut tree = &mut root;
        for step in steps {
            tree = match step {
                Step::Member(name) => tree.members.entry(name.to_owned()).or_default(),
                Step::Element(index) => tree
                    .elements
                    .entry(index.parse().map_err(|_| broken())?)
                    .or_default(),
            };
        }
        if tree.leaf.replace(value).is_some() {
            return Err(broken());
        }
    }
    match node(root)? {
        Node::Map(items) => Ok(items),
        _ => Err(Error::Metadata("it is no mapping".to_owned())),
    }
}

fn node(tree: Tree) -> Result<Node, Error> {
    match (tree.leaf, tree.members.is_empty(), tree.elements.is_empty()) {
        (Some(leaf), true, true) => Ok(leaf),
        (None, _, true) => Ok(Node::Map(
            tree.members
                .into_iter()
                .map(|(name, tree)| Ok(Item::Entry(name, node(tree)?)))
                .collect::<Result<_, Error>>()?,
        )),
        (None, true, false) if tree.elements.keys().copied().eq(0..tree.elements.len()) => {
            Ok(Node::List(
                tree.elements
                    .into_values()
                    .map(node)
                    .collect::<Result<_, Error>>()?,
            ))
        }
        _ => Err(Error::Metadata(
            "its flattened keys do not fit together: a list has a gap, or a value has members"
                .to_owned(),
        )),
    }
}

enum Step<'a> {
    Member(&'a str),
    Element(&'a str),
}

fn steps(key: &str) -> Vec<Step<'_>> {
    let mut steps = Vec::new();
    let mut rest = key;
    let mut list = false;
    loop {
        let next = [(MAP, false), (LIST, true)]
            .into_iter()
            .filter_map(|(mark, list)| rest.find(mark).map(|place| (place, mark, list)))
            .min();
        let name = next.map_or(rest, |(place, ..)| &rest[..place]);
        steps.push(if list {
            Step::Element(name)
        } else {
            Step::Member(name)
        });
        let Some((place, mark, is_list)) = next else {
            return steps;
        };
        rest = &rest[place + mark.len()..];
        list = is_list;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&str]) -> Result<Table, Error> {
        nested(
            keys.iter()
                .map(|key| ((*key).to_owned(), Node::text(key)))
                .collect(),
        )
    }

    #[test]
    fn keys_nest_or_are_refused() {
        let items = table(&[
            "mac",
            "age__list_0__map_enc",
            "age__list_1__map_enc",
            "kms__list_0__map_context__map_a",
        ])
        .unwrap();
        assert_eq!(items.len(), 3);
        for keys in [
            &["age__list_1__map_enc"][..],
            &["age__list_x"],
            &["a", "a__map_b"],
            &["a__map_b", "a__list_0"],
            &["a", "a"],
            &["__list_0"],
        ] {
            let refused = match table(keys) {
                Err(_) => true,
                // The first part is a member of no name.
                Ok(items) => keys == ["__list_0"] && items.len() == 1,
            };
            assert!(refused, "{keys:?}");
        }
    }
}
