use std::collections::BTreeMap;

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::pull::request::ObjectKind;

const SYNC: &str = "jasm.codnod.io/secret-sync";

fn pod(uid: &str, annotations: &[(&str, &str)]) -> Pod {
    let annotations = annotations
        .iter()
        .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
        .collect();
    Pod {
        namespace: "shop".to_owned(),
        name: format!("pod-{uid}"),
        uid: uid.to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        annotations,
        labels: Box::default(),
        controller: None,
        service_account: "default".into(),
        settled: false,
        waiting: true,
    }
}

/// A pod that asks for one Secret of this name.
fn asking(uid: &str, secret: &str) -> Pod {
    pod(uid, &[(SYNC, &sync(secret))])
}

fn running(pod: Pod) -> Pod {
    Pod {
        waiting: false,
        ..pod
    }
}

fn made_by(pod: Pod, uid: &str) -> Pod {
    Pod {
        controller: Some(Controller {
            api_version: "apps/v1".to_owned(),
            kind: "ReplicaSet".to_owned(),
            name: format!("set-{uid}"),
            uid: uid.to_owned(),
        }),
        ..pod
    }
}

fn sync(secret: &str) -> String {
    format!("{{provider: aws, path: /{secret}, secretName: {secret}}}")
}

fn target(secret: &str) -> Target {
    Target {
        kind: ObjectKind::Secret,
        namespace: "shop".into(),
        name: secret.into(),
    }
}

fn key(secret: &str) -> Key {
    Key::Target(target(secret))
}

fn complaint(uid: &str) -> Key {
    Key::Complaint(complainant(uid))
}

fn complainant(uid: &str) -> Complainant {
    Complainant {
        namespace: "shop".into(),
        uid: uid.into(),
    }
}

fn sorted(mut keys: Vec<Key>) -> Vec<Key> {
    keys.sort();
    keys
}

fn list(index: &mut Index, pods: &[Pod], now: Instant) -> Vec<Key> {
    let mut changed = index.take(Event::Listing, now);
    for pod in pods {
        changed.extend(index.take(Event::Listed(pod.clone()), now));
    }
    changed.extend(index.take(Event::InSync, now));
    sorted(changed)
}

/// An index whose first list is complete.
fn synced(pods: &[Pod]) -> (Index, Instant) {
    let mut index = Index::default();
    let now = Instant::now();
    list(&mut index, pods, now);
    (index, now)
}

fn uids(index: &Index, secret: &str) -> Vec<String> {
    let requesters = index.requesters(&target(secret));
    requesters
        .iter()
        .map(|requester| requester.pod.pod.uid.clone())
        .collect()
}

#[test]
fn nothing_is_returned_before_the_first_list_is_complete_and_then_everything() {
    let (mut index, now) = (Index::default(), Instant::now());
    assert_eq!(index.take(Event::Listing, now), []);
    assert_eq!(index.take(Event::Listed(asking("1", "a")), now), []);
    assert_eq!(index.take(Event::Listed(asking("2", "b")), now), []);
    assert_eq!(index.take(Event::Applied(asking("3", "c")), now), []);
    assert_eq!(index.take(Event::Gone("2".to_owned()), now), []);
    assert!(!index.in_sync());
    assert_eq!(sorted(index.take(Event::InSync, now)), [key("a"), key("c")]);
    assert!(index.in_sync());
    assert_eq!(index.pods(), 2);
}

#[test]
fn a_list_that_is_begun_again_counts_only_from_its_last_begin() {
    let (mut index, now) = (Index::default(), Instant::now());
    index.take(Event::Listing, now);
    index.take(Event::Listed(asking("1", "a")), now);
    assert_eq!(list(&mut index, &[asking("2", "b")], now), [key("b")]);
    assert_eq!(uids(&index, "a"), Vec::<String>::new());
}

