//! What `jasm lint` finds in manifests beyond what can be read at all. Pure.
//!
//! [`annotations`] has the annotations parsed as the controller does; [`made`] is what they make;
//! [`consumers`] holds that against what the containers take; [`objects`] looks at objects that
//! several ask for; [`stores`] asks the operator's config. [`misplaced`] tells of annotations that no
//! pod has.

use crate::diagnostic::{Diagnostic, Severity};
use crate::manifests::Manifests;
use crate::settings::Settings;

mod annotations;
mod consumers;
mod made;
mod misplaced;
mod objects;
pub mod rules;
mod stores;

use made::Made;

pub use misplaced::misplaced;

/// What else is known, besides the manifests.
#[derive(Debug, Default)]
pub struct Surroundings<'a> {
    /// The operator's config.
    pub settings: Option<&'a Settings>,
    /// The namespace of what names none.
    pub namespace: Option<&'a str>,
}

/// Everything that is wrong or doubtful in the manifests, by file and place.
#[must_use]
pub fn check(manifests: &Manifests, around: &Surroundings<'_>) -> Vec<Diagnostic> {
    let mut found = manifests.diagnostics.clone();
    found.extend(manifests.misplaced.iter().map(misplaced));
    let made: Vec<Made<'_>> = manifests
        .workloads
        .iter()
        .map(|workload| annotations::read(workload, around, &mut found))
        .collect();
    consumers::check(manifests, &made, around, &mut found);
    objects::check(&made, &mut found);
    if let Some(settings) = around.settings {
        stores::check(&made, settings, &mut found);
    }
    sort(found)
}

/// By file and place, notes last, each once: two pods may share one text by an alias.
fn sort(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by_cached_key(|diagnostic| {
        (
            diagnostic.severity == Severity::Note,
            diagnostic.source.name().to_owned(),
            diagnostic.place,
            diagnostic.message.clone(),
        )
    });
    found.dedup();
    found
}

#[cfg(test)]
mod tests;
