use jasm_providers::ErrorKind;

use super::*;
use crate::pull::index::{Event, Index};
use crate::pull::observe::Sighting;
use crate::pull::pod::{Controller, Pod};
use crate::pull::request::{ObjectKind, Target};

const CONFIG: u64 = 1;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pod(uid: &str, maker: &str, source: &str) -> Pod {
    let text = format!("aws:/{source}");
    Pod {
        namespace: "shop".to_owned(),
        name: format!("pod-{uid}"),
        uid: uid.to_owned(),
        created: String::new(),
        annotations: Box::new([("jasm.codnod.io/secret.it".to_owned(), text)]),
        labels: Box::default(),
        controller: Some(Controller {
            api_version: "apps/v1".to_owned(),
            kind: "ReplicaSet".to_owned(),
            name: maker.to_owned(),
            uid: maker.to_owned(),
        }),
        service_account: "default".into(),
        settled: false,
        waiting: true,
    }
}

fn running(pod: Pod) -> Pod {
    Pod {
        waiting: false,
        ..pod
    }
}

/// An index in sync, a time at which it became so, and its one target.
struct World {
    index: Index,
    start: Instant,
}

impl World {
    fn new(pods: &[Pod]) -> Self {
        let start = Instant::now() + seconds(1_000);
        let mut index = Index::default();
        index.take(Event::Listing, start);
        for pod in pods {
            index.take(Event::Listed(pod.clone()), start);
        }
        index.take(Event::InSync, start);
        Self { index, start }
    }

    fn at(&self, after: u64) -> Instant {
        self.start + seconds(after)
    }

    fn seen(&mut self, pod: Pod, after: u64) {
        let now = self.at(after);
        self.index.take(Event::Applied(pod), now);
    }

    fn view(&self) -> View {
        let target = Target {
            kind: ObjectKind::Secret,
            namespace: "shop".into(),
            name: "it".into(),
        };
        View::of(self.index.requesters(&target), |_| false)
    }

    fn decide(&self, state: &State, after: u64) -> Step {
        decide(&self.view(), state, CONFIG, self.at(after))
    }

    /// The memory of a success whose read began then.
    fn synced(&self, read: Option<u64>) -> State {
        let view = self.view();
        State {
            synced: Some(Synced {
                fingerprint: view.fingerprint(),
                read: read.map(|after| self.at(after)),
                makers: view.makers().into_iter().collect(),
                owners: Box::default(),
                content: String::new(),
            }),
            ..State::default()
        }
    }

    /// The memory of a try that began then and failed so.
    fn failed(&self, began: u64, retry: Option<u64>, condition: Condition) -> State {
        State {
            failed: Some(Failed {
                fingerprint: self.view().fingerprint(),
                began: self.at(began),
                config: CONFIG,
                retry: retry.map(|after| self.at(after)),
                attempts: 0,
                seen: 0,
                failures: vec![(String::new(), Failure::new(condition, "it"))],
            }),
            ..State::default()
        }
    }
}

const DENIED: Condition = Condition::Fetch(ErrorKind::Denied);
const UNAVAILABLE: Condition = Condition::Fetch(ErrorKind::Unavailable);

#[test]
fn what_mostly_ends_by_itself_is_told_from_the_second_try_on() {
    let world = World::new(&[pod("1", "a", "x")]);
    for (condition, attempts, retry, told) in [
        (Condition::Unguarded, 0, Some(5), false),
        (Condition::Unguarded, 1, Some(10), true),
        // Where no pod waits it is not tried again: then there is nothing to wait for.
        (Condition::Unguarded, 0, None, true),
        (Condition::WriteRefused, 0, Some(5), true),
    ] {
        let mut failed = world.failed(0, retry, condition).failed.unwrap();
        failed.attempts = attempts;
        assert_eq!(
            failed.told().len(),
            usize::from(told),
            "{condition:?} {attempts}"
        );
    }
}

