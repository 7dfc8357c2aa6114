//! Secret Manager: a version by number, alias or `latest`, of one project and location.

mod mark;
mod sink;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use serde::Deserialize;
use tokio::time::Instant;

use super::api::{Api, parsed};
use super::classify::{self, About};
use super::connection::Connection;
use super::payload::Payload;
use crate::listing::Listing;
use crate::probe::Probe;
use crate::reference::is_number;
use crate::sink::beside::Beside;
use crate::source::{Known, Observer};
use crate::{
    Entry, EntryRef, Error, ErrorKind, Identity, Kind, Listed, Prefix, Source, VersionToken,
};

const ACCESS: &str = "AccessSecretVersion";
const LIST: &str = "ListSecrets";
const VERSION: &str = "GetSecretVersion";
/// Names on one page.
const PAGE: usize = 1_000;
/// Reads under way where several entries are asked for at once.
const AT_ONCE: usize = 8;

/// Secret Manager of one project and location as one identity.
#[derive(Clone)]
pub struct SecretManager {
    pub(super) api: Api,
    probe: Arc<Probe>,
    /// Labels and annotations of others on secrets that are written.
    beside: Arc<Beside<mark::Others>>,
}

#[derive(Deserialize)]
struct Accessed<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
}

#[derive(Deserialize)]
struct Version {
    #[serde(default)]
    name: String,
    #[serde(default)]
    state: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    secrets: Vec<Named>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

impl SecretManager {
    /// Secret Manager behind a connection, as an identity.
    ///
    /// # Errors
    /// There is no address for the connection's location.
    pub fn new(
        connection: &Connection,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        let api = Api::new(connection, "secretmanager", identity, observer)?;
        Ok(Self {
            api,
            probe: Arc::default(),
            beside: Arc::default(),
        })
    }

    /// `projects/P`, with the location where the store has one.
    pub(super) fn parent(&self) -> String {
        let options = &self.api.connection.shared.options;
        match options.location.as_deref() {
            None | Some("global") => format!("projects/{}", options.project),
            Some(location) => format!("projects/{}/locations/{location}", options.project),
        }
    }

    async fn get(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let subject = want.to_string();
        let about = About {
            operation: ACCESS,
            subject: Some(&subject),
        };
        let version = want.version.as_deref().unwrap_or("latest");
        let path = format!(
            "v1/{}/secrets/{}/versions/{version}:access",
            self.parent(),
            want.path
        );
        let body = self.api.get(&path, None, about, deadline).await?;
        let accessed: Accessed<'_> =
            serde_json::from_slice(&body).map_err(|_| classify::garbage(ACCESS))?;
        let (secret, number) = resolved(&accessed.name, "secrets").unwrap_or_default();
        let other =
            secret != want.path || !is_number(number) || (is_number(version) && number != version);
        if other {
            let sentence =
                format!("the answer of {ACCESS} is of another secret or version than {subject}");
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        // A payload that is left out would be a secret without one, which there is not.
        let payload = accessed.payload.ok_or_else(|| classify::garbage(ACCESS))?;
        Ok(Entry {
            value: payload.value(&subject)?,
            version: VersionToken(number.to_owned()),
            secret: true,
        })
    }

    /// Whether a secret is still of a version, by what the version says of itself.
    async fn same(&self, known: Known, deadline: Instant) -> Result<bool, Error> {
        let subject = known.want.to_string();
        let about = About {
            operation: VERSION,
            subject: Some(&subject),
        };
        let version = known.want.version.as_deref().unwrap_or("latest");
        let path = format!(
            "v1/{}/secrets/{}/versions/{version}",
            self.parent(),
            known.want.path
        );
        let query = "fields=name,state";
        let body = self.api.get(&path, Some(query), about, deadline).await?;
        let found: Version = parsed(&body, VERSION)?;
        let is_known = resolved(&found.name, "secrets")
            .is_some_and(|(id, number)| id == known.want.path && number == known.version.0);
        // Of one that is disabled or destroyed the read says so.
        Ok(is_known && found.state == "ENABLED")
    }
}

/// The id and the version in `…/COLLECTION/ID/versions/VERSION`.
pub(super) fn resolved<'a>(name: &'a str, collection: &str) -> Option<(&'a str, &'a str)> {
    let (rest, version) = name.rsplit_once("/versions/")?;
    let (rest, id) = rest.rsplit_once('/')?;
    (rest.rsplit_once('/')?.1 == collection && !version.contains('/')).then_some((id, version))
}

impl fmt::Debug for SecretManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretManager")
            .field("connection", &self.api.connection)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for SecretManager {
    fn batch_limit(&self) -> usize {
        1
    }

    fn batches(&self, _: &EntryRef) -> bool {
        false
    }

    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>> {
        futures::stream::iter(wants.to_vec())
            .map(|want| {
                let this = self.clone();
                async move { this.get(&want, deadline).await }
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn read_changed(
        &self,
        known: &[Known],
        deadline: Instant,
    ) -> Vec<Result<Option<Entry>, Error>> {
        let same = |known| self.same(known, deadline);
        self.probe.read_changed(self, known, deadline, same).await
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        let subject = prefix.to_string();
        let about = About {
            operation: LIST,
            subject: Some(&subject),
        };
        let mut listing = Listing::new(Kind::GcpSecretManager, prefix);
        let mut token: Option<String> = None;
        loop {
            let path = format!("v1/{}/secrets", self.parent());
            let query = page_after(token.as_deref());
            let body = self.api.get(&path, Some(&query), about, deadline).await?;
            let page: Page = parsed(&body, LIST)?;
            for secret in page.secrets {
                let id = secret
                    .name
                    .rsplit_once("/secrets/")
                    .map(|(_, id)| id.to_owned());
                listing.add(id, None)?;
            }
            token = listing.next(page.next_page_token)?;
            if token.is_none() {
                return Ok(listing.finish());
            }
        }
    }
}

/// The query for one page.
fn page_after(token: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("pageSize", &PAGE.to_string());
    // Labels and replication are not needed, and may be long.
    query.append_pair("fields", "secrets/name,nextPageToken");
    if let Some(token) = token {
        query.append_pair("pageToken", token);
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolved_name_says_what_was_read() {
        let table = [
            ("projects/1/secrets/a/versions/7", Some(("a", "7"))),
            (
                "projects/1/locations/x/secrets/a/versions/7",
                Some(("a", "7")),
            ),
            ("projects/1/secrets/a", None),
            ("projects/1/parameters/a/versions/7", None),
            ("projects/1/secrets/a/versions/7/x", None),
            ("", None),
        ];
        for (name, found) in table {
            assert_eq!(resolved(name, "secrets"), found, "{name}");
        }
    }
}
