//! A mount as one identity.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::answer;
use super::connection::Connection;
use super::folders::Folders;
use super::login::{Desk, Token};
use super::options::Engine;
use crate::http::{Answer, observed};
use crate::probe::Probe;
use crate::session::{Held, Session};
use crate::source::{Known, Observer, compared};
use crate::{Entry, EntryRef, Error, ErrorKind, Identity, Listed, Prefix, Source};

/// Calls under way where one read is several.
const AT_ONCE: usize = 8;
/// Most bytes of an answer with a value: twice what an object holds, as JSON writes characters longer.
const VALUE: usize = 2 * 1024 * 1024;
/// Most bytes of a folder's names.
const NAMES: usize = 4 * 1024 * 1024;
/// Far more than what is said about one mount.
const MOUNT: usize = 64 * 1024;

/// The key-value engine at one mount as one identity.
///
/// The payload of an entry is its JSON object, byte for byte as the server sends it.
#[derive(Clone)]
pub struct Vault {
    pub(super) connection: Connection,
    session: Session<Token>,
    pub(super) desk: Arc<Desk>,
    observer: Observer,
    probe: Arc<Probe>,
    /// The server does not tell this identity what is mounted.
    untold: Arc<AtomicBool>,
}

/// One read of the API.
pub(super) struct Get {
    pub(super) operation: &'static str,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) limit: usize,
}

impl Vault {
    /// A mount behind a connection; nothing is sent yet.
    ///
    /// # Errors
    /// The store's login is not one for this identity.
    pub fn new(
        connection: &Connection,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        Ok(Self {
            connection: connection.clone(),
            session: Session::default(),
            desk: Arc::new(Desk::new(connection, identity, Arc::clone(&observer))?),
            observer,
            probe: Arc::default(),
            untold: Arc::default(),
        })
    }

    pub(super) async fn token(&self, deadline: Instant) -> Result<Arc<Held<Token>>, Error> {
        self.session
            .get(deadline, |before| Arc::clone(&self.desk).issue(before))
            .await
    }

    /// Sends a read; once more with a new token if it is the token that is refused.
    pub(super) async fn ask<T: Send>(
        &self,
        get: &Get,
        read: impl Fn(&Answer) -> Result<T, Error> + Send + Sync,
        deadline: Instant,
    ) -> Result<T, Error> {
        let held = self.token(deadline).await?;
        let error = match self.ask_with(&held, get, &read, deadline).await {
            Err(error) if matches!(error.kind, ErrorKind::Denied | ErrorKind::Unauthenticated) => {
                error
            }
            result => return result,
        };
        // One status for a missing right and for a token that has ended or was revoked.
        if self.desk.accepted(held.value(), deadline).await? || !self.session.refuse(&held) {
            return Err(error);
        }
        let held = self.token(deadline).await?;
        self.ask_with(&held, get, &read, deadline).await
    }

    async fn ask_with<T: Send>(
        &self,
        held: &Held<Token>,
        get: &Get,
        read: &(impl Fn(&Answer) -> Result<T, Error> + Send + Sync),
        deadline: Instant,
    ) -> Result<T, Error> {
        observed(&self.observer, get.operation, async {
            let answer = self
                .connection
                .get(
                    get.operation,
                    &get.path,
                    get.query.as_deref(),
                    get.limit,
                    &held.value().secret,
                    deadline,
                )
                .await?;
            read(&answer)
        })
        .await
    }

    async fn get(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let subject = want.to_string();
        let version = self.version(want)?;
        let get = Get {
            operation: "ReadSecret",
            path: format!("{}/{}", answer::right(&self.connection), want.path),
            query: version.map(|number| format!("version={number}")),
            limit: VALUE,
        };
        let read = |answer: &Answer| {
            answer::entry(answer, &self.connection, &want.path, &subject, version)
        };
        let read = self.ask(&get, read, deadline).await;
        self.believed(read, deadline).await
    }

