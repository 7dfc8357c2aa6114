//! Where in the file what was read stands.

use crate::diagnostic::Place;
use crate::yaml::{self, Node};

/// Where each store of a good file begins, and each of its rules, in the order of the file.
#[must_use]
pub fn places(text: &str) -> Vec<(Place, Vec<Place>)> {
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
            let rules = items(store, "allow").iter().map(Node::place);
            (store.place(), rules.collect())
        })
        .collect()
}
