//! Whether all is well, and what to do next.

use super::{Live, Report, State};
use crate::cli::explain::advice::{self, Seen, Situation};
use crate::pull::pod::Pod;

/// Whether all is well, and a sentence.
pub(super) fn of(report: &Report, pod: &Pod) -> (bool, String) {
    let names: Vec<_> = report
        .objects
        .iter()
        .map(|object| format!("{} {}", object.asked.kind, object.asked.name))
        .collect();
    let seen = |object: &Live| match object.state {
        State::Hidden => Seen::Hidden,
        State::Missing => Seen::Missing,
        State::There { ours: false, .. } => Seen::Foreign,
        State::There { ours: true, .. } => Seen::Ours,
    };
    let named = || report.objects.iter().zip(&names);
    let refused = named().find_map(|(object, name)| {
        let mut sources = object.asked.sources.iter();
        let refused = sources.find(|source| source.allowed == Some(false))?;
        Some((name.as_str(), refused.why.as_deref().unwrap_or_default()))
    });
    let missing_key = named().find_map(|(object, name)| {
        let State::There {
            keys, ours: true, ..
        } = &object.state
        else {
            return None;
        };
        let taken = object.asked.taken.iter();
        let key = taken.into_iter().find(|key| !keys.contains(key))?;
        Some((name.as_str(), key.as_str()))
    });
    let last = report.events.iter().rfind(|said| said.ours);
    let waits = report.waits.iter().find(|why| {
        // What every pod says for a moment.
        !why.ends_with("ContainerCreating") && !why.ends_with("PodInitializing")
    });
    advice::next(&Situation {
        annotated: !pod.annotations.is_empty(),
        settled: pod.settled,
        problems: &report.problems,
        refused,
        objects: named()
            .map(|(object, name)| (name.as_str(), seen(object)))
            .collect(),
        missing_key,
        event: last
            .filter(|said| said.warning)
            .map(|said| (said.reason.as_str(), said.note.as_str())),
        waits: waits.map(String::as_str),
        waiting: pod.waiting,
    })
}
