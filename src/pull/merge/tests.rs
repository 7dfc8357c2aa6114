use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const DEPLOYMENT: &str = "Deployment/shop";
const JOB: &str = "Job/migrate";
const OTHER: &str = "StatefulSet/cart";

fn item(key: &str, source: &str, value: &[u8]) -> Item {
    Item {
        key: key.to_owned(),
        value: SecretBytes::new(value.to_vec()),
        form: Form::Text,
        secret: true,
        source: source.to_owned(),
    }
}

/// A value that names its source.
fn key(key: &str, source: &str) -> (Option<File>, Item) {
    (None, item(key, source, source.as_bytes()))
}

fn in_file(file: &str, format: Format, key: &str, source: &str) -> (Option<File>, Item) {
    let file = File {
        name: file.to_owned(),
        format,
    };
    (Some(file), item(key, source, source.as_bytes()))
}

fn share(workload: &str, revision: i64, items: &[(Option<File>, Item)]) -> Share {
    Share {
        workload: workload.to_owned(),
        revision,
        secret_type: SecretType::Opaque,
        items: items.to_vec(),
        absent: false,
    }
}

fn typed(workload: &str, secret_type: SecretType, items: &[(Option<File>, Item)]) -> Share {
    Share {
        secret_type,
        ..share(workload, 1, items)
    }
}

fn frozen(workloads: &[&str], files: &[&str]) -> Frozen {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Frozen {
        workloads: owned(workloads),
        files: owned(files),
    }
}

fn there(merged: &Merged) -> Existing {
    Existing {
        data: merged.data.clone(),
        holders: merged.holders.clone(),
        owners: BTreeSet::new(),
    }
}

fn made(shares: &[Share], frozen: &Frozen, existing: Option<&Merged>) -> Merged {
    let existing = existing.map(there);
    merge(
        ObjectKind::Secret,
        shares.to_vec(),
        frozen,
        existing.as_ref(),
    )
    .unwrap()
}

fn first(shares: &[Share]) -> Merged {
    made(shares, &Frozen::default(), None)
}

fn then(shares: &[Share], before: &Merged) -> Merged {
    made(shares, &Frozen::default(), Some(before))
}

fn texts(merged: &Merged) -> Vec<(&str, &str)> {
    merged
        .data
        .iter()
        .map(|(key, value)| (key.as_str(), std::str::from_utf8(value.expose()).unwrap()))
        .collect()
}

fn losers(merged: &Merged) -> Vec<(&str, &str)> {
    merged
        .conflicts
        .iter()
        .map(|(loser, failure)| {
            assert_eq!(failure.condition, Condition::Conflict);
            (loser.as_str(), failure.message.as_str())
        })
        .collect()
}

fn render_failure(shares: &[Share], existing: Option<&Existing>) -> String {
    let failure = merge(
        ObjectKind::Secret,
        shares.to_vec(),
        &Frozen::default(),
        existing,
    )
    .unwrap_err();
    assert_eq!(failure.condition, Condition::Render);
    failure.message
}

#[test]
fn two_sources_for_one_key_in_one_revision_are_named_both() {
    use Format::{Env, Json};
    let table = [
        (
            vec![key("a", "aws:/x"), key("a", "aws:/y")],
            "aws:/x and aws:/y both make the key \"a\": name one of them otherwise",
        ),
        (
            vec![
                in_file("f", Env, "a", "aws:/x"),
                in_file("f", Env, "a", "aws:/y"),
            ],
            "aws:/x and aws:/y both make the key \"a\" in \"f\": name one of them otherwise",
        ),
        (
            vec![
                in_file("f", Env, "a", "aws:/x"),
                in_file("f", Json, "b", "aws:/x"),
            ],
            "the file \"f\" is asked for in two formats: choose one",
        ),
        (
            vec![in_file("f", Env, "a", "aws:/x"), key("f", "aws:/x")],
            "\"f\" is asked for as a file and as a key",
        ),
    ];
    for (items, message) in table {
        let failure = check_share(&items).unwrap_err();
        assert_eq!(
            (failure.condition, failure.message.as_str()),
            (Condition::Conflict, message)
        );
    }
    let fine = [
        key("a", "aws:/x"),
        key("a", "aws:/x"),
        key("b", "aws:/x"),
        in_file("f", Env, "a", "aws:/y"),
        in_file("g", Json, "a", "aws:/z"),
    ];
    assert_eq!(check_share(&fine), Ok(()));
}

