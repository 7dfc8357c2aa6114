//! Key Vault when it is written to.
//!
//! The mark is the current version's tags, which go with the value in one call. The vault has no etags, and
//! writing is not idempotent: a secret is read right before it is written, and what has the value already
//! is not written again. What somebody else writes has other tags, and is theirs; a version that was written
//! with the same tags is seen by [`holder`](Sink::holder), as the list has neither versions nor values.
//! Nor has it a filter: whoever asks at the same time what it holds shares one list of the whole vault.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::str;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::Method;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::{GET, KeyVault, LIST, READER, Vault};
use crate::azure::classify::{self, About};
use crate::azure::service::Message;
use crate::retry::pause;
use crate::sink::pages::Pages;
use crate::sink::rounds::Rounds;
use crate::sink::token::Token;
use crate::sink::{Fingerprint, Held, Holder, Owner, Put, WriteError};
use crate::{EntryRef, Error, ErrorKind, Kind, SecretBytes, Sink};

const SET: &str = "SetSecret";
const UPDATE: &str = "UpdateSecret";
const DELETE: &str = "DeleteSecret";
const DELETED: &str = "GetDeletedSecret";
const RECOVER: &str = "RecoverDeletedSecret";
const OFFICER: &str = "Key Vault Secrets Officer";
/// Secrets on one page: the most that the vault gives.
const PAGE: &str = "25";
/// Reads under way at once.
const AT_ONCE: usize = 8;

const OWNER: &str = "jasm-owner";
const FINGERPRINT: &str = "jasm-fingerprint";
const REVISION: &str = "jasm-revision";
const FILE: &str = "jasm-file";
/// Longest value of a tag.
const LONGEST: usize = 256;

type Tags = BTreeMap<String, String>;

/// What the owners hold who share a list.
type Marked = HashMap<Owner, Vec<Held>>;

pub(super) type Lists = Rounds<Owner, Marked>;

#[derive(Deserialize)]
struct Page {
    value: Vec<Item>,
    #[serde(rename = "nextLink")]
    next: Option<String>,
}

/// A `SecretItem`, a `SecretBundle` or a `DeletedSecretBundle`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    #[serde(default)]
    tags: Option<Tags>,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    managed: bool,
    content_type: Option<String>,
    #[serde(default)]
    value: Option<String>,
}

#[derive(Deserialize, Default)]
struct Attributes {
    /// Seconds; of a version, they are never the same again.
    #[serde(default)]
    created: u64,
    #[serde(default)]
    updated: u64,
}

impl Item {
    /// Name and version.
    fn place(&self) -> Option<(&str, Option<&str>)> {
        let (_, rest) = self.id.split_once("/secrets/")?;
        Some(match rest.split_once('/') {
            Some((name, version)) => (name, Some(version)),
            None => (rest, None),
        })
    }

    fn tag(&self, name: &str) -> Option<&str> {
        self.tags.as_ref()?.get(name).map(String::as_str)
    }

    /// Whose it is; what keeps a certificate's key is nobody's.
    fn owner(&self) -> Option<Owner> {
        let owner = Owner::parse(self.tag(OWNER)?)?;
        (!self.managed).then_some(owner)
    }

    fn fingerprint(&self) -> Option<Fingerprint> {
        Fingerprint::parse(self.tag(FINGERPRINT)?)
    }

    /// What a list notes of it.
    fn state(&self) -> String {
        let Attributes { created, updated } = self.attributes;
        let fingerprint = self.tag(FINGERPRINT).unwrap_or_default();
        format!("{created}-{updated}-{fingerprint}")
    }

    fn is(&self, put: &Put) -> bool {
        self.value.as_deref().map(str::as_bytes) == Some(put.value.expose())
    }

    /// Its tags as they shall be; those of others stay.
    fn tagged(&self, put: &Put, owner: &Owner) -> Tags {
        let mut tags = self.tags.clone().unwrap_or_default();
        tags.extend(marks(put, owner));
        tags
    }
}

