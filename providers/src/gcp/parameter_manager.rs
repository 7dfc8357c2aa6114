//! Parameter Manager: the newest enabled version, or the one that is named; raw or rendered.

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
use super::payload::{Payload, decoded};
use super::secret_manager::resolved;
use crate::listing::Listing;
use crate::probe::Probe;
use crate::source::{Known, Observer};
use crate::{
    Entry, EntryRef, Error, ErrorKind, Identity, Kind, Listed, Prefix, Source, VersionToken,
};

const GET: &str = "GetParameterVersion";
const RENDER: &str = "RenderParameterVersion";
const VERSIONS: &str = "ListParameterVersions";
const LIST: &str = "ListParameters";
/// Names on one page.
const PAGE: usize = 1_000;
/// Pages of versions that are looked through; a parameter has far fewer.
const PAGES: usize = 100;
/// Reads under way where several entries are asked for at once.
const AT_ONCE: usize = 8;

/// Parameter Manager of one project and location as one identity.
#[derive(Clone)]
pub struct ParameterManager {
    pub(super) api: Api,
    render: bool,
    probe: Arc<Probe>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version<'a> {
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    create_time: Cow<'a, str>,
    #[serde(default)]
    disabled: bool,
    #[serde(borrow)]
    payload: Option<Payload<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rendered<'a> {
    #[serde(borrow, default)]
    parameter_version: Cow<'a, str>,
    #[serde(borrow)]
    rendered_payload: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionsPage {
    #[serde(default)]
    parameter_versions: Vec<Summary>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    #[serde(default)]
    name: String,
    #[serde(default)]
    create_time: String,
    #[serde(default)]
    disabled: bool,
}

/// A version without its name, which was asked for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    #[serde(default)]
    create_time: String,
    #[serde(default)]
    disabled: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    parameters: Vec<Named>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

impl ParameterManager {
    /// Parameter Manager behind a connection, as an identity. With `render`, references to secrets are
    /// replaced by what Google reads with the parameter's own rights, and every value is a secret.
    ///
    /// # Errors
    /// There is no address for the connection's location.
    pub fn new(
        connection: &Connection,
        identity: Identity,
        render: bool,
        observer: Observer,
    ) -> Result<Self, Error> {
        let api = Api::new(connection, "parametermanager", identity, observer)?;
        Ok(Self {
            api,
            render,
            probe: Arc::default(),
        })
    }

    pub(super) fn parent(&self) -> String {
        let options = &self.api.connection.shared.options;
        let location = options.location.as_deref().unwrap_or("global");
        format!("projects/{}/locations/{location}", options.project)
    }

    async fn get(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let (version, mut created) = match &want.version {
            Some(version) => (version.clone(), String::new()),
            None => self.newest(want, deadline).await?,
        };
        let subject = want.to_string();
        let path = format!(
            "v1/{}/parameters/{}/versions/{version}",
            self.parent(),
            want.path
        );
        let is_of = |name: &str| {
            resolved(name, "parameters") == Some((want.path.as_str(), version.as_str()))
        };
        let operation = if self.render { RENDER } else { GET };
        let about = About {
            operation,
            subject: Some(&subject),
        };
        let asked = if self.render {
            format!("{path}:render")
        } else {
            path.clone()
        };
        let body = match self.api.get(&asked, None, about, deadline).await {
            // Of a disabled version, a rendering may say no more than that it failed.
            Err(error)
                if self.render
                    && error.kind == ErrorKind::Unavailable
                    && want.version.is_some()
                    && self.is_disabled(&path, &subject, deadline).await == Ok(true) =>
            {
                return Err(disabled(&subject));
            }
            answer => answer?,
        };
        let garbage = |_: serde_json::Error| classify::garbage(operation);
        let value = if self.render {
            let rendered: Rendered<'_> = serde_json::from_slice(&body).map_err(garbage)?;
            if !is_of(&rendered.parameter_version) {
                return Err(other(operation, &subject));
            }
            // Nothing rendered is an empty value, unless there was nothing to render.
            if rendered.rendered_payload.is_none()
                && self.is_disabled(&path, &subject, deadline).await?
            {
                return Err(disabled(&subject));
            }
            decoded(&rendered.rendered_payload.unwrap_or_default(), &subject)?
        } else {
            let found: Version<'_> = serde_json::from_slice(&body).map_err(garbage)?;
            if !is_of(&found.name) {
                return Err(other(operation, &subject));
            }
            if found.disabled {
                return Err(disabled(&subject));
            }
            created = found.create_time.into_owned();
            found
                .payload
                .ok_or_else(|| classify::garbage(operation))?
                .value(&subject)?
        };
        Ok(Entry {
            value,
            version: token(&version, &created),
            secret: self.render,
        })
    }

    async fn is_disabled(
        &self,
        path: &str,
        subject: &str,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let found = self.described(path, subject, deadline).await?;
        Ok(found.disabled)
    }

    /// A version without its payload.
    async fn described(
        &self,
        path: &str,
        subject: &str,
        deadline: Instant,
    ) -> Result<Described, Error> {
        let about = About {
            operation: GET,
            subject: Some(subject),
        };
        let query = "view=BASIC&fields=createTime,disabled";
        let body = self.api.get(path, Some(query), about, deadline).await?;
        parsed(&body, GET)
    }

