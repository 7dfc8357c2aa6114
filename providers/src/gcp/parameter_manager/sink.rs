//! Parameter Manager when it is written to.
//!
//! There are no etags: whose a parameter is and what its newest version is are asked right before a write.
//! A list has no versions in it, so a version that somebody else made is seen by [`holder`](Sink::holder),
//! and before a write or a deletion. The language of the list's filter is not published, so that all
//! parameters are listed and the marked ones taken.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use super::mark::{Origin, Parameter, Progress, version};
use super::{LIST, ParameterManager, VERSIONS, VersionsPage, query, resolved};
use crate::gcp::api::{Request, parsed};
use crate::gcp::classify::{self, About};
use crate::sink::pages::Pages;
use crate::sink::token::Token;
use crate::sink::{Held, Holder, Owner, Put, WriteError};
use crate::{EntryRef, Error, ErrorKind, Kind, SecretBytes, Sink, VersionToken};

const GET: &str = "GetParameter";
const CREATE: &str = "CreateParameter";
const UPDATE: &str = "UpdateParameter";
const DELETE: &str = "DeleteParameter";
const ADD: &str = "CreateParameterVersion";
const REMOVE: &str = "DeleteParameterVersion";
/// Largest page of parameters with their labels.
const LARGEST: usize = 16 * 1024 * 1024;
/// Reads under way at once.
const AT_ONCE: usize = 8;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    parameters: Vec<Parameter>,
    next_page_token: Option<String>,
}

impl ParameterManager {
    fn path(&self, name: &str) -> String {
        format!("v1/{}/parameters/{name}", self.parent())
    }

    async fn parameter(&self, name: &str, deadline: Instant) -> Result<Parameter, Error> {
        let path = self.path(name);
        let body = self
            .api
            .get(&path, None, about(GET, name), deadline)
            .await?;
        let parameter: Parameter = parsed(&body, GET)?;
        if parameter.id() != Some(name) {
            return Err(classify::garbage(GET));
        }
        Ok(parameter)
    }