#[test]
fn revisions_of_a_workload_make_a_union_and_the_newer_wins_silently() {
    let old = share(DEPLOYMENT, 9, &[key("a", "old"), key("only-old", "old")]);
    let new = share(DEPLOYMENT, 10, &[key("a", "new"), key("only-new", "new")]);
    for shares in [[old.clone(), new.clone()], [new.clone(), old.clone()]] {
        let merged = first(&shares);
        assert_eq!(
            texts(&merged),
            [("a", "new"), ("only-new", "new"), ("only-old", "old")]
        );
        assert_eq!(losers(&merged), []);
        // A rollback gives the old template a new number.
        let back = [
            Share {
                revision: 11,
                ..old.clone()
            },
            new.clone(),
        ];
        assert_eq!(texts(&then(&back, &merged))[0], ("a", "old"));
        // The old pods are gone, and their keys with them.
        assert_eq!(
            texts(&then(std::slice::from_ref(&new), &merged)),
            [("a", "new"), ("only-new", "new")]
        );
    }
}

#[test]
fn a_rollout_may_turn_a_key_into_a_file_and_a_file_into_another_format() {
    use Format::{Env, Json};
    let old = share(DEPLOYMENT, 1, &[key("app.cfg", "old"), key("k", "old")]);
    let new = share(DEPLOYMENT, 2, &[in_file("app.cfg", Env, "A", "new")]);
    let newest = share(DEPLOYMENT, 3, &[in_file("app.cfg", Json, "A", "newest")]);
    let merged = then(
        &[old.clone(), new.clone()],
        &first(std::slice::from_ref(&old)),
    );
    assert_eq!(texts(&merged), [("app.cfg", "A=new\n"), ("k", "old")]);
    assert_eq!(losers(&merged), []);
    let merged = then(&[newest, old, new], &merged);
    assert_eq!(
        texts(&merged),
        [("app.cfg", "{\n  \"A\": \"newest\"\n}\n"), ("k", "old")]
    );
    assert_eq!(losers(&merged), []);
}

#[test]
fn between_workloads_the_holder_keeps_its_key_and_the_other_is_told_both() {
    let job = share(JOB, 1, &[key("a", "aws:/job"), key("j", "aws:/job")]);
    let shop = share(
        DEPLOYMENT,
        1,
        &[key("a", "aws:/shop"), key("s", "aws:/shop")],
    );
    let before = first(std::slice::from_ref(&job));
    // The Deployment is the first by name; that it came later is what counts.
    let merged = then(&[shop.clone(), job.clone()], &before);
    assert_eq!(
        texts(&merged),
        [("a", "aws:/job"), ("j", "aws:/job"), ("s", "aws:/shop")]
    );
    assert_eq!(
        losers(&merged),
        [(
            DEPLOYMENT,
            "\"a\" comes from aws:/job for Job/migrate, which holds it; Deployment/shop asks for it from aws:/shop: use another name"
        )]
    );
    // The Job is done: the Deployment gets the key, and keeps it when the Job comes again.
    let alone = then(std::slice::from_ref(&shop), &merged);
    assert_eq!(texts(&alone), [("a", "aws:/shop"), ("s", "aws:/shop")]);
    let again = then(&[job, shop], &alone);
    assert_eq!(
        texts(&again),
        [("a", "aws:/shop"), ("j", "aws:/job"), ("s", "aws:/shop")]
    );
    assert_eq!(losers(&again)[0].0, JOB);
}

#[test]
fn one_source_for_two_workloads_is_no_conflict() {
    let merged = first(&[
        share(DEPLOYMENT, 1, &[key("a", "aws:/x")]),
        share(JOB, 1, &[key("a", "aws:/x")]),
    ]);
    assert_eq!(
        (texts(&merged), losers(&merged)),
        (vec![("a", "aws:/x")], vec![])
    );
    let null = Item {
        form: Form::Null,
        ..item("a", "aws:/x", b"")
    };
    let merged = first(&[
        share(DEPLOYMENT, 1, &[(None, item("a", "aws:/x", b""))]),
        share(JOB, 1, &[(None, null)]),
    ]);
    assert_eq!(
        losers(&merged).len(),
        1,
        "nothing and null are not the same in a file"
    );
}