#[test]
fn after_a_restart_only_waiting_and_edited_pods_cost_a_read() {
    let world = World::new(&[running(pod("1", "a", "x"))]);
    assert_eq!(world.decide(&State::default(), 0), Step::Look);
    let world = World::new(&[running(pod("1", "a", "x")), pod("2", "a", "x")]);
    assert_eq!(
        world.decide(&State::default(), 0),
        Step::Sync(world.start - FRESHNESS)
    );
    let mut world = World::new(&[running(pod("1", "a", "x"))]);
    world.seen(running(pod("1", "a", "y")), 7);
    assert_eq!(world.decide(&State::default(), 8), Step::Sync(world.at(7)));
}

#[test]
fn what_was_seen_right_at_a_restart_is_read_for_the_first_pod_that_comes() {
    let mut world = World::new(&[running(pod("1", "a", "x"))]);
    let state = world.synced(None);
    assert_eq!(world.decide(&state, 100), Step::Rest(None));
    world.seen(pod("2", "a", "x"), 200);
    assert_eq!(
        world.decide(&state, 200),
        Step::Sync(world.at(200) - FRESHNESS)
    );
}

#[test]
fn a_read_serves_every_pod_seen_within_five_seconds_of_its_begin() {
    for (seen, served) in [(8, true), (10, true), (15, true), (16, false), (60, false)] {
        let mut world = World::new(&[running(pod("1", "a", "x"))]);
        let state = world.synced(Some(10));
        world.seen(running(pod("2", "a", "x")), seen);
        let expected = if served {
            Step::Rest(None)
        } else {
            Step::Sync(world.at(seen) - FRESHNESS)
        };
        assert_eq!(world.decide(&state, seen), expected, "{seen}");
    }
}

#[test]
fn the_latest_demand_or_edit_says_how_old_a_read_may_be() {
    let mut world = World::new(&[]);
    let now = world.at(1);
    assert_eq!(world.view().not_before(now), now);
    world.seen(pod("1", "a", "x"), 20);
    world.seen(pod("2", "a", "x"), 30);
    assert_eq!(world.view().not_before(world.at(99)), world.at(25));
    world.seen(pod("1", "a", "y"), 27);
    assert_eq!(world.view().not_before(world.at(99)), world.at(27));
    world.seen(pod("3", "a", "x"), 40);
    assert_eq!(world.view().not_before(world.at(99)), world.at(35));
}

#[test]
fn an_edit_reads_again_even_if_it_asks_the_same() {
    let mut world = World::new(&[running(pod("1", "a", "x"))]);
    world.seen(running(pod("1", "a", "x#k")), 3);
    world.seen(running(pod("1", "a", "x")), 4);
    let state = world.synced(Some(2));
    assert_eq!(world.decide(&state, 4), Step::Sync(world.at(4)));
    let state = world.synced(Some(5));
    assert_eq!(world.decide(&state, 5), Step::Rest(None));
    assert_eq!(
        world.decide(&world.synced(None), 4),
        Step::Sync(world.at(4))
    );
}

#[test]
fn who_asks_what_is_a_fingerprint_only_as_far_as_it_can_matter() {
    let world = |pods: &[Pod]| World::new(pods).view().fingerprint();
    let one = world(&[pod("1", "a", "x")]);
    assert_eq!(
        one,
        world(&[
            pod("2", "a", "x"),
            pod("3", "b", "x"),
            running(pod("4", "c", "x"))
        ]),
        "while all ask the same it is what they ask"
    );
    assert_ne!(one, world(&[pod("1", "a", "y")]));
    let two = world(&[pod("1", "a", "x"), pod("2", "b", "y")]);
    assert_ne!(one, two);
    assert_ne!(two, world(&[pod("1", "b", "x"), pod("2", "a", "y")]));
    assert_eq!(
        two,
        world(&[pod("5", "b", "y"), pod("6", "a", "x"), pod("7", "a", "x")])
    );
}

