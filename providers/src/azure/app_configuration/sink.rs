//! App Configuration when it is written to.
//!
//! The mark is the entry's tags, by which the list is filtered. The list brings the values along, so that no
//! fingerprint is kept; writes are under the condition that the etag is still the one that was listed.
//! <https://learn.microsoft.com/azure/azure-app-configuration/rest-api-key-value>

use std::collections::BTreeMap;
use std::str;

use async_trait::async_trait;
use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::{Method, Url};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::{API, AppConfiguration, GET, IF_NONE_MATCH, LIST, READER, SYNC_TOKEN, Shared, is_etag};
use crate::azure::classify::{self, About};
use crate::azure::service::Message;
use crate::sink::pages::Pages;
use crate::sink::token::Token;
use crate::sink::{Held, Holder, Owner, Put, WriteError};
use crate::{Error, ErrorKind, Kind, SecretBytes, Sink};

const SET: &str = "PutKeyValue";
const DELETE: &str = "DeleteKeyValue";
const DATA_OWNER: &str = "App Configuration Data Owner";
const TEXT: &str = "text/plain";
const MEDIA: &str = "application/vnd.microsoft.appconfig.kv+json";
const IF_MATCH: HeaderName = HeaderName::from_static("if-match");
/// Reads under way at once.
const AT_ONCE: usize = 8;

const OWNER: &str = "jasm-owner";
const REVISION: &str = "jasm-revision";
const FILE: &str = "jasm-file";
const OURS: [&str; 3] = [OWNER, REVISION, FILE];

/// Tags by name.
pub(super) type Tags = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Page {
    items: Vec<Item>,
    #[serde(rename = "@nextLink")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    key: String,
    label: Option<String>,
    content_type: Option<String>,
    value: Option<String>,
    etag: String,
    #[serde(default)]
    tags: Option<Tags>,
}

impl Item {
    fn owner(&self) -> Option<Owner> {
        Owner::parse(self.tags.as_ref()?.get(OWNER)?)
    }

    /// Whether it is read as the text that was written: a reference to a secret would be followed.
    fn is_text(&self) -> bool {
        self.content_type.as_deref() == Some(TEXT)
    }

    fn is(&self, put: &Put) -> bool {
        self.is_text() && self.value.as_deref().map(str::as_bytes) == Some(put.value.expose())
    }
}

