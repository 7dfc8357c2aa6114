//! One sentence: what to do next. Pure.

use crate::pull::condition::Reason;

/// What is known of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// The caller may not look.
    Hidden,
    /// It is not there.
    Missing,
    /// It is there and not JASM's.
    Foreign,
    /// It is there and JASM's.
    Ours,
}

/// What is known of a pod.
#[derive(Debug, Default)]
pub(super) struct Situation<'a> {
    /// It has annotations of JASM.
    pub(super) annotated: bool,
    /// It is finished, terminating or a mirror: JASM does nothing for it.
    pub(super) settled: bool,
    /// Annotations that cannot be understood.
    pub(super) problems: &'a [String],
    /// A source that the config refuses, with the reason.
    pub(super) refused: Option<(&'a str, &'a str)>,
    /// Its objects by name.
    pub(super) objects: Vec<(&'a str, Seen)>,
    /// A key that a container takes and its object lacks.
    pub(super) missing_key: Option<(&'a str, &'a str)>,
    /// The last thing that JASM said, if it was a problem.
    pub(super) event: Option<(&'a str, &'a str)>,
    /// What the kubelet or the scheduler says of why it waits.
    pub(super) waits: Option<&'a str>,
    /// Some container has not started.
    pub(super) waiting: bool,
}

/// Whether all is well, and what to do next.
pub(super) fn next(pod: &Situation<'_>) -> (bool, String) {
    let wrong = |sentence: String| (false, sentence);
    if !pod.annotated {
        return (
            true,
            "Nothing to do for JASM: the pod has none of its annotations; they belong below \
             spec.template.metadata.annotations of its workload."
                .to_owned(),
        );
    }
    if pod.settled {
        let sentence = "Nothing to do: the pod has finished or is being deleted, so JASM makes nothing for it any more.";
        return (true, sentence.to_owned());
    }
    if let Some(problem) = pod.problems.first() {
        return wrong(format!(
            "Mend the annotation in the pod template of its workload and roll it out: {problem}"
        ));
    }
    if let Some((object, why)) = pod.refused {
        return wrong(format!(
            "Ask whoever runs the cluster about the config, or change the annotation of {object}: {why}"
        ));
    }
    let find = |seen: Seen| pod.objects.iter().find(|(_, found)| *found == seen);
    if let Some((reason, note)) = pod.event {
        let mend = REASONS
            .into_iter()
            .find(|known| known.as_str() == reason)
            .map_or("do what the event says", mend);
        return wrong(format!("{mend}: {note}", mend = upper(mend)));
    }
    if let Some((object, _)) = find(Seen::Foreign) {
        return wrong(format!("{}: {object}", upper(mend(Reason::NotOwned))));
    }
    if let Some((object, key)) = pod.missing_key {
        return wrong(format!(
            "Let the annotation make the key \"{key}\" of {object}, which a container takes and the object does not have, \
             or take another key."
        ));
    }
    if let Some((object, _)) = find(Seen::Missing) {
        return wrong(format!(
            "See whether JASM runs and serves this namespace (its log and /readyz): {object} is not there, and JASM said nothing about it."
        ));
    }
    match pod.waits {
        Some(why) if find(Seen::Hidden).is_none() => {
            let synced = "JASM has made what the pod asks for";
            wrong(format!(
                "Look at what holds the pod up: {synced}, and it still waits ({why}); the kubelet tries again within two minutes."
            ))
        }
        Some(why) => wrong(format!(
            "Ask somebody who may look at the objects, as the pod waits ({why})."
        )),
        None if pod.waiting => (
            true,
            "Wait: what the pod asks for is there, and its containers are about to start."
                .to_owned(),
        ),
        None => (
            true,
            "Nothing to do: what the pod asks for is there, and its containers have started."
                .to_owned(),
        ),
    }
}

/// Problems, all of them.
const REASONS: [Reason; 8] = [
    Reason::AnnotationInvalid,
    Reason::StoreUnknown,
    Reason::AccessDenied,
    Reason::FetchFailed,
    Reason::RenderFailed,
    Reason::Conflict,
    Reason::NotOwned,
    Reason::WriteFailed,
];

fn mend(reason: Reason) -> &'static str {
    match reason {
        Reason::SecretSynced | Reason::ConfigMapSynced => "nothing is to be done",
        Reason::AnnotationInvalid => {
            "mend the annotation in the pod template of its workload and roll it out"
        }
        Reason::StoreUnknown => {
            "name a store that the config has, or ask whoever runs the cluster to add it"
        }
        Reason::AccessDenied => {
            "ask whoever runs the cluster for a rule, or name an entry that you may read"
        }
        Reason::FetchFailed => {
            "see that the entry is there and that JASM's identity may read it; it is read again by itself"
        }
        Reason::RenderFailed => "mend the entry, or what the annotation takes of it",
        Reason::Conflict => "give one of the two another key or another object",
        Reason::NotOwned => {
            "choose another name, or hand the object over with the label app.kubernetes.io/managed-by=jasm"
        }
        Reason::WriteFailed => "ask whoever runs the cluster: the API server refuses the write",
    }
}

fn upper(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod<'a>() -> Situation<'a> {
        Situation {
            annotated: true,
            ..Situation::default()
        }
    }

    #[test]
    fn what_is_nearest_to_the_cause_is_said() {
        let problems = ["secret-sync: line 2: unknown field".to_owned()];
        let table = [
            (Situation::default(), true, "Nothing to do for JASM"),
            (
                Situation {
                    settled: true,
                    ..pod()
                },
                true,
                "has finished",
            ),
            (
                Situation {
                    problems: &problems,
                    event: Some(("AnnotationInvalid", "x")),
                    ..pod()
                },
                false,
                "unknown field",
            ),
            (
                Situation {
                    refused: Some(("Secret db", "no rule")),
                    objects: vec![("Secret db", Seen::Missing)],
                    ..pod()
                },
                false,
                "no rule",
            ),
            (
                Situation {
                    event: Some(("FetchFailed", "aws:/a: it is not there")),
                    objects: vec![("Secret db", Seen::Missing)],
                    ..pod()
                },
                false,
                "See that the entry is there",
            ),
            (
                Situation {
                    objects: vec![("Secret db", Seen::Foreign)],
                    ..pod()
                },
                false,
                "hand the object over",
            ),
            (
                Situation {
                    objects: vec![("Secret db", Seen::Missing)],
                    ..pod()
                },
                false,
                "whether JASM runs",
            ),
            (
                Situation {
                    objects: vec![("Secret db", Seen::Ours)],
                    missing_key: Some(("Secret db", "PASSWORD")),
                    ..pod()
                },
                false,
                "the key \"PASSWORD\" of Secret db",
            ),
            (
                Situation {
                    objects: vec![("Secret db", Seen::Ours)],
                    waits: Some("ImagePullBackOff"),
                    ..pod()
                },
                false,
                "it still waits (ImagePullBackOff)",
            ),
            (
                Situation {
                    objects: vec![("Secret db", Seen::Ours)],
                    ..pod()
                },
                true,
                "its containers have started",
            ),
        ];
        for (situation, fine, words) in table {
            let (is_fine, sentence) = next(&situation);
            assert_eq!(is_fine, fine, "{sentence}");
            assert!(sentence.contains(words), "{sentence}");
        }
    }

    #[test]
    fn every_problem_has_its_mend() {
        for reason in REASONS {
            let situation = Situation {
                event: Some((reason.as_str(), "the note")),
                ..pod()
            };
            let (fine, sentence) = next(&situation);
            assert!(!fine && !sentence.starts_with("Do what"), "{sentence}");
        }
    }
}