#[test]
fn a_statefulset_makes_pods_of_several_revisions() {
    let of = |uid: &str, revision: &str, source: &str| Pod {
        labels: Box::new([("controller-revision-hash".to_owned(), revision.to_owned())]),
        ..pod(uid, "set", source)
    };
    let view = World::new(&[of("1", "r1", "x"), of("2", "r1", "x"), of("3", "r2", "x")]).view();
    assert_eq!(view.makers().len(), 2);
    let ranked = |one: &str, two: &str| {
        World::new(&[of("1", "r1", one), of("2", "r2", two)])
            .view()
            .fingerprint()
    };
    assert_ne!(
        ranked("x", "y"),
        ranked("y", "x"),
        "which revision asks which"
    );
    let bare = |uid: &str| Pod {
        controller: None,
        ..pod(uid, "", "x")
    };
    assert_eq!(World::new(&[bare("1"), bare("2")]).view().makers().len(), 2);
}

#[test]
fn what_is_asked_otherwise_is_read_now() {
    let mut world = World::new(&[running(pod("1", "a", "x"))]);
    let state = world.synced(Some(0));
    world.seen(pod("2", "b", "y"), 3);
    assert_eq!(world.decide(&state, 3), Step::Sync(world.at(3) - FRESHNESS));
    // The last pod of an old revision left.
    let state = world.synced(Some(3));
    let now = world.at(60);
    world.index.take(Event::Gone("1".to_owned()), now);
    assert!(matches!(world.decide(&state, 60), Step::Sync(_)));
}

#[test]
fn a_new_maker_that_asks_the_same_needs_its_owner_only() {
    let mut world = World::new(&[running(pod("1", "a", "x"))]);
    let state = world.synced(Some(0));
    world.seen(pod("2", "b", "x"), 3);
    assert_eq!(world.decide(&state, 3), Step::Owners);
    let state = world.synced(Some(0));
    let now = world.at(4);
    world.index.take(Event::Gone("1".to_owned()), now);
    assert_eq!(
        world.decide(&state, 10),
        Step::Look,
        "one that left changes no owners"
    );
}

#[test]
fn a_waiting_pods_object_is_looked_at_after_5_s_doubling_to_2_min() {
    let world = World::new(&[pod("1", "a", "x")]);
    let mut state = world.synced(Some(0));
    let mut now = 0;
    for wait in [5, 10, 20, 40, 80, 120, 120] {
        let due = state.checked(world.at(now));
        assert_eq!(due, world.at(now + wait));
        assert_eq!(world.decide(&state, now + wait - 1), Step::Rest(Some(due)));
        now += wait;
        assert_eq!(world.decide(&state, now), Step::Look);
    }
    let world = World::new(&[running(pod("1", "a", "x"))]);
    let mut state = world.synced(Some(0));
    state.checked(world.at(0));
    assert_eq!(
        world.decide(&state, 60),
        Step::Rest(None),
        "nobody waits any more"
    );
}

#[test]
fn a_pod_that_a_fresh_read_serves_has_its_object_looked_at_too() {
    let mut world = World::new(&[running(pod("1", "a", "x"))]);
    let state = world.synced(Some(0));
    world.seen(pod("2", "a", "x"), 4);
    assert_eq!(world.decide(&state, 4), Step::Rest(Some(world.at(9))));
    assert_eq!(world.decide(&state, 9), Step::Look);
}

#[test]
fn a_failure_rests_until_it_is_due() {
    let world = World::new(&[pod("1", "a", "x")]);
    let state = world.failed(1, Some(6), DENIED);
    assert_eq!(world.decide(&state, 5), Step::Rest(Some(world.at(6))));
    assert_eq!(world.decide(&state, 6), Step::Sync(world.at(6)));
    let state = world.failed(1, None, Condition::PolicyRefused);
    assert_eq!(world.decide(&state, 1_000), Step::Rest(None));
}

#[test]
fn a_retry_for_waiting_pods_ends_with_them_and_one_for_the_store_does_not() {
    let world = World::new(&[running(pod("1", "a", "x"))]);
    let state = world.failed(1, Some(6), DENIED);
    assert_eq!(world.decide(&state, 6), Step::Rest(None));
    let state = world.failed(1, Some(6), UNAVAILABLE);
    assert_eq!(world.decide(&state, 6), Step::Sync(world.at(6)));
}

