use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use jasm_providers::VersionToken;
use jasm_providers::sink::fingerprint::KEY;
use proptest::prelude::*;

use super::*;

/// One entry of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    owner: Option<Owner>,
    value: String,
    fingerprint: Option<Fingerprint>,
    versions: usize,
    deleted: bool,
}

/// What a store does that does not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It does it.
    None,
    /// It is away, and did nothing.
    Away,
    /// It did it, and the answer was lost.
    Cut,
    /// It is asked too much.
    Throttled,
    /// The one who asked is killed before it is done.
    KilledBefore,
    /// The one who asked is killed after it is done.
    KilledAfter,
}

/// A store in memory; faults come in the order of calls.
#[derive(Debug, Default)]
struct Store {
    entries: Mutex<BTreeMap<String, Stored>>,
    faults: Mutex<Vec<Fault>>,
    writes: Mutex<usize>,
    reads: Mutex<usize>,
    /// Its list brings the values along.
    lists_values: bool,
    /// A name is the same in any case, and shown in that of its first write.
    no_case: bool,
    /// What the list says, if it is behind.
    list: Mutex<Option<Vec<Held>>>,
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap()
}

impl Store {
    async fn write(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Stored>) -> Result<(), WriteError>,
    ) -> Result<(), WriteError> {
        *lock(&self.writes) += 1;
        let fault = lock(&self.faults).pop().unwrap_or(Fault::None);
        let away = || Error::new(ErrorKind::Unavailable, "away");
        match fault {
            Fault::None => change(&mut lock(&self.entries)),
            Fault::Away => Err(away().into()),
            Fault::Cut => {
                change(&mut lock(&self.entries))?;
                Err(away().into())
            }
            Fault::Throttled => {
                Err(Error::new(ErrorKind::Throttled { after: None }, "slowly").into())
            }
            Fault::KilledBefore => std::future::pending().await,
            Fault::KilledAfter => {
                change(&mut lock(&self.entries))?;
                std::future::pending().await
            }
        }
    }

    /// What is called so, and how it is shown.
    fn find<'e>(
        &self,
        entries: &'e BTreeMap<String, Stored>,
        name: &str,
    ) -> Option<(&'e String, &'e Stored)> {
        let same = |other: &str| other == name || self.no_case && other.eq_ignore_ascii_case(name);
        entries.iter().find(|(other, _)| same(other))
    }

    fn held(&self, name: &str, stored: &Stored) -> Held {
        Held {
            name: name.to_owned(),
            fingerprint: stored.fingerprint.clone(),
            value: self
                .lists_values
                .then(|| SecretBytes::from(stored.value.clone())),
            version: Some(VersionToken(stored.versions.to_string())),
        }
    }
}

fn text(value: &SecretBytes) -> String {
    String::from_utf8(value.expose().to_vec()).unwrap()
}

#[async_trait]
impl Sink for Store {
    async fn held(&self, owner: &Owner, _: Instant) -> Result<Vec<Held>, Error> {
        if let Some(list) = &*lock(&self.list) {
            return Ok(list.clone());
        }
        let entries = lock(&self.entries);
        let ours = entries
            .iter()
            .filter(|(_, stored)| stored.owner.as_ref() == Some(owner) && !stored.deleted);
        Ok(ours.map(|(name, stored)| self.held(name, stored)).collect())
    }

    async fn holder(&self, name: &str, owner: &Owner, _: Instant) -> Result<Holder, Error> {
        Ok(match self.find(&lock(&self.entries), name) {
            None => Holder::Nobody,
            Some((name, stored)) => match (stored.owner.as_ref() == Some(owner), stored.deleted) {
                (true, false) => Holder::Owner(self.held(name, stored)),
                (true, true) => Holder::Deleted,
                (false, false) => Holder::Other(stored.owner.clone()),
                (false, true) => Holder::DeletedOther,
            },
        })
    }

    async fn read(&self, names: &[&str], _: Instant) -> Vec<Result<SecretBytes, Error>> {
        *lock(&self.reads) += names.len();
        let entries = lock(&self.entries);
        names
            .iter()
            .map(|name| Ok(SecretBytes::from(entries[*name].value.clone())))
            .collect()
    }

    async fn create(&self, put: &Put, owner: &Owner, _: Instant) -> Result<(), WriteError> {
        self.write(|entries| {
            if self.find(entries, &put.name).is_some() {
                return Err(WriteError::Exists);
            }
            let stored = Stored {
                owner: Some(owner.clone()),
                value: text(&put.value),
                fingerprint: Some(put.fingerprint.clone()),
                versions: 1,
                deleted: false,
            };
            entries.insert(put.name.clone(), stored);
            Ok(())
        })
        .await
    }