#[test]
fn a_relist_returns_only_what_changed_meanwhile() {
    let pods = [asking("1", "a"), asking("2", "b"), asking("3", "c")];
    let (mut index, now) = synced(&pods);
    assert_eq!(list(&mut index, &pods, now), []);
    let moved = running(pods[1].clone());
    let pods = [pods[0].clone(), moved, asking("4", "d")];
    assert_eq!(list(&mut index, &pods, now), [key("b"), key("c"), key("d")]);
    assert_eq!(list(&mut index, &pods, now), []);
    assert_eq!(sorted(index.keys()), [key("a"), key("b"), key("d")]);
}

#[test]
fn a_pod_that_is_applied_during_a_relist_is_not_lost() {
    let (mut index, now) = synced(&[asking("1", "a")]);
    index.take(Event::Listing, now);
    assert_eq!(
        index.take(Event::Applied(asking("2", "b")), now),
        [key("b")]
    );
    assert_eq!(index.take(Event::Listed(asking("1", "a")), now), []);
    assert_eq!(index.take(Event::InSync, now), []);
    assert_eq!(index.pods(), 2);
}

#[test]
fn a_hundred_replicas_are_one_target() {
    let pods: Vec<_> = (0..100)
        .map(|n| made_by(asking(&format!("{n:03}"), "a"), "set"))
        .collect();
    let (mut index, now) = synced(&pods);
    assert_eq!(index.keys(), [key("a")]);
    assert_eq!(uids(&index, "a").len(), 100);
    for pod in &pods[1..] {
        assert_eq!(index.take(Event::Gone(pod.uid.clone()), now), [key("a")]);
    }
    assert_eq!(uids(&index, "a"), ["000"]);
    assert_eq!(index.take(Event::Gone("000".to_owned()), now), [key("a")]);
    assert_eq!((index.keys(), index.pods()), (vec![], 0));
    assert_eq!(index.take(Event::Gone("000".to_owned()), now), []);
}

#[test]
fn requesters_come_oldest_first_with_what_each_asks() {
    let aged = |uid: &str, created: &str| Pod {
        created: created.to_owned(),
        ..asking(uid, "a")
    };
    let two = pod(
        "2",
        &[
            (SYNC, &sync("a")),
            ("jasm.codnod.io/secret.a", "aws:/x -> x\naws:/y -> y"),
            ("jasm.codnod.io/config.a", "aws:/x -> x"),
        ],
    );
    let (index, _) = synced(&[
        aged("3", "2026-01-03T00:00:00Z"),
        aged("1", "2026-01-02T00:00:00Z"),
        two,
    ]);
    assert_eq!(uids(&index, "a"), ["2", "1", "3"]);
    let requesters = index.requesters(&target("a"));
    let counts: Vec<_> = requesters
        .iter()
        .map(|requester| requester.wish.requests.len())
        .collect();
    assert_eq!(counts, [3, 1, 1]);
    let config = Target {
        kind: ObjectKind::ConfigMap,
        ..target("a")
    };
    assert_eq!(index.requesters(&config).len(), 1);
    let elsewhere = Target {
        namespace: "other".into(),
        ..target("a")
    };
    assert_eq!(index.requesters(&elsewhere).len(), 0);
}

#[test]
fn demand_is_for_pods_that_wait_when_jasm_starts_and_for_all_that_come_later() {
    let (mut index, start) = synced(&[asking("1", "a"), running(asking("2", "a"))]);
    let later = start + Duration::from_secs(60);
    index.take(Event::Applied(asking("3", "a")), later);
    index.take(Event::Applied(running(asking("4", "a"))), later);
    let seen: Vec<_> = index
        .requesters(&target("a"))
        .iter()
        .map(|requester| (requester.pod.demand, requester.pod.from_start))
        .collect();
    assert_eq!(
        seen,
        [
            (Some(start), true),
            (None, true),
            (Some(later), false),
            (Some(later), false)
        ]
    );
}

