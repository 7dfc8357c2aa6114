//! What an operator says of the push half, and how it is read.

use std::path::PathBuf;

use super::fields;
use super::read::patterns;
use crate::policy::{self, Rule, WriteRule};
use crate::push::source::reference::{Allowed, Pair};
use crate::yaml::{Fields, Node, Problem};

pub(super) const PUSH_FIELDS: [&str; 3] = fields::names(&fields::PUSH);
pub(super) const SOURCE_RULE_FIELDS: [&str; 2] = fields::names(&fields::SOURCE_RULE);
pub(super) const DIRECTORY_FIELDS: [&str; 3] = fields::names(&fields::DIRECTORY);
pub(super) const WRITE_RULE_FIELDS: [&str; 3] = fields::names(&fields::WRITE_RULE);

/// What holds for every `SecretManagerConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Push {
    /// What the cluster is called in the mark on every entry; the uid of its namespace `kube-system` if
    /// it is left out.
    pub cluster: Option<String>,
    /// Which namespaces may use the sources of which others.
    pub cross_namespace_sources: Vec<SourceRule>,
    /// Directories that objects may use as their source.
    pub directories: Vec<Directory>,
}

/// Objects of some namespaces may use the sources of others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRule {
    /// The objects' namespaces; patterns.
    pub namespaces: Vec<String>,
    /// The sources' namespaces; patterns.
    pub sources: Vec<String>,
}

/// A directory that objects may use as their source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The name that objects use.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The namespaces whose objects may use it; patterns.
    pub namespaces: Vec<String>,
}

impl Push {
    /// The pairs of namespaces whose objects may use the other's sources.
    #[must_use]
    pub fn allowed(&self) -> Allowed {
        let pairs = self.cross_namespace_sources.iter().flat_map(|rule| {
            let of = |from: &String| {
                let pair = |to: &String| Pair {
                    from: from.clone(),
                    to: to.clone(),
                };
                rule.sources.iter().map(pair).collect::<Vec<_>>()
            };
            rule.namespaces.iter().flat_map(of).collect::<Vec<_>>()
        });
        Allowed(pairs.collect())
    }

    /// The directory of a name, if objects of the namespace may use it.
    #[must_use]
    pub fn directory(&self, name: &str, namespace: &str) -> Option<&Directory> {
        self.directories.iter().find(|directory| {
            directory.name == name
                && directory
                    .namespaces
                    .iter()
                    .any(|it| policy::glob(it, namespace))
        })
    }
}

pub(super) fn push(node: &Node) -> Result<Push, Problem> {
    let fields = Fields::of(node, "push", &PUSH_FIELDS)?;
    let cluster = match fields.get("cluster") {
        None => None,
        Some(node) => Some(label(node, "cluster")?),
    };
    let rules = fields.get("crossNamespaceSources");
    let rules = rules.map_or(Ok(&[][..]), |node| node.list("crossNamespaceSources"))?;
    let directories = fields.get("directories");
    let directories = directories.map_or(Ok(&[][..]), |node| node.list("directories"))?;
    let mut found: Vec<Directory> = Vec::new();
    for node in directories {
        let directory = directory(node)?;
        if found.iter().any(|other| other.name == directory.name) {
            return Err(node.problem(format!("two directories are named \"{}\"", directory.name)));
        }
        found.push(directory);
    }
    Ok(Push {
        cluster,
        cross_namespace_sources: rules.iter().map(source_rule).collect::<Result<_, _>>()?,
        directories: found,
    })
}

fn source_rule(node: &Node) -> Result<SourceRule, Problem> {
    let fields = Fields::of(node, "a rule of crossNamespaceSources", &SOURCE_RULE_FIELDS)?;
    let list = |name| patterns(fields.required(name)?, name, |_| Ok(()));
    Ok(SourceRule {
        namespaces: list("namespaces")?,
        sources: list("sources")?,
    })
}

fn directory(node: &Node) -> Result<Directory, Problem> {
    let fields = Fields::of(node, "a directory", &DIRECTORY_FIELDS)?;
    Ok(Directory {
        name: label(fields.required("name")?, "name")?,
        path: fields.required("path")?.text("path")?.into(),
        namespaces: patterns(fields.required("namespaces")?, "namespaces", |_| Ok(()))?,
    })
}

/// A DNS label (RFC 1123), which every store takes in tags and labels.
fn label(node: &Node, what: &str) -> Result<String, Problem> {
    let text = node.text(what)?;
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.is_empty();
    if fits {
        Ok(text.to_owned())
    } else {
        Err(node.problem(format!(
            "{what} must be up to 63 lower-case letters, digits and \"-\""
        )))
    }
}

/// A rule of `allowWrite`.
pub(super) fn write_rule(node: &Node) -> Result<WriteRule, Problem> {
    let fields = Fields::of(node, "a rule of allowWrite", &WRITE_RULE_FIELDS)?;
    let rule = Rule {
        namespaces: patterns(fields.required("namespaces")?, "namespaces", |_| Ok(()))?,
        paths: patterns(
            fields.required("paths")?,
            "paths",
            policy::check_path_pattern,
        )?,
    };
    let identities = patterns(
        fields.required("identities")?,
        "identities",
        policy::check_identity_pattern,
    )?;
    Ok(WriteRule { rule, identities })
}
