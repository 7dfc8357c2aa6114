//! The Secrets and ConfigMaps that `kustomize build` would give, for what most kustomizations use. Pure.
//!
//! Resources, bases, components, generators, patches, prefixes, namespaces and labels are built as
//! kustomize v5.8 builds them; resources of other kinds are read over. What is not built here is
//! refused by name, so that a result is the whole result: docs/push-kustomize.md has the list.
//!
//! The files have to be decrypted before; [`reads`] says which.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use jasm_providers::SecretBytes;

use super::tree::Tree;
use crate::yaml::clip;

mod budget;
mod build;
mod fields;
mod file;
mod folder;
mod generator;
mod json_patch;
mod labels;
mod patches;
mod problem;
mod resolve;
mod resource;
mod resources;
mod selector;
mod settle;
mod strategic;
mod value;
mod yaml;

pub use problem::{Error, Reason};

/// All values of a build together, in bytes.
const MAX_OUTPUT: usize = 32 << 20;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        })
    }
}

/// A Secret or ConfigMap that a kustomization gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Which of the two.
    pub kind: Kind,
    /// The namespace, if one is said.
    pub namespace: Option<String>,
    /// The name without the hash of its data, which would tell about values in a message.
    pub name: String,
    /// Whether kustomize adds such a hash.
    pub hashed: bool,
    /// The file that it comes from: a resource's, or the kustomization whose generator made it.
    pub file: String,
    /// The values by their keys, as a pod would get them.
    pub data: BTreeMap<String, SecretBytes>,
}

/// Builds the kustomization in a folder (`""` or `.` is the root) of a tree.
///
/// The objects are sorted by kind, namespace and name.
///
/// # Errors
/// What kustomize refuses, what is not supported here, what no API server would take, and what is too
/// large; with the file, never with a value.
pub fn build(tree: &Tree, folder: &str) -> Result<Vec<Object>, Error> {
    build_within(tree, folder, &budget::Budget::new())
}

/// The files that a build of the folder reads, as far as it comes: what is encrypted still may stop it, or
/// hide that it names more.
#[must_use]
pub fn reads(tree: &Tree, folder: &str) -> BTreeSet<String> {
    let budget = budget::Budget::new();
    // What is wrong is said when it is built.
    let _ = build_within(tree, folder, &budget);
    budget.into_read()
}

fn build_within(tree: &Tree, folder: &str, budget: &budget::Budget) -> Result<Vec<Object>, Error> {
    let first =
        folder::Folder::first(tree, budget, folder).map_err(|problem| problem.at(folder))?;
    let resources = build::Build::new(budget).run(first)?;
    let mut objects = Vec::new();
    let mut size = 0;
    let mut seen = HashSet::new();
    for resource in resources.0.iter().filter(|resource| !resource.is_local()) {
        let object = settle::settle(resource).map_err(|problem| problem.at(&resource.file))?;
        let Some(object) = object else { continue };
        size += object.data.values().map(SecretBytes::len).sum::<usize>();
        if size > MAX_OUTPUT {
            return Err(problem::Problem::too_large(format!(
                "the values of the kustomization are more than {} MiB",
                MAX_OUTPUT >> 20
            ))
            .at(folder));
        }
        let namespace = object.namespace.clone().unwrap_or_default();
        if !seen.insert((object.kind, namespace, object.name.clone())) {
            return Err(problem::Problem::invalid(format!(
                "there are two {}s {}",
                object.kind,
                clip(&object.name)
            ))
            .at(&object.file));
        }
        objects.push(object);
    }
    objects.sort_by(|a, b| (a.kind, &a.namespace, &a.name).cmp(&(b.kind, &b.namespace, &b.name)));
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(files: &[(&str, String)]) -> Result<Vec<Object>, Error> {
        let mut tree = Tree::default();
        for (path, content) in files {
            tree.insert(path, SecretBytes::from(content.clone()))
                .unwrap();
        }
        build(&tree, ".")
    }

    fn too_large(files: &[(&str, String)]) -> String {
        let error = built(files).unwrap_err();
        assert_eq!(error.reason, Reason::TooLarge, "{error}");
        error.to_string()
    }

    #[test]
    fn an_object_has_its_values_once_decoded() {
        let objects = built(&[
            (
                "kustomization.yaml",
                "resources: [a.yaml]\nnamespace: shop\nsecretGenerator: [{name: b, literals: [A=b]}]".to_owned(),
            ),
            (
                "a.yaml",
                "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: YUdrPQ==, B: YQ==}\nstringData: {B: b}"
                    .to_owned(),
            ),
        ])
        .unwrap();
        let data = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), SecretBytes::from((*value).to_owned())));
            pairs.collect::<BTreeMap<_, _>>()
        };
        let expected = Object {
            kind: Kind::Secret,
            namespace: Some("shop".to_owned()),
            name: "a".to_owned(),
            hashed: false,
            file: "a.yaml".to_owned(),
            data: data(&[("A", "aGk="), ("B", "b")]),
        };
        assert_eq!(objects[0], expected);
        assert_eq!((objects[1].name.as_str(), objects[1].hashed), ("b", true));
        assert_eq!(objects[1].file, "kustomization.yaml");
        assert_eq!(objects.len(), 2);
    }

    #[test]
    fn aliases_of_aliases_end_at_a_limit() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = level - 1;
            let items = vec![format!("*a{before}"); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let kustomization = "resources: [a.yaml]".to_owned();
        let message = too_large(&[
            ("kustomization.yaml", kustomization),
            ("a.yaml", bomb.clone()),
        ]);
        assert!(
            message.starts_with("a.yaml: the kustomization has more than"),
            "{message}"
        );
        too_large(&[("kustomization.yaml", bomb)]);
        let long = format!(
            "a: &a {}\nb: [{}]",
            "x".repeat(1 << 20),
            vec!["*a"; 100].join(", ")
        );
        too_large(&[
            ("kustomization.yaml", "resources: [a.yaml]".to_owned()),
            ("a.yaml", long),
        ]);
    }

    #[test]
    fn depth_ends_at_a_limit() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        too_large(&[("kustomization.yaml", format!("resources: {deep}"))]);
        let mut files = vec![(
            "kustomization.yaml".to_owned(),
            "resources: [n0]".to_owned(),
        )];
        for level in 0..40 {
            files.push((
                format!("n{level}/kustomization.yaml"),
                format!("resources: [../n{}]", level + 1),
            ));
        }
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.clone()))
            .collect();
        assert!(too_large(&files).contains("nested deeper than 32 levels"));
    }

    #[test]
    fn folders_that_are_built_again_and_again_end_at_a_limit() {
        let mut files = vec![(
            "kustomization.yaml".to_owned(),
            "resources: [a0, b0]".to_owned(),
        )];
        for level in 0..25 {
            for side in ["a", "b"] {
                let next = level + 1;
                files.push((
                    format!("{side}{level}/kustomization.yaml"),
                    format!("resources: [../a{next}, ../b{next}]"),
                ));
            }
        }
        for side in ["a", "b"] {
            files.push((
                format!("{side}25/kustomization.yaml"),
                "resources: []".to_owned(),
            ));
        }
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.clone()))
            .collect();
        assert!(too_large(&files).contains("more than 1000 folders"));
    }
}
