//! The cases; each is run before every kind.

use std::collections::BTreeSet;
use std::sync::Arc;

use jasm_providers::ErrorKind;
use jasm_providers::sink::{Holder, WriteError};
use tokio::task::JoinSet;

use super::{Ground, fingerprint, listed, looked, owner, put, put_bytes, tells};
use crate::support::{MARKER, assert_clean, soon};

pub(crate) async fn what_is_created_is_held_and_traced(ground: &dyn Ground) {
    let (sink, mine) = (ground.sink(), owner("config"));
    assert_eq!(sink.held(&mine, soon()).await, Ok(Vec::new()));
    let puts = ["a", "b", "c"].map(|word| put(&ground.name(word), word));
    for put in &puts {
        sink.create(put, &mine, soon()).await.unwrap();
    }
    for put in &puts {
        let held = listed(&*sink, &put.name, &mine).await.unwrap();
        assert!(tells(&held, put), "{}", put.name);
        let found = ground.value(&put.name).await;
        assert_eq!(found.as_deref(), Some(put.value.expose()), "{}", put.name);
        assert_eq!(ground.versions(&put.name).await, 1);
        let origin = ground.origin(&put.name).await;
        assert!(origin.contains(&put.origin.revision), "{origin}");
        assert!(origin.contains(&put.origin.file), "{origin}");
        let holder = sink.holder(&put.name, &mine, soon()).await.unwrap();
        assert!(matches!(&holder, Holder::Owner(held) if tells(held, put)));
    }
    let names: Vec<&str> = puts.iter().rev().map(|put| put.name.as_str()).collect();
    let missing = ground.name("missing");
    let mut asked = names.clone();
    asked.push(&missing);
    let mut values = sink.read(&asked, soon()).await;
    let last = values.pop().unwrap().unwrap_err();
    assert_eq!(last.kind, ErrorKind::NotFound, "{last}");
    for (value, put) in values.iter().zip(puts.iter().rev()) {
        assert!(value.as_ref() == Ok(&put.value), "{}", put.name);
    }
    assert_eq!(
        sink.holder(&missing, &mine, soon()).await,
        Ok(Holder::Nobody)
    );
    assert!(!format!("{sink:?}").contains(MARKER));
}

pub(crate) async fn a_list_alone_tells_that_nothing_changed(ground: &dyn Ground) {
    // No multiple of a page: after a full one an emulator names another, which is empty.
    const ENTRIES: usize = 254;
    const AT_ONCE: usize = 10;
    let (sink, mine) = (ground.sink(), owner("config"));
    let puts: Vec<_> = (0..ENTRIES)
        .map(|number| put(&ground.name(&format!("n{number:03}")), "same"))
        .collect();
    for chunk in puts.chunks(AT_ONCE) {
        let mut writes = JoinSet::new();
        for put in chunk {
            let (sink, mine, put) = (Arc::clone(&sink), mine.clone(), put.clone());
            writes.spawn(async move { sink.create(&put, &mine, soon()).await });
        }
        assert!(writes.join_all().await.iter().all(Result::is_ok));
    }
    ground.operations();
    let held = sink.held(&mine, soon()).await.unwrap();
    let calls = ground.operations();
    assert_eq!(held.len(), ENTRIES);
    let names: BTreeSet<_> = held.iter().map(|held| &held.name).collect();
    assert_eq!(names.len(), ENTRIES);
    assert!(held.iter().all(|held| {
        let put = puts.iter().find(|put| put.name == held.name);
        put.is_some_and(|put| tells(held, put))
    }));
    let kinds: BTreeSet<_> = calls.iter().collect();
    assert_eq!(kinds.len(), 1, "{calls:?}");
    assert!(
        calls.len() <= ENTRIES.div_ceil(ground.page()),
        "{} calls",
        calls.len()
    );
}

