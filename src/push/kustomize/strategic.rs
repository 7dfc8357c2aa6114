//! Strategic-merge patches on Secrets and ConfigMaps, which have no lists that are merged by a key. Pure.
//!
//! The rules are those of kustomize's `merge2`, not of the API server: a null in a patch clears, an
//! empty null in the target goes with any patch, a written one stays.

use super::problem::Problem;
use super::resolve::Tag;
use super::value::{Map, Value};
use crate::yaml::clip;

const DIRECTIVE: &str = "$patch";

/// The whole resource after the patch, or nothing if the patch deletes it.
///
/// `strict` refuses directives that are not known; it is off for resources of kinds that are only read over.
pub(super) fn apply(target: Map, patch: Map, strict: bool) -> Result<Option<Map>, Problem> {
    if strict {
        refuse_directives(&patch)?;
        if patch
            .get(DIRECTIVE)
            .is_some_and(|word| word.raw() == "replace")
        {
            return Err(Problem::unsupported(
                "\"$patch: replace\" of a whole resource is not supported, as kustomize replaces nothing",
            ));
        }
    }
    match merge(Some(Value::Map(target)), Some(Value::Map(patch)), "")? {
        Some(Value::Map(map)) => Ok(Some(map)),
        _ => Ok(None),
    }
}

enum Directive {
    Merge,
    Replace,
    Delete,
}

/// What a mapping says is to be done with it; the word is taken out.
fn directive(map: &mut Map) -> Result<Directive, Problem> {
    let Some(value) = map.get(DIRECTIVE) else {
        return Ok(Directive::Merge);
    };
    let found = match value.raw() {
        "merge" => Directive::Merge,
        "replace" => Directive::Replace,
        "delete" => Directive::Delete,
        _ => {
            return Err(Problem::invalid(
                "\"$patch\" must be \"merge\", \"replace\" or \"delete\"",
            ));
        }
    };
    map.remove(DIRECTIVE);
    Ok(found)
}

fn merge(
    target: Option<Value>,
    patch: Option<Value>,
    path: &str,
) -> Result<Option<Value>, Problem> {
    let first = |value: &Option<Value>| value.as_ref().filter(|value| !value.is_null()).map(shape);
    match first(&target).or_else(|| first(&patch)) {
        None => Ok(nulls(target, &patch)),
        Some(Shape::Map) => merge_maps(target, patch, path),
        Some(shape_of) => {
            for value in [&target, &patch].into_iter().flatten() {
                if !value.is_null() && shape(value) != shape_of {
                    return Err(mismatch(path));
                }
            }
            Ok(styled(target, patch).filter(|value| !value.is_null()))
        }
    }
}

/// What the patch brings, with the quotes of what was there: `1` for `"a"` is `"1"`.
fn styled(target: Option<Value>, patch: Option<Value>) -> Option<Value> {
    match (target, patch) {
        (Some(Value::Scalar(old)), Some(Value::Scalar(mut new))) if new.tag != Tag::Null => {
            if old.quoted {
                new.tag = Tag::Text;
            }
            new.quoted = old.quoted;
            Some(Value::Scalar(new))
        }
        (target, patch) => patch.or(target),
    }
}

#[derive(PartialEq, Clone, Copy)]
enum Shape {
    Scalar,
    List,
    Map,
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::Scalar(_) => Shape::Scalar,
        Value::List(_) => Shape::List,
        Value::Map(_) => Shape::Map,
    }
}

/// A null that was written stays where the patch says nothing.
fn nulls(target: Option<Value>, patch: &Option<Value>) -> Option<Value> {
    match (target, patch) {
        (Some(Value::Scalar(scalar)), None)
            if scalar.tag == Tag::Null && !scalar.text.is_empty() =>
        {
            Some(Value::Scalar(scalar))
        }
        _ => None,
    }
}

fn merge_maps(
    target: Option<Value>,
    patch: Option<Value>,
    path: &str,
) -> Result<Option<Value>, Problem> {
    let target = target.filter(|value| !value.is_null());
    let (mut target, mut patch) = match (target, patch) {
        (Some(Value::Map(target)), None) => (target, Map::new()),
        (Some(Value::Map(target)), Some(Value::Map(mut patch))) => match directive(&mut patch)? {
            Directive::Delete => return Ok(None),
            Directive::Replace => return settle(patch).map(Some),
            Directive::Merge => (target, patch),
        },
        (None, Some(Value::Map(mut patch))) => {
            return match directive(&mut patch)? {
                Directive::Delete => Ok(None),
                _ => settle(patch).map(Some),
            };
        }
        (Some(_), Some(patch)) if patch.is_null() => return Ok(None),
        _ => return Err(mismatch(path)),
    };
    let mut merged = Map::new();
    let mut keys: Vec<String> = target.keys().chain(patch.keys()).cloned().collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        if let Some(value) = merge(target.remove(&key), patch.remove(&key), &path)? {
            merged.insert(key, value);
        }
    }
    Ok(Some(Value::Map(merged)))
}

/// What a patch brings where nothing was: its words are followed, its nulls bring nothing.
fn settle(map: Map) -> Result<Value, Problem> {
    let mut settled = Map::new();
    for (key, value) in map {
        let value = match value {
            Value::Map(mut inner) => match directive(&mut inner)? {
                Directive::Delete => continue,
                _ => settle(inner)?,
            },
            other if other.is_null() => continue,
            other => other,
        };
        settled.insert(key, value);
    }
    Ok(Value::Map(settled))
}

fn mismatch(path: &str) -> Problem {
    Problem::invalid(format!(
        "the patch has another shape at {} than what it patches",
        clip(path)
    ))
}

/// Directives that kustomize would write as keys.
fn refuse_directives(map: &Map) -> Result<(), Problem> {
    for (key, value) in map {
        if key.starts_with('$') && key != DIRECTIVE {
            return Err(Problem::unsupported(format!(
                "\"{}\" is not supported in a patch",
                clip(key)
            )));
        }
        if let Value::Map(inner) = value {
            refuse_directives(inner)?;
        }
    }
    Ok(())
}
