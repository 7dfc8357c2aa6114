//! Annotations that no pod has: JASM never sees them.

use super::rules::{MISPLACED_ANNOTATION, NOT_ON_A_POD};
use crate::diagnostic::{Diagnostic, Severity};
use crate::manifests::Misplaced;

/// Places named in one sentence.
const NAMED: usize = 3;

/// An error where Kubernetes itself makes the pods. The controller of any other kind may hand
/// annotations on: a warning where the pods' own are in sight, else a note.
#[must_use]
pub fn misplaced(found: &Misplaced) -> Diagnostic {
    let kind = found.kind.as_str();
    let place = if found.own {
        format!("on the {kind} itself")
    } else {
        format!("in a part of the {kind} that is no pod template")
    };
    let message = format!("JASM reads the annotations of pods, and this one is {place}");
    if found.instead.is_empty() {
        return Diagnostic {
            severity: Severity::Note,
            ..found.name.error(&NOT_ON_A_POD, message)
        }
        .help(format!(
            "put it on the template of the pods; here it does nothing, unless what serves the {kind} hands it on to pods"
        ));
    }
    let severity = if found.sure {
        Severity::Error
    } else {
        Severity::Warning
    };
    let named: Vec<_> = found
        .instead
        .iter()
        .take(NAMED)
        .map(String::as_str)
        .collect();
    Diagnostic {
        severity,
        ..found.name.error(&MISPLACED_ANNOTATION, message)
    }
    .help(format!("move it to {}", named.join(" or ")))
}