    /// The name of the version that readers get.
    async fn current(&self, name: &str, deadline: Instant) -> Result<Option<String>, Error> {
        match self.newest(&want(name), deadline).await {
            Ok((version, _)) => Ok(Some(version)),
            // None yet, or none that is enabled.
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn value(&self, name: &str, deadline: Instant) -> Result<SecretBytes, Error> {
        // What was written is compared, not what becomes of references in it.
        let raw = Self {
            render: false,
            ..self.clone()
        };
        raw.get(&want(name), deadline)
            .await
            .map(|entry| entry.value)
    }

    /// All versions, whatever their state.
    async fn versions(&self, name: &str, deadline: Instant) -> Result<Vec<String>, Error> {
        let path = format!("{}/versions", self.path(name));
        let (mut all, mut pages) = (Vec::new(), Pages::default());
        let mut token: Option<String> = None;
        loop {
            let query = query(token.as_deref(), "parameterVersions(name),nextPageToken");
            let about = about(VERSIONS, name);
            let body = self.api.get(&path, Some(&query), about, deadline).await?;
            let page: VersionsPage = parsed(&body, VERSIONS)?;
            for version in page.parameter_versions {
                match resolved(&version.name, "parameters") {
                    Some((id, version)) if id == name => all.push(version.to_owned()),
                    _ => return Err(classify::garbage(VERSIONS)),
                }
            }
            token = pages.next(page.next_page_token)?;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// A number that no version of JASM's has yet.
    async fn free_number(&self, name: &str, deadline: Instant) -> Result<u64, Error> {
        let versions = self.versions(name, deadline).await?;
        let numbers = versions
            .iter()
            .filter_map(|version| version.rsplit_once('-')?.1.parse::<u32>().ok());
        Ok(numbers.max().map_or(0, u64::from) + 1)
    }

    async fn mark(
        &self,
        parameter: &Parameter,
        progress: &Progress,
        origin: Origin<'_>,
        (name, owner): (&str, &Owner),
        deadline: Instant,
    ) -> Result<Parameter, Error> {
        let body = parameter.marked(progress, origin, owner);
        let path = self.path(name);
        let request = Request::new(Method::PATCH, &path, Some("updateMask=labels")).body(&body);
        let body = self
            .api
            .send(request, about(UPDATE, name), deadline)
            .await?;
        parsed(&body, UPDATE)
    }

    /// Makes the version that was announced, and says so.
    async fn add(
        &self,
        put: &Put,
        owner: &Owner,
        announced: &Parameter,
        number: u64,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let value = put.value.expose();
        let body = json!({"payload": {
            "data": STANDARD.encode(value),
            "dataCrc32c": crc32c::crc32c(value).to_string(),
        }});
        let version = version(&put.fingerprint, number);
        let path = format!("{}/versions", self.path(&put.name));
        let query = format!("parameterVersionId={version}");
        let request = Request::new(Method::POST, &path, Some(&query)).body(&body);
        let added = self
            .api
            .send(request, about(ADD, &put.name), deadline)
            .await;
        match added.map_err(refused) {
            // The name tells that it is the same value.
            Ok(_) | Err(WriteError::Exists) => {}
            Err(error) => return Err(error),
        }
        let progress = Progress::settled(put, number, &version);
        let at = (put.name.as_str(), owner);
        self.mark(announced, &progress, Origin::New(&put.origin), at, deadline)
            .await
            .map_err(refused)?;
        Ok(())
    }

    /// Announces a version and makes it.
    async fn write(
        &self,
        put: &Put,
        owner: &Owner,
        parameter: &Parameter,
        number: u64,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let progress = Progress::pending(put, number);
        let (at, origin) = ((put.name.as_str(), owner), Origin::New(&put.origin));
        let announced = self
            .mark(parameter, &progress, origin, at, deadline)
            .await
            .map_err(refused)?;
        self.add(put, owner, &announced, number, deadline).await
    }

    /// The parameter, if it is the owner's.
    async fn owned(
        &self,
        name: &str,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<Parameter, WriteError> {
        let parameter = self.parameter(name, deadline).await.map_err(refused)?;
        match parameter.owner().as_ref() == Some(owner) {
            true => Ok(parameter),
            false => Err(WriteError::Changed),
        }
    }

    /// Whether the newest version is another one than the labels say.
    async fn is_overtaken(
        &self,
        name: &str,
        parameter: &Parameter,
        deadline: Instant,
    ) -> Result<bool, Error> {
        let Some(Progress::Settled { version, .. }) = parameter.progress() else {
            return Ok(false);
        };
        let current = self.current(name, deadline).await?;
        Ok(current.is_none_or(|current| !current.eq_ignore_ascii_case(&version)))
    }
}

fn about<'a>(operation: &'static str, name: &'a str) -> About<'a> {
    About {
        operation,
        subject: Some(name),
    }
}

fn want(name: &str) -> EntryRef {
    EntryRef {
        path: name.to_owned(),
        version: None,
    }
}

fn refused(error: Error) -> WriteError {
    match error.code.as_deref() {
        Some(classify::ALREADY_EXISTS) => WriteError::Exists,
        Some(classify::ABORTED) => WriteError::Changed,
        _ if error.kind == ErrorKind::NotFound => WriteError::Changed,
        _ => WriteError::Failed(error),
    }
}

/// Before anything is written: a parameter without a version would be left behind.
fn check(put: &Put) -> Result<(), Error> {
    let largest = Kind::GcpParameterManager.abilities().largest;
    if put.value.len() <= largest {
        return Ok(());
    }
    let sentence = format!(
        "the value of {} is larger than the {largest} bytes that parameter manager holds",
        put.name
    );
    Err(Error::new(ErrorKind::TooLarge, sentence))
}

/// What is noted of a parameter: how far it is, and whether readers get another version.
fn token(owner: &Owner, progress: Option<&Progress>, overtaken: bool) -> VersionToken {
    let mut state = progress.map(Progress::word).unwrap_or_default();
    if overtaken {
        state.push_str(OVERTAKEN);
    }
    Token::new(owner, &state, progress.map(Progress::number)).version_token()
}

const OVERTAKEN: &str = " overtaken";

fn held(name: &str, owner: &Owner, parameter: &Parameter, overtaken: bool) -> Held {
    let progress = parameter.progress();
    let fingerprint = match &progress {
        Some(Progress::Settled { fingerprint, .. }) if !overtaken => Some(fingerprint.clone()),
        _ => None,
    };
    let begun = matches!(
        progress,
        Some(Progress::Pending { .. } | Progress::Deleting { .. })
    );
    Held {
        name: name.to_owned(),
        fingerprint,
        value: begun.then(|| SecretBytes::new(Vec::new())),
        version: Some(token(owner, progress.as_ref(), overtaken)),
    }
}

#[async_trait]
impl Sink for ParameterManager {
    async fn held(&self, owner: &Owner, deadline: Instant) -> Result<Vec<Held>, Error> {
        let about = About {
            operation: LIST,
            subject: None,
        };
        let path = format!("v1/{}/parameters", self.parent());
        let (mut all, mut pages) = (Vec::new(), Pages::default());
        let mut token: Option<String> = None;
        loop {
            let query = query(token.as_deref(), "parameters(name,labels),nextPageToken");
            let request = Request {
                limit: LARGEST,
                ..Request::new(Method::GET, &path, Some(&query))
            };
            let body = self.api.send(request, about, deadline).await?;
            let page: Page = parsed(&body, LIST)?;
            for parameter in &page.parameters {
                if parameter.owner().as_ref() == Some(owner) {
                    let name = parameter.id().ok_or_else(|| classify::garbage(LIST))?;
                    all.push(held(name, owner, parameter, false));
                }
            }
            token = pages.next(page.next_page_token)?;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    async fn holder(&self, name: &str, owner: &Owner, deadline: Instant) -> Result<Holder, Error> {
        let parameter = match self.parameter(name, deadline).await {
            Ok(parameter) => parameter,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(Holder::Nobody),
            Err(error) => return Err(error),
        };
        let found = parameter.owner();
        if found.as_ref() != Some(owner) {
            return Ok(Holder::Other(found));
        }
        let overtaken = self.is_overtaken(name, &parameter, deadline).await?;
        Ok(Holder::Owner(held(name, owner, &parameter, overtaken)))
    }

    async fn read(&self, names: &[&str], deadline: Instant) -> Vec<Result<SecretBytes, Error>> {
        use futures::StreamExt as _;

        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        futures::stream::iter(names)
            .map(|name| {
                let this = self.clone();
                async move { this.value(&name, deadline).await }
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn create(&self, put: &Put, owner: &Owner, deadline: Instant) -> Result<(), WriteError> {
        check(put)?;
        let progress = Progress::pending(put, 1);
        let mut body = Parameter::default().marked(&progress, Origin::New(&put.origin), owner);
        body["format"] = "UNFORMATTED".into();
        let path = format!("v1/{}/parameters", self.parent());
        let query = format!("parameterId={}", put.name);
        let request = Request::new(Method::POST, &path, Some(&query)).body(&body);
        let made = self
            .api
            .send(request, about(CREATE, &put.name), deadline)
            .await;
        match made.map_err(refused) {
            Ok(body) => {
                let parameter: Parameter = parsed(&body, CREATE)?;
                self.add(put, owner, &parameter, 1, deadline).await
            }
            // Perhaps by this very call, or by one that did not come to its end.
            Err(WriteError::Exists) => {
                let parameter = self.owned(&put.name, owner, deadline).await;
                let parameter = parameter.map_err(|error| match error {
                    WriteError::Changed => WriteError::Exists,
                    error => error,
                })?;
                match parameter.progress() {
                    Some(Progress::Pending {
                        fingerprint,
                        number,
                    }) if fingerprint == put.fingerprint => {
                        self.add(put, owner, &parameter, number, deadline).await
                    }
                    Some(Progress::Settled { fingerprint, .. })
                        if fingerprint == put.fingerprint
                            && !self
                                .is_overtaken(&put.name, &parameter, deadline)
                                .await
                                .map_err(refused)? =>
                    {
                        Ok(())
                    }
                    _ => Err(WriteError::Exists),
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
        let listed = Token::of(held, owner).ok_or(WriteError::Changed)?;
        let parameter = self.owned(&put.name, owner, deadline).await?;
        let Some(progress) = parameter.progress() else {
            let number = self
                .free_number(&put.name, deadline)
                .await
                .map_err(refused)?;
            return self.write(put, owner, &parameter, number, deadline).await;
        };
        let overtaken = self
            .is_overtaken(&put.name, &parameter, deadline)
            .await
            .map_err(refused)?;
        match &progress {
            // Begun by this very call, or by one that did not come to its end.
            Progress::Pending {
                fingerprint,
                number,
            } if *fingerprint == put.fingerprint => {
                return self.add(put, owner, &parameter, *number, deadline).await;
            }
            Progress::Settled { fingerprint, .. }
                if *fingerprint == put.fingerprint && !overtaken =>
            {
                return Ok(());
            }
            _ => {}
        }
        let now = token(owner, Some(&progress), overtaken);
        if Some(listed.version_token()) != Some(now) {
            return Err(WriteError::Changed);
        }
        self.write(put, owner, &parameter, progress.number() + 1, deadline)
            .await
    }

    async fn remark(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        if Token::of(held, owner).is_none() {
            return Err(WriteError::Changed);
        }
        let parameter = self.owned(&put.name, owner, deadline).await?;
        let (current, _) = self
            .newest(&want(&put.name), deadline)
            .await
            .map_err(refused)?;
        let value = self.value(&put.name, deadline).await.map_err(refused)?;
        if value != put.value {
            return Err(WriteError::Changed);
        }
        let number = match parameter.progress() {
            Some(progress) => progress.number(),
            None => self
                .free_number(&put.name, deadline)
                .await
                .map_err(refused)?,
        };
        let progress = Progress::settled(put, number, &current);
        let at = (put.name.as_str(), owner);
        self.mark(
            &parameter,
            &progress,
            Origin::New(&put.origin),
            at,
            deadline,
        )
        .await
        .map_err(refused)?;
        Ok(())
    }

    async fn restore(&self, name: &str, _: Instant) -> Result<(), WriteError> {
        let sentence = format!(
            "{name} cannot be brought back: parameter manager keeps nothing of what is deleted"
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
        let name = held.name.as_str();
        let parameter = match self.parameter(name, deadline).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            parameter => parameter?,
        };
        if parameter.owner().as_ref() != Some(owner) {
            return Err(WriteError::Changed);
        }
        let progress = parameter.progress();
        let number = progress.as_ref().map_or(0, Progress::number);
        if !matches!(progress, Some(Progress::Deleting { .. })) {
            let overtaken = self
                .is_overtaken(name, &parameter, deadline)
                .await
                .map_err(refused)?;
            if listed.version_token() != token(owner, progress.as_ref(), overtaken) {
                return Err(WriteError::Changed);
            }
            // One without some of its versions is not to be taken for whole.
            let deleting = Progress::Deleting { number };
            self.mark(&parameter, &deleting, Origin::Same, (name, owner), deadline)
                .await
                .map_err(refused)?;
        }
        // A parameter that has versions is not deleted.
        for version in self.versions(name, deadline).await.map_err(refused)? {
            let path = format!("{}/versions/{version}", self.path(name));
            self.remove(&path, about(REMOVE, name), deadline).await?;
        }
        self.remove(&self.path(name), about(DELETE, name), deadline)
            .await?;
        Ok(())
    }
}

impl ParameterManager {
    /// Deletes what is at a path; what is gone already is deleted.
    async fn remove(&self, path: &str, about: About<'_>, deadline: Instant) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, path, None);
        match self.api.send(request, about, deadline).await {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
