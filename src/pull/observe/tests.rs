use super::*;

fn target(name: &str) -> Target {
    Target {
        kind: ObjectKind::Secret,
        namespace: "n".into(),
        name: name.into(),
    }
}

fn seen(name: &str, version: u64, gone: bool) -> Event {
    Event::Seen(target(name), version, gone)
}

#[test]
fn a_change_is_told_once() {
    let mut observed = Observed::default();
    let at = Instant::now();
    assert_eq!(observed.take((seen("a", 5, false), at)), [target("a")]);
    assert_eq!(observed.take((seen("a", 5, false), at)), []);
    assert_eq!(observed.take((seen("a", 6, true), at)), [target("a")]);
    assert_eq!(
        observed.of(&target("a")),
        Some(Sighting {
            version: 6,
            gone: true,
            at
        })
    );
}

#[test]
fn what_a_new_list_does_not_name_is_gone() {
    let mut observed = Observed::default();
    let at = Instant::now();
    let kind = ObjectKind::Secret;
    for event in [
        Event::Listing(kind),
        seen("a", 5, false),
        seen("b", 6, false),
        Event::InSync(kind, 10),
    ] {
        observed.take((event, at));
    }
    assert_eq!(observed.take((Event::Listing(kind), at)), []);
    assert_eq!(observed.take((seen("b", 6, false), at)), []);
    assert_eq!(observed.take((Event::InSync(kind, 10), at)), [target("a")]);
    let gone = observed.of(&target("a")).unwrap();
    // JASM may have written it after it was seen last, up to the version of the list.
    assert!(gone.gone && gone.version == 10);
    assert!(!observed.of(&target("b")).unwrap().gone);
}

/// A watch that had one complete list, as of version 10.
fn watching() -> (Observed, Instant) {
    let mut observed = Observed::watching();
    let at = Instant::now();
    for event in [
        Event::Listing(ObjectKind::Secret),
        Event::InSync(ObjectKind::Secret, 10),
    ] {
        observed.take((event, at));
    }
    (observed, at)
}

#[test]
fn what_was_made_and_deleted_while_the_watch_was_away_is_gone() {
    let (mut observed, at) = watching();
    let kind = ObjectKind::Secret;
    assert!(!observed.wrote(&target("a"), 20, at));
    assert!(!observed.wrote(&target("kept"), 21, at));
    assert!(!observed.wrote(&target("late"), 31, at));
    observed.take((Event::Listing(kind), at));
    // Another is made while the list is read, and before it was made.
    assert!(!observed.wrote(&target("between"), 29, at));
    observed.take((seen("kept", 21, false), at));
    let mut gone = observed.take((Event::InSync(kind, 30), at));
    gone.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(gone, [target("a"), target("between")]);
    for name in ["a", "between"] {
        let sighting = observed.of(&target(name)).unwrap();
        // News to whoever wrote it.
        assert!(sighting.gone && sighting.version > 29, "{name}");
    }
    for name in ["kept", "late"] {
        assert!(!observed.of(&target(name)).unwrap().gone, "{name}");
    }
}

#[test]
fn a_write_that_is_noted_after_the_list_is_held_against_it() {
    let (mut observed, at) = watching();
    assert!(observed.wrote(&target("a"), 9, at));
    assert_eq!(
        observed.of(&target("a")),
        Some(Sighting {
            version: 10,
            gone: true,
            at
        })
    );
    // Told once.
    assert!(!observed.wrote(&target("a"), 9, at));
    // Made anew it is there again, and its own sighting is no news.
    assert!(!observed.wrote(&target("a"), 12, at));
    assert!(!observed.of(&target("a")).unwrap().gone);
    assert_eq!(observed.take((seen("a", 12, false), at)), []);
}

#[test]
fn what_the_watch_saw_later_than_a_write_stays() {
    let (mut observed, at) = watching();
    observed.take((seen("a", 15, true), at));
    assert!(!observed.wrote(&target("a"), 14, at));
    assert!(observed.of(&target("a")).unwrap().gone);
}

#[test]
fn a_change_that_the_list_shows_at_an_older_version_does_not_make_a_write_vanish() {
    let (mut observed, at) = watching();
    let kind = ObjectKind::Secret;
    observed.take((seen("a", 12, false), at));
    observed.take((Event::Listing(kind), at));
    assert!(!observed.wrote(&target("a"), 14, at));
    // Deleted and made anew around the list's version.
    assert_eq!(observed.take((Event::InSync(kind, 13), at)), []);
    assert!(!observed.of(&target("a")).unwrap().gone);
}

#[test]
fn without_a_watch_nothing_is_kept() {
    let mut observed = Observed::default();
    assert!(!observed.wrote(&target("a"), 5, Instant::now()));
    assert_eq!(observed.of(&target("a")), None);
    // Nor where versions are no numbers.
    let (mut observed, at) = watching();
    assert!(!observed.wrote(&target("a"), 0, at));
    assert_eq!(observed.of(&target("a")), None);
}

#[test]
fn a_list_of_one_kind_says_nothing_of_the_other() {
    let mut observed = Observed::default();
    let at = Instant::now();
    observed.take((seen("a", 5, false), at));
    observed.take((Event::Listing(ObjectKind::ConfigMap), at));
    assert_eq!(
        observed.take((Event::InSync(ObjectKind::ConfigMap, 10), at)),
        []
    );
}

#[test]
fn lists_of_both_kinds_at_the_same_time_lose_nothing() {
    let mut observed = Observed::default();
    let at = Instant::now();
    let (secrets, maps) = (ObjectKind::Secret, ObjectKind::ConfigMap);
    for event in [
        Event::Listing(secrets),
        seen("a", 5, false),
        Event::Listing(maps),
        seen("b", 6, false),
        Event::InSync(maps, 10),
    ] {
        observed.take((event, at));
    }
    assert_eq!(observed.take((Event::InSync(secrets, 10), at)), []);
}

#[test]
fn an_object_is_known_by_its_metadata() {
    let json = r#"{"kind":"PartialObjectMetadata","metadata":{"name":"a","namespace":"n","resourceVersion":"77","uid":"u"}}"#;
    let (event, version) = Ours(ObjectKind::Secret).changed(json, true).unwrap();
    assert!(matches!(event, Event::Seen(found, 77, true) if found == target("a")));
    assert_eq!(version, "77");
}
