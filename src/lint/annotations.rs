//! The annotations of one workload, parsed as the controller parses them.

use std::collections::{BTreeMap, HashMap};

use super::Surroundings;
use super::made::{Asked, Made, Object};
use super::rules::{INVALID_ANNOTATION, LARGE_ANNOTATION, UNKNOWN_ANNOTATION, UNKNOWN_FIELD};
use crate::diagnostic::{Diagnostic, Place, Rule};
use crate::manifests::{Annotation, Locator, NOT_RENDERED, RENDER_FIRST, Workload};
use crate::pull::annotation::{self, NAME_LABELS, PREFIX, Problem, Spot};
use crate::pull::request::ObjectKind;

/// The most that all annotations of an object may take together
/// (`apimachinery/pkg/api/validation`, `TotalAnnotationSizeLimitB`).
const MAX_BYTES: usize = 256 << 10;

pub(super) fn read<'a>(
    workload: &'a Workload,
    around: &Surroundings<'a>,
    found: &mut Vec<Diagnostic>,
) -> Made<'a> {
    let ours = |annotation: &&Annotation| annotation.name.as_str().starts_with(PREFIX);
    let before = found.len();
    let mut texts: HashMap<&str, &Annotation> = HashMap::new();
    for annotation in workload.annotations.iter().filter(ours) {
        if annotation.value.as_str().len() > MAX_BYTES {
            let message = format!(
                "the annotation has {} bytes; all of an object's may have {MAX_BYTES} together",
                annotation.value.as_str().len()
            );
            found.push(annotation.name.error(&LARGE_ANNOTATION, message));
            continue;
        }
        texts.insert(annotation.name.as_str(), annotation);
    }
    let annotations: BTreeMap<String, String> = texts
        .iter()
        .map(|(name, annotation)| ((*name).to_owned(), annotation.value.as_str().to_owned()))
        .collect();
    let labels = workload
        .labels
        .iter()
        .filter(|(name, _)| NAME_LABELS.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()))
        .collect();
    let parsed = annotation::parse(&annotations, &labels);
    let mut locators: HashMap<&str, Locator> = HashMap::new();
    for problem in &parsed.problems {
        if let Some((name, annotation)) = texts.get_key_value(problem.annotation.as_str()) {
            let locator = locators
                .entry(name)
                .or_insert_with(|| annotation.value.locator());
            found.push(told(problem, annotation, locator));
        }
    }
    let mut objects: BTreeMap<(ObjectKind, String), Object> = BTreeMap::new();
    for wanted in parsed.wanted {
        let name = format!("{PREFIX}{}", wanted.request.annotation());
        let Some((name, annotation)) = texts.get_key_value(name.as_str()) else {
            continue;
        };
        let locator = locators
            .entry(name)
            .or_insert_with(|| annotation.value.locator());
        let place = |within: Option<Place>, whole: Place| {
            within.map_or(whole, |within| locator.locate(within))
        };
        let written = wanted.request.written;
        let asked = Asked {
            object: place(written.object, annotation.name.place()),
            store: place(written.store, annotation.value.place()),
            path: place(written.path, annotation.value.place()),
            request: wanted.request,
        };
        objects
            .entry((wanted.kind, wanted.name))
            .or_default()
            .asked
            .push(asked);
    }
    Made {
        workload,
        namespace: workload
            .namespace
            .as_ref()
            .map(|namespace| namespace.as_str())
            .or(around.namespace),
        objects,
        sound: found.len() == before,
    }
}

fn told(problem: &Problem, annotation: &Annotation, locator: &Locator) -> Diagnostic {
    let place = match problem.spot {
        Spot::Name => annotation.name.place(),
        Spot::Value => annotation.value.place(),
        Spot::Within(within) => locator.locate(within),
    };
    let source = annotation.value.source();
    if annotation.value.as_str().contains("{{") {
        return Diagnostic::error(
            &NOT_RENDERED,
            source,
            Some(place),
            "this is a template, not a manifest",
        )
        .help(RENDER_FIRST);
    }
    let sentence = problem.sentence();
    let (message, help) = mend(sentence);
    let diagnostic = Diagnostic::error(rule(sentence), source, Some(place), message);
    match help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn rule(sentence: &str) -> &'static Rule {
    if sentence.starts_with("unknown annotation") {
        &UNKNOWN_ANNOTATION
    } else if sentence.starts_with("unknown field") {
        &UNKNOWN_FIELD
    } else {
        &INVALID_ANNOTATION
    }
}

/// A sentence that ends in what to do instead, taken apart.
fn mend(sentence: &str) -> (&str, Option<&str>) {
    ["; did you mean ", "; known are ", "; remove "]
        .iter()
        .find_map(|joint| sentence.find(joint))
        .map_or((sentence, None), |at| {
            (&sentence[..at], Some(&sentence[at + 2..]))
        })
}
