//! What every kind that is written to does: the same cases before each store, in which somebody else writes too.
//!
//! A column is a [`Ground`]: a store that no other test uses, its sink, and a client of the store's own.

mod aws;
mod cases;
mod clouds;
mod crash;
mod relay;
mod shared_list;

use std::sync::Arc;

use async_trait::async_trait;
use jasm_fakes::Faults;
use jasm_providers::sink::{Fingerprint, Fingerprints, Held, Holder, Origin, Owner, Put};
use jasm_providers::{SecretBytes, Sink};

use crate::support::{MARKER, soon};

/// A store, a sink that writes it, and what somebody else does there.
#[async_trait]
pub(crate) trait Ground: Send + Sync {
    fn sink(&self) -> Arc<dyn Sink>;

    /// The kind's name for a word.
    fn name(&self, word: &str) -> String {
        word.to_owned()
    }

    /// Entries on one page of the list.
    fn page(&self) -> usize;

    /// Whether an entry holds bytes that are no text.
    fn binary(&self) -> bool;

    /// The largest value that is written.
    fn largest(&self) -> usize;

    /// Whether the list tells that somebody else wrote a value; else [`Sink::holder`] does.
    fn list_tells(&self) -> bool {
        true
    }

    /// Whether a digest can be written without a version.
    fn remarks(&self) -> bool;

    /// Whether what is deleted can be brought back.
    fn restores(&self) -> bool;

    /// Operations since the last time, as the observer was told of them.
    fn operations(&self) -> Vec<&'static str>;

    /// Somebody else makes an entry, without a mark.
    async fn make(&self, name: &str, value: &str);

    /// Somebody else gives an entry another value and leaves everything else on it.
    async fn change(&self, name: &str, value: &str);

    /// The value as somebody else reads it.
    async fn value(&self, name: &str) -> Option<Vec<u8>>;

    /// How many versions an entry has had.
    async fn versions(&self, name: &str) -> usize;

    /// What stands on the entry about its origin.
    async fn origin(&self, name: &str) -> String;

    /// The next write is done, and its answer does not arrive.
    fn lose_an_answer(&self);

    /// Somebody else writes something beside the mark; whether it was there already. None where nothing can
    /// be written beside it.
    async fn beside(&self, _name: &str) -> Option<bool> {
        None
    }

    /// What can go wrong before the store, and which paths are those of entries.
    fn faults(&self) -> Option<(Arc<Faults>, &'static str)> {
        None
    }

    /// From now on the store may be read only; the word for the right that is missing.
    fn deny(&self) -> Option<&'static str> {
        None
    }
}

/// Runs each case before a new ground.
macro_rules! contract {
    ($column:ident, $ground:expr) => {
        mod $column {
            contract!(@each $ground;
                what_is_created_is_held_and_traced
                a_list_alone_tells_that_nothing_changed
                a_change_is_one_version
                there_and_back_is_one_version_each
                what_somebody_else_writes_is_seen
                what_changed_since_the_list_is_not_written
                nothing_foreign_is_written
                a_name_that_begins_like_another_is_another
                what_is_deleted_is_not_held
                what_is_deleted_comes_back
                a_lost_answer_makes_no_second_version
                a_digest_is_renewed_without_a_version
                values_out_of_the_ordinary
            );
        }
    };
    (@each $ground:expr; $($case:ident)*) => {
        $(#[tokio::test]
        async fn $case() {
            super::cases::$case(&$ground.await).await;
        })*
    };
}

contract!(secrets_manager, super::aws::Secrets::new());
contract!(parameter_store, super::aws::Parameters::new());
contract!(gcp_secret_manager, super::clouds::Secrets::new());
contract!(gcp_parameter_manager, super::clouds::Parameters::new());
contract!(azure_key_vault, super::clouds::Vault::new());
contract!(azure_app_configuration, super::clouds::Settings::new(None));
contract!(
    azure_app_configuration_with_a_label,
    super::clouds::Settings::new(Some("prod"))
);

pub(crate) fn owner(name: &str) -> Owner {
    Owner {
        cluster: "prod".to_owned(),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
    }
}

/// A fingerprint with one of the keys that tests have.
pub(crate) fn fingerprint(key: u8, name: &str, value: &SecretBytes) -> Fingerprint {
    let key = SecretBytes::new(vec![key; 32]);
    Fingerprints::new(&key).unwrap().of(name, value)
}

/// What is to be written; the value holds the marker unless it is bytes.
pub(crate) fn put_bytes(name: &str, value: Vec<u8>) -> Put {
    let value = SecretBytes::new(value);
    Put {
        name: name.to_owned(),
        fingerprint: fingerprint(1, name, &value),
        value,
        origin: Origin {
            revision: "main@sha1:0123456789abcdef".to_owned(),
            file: "services/shop/application.env".to_owned(),
        },
    }
}

pub(crate) fn put(name: &str, value: &str) -> Put {
    put_bytes(name, format!("{value}-{MARKER}").into_bytes())
}

/// The entry as the list has it.
pub(crate) async fn listed(sink: &dyn Sink, name: &str, owner: &Owner) -> Option<Held> {
    let held = sink.held(owner, soon()).await.unwrap();
    held.into_iter().find(|held| held.name == name)
}

/// The entry as it is, after somebody else wrote it.
pub(crate) async fn looked(ground: &dyn Ground, name: &str, owner: &Owner) -> Held {
    let sink = ground.sink();
    if ground.list_tells() {
        return listed(&*sink, name, owner).await.unwrap();
    }
    match sink.holder(name, owner, soon()).await.unwrap() {
        Holder::Owner(held) => held,
        other => panic!("{other:?}"),
    }
}

/// Whether the list tells that an entry is as it shall be.
pub(crate) fn tells(held: &Held, put: &Put) -> bool {
    held.fingerprint.as_ref() == Some(&put.fingerprint) || held.value.as_ref() == Some(&put.value)
}