#[test]
fn a_failure_is_tried_again_when_what_is_asked_or_the_config_changes() {
    let mut world = World::new(&[running(pod("1", "a", "x"))]);
    let state = world.failed(1, None, Condition::PolicyRefused);
    assert_eq!(
        decide(&world.view(), &state, CONFIG + 1, world.at(50)),
        Step::Sync(world.at(50)),
        "nobody asked for a fresh read"
    );
    world.seen(running(pod("1", "a", "y")), 60);
    assert_eq!(world.decide(&state, 60), Step::Sync(world.at(60)));
    // An edit that asks the same as what failed is an edit.
    let state = world.failed(59, None, Condition::PolicyRefused);
    assert_eq!(world.decide(&state, 60), Step::Sync(world.at(60)));
    let state = world.failed(61, None, Condition::PolicyRefused);
    assert_eq!(world.decide(&state, 61), Step::Rest(None));
}

#[test]
fn a_try_after_a_failure_is_never_served_by_the_read_that_failed() {
    let world = World::new(&[pod("1", "a", "x")]);
    let state = world.failed(20, None, Condition::PolicyRefused);
    assert_eq!(
        decide(&world.view(), &state, CONFIG + 1, world.at(50)),
        Step::Sync(world.at(20))
    );
}

#[test]
fn a_new_pod_after_a_failure_asks_anew_but_not_more_often_than_reads_serve_pods() {
    let mut world = World::new(&[pod("1", "a", "x")]);
    let state = world.failed(10, None, Condition::PolicyRefused);
    world.seen(pod("2", "a", "x"), 12);
    assert_eq!(world.decide(&state, 12), Step::Rest(Some(world.at(15))));
    assert_eq!(world.decide(&state, 15), Step::Sync(world.at(15)));
    let state = world.failed(10, Some(13), DENIED);
    assert_eq!(
        world.decide(&state, 12),
        Step::Rest(Some(world.at(13))),
        "the earlier of the two"
    );
    let state = world.failed(10, Some(60), DENIED);
    assert_eq!(world.decide(&state, 12), Step::Rest(Some(world.at(15))));
}

#[test]
fn a_failure_stands_before_an_older_success() {
    let mut world = World::new(&[pod("1", "a", "x")]);
    let mut state = world.failed(10, Some(20), DENIED);
    state.synced = world.synced(Some(0)).synced;
    assert_eq!(world.decide(&state, 11), Step::Rest(Some(world.at(20))));
    world.seen(pod("2", "b", "x"), 16);
    assert_eq!(
        world.decide(&state, 16),
        Step::Sync(world.at(16)),
        "a new maker is a new pod"
    );
}

#[test]
fn the_class_of_a_failure_says_when_it_is_tried_again() {
    let now = Instant::now();
    let after = |condition, waiting, attempts| {
        retry_at([condition], waiting, attempts, now).map(|due| due - now)
    };
    let on_change = [
        Condition::AnnotationInvalid,
        Condition::StoreUnknown,
        Condition::PolicyRefused,
        Condition::SecretInConfigMap,
        Condition::Fetch(ErrorKind::Unsupported),
        Condition::Conflict,
        Condition::OwnerRefused,
        Condition::NamespaceTerminating,
    ];
    for condition in on_change {
        assert_eq!(after(condition, true, 0), None, "{condition:?}");
    }
    let while_waiting = [
        Condition::Fetch(ErrorKind::NotFound),
        Condition::Fetch(ErrorKind::Gone),
        DENIED,
        Condition::Fetch(ErrorKind::Unauthenticated),
        Condition::Fetch(ErrorKind::TooLarge),
        Condition::Fetch(ErrorKind::Invalid),
        Condition::Render,
        Condition::NotOurs,
        Condition::Unchangeable,
        Condition::WriteRefused,
    ];
    for condition in while_waiting {
        assert_eq!(after(condition, false, 0), None, "{condition:?}");
        for (attempts, wait) in [
            (0, 5),
            (1, 10),
            (2, 20),
            (3, 40),
            (4, 80),
            (5, 120),
            (99, 120),
        ] {
            assert_eq!(
                after(condition, true, attempts),
                Some(seconds(wait)),
                "{condition:?} {attempts}"
            );
        }
    }
    let backoff = [
        UNAVAILABLE,
        Condition::Fetch(ErrorKind::Integrity),
        Condition::Fetch(ErrorKind::Throttled { after: None }),
        Condition::WriteUnavailable,
    ];
    for condition in backoff {
        for waiting in [true, false] {
            for (attempts, wait) in [(0, 1), (1, 2), (3, 8), (6, 64), (7, 120), (u32::MAX, 120)] {
                let due = after(condition, waiting, attempts).unwrap();
                assert!(
                    due >= seconds(wait).mul_f64(0.8) && due <= seconds(wait).mul_f64(1.2),
                    "{condition:?} {attempts}"
                );
            }
        }
    }
}

