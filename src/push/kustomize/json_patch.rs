//! JSON patches (RFC 6902) with the habits of the library that kustomize has: `replace` of a key that
//! is not there adds it, indices may count from the end. Pure.

use super::problem::Problem;
use super::resolve::{Dialect, Tag, resolve};
use super::value::{Map, Value};
use crate::yaml::clip;

/// One operation.
pub(super) struct Operation {
    kind: Kind,
    path: Vec<String>,
    from: Vec<String>,
    value: Value,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Add,
    Remove,
    Replace,
    Move,
    Copy,
    Test,
}

/// The operations of a patch.
pub(super) fn parse(items: &[Value]) -> Result<Vec<Operation>, Problem> {
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            operation(item).map_err(|problem| problem.within(&format!("operation {}", index + 1)))
        })
        .collect()
}

fn operation(item: &Value) -> Result<Operation, Problem> {
    let map = item
        .as_map()
        .ok_or_else(|| Problem::invalid("it must be a mapping"))?;
    let kind = match map.get("op").map_or("", Value::raw) {
        "add" => Kind::Add,
        "remove" => Kind::Remove,
        "replace" => Kind::Replace,
        "move" => Kind::Move,
        "copy" => Kind::Copy,
        "test" => Kind::Test,
        _ => {
            return Err(Problem::invalid(
                "\"op\" must be \"add\", \"remove\", \"replace\", \"move\", \"copy\" or \"test\"",
            ));
        }
    };
    let from = match kind {
        Kind::Move | Kind::Copy => pointer(map, "from")?,
        _ => Vec::new(),
    };
    let path = pointer(map, "path")?;
    for changed in [&path, &from] {
        if matches!(
            changed.first().map(String::as_str),
            Some("apiVersion" | "kind")
        ) && kind != Kind::Test
        {
            return Err(Problem::unsupported(
                "a patch that changes apiVersion or kind is not supported",
            ));
        }
    }
    let value = map.get("value").cloned().unwrap_or_else(Value::null);
    Ok(Operation {
        kind,
        path,
        from,
        value,
    })
}

fn pointer(map: &Map, field: &str) -> Result<Vec<String>, Problem> {
    let text = match map.get(field) {
        Some(Value::Scalar(scalar)) if scalar.tag == Tag::Text => scalar.text.as_str(),
        _ => return Err(Problem::invalid(format!("\"{field}\" must be text"))),
    };
    let Some(rest) = text.strip_prefix('/') else {
        return Err(Problem::unsupported(format!(
            "\"{field}\" must begin with \"/\" and name a field"
        )));
    };
    Ok(rest
        .split('/')
        // In this order, so that "~01" is "~1".
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect())
}

/// Applies all operations in turn.
pub(super) fn apply(root: &mut Map, operations: &[Operation]) -> Result<(), Problem> {
    for operation in operations {
        apply_one(root, operation)?;
    }
    restyle(root);
    Ok(())
}

/// What goes through JSON is written anew: of text, with quotes what would read as something else.
fn restyle(map: &mut Map) {
    for value in map.values_mut() {
        match value {
            Value::Map(inner) => restyle(inner),
            Value::Scalar(scalar) if scalar.tag == Tag::Null => *value = Value::null(),
            Value::Scalar(scalar) => {
                scalar.quoted = scalar.tag == Tag::Text
                    && (scalar.text.contains('\n')
                        || resolve(&scalar.text, Dialect::Resource) != Tag::Text);
            }
            Value::List(_) => {}
        }
    }
}

/// Applies the operations that fit, for resources of kinds that are only read over.
pub(super) fn apply_leniently(root: &mut Map, operations: &[Operation]) {
    for operation in operations {
        // What does not fit there concerns fields that are not looked at.
        let _ = apply_one(root, operation);
    }
}

