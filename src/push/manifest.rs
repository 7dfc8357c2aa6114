//! `SecretManagerConfig`s in files, read as strictly as an API server reads them: for commands without one. Pure.
//!
//! The schema is the CRD's own ([`schema`]); what the CRD says in CEL is said again in [`rules`].

use std::collections::BTreeSet;
use std::sync::Arc;

use kube::CustomResourceExt as _;

use super::crd::{SecretManagerConfig, SecretManagerConfigSpec};
use crate::diagnostic::{Diagnostic, Place, Rule, Source};
use crate::manifests;
use crate::yaml::{self, Fields, Node, Problem, clip};

mod rules;
mod schema;

pub use rules::is_label;

/// An object that an API server would refuse.
pub const INVALID: Rule = Rule {
    id: "push/invalid",
    about: "A SecretManagerConfig is not as its schema and its rules say.",
};
/// A file without the object.
pub const NONE: Rule = Rule {
    id: "push/none",
    about: "There is no SecretManagerConfig in an input.",
};

/// The object's API version.
pub const API_VERSION: &str = "secret-manager.microscaler.io/v1alpha1";
/// The object's kind.
pub const KIND: &str = "SecretManagerConfig";

/// Fields of `metadata` (`meta/v1.ObjectMeta`).
const METADATA: [&str; 15] = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// One object of a file.
#[derive(Debug)]
pub struct Object {
    /// Its name.
    pub name: String,
    /// Its namespace, if the file says one.
    pub namespace: Option<String>,
    /// What it says.
    pub spec: SecretManagerConfigSpec,
    /// The file.
    pub source: Arc<Source>,
    /// Where it begins there.
    pub place: Place,
}

