//! Patches: which resources they concern, and what they do to them. Pure.

use std::rc::Rc;

use super::budget::Budget;
use super::file::Patch;
use super::folder::Folder;
use super::json_patch::{self, Operation};
use super::problem::Problem;
use super::resolve::{Dialect, Tag};
use super::resource::Resource;
use super::resources::{self, Resources};
use super::selector::Selector;
use super::strategic;
use super::value::{Map, Value};
use super::yaml;
use crate::yaml::clip;

/// What a patch is.
enum Content {
    Strategic(Vec<Resource>),
    Json(Vec<Operation>),
}

/// Applies one of `patches`.
pub(super) fn apply(
    resources: &mut Resources,
    patch: &Patch,
    folder: &Folder<'_>,
    file: &Rc<str>,
    budget: &Budget,
) -> Result<(), Problem> {
    let content = load(patch, folder, file, budget)?;
    match (content, &patch.target) {
        (Content::Strategic(patches), None) => {
            for one in patches {
                let index = only(resources, &one, budget)?;
                merge(resources, index, one, patch.rename)?;
            }
            Ok(())
        }
        (Content::Strategic(patches), Some(target)) => {
            let mut patches = patches.into_iter();
            let Some(one) = patches.next() else {
                return Ok(());
            };
            if patches.next().is_some() {
                return Err(Problem::invalid(
                    "a patch with a target must have one document",
                ));
            }
            // From the end, as one that is deleted moves those behind it.
            for index in select(resources, target, budget)?.into_iter().rev() {
                merge(resources, index, one.clone(), patch.rename)?;
            }
            resources.check("the patch")
        }
        (Content::Json(_), None) => Err(Problem::invalid("a JSON patch needs a target")),
        (Content::Json(operations), Some(target)) => {
            for index in select(resources, target, budget)? {
                if let Some(resource) = resources.0.get_mut(index) {
                    resource.remember();
                    change(resource, &operations)?;
                }
            }
            Ok(())
        }
    }
}

/// Applies one of `patchesStrategicMerge`: a file, or the patch itself.
pub(super) fn apply_strategic(
    resources: &mut Resources,
    text: &str,
    folder: &Folder<'_>,
    file: &Rc<str>,
    budget: &Budget,
) -> Result<(), Problem> {
    let patches = if text.contains([':', '\n']) {
        resources::read(text.as_bytes(), file, budget)?
    } else {
        let (path, content) = folder.read(text)?;
        resources::read(content, file, budget).map_err(|problem| problem.within(&clip(&path)))?
    };
    for one in patches {
        let index = only(resources, &one, budget)?;
        merge(resources, index, one, false)?;
        resources.check("the patch")?;
    }
    Ok(())
}

/// Applies one of `patchesJson6902`.
pub(super) fn apply_json(
    resources: &mut Resources,
    patch: &Patch,
    folder: &Folder<'_>,
    file: &Rc<str>,
    budget: &Budget,
) -> Result<(), Problem> {
    let Some(target) = patch.target.as_ref().filter(|target| target.names()) else {
        return Err(Problem::invalid("it needs a target with a name"));
    };
    let Content::Json(operations) = load(patch, folder, file, budget)? else {
        return Err(Problem::invalid("it must be a list of operations"));
    };
    for index in select(resources, target, budget)? {
        if let Some(resource) = resources.0.get_mut(index) {
            change(resource, &operations)?;
        }
    }
    Ok(())
}

fn load(
    patch: &Patch,
    folder: &Folder<'_>,
    file: &Rc<str>,
    budget: &Budget,
) -> Result<Content, Problem> {
    match (patch.patch.trim(), patch.path.as_str()) {
        ("", "") => Err(Problem::invalid("it needs \"patch\" or \"path\"")),
        (text, "") => content(text.as_bytes(), file, budget),
        ("", path) => {
            let (path, bytes) = folder.read(path)?;
            content(bytes, file, budget).map_err(|problem| problem.within(&clip(&path)))
        }
        _ => Err(Problem::invalid(
            "it has both \"patch\" and \"path\"; one of them is enough",
        )),
    }
}

