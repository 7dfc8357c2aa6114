//! Secret Manager when it is written to.
//!
//! A list has no versions in it, so a version that somebody else added is seen by [`holder`](Sink::holder),
//! and before a write or a deletion.

use std::borrow::Cow;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use super::mark::{DIGEST, Others, Progress, Secret, written};
use super::{SecretManager, VERSION, resolved};
use crate::gcp::api::{Request, parsed};
use crate::gcp::classify::{self, About};
use crate::sink::pages::Pages;
use crate::sink::token::Token;
use crate::sink::{Held, Holder, Owner, Put, WriteError};
use crate::{EntryRef, Error, ErrorKind, Kind, SecretBytes, Sink, Source};

const LIST: &str = "ListSecrets";
const GET: &str = "GetSecret";
const CREATE: &str = "CreateSecret";
const UPDATE: &str = "UpdateSecret";
const ADD: &str = "AddSecretVersion";
const DELETE: &str = "DeleteSecret";
/// Secrets on one page: Google takes 25,000, of which the annotations could be more than is read.
const PAGE: usize = 5_000;
/// Largest page that is read.
const LARGEST: usize = 16 * 1024 * 1024;
/// Versions that are looked at after the one that is known; beyond them `latest` is asked.
const NEXT: u64 = 16;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    secrets: Vec<Secret>,
    next_page_token: Option<String>,
}

/// The newest version: its number, and its value if it has one that can be read.
type Newest = Option<(u64, Option<SecretBytes>)>;

impl SecretManager {
    fn path(&self, name: &str) -> String {
        format!("v1/{}/secrets/{name}", self.parent())
    }

    async fn secret(&self, name: &str, deadline: Instant) -> Result<Secret, Error> {
        let about = about(GET, name);
        let path = self.path(name);
        let body = self.api.get(&path, None, about, deadline).await?;
        let secret: Secret = parsed(&body, GET)?;
        if secret.id() != Some(name) {
            return Err(classify::garbage(GET));
        }
        Ok(secret)
    }

