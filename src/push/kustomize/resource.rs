//! A resource on its way through a build. Pure.
//!
//! As in kustomize, what a build has to remember of a resource is in annotations of it, so that a
//! patch on annotations has the same effect.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::problem::Problem;
use super::resolve::Tag;
use super::value::{Map, Value};

/// The annotations that a build keeps for itself.
pub(super) const INTERNAL: &str = "internal.config.kubernetes.io/";
const NAMES: &str = "internal.config.kubernetes.io/previousNames";
const NAMESPACES: &str = "internal.config.kubernetes.io/previousNamespaces";
const KINDS: &str = "internal.config.kubernetes.io/previousKinds";
const HASH: &str = "internal.config.kubernetes.io/needsHashSuffix";
const GENERATED: &str = "internal.config.kubernetes.io/generatorBehavior";
const PREFIXES: &str = "internal.config.kubernetes.io/prefixes";
const SUFFIXES: &str = "internal.config.kubernetes.io/suffixes";
/// Of these, a merge keeps what the older resource has.
const KEPT: [&str; 7] = [
    NAMES, NAMESPACES, KINDS, HASH, GENERATED, PREFIXES, SUFFIXES,
];
const LOCAL: &str = "config.kubernetes.io/local-config";

/// By what a resource is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) name: String,
    /// `default` if none is said.
    pub(super) namespace: String,
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let clip = crate::yaml::clip;
        write!(
            f,
            "{} {} in namespace {}",
            clip(&self.kind),
            clip(&self.name),
            clip(&self.namespace)
        )
    }
}

/// A resource, and the file that it came from.
#[derive(Clone)]
pub(super) struct Resource {
    pub(super) root: Map,
    pub(super) file: Rc<str>,
}

impl Resource {
    /// What a file says, if it says a kind and a name.
    pub(super) fn read(value: Value, file: &Rc<str>) -> Result<Self, Problem> {
        let Value::Map(root) = value else {
            return Err(Problem::invalid(format!(
                "a resource must be a mapping, not {}",
                value.word()
            )));
        };
        let resource = Self {
            root,
            file: Rc::clone(file),
        };
        if resource.kind().is_empty() {
            return Err(Problem::invalid("a resource has no kind"));
        }
        if resource.name().is_empty() && !resource.kind().ends_with("List") {
            return Err(Problem::invalid(format!(
                "a {} has no metadata.name",
                crate::yaml::clip(resource.kind())
            )));
        }
        if resource
            .metadata("annotations")
            .keys()
            .any(|key| key.starts_with(INTERNAL))
        {
            return Err(Problem::unsupported(format!(
                "{} has an annotation that begins with {INTERNAL}, which kustomize keeps for itself",
                resource.id()
            )));
        }
        Ok(resource)
    }

    /// A new one.
    pub(super) fn new(kind: &str, name: &str, namespace: &str, file: &Rc<str>) -> Self {
        let mut resource = Self {
            root: Map::from([
                ("apiVersion".to_owned(), Value::text("v1")),
                ("kind".to_owned(), Value::text(kind)),
            ]),
            file: Rc::clone(file),
        };
        resource.set_name(name);
        resource.set_namespace(namespace);
        resource
    }

    /// A new one that a generator made.
    pub(super) fn mark_generated(&mut self, hash: bool) {
        if hash {
            self.set_metadata("annotations", HASH, "enabled");
        }
        self.set_metadata("annotations", GENERATED, "generated");
    }

    /// Whether a hash of its data is to be added to its name.
    pub(super) fn is_hashed(&self) -> bool {
        self.metadata("annotations")
            .get(HASH)
            .is_some_and(|value| value == "enabled")
    }

    /// Whether it is for local use and left out of what is built.
    pub(super) fn is_local(&self) -> bool {
        self.metadata("annotations")
            .get(LOCAL)
            .is_some_and(|value| value != "false")
    }

    pub(super) fn kind(&self) -> &str {
        self.root.get("kind").map_or("", Value::raw)
    }

    pub(super) fn api_version(&self) -> &str {
        self.root.get("apiVersion").map_or("", Value::raw)
    }