    async fn update(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        _: Instant,
    ) -> Result<(), WriteError> {
        self.write(|entries| {
            let stored = entries.get_mut(&held.name).unwrap();
            let version = VersionToken(stored.versions.to_string());
            if stored.owner.as_ref() != Some(owner) || held.version != Some(version) {
                return Err(WriteError::Changed);
            }
            stored.value = text(&put.value);
            stored.fingerprint = Some(put.fingerprint.clone());
            stored.versions += 1;
            Ok(())
        })
        .await
    }

    async fn remark(
        &self,
        held: &Held,
        put: &Put,
        _: &Owner,
        _: Instant,
    ) -> Result<(), WriteError> {
        self.write(|entries| {
            entries.get_mut(&held.name).unwrap().fingerprint = Some(put.fingerprint.clone());
            Ok(())
        })
        .await
    }

    async fn restore(&self, name: &str, _: Instant) -> Result<(), WriteError> {
        self.write(|entries| {
            entries.get_mut(name).unwrap().deleted = false;
            Ok(())
        })
        .await
    }

    async fn delete(&self, held: &Held, owner: &Owner, _: Instant) -> Result<(), WriteError> {
        self.write(|entries| {
            let stored = entries.get_mut(&held.name).unwrap();
            assert_eq!(
                stored.owner.as_ref(),
                Some(owner),
                "a stranger's is deleted"
            );
            stored.deleted = true;
            Ok(())
        })
        .await
    }
}

fn owner(name: &str) -> Owner {
    Owner {
        cluster: "c".into(),
        namespace: "shop".into(),
        name: name.into(),
    }
}

fn key(byte: u8) -> Fingerprints {
    Fingerprints::new(&SecretBytes::new(vec![byte; KEY])).unwrap()
}

fn wanted(entries: &BTreeMap<String, String>) -> Vec<Wanted> {
    entries
        .iter()
        .map(|(name, value)| Wanted {
            name: name.clone(),
            value: SecretBytes::from(value.clone()),
            file: "f".into(),
        })
        .collect()
}

struct Setting {
    owner: Owner,
    key: Fingerprints,
    deletion: DeletionPolicy,
    dry: bool,
    passing: bool,
    keep: HashSet<String>,
    recent: Recent,
}

impl Setting {
    fn new() -> Self {
        Self {
            owner: owner("config"),
            key: key(1),
            deletion: DeletionPolicy::Delete,
            dry: false,
            passing: false,
            keep: HashSet::new(),
            recent: Recent::default(),
        }
    }

    async fn run(&self, store: &Arc<Store>, source: &BTreeMap<String, String>) -> Report {
        self.run_beside(store, source, true).await
    }

    /// With or without a failure elsewhere in the object.
    async fn run_beside(
        &self,
        store: &Arc<Store>,
        source: &BTreeMap<String, String>,
        other_is_whole: bool,
    ) -> Report {
        let job = Job {
            sink: store.clone(),
            store: "s",
            kind: if store.no_case {
                Kind::AzureKeyVault
            } else {
                Kind::AwsSecretsManager
            },
            owner: &self.owner,
            fingerprints: &self.key,
            revision: "main@sha1:1",
            wanted: wanted(source),
            keep: self.keep.clone(),
            missed: &|name| name.starts_with("missed"),
            recent: &self.recent,
            gate: &Gate::new(1, other_is_whole),
            deletion: self.deletion,
            allowed: &|name| !name.starts_with("forbidden"),
            timeout: Duration::from_secs(10),
            passing: self.passing,
            dry: self.dry,
        };
        run(job).await.unwrap()
    }
}

