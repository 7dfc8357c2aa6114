//! Google's resource names: accepted only where they say what the store says.

use super::{Kind, PathError, Scope};

/// Whether a path is meant as one; no id of these kinds has a `/`.
pub(super) fn is_resource(kind: Kind, path: &str) -> bool {
    collection(kind).is_some() && path.starts_with("projects/")
}

/// The id in `projects/PROJECT/…/NAME` of this kind, project and location.
pub(super) fn name(kind: Kind, scope: &Scope, path: &str) -> Result<String, PathError> {
    let Some(collection) = collection(kind) else {
        return Err(PathError(format!("a {kind} store has no resource names")));
    };
    let parts: Vec<&str> = path.split('/').collect();
    let (project, location, rest) = match parts[..] {
        [_, project, "locations", location, ref rest @ ..] => (project, location, rest),
        [_, project, ref rest @ ..] => (project, "global", rest),
        _ => ("", "", &parts[..0]),
    };
    let [found, id] = rest else {
        let form = format!("projects/PROJECT/{collection}/NAME");
        return Err(PathError(if rest.get(2) == Some(&"versions") {
            format!("the resource name holds a version: write {form}, and the version in version")
        } else {
            format!("the resource name is not one of {collection}: write {form}, or the name alone")
        }));
    };
    if *found != collection {
        return Err(PathError(format!(
            "the resource name is not one of {collection}, which is what this store reads"
        )));
    }
    let Some(expected) = scope.project.as_deref() else {
        return Err(PathError::new(
            "a resource name cannot be checked: the operator has to set project on the store",
        ));
    };
    if project != expected {
        return Err(PathError(format!(
            "the resource name is of another project: this store reads {expected}"
        )));
    }
    let expected = scope.location.as_deref().unwrap_or("global");
    if location != expected {
        return Err(PathError(format!(
            "the resource name is of another location: this store reads {expected}"
        )));
    }
    Ok((*id).to_owned())
}

fn collection(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::GcpSecretManager => Some("secrets"),
        Kind::GcpParameterManager => Some("parameters"),
        _ => None,
    }
}