/// Reads all objects of all files; documents of other kinds are passed over.
///
/// # Errors
/// Everything that is wrong with them, or that there is none in any file.
pub fn read(sources: &[Arc<Source>]) -> Result<Vec<Object>, Vec<Diagnostic>> {
    let (mut objects, mut problems) = (Vec::new(), Vec::new());
    for source in sources {
        let mut reader = Reader {
            source,
            objects: Vec::new(),
            problems: Vec::new(),
        };
        for (text, lines_before) in manifests::documents(source.text()) {
            // Another kind may be written as it likes.
            if text.contains(KIND) || text.contains(API_VERSION) {
                reader.document(text, lines_before);
            }
        }
        objects.extend(reader.objects);
        problems.extend(reader.problems);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    if objects.is_empty() {
        let message = format!("there is no {KIND} of {API_VERSION} in this input");
        let none = sources.iter().take(1);
        return Err(none
            .map(|source| Diagnostic::error(&NONE, source, None, message.clone()))
            .collect());
    }
    Ok(objects)
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    objects: Vec<Object>,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn document(&mut self, text: &str, lines_before: usize) {
        match yaml::parse(text) {
            Ok(node) => self.object(&node, lines_before, true),
            Err(problem) => self.refuse(lines_before, problem),
        }
    }

    fn refuse(&mut self, lines_before: usize, mut problem: Problem) {
        problem.line += lines_before;
        let place = Some(problem.place());
        let diagnostic = Diagnostic::error(&INVALID, self.source, place, problem.message);
        self.problems.push(diagnostic);
    }

    fn object(&mut self, node: &Node, lines_before: usize, lists: bool) {
        let field = |name: &str| rules::at(node, &[name]).map_or("", Node::raw);
        let (version, kind) = (field("apiVersion"), field("kind"));
        let is_list = kind == "List" || kind == "SecretManagerConfigList";
        if lists && is_list {
            if let Some(items) = rules::at(node, &["items"]).and_then(|it| it.list("items").ok()) {
                let items = items.iter();
                items.for_each(|item| self.object(item, lines_before, false));
            }
            return;
        }
        if version != API_VERSION && kind != KIND {
            return;
        }
        let mut problems = Vec::new();
        for (name, found, right) in [("apiVersion", version, API_VERSION), ("kind", kind, KIND)] {
            if found != right {
                let there = rules::at(node, &[name]).unwrap_or(node);
                problems.push(there.problem(format!(
                    "the {name} of a {KIND} is {right}, not \"{}\"",
                    clip(found)
                )));
            }
        }
        if problems.is_empty() {
            match parts(node, &mut problems) {
                Some((name, namespace, spec)) => {
                    problems.extend(rules::broken(node, &name, &spec));
                    let mut place = node.place();
                    place.line += lines_before;
                    self.objects.push(Object {
                        name,
                        namespace,
                        spec,
                        source: self.source.clone(),
                        place,
                    });
                }
                None if problems.is_empty() => {
                    problems.push(node.problem(format!("this is no {KIND}")));
                }
                None => {}
            }
        }
        for problem in problems {
            self.refuse(lines_before, problem);
        }
    }
}

/// Name, namespace and spec of an object, if the schema takes all of it.
fn parts(
    node: &Node,
    problems: &mut Vec<Problem>,
) -> Option<(String, Option<String>, SecretManagerConfigSpec)> {
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let fields = keep(Fields::of(node, KIND, &known), problems)?;
    let metadata = fields.required("metadata");
    let metadata = metadata.and_then(|node| Fields::of(node, "metadata", &METADATA));
    let metadata = keep(metadata, problems);
    let name = metadata.as_ref().and_then(|metadata| {
        let name = metadata.required("name");
        keep(name.and_then(|node| node.text("metadata.name")), problems)
    });
    let namespace = metadata.as_ref().and_then(|metadata| {
        // An API server takes nothing between quotes for a field that is left out.
        let is_empty = |node: &Node| matches!(&node.value, yaml::Value::Scalar { text, .. } if text.is_empty());
        let node = { metadata.get("namespace") }.filter(|node| !node.is_null() && !is_empty(node))?;
        let namespace = keep(node.text("metadata.namespace"), problems)?;
        if !is_label(namespace) {
            problems.push(node.problem(
                "metadata.namespace must be up to 63 lower-case letters, digits and \"-\"",
            ));
        }
        Some(namespace.to_owned())
    });
    let spec = keep(fields.required("spec"), problems)?;
    let definition = SecretManagerConfig::crd();
    let schema = definition.spec.versions.into_iter().next();
    let schema = { schema.and_then(|version| version.schema) }
        .and_then(|schema| schema.open_api_v3_schema)
        .and_then(|schema| schema.properties)
        .and_then(|mut properties| properties.remove("spec"))?;
    let value = schema::value(spec, &schema, "spec", problems);
    if !problems.is_empty() {
        return None;
    }
    let read = serde_json::from_value(value).map_err(|error| {
        // The schema is made of the types: what it takes, they take.
        spec.problem(format!("spec cannot be read: {error}"))
    });
    Some((name?.to_owned(), namespace, keep(read, problems)?))
}

/// What was read; what was not is told.
fn keep<T>(read: Result<T, Problem>, problems: &mut Vec<Problem>) -> Option<T> {
    read.map_err(|problem| problems.push(problem)).ok()
}

/// Each object with the namespace that it is in: its own, else the given one.
///
/// # Errors
/// An object is in none, in another one than the given, or there twice.
pub fn placed(
    objects: Vec<Object>,
    given: Option<&str>,
) -> Result<Vec<(String, Object)>, Vec<Diagnostic>> {
    let mut placed: Vec<(String, Object)> = Vec::new();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for object in objects {
        let namespace = match (object.namespace.as_deref(), given) {
            (Some(own), Some(given)) if own != given => Err(format!(
                "{KIND} {} is in the namespace {own}, and -n says {given}: leave one of them out",
                object.name
            )),
            (Some(namespace), _) | (None, Some(namespace)) => Ok(namespace.to_owned()),
            (None, None) => Err(format!(
                "{KIND} {} is in no namespace, which is part of the mark on every entry: write metadata.namespace, or give \
                 -n",
                object.name
            )),
        };
        let namespace = namespace.and_then(|namespace| {
            if seen.insert((namespace.clone(), object.name.clone())) {
                return Ok(namespace);
            }
            Err(format!(
                "{KIND} {namespace}/{} is there twice: remove one, or give it another name",
                object.name
            ))
        });
        match namespace {
            Ok(namespace) => placed.push((namespace, object)),
            Err(message) => problems.push(Diagnostic::error(
                &INVALID,
                &object.source,
                Some(object.place),
                message,
            )),
        }
    }
    if problems.is_empty() {
        Ok(placed)
    } else {
        Err(problems)
    }
}

#[cfg(test)]
mod tests;