#[test]
fn a_file_takes_entries_of_all_and_its_holder_says_in_which_format() {
    use Format::{Env, Json};
    let job = share(
        JOB,
        1,
        &[
            in_file("f", Json, "j", "job"),
            in_file("f", Json, "x", "job"),
        ],
    );
    let shop = share(
        DEPLOYMENT,
        1,
        &[
            in_file("f", Json, "s", "shop"),
            in_file("f", Json, "x", "shop"),
        ],
    );
    let merged = then(
        &[shop.clone(), job.clone()],
        &first(std::slice::from_ref(&job)),
    );
    let both = "{\n  \"j\": \"job\",\n  \"s\": \"shop\",\n  \"x\": \"job\"\n}\n";
    assert_eq!(texts(&merged), [("f", both)]);
    assert_eq!(
        losers(&merged),
        [(
            DEPLOYMENT,
            "\"x\" in \"f\" comes from job for Job/migrate, which holds it; Deployment/shop asks for it from shop: use another name"
        )]
    );
    for (other, message) in [
        (
            in_file("f", Env, "s", "shop"),
            "\"f\" is a JSON file for Job/migrate, which holds it; Deployment/shop asks for an env file: use another name",
        ),
        (
            key("f", "shop"),
            "\"f\" is a JSON file for Job/migrate, which holds it; Deployment/shop asks for a value: use another name",
        ),
    ] {
        let shop = share(DEPLOYMENT, 2, &[other, key("s", "shop")]);
        let merged = then(&[shop, job.clone()], &merged);
        assert_eq!(
            texts(&merged),
            [
                ("f", "{\n  \"j\": \"job\",\n  \"x\": \"job\"\n}\n"),
                ("s", "shop")
            ]
        );
        assert_eq!(losers(&merged), [(DEPLOYMENT, message)]);
    }
    // The first revision's pods still run: what they have stays.
    let newer = share(DEPLOYMENT, 2, &[in_file("f", Env, "s", "shop")]);
    let during = then(&[newer, shop, job], &merged);
    assert_eq!(texts(&during), [("f", both)]);
    assert_eq!(losers(&during)[0].0, DEPLOYMENT);
}

#[test]
fn a_workload_whose_part_is_missing_keeps_all_it_has() {
    let shop = share(DEPLOYMENT, 1, &[key("a", "shop"), key("s", "shop")]);
    let job = share(JOB, 1, &[key("a", "job"), key("j", "job")]);
    let other = share(OTHER, 1, &[key("a", "other"), key("o", "other")]);
    let before = first(&[shop.clone(), job.clone(), other.clone()]);
    assert_eq!(texts(&before)[0], ("a", "shop"));
    // The holder of all, then one of the others.
    for (missing, rest) in [
        (DEPLOYMENT, [job.clone(), other.clone()]),
        (JOB, [shop.clone(), other.clone()]),
    ] {
        let during = made(&rest, &frozen(&[missing], &[]), Some(&before));
        assert_eq!(texts(&during), texts(&before), "{missing}");
        assert_eq!(during.holders, before.holders, "{missing}");
        let after = then(&[shop.clone(), job.clone(), other.clone()], &during);
        assert_eq!(texts(&after), texts(&before), "{missing}");
        assert_eq!(after.holders, before.holders, "{missing}");
    }
    // What the others add or renew meanwhile is taken.
    let renewed = share(OTHER, 2, &[key("o", "renewed"), key("p", "other")]);
    let during = made(&[renewed], &frozen(&[DEPLOYMENT, JOB], &[]), Some(&before));
    assert_eq!(
        texts(&during),
        [
            ("a", "shop"),
            ("j", "job"),
            ("o", "renewed"),
            ("p", "other"),
            ("s", "shop")
        ]
    );
}

