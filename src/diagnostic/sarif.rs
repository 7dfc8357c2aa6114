//! SARIF 2.1.0 (OASIS), with what code scanning on GitHub needs of it.

use serde_json::{Value, json};

use super::{Diagnostic, Rule};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn render(diagnostics: &[Diagnostic]) -> String {
    let mut rules: Vec<&'static Rule> = diagnostics.iter().map(|found| found.rule).collect();
    rules.sort_by_key(|rule| rule.id);
    rules.dedup_by_key(|rule| rule.id);
    let results: Vec<Value> = diagnostics
        .iter()
        .map(|diagnostic| result(diagnostic, &rules))
        .collect();
    let rules: Vec<Value> = rules
        .iter()
        .map(|rule| json!({ "id": rule.id, "shortDescription": { "text": rule.about } }))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "jasm",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn result(diagnostic: &Diagnostic, rules: &[&'static Rule]) -> Value {
    let mut message = diagnostic.message.clone();
    if let Some(help) = &diagnostic.help {
        message.push('\n');
        message.push_str(help);
    }
    // A result without a line is shown nowhere: what concerns the whole file is at its beginning.
    let region = match diagnostic.place {
        Some(place) => json!({
            "startLine": place.line,
            "startColumn": place.column,
            "endColumn": place.column + place.length,
        }),
        None => json!({ "startLine": 1 }),
    };
    json!({
        "ruleId": diagnostic.rule.id,
        "ruleIndex": rules.iter().position(|rule| rule.id == diagnostic.rule.id),
        "level": diagnostic.severity.as_str(),
        "message": { "text": message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(diagnostic.source.name()) },
            "region": region,
        } }],
    })
}

/// A path as a URI reference (RFC 3986): relative ones stay relative, to the root of the repository.
fn uri(path: &str) -> String {
    let relative = path.strip_prefix("./").unwrap_or(path);
    let mut uri = String::new();
    if relative.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in relative.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