#[test]
fn a_status_change_keeps_demand_and_is_no_edit() {
    let (mut index, start) = synced(&[asking("1", "a")]);
    let later = start + Duration::from_secs(60);
    assert_eq!(
        index.take(Event::Applied(running(asking("1", "a"))), later),
        [key("a")]
    );
    assert_eq!(
        index.take(Event::Applied(running(asking("1", "a"))), later),
        []
    );
    let record = index.requesters(&target("a")).remove(0).pod;
    assert_eq!((record.demand, record.edited), (Some(start), None));
    assert!(!record.pod.waiting && record.from_start);
}

#[test]
fn an_edit_on_a_live_pod_says_when_and_returns_what_it_left_and_what_it_asks_now() {
    let (mut index, start) = synced(&[running(asking("1", "a")), asking("2", "a")]);
    let later = start + Duration::from_secs(60);
    let edited = running(asking("1", "b"));
    assert_eq!(
        index.take(Event::Applied(edited.clone()), later),
        [key("a"), key("b")]
    );
    assert_eq!(uids(&index, "a"), ["2"]);
    let record = index.requesters(&target("b")).remove(0).pod;
    assert_eq!((record.demand, record.edited), (None, Some(later)));
    // The same again is no edit; an edit that asks the same all the same is one.
    let latest = later + Duration::from_secs(60);
    assert_eq!(index.take(Event::Applied(edited.clone()), latest), []);
    let spaced = Pod {
        annotations: Box::new([(SYNC.to_owned(), format!("{} ", sync("b")))]),
        ..edited
    };
    assert_eq!(index.take(Event::Applied(spaced), latest), [key("b")]);
    let record = index.requesters(&target("b")).remove(0).pod;
    assert_eq!(record.edited, Some(latest));
}

#[test]
fn a_pod_that_loses_its_annotation_asks_no_more() {
    let (mut index, now) = synced(&[asking("1", "a")]);
    assert_eq!(index.take(Event::Applied(pod("1", &[])), now), [key("a")]);
    assert_eq!((index.keys(), index.pods()), (vec![], 0));
    assert_eq!(index.take(Event::Applied(pod("1", &[])), now), []);
    assert_eq!(
        index.take(Event::Applied(asking("1", "a")), now),
        [key("a")]
    );
}

#[test]
fn a_settled_pod_vanishes_and_never_appears() {
    let settled = |uid| Pod {
        settled: true,
        ..asking(uid, "a")
    };
    let (mut index, now) = synced(&[asking("1", "a"), settled("2")]);
    assert_eq!(uids(&index, "a"), ["1"]);
    assert_eq!(index.take(Event::Applied(settled("3")), now), []);
    assert_eq!(index.take(Event::Applied(settled("1")), now), [key("a")]);
    assert_eq!(index.pods(), 0);
}

#[test]
fn problems_are_one_complaint_for_the_pods_of_one_maker() {
    let bad = |uid: &str| {
        pod(
            uid,
            &[("jasm.codnod.io/secret-snyc", "x"), (SYNC, &sync("a"))],
        )
    };
    let (mut index, now) = synced(&[
        made_by(bad("1"), "set"),
        made_by(bad("2"), "set"),
        bad("3"),
        asking("4", "a"),
    ]);
    assert_eq!(
        sorted(index.keys()),
        [key("a"), complaint("3"), complaint("set")]
    );
    assert_eq!(uids(&index, "a").len(), 4, "other targets go on");
    let told = index.complaining(&complainant("set"));
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].problems().len(), 1);
    // The last of them that is mended takes the complaint along.
    let mended = |uid: &str| made_by(asking(uid, "a"), "set");
    assert_eq!(
        sorted(index.take(Event::Applied(mended("1")), now)),
        [key("a"), complaint("set")]
    );
    assert_eq!(index.complaining(&complainant("set")).len(), 1);
    index.take(Event::Applied(mended("2")), now);
    assert_eq!(sorted(index.keys()), [key("a"), complaint("3")]);
}

