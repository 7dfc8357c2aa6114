use serde_json::json;

use super::*;

fn object(name: &str) -> ObjectKey {
    ObjectKey {
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn source(kind: SourceKind, name: &str) -> SourceKey {
    SourceKey {
        kind,
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn repository(name: &str) -> SourceKey {
    source(SourceKind::GitRepository, name)
}

fn config(name: &str, kind: &str, refers: &str) -> Box<SecretManagerConfig> {
    let spec = json!({
        "sourceRef": {"kind": kind, "name": refers},
        "provider": {"type": "aws", "aws": {"region": "eu-west-1"}},
        "secrets": {"environment": "prod"},
    });
    let metadata = json!({"name": name, "namespace": "shop", "uid": name});
    let api = "secret-manager.microscaler.io/v1alpha1";
    let object = json!({"apiVersion": api, "kind": "SecretManagerConfig", "metadata": metadata, "spec": spec});
    Box::new(serde_json::from_value(object).unwrap())
}

fn state(generation: i64) -> State {
    let json = json!({"metadata": {"generation": generation}}).to_string();
    State::Offer(flux::Offer::from_json(&json).unwrap())
}

fn applied(name: &str, refers: &str) -> Event {
    Event::Object(Change::Applied(
        object(name),
        config(name, "GitRepository", refers),
    ))
}

fn changed(name: &str, generation: i64) -> Event {
    let change = Change::Applied(repository(name), state(generation));
    Event::Source(SourceKind::GitRepository, change)
}

fn names(keys: BTreeSet<ObjectKey>) -> Vec<String> {
    keys.into_iter().map(|key| key.name).collect()
}

#[test]
fn a_source_wakes_exactly_its_objects_and_only_if_it_says_something_new() {
    let mut index = Index::default();
    for (name, refers) in [("a", "one"), ("b", "one"), ("c", "two")] {
        assert_eq!(names(index.apply(applied(name, refers))), [name]);
    }
    assert_eq!(names(index.apply(changed("one", 1))), ["a", "b"]);
    assert!(index.apply(changed("one", 1)).is_empty());
    assert_eq!(names(index.apply(changed("one", 2))), ["a", "b"]);
    assert!(index.apply(changed("three", 1)).is_empty());
    // Written otherwise, it goes with the other one.
    assert_eq!(names(index.apply(applied("b", "two"))), ["b"]);
    assert_eq!(names(index.apply(changed("two", 1))), ["b", "c"]);
    assert_eq!(names(index.apply(changed("one", 3))), ["a"]);
    let gone = Event::Source(SourceKind::GitRepository, Change::Gone(repository("one")));
    assert_eq!(names(index.apply(gone)), ["a"]);
    assert_eq!(
        names(index.apply(Event::Object(Change::Gone(object("a"))))),
        ["a"]
    );
    assert!(index.apply(changed("one", 4)).is_empty());
    assert_eq!(index.object(&object("a")), None);
}

#[test]
fn a_status_wakes_nobody_and_what_the_user_or_the_api_server_does_wakes() {
    let mut index = Index::default();
    assert!(!index.apply(applied("a", "one")).is_empty());
    let with = |change: fn(&mut SecretManagerConfig)| {
        let mut config = config("a", "GitRepository", "one");
        change(&mut config);
        Event::Object(Change::Applied(object("a"), config))
    };
    let written = with(|config| {
        config.metadata.resource_version = Some("7".into());
        config.status = Some(crate::push::crd::Status::default());
    });
    assert!(index.apply(written).is_empty());
    // What is kept is the newest all the same.
    assert!(index.object(&object("a")).unwrap().status.is_some());
    for event in [
        with(|config| config.spec.suspend = true),
        with(|config| {
            config.metadata.annotations = Some(BTreeMap::from([("a".into(), "b".into())]))
        }),
        with(|config| config.metadata.finalizers = Some(vec!["x".into()])),
        with(|config| config.metadata.uid = Some("other".into())),
    ] {
        assert_eq!(names(index.apply(event)), ["a"]);
    }
}

#[test]
fn a_list_wakes_whom_it_tells_something_and_forgets_what_it_does_not_name() {
    let kind = SourceKind::GitRepository;
    let list = |index: &mut Index, names_of: &[&str]| {
        let mut woken = index.apply(Event::Source(kind, Change::Listing));
        for name in names_of {
            let listed = Change::Listed(repository(name), state(1));
            woken.extend(index.apply(Event::Source(kind, listed)));
        }
        woken.extend(index.apply(Event::Source(kind, Change::InSync)));
        names(woken)
    };
    let mut index = Index::default();
    for (name, refers) in [("a", "one"), ("b", "missing")] {
        assert!(!index.apply(applied(name, refers)).is_empty());
    }
    assert_eq!(index.source(&repository("missing")), Found::NotYet);
    assert_eq!(list(&mut index, &["one"]), ["a", "b"]);
    assert_eq!(index.source(&repository("missing")), Found::Missing);
    assert_eq!(index.source(&repository("one")), Found::There(&state(1)));
    // The same again is no news.
    assert!(list(&mut index, &["one"]).is_empty());
    assert_eq!(list(&mut index, &[]), ["a"]);
    assert_eq!(index.source(&repository("one")), Found::Missing);
}

#[test]
fn objects_that_a_list_does_not_name_are_gone() {
    let mut index = Index::default();
    for name in ["a", "b"] {
        assert!(!index.apply(applied(name, "one")).is_empty());
    }
    assert!(index.apply(Event::Object(Change::Listing)).is_empty());
    let listed = Change::Listed(object("a"), config("a", "GitRepository", "one"));
    assert!(index.apply(Event::Object(listed)).is_empty());
    // The list of another kind in between is none of theirs.
    let other = Event::Source(SourceKind::Bucket, Change::Listing);
    assert!(index.apply(other).is_empty());
    assert!(!index.is_in_sync());
    assert_eq!(names(index.apply(Event::Object(Change::InSync))), ["b"]);
    assert!(index.is_in_sync() && index.object(&object("a")).is_some());
}

#[test]
fn a_kind_that_comes_and_goes_is_told_once() {
    let mut index = Index::default();
    assert!(!index.apply(applied("a", "one")).is_empty());
    let kind = SourceKind::GitRepository;
    assert_eq!(names(index.apply(Event::NotServed(kind))), ["a"]);
    assert!(index.apply(Event::NotServed(kind)).is_empty());
    assert_eq!(index.source(&repository("one")), Found::NotServed);
    let listed = Change::Listed(repository("one"), state(1));
    assert!(index.apply(Event::Source(kind, Change::Listing)).is_empty());
    assert_eq!(names(index.apply(Event::Source(kind, listed))), ["a"]);
    assert!(index.apply(Event::Source(kind, Change::InSync)).is_empty());
    assert_eq!(names(index.apply(Event::NotServed(kind))), ["a"]);
    assert_eq!(names(index.apply(Event::ObjectsNotServed)), ["a"]);
    assert_eq!(index.objects().count(), 0);
}

#[test]
fn a_directory_is_no_matter_of_the_cluster() {
    let mut index = Index::default();
    let event = Change::Applied(object("a"), config("a", "File", "local"));
    assert!(!index.apply(Event::Object(event)).is_empty());
    let key = SourceKey {
        kind: SourceKind::File,
        namespace: String::new(),
        name: "local".into(),
    };
    assert_eq!(index.source(&key), Found::Directory);
    assert_eq!(names(index.users(&key)), ["a"]);
}