fn marks(put: &Put, owner: &Owner) -> Tags {
    [
        (OWNER, owner.to_string()),
        (REVISION, put.origin.revision.clone()),
        (FILE, put.origin.file.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A key as a filter takes it, in which these three have a meaning.
fn exactly(key: &str) -> String {
    let escaped = key.chars().flat_map(|c| {
        let escape = matches!(c, '*' | ',' | '\\').then_some('\\');
        escape.into_iter().chain([c])
    });
    escaped.collect()
}

impl Shared {
    fn label(&self) -> Option<&str> {
        self.settings.label.as_deref()
    }

    /// The entry with the sink's label; none where there is none. Asked by the list, as the 404 of an
    /// entry itself could be anybody's.
    async fn entry(&self, key: &str, deadline: Instant) -> Result<Option<Item>, Error> {
        let url = self.listing_url(&exactly(key), self.label());
        let about = About {
            operation: LIST,
            subject: key,
            role: READER,
        };
        let answer = self.send(&url, None, about, deadline).await?;
        let page: Page =
            serde_json::from_slice(answer.body()).map_err(|_| classify::garbage(LIST))?;
        let mut items = page.items.into_iter();
        Ok(items.find(|item| item.key == key && self.is_here(item)))
    }

    fn is_here(&self, item: &Item) -> bool {
        item.label.as_deref().filter(|label| !label.is_empty()) == self.label()
    }

    fn place(&self, key: &str) -> Result<Url, Error> {
        let mut url = self.endpoint.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().push("kv").push(key);
            }
            Err(()) => return Err(classify::garbage(GET)),
        }
        let label = self.label().unwrap_or(super::NO_LABEL);
        url.query_pairs_mut()
            .append_pair("label", label)
            .append_pair("api-version", API);
        Ok(url)
    }

    /// Sends a write; false where its condition does not hold. The next read sees it.
    async fn write(
        &self,
        mut message: Message,
        (name, value): (HeaderName, String),
        about: About<'_>,
        deadline: Instant,
    ) -> Result<bool, Error> {
        message.headers.push((name, HeaderValue::from(value)));
        if let Some(seen) = self.seen().header() {
            message.headers.push((SYNC_TOKEN, HeaderValue::from(seen)));
        }
        message.answers = &[200, 204, 412];
        // The condition would not hold for what the first one did.
        message.repeats = false;
        let answer = self.service.send(&message, about, deadline).await?;
        if let Some(token) = answer.headers().get_optional_str(&SYNC_TOKEN) {
            self.seen().note(token);
        }
        Ok(u16::from(answer.status()) != 412)
    }

    async fn set(
        &self,
        put: &Put,
        tags: Tags,
        condition: (HeaderName, String),
        deadline: Instant,
    ) -> Result<bool, Error> {
        let text = check(put, self.label(), &tags)?;
        let body = json!({"value": text, "content_type": TEXT, "tags": tags});
        let message = Message {
            body: Some((MEDIA, body)),
            ..Message::new(Method::Put, self.place(&put.name)?)
        };
        let about = About {
            operation: SET,
            subject: &put.name,
            role: DATA_OWNER,
        };
        self.write(message, condition, about, deadline).await
    }

    fn held(&self, item: Item, owner: &Owner) -> Result<Held, Error> {
        if !is_etag(&item.etag) {
            return Err(classify::garbage(LIST));
        }
        let version = Token::new(owner, &item.etag, None).version_token();
        let is_text = item.is_text();
        let mut others = item.tags.unwrap_or_default();
        others.retain(|name, _| !OURS.contains(&name.as_str()));
        let others = Some(others).filter(|others| !others.is_empty());
        self.beside.note(&item.key, &version, others);
        Ok(Held {
            name: item.key,
            fingerprint: None,
            // What is no text any more is not what was written, whatever its value.
            value: item.value.filter(|_| is_text).map(SecretBytes::from),
            version: Some(version),
        })
    }
}

/// Before anything is written: the value as the text that an entry is, and all of it within the limit.
fn check<'a>(put: &'a Put, label: Option<&str>, tags: &Tags) -> Result<&'a str, Error> {
    let largest = Kind::AzureAppConfiguration.abilities().largest;
    let refuse = |kind, why: &str| {
        let sentence = format!("the value of {} {why}", put.name);
        Err(Error::new(kind, sentence))
    };
    let words: usize = tags
        .iter()
        .map(|(name, text)| name.len() + text.len())
        .sum();
    let beside = put.name.len() + label.map_or(0, str::len) + words + TEXT.len();
    if put.value.len() + beside > largest {
        let why = format!(
            "is larger than the {largest} bytes that app configuration holds of a key with everything on it"
        );
        return refuse(ErrorKind::TooLarge, &why);
    }
    match str::from_utf8(put.value.expose()) {
        Ok(text) => Ok(text),
        Err(_) => refuse(
            ErrorKind::Invalid,
            "is no text (UTF-8), and app configuration holds nothing else: encode it, for example in base64",
        ),
    }
}

#[async_trait]
impl Sink for AppConfiguration {
    async fn held(&self, owner: &Owner, deadline: Instant) -> Result<Vec<Held>, Error> {
        let shared = &self.shared;
        let mut url = shared.listing_url("*", shared.label());
        // No character of an owner has a meaning in a filter.
        url.query_pairs_mut()
            .append_pair("tags", &format!("{OWNER}={owner}"));
        let about = About {
            operation: LIST,
            subject: "the store",
            role: READER,
        };
        let (mut held, mut pages) = (Vec::new(), Pages::default());
        loop {
            let answer = shared.send(&url, None, about, deadline).await?;
            let page: Page =
                serde_json::from_slice(answer.body()).map_err(|_| classify::garbage(LIST))?;
            for item in page.items {
                // A filter that the service takes in another way must not give somebody else's.
                if shared.is_here(&item) && item.owner().as_ref() == Some(owner) {
                    held.push(shared.held(item, owner)?);
                }
            }
            match shared.next(pages.next(page.next)?)? {
                Some(next) => url = next,
                None => return Ok(held),
            }
        }
    }

