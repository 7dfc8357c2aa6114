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
