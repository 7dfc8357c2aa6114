//! Parameter Store as it is written to.
//!
//! The owner stands in a tag, which is written when a parameter is made: later, a tag and a value cannot go in
//! one call. The fingerprint, with the number of the version that it is of, stands in the description, which
//! does go with the value and which the list brings along.
//!
//! PutParameter knows neither conditions nor tokens: a parameter is looked at right before it is written, and
//! again before a write is said once more.

use async_trait::async_trait;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::types::{
    ParameterMetadata, ParameterStringFilter, ParameterType, ResourceTypeForTagging, Tag,
};
use tokio::time::Instant;

use super::ParameterStore;
use crate::aws::call::call;
use crate::aws::classify::{self, About};
use crate::aws::marks;
use crate::sink::pages::Pages;
use crate::sink::{Fingerprint, Held, Holder, Owner, Put, WriteError};
use crate::{EntryRef, Error, ErrorKind, SecretBytes, Sink, Source, VersionToken, retry};

const PUT: &str = "ssm:PutParameter";
const DESCRIBE: &str = "ssm:DescribeParameters";
const TAGS: &str = "ssm:ListTagsForResource";
const DELETE: &str = "ssm:DeleteParameter";
/// Parameters on one page of DescribeParameters.
const PAGE: i32 = 50;
/// Longest value of an advanced parameter, in bytes; which tier a new one has is the account's to say.
const LARGEST: usize = 8192;
/// Longest value of a standard one.
const STANDARD: usize = 4096;
/// Longest description.
const DESCRIPTION: usize = 1024;
/// What a description begins with.
const OURS: &str = "jasm ";
/// How often a write is tried.
const TRIES: u32 = 3;
/// The code of a name that is taken.
const EXISTS: &str = "ParameterAlreadyExists";

fn about<'a>(action: &'static str, subject: &'a str) -> About<'a> {
    About {
        action,
        writes: true,
        subject: Some(subject),
    }
}

/// The value as a parameter can have it.
fn text(put: &Put) -> Result<&str, Error> {
    let (name, length) = (&put.name, put.value.len());
    let invalid = |sentence: String| Err(Error::new(ErrorKind::Invalid, sentence));
    if length > LARGEST {
        let sentence = format!(
            "the value of {name} has {length} bytes, and parameter store takes at most {LARGEST}: split it, or leave it out"
        );
        return Err(Error::new(ErrorKind::TooLarge, sentence));
    }
    let Ok(text) = std::str::from_utf8(put.value.expose()) else {
        return invalid(format!(
            "the value of {name} is no text, and parameter store takes nothing else: put it into a store of secrets"
        ));
    };
    if text.is_empty() {
        return invalid(format!(
            "the value of {name} is empty, and parameter store takes no empty ones: leave it out"
        ));
    }
    let nested = text.find("{{").is_some_and(|at| text[at..].contains("}}"));
    if nested {
        return invalid(format!(
            "the value of {name} has {{{{ and }}}} in it, which parameter store refuses: write it in another way"
        ));
    }
    Ok(text)
}

/// Fingerprint, version and origin as they stand in a description.
fn description(put: &Put, version: i64) -> String {
    let pair = marks::paired(&put.fingerprint, &version.to_string());
    let mut text = format!("{OURS}{pair} ");
    text.push_str(&marks::origin(&put.origin, DESCRIPTION - text.len()));
    text
}

/// The fingerprint of a parameter's value; none where somebody else wrote it.
fn fingerprint(parameter: &ParameterMetadata) -> Option<Fingerprint> {
    let rest = parameter.description.as_deref()?.strip_prefix(OURS)?;
    let pair = rest.split(' ').next()?;
    marks::of_pair(pair, &parameter.version.to_string())
}

fn held(parameter: ParameterMetadata) -> Option<Held> {
    Some(Held {
        fingerprint: fingerprint(&parameter),
        value: None,
        version: Some(VersionToken(parameter.version.to_string())),
        name: parameter.name?,
    })
}