pub(crate) async fn a_change_is_one_version(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    let (one, two) = (put(&name, "one"), put(&name, "two"));
    sink.create(&one, &mine, soon()).await.unwrap();
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert!(!tells(&held, &two));
    sink.update(&held, &two, &mine, soon()).await.unwrap();
    assert_eq!(ground.versions(&name).await, 2);
    assert_eq!(
        ground.value(&name).await.as_deref(),
        Some(two.value.expose())
    );
    // Said again with what was known before: no other version comes of it.
    let again = sink.update(&held, &two, &mine, soon()).await;
    assert!(matches!(again, Ok(()) | Err(WriteError::Changed)));
    assert_eq!(ground.versions(&name).await, 2);
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert!(tells(&held, &two) && !tells(&held, &one));
    // Nor of making it once more.
    let again = sink.create(&one, &mine, soon()).await;
    assert_eq!(again, Err(WriteError::Exists));
    assert_eq!(ground.versions(&name).await, 2);
}

pub(crate) async fn there_and_back_is_one_version_each(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    let both = [put(&name, "one"), put(&name, "two")];
    sink.create(&both[0], &mine, soon()).await.unwrap();
    for turn in 1..6 {
        let put = &both[turn % 2];
        let held = listed(&*sink, &name, &mine).await.unwrap();
        assert!(!tells(&held, put), "{turn}");
        sink.update(&held, put, &mine, soon()).await.unwrap();
        assert_eq!(ground.versions(&name).await, turn + 1);
        let found = ground.value(&name).await;
        assert_eq!(found.as_deref(), Some(put.value.expose()));
        let held = listed(&*sink, &name, &mine).await.unwrap();
        assert!(tells(&held, put), "{turn}");
    }
}

pub(crate) async fn what_somebody_else_writes_is_seen(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    let put = put(&name, "one");
    sink.create(&put, &mine, soon()).await.unwrap();
    for turn in 0..2 {
        ground.change(&name, &format!("theirs {turn}")).await;
        let held = looked(ground, &name, &mine).await;
        assert!(!tells(&held, &put), "{turn}");
        assert_eq!(held.fingerprint, None);
        let versions = ground.versions(&name).await;
        sink.update(&held, &put, &mine, soon()).await.unwrap();
        assert_eq!(ground.versions(&name).await, versions + 1);
        let found = ground.value(&name).await;
        assert_eq!(found.as_deref(), Some(put.value.expose()));
        let held = listed(&*sink, &name, &mine).await.unwrap();
        assert!(tells(&held, &put), "{turn}");
    }
    // The same value as ours, by somebody else: a read tells that nothing is to be written.
    let same = String::from_utf8(put.value.expose().to_vec()).unwrap();
    ground.change(&name, &same).await;
    let values = sink.read(&[&name], soon()).await;
    assert!(values[0].as_ref() == Ok(&put.value));
}

pub(crate) async fn what_changed_since_the_list_is_not_written(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    sink.create(&put(&name, "one"), &mine, soon())
        .await
        .unwrap();
    let held = listed(&*sink, &name, &mine).await.unwrap();
    ground.change(&name, "theirs").await;
    let refused = sink.update(&held, &put(&name, "two"), &mine, soon()).await;
    assert_eq!(refused, Err(WriteError::Changed));
    let refused = sink.delete(&held, &mine, soon()).await;
    assert_eq!(refused, Err(WriteError::Changed));
    assert_eq!(ground.value(&name).await.as_deref(), Some(&b"theirs"[..]));
    // After another look it is.
    let held = looked(ground, &name, &mine).await;
    sink.update(&held, &put(&name, "two"), &mine, soon())
        .await
        .unwrap();
}