fn content(bytes: &[u8], file: &Rc<str>, budget: &Budget) -> Result<Content, Problem> {
    if bytes.first() == Some(&b'[') {
        budget.nodes(bytes.len() / 2)?;
        let value: serde_json::Value = serde_json::from_slice(bytes)
            .map_err(|error| Problem::invalid(format!("line {}: not valid JSON", error.line())))?;
        return match from_json(value) {
            Value::List(items) => json_patch::parse(&items).map(Content::Json),
            _ => Err(Problem::invalid("it must be a list of operations")),
        };
    }
    let documents = yaml::documents(bytes, Dialect::Kustomization, budget)?;
    match documents.as_slice() {
        [Value::List(items)] => json_patch::parse(items).map(Content::Json),
        documents
            if documents
                .iter()
                .any(|document| document.as_list().is_some()) =>
        {
            Err(Problem::invalid(
                "a JSON patch must be the only document of its file",
            ))
        }
        _ => resources::read(bytes, file, budget).map(Content::Strategic),
    }
}

fn from_json(value: serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::null(),
        serde_json::Value::Bool(value) => Value::scalar(Tag::Bool, value.to_string()),
        serde_json::Value::Number(number) => {
            let tag = if number.is_f64() {
                Tag::Float
            } else {
                Tag::Int
            };
            Value::scalar(tag, number.to_string())
        }
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(map) => Value::Map(
            map.into_iter()
                .map(|(key, value)| (key, from_json(value)))
                .collect::<Map>(),
        ),
    }
}

fn select(
    resources: &Resources,
    target: &Selector,
    budget: &Budget,
) -> Result<Vec<usize>, Problem> {
    budget.looks(resources.0.len())?;
    let chosen = resources.0.iter().enumerate();
    Ok(chosen
        .filter(|(_, resource)| target.matches(resource))
        .map(|(index, _)| index)
        .collect())
}

/// The one resource that a patch without target names.
fn only(resources: &Resources, patch: &Resource, budget: &Budget) -> Result<usize, Problem> {
    let id = patch.id();
    let found = if patch.is_ours() {
        resources.find(&id, budget)?
    } else {
        // Which of the other kinds have no namespace is not known here.
        budget.looks(resources.0.len())?;
        (resources.0.iter()).position(|resource| resource.was_somewhere(&id))
    };
    found.ok_or_else(|| Problem::invalid(format!("the patch is for {id}, which does not exist")))
}

fn merge(
    resources: &mut Resources,
    index: usize,
    mut patch: Resource,
    rename: bool,
) -> Result<(), Problem> {
    let Some(target) = resources.0.get_mut(index) else {
        return Ok(());
    };
    if rename {
        target.remember();
    }
    let id = target.id();
    let (kind, name) = (target.kind().to_owned(), target.name().to_owned());
    let namespace = target.namespace().to_owned();
    let ours = target.is_ours();
    match target.root.get("apiVersion").cloned() {
        Some(version) => patch.root.insert("apiVersion".to_owned(), version),
        None => patch.root.remove("apiVersion"),
    };
    match strategic::apply(target.root.clone(), patch.root, ours) {
        Ok(Some(root)) => {
            target.root = root;
            target.set_kind(&kind);
            if !rename {
                target.set_name(&name);
            }
            target.set_namespace(&namespace);
            Ok(())
        }
        Ok(None) => {
            resources.0.remove(index);
            Ok(())
        }
        Err(problem) if ours => Err(problem.within(&id.to_string())),
        // Only what it is called matters of a resource of another kind.
        Err(_) => Ok(()),
    }
}

fn change(resource: &mut Resource, operations: &[Operation]) -> Result<(), Problem> {
    let internal = resource.internal();
    if resource.is_ours() {
        let id = resource.id();
        json_patch::apply(&mut resource.root, operations)
            .map_err(|problem| problem.within(&id.to_string()))?;
    } else {
        json_patch::apply_leniently(&mut resource.root, operations);
    }
    for (key, value) in internal {
        resource.set_metadata("annotations", &key, &value);
    }
    Ok(())
}
