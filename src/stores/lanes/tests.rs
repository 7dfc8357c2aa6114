use std::cell::Cell;
use std::fmt;

use async_trait::async_trait;
use jasm_providers::batching::LaneOptions;
use jasm_providers::{ErrorKind, SecretBytes, file};
use tokio::time::advance;

use super::*;

struct Named(String);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[async_trait]
impl Workload for Named {
    fn namespace(&self) -> &str {
        "n"
    }

    fn service_account(&self) -> &str {
        &self.0
    }

    fn annotation(&self, _: &str) -> Option<&str> {
        None
    }

    async fn token(&self, _: &str, _: Instant) -> Result<SecretBytes, Error> {
        Err(Error::new(ErrorKind::Unsupported, "no tokens here"))
    }
}

/// Asks for the lane of an account, and counts the lanes that are made.
struct Desk {
    lanes: Lanes,
    made: Cell<usize>,
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            lanes: Lanes::default(),
            made: Cell::new(0),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn ask(&mut self, name: &str, mark: &str) {
        let found = Found {
            account: Arc::new(Named(name.to_owned())),
            mark: mark.into(),
        };
        let (made, folder) = (&self.made, self.folder.path());
        let lane = self.lanes.of(found, |_| {
            made.set(made.get() + 1);
            let source = file::Directory::new(folder, Arc::new(|_| {}))?;
            Ok(Lane::new(Arc::new(source), LaneOptions::default()))
        });
        assert!(lane.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_keeps_its_lane_until_something_else_is_written_on_it() {
    let mut desk = Desk::new();
    desk.ask("shop", "one");
    desk.ask("shop", "one");
    assert_eq!(desk.made.get(), 1);
    desk.ask("shop", "two");
    assert_eq!(desk.made.get(), 2);
    desk.ask("other", "two");
    assert_eq!(desk.made.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_anew_is_not_read_as_it_was() {
    let mut desk = Desk::new();
    desk.ask("shop", "one");
    let found = Found {
        account: Arc::new(Named("shop".to_owned())),
        mark: "two".into(),
    };
    let refused = desk
        .lanes
        .of(found, |_| Err(Error::new(ErrorKind::Denied, "no")));
    assert!(refused.is_err());
    desk.ask("shop", "one");
    assert_eq!(desk.made.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_did_not_read_for_the_longest_time_goes_first() {
    let mut desk = Desk::new();
    for number in 0..MOST {
        desk.ask(&number.to_string(), "one");
        advance(Duration::from_millis(1)).await;
    }
    desk.ask("0", "one");
    advance(Duration::from_millis(1)).await;
    desk.ask("one more", "one");
    assert_eq!(desk.lanes.lanes.len(), MOST);
    let made = desk.made.get();
    desk.ask("0", "one");
    assert_eq!(desk.made.get(), made);
    desk.ask("1", "one");
    assert_eq!(desk.made.get(), made + 1);
}

#[tokio::test(start_paused = true)]
async fn credentials_that_nobody_uses_are_given_up() {
    let mut desk = Desk::new();
    desk.ask("gone", "one");
    advance(IDLE / 2).await;
    desk.ask("here", "one");
    advance(IDLE / 2).await;
    desk.ask("here", "one");
    assert_eq!(desk.lanes.lanes.len(), 1);
}