    /// Whether there is a version of this number, whatever its state.
    async fn is_there(&self, name: &str, number: u64, deadline: Instant) -> Result<bool, Error> {
        let path = format!("{}/versions/{number}", self.path(name));
        let query = Some("fields=name");
        match self
            .api
            .get(&path, query, about(VERSION, name), deadline)
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The number of the newest version, counted from one that may be there.
    async fn last(&self, name: &str, from: u64, deadline: Instant) -> Result<u64, Error> {
        let mut last = from.saturating_sub(1);
        while last < from.saturating_add(NEXT) && self.is_there(name, last + 1, deadline).await? {
            last += 1;
        }
        Ok(last)
    }

    /// The newest version, counted from one that may be there; without that, as `latest` says.
    async fn newest(
        &self,
        name: &str,
        from: Option<u64>,
        deadline: Instant,
    ) -> Result<Newest, Error> {
        let Some(from) = from else {
            return self.version(name, None, deadline).await;
        };
        let mut newest = None;
        for number in from.max(1)..from.saturating_add(NEXT) {
            match self.version(name, Some(number), deadline).await? {
                Some(found) => newest = Some(found),
                None => return Ok(newest),
            }
        }
        self.version(name, None, deadline).await
    }

    async fn version(
        &self,
        name: &str,
        number: Option<u64>,
        deadline: Instant,
    ) -> Result<Newest, Error> {
        let want = EntryRef {
            path: name.to_owned(),
            version: number.map(|number| number.to_string()),
        };
        match self.get(&want, deadline).await {
            Ok(entry) => Ok(Some((number_of(&entry.version.0)?, Some(entry.value)))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            // Disabled or destroyed.
            Err(error) if error.kind == ErrorKind::Gone && number.is_some() => {
                Ok(number.map(|number| (number, None)))
            }
            Err(error) => Err(error),
        }
    }

    /// Writes labels and annotations if the etag is the secret's; the secret as it is then.
    async fn mark(
        &self,
        put: &Put,
        owner: &Owner,
        progress: &Progress,
        (etag, others): (&str, Others),
        deadline: Instant,
    ) -> Result<Secret, Error> {
        let mut body = written(progress, &put.origin, owner, others);
        body["etag"] = Json::from(etag);
        let path = self.path(&put.name);
        let query = Some("updateMask=labels,annotations");
        let request = Request::new(Method::PATCH, &path, query).body(&body);
        let body = self
            .api
            .send(request, about(UPDATE, &put.name), deadline)
            .await?;
        parsed(&body, UPDATE)
    }

    /// Adds the version that was announced, and says so.
    async fn add(
        &self,
        put: &Put,
        owner: &Owner,
        announced: Secret,
        number: u64,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let value = put.value.expose();
        let payload = json!({"payload": {
            "data": STANDARD.encode(value),
            "dataCrc32c": crc32c::crc32c(value).to_string(),
        }});
        let path = format!("{}:addVersion", self.path(&put.name));
        let request = Request {
            // Said again it would be another version.
            repeats: false,
            ..Request::new(Method::POST, &path, None).body(&payload)
        };
        let added = self
            .api
            .send(request, about(ADD, &put.name), deadline)
            .await;
        let added = added.and_then(|body| {
            let added: Added<'_> =
                serde_json::from_slice(&body).map_err(|_| classify::garbage(ADD))?;
            let (_, number) = resolved(&added.name, "secrets").unwrap_or_default();
            number_of(number)
        });
        let number = match added {
            Ok(number) => number,
            Err(error) if lost(&error) => {
                match self.newest(&put.name, Some(number), deadline).await? {
                    Some((number, Some(value))) if value == put.value => number,
                    _ => return Err(error.into()),
                }
            }
            Err(error) if error.kind == ErrorKind::NotFound => return Err(WriteError::Changed),
            Err(error) => return Err(error.into()),
        };
        let others = announced.others();
        self.settle(put, owner, number, (&announced.etag, others), deadline)
            .await
    }

    /// Says that a version has the value.
    async fn settle(
        &self,
        put: &Put,
        owner: &Owner,
        number: u64,
        (etag, others): (&str, Others),
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let progress = Progress::settled(put, number);
        let marked = self
            .mark(put, owner, &progress, (etag, others), deadline)
            .await;
        match marked.map_err(refused) {
            Ok(_) => Ok(()),
            // Perhaps by this very call, whose first answer was lost.
            Err(WriteError::Changed) => {
                let secret = self.secret(&put.name, deadline).await.map_err(refused)?;
                let done = secret.owner().as_ref() == Some(owner)
                    && secret.progress() == Some(progress.clone());
                if done {
                    Ok(())
                } else {
                    Err(WriteError::Changed)
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on from where a secret of the owner's is: what is there already is not written again.
    async fn resume(
        &self,
        token: &Token,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let secret = self.secret(&put.name, deadline).await.map_err(refused)?;
        if secret.owner().as_ref() != Some(owner) {
            return Err(WriteError::Changed);
        }
        let progress = secret.progress();
        let known = progress.as_ref().map(Progress::number);
        let newest = self.newest(&put.name, known, deadline).await?;
        let before = known.map_or(0, |known| known.saturating_sub(1));
        let last = newest.as_ref().map_or(before, |(number, _)| *number);
        let pending = matches!(&progress, Some(Progress::Pending(of, _)) if *of == put.fingerprint);
        if let Some((number, Some(value))) = newest
            && value == put.value
        {
            return match progress == Some(Progress::settled(put, number)) {
                true => Ok(()),
                false => {
                    let at = (secret.etag.as_str(), secret.others());
                    self.settle(put, owner, number, at, deadline).await
                }
            };
        }
        let as_seen =
            secret.etag == token.state && token.version.is_none_or(|version| version == last);
        if !pending && !as_seen {
            return Err(WriteError::Changed);
        }
        // After a version that somebody else added, the announced number is not the next one any more.
        let next = last + 1;
        let announced = match pending && known == Some(next) {
            true => secret,
            false => {
                let at = (secret.etag.as_str(), secret.others());
                let progress = Progress::pending(put, next);
                self.mark(put, owner, &progress, at, deadline)
                    .await
                    .map_err(refused)?
            }
        };
        self.add(put, owner, announced, next, deadline).await
    }

    fn held_of(&self, secret: &Secret, owner: &Owner, version: Option<u64>) -> Option<Held> {
        let name = secret.id()?;
        let fingerprint = match secret.progress() {
            Some(Progress::Settled(fingerprint, number)) if version == Some(number) => {
                Some(fingerprint)
            }
            _ => None,
        };
        let begun = matches!(secret.progress(), Some(Progress::Pending(..)));
        let held = Held {
            name: name.to_owned(),
            fingerprint,
            value: begun.then(|| SecretBytes::new(Vec::new())),
            version: Some(Token::new(owner, &secret.etag, version).version_token()),
        };
        let others = secret.others();
        let others = Some(others).filter(|(labels, notes)| !labels.is_empty() || !notes.is_empty());
        if let Some(version) = &held.version {
            self.beside.note(name, version, others);
        }
        Some(held)
    }

    fn others(&self, held: &Held) -> Others {
        let version = held.version.as_ref();
        version.map_or_else(Others::default, |version| {
            self.beside.of(&held.name, version)
        })
    }
}

#[derive(Deserialize)]
struct Added<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

fn about<'a>(operation: &'static str, name: &'a str) -> About<'a> {
    About {
        operation,
        subject: Some(name),
    }
}

/// The query for one page.
fn page_after(filter: &str, token: Option<&str>) -> String {
    let fields = "secrets(name,labels,annotations,etag),nextPageToken";
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("pageSize", &PAGE.to_string());
    query.append_pair("filter", filter);
    query.append_pair("fields", fields);
    if let Some(token) = token {
        query.append_pair("pageToken", token);
    }
    query.finish()
}

/// The query of a call under the condition that this is still the etag.
fn under(etag: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("etag", etag).finish()
}

fn number_of(text: &str) -> Result<u64, Error> {
    text.parse().map_err(|_| classify::garbage(ADD))
}

/// Whether the call may have been done all the same.
fn lost(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Integrity)
}

/// What a refusal of a write under a condition means.
fn refused(error: Error) -> WriteError {
    match error.code.as_deref() {
        Some(classify::ALREADY_EXISTS) => WriteError::Exists,
        Some(classify::FAILED_PRECONDITION | classify::ABORTED) => WriteError::Changed,
        _ if error.kind == ErrorKind::NotFound => WriteError::Changed,
        _ => WriteError::Failed(error),
    }
}

/// Before anything is written: a secret without a version would be left behind.
fn check(put: &Put) -> Result<(), Error> {
    let largest = Kind::GcpSecretManager.abilities().largest;
    let (kind, why) = match put.value.len() {
        0 => (
            ErrorKind::Invalid,
            "is empty, and secret manager has no empty values".to_owned(),
        ),
        length if length > largest => (
            ErrorKind::TooLarge,
            format!("is larger than the {largest} bytes that secret manager holds"),
        ),
        _ => return Ok(()),
    };
    Err(Error::new(kind, format!("the value of {} {why}", put.name)))
}

#[async_trait]
impl Sink for SecretManager {
    async fn held(&self, owner: &Owner, deadline: Instant) -> Result<Vec<Held>, Error> {
        let about = About {
            operation: LIST,
            subject: None,
        };
        let path = format!("v1/{}/secrets", self.parent());
        let filter = format!("labels.{DIGEST}={}", owner.digest());
        let (mut held, mut pages) = (Vec::new(), Pages::default());
        let mut token: Option<String> = None;
        loop {
            let query = page_after(&filter, token.as_deref());
            let request = Request {
                limit: LARGEST,
                ..Request::new(Method::GET, &path, Some(&query))
            };
            let body = self.api.send(request, about, deadline).await?;
            let page: Page = parsed(&body, LIST)?;
            for secret in &page.secrets {
                // A digest can be on a secret that is somebody else's.
                if secret.owner().as_ref() == Some(owner) {
                    let settled = match secret.progress() {
                        Some(Progress::Settled(_, number)) => Some(number),
                        _ => None,
                    };
                    held.extend(self.held_of(secret, owner, settled));
                }
            }
            token = pages.next(page.next_page_token)?;
            if token.is_none() {
                return Ok(held);
            }
        }
    }

    async fn holder(&self, name: &str, owner: &Owner, deadline: Instant) -> Result<Holder, Error> {
        let secret = match self.secret(name, deadline).await {
            Ok(secret) => secret,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Holder::Nobody),
            Err(error) => return Err(error),
        };
        let found = secret.owner();
        if found.as_ref() != Some(owner) {
            return Ok(Holder::Other(found));
        }
        let last = match secret.progress() {
            Some(Progress::Settled(_, number)) => {
                Some(self.last(name, number + 1, deadline).await?)
            }
            Some(Progress::Pending(_, number)) => Some(self.last(name, number, deadline).await?),
            None => None,
        };
        let held = self.held_of(&secret, owner, last);
        let held = held.ok_or_else(|| classify::garbage(GET))?;
        Ok(Holder::Owner(held))
    }

    async fn read(&self, names: &[&str], deadline: Instant) -> Vec<Result<SecretBytes, Error>> {
        let wants: Vec<EntryRef> = names
            .iter()
            .map(|name| EntryRef {
                path: (*name).to_owned(),
                version: None,
            })
            .collect();
        let entries = Source::read(self, &wants, deadline).await;
        let values = entries.into_iter();
        values.map(|entry| entry.map(|entry| entry.value)).collect()
    }

    async fn create(&self, put: &Put, owner: &Owner, deadline: Instant) -> Result<(), WriteError> {
        check(put)?;
        let progress = Progress::pending(put, 1);
        let mut body = written(&progress, &put.origin, owner, Others::default());
        // A regional secret is where it is.
        if !self.parent().contains("/locations/") {
            body["replication"] = json!({"automatic": {}});
        }
        let path = format!("v1/{}/secrets", self.parent());
        let query = format!("secretId={}", put.name);
        let request = Request::new(Method::POST, &path, Some(&query)).body(&body);
        let made = self
            .api
            .send(request, about(CREATE, &put.name), deadline)
            .await;
        match made.map_err(refused) {
            Ok(body) => {
                let secret: Secret = parsed(&body, CREATE)?;
                self.add(put, owner, secret, 1, deadline).await
            }
            // Perhaps by this very call, or by one that did not come to its end.
            Err(WriteError::Exists) => {
                let secret = self.secret(&put.name, deadline).await.map_err(refused)?;
                let same = match secret.progress() {
                    Some(Progress::Settled(of, _) | Progress::Pending(of, _)) => {
                        of == put.fingerprint
                    }
                    None => false,
                };
                if secret.owner().as_ref() != Some(owner) || !same {
                    return Err(WriteError::Exists);
                }
                // Nothing is known of it, so that only what is announced already is done.
                let token = Token::new(owner, "", Some(0));
                match self.resume(&token, put, owner, deadline).await {
                    Err(WriteError::Changed) => Err(WriteError::Exists),
                    result => result,
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn update(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        check(put)?;
        let token = Token::of(held, owner).ok_or(WriteError::Changed)?;
        let (Some(_), Some(number)) = (&held.fingerprint, token.version) else {
            return self.resume(&token, put, owner, deadline).await;
        };
        let next = number + 1;
        if self.is_there(&put.name, next, deadline).await? {
            return self.resume(&token, put, owner, deadline).await;
        }
        let at = (token.state.as_str(), self.others(held));
        let progress = Progress::pending(put, next);
        let announced = self.mark(put, owner, &progress, at, deadline).await;
        match announced.map_err(refused) {
            Ok(announced) => self.add(put, owner, announced, next, deadline).await,
            // Perhaps by this very call.
            Err(WriteError::Changed) => self.resume(&token, put, owner, deadline).await,
            Err(error) => Err(error),
        }
    }

    async fn remark(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let token = Token::of(held, owner).ok_or(WriteError::Changed)?;
        let newest = self.newest(&put.name, token.version, deadline).await?;
        match newest {
            Some((number, Some(value))) if value == put.value => {
                let at = (token.state.as_str(), self.others(held));
                self.settle(put, owner, number, at, deadline).await
            }
            _ => Err(WriteError::Changed),
        }
    }

    async fn restore(&self, name: &str, _: Instant) -> Result<(), WriteError> {
        let sentence = format!(
            "{name} cannot be brought back: secret manager keeps nothing of what is deleted"
        );
        Err(Error::new(ErrorKind::Unsupported, sentence).into())
    }

    async fn delete(
        &self,
        held: &Held,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let token = Token::of(held, owner).ok_or(WriteError::Changed)?;
        if let Some(number) = token.version
            && self.is_there(&held.name, number + 1, deadline).await?
        {
            return Err(WriteError::Changed);
        }
        let (path, query) = (self.path(&held.name), under(&token.state));
        let request = Request::new(Method::DELETE, &path, Some(&query));
        let deleted = self
            .api
            .send(request, about(DELETE, &held.name), deadline)
            .await;
        match deleted {
            Err(error) if error.kind != ErrorKind::NotFound => Err(refused(error)),
            // Gone, by this call or before it.
            _ => Ok(()),
        }
    }
}