fn apply_one(root: &mut Map, operation: &Operation) -> Result<(), Problem> {
    let at = |verb: &str, path: &[String]| {
        Problem::invalid(format!(
            "cannot {verb} \"/{}\": there is nothing at that path",
            clip(&path.join("/"))
        ))
    };
    let (path, from) = (&operation.path, &operation.from);
    match operation.kind {
        Kind::Add => parent(root, path)
            .and_then(|parent| parent.add(last(path), operation.value.clone()))
            .ok_or_else(|| at("add", path)),
        Kind::Remove => parent(root, path)
            .and_then(|parent| parent.remove(last(path)))
            .map(drop)
            .ok_or_else(|| at("remove", path)),
        Kind::Replace => parent(root, path)
            .and_then(|parent| parent.set(last(path), operation.value.clone()))
            .ok_or_else(|| at("replace", path)),
        Kind::Move => {
            let value = parent(root, from)
                .and_then(|parent| parent.remove(last(from)))
                .ok_or_else(|| at("move", from))?;
            parent(root, path)
                .and_then(|parent| parent.add(last(path), value))
                .ok_or_else(|| at("move to", path))
        }
        Kind::Copy => {
            let value = parent(root, from)
                .and_then(|parent| parent.get(last(from)))
                .ok_or_else(|| at("copy", from))?
                .unwrap_or_else(Value::null);
            parent(root, path)
                .and_then(|parent| parent.add(last(path), value))
                .ok_or_else(|| at("copy to", path))
        }
        Kind::Test => {
            let value = parent(root, path)
                .and_then(|parent| parent.get(last(path)))
                .ok_or_else(|| at("test", path))?
                .unwrap_or_else(Value::null);
            if equal(&value, &operation.value) {
                Ok(())
            } else {
                Err(Problem::invalid(format!(
                    "the test of \"/{}\" fails: another value is there",
                    clip(&path.join("/"))
                )))
            }
        }
    }
}

fn last(path: &[String]) -> &str {
    path.last().map_or("", String::as_str)
}

/// What an operation works on.
enum Parent<'a> {
    Map(&'a mut Map),
    List(&'a mut Vec<Value>),
}

fn parent<'a>(root: &'a mut Map, path: &[String]) -> Option<Parent<'a>> {
    let (_, parts) = path.split_last()?;
    let mut parent = Parent::Map(root);
    for part in parts {
        let value = match parent {
            Parent::Map(map) => map.get_mut(part)?,
            Parent::List(items) => {
                let index = index(part, items.len())?;
                items.get_mut(index)?
            }
        };
        parent = match value {
            Value::Map(map) => Parent::Map(map),
            Value::List(items) => Parent::List(items),
            Value::Scalar(_) => return None,
        };
    }
    Some(parent)
}

/// From the end if it is negative.
fn index(part: &str, length: usize) -> Option<usize> {
    let index: i64 = part.parse().ok()?;
    if index < 0 {
        length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)
    } else {
        usize::try_from(index).ok()
    }
}

impl Parent<'_> {
    /// Nothing in a list that is too short; a null in a mapping that has no such key.
    fn get(&self, key: &str) -> Option<Option<Value>> {
        match self {
            Self::Map(map) => Some(map.get(key).cloned()),
            Self::List(items) => items.get(index(key, items.len())?).cloned().map(Some),
        }
    }

    fn add(self, key: &str, value: Value) -> Option<()> {
        match self {
            Self::Map(map) => {
                map.insert(key.to_owned(), value);
            }
            Self::List(items) if key == "-" => items.push(value),
            Self::List(items) => {
                let index = index(key, items.len() + 1).filter(|index| *index <= items.len())?;
                items.insert(index, value);
            }
        }
        Some(())
    }

    fn set(self, key: &str, value: Value) -> Option<()> {
        match self {
            Self::Map(map) => {
                map.insert(key.to_owned(), value);
            }
            Self::List(items) => {
                let index = index(key, items.len())?;
                *items.get_mut(index)? = value;
            }
        }
        Some(())
    }

    fn remove(self, key: &str) -> Option<Value> {
        match self {
            Self::Map(map) => map.remove(key),
            Self::List(items) => {
                let index = index(key, items.len()).filter(|index| *index < items.len())?;
                Some(items.remove(index))
            }
        }
    }
}

/// Nulls are equal however they are written.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Scalar(a), Value::Scalar(b)) => {
            a.tag == b.tag && (a.tag == Tag::Null || a.text == b.text)
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => false,
    }
}