#[test]
fn a_store_that_says_when_to_come_back_is_not_asked_earlier() {
    let now = Instant::now();
    let throttled = |after| Condition::Fetch(ErrorKind::Throttled { after: Some(after) });
    let due = retry_at([throttled(seconds(300))], false, 0, now).unwrap();
    assert_eq!(due, now + seconds(300));
    let due = retry_at([throttled(Duration::ZERO)], false, 0, now).unwrap();
    assert!(due >= now + Duration::from_millis(800));
}

#[test]
fn of_several_failures_the_earliest_retry_counts() {
    let now = Instant::now();
    let due = retry_at(
        [Condition::PolicyRefused, DENIED, UNAVAILABLE],
        true,
        0,
        now,
    )
    .unwrap();
    assert!(due <= now + Duration::from_millis(1_200));
    assert_eq!(
        retry_at(
            [Condition::PolicyRefused, Condition::Conflict],
            true,
            0,
            now
        ),
        None
    );
    assert_eq!(retry_at([], true, 0, now), None);
}

/// The memory of a success at version 5, and what the watch on objects saw then.
fn observed(world: &World, version: u64, gone: bool, after: u64) -> State {
    let at = world.at(after);
    State {
        version: 5,
        seen: Some(Sighting { version, gone, at }),
        ..world.synced(Some(0))
    }
}

#[test]
fn what_others_did_to_an_object_is_looked_into_at_once() {
    let world = World::new(&[running(pod("1", "a", "x"))]);
    let own = observed(&world, 5, false, 10);
    assert_eq!(world.decide(&own, 10), Step::Rest(None));
    let older = observed(&world, 4, false, 10);
    assert_eq!(world.decide(&older, 10), Step::Rest(None));
    let changed = observed(&world, 6, false, 10);
    assert_eq!(world.decide(&changed, 10), Step::Repair);
}

#[test]
fn an_object_that_goes_with_its_workload_is_not_made_again_at_once() {
    let world = World::new(&[running(pod("1", "a", "x"))]);
    let gone = observed(&world, 6, true, 10);
    assert_eq!(world.decide(&gone, 10), Step::Rest(Some(world.at(12))));
    assert_eq!(world.decide(&gone, 12), Step::Repair);
}

#[test]
fn who_changes_an_object_again_and_again_is_answered_ever_more_slowly() {
    let world = World::new(&[running(pod("1", "a", "x"))]);
    let mut now = 10;
    let mut state = observed(&world, 6, false, now);
    for wait in [5, 10, 20, 40, 80, 120, 120] {
        assert_eq!(world.decide(&state, now), Step::Repair);
        state.repairing(world.at(now));
        let due = world.at(now + wait);
        assert_eq!(world.decide(&state, now + 1), Step::Rest(Some(due)));
        now += wait;
    }
    // After a quiet time it is no fight any more.
    now += 700;
    state.seen = observed(&world, 7, false, now).seen;
    assert_eq!(world.decide(&state, now), Step::Repair);
}

#[test]
fn a_target_that_failed_is_tried_when_somebody_changes_the_object() {
    let world = World::new(&[running(pod("1", "a", "x"))]);
    let mut state = world.failed(0, None, Condition::NotOurs);
    state.version = 5;
    state.seen = observed(&world, 6, false, 3).seen;
    assert_eq!(world.decide(&state, 3), Step::Repair);
    // Seen already when it failed.
    if let Some(failed) = &mut state.failed {
        failed.seen = 6;
    }
    assert_eq!(world.decide(&state, 3), Step::Rest(None));
}