#[test]
fn a_pod_that_is_adopted_takes_its_complaint_to_its_new_maker() {
    let bad = pod("1", &[("jasm.codnod.io/secret-snyc", "x")]);
    let (mut index, now) = synced(std::slice::from_ref(&bad));
    let changed = index.take(Event::Applied(made_by(bad, "set")), now);
    assert_eq!(sorted(changed), [complaint("1"), complaint("set")]);
    assert_eq!(index.keys(), [complaint("set")]);
    assert_eq!(index.complaining(&complainant("set")).len(), 1);
    index.take(Event::Gone("1".to_owned()), now);
    assert_eq!(index.keys(), []);
}

#[test]
fn labels_that_name_objects_count_as_what_is_asked() {
    let named = |name: &str| Pod {
        labels: Box::new([("app.kubernetes.io/name".to_owned(), name.to_owned())]),
        ..pod(
            "1",
            &[(
                "jasm.codnod.io/environment",
                "A: {secret: /a, provider: aws}",
            )],
        )
    };
    let (mut index, now) = synced(&[named("one")]);
    assert_eq!(
        sorted(index.take(Event::Applied(named("two")), now)),
        [key("one-secrets"), key("two-secrets")]
    );
}

/// What may happen to a few pods.
#[derive(Debug, Clone)]
enum Happens {
    Applied(usize, usize, bool),
    Gone(usize),
    Relisted(Vec<usize>),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0..5_usize, 0..4_usize, any::<bool>()).prop_map(|(uid, asks, waits)| Happens::Applied(uid, asks, waits)),
        1 => (0..5_usize).prop_map(Happens::Gone),
        1 => proptest::collection::vec(0..5_usize, 0..5).prop_map(Happens::Relisted),
    ]
}

proptest! {
    /// A model beside the index: what is asked is always exactly what the last states say, and
    /// whoever runs every key that was returned has seen every change.
    #[test]
    fn the_index_is_what_was_seen_last(happens in proptest::collection::vec(happens(), 0..30)) {
        let (mut index, now) = synced(&[]);
        let mut model: BTreeMap<String, Pod> = BTreeMap::new();
        let asks_of = |uid: usize, asks: usize, waiting: bool| Pod {
            waiting,
            ..match asks {
                0 => pod(&uid.to_string(), &[]),
                1 => pod(&uid.to_string(), &[("jasm.codnod.io/secret-snyc", "x")]),
                asks => asking(&uid.to_string(), &format!("s{asks}")),
            }
        };
        let view = |index: &Index| -> BTreeMap<Key, Vec<(String, bool)>> {
            let keys = index.keys().into_iter();
            keys.map(|key| {
                let pods: Vec<_> = match &key {
                    Key::Target(target) => index.requesters(target).into_iter().map(|r| r.pod).collect(),
                    Key::Complaint(complainant) => index.complaining(complainant),
                };
                (key, pods.iter().map(|record| (record.pod.uid.clone(), record.pod.waiting)).collect())
            })
            .collect()
        };
        for event in happens {
            let before = view(&index);
            let changed = match event {
                Happens::Applied(uid, asks, waits) => {
                    let pod = asks_of(uid, asks, waits);
                    model.insert(pod.uid.clone(), pod.clone());
                    index.take(Event::Applied(pod), now)
                }
                Happens::Gone(uid) => {
                    model.remove(&uid.to_string());
                    index.take(Event::Gone(uid.to_string()), now)
                }
                Happens::Relisted(stay) => {
                    model.retain(|uid, _| stay.iter().any(|stays| stays.to_string() == *uid));
                    list(&mut index, &model.values().cloned().collect::<Vec<_>>(), now)
                }
            };
            let (fresh, _) = synced(&model.values().cloned().collect::<Vec<_>>());
            let after = view(&index);
            prop_assert_eq!(&after, &view(&fresh));
            prop_assert_eq!(index.pods(), model.values().filter(|pod| pod.asks()).count());
            for key in before.keys().chain(after.keys()) {
                if before.get(key) != after.get(key) {
                    prop_assert!(changed.contains(key));
                }
            }
        }
    }
}
