//! Where in the file what was read stands.

use crate::diagnostic::Place;
use crate::yaml::{self, Node};

/// Where a store begins, and each of its rules, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The store.
    pub store: Place,
    /// The rules of `allow`.
    pub allow: Vec<Place>,
    /// The rules of `allowWrite`.
    pub allow_write: Vec<Place>,
}

/// Where the stores of a good file are, in its order.
#[must_use]
pub fn places(text: &str) -> Vec<Places> {
    fn items<'a>(node: &'a Node, field: &str) -> &'a [Node] {
        let pairs = node.map("").unwrap_or_default();
        let value = pairs.iter().find(|(key, _)| key.raw() == field);
        value
            .and_then(|(_, value)| value.list(field).ok())
            .unwrap_or_default()
    }
    let Ok(document) = yaml::parse(text) else {
        return Vec::new();
    };
    let stores = items(&document, "stores").iter();
    stores
        .map(|store| {
            let rules = |field| items(store, field).iter().map(Node::place).collect();
            Places {
                store: store.place(),
                allow: rules("allow"),
                allow_write: rules("allowWrite"),
            }
        })
        .collect()
}