pub(crate) async fn nothing_foreign_is_written(ground: &dyn Ground) {
    let (sink, mine, other) = (ground.sink(), owner("config"), owner("other"));
    let (theirs, others) = (ground.name("theirs"), ground.name("others"));
    ground.make(&theirs, "theirs").await;
    let put_others = put(&others, "others");
    sink.create(&put_others, &other, soon()).await.unwrap();
    let forged = listed(&*sink, &others, &other).await.unwrap();
    assert_eq!(sink.held(&mine, soon()).await, Ok(Vec::new()));
    for (name, whose) in [(&theirs, None), (&others, Some(other.clone()))] {
        let holder = sink.holder(name, &mine, soon()).await;
        assert_eq!(holder, Ok(Holder::Other(whose)), "{name}");
        let before = ground.value(name).await;
        let mine_now = put(name, "mine");
        let refused = sink.create(&mine_now, &mine, soon()).await;
        assert_eq!(refused, Err(WriteError::Exists), "{name}");
        let mut held = forged.clone();
        held.name.clone_from(name);
        let refused = [
            sink.update(&held, &mine_now, &mine, soon()).await,
            sink.delete(&held, &mine, soon()).await,
            sink.remark(&held, &mine_now, &mine, soon()).await,
        ];
        assert_eq!(refused[0], Err(WriteError::Changed), "{name}");
        assert_eq!(refused[1], Err(WriteError::Changed), "{name}");
        assert!(matches!(refused[2], Ok(()) | Err(WriteError::Changed)));
        assert_eq!(ground.value(name).await, before, "{name}");
        assert_eq!(ground.versions(name).await, 1, "{name}");
    }
    let held = listed(&*sink, &others, &other).await.unwrap();
    assert!(tells(&held, &put_others));
}

pub(crate) async fn a_name_that_begins_like_another_is_another(ground: &dyn Ground) {
    let sink = ground.sink();
    let (short, long) = (owner("config"), owner("config-2"));
    let (a, b) = (ground.name("a"), ground.name("a-2"));
    sink.create(&put(&a, "one"), &short, soon()).await.unwrap();
    sink.create(&put(&b, "two"), &long, soon()).await.unwrap();
    for (owner, name) in [(&short, &a), (&long, &b)] {
        let held = sink.held(owner, soon()).await.unwrap();
        let names: Vec<_> = held.iter().map(|held| &held.name).collect();
        assert_eq!(names, [name]);
    }
    assert_eq!(
        sink.holder(&b, &short, soon()).await,
        Ok(Holder::Other(Some(long)))
    );
}

pub(crate) async fn what_is_deleted_is_not_held(ground: &dyn Ground) {
    let (sink, mine) = (ground.sink(), owner("config"));
    let (a, b) = (ground.name("a"), ground.name("b"));
    for name in [&a, &b] {
        sink.create(&put(name, "one"), &mine, soon()).await.unwrap();
    }
    let held = listed(&*sink, &a, &mine).await.unwrap();
    sink.delete(&held, &mine, soon()).await.unwrap();
    assert_eq!(listed(&*sink, &a, &mine).await, None);
    assert!(listed(&*sink, &b, &mine).await.is_some());
    assert_eq!(ground.value(&a).await, None);
    // Said again, it does no harm.
    let again = sink.delete(&held, &mine, soon()).await;
    assert!(
        matches!(again, Ok(()) | Err(WriteError::Changed)),
        "{again:?}"
    );
    assert!(listed(&*sink, &b, &mine).await.is_some());
}

pub(crate) async fn what_is_deleted_comes_back(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    sink.create(&put(&name, "one"), &mine, soon())
        .await
        .unwrap();
    let held = listed(&*sink, &name, &mine).await.unwrap();
    sink.delete(&held, &mine, soon()).await.unwrap();
    let (ours, others) = (
        sink.holder(&name, &mine, soon()).await,
        sink.holder(&name, &owner("other"), soon()).await,
    );
    let two = put(&name, "two");
    if ground.restores() {
        assert_eq!(ours, Ok(Holder::Deleted));
        assert_eq!(others, Ok(Holder::DeletedOther));
        let refused = sink.create(&two, &mine, soon()).await;
        assert_eq!(refused, Err(WriteError::Exists));
        sink.restore(&name, soon()).await.unwrap();
        let held = listed(&*sink, &name, &mine).await.unwrap();
        assert!(tells(&held, &put(&name, "one")));
        sink.update(&held, &two, &mine, soon()).await.unwrap();
    } else {
        assert_eq!(ours, Ok(Holder::Nobody));
        assert_eq!(others, Ok(Holder::Nobody));
        let Err(WriteError::Failed(error)) = sink.restore(&name, soon()).await else {
            panic!("brought back what is gone")
        };
        assert_eq!(error.kind, ErrorKind::Unsupported);
        sink.create(&two, &mine, soon()).await.unwrap();
    }
    let found = ground.value(&name).await;
    assert_eq!(found.as_deref(), Some(two.value.expose()));
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert!(tells(&held, &two));
}

