//! Several owners of one vault: its list has no filter, and they share it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jasm_fakes::Fault;
use jasm_providers::sink::Held;
use jasm_providers::{Error, ErrorKind, Sink};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use super::clouds::Vault;
use super::{Ground, owner, put, tells};
use crate::support::{MARKER, assert_clean, soon};

const OWNERS: usize = 10;
const ENTRIES: usize = 250;
/// Pages of the vault's list.
const PAGES: usize = 10;
/// Where the list is asked for.
const LIST: &str = "GET /secrets";

fn whose(number: usize) -> String {
    format!("config-{number}")
}

fn name(number: usize) -> String {
    format!("n{number:03}")
}

/// A vault in which each owner has an equal part of the entries; the record is empty.
async fn vault() -> Vault {
    let ground = Vault::new().await;
    for number in 0..ENTRIES {
        let mine = owner(&whose(number % OWNERS)).to_string();
        ground
            .make(&name(number), &format!("{number}-{MARKER}"))
            .await;
        ground.mark(&name(number), &mine);
    }
    ground.operations();
    ground
}

fn held(ground: &Vault, number: usize, deadline: Instant) -> JoinHandle<Result<Vec<Held>, Error>> {
    let sink = ground.sink();
    tokio::spawn(async move { sink.held(&owner(&whose(number)), deadline).await })
}

/// Each of the owner's entries and no other, without a value.
fn assert_own(held: &[Held], number: usize) {
    let names: BTreeSet<_> = held.iter().map(|held| held.name.clone()).collect();
    let own = (number..ENTRIES).step_by(OWNERS).map(name).collect();
    assert_eq!(names, own);
    assert_eq!(held.len(), names.len());
    assert!(
        held.iter()
            .all(|held| held.value.is_none() && held.version.is_some())
    );
}

/// Waits until so many pages of the list were asked for.
async fn asked(ground: &Vault, pages: usize) {
    let record = ground.record();
    while record.of("/secrets").len() < pages {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn owners_that_ask_at_the_same_time_share_the_list() {
    let ground = vault().await;
    let mut asked = JoinSet::new();
    for number in 0..OWNERS {
        let sink = ground.sink();
        asked.spawn(async move { (number, sink.held(&owner(&whose(number)), soon()).await) });
    }
    for (number, held) in asked.join_all().await {
        assert_own(&held.unwrap(), number);
    }
    let calls = ground.operations();
    assert!(calls.iter().all(|call| *call == "GetSecrets"), "{calls:?}");
    assert_eq!(calls.len(), PAGES);
    // Who holds nothing is told so.
    assert_eq!(
        ground.sink().held(&owner("nobody"), soon()).await,
        Ok(Vec::new())
    );
}

#[tokio::test]
async fn one_that_is_dropped_takes_the_list_from_nobody() {
    let ground = vault().await;
    let slow = Fault::Late(Duration::from_millis(300));
    ground.vault_faults().play(LIST, slow, Some(1));
    let (first, second) = (held(&ground, 0, soon()), held(&ground, 1, soon()));
    asked(&ground, 1).await;
    first.abort();
    assert_own(&second.await.unwrap().unwrap(), 1);
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(ground.operations().len(), PAGES);
}

#[tokio::test]
async fn a_deadline_is_that_of_one_owner() {
    let ground = vault().await;
    let slow = Fault::Late(Duration::from_millis(2_500));
    ground.vault_faults().play(LIST, slow, Some(1));
    let patient = held(&ground, 1, soon());
    let near = Instant::now() + Duration::from_millis(700);
    let error = held(&ground, 0, near).await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert_eq!(error.message, "GetSecrets did not answer in time");
    assert!(!patient.is_finished());
    assert_own(&patient.await.unwrap().unwrap(), 1);
    assert_eq!(ground.operations().len(), PAGES);
}

#[tokio::test]
async fn a_list_that_fails_is_asked_for_again_by_the_next() {
    let ground = vault().await;
    ground
        .vault_faults()
        .play(LIST, Fault::status(403), Some(1));
    let both = [held(&ground, 0, soon()), held(&ground, 1, soon())];
    for held in both {
        let error = held.await.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        assert_clean(&error);
    }
    assert_eq!(ground.operations().len(), 1);
    assert_own(&held(&ground, 0, soon()).await.unwrap().unwrap(), 0);
    assert_eq!(ground.operations().len(), PAGES);
}

#[tokio::test]
async fn what_was_written_while_a_list_is_under_way_is_in_the_writers_own() {
    let ground = vault().await;
    let sink: Arc<dyn Sink> = ground.sink();
    // Each page takes a while, and the new entry is the first of the first one.
    let slow = Fault::Late(Duration::from_millis(120));
    ground.vault_faults().play(LIST, slow, None);
    let first = held(&ground, 0, soon());
    // The first page has its answer when the second one is asked for.
    asked(&ground, 2).await;
    let (mine, new) = (owner(&whose(1)), put("a-first", "new"));
    sink.create(&new, &mine, soon()).await.unwrap();
    assert!(!first.is_finished());
    let found = sink.held(&mine, soon()).await.unwrap();
    let entry = found.iter().find(|held| held.name == new.name).unwrap();
    assert!(tells(entry, &new));
    assert_eq!(found.len(), ENTRIES / OWNERS + 1);
    assert_own(&first.await.unwrap().unwrap(), 0);
    // And what is deleted is gone from it.
    ground.vault_faults().clear();
    sink.delete(entry, &mine, soon()).await.unwrap();
    assert_own(&sink.held(&mine, soon()).await.unwrap(), 1);
}