    async fn holder(&self, name: &str, owner: &Owner, deadline: Instant) -> Result<Holder, Error> {
        let Some(item) = self.shared.entry(name, deadline).await? else {
            return Ok(Holder::Nobody);
        };
        let found = item.owner();
        if found.as_ref() != Some(owner) {
            return Ok(Holder::Other(found));
        }
        Ok(Holder::Owner(self.shared.held(item, owner)?))
    }

    async fn read(&self, names: &[&str], deadline: Instant) -> Vec<Result<SecretBytes, Error>> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        futures::stream::iter(names)
            .map(|name| async move {
                let item = self.shared.entry(&name, deadline).await?;
                let item = item.ok_or_else(|| {
                    Error::new(ErrorKind::NotFound, format!("there is no key {name}"))
                })?;
                Ok(SecretBytes::from(item.value.unwrap_or_default()))
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn create(&self, put: &Put, owner: &Owner, deadline: Instant) -> Result<(), WriteError> {
        let condition = (IF_NONE_MATCH, "*".to_owned());
        let tags = marks(put, owner);
        if self.shared.set(put, tags, condition, deadline).await? {
            return Ok(());
        }
        // Perhaps by this very call.
        match self.shared.entry(&put.name, deadline).await? {
            Some(item) if item.is(put) && item.owner().as_ref() == Some(owner) => Ok(()),
            _ => Err(WriteError::Exists),
        }
    }

    async fn update(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let listed = Token::of(held, owner).ok_or(WriteError::Changed)?;
        let mut tags = match &held.version {
            Some(version) => self.shared.beside.of(&held.name, version),
            None => Tags::new(),
        };
        tags.extend(marks(put, owner));
        let condition = (IF_MATCH, format!("\"{}\"", listed.state));
        if self.shared.set(put, tags, condition, deadline).await? {
            return Ok(());
        }
        match self.shared.entry(&put.name, deadline).await? {
            Some(item) if item.is(put) && item.owner().as_ref() == Some(owner) => Ok(()),
            _ => Err(WriteError::Changed),
        }
    }

    /// Nothing: the list brings the values along.
    async fn remark(&self, _: &Held, _: &Put, _: &Owner, _: Instant) -> Result<(), WriteError> {
        Ok(())
    }

    async fn restore(&self, name: &str, _: Instant) -> Result<(), WriteError> {
        let sentence = format!(
            "{name} cannot be brought back: app configuration deletes at once, and keeps revisions for reading only"
        );
        Err(Error::new(ErrorKind::Unsupported, sentence).into())
    }

    async fn delete(
        &self,
        held: &Held,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let listed = Token::of(held, owner).ok_or(WriteError::Changed)?;
        let message = Message::new(Method::Delete, self.shared.place(&held.name)?);
        let condition = (IF_MATCH, format!("\"{}\"", listed.state));
        let about = About {
            operation: DELETE,
            subject: &held.name,
            role: DATA_OWNER,
        };
        match self
            .shared
            .write(message, condition, about, deadline)
            .await?
        {
            true => Ok(()),
            false => match self.shared.entry(&held.name, deadline).await? {
                None => Ok(()),
                Some(_) => Err(WriteError::Changed),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::exactly;

    #[test]
    fn a_key_is_no_pattern() {
        assert_eq!(exactly("shop:prod:A"), "shop:prod:A");
        assert_eq!(exactly("a*,b\\"), "a\\*\\,b\\\\");
    }
}