fn equals(key: &str, value: &str) -> Result<ParameterStringFilter, Error> {
    ParameterStringFilter::builder()
        .key(key)
        .option("Equals")
        .values(value)
        .build()
        .map_err(|_| classify::garbage(about(DESCRIBE, value)))
}

fn tag(key: &str, value: &str) -> Result<Tag, Error> {
    Tag::builder()
        .key(key)
        .value(value)
        .build()
        .map_err(|_| classify::garbage(about(PUT, value)))
}

/// A parameter with the owner's tag.
fn of_owner(owner: &Owner) -> Result<ParameterStringFilter, Error> {
    equals(&format!("tag:{}", marks::OWNER), &owner.to_string())
}

/// Whether a write may have been done although it failed, or has not been.
fn is_open(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Unavailable | ErrorKind::Integrity | ErrorKind::Throttled { .. }
    )
}

impl ParameterStore {
    /// What filters find, all pages.
    async fn described(
        &self,
        filters: Vec<ParameterStringFilter>,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<Vec<ParameterMetadata>, Error> {
        let (mut all, mut pages, mut token) = (Vec::new(), Pages::default(), None);
        loop {
            let request = self
                .client
                .describe_parameters()
                .max_results(PAGE)
                .set_parameter_filters(Some(filters.clone()))
                .set_next_token(token);
            let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
            all.extend(output.parameters.ok_or_else(|| classify::garbage(about))?);
            token = pages.next(output.next_token)?;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// One parameter as it is; with an owner, only if it is that one's.
    async fn look(
        &self,
        name: &str,
        owner: Option<&Owner>,
        deadline: Instant,
    ) -> Result<Option<ParameterMetadata>, Error> {
        let mut filters = vec![equals("Name", name)?];
        if let Some(owner) = owner {
            filters.push(of_owner(owner)?);
        }
        let found = self
            .described(filters, about(DESCRIBE, name), deadline)
            .await?;
        Ok(found
            .into_iter()
            .find(|parameter| parameter.name.as_deref() == Some(name)))
    }

    /// One try to write; the number of the version that came of it.
    async fn put(
        &self,
        put: &Put,
        version: i64,
        tags: Option<Vec<Tag>>,
        deadline: Instant,
    ) -> Result<i64, Error> {
        let text = text(put)?;
        let request = self
            .client
            .put_parameter()
            .name(&put.name)
            .value(text)
            .description(description(put, version))
            .overwrite(tags.is_none())
            // A parameter keeps its type.
            .set_type(tags.is_some().then_some(ParameterType::String))
            .set_tags(tags);
        // Said twice, it would be two versions: whoever says it again looks first.
        let once = || aws_sdk_ssm::config::Builder::default().retry_config(RetryConfig::disabled());
        let send = || request.clone().customize().config_override(once()).send();
        match call(&self.caller, about(PUT, &put.name), deadline, send).await {
            Ok(output) => Ok(output.version),
            Err(error) if error.kind == ErrorKind::Invalid && text.len() > STANDARD => {
                let sentence = format!(
                    "the value of {} has {} bytes, and a standard parameter takes {STANDARD}: make intelligent tiering the \
                     account's default tier, or split it",
                    put.name,
                    text.len()
                );
                Err(Error {
                    message: sentence,
                    kind: ErrorKind::TooLarge,
                    ..error
                })
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Sink for ParameterStore {
    async fn held(&self, owner: &Owner, deadline: Instant) -> Result<Vec<Held>, Error> {
        let about = about(DESCRIBE, "the store");
        let found = self
            .described(vec![of_owner(owner)?], about, deadline)
            .await?;
        found
            .into_iter()
            .map(|parameter| held(parameter).ok_or_else(|| classify::garbage(about)))
            .collect()
    }

    async fn holder(&self, name: &str, owner: &Owner, deadline: Instant) -> Result<Holder, Error> {
        let Some(parameter) = self.look(name, None, deadline).await? else {
            return Ok(Holder::Nobody);
        };
        let about = about(TAGS, name);
        let request = self
            .client
            .list_tags_for_resource()
            .resource_type(ResourceTypeForTagging::Parameter)
            .resource_id(name);
        let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
        let tags = output.tag_list.unwrap_or_default();
        let tag = tags.iter().find(|tag| tag.key() == marks::OWNER);
        Ok(match marks::owner(tag.map(Tag::value)) {
            Some(found) if found == *owner => {
                Holder::Owner(held(parameter).ok_or_else(|| classify::garbage(about))?)
            }
            found => Holder::Other(found),
        })
    }

    async fn read(&self, names: &[&str], deadline: Instant) -> Vec<Result<SecretBytes, Error>> {
        let wants: Vec<EntryRef> = names
            .iter()
            .map(|name| EntryRef {
                path: (*name).to_owned(),
                version: None,
            })
            .collect();
        let answers = Source::read(self, &wants, deadline).await;
        answers
            .into_iter()
            .map(|answer| answer.map(|entry| entry.value))
            .collect()
    }

    async fn create(&self, put: &Put, owner: &Owner, deadline: Instant) -> Result<(), WriteError> {
        text(put)?;
        let tags = vec![
            tag(marks::OWNER, &owner.to_string())?,
            tag(marks::MANAGED_BY.0, marks::MANAGED_BY.1)?,
        ];
        for tried in 1.. {
            let error = match self.put(put, 1, Some(tags.clone()), deadline).await {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if error.code.as_deref() == Some(EXISTS) {
                // It may be this very one, made by a call whose answer was lost.
                let found = self.look(&put.name, Some(owner), deadline).await?;
                let ours = found
                    .is_some_and(|found| fingerprint(&found).as_ref() == Some(&put.fingerprint));
                return if ours {
                    Ok(())
                } else {
                    Err(WriteError::Exists)
                };
            }
            if !is_open(&error) || tried >= TRIES || !retry::pause(tried, deadline).await {
                return Err(error.into());
            }
        }
        Err(WriteError::Changed)
    }

    async fn update(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        text(put)?;
        let version = held.version.as_ref().and_then(|token| token.0.parse().ok());
        let version: i64 = version.ok_or(WriteError::Changed)?;
        let next = version + 1;
        for tried in 1.. {
            let found = self.look(&put.name, Some(owner), deadline).await?;
            let found = found.ok_or(WriteError::Changed)?;
            if found.version == next && fingerprint(&found).as_ref() == Some(&put.fingerprint) {
                // Said before: the answer was lost.
                return Ok(());
            }
            if found.version != version {
                return Err(WriteError::Changed);
            }
            match self.put(put, next, None, deadline).await {
                Ok(made) if made == next => return Ok(()),
                // Somebody else was faster by a moment: the next list says that it is not known what is there.
                Ok(_) => return Err(WriteError::Changed),
                Err(error)
                    if !is_open(&error)
                        || tried >= TRIES
                        || !retry::pause(tried, deadline).await =>
                {
                    return Err(error.into());
                }
                Err(_) => {}
            }
        }
        Err(WriteError::Changed)
    }

    /// Nothing: a description is written with a value only, which is a version.
    async fn remark(&self, _: &Held, _: &Put, _: &Owner, _: Instant) -> Result<(), WriteError> {
        Ok(())
    }

    async fn restore(&self, name: &str, _: Instant) -> Result<(), WriteError> {
        let sentence = format!("parameter store brings nothing back: create {name} anew");
        Err(Error::new(ErrorKind::Unsupported, sentence).into())
    }

    /// At once and for good: Parameter Store has no other way.
    async fn delete(
        &self,
        held: &Held,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let found = self.look(&held.name, Some(owner), deadline).await?;
        let version = found.map(|found| VersionToken(found.version.to_string()));
        if version.is_none() || version != held.version {
            return Err(WriteError::Changed);
        }
        let request = self.client.delete_parameter().name(&held.name);
        let about = about(DELETE, &held.name);
        match call(&self.caller, about, deadline, || request.clone().send()).await {
            // By a try whose answer was lost.
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            result => Ok(result.map(drop)?),
        }
    }
}