    /// An answer as it is; that there is nothing, once it is known which engine says so.
    async fn believed<T>(&self, answer: Result<T, Error>, deadline: Instant) -> Result<T, Error> {
        if answer
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::NotFound)
        {
            self.confirm(deadline).await?;
        }
        answer
    }

    /// Asks once what is mounted before "there is nothing" is believed: version 1 says so of every path
    /// that version 2 would know.
    async fn confirm(&self, deadline: Instant) -> Result<(), Error> {
        if self.connection.confirmed() || self.untold.load(Ordering::Relaxed) {
            return Ok(());
        }
        let get = Get {
            operation: "ReadMount",
            path: format!("{}/{}", answer::PREFLIGHT, self.connection.mount()),
            query: None,
            limit: MOUNT,
        };
        let held = self.token(deadline).await?;
        let read = |answer: &Answer| answer::engine(answer, &self.connection);
        match self.ask_with(&held, &get, &read, deadline).await? {
            Some(()) => self.connection.confirm(),
            None => self.untold.store(true, Ordering::Relaxed),
        }
        Ok(())
    }

    /// Whether an entry is still of a version, by what the engine keeps about its versions.
    async fn same(&self, known: Known, deadline: Instant) -> Result<bool, Error> {
        let subject = known.want.to_string();
        let asked = self.version(&known.want)?;
        let right = answer::right_to_list(&self.connection);
        let get = Get {
            operation: "ReadMetadata",
            path: format!("{right}/{}", known.want.path),
            query: None,
            limit: NAMES,
        };
        let read = |answer: &Answer| answer::at_version(answer, &self.connection, &subject, asked);
        let version = self.ask(&get, read, deadline).await;
        let version = self.believed(version, deadline).await?;
        Ok(version.is_some_and(|version| version.to_string() == known.version.0))
    }

    fn version(&self, want: &EntryRef) -> Result<Option<u64>, Error> {
        let refuse = |kind, sentence: &str| Err(Error::new(kind, sentence));
        match (self.connection.engine(), want.version.as_deref()) {
            (_, None) => Ok(None),
            (Engine::V1, Some(_)) => refuse(
                ErrorKind::Unsupported,
                "version 1 of the key-value engine keeps no versions: leave version away",
            ),
            (Engine::V2, Some(word)) => match word.parse() {
                Ok(number) if number > 0 => Ok(Some(number)),
                _ => refuse(
                    ErrorKind::Invalid,
                    "a version of vault is a positive number",
                ),
            },
        }
    }

    async fn folder(
        &self,
        path: &str,
        subject: &str,
        deadline: Instant,
    ) -> Result<Vec<String>, Error> {
        let slash = if path.is_empty() { "" } else { "/" };
        let right = answer::right_to_list(&self.connection);
        let get = Get {
            operation: "ListSecrets",
            path: format!("{right}/{path}{slash}"),
            query: Some("list=true".to_owned()),
            limit: NAMES,
        };
        let read = |answer: &Answer| answer::folder(answer, &self.connection, path, subject);
        if let Some(names) = self.ask(&get, read, deadline).await? {
            return Ok(names);
        }
        self.confirm(deadline).await?;
        Ok(Vec::new())
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("desk", &self.desk)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for Vault {
    fn batch_limit(&self) -> usize {
        1
    }

    fn batches(&self, _: &EntryRef) -> bool {
        false
    }

    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>> {
        if let [want] = wants {
            return vec![self.get(want, deadline).await];
        }
        let given_up = || Err(Error::new(ErrorKind::Unavailable, "the read was given up"));
        let mut answers: Vec<_> = wants.iter().map(|_| given_up()).collect();
        let mut waiting = wants.iter().cloned().enumerate();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < AT_ONCE
                && let Some((place, want)) = waiting.next()
            {
                let this = self.clone();
                tasks.spawn(async move { (place, this.get(&want, deadline).await) });
            }
            match tasks.join_next().await {
                None => return answers,
                Some(Ok((place, answer))) => {
                    if let Some(slot) = answers.get_mut(place) {
                        *slot = answer;
                    }
                }
                Some(Err(_)) => {}
            }
        }
    }

    async fn read_changed(
        &self,
        known: &[Known],
        deadline: Instant,
    ) -> Vec<Result<Option<Entry>, Error>> {
        if self.connection.engine() == Engine::V1 {
            return compared(self, known, deadline).await;
        }
        let same = |known| self.same(known, deadline);
        self.probe.read_changed(self, known, deadline, same).await
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        let subject = prefix.to_string();
        let mut folders = Folders::new(prefix);
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < AT_ONCE
                && let Some(folder) = folders.next()
            {
                let (this, subject) = (self.clone(), subject.clone());
                tasks.spawn(async move {
                    let names = this.folder(&folder, &subject, deadline).await;
                    (folder, names)
                });
            }
            match tasks.join_next().await {
                None => return Ok(folders.finish()),
                Some(Ok((folder, names))) => folders.add(&folder, names?)?,
                Some(Err(_)) => {
                    let sentence = format!("the listing of {subject} was given up");
                    return Err(Error::new(ErrorKind::Unavailable, sentence));
                }
            }
        }
    }
}
