//! One object from several requests.

use std::collections::{BTreeMap, HashMap};

use super::made::{Made, Object, Slot};
use super::rules::{DISPUTED, TWO_SOURCES};
use crate::diagnostic::Diagnostic;
use crate::pull::request::{Format, ObjectKind};
use crate::yaml::clip;

pub(super) fn check(made: &[Made<'_>], found: &mut Vec<Diagnostic>) {
    for one in made {
        for ((kind, name), object) in &one.objects {
            two_sources(one, *kind, name, object, found);
        }
    }
    disputed(made, found);
}

/// Two requests of one workload for one key, as `merge::check_share` finds them at run time.
fn two_sources(
    one: &Made<'_>,
    kind: ObjectKind,
    name: &str,
    object: &Object,
    found: &mut Vec<Diagnostic>,
) {
    let title = format!("the {} \"{name}\"", kind.as_str());
    let source = &one.workload.source;
    let mut seen: HashMap<Slot, String> = HashMap::new();
    let mut shapes: BTreeMap<String, Option<Format>> = BTreeMap::new();
    for asked in &object.asked {
        let error =
            |message: String| Diagnostic::error(&TWO_SOURCES, source, Some(asked.path), message);
        let slots = asked.slots();
        let file = asked.request.file.as_ref();
        let shaped: Vec<(String, Option<Format>)> = match file {
            Some(file) => vec![(file.name.clone(), Some(file.format))],
            None => slots
                .iter()
                .map(|((_, key), _)| (key.clone(), None))
                .collect(),
        };
        for (key, shape) in shaped {
            let other = *shapes.entry(key.clone()).or_insert(shape);
            if other == shape {
                continue;
            }
            found.push(if other.is_some() && shape.is_some() {
                error(format!(
                    "the file \"{key}\" of {title} is asked for in two formats"
                ))
                .help("choose one")
            } else {
                error(format!(
                    "\"{key}\" of {title} is asked for as a file and as a key"
                ))
                .help("name one of them otherwise")
            });
        }
        for (slot, origin) in slots {
            match seen.get(&slot) {
                Some(other) if *other != origin => found.push(
                    error(format!(
                        "{} and {} both make the key \"{}\" of {title}",
                        clip(other),
                        clip(&origin),
                        clip(&slot.1)
                    ))
                    .help("name one of them otherwise"),
                ),
                _ => {
                    seen.insert(slot, origin);
                }
            }
        }
    }
}

/// One key of one object from different sources for two workloads: one of them will not get it.
fn disputed(made: &[Made<'_>], found: &mut Vec<Diagnostic>) {
    let mut first: HashMap<(ObjectKind, &str, Slot), (usize, String)> = HashMap::new();
    for (index, one) in made.iter().enumerate() {
        for ((kind, name), object) in &one.objects {
            for asked in &object.asked {
                for (slot, origin) in asked.slots() {
                    let key = (*kind, name.as_str(), slot);
                    let Some((other, its_origin)) = first.get(&key) else {
                        first.insert(key, (index, origin));
                        continue;
                    };
                    let Some(holder) = made.get(*other) else {
                        continue;
                    };
                    if *other == index || *its_origin == origin || !holder.near(one.namespace) {
                        continue;
                    }
                    let message = format!(
                        "the key \"{}\" of the {} \"{name}\" comes from {} here and from {} for {}",
                        clip(&key.2.1),
                        kind.as_str(),
                        clip(&origin),
                        clip(its_origin),
                        holder.workload.title()
                    );
                    found.push(
                        Diagnostic::warning(
                            &DISPUTED,
                            &one.workload.source,
                            Some(asked.path),
                            message,
                        )
                        .help("only one of them gets its own; give the objects or keys different names"),
                    );
                }
            }
        }
    }
}
