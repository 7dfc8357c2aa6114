//! The code as text, for what the pages quote of it.

use std::path::Path;

use crate::support::root;

/// All code, with strings as they are said: joined where they are broken, and not escaped.
pub(super) fn sentences() -> String {
    let mut text = String::new();
    for folder in ["src", "providers/src", "sops/src"] {
        collect(&root().join(folder), &mut text);
    }
    let mut joined = String::new();
    let mut parts = text.split("\\\n");
    joined.push_str(parts.next().unwrap_or_default());
    for part in parts {
        joined.push_str(part.trim_start());
    }
    joined
        .replace("\\\"", "\"")
        .replace("{{", "{")
        .replace("}}", "}")
}

fn collect(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