#[test]
fn a_file_of_a_workload_whose_part_is_missing_stays_as_a_whole() {
    use Format::Json;
    let shop = share(DEPLOYMENT, 1, &[in_file("f", Json, "x", "shop")]);
    let job = share(
        JOB,
        1,
        &[
            in_file("f", Json, "x", "job"),
            in_file("f", Json, "j", "job"),
        ],
    );
    let before = first(&[shop.clone(), job.clone()]);
    let renewed = share(
        JOB,
        2,
        &[
            in_file("f", Json, "x", "job"),
            in_file("f", Json, "j", "new"),
            key("k", "new"),
        ],
    );
    let during = made(
        std::slice::from_ref(&renewed),
        &frozen(&[DEPLOYMENT], &["f"]),
        Some(&before),
    );
    assert_eq!(during.data["f"], before.data["f"]);
    assert_eq!(texts(&during)[1], ("k", "new"));
    let after = then(&[shop, renewed], &during);
    assert_eq!(
        texts(&after)[0],
        ("f", "{\n  \"j\": \"new\",\n  \"x\": \"shop\"\n}\n"),
        "the key in the file has not changed hands"
    );
    assert_eq!(losers(&after)[0].0, JOB);
    // A file that is not there yet is made of what there is.
    let made = made(&[job], &frozen(&[DEPLOYMENT], &["f"]), None);
    assert_eq!(
        texts(&made),
        [("f", "{\n  \"j\": \"job\",\n  \"x\": \"job\"\n}\n")]
    );
}

#[test]
fn nothing_is_blanked() {
    let full = there(&first(&[share(DEPLOYMENT, 1, &[key("a", "x")])]));
    let empty = share(DEPLOYMENT, 2, &[]);
    let absent = Share {
        absent: true,
        ..empty.clone()
    };
    let nothing_left = "there is nothing left to write: the object keeps what it has";
    assert_eq!(
        render_failure(std::slice::from_ref(&empty), Some(&full)),
        nothing_left
    );
    assert_eq!(
        render_failure(std::slice::from_ref(&absent), Some(&full)),
        nothing_left
    );
    let bare = Existing::default();
    for existing in [None, Some(&bare)] {
        assert_eq!(
            render_failure(std::slice::from_ref(&empty), existing),
            "the sources have no keys, and an empty object would help nobody"
        );
        // The annotation says that the entry may be missing: the pod starts without.
        let merged = merge(
            ObjectKind::Secret,
            vec![absent.clone()],
            &Frozen::default(),
            existing,
        )
        .unwrap();
        assert_eq!(texts(&merged), []);
    }
    // A member that is gone from a payload that was read is gone.
    let merged = first(&[share(DEPLOYMENT, 1, &[key("a", "x"), key("b", "x")])]);
    assert_eq!(
        texts(&then(&[share(DEPLOYMENT, 1, &[key("b", "x")])], &merged)),
        [("b", "x")]
    );
}

#[test]
fn the_key_that_makes_it_too_large_is_named() {
    let value = |key: &str, size: usize| (None, item(key, "aws:/x", &vec![b'x'; size]));
    let rest = MAX_OBJECT - RESERVE;
    let fits = share(
        DEPLOYMENT,
        1,
        &[value("a", rest - 1 - 100 - 1), value("b", 100)],
    );
    assert!(merge(ObjectKind::Secret, vec![fits], &Frozen::default(), None).is_ok());
    let large = share(
        DEPLOYMENT,
        1,
        &[
            value("a", rest - 1 - 100 - 1),
            value("b", 101),
            value("c", 1),
        ],
    );
    assert_eq!(
        render_failure(&[large], None),
        "with the key \"b\" the object would be larger than 1 MiB: take fewer keys"
    );
}