    /// Whether a parameter is still of a version, by what its versions say of themselves.
    async fn same(&self, known: Known, deadline: Instant) -> Result<bool, Error> {
        let found = match &known.want.version {
            None => self.newest(&known.want, deadline).await?,
            Some(version) => {
                let path = format!(
                    "v1/{}/parameters/{}/versions/{version}",
                    self.parent(),
                    known.want.path
                );
                let subject = known.want.to_string();
                let found = self.described(&path, &subject, deadline).await?;
                // Of one that is disabled the read says so.
                if found.disabled {
                    return Ok(false);
                }
                (version.clone(), found.create_time)
            }
        };
        Ok(token(&found.0, &found.1) == known.version)
    }

    /// There is no `latest`: of the versions that are enabled, the one that was made last, and when.
    async fn newest(&self, want: &EntryRef, deadline: Instant) -> Result<(String, String), Error> {
        let about = About {
            operation: VERSIONS,
            subject: Some(&want.path),
        };
        let mut newest: Option<(String, String, String)> = None;
        let (mut token, mut any): (Option<String>, bool) = (None, false);
        for _ in 0..PAGES {
            let path = format!("v1/{}/parameters/{}/versions", self.parent(), want.path);
            let fields = "parameterVersions(name,createTime,disabled),nextPageToken";
            let query = query(token.as_deref(), fields);
            let body = self.api.get(&path, Some(&query), about, deadline).await?;
            let page: VersionsPage = parsed(&body, VERSIONS)?;
            for known in page.parameter_versions {
                any = true;
                let Some((id, version)) = resolved(&known.name, "parameters") else {
                    return Err(classify::garbage(VERSIONS));
                };
                if id != want.path {
                    return Err(other(VERSIONS, &want.path));
                }
                if !known.disabled {
                    let at = instant(&known.create_time);
                    let candidate = (at, version.to_owned(), known.create_time);
                    newest = newest.max(Some(candidate));
                }
            }
            token = page.next_page_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return match newest {
                    Some((_, version, created)) => Ok((version, created)),
                    None if any => Err(disabled(&want.path)),
                    None => Err(Error::new(
                        ErrorKind::NotFound,
                        format!("the parameter {} has no version yet: add one", want.path),
                    )),
                };
            }
        }
        Err(Error::new(
            ErrorKind::TooLarge,
            format!(
                "the parameter {} has too many versions to look through: name one in version",
                want.path
            ),
        ))
    }
}

/// A version by its name and when it was made: one that was deleted gives its name to another.
fn token(version: &str, created: &str) -> VersionToken {
    VersionToken(match created {
        "" => version.to_owned(),
        created => format!("{version}@{created}"),
    })
}

/// RFC 3339 in UTC, made so that texts are in the order of time: with and without a fraction.
fn instant(text: &str) -> String {
    let text = text.trim_end_matches('Z');
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{seconds}.{fraction:0<9}")
}

fn query(token: Option<&str>, fields: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("pageSize", &PAGE.to_string());
    query.append_pair("fields", fields);
    if let Some(token) = token {
        query.append_pair("pageToken", token);
    }
    query.finish()
}

fn other(operation: &str, subject: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("the answer of {operation} is of another parameter or version than {subject}"),
    )
}

fn disabled(subject: &str) -> Error {
    Error::new(
        ErrorKind::Gone,
        format!(
            "every version of {subject} that was asked for is disabled: enable one, or add a new one"
        ),
    )
}

impl fmt::Debug for ParameterManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterManager")
            .field("connection", &self.api.connection)
            .field("render", &self.render)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for ParameterManager {
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
        if !self.render {
            let same = |known| self.same(known, deadline);
            return self.probe.read_changed(self, known, deadline, same).await;
        }
        // The secrets in it may be others, of which the version says nothing.
        let wants: Vec<EntryRef> = known.iter().map(|known| known.want.clone()).collect();
        let answers = self.read(&wants, deadline).await;
        answers.into_iter().map(|answer| answer.map(Some)).collect()
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        let subject = prefix.to_string();
        let about = About {
            operation: LIST,
            subject: Some(&subject),
        };
        let mut listing = Listing::new(Kind::GcpParameterManager, prefix);
        let mut token: Option<String> = None;
        loop {
            let fields = "parameters/name,nextPageToken";
            let (path, query) = (
                format!("v1/{}/parameters", self.parent()),
                query(token.as_deref(), fields),
            );
            let body = self.api.get(&path, Some(&query), about, deadline).await?;
            let page: Page = parsed(&body, LIST)?;
            for parameter in page.parameters {
                let id = parameter
                    .name
                    .rsplit_once("/parameters/")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_in_the_order_of_time() {
        let sorted = [
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000000001Z",
            "2026-01-01T00:00:00.1Z",
            "2026-01-01T00:00:00.123456Z",
            "2026-01-01T00:00:01Z",
        ];
        assert!(
            sorted
                .windows(2)
                .all(|pair| instant(pair[0]) < instant(pair[1]))
        );
    }
}