fn source(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn fates(report: &Report) -> Vec<(&str, &'static str)> {
    let word = |fate: &Fate| match fate {
        Fate::Created => "created",
        Fate::Updated => "updated",
        Fate::Unchanged => "unchanged",
        Fate::Deleted => "deleted",
        Fate::Retained => "retained",
        Fate::Failed(failed) => failed.reason,
    };
    let entries = report.entries.iter();
    entries
        .map(|(name, fate)| (name.as_str(), word(fate)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_may_be_in_the_source_unread_stays_and_the_rest_goes() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    setting
        .run(
            &store,
            &source(&[("a", "1"), ("b", "2"), ("missed-c", "3")]),
        )
        .await;
    assert_eq!(
        fates(&setting.run(&store, &source(&[("a", "1")])).await),
        [
            ("a", "unchanged"),
            ("b", "deleted"),
            ("missed-c", "retained")
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_behind_is_not_believed_of_what_was_just_written() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    let freeze = async || {
        let list = Sink::held(&*store, &setting.owner, Instant::now()).await;
        let list = list.unwrap();
        *lock(&store.list) = Some(list);
    };
    let good = source(&[("db", "good"), ("x", "1")]);
    setting.run(&store, &good).await;
    freeze().await;
    let bad = source(&[("db", "bad"), ("new", "1"), ("x", "1")]);
    assert_eq!(
        fates(&setting.run(&store, &bad).await),
        [("db", "updated"), ("new", "created"), ("x", "unchanged")]
    );
    // Back again, while the list has nothing of all that.
    let back = [("db", "updated"), ("new", "deleted"), ("x", "unchanged")];
    assert_eq!(fates(&setting.run(&store, &good).await), back);
    assert_eq!(lock(&store.entries)["db"].value, "good");
    assert!(lock(&store.entries)["new"].deleted);
    // And now it has what is gone, and then is up to date: nothing is left to do.
    *lock(&store.list) = None;
    freeze().await;
    lock(&store.list).as_mut().unwrap().push(Held {
        name: "new".into(),
        fingerprint: None,
        value: None,
        version: None,
    });
    let rest = [("db", "unchanged"), ("x", "unchanged")];
    assert_eq!(fates(&setting.run(&store, &good).await), rest);
    *lock(&store.list) = None;
    *lock(&store.writes) = 0;
    assert_eq!(fates(&setting.run(&store, &good).await), rest);
    assert_eq!(*lock(&store.writes), 0);
    // All of it goes, also what no list has yet.
    setting.run(&store, &bad).await;
    *lock(&store.list) = Some(Vec::new());
    let (owner, patience) = (&setting.owner, Duration::from_secs(1));
    let all = setting
        .recent
        .settle("s", Vec::new(), &*store, owner, patience)
        .await
        .unwrap();
    assert_eq!(delete_all(&*store, owner, all, patience).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn where_names_have_no_case_another_one_is_no_other_entry() {
    let store = Store {
        no_case: true,
        ..Store::default()
    };
    let (store, setting) = (Arc::new(store), Setting::new());
    let first = source(&[("shop-db", "1"), ("shop-host", "h"), ("shop-x", "x")]);
    setting.run(&store, &first).await;
    let keeps = Setting {
        keep: HashSet::from(["SHOP-X".to_owned()]),
        ..Setting::new()
    };
    for turn in 0..2 {
        let second = source(&[("shop-DB", "1"), ("shop-HOST", "other")]);
        let host = if turn == 0 { "updated" } else { "unchanged" };
        assert_eq!(
            fates(&keeps.run(&store, &second).await),
            [("shop-DB", "unchanged"), ("shop-HOST", host)]
        );
        let entries = lock(&store.entries);
        let there: Vec<_> = { entries.iter() }
            .map(|(name, stored)| (name.as_str(), stored.value.as_str(), stored.deleted))
            .collect();
        assert_eq!(
            there,
            [
                ("shop-db", "1", false),
                ("shop-host", "other", false),
                ("shop-x", "x", false)
            ]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_did_not_change_costs_one_list_and_nothing_else() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    let one = source(&[("a", "1"), ("b", "2"), ("c", "3")]);
    let first = setting.run(&store, &one).await;
    assert_eq!(
        fates(&first),
        [("a", "created"), ("b", "created"), ("c", "created")]
    );
    *lock(&store.writes) = 0;
    let again = setting.run(&store, &one).await;
    assert_eq!(
        fates(&again),
        [("a", "unchanged"), ("b", "unchanged"), ("c", "unchanged")]
    );
    let two = source(&[("a", "1"), ("b", "changed"), ("d", "4")]);
    assert_eq!((*lock(&store.writes), *lock(&store.reads)), (0, 0));
    // What would be, and then what is.
    let dry = Setting {
        dry: true,
        ..Setting::new()
    };
    let expected = [
        ("a", "unchanged"),
        ("b", "updated"),
        ("c", "deleted"),
        ("d", "created"),
    ];
    assert_eq!(fates(&dry.run(&store, &two).await), expected);
    assert_eq!(*lock(&store.writes), 0);
    assert_eq!(fates(&setting.run(&store, &two).await), expected);
    // A key that comes back is brought back.
    assert_eq!(
        fates(&setting.run(&store, &one).await)[2],
        ("c", "unchanged")
    );
    assert_eq!(lock(&store.entries)["c"].versions, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_ours_is_left_alone_and_the_others_are_written() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    let foreign = |owner: Option<Owner>, deleted| Stored {
        owner,
        value: "theirs".into(),
        fingerprint: None,
        versions: 1,
        deleted,
    };
    let strangers = [
        ("hand", foreign(None, false)),
        ("other", foreign(Some(owner("other")), false)),
        ("ending", foreign(None, true)),
    ];
    for (name, stored) in &strangers {
        lock(&store.entries).insert((*name).to_owned(), stored.clone());
    }
    let all = source(&[
        ("a", "1"),
        ("ending", "x"),
        ("forbidden", "x"),
        ("hand", "x"),
        ("other", "x"),
    ]);
    let report = setting.run(&store, &all).await;
    let expected = [
        ("a", "created"),
        ("ending", "NotOwned"),
        ("forbidden", "AccessDenied"),
        ("hand", "NotOwned"),
        ("other", "NotOwned"),
    ];
    assert_eq!(fates(&report), expected);
    let Fate::Failed(failed) = &report.entries[4].1 else {
        panic!("{report:?}");
    };
    assert!(
        failed.message.contains("belongs to c/shop/other"),
        "{failed:?}"
    );
    for (name, stored) in strangers {
        assert_eq!(lock(&store.entries)[name], stored);
    }
    // With a failure nothing is deleted.
    let fewer = source(&[("hand", "x")]);
    let report = setting.run(&store, &fewer).await;
    assert_eq!(fates(&report), [("a", "retained"), ("hand", "NotOwned")]);
    // Nothing but what may not be written is left: that is no empty source, and nothing to delete either.
    let report = setting.run(&store, &source(&[("forbidden", "x")])).await;
    assert_eq!(
        fates(&report),
        [("a", "retained"), ("forbidden", "AccessDenied")]
    );
    // Nothing at all is left.
    let report = setting.run(&store, &BTreeMap::new()).await;
    assert!(report.guarded && !lock(&store.entries)["a"].deleted);
}

#[tokio::test(start_paused = true)]
async fn what_no_rule_allows_any_more_is_not_deleted() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    for name in ["forbidden", "gone"] {
        let ours = Stored {
            owner: Some(setting.owner.clone()),
            value: "v".into(),
            fingerprint: None,
            versions: 1,
            deleted: false,
        };
        lock(&store.entries).insert(name.to_owned(), ours);
    }
    let report = setting.run(&store, &source(&[("a", "1")])).await;
    let expected = [
        ("a", "created"),
        ("forbidden", "AccessDenied"),
        ("gone", "deleted"),
    ];
    assert_eq!(fates(&report), expected);
    assert!(!lock(&store.entries)["forbidden"].deleted);
}

#[tokio::test(start_paused = true)]
async fn what_moves_to_the_other_store_stays_until_it_is_there() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    let both = source(&[("a", "1"), ("moved", "2")]);
    setting.run(&store, &both).await;
    let left = source(&[("a", "1")]);
    let report = setting.run_beside(&store, &left, false).await;
    assert_eq!(fates(&report), [("a", "unchanged"), ("moved", "retained")]);
    let report = setting.run(&store, &left).await;
    assert_eq!(fates(&report), [("a", "unchanged"), ("moved", "deleted")]);
}

#[tokio::test]
async fn one_of_several_that_is_not_whole_keeps_all_from_deleting() {
    for (one, other, all) in [
        (true, true, true),
        (true, false, false),
        (false, true, false),
    ] {
        let gate = Gate::new(2, true);
        let passed = tokio::join!(gate.pass(one), gate.pass(other));
        assert_eq!(passed, (all, all));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_key_costs_one_read_of_each_and_no_version() {
    let store = Arc::new(Store::default());
    let all = source(&[("a", "1"), ("b", "2")]);
    Setting::new().run(&store, &all).await;
    let other = Setting {
        key: key(2),
        ..Setting::new()
    };
    let report = other.run(&store, &all).await;
    assert_eq!(fates(&report), [("a", "unchanged"), ("b", "unchanged")]);
    assert_eq!(*lock(&store.reads), 2);
    other.run(&store, &all).await;
    assert_eq!(*lock(&store.reads), 2);
    assert!(
        lock(&store.entries)
            .values()
            .all(|stored| stored.versions == 1)
    );
    // Somebody writes by hand: what the source says comes back by one version.
    lock(&store.entries).get_mut("a").unwrap().value = "by hand".into();
    lock(&store.entries).get_mut("a").unwrap().fingerprint = None;
    assert_eq!(fates(&other.run(&store, &all).await)[0], ("a", "updated"));
    assert_eq!(lock(&store.entries)["a"].versions, 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_throttles_is_waited_for() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    *lock(&store.faults) = vec![Fault::Throttled; 4];
    let all = source(&[("a", "1"), ("b", "2")]);
    let before = Instant::now();
    let report = setting.run(&store, &all).await;
    assert_eq!(fates(&report), [("a", "created"), ("b", "created")]);
    assert!(before.elapsed() >= Duration::from_millis(500));
    *lock(&store.faults) = vec![Fault::Throttled; 12];
    let report = setting
        .run(&store, &source(&[("a", "2"), ("b", "3")]))
        .await;
    assert_eq!(
        fates(&report),
        [("a", "StoreUnavailable"), ("b", "StoreUnavailable")]
    );
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        1 => Just(Fault::Away),
        1 => Just(Fault::Cut),
        1 => Just(Fault::Throttled),
        1 => Just(Fault::KilledBefore),
        1 => Just(Fault::KilledAfter),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn however_it_is_broken_off_the_next_run_completes_it_and_nothing_is_written_twice(
        before in proptest::collection::btree_map("[a-h]", "[xy]", 0..8),
        after in proptest::collection::btree_map("[a-h]", "[xyz]", 1..8),
        faults in proptest::collection::vec(fault(), 0..40),
        lists_values in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let store = Arc::new(Store { lists_values, ..Store::default() });
            let setting = Setting::new();
            let stranger = Stored { owner: None, value: "theirs".into(), fingerprint: None, versions: 1, deleted: false };
            lock(&store.entries).insert("h".into(), stranger.clone());
            let mut before = before;
            before.remove("h");
            setting.run(&store, &before).await;
            *lock(&store.faults) = faults;
            // Each run ends by itself or is killed; time passes only where nothing else is to be done.
            loop {
                let run = tokio::time::timeout(Duration::from_secs(3600), setting.run(&store, &after)).await;
                let settled = |(name, fate): &(String, Fate)| name == "h" || !matches!(fate, Fate::Failed(_));
                if run.is_ok_and(|report| report.entries.iter().all(settled)) { break; }
            }
            let entries = lock(&store.entries).clone();
            assert_eq!(entries["h"], stranger);
            let failed = after.contains_key("h");
            for (name, value) in &after {
                if name == "h" { continue; }
                let stored = &entries[name];
                assert_eq!((&stored.value, stored.deleted), (value, false));
                let expected = match before.get(name) {
                    Some(old) if old != value => 2,
                    _ => 1,
                };
                assert_eq!(stored.versions, expected, "{name}");
            }
            for name in before.keys().filter(|name| !after.contains_key(*name)) {
                assert_eq!(entries[name].deleted, !failed, "{name}");
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_one_run_leaves_the_marks_of_the_lasting_one() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    let one = source(&[("a", "1"), ("b", "2")]);
    setting.run(&store, &one).await;
    let mark = |name: &str| lock(&store.entries)[name].fingerprint.clone();
    let (a, b) = (mark("a"), mark("b"));
    let passing = Setting {
        key: key(9),
        passing: true,
        ..Setting::new()
    };
    let two = source(&[("a", "1"), ("b", "changed")]);
    let report = passing.run(&store, &two).await;
    assert_eq!(fates(&report), [("a", "unchanged"), ("b", "updated")]);
    assert_eq!(mark("a"), a);
    assert_ne!(mark("b"), b);
    // What it wrote is compared by reading once, and marked again.
    assert_eq!(
        fates(&setting.run(&store, &two).await),
        [("a", "unchanged"), ("b", "unchanged")]
    );
    assert_eq!(
        mark("b"),
        Some(key(1).of("b", &SecretBytes::from("changed".to_owned())))
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_that_no_rule_allows_any_more() {
    let (store, setting) = (Arc::new(Store::default()), Setting::new());
    setting
        .run(&store, &source(&[("a", "1"), ("b", "2")]))
        .await;
    let held = lock(&store.entries)["b"].clone();
    lock(&store.entries).insert("forbidden-b".to_owned(), held);
    let report = setting.run(&store, &source(&[("a", "1")])).await;
    assert_eq!(
        fates(&report),
        [
            ("a", "unchanged"),
            ("b", "deleted"),
            ("forbidden-b", "AccessDenied")
        ]
    );
    assert!(!lock(&store.entries)["forbidden-b"].deleted);
}