#[test]
fn a_type_has_the_keys_that_the_api_server_demands() {
    use SecretType::{BasicAuth, DockerConfigJson, Opaque, SshAuth, Tls};
    let one = |key: &str, value: &str| (None, item(key, "aws:/x", value.as_bytes()));
    let good = [
        (Opaque, vec![one("a", "")]),
        (
            Tls,
            vec![one("tls.crt", "c"), one("tls.key", ""), one("ca.crt", "c")],
        ),
        (BasicAuth, vec![one("username", "u")]),
        (BasicAuth, vec![one("password", "p")]),
        (SshAuth, vec![one("ssh-privatekey", "k")]),
        (
            DockerConfigJson,
            vec![one(".dockerconfigjson", "{\"auths\": {}}")],
        ),
    ];
    for (secret_type, items) in good {
        let merged = first(&[typed(DEPLOYMENT, secret_type, &items)]);
        assert_eq!(merged.secret_type, secret_type);
    }
    let bad = [
        (
            Tls,
            vec![one("tls.crt", "c")],
            "a Secret of type kubernetes.io/tls needs the key \"tls.key\"",
        ),
        (
            BasicAuth,
            vec![one("user", "u")],
            "a Secret of type kubernetes.io/basic-auth needs the key \"username\" or \"password\"",
        ),
        (
            SshAuth,
            vec![one("key", "k")],
            "a Secret of type kubernetes.io/ssh-auth needs the key \"ssh-privatekey\"",
        ),
        (
            SshAuth,
            vec![one("ssh-privatekey", "")],
            "the value of \"ssh-privatekey\" is empty",
        ),
        (
            DockerConfigJson,
            vec![one("a", "{}")],
            "a Secret of type kubernetes.io/dockerconfigjson needs the key \".dockerconfigjson\"",
        ),
        (
            DockerConfigJson,
            vec![one(".dockerconfigjson", "[]")],
            "the value of \".dockerconfigjson\" is no JSON object",
        ),
        (
            DockerConfigJson,
            vec![one(".dockerconfigjson", "\u{0}")],
            "the value of \".dockerconfigjson\" is no JSON object",
        ),
    ];
    for (secret_type, items, message) in bad {
        assert_eq!(
            render_failure(&[typed(DEPLOYMENT, secret_type, &items)], None),
            message
        );
    }
    // A ConfigMap has no type.
    let share = typed(DEPLOYMENT, Tls, &[one("a", "b")]);
    assert!(merge(ObjectKind::ConfigMap, vec![share], &Frozen::default(), None).is_ok());
}

#[test]
fn the_holder_says_of_which_type_the_secret_is() {
    let tls = typed(
        JOB,
        SecretType::Tls,
        &[key("tls.crt", "job"), key("tls.key", "job")],
    );
    let opaque = typed(DEPLOYMENT, SecretType::Opaque, &[key("a", "shop")]);
    let merged = then(&[opaque, tls.clone()], &first(std::slice::from_ref(&tls)));
    assert_eq!(merged.secret_type, SecretType::Tls);
    assert_eq!(texts(&merged), [("tls.crt", "job"), ("tls.key", "job")]);
    assert_eq!(
        losers(&merged),
        [(
            DEPLOYMENT,
            "the Secret is of type kubernetes.io/tls for Job/migrate; Deployment/shop asks for Opaque: use another name"
        )]
    );
    // A rollout to another type is for the newer revision to say; that no type changes in place is for the write.
    let newer = Share {
        revision: 2,
        ..typed(JOB, SecretType::Opaque, &[key("a", "job")])
    };
    assert_eq!(first(&[tls, newer]).secret_type, SecretType::Opaque);
}

const WORKLOADS: [&str; 4] = ["A/a", "B/b", "C/c", "D/d"];

/// Up to four workloads with up to two revisions that each ask for some of few keys from few sources.
fn any_shares() -> impl Strategy<Value = Vec<Share>> {
    let format = prop::sample::select(vec![Format::Json, Format::Env]);
    let one = prop_oneof![
        3 => ("[x-z]", "[p-q]").prop_map(|(name, source)| key(&name, &source)),
        2 => ("[y-z]", format, "[kl]", "[p-q]")
            .prop_map(|(file, format, name, source)| in_file(&file, format, &name, &source)),
    ];
    let items = proptest::collection::vec(one, 1..4)
        .prop_filter("one share agrees with itself", |items| {
            check_share(items).is_ok()
        });
    proptest::collection::btree_map((0..WORKLOADS.len(), 1..3_i64), items, 1..6).prop_map(
        |shares| {
            let shares = shares.into_iter();
            shares
                .map(|((workload, revision), mut items)| {
                    let workload = WORKLOADS[workload];
                    // The value says whose it is.
                    for (_, item) in &mut items {
                        item.value = SecretBytes::from(workload.to_owned());
                    }
                    share(workload, revision, &items)
                })
                .collect()
        },
    )
}

/// Shares and the same in another order.
fn shuffled() -> impl Strategy<Value = (Vec<Share>, Vec<Share>)> {
    any_shares().prop_flat_map(|shares| (Just(shares.clone()), Just(shares).prop_shuffle()))
}

fn without(shares: &[Share], workload: &str) -> Vec<Share> {
    let mut rest = shares.to_vec();
    rest.retain(|share| share.workload != workload);
    rest
}

