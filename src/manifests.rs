//! Kubernetes manifests, read for what concerns pods, Secrets and ConfigMaps, with the place of
//! every part. Pure.
//!
//! Lenient where YAML as people write it is concerned (comments, anchors, merge keys, several
//! documents, `List`s, kinds that nobody here knows); what cannot be read becomes a [`Diagnostic`],
//! and the documents around it are read all the same.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Rule, Source};

mod documents;
mod objects;
mod pods;
mod positions;
mod templates;
mod text;
mod tree;
mod workload;

pub use positions::Locator;
pub use text::Text;
pub use workload::{Annotation, Consumer, Defined, Misplaced, Via, Workload};

/// Files above this are refused: a whole platform's rendered manifests are some MiB.
pub const MAX_BYTES: usize = 32 << 20;

/// Not valid YAML.
pub const NOT_YAML: Rule = Rule {
    id: "manifest/not-yaml",
    about: "A document is not valid YAML.",
};
/// A template as it was written, before Helm or another tool filled it in.
pub const NOT_RENDERED: Rule = Rule {
    id: "manifest/not-rendered",
    about: "A template was given that has not been rendered.",
};
/// Larger or more deeply nested than anything that an API server takes.
pub const TOO_LARGE: Rule = Rule {
    id: "manifest/too-large",
    about: "A document is larger or nested more deeply than any manifest.",
};
/// A list or a text where an object should be.
pub const NOT_AN_OBJECT: Rule = Rule {
    id: "manifest/not-an-object",
    about: "A document is no Kubernetes object.",
};
/// A key twice in one mapping.
pub const DUPLICATE_KEY: Rule = Rule {
    id: "manifest/duplicate-key",
    about: "A mapping has a key twice; only the last one counts.",
};
/// An annotation whose value is a mapping, a list, a number or a boolean.
pub const NOT_TEXT: Rule = Rule {
    id: "manifest/annotation-not-text",
    about: "An annotation's value must be text.",
};

/// What a template that was not rendered needs.
pub const RENDER_FIRST: &str = "render it first (helm template, kustomize build) and pipe the result in: helm template . | jasm lint -";

/// Everything of interest in the files read so far.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Whatever makes pods, in the order read.
    pub workloads: Vec<Workload>,
    /// Annotations of ours that no pod has.
    pub misplaced: Vec<Misplaced>,
    /// Secrets and ConfigMaps that the manifests themselves make.
    pub defined: Vec<Defined>,
    /// What could not be read.
    pub diagnostics: Vec<Diagnostic>,
    /// How many objects there were, of whatever kind.
    pub objects: usize,
}

/// True if there is nothing in a file but white space and comments.
#[must_use]
pub fn is_empty(source: &Source) -> bool {
    documents::split(source.text()).is_empty()
}

/// The documents of a stream that have something in them, each with the number of lines before it.
pub(crate) fn documents(text: &str) -> impl Iterator<Item = (&str, usize)> {
    { documents::split(text).into_iter() }.map(|document| (document.text, document.lines_before))
}

impl Manifests {
    /// Reads one file more.
    pub fn read(&mut self, source: &Arc<Source>) {
        let mut not_rendered = false;
        for document in documents::split(source.text()) {
            match tree::parse(&document) {
                Ok(parsed) => {
                    for place in parsed.duplicates {
                        self.diagnostics.push(Diagnostic::warning(
                            &DUPLICATE_KEY,
                            source,
                            Some(place),
                            "this key is written twice in one mapping; only the last one counts",
                        ));
                    }
                    if let Some(root) = parsed.root {
                        objects::read(self, source, &root);
                    }
                }
                Err(problem) => {
                    // One is enough: the next document of a template fails the same way.
                    if problem.rule == &NOT_RENDERED && std::mem::replace(&mut not_rendered, true) {
                        continue;
                    }
                    let mut diagnostic = Diagnostic::error(
                        problem.rule,
                        source,
                        Some(problem.place),
                        problem.message,
                    );
                    if problem.rule == &NOT_RENDERED {
                        diagnostic = diagnostic.help(RENDER_FIRST);
                    }
                    self.diagnostics.push(diagnostic);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
