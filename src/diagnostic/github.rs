//! Workflow commands: GitHub shows them on the lines of a pull request.
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use std::fmt::Write as _;

use super::{Diagnostic, Severity, visible};

pub(super) fn render(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let command = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "notice",
        };
        let _ = write!(
            text,
            "::{command} file={}",
            property(diagnostic.source.name())
        );
        if let Some(place) = diagnostic.place {
            let _ = write!(
                text,
                ",line={},col={},endColumn={}",
                place.line,
                place.column,
                place.column + place.length
            );
        }
        let mut message = diagnostic.message.clone();
        if let Some(help) = &diagnostic.help {
            let _ = write!(message, "\n{help}");
        }
        let _ = writeln!(
            text,
            ",title={}::{}",
            property(diagnostic.rule.id),
            data(&message)
        );
    }
    text
}

/// The runner undoes exactly these (`actions/toolkit`, `command.ts`).
fn data(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => escaped.push_str("%25"),
            '\r' => escaped.push_str("%0D"),
            '\n' => escaped.push_str("%0A"),
            c => escaped.push(visible(c)),
        }
    }
    escaped
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