pub(crate) async fn a_lost_answer_makes_no_second_version(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    let (one, two) = (put(&name, "one"), put(&name, "two"));
    // What the caller does that was not answered: it says the same again.
    ground.lose_an_answer();
    if let Err(WriteError::Failed(error)) = sink.create(&one, &mine, soon()).await {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_clean(&error);
        sink.create(&one, &mine, soon()).await.unwrap();
    }
    assert_eq!(ground.versions(&name).await, 1);
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert!(tells(&held, &one));
    ground.lose_an_answer();
    if let Err(WriteError::Failed(error)) = sink.update(&held, &two, &mine, soon()).await {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
        assert_clean(&error);
        sink.update(&held, &two, &mine, soon()).await.unwrap();
    }
    assert_eq!(ground.versions(&name).await, 2);
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert!(tells(&held, &two));
    ground.lose_an_answer();
    if let Err(WriteError::Failed(error)) = sink.delete(&held, &mine, soon()).await {
        assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    }
    assert_eq!(listed(&*sink, &name, &mine).await, None);
}

pub(crate) async fn a_digest_is_renewed_without_a_version(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    let mut put = put(&name, "one");
    sink.create(&put, &mine, soon()).await.unwrap();
    let held = listed(&*sink, &name, &mine).await.unwrap();
    let before = put.fingerprint.clone();
    put.fingerprint = fingerprint(2, &name, &put.value);
    sink.remark(&held, &put, &mine, soon()).await.unwrap();
    assert_eq!(ground.versions(&name).await, 1);
    let held = listed(&*sink, &name, &mine).await.unwrap();
    if !ground.remarks() {
        assert!(held.fingerprint == Some(before) || held.value.is_some());
        return;
    }
    assert_eq!(held.fingerprint.as_ref(), Some(&put.fingerprint));
    ground.change(&name, "theirs").await;
    let held = looked(ground, &name, &mine).await;
    assert_eq!(held.fingerprint, None);
    sink.update(&held, &put, &mine, soon()).await.unwrap();
    let held = listed(&*sink, &name, &mine).await.unwrap();
    assert_eq!(held.fingerprint.as_ref(), Some(&put.fingerprint));
}

pub(crate) async fn values_out_of_the_ordinary(ground: &dyn Ground) {
    let (sink, mine) = (ground.sink(), owner("config"));
    let bytes = vec![0, 159, 146, 150, 255];
    let good = [
        ("unicode", "schön \u{1f600}\n\"'\\ ".as_bytes().to_vec()),
        ("one", b"x".to_vec()),
        ("lines", b"a\r\nb\n\n".to_vec()),
        ("largest", vec![b'x'; ground.largest()]),
    ];
    for (word, value) in good {
        let put = put_bytes(&ground.name(word), value);
        sink.create(&put, &mine, soon()).await.unwrap();
        let found = ground.value(&put.name).await;
        assert!(found.as_deref() == Some(put.value.expose()), "{word}");
        let held = listed(&*sink, &put.name, &mine).await.unwrap();
        assert!(tells(&held, &put), "{word}");
    }
    let mut large = MARKER.as_bytes().to_vec();
    large.resize(ground.largest() + 1, b'x');
    let mut bad = vec![("large", large, ErrorKind::TooLarge)];
    let put_binary = put_bytes(&ground.name("bytes"), bytes.clone());
    if ground.binary() {
        sink.create(&put_binary, &mine, soon()).await.unwrap();
        let found = ground.value(&put_binary.name).await;
        assert_eq!(found.as_deref(), Some(&bytes[..]));
        let values = sink.read(&[&put_binary.name], soon()).await;
        assert!(values[0].as_ref() == Ok(&put_binary.value));
    } else {
        bad.push(("bytes", bytes, ErrorKind::Invalid));
    }
    for (word, value, kind) in bad {
        let put = put_bytes(&ground.name(word), value);
        let Err(WriteError::Failed(error)) = sink.create(&put, &mine, soon()).await else {
            panic!("{word} was written")
        };
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(&put.name), "{error}");
        assert_clean(&error);
        assert_eq!(ground.value(&put.name).await, None, "{word}");
    }
}
