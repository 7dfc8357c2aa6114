//! What has to be done so that a store holds what the source says: from what is wanted and what is held. Pure.

use std::collections::{BTreeMap, HashMap};

use jasm_providers::SecretBytes;
use jasm_providers::sink::{Fingerprint, Fingerprints, Held};

use super::crd::DeletionPolicy;

/// One entry of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the store.
    pub name: String,
    /// Its value.
    pub value: SecretBytes,
    /// The file that it comes from.
    pub file: String,
}

/// What has to be done about one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// There is none of that name with our mark.
    Create,
    /// It has another value.
    Update(Held),
    /// Whether it has another value only its value tells.
    Compare(Held),
    /// It is as it should be.
    Keep,
}

/// Everything that has to be done in one store.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What is in the source, with the digest of each, in the order of names.
    pub steps: Vec<(Wanted, Fingerprint, Step)>,
    /// Not in the source any more, to be deleted.
    pub delete: Vec<Held>,
    /// Not in the source any more, and kept.
    pub retain: Vec<Held>,
    /// Deleting was asked for, and nothing at all is left in the source for this store: it is not done.
    pub guarded: bool,
}

/// The plan for one store.
#[must_use]
pub fn plan(
    wanted: Vec<Wanted>,
    held: Vec<Held>,
    fingerprints: &Fingerprints,
    policy: DeletionPolicy,
) -> Plan {
    let mut held: HashMap<String, Held> = held
        .into_iter()
        .map(|held| (held.name.clone(), held))
        .collect();
    let guarded = wanted.is_empty() && !held.is_empty() && policy == DeletionPolicy::Delete;
    let wanted: BTreeMap<String, Wanted> = wanted
        .into_iter()
        .map(|wanted| (wanted.name.clone(), wanted))
        .collect();
    let steps = wanted
        .into_values()
        .map(|wanted| {
            let fingerprint = fingerprints.of(&wanted.name, &wanted.value);
            let step = match held.remove(&wanted.name) {
                None => Step::Create,
                Some(held) => step(held, &wanted, &fingerprint, fingerprints),
            };
            (wanted, fingerprint, step)
        })
        .collect();
    let mut left: Vec<Held> = held.into_values().collect();
    left.sort_by(|one, other| one.name.cmp(&other.name));
    let (delete, retain) = match policy {
        DeletionPolicy::Delete if !guarded => (left, Vec::new()),
        _ => (Vec::new(), left),
    };
    Plan {
        steps,
        delete,
        retain,
        guarded,
    }
}

fn step(held: Held, wanted: &Wanted, fingerprint: &Fingerprint, key: &Fingerprints) -> Step {
    match (&held.value, &held.fingerprint) {
        (Some(value), _) if *value == wanted.value => Step::Keep,
        (Some(_), _) => Step::Update(held),
        (None, Some(other)) if other == fingerprint => Step::Keep,
        // With the same key another digest is another value.
        (None, Some(other)) if key.made(other) => Step::Update(held),
        (None, _) => Step::Compare(held),
    }
}

#[cfg(test)]
mod tests {
    use jasm_providers::sink::fingerprint::KEY;
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> Fingerprints {
        Fingerprints::new(&SecretBytes::new(vec![byte; KEY])).unwrap()
    }

    fn value(text: &str) -> SecretBytes {
        SecretBytes::from(text.to_owned())
    }

    fn wanted(name: &str, text: &str) -> Wanted {
        Wanted {
            name: name.into(),
            value: value(text),
            file: "f".into(),
        }
    }

    fn held(name: &str, fingerprint: Option<Fingerprint>, text: Option<&str>) -> Held {
        Held {
            name: name.into(),
            fingerprint,
            value: text.map(value),
            version: None,
        }
    }

    fn steps(plan: &Plan) -> Vec<(&str, &str)> {
        let word = |step: &Step| match step {
            Step::Create => "create",
            Step::Update(_) => "update",
            Step::Compare(_) => "compare",
            Step::Keep => "keep",
        };
        let steps = plan.steps.iter();
        steps
            .map(|(wanted, _, step)| (wanted.name.as_str(), word(step)))
            .collect()
    }

    #[test]
    fn what_a_list_tells_is_enough_and_what_it_does_not_tell_is_compared() {
        let (ours, lost) = (key(1), key(2));
        let of = |key: &Fingerprints, name: &str, text: &str| Some(key.of(name, &value(text)));
        let all = vec![
            held("other-key", of(&lost, "other-key", "v"), None),
            held("outside", None, None),
            held("same", of(&ours, "same", "v"), None),
            held("changed", of(&ours, "changed", "old"), None),
            held("listed", None, Some("v")),
            held("listed-changed", None, Some("old")),
            held("gone", None, None),
        ];
        let names = [
            "changed",
            "listed",
            "listed-changed",
            "new",
            "other-key",
            "outside",
            "same",
        ];
        let wants = || names.iter().map(|name| wanted(name, "v")).collect();
        let kept = plan(wants(), all.clone(), &ours, DeletionPolicy::Retain);
        assert_eq!(
            steps(&kept),
            [
                ("changed", "update"),
                ("listed", "keep"),
                ("listed-changed", "update"),
                ("new", "create"),
                ("other-key", "compare"),
                ("outside", "compare"),
                ("same", "keep"),
            ]
        );
        assert_eq!((kept.delete.len(), kept.retain.len()), (0, 1));
        let deleting = plan(wants(), all, &ours, DeletionPolicy::Delete);
        assert_eq!(deleting.delete[0].name, "gone");
        assert!(deleting.retain.is_empty() && !deleting.guarded);
    }

    #[test]
    fn a_source_with_nothing_for_a_store_deletes_nothing_there() {
        let all = vec![held("a", None, None)];
        let nothing = plan(Vec::new(), all, &key(1), DeletionPolicy::Delete);
        assert!(nothing.guarded && nothing.delete.is_empty() && nothing.retain.len() == 1);
        let new = plan(Vec::new(), Vec::new(), &key(1), DeletionPolicy::Delete);
        assert!(!new.guarded);
    }

    proptest! {
        #[test]
        fn every_entry_is_in_exactly_one_place(
            source in proptest::collection::btree_map("[a-e]", "[xy]", 0..5),
            store in proptest::collection::btree_map("[a-e]", "[xy]", 0..5),
            delete in any::<bool>(),
        ) {
            let key = key(1);
            let policy = if delete { DeletionPolicy::Delete } else { DeletionPolicy::Retain };
            let wants = source.iter().map(|(name, text)| wanted(name, text)).collect();
            let holds = store.iter().map(|(name, text)| held(name, Some(key.of(name, &value(text))), None)).collect();
            let plan = plan(wants, holds, &key, policy);
            prop_assert_eq!(plan.steps.len(), source.len());
            for (wanted, _, step) in &plan.steps {
                let expected = match store.get(&wanted.name) {
                    None => "create",
                    Some(text) if *text == source[&wanted.name] => "keep",
                    Some(_) => "update",
                };
                let is = match step { Step::Create => "create", Step::Keep => "keep", Step::Update(_) => "update", Step::Compare(_) => "compare" };
                prop_assert_eq!(is, expected);
            }
            let left: Vec<_> = store.keys().filter(|name| !source.contains_key(*name)).collect();
            let removed: Vec<_> = plan.delete.iter().chain(&plan.retain).map(|held| &held.name).collect();
            prop_assert_eq!(removed, left);
            if source.is_empty() { prop_assert!(plan.delete.is_empty()); }
        }
    }
}
