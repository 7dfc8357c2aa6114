//! One JSON document for other programs.
//!
//! `{"diagnostics": [{"severity", "rule", "file", "line", "column", "length", "message", "help"}],
//! "errors": N, "warnings": N}`; `line`, `column` and `length` are absent where the whole file is
//! meant, `help` where there is none.

use serde_json::{Value, json};

use super::{Diagnostic, Severity, count};

pub(super) fn render(diagnostics: &[Diagnostic]) -> String {
    let list: Vec<Value> = diagnostics.iter().map(one).collect();
    let document = json!({
        "diagnostics": list,
        "errors": count(diagnostics, Severity::Error),
        "warnings": count(diagnostics, Severity::Warning),
    });
    format!("{document:#}\n")
}

fn one(diagnostic: &Diagnostic) -> Value {
    let mut object = json!({
        "severity": diagnostic.severity.as_str(),
        "rule": diagnostic.rule.id,
        "file": diagnostic.source.name(),
        "message": diagnostic.message,
    });
    if let Some(place) = diagnostic.place {
        object["line"] = place.line.into();
        object["column"] = place.column.into();
        object["length"] = place.length.into();
    }
    if let Some(help) = &diagnostic.help {
        object["help"] = help.as_str().into();
    }
    object
}