/// Whose value is in every place, told by the object's content alone.
fn whose(merged: &Merged) -> BTreeMap<String, String> {
    let mut whose = BTreeMap::new();
    for (key, text) in texts(merged) {
        let in_file: BTreeMap<String, String> = if text.starts_with('{') {
            serde_json::from_str(text).unwrap()
        } else {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        };
        if in_file.is_empty() {
            whose.insert(key.to_owned(), text.to_owned());
        }
        for (name, value) in in_file {
            whose.insert(format!("{key}#{name}"), value);
        }
    }
    whose
}

fn holder<'a>(merged: &'a Merged, name: &str) -> &'a str {
    merged
        .holders
        .get(name)
        .unwrap_or(&merged.holders[EVERY_OTHER])
}

/// Every data key and every place in a file that somebody asks for.
fn asked(shares: &[Share]) -> BTreeSet<String> {
    let items = shares.iter().flat_map(|share| &share.items);
    items
        .map(|(file, item)| slot_name(&slot_of(file.as_ref(), item)))
        .collect()
}

proptest! {
    #[test]
    fn the_order_of_shares_is_no_matter((shares, other) in shuffled(), before in proptest::option::of(any_shares())) {
        let before = before.map(|shares| first(&shares));
        let (one, two) = (
            made(&shares, &Frozen::default(), before.as_ref()),
            made(&other, &Frozen::default(), before.as_ref()),
        );
        prop_assert_eq!(&one.data, &two.data);
        prop_assert_eq!(&one.holders, &two.holders);
        prop_assert_eq!(losers(&one), losers(&two));
    }

    #[test]
    fn every_key_that_is_asked_for_is_there(shares in any_shares(), before in proptest::option::of(any_shares())) {
        let before = before.map(|shares| first(&shares));
        let merged = made(&shares, &Frozen::default(), before.as_ref());
        let wanted: BTreeSet<_> = asked(&shares).iter().map(|name| noted_key(name).to_owned()).collect();
        prop_assert!(merged.data.keys().eq(&wanted));
    }

    #[test]
    fn a_merge_of_its_own_result_changes_nothing(shares in any_shares(), before in proptest::option::of(any_shares())) {
        let before = before.map(|shares| first(&shares));
        let once = made(&shares, &Frozen::default(), before.as_ref());
        let twice = then(&shares, &once);
        prop_assert_eq!(&once.data, &twice.data);
        prop_assert_eq!(&once.holders, &twice.holders);
        prop_assert_eq!(losers(&once), losers(&twice));
    }

    #[test]
    fn who_leaves_and_comes_back_takes_nothing_from_those_who_stayed(
        shares in any_shares(), index in 0..WORKLOADS.len(),
    ) {
        let leaver = WORKLOADS[index];
        let rest = without(&shares, leaver);
        if rest.is_empty() {
            return Ok(());
        }
        let before = first(&shares);
        let between = then(&rest, &before);
        let after = then(&shares, &between);
        let (stayed, back) = (whose(&between), whose(&after));
        for (name, owner) in whose(&before) {
            let key = noted_key(&name);
            let of_leaver = holder(&before, key) == leaver || owner == leaver;
            if !of_leaver {
                prop_assert_eq!(stayed.get(&name), Some(&owner), "{} when {} left", name, leaver);
            }
        }
        for (name, owner) in &stayed {
            prop_assert_eq!(back.get(name), Some(owner), "{} when {} came back", name, leaver);
        }
        let again = then(&shares, &after);
        prop_assert_eq!(&after.data, &again.data);
        prop_assert_eq!(&after.holders, &again.holders);
    }

    #[test]
    fn a_read_that_fails_for_a_while_changes_nothing(shares in any_shares(), failing in any::<[bool; 4]>()) {
        let before = first(&shares);
        let mut rest = shares.clone();
        let mut part = Frozen::default();
        for share in &shares {
            let index = WORKLOADS.iter().position(|name| *name == share.workload).unwrap();
            if failing[index] {
                rest.retain(|other| other.workload != share.workload);
                part.workloads.insert(share.workload.clone());
                part.files.extend(share.items.iter().filter_map(|(file, _)| Some(file.as_ref()?.name.clone())));
            }
        }
        if rest.is_empty() {
            return Ok(());
        }
        let during = made(&rest, &part, Some(&before));
        prop_assert_eq!(&before.data, &during.data);
        prop_assert_eq!(&before.holders, &during.holders);
        let after = then(&shares, &during);
        prop_assert_eq!(&before.data, &after.data);
        prop_assert_eq!(&before.holders, &after.holders);
    }
}