    pub(super) fn name(&self) -> &str {
        self.meta_text("name")
    }

    /// The namespace that is said; empty if none is.
    pub(super) fn namespace(&self) -> &str {
        self.meta_text("namespace")
    }

    fn meta_text(&self, field: &str) -> &str {
        self.root
            .get("metadata")
            .and_then(Value::as_map)
            .and_then(|metadata| metadata.get(field))
            .map_or("", Value::raw)
    }

    /// Whether it is a Secret or a ConfigMap.
    pub(super) fn is_ours(&self) -> bool {
        self.api_version() == "v1" && matches!(self.kind(), "Secret" | "ConfigMap")
    }

    pub(super) fn id(&self) -> Id {
        self.id_as(self.kind(), self.name(), self.namespace())
    }

    fn id_as(&self, kind: &str, name: &str, namespace: &str) -> Id {
        let (group, version) = self
            .api_version()
            .split_once('/')
            .unwrap_or(("", self.api_version()));
        let namespace = if namespace.is_empty() {
            "default"
        } else {
            namespace
        };
        Id {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    /// The ids that it had, the oldest first.
    fn previous_ids(&self) -> Vec<Id> {
        let annotations = self.metadata("annotations");
        let list = |key: &str| annotations.get(key).map(|text| text.split(','));
        match (list(NAMES), list(NAMESPACES), list(KINDS)) {
            (Some(names), Some(namespaces), Some(kinds)) => names
                .zip(namespaces)
                .zip(kinds)
                .map(|((name, namespace), kind)| self.id_as(kind, name, namespace))
                .collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn first_id(&self) -> Id {
        self.previous_ids()
            .into_iter()
            .next()
            .unwrap_or_else(|| self.id())
    }

    /// Whether it has or had the id.
    pub(super) fn was(&self, id: &Id) -> bool {
        self.id() == *id || self.previous_ids().contains(id)
    }

    /// Whether it has or had the id in any namespace.
    pub(super) fn was_somewhere(&self, id: &Id) -> bool {
        let mut ids = self.previous_ids();
        ids.push(self.id());
        ids.into_iter().any(|mut own| {
            own.namespace.clone_from(&id.namespace);
            own == *id
        })
    }

    /// Remembers the id that it has now.
    pub(super) fn remember(&mut self) {
        let id = self.id();
        for (key, value) in [
            (NAMES, &id.name),
            (NAMESPACES, &id.namespace),
            (KINDS, &id.kind),
        ] {
            self.append(key, value);
        }
    }

    /// Remembers that a name was made longer.
    pub(super) fn remember_affix(&mut self, prefix: &str, suffix: &str) {
        for (key, value) in [(PREFIXES, prefix), (SUFFIXES, suffix)] {
            if !value.is_empty() {
                self.append(key, value);
            }
        }
    }

    fn append(&mut self, key: &str, value: &str) {
        let joined = match self.metadata("annotations").get(key) {
            Some(before) => format!("{before},{value}"),
            None => value.to_owned(),
        };
        self.set_metadata("annotations", key, &joined);
    }

    /// `metadata.labels` or `metadata.annotations`, scalars by their text.
    pub(super) fn metadata(&self, field: &str) -> BTreeMap<String, String> {
        let map = self
            .root
            .get("metadata")
            .and_then(Value::as_map)
            .and_then(|metadata| metadata.get(field))
            .and_then(Value::as_map);
        map.into_iter()
            .flatten()
            .map(|(key, value)| (key.clone(), value.raw().to_owned()))
            .collect()
    }

    /// Sets one label or annotation.
    pub(super) fn set_metadata(&mut self, field: &str, key: &str, value: &str) {
        edit(&mut self.root, "metadata", |metadata| {
            edit(metadata, field, |map| {
                map.insert(key.to_owned(), Value::text(value));
            });
        });
    }

    fn replace_metadata(&mut self, field: &str, pairs: BTreeMap<String, String>) {
        edit(&mut self.root, "metadata", |metadata| {
            metadata.remove(field);
            if !pairs.is_empty() {
                let map = pairs
                    .into_iter()
                    .map(|(key, value)| (key, Value::text(value)));
                metadata.insert(field.to_owned(), Value::Map(map.collect()));
            }
        });
    }

    pub(super) fn set_kind(&mut self, kind: &str) {
        self.root.insert("kind".to_owned(), Value::text(kind));
    }

    pub(super) fn set_name(&mut self, name: &str) {
        edit(&mut self.root, "metadata", |metadata| {
            metadata.insert("name".to_owned(), Value::text(name));
        });
    }

    /// None is said if it is empty.
    pub(super) fn set_namespace(&mut self, namespace: &str) {
        edit(&mut self.root, "metadata", |metadata| {
            metadata.remove("namespace");
            if !namespace.is_empty() {
                metadata.insert("namespace".to_owned(), Value::text(namespace));
            }
        });
    }

    /// What the build keeps in annotations, to be put back behind a patch that may drop it.
    pub(super) fn internal(&self) -> BTreeMap<String, String> {
        let mut annotations = self.metadata("annotations");
        annotations.retain(|key, _| key.starts_with(INTERNAL));
        annotations
    }

    /// Takes name, namespace, labels and annotations of an older resource over, whose place this one takes.
    pub(super) fn succeed(&mut self, old: &Self) {
        let mut labels = old.metadata("labels");
        labels.extend(self.metadata("labels"));
        self.replace_metadata("labels", labels);
        let (before, own) = (old.metadata("annotations"), self.metadata("annotations"));
        let mut annotations = before.clone();
        annotations.extend(own.clone());
        for key in KEPT {
            match before.get(key) {
                Some(value) if key != HASH || own.contains_key(HASH) => {
                    annotations.insert(key.to_owned(), value.clone());
                }
                _ => {
                    annotations.remove(key);
                }
            }
        }
        self.replace_metadata("annotations", annotations);
        self.set_name(old.name());
        self.set_namespace(old.namespace());
    }

    /// Takes over what an older resource has in `data` and `binaryData`, where this one has nothing.
    pub(super) fn merge_data(&mut self, old: &Self) -> Result<(), Problem> {
        for field in ["data", "binaryData"] {
            let mut merged = data_of(old, field);
            merged.extend(data_of(self, field));
            self.root.remove(field);
            if merged.is_empty() {
                continue;
            }
            for (key, value) in &merged {
                check_pair(key, value.raw())?;
            }
            self.root.insert(field.to_owned(), Value::Map(merged));
        }
        Ok(())
    }
}

/// Scalars become text by a merge: a number that was no text before is text after it.
fn data_of(resource: &Resource, field: &str) -> Map {
    let map = resource.root.get(field).and_then(Value::as_map);
    map.into_iter()
        .flatten()
        .map(|(key, value)| (key.clone(), Value::generated(value.raw())))
        .collect()
}

/// What a generator writes goes through the YAML of kustomize, which cannot carry all of it.
pub(super) fn check_pair(key: &str, value: &str) -> Result<(), Problem> {
    check_key(key)?;
    let printable = |c: char| matches!(c, '\t' | '\n' | ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..);
    let block = value.contains('\n') && !value.ends_with(' ') && value.chars().all(printable);
    if block && value.starts_with('\t') {
        return Err(Problem::invalid(format!(
            "{}: it begins with a tab and has several lines, which kustomize cannot build; put it into a Secret",
            crate::yaml::clip(key)
        )));
    }
    Ok(())
}

/// Keys that a generator writes go without quotes through the YAML of kustomize.
pub(super) fn check_key(key: &str) -> Result<(), Problem> {
    match super::resolve::resolve(key, super::resolve::Dialect::Resource) {
        Tag::Text => Ok(()),
        tag => Err(Problem::invalid(format!(
            "the key \"{}\" reads as {}, which kustomize cannot build; choose another name",
            crate::yaml::clip(key),
            tag.word()
        ))),
    }
}

/// Changes the mapping in a field, which is made if it is not there.
fn edit(map: &mut Map, field: &str, change: impl FnOnce(&mut Map)) {
    let mut inner = match map.remove(field) {
        Some(Value::Map(inner)) => inner,
        _ => Map::new(),
    };
    change(&mut inner);
    map.insert(field.to_owned(), Value::Map(inner));
}