fn marks(put: &Put, owner: &Owner) -> Tags {
    [
        (OWNER, owner.to_string()),
        (FINGERPRINT, put.fingerprint.as_str().to_owned()),
        (REVISION, end_of(&put.origin.revision)),
        (FILE, end_of(&put.origin.file)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// As much of a text as a tag holds: the end, which tells more of a path and of a revision.
fn end_of(text: &str) -> String {
    let length = text.chars().count();
    text.chars().skip(length.saturating_sub(LONGEST)).collect()
}

/// Before anything is written: the value as the text that a secret is.
fn check(put: &Put) -> Result<&str, Error> {
    let largest = Kind::AzureKeyVault.abilities().largest;
    let refuse = |kind, why: &str| {
        let sentence = format!("the value of {} {why}", put.name);
        Err(Error::new(kind, sentence))
    };
    if put.value.is_empty() {
        return refuse(
            ErrorKind::Invalid,
            "is empty, and key vault has no empty values",
        );
    }
    if put.value.len() > largest {
        let why = format!("is larger than the {largest} bytes that key vault holds");
        return refuse(ErrorKind::TooLarge, &why);
    }
    match str::from_utf8(put.value.expose()) {
        Ok(text) => Ok(text),
        Err(_) => refuse(
            ErrorKind::Invalid,
            "is no text (UTF-8), and key vault holds nothing else: encode it, for example in base64",
        ),
    }
}

fn about<'a>(operation: &'static str, name: &'a str) -> About<'a> {
    About {
        operation,
        subject: name,
        role: if operation == GET { READER } else { OFFICER },
    }
}

impl Vault {
    /// A secret with its current value; none where there is no such secret.
    async fn current(&self, name: &str, deadline: Instant) -> Result<Option<Item>, Error> {
        let url = self.service.url(&["secrets", name]);
        let message = Message::new(Method::Get, url);
        self.found(&message, about(GET, name), deadline).await
    }

    async fn deleted(&self, name: &str, deadline: Instant) -> Result<Option<Item>, Error> {
        let url = self.service.url(&["deletedsecrets", name]);
        let message = Message::new(Method::Get, url);
        self.found(&message, about(DELETED, name), deadline).await
    }

    async fn found(
        &self,
        message: &Message,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<Option<Item>, Error> {
        let item: Item = match self.service.ask(message, about, deadline).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(None),
            item => item?,
        };
        let same = item
            .place()
            .is_some_and(|(name, _)| name.eq_ignore_ascii_case(about.subject));
        match same {
            true => Ok(Some(item)),
            false => Err(classify::garbage(about.operation)),
        }
    }

    /// The secret if it is the owner's.
    async fn owned(
        &self,
        name: &str,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<Item, WriteError> {
        let item = self.current(name, deadline).await?;
        item.filter(|item| item.owner().as_ref() == Some(owner))
            .ok_or(WriteError::Changed)
    }

    /// Gives a secret a version with the mark.
    async fn set(
        &self,
        put: &Put,
        text: &str,
        tags: Tags,
        kind: Option<&str>,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let mut body = json!({"value": text, "tags": tags});
        if let Some(kind) = kind {
            body["contentType"] = Json::from(kind);
        }
        let url = self.service.url(&["secrets", &put.name]);
        let message = Message {
            // Said again it would be another version.
            repeats: false,
            ..Message::new(Method::Put, url).json(body)
        };
        let set = self
            .service
            .send(&message, about(SET, &put.name), deadline)
            .await;
        let error = match set {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        match error.kind {
            // Deleted, and its name is not free yet.
            ErrorKind::Gone => Err(WriteError::Exists),
            ErrorKind::Unavailable => match self.current(&put.name, deadline).await {
                Ok(Some(item)) if item.is(put) && item.tags.as_ref() == Some(&tags) => Ok(()),
                _ => Err(error.into()),
            },
            _ => Err(error.into()),
        }
    }

    /// Writes the mark on the version that there is.
    async fn tag(
        &self,
        item: &Item,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let Some((_, Some(version))) = item.place() else {
            return Err(classify::garbage(GET).into());
        };
        let url = self.service.url(&["secrets", &put.name, version]);
        let body = json!({"tags": item.tagged(put, owner)});
        let message = Message::new(Method::Patch, url).json(body);
        self.service
            .send(&message, about(UPDATE, &put.name), deadline)
            .await?;
        Ok(())
    }

    /// What these owners hold, of all the vault.
    async fn marked(&self, owners: &HashSet<Owner>, deadline: Instant) -> Result<Marked, Error> {
        let mut url = self.service.url(&["secrets"]);
        url.query_pairs_mut().append_pair("maxresults", PAGE);
        let about = About {
            operation: LIST,
            subject: "the vault",
            role: READER,
        };
        let (mut marked, mut pages) = (Marked::new(), Pages::default());
        loop {
            let message = Message::new(Method::Get, url);
            let page: Page = self.service.ask(&message, about, deadline).await?;
            for item in page.value {
                let Some(owner) = item.owner().filter(|owner| owners.contains(owner)) else {
                    continue;
                };
                // A list has no values; what is shared keeps none, whatever comes.
                let item = Item {
                    value: None,
                    ..item
                };
                let held = Self::held(&item, &owner, item.fingerprint());
                let held = held.ok_or_else(|| classify::garbage(LIST))?;
                marked.entry(owner).or_default().push(held);
            }
            match pages.next(page.next)? {
                Some(next) => url = self.service.linked(&next, LIST)?,
                None => return Ok(marked),
            }
        }
    }

    fn held(item: &Item, owner: &Owner, fingerprint: Option<Fingerprint>) -> Option<Held> {
        let (name, _) = item.place()?;
        let value = item.value.clone().map(SecretBytes::from);
        Some(Held {
            name: name.to_owned(),
            fingerprint,
            value,
            version: Some(Token::new(owner, &item.state(), None).version_token()),
        })
    }
}

#[async_trait]
impl Sink for KeyVault {
    async fn held(&self, owner: &Owner, deadline: Instant) -> Result<Vec<Held>, Error> {
        let vault = Arc::clone(&self.vault);
        let list = |owners, deadline| async move { vault.marked(&owners, deadline).await };
        let marked = self.lists.share(owner, deadline, list).await?;
        Ok(marked.get(owner).cloned().unwrap_or_default())
    }

    async fn holder(&self, name: &str, owner: &Owner, deadline: Instant) -> Result<Holder, Error> {
        if let Some(item) = self.vault.current(name, deadline).await? {
            let found = item.owner();
            if found.as_ref() != Some(owner) {
                return Ok(Holder::Other(found));
            }
            // The value tells; whether the fingerprint is of it, only its maker knows.
            let held = Vault::held(&item, owner, None);
            return Ok(Holder::Owner(held.ok_or_else(|| classify::garbage(GET))?));
        }
        Ok(match self.vault.deleted(name, deadline).await? {
            None => Holder::Nobody,
            Some(item) if item.owner().as_ref() == Some(owner) => Holder::Deleted,
            Some(_) => Holder::DeletedOther,
        })
    }

    async fn read(&self, names: &[&str], deadline: Instant) -> Vec<Result<SecretBytes, Error>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        futures::stream::iter(names)
            .map(|path| async move {
                let want = EntryRef {
                    path,
                    version: None,
                };
                let entry = self.vault.get(&want, deadline).await;
                entry.map(|entry| entry.value)
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn create(&self, put: &Put, owner: &Owner, deadline: Instant) -> Result<(), WriteError> {
        let text = check(put)?;
        match self.vault.current(&put.name, deadline).await? {
            None => {
                let tags = marks(put, owner);
                self.vault.set(put, text, tags, None, deadline).await
            }
            // Perhaps by this very call.
            Some(item)
                if item.owner().as_ref() == Some(owner)
                    && item.is(put)
                    && item.fingerprint().as_ref() == Some(&put.fingerprint) =>
            {
                Ok(())
            }
            Some(_) => Err(WriteError::Exists),
        }
    }

    async fn update(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let text = check(put)?;
        let listed = Token::of(held, owner).ok_or(WriteError::Changed)?;
        let item = self.vault.owned(&put.name, owner, deadline).await?;
        if item.is(put) {
            return match item.fingerprint().as_ref() == Some(&put.fingerprint) {
                true => Ok(()),
                false => self.vault.tag(&item, put, owner, deadline).await,
            };
        }
        if listed.state != item.state() {
            return Err(WriteError::Changed);
        }
        let (tags, kind) = (item.tagged(put, owner), item.content_type.as_deref());
        self.vault.set(put, text, tags, kind, deadline).await
    }

    async fn remark(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        Token::of(held, owner).ok_or(WriteError::Changed)?;
        let item = self.vault.owned(&put.name, owner, deadline).await?;
        match item.is(put) {
            true => self.vault.tag(&item, put, owner, deadline).await,
            false => Err(WriteError::Changed),
        }
    }

    /// Waits until it is back: until then the vault answers that there is none.
    async fn restore(&self, name: &str, deadline: Instant) -> Result<(), WriteError> {
        let url = self.vault.service.url(&["deletedsecrets", name, "recover"]);
        let message = Message::new(Method::Post, url).json(json!({}));
        let about = about(RECOVER, name);
        match self.vault.service.send(&message, about, deadline).await {
            // Perhaps it is on its way back already.
            Err(error) if error.kind != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let mut tried = 1;
        while self.vault.current(name, deadline).await?.is_none() {
            if !pause(tried, deadline).await {
                let sentence = format!("{name} is not brought back yet: the vault takes its time");
                return Err(Error::new(ErrorKind::Unavailable, sentence).into());
            }
            tried = (tried + 1).min(4);
        }
        Ok(())
    }

    async fn delete(
        &self,
        held: &Held,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let listed = Token::of(held, owner).ok_or(WriteError::Changed)?;
        let name = held.name.as_str();
        let Some(item) = self.vault.current(name, deadline).await? else {
            return Ok(());
        };
        if item.owner().as_ref() != Some(owner) || listed.state != item.state() {
            return Err(WriteError::Changed);
        }
        let url = self.vault.service.url(&["secrets", name]);
        let message = Message::new(Method::Delete, url);
        let about = about(DELETE, name);
        match self.vault.service.send(&message, about, deadline).await {
            // Gone, or going, by this call or before it.
            Err(error) if !matches!(error.kind, ErrorKind::NotFound | ErrorKind::Gone) => {
                Err(error.into())
            }
            _ => Ok(()),
        }
    }
}
