//! Secrets Manager as it is written to.
//!
//! The owner stands in a tag. The fingerprint of a value is part of the id of its version, which a list brings
//! along with what is current: a value that somebody else wrote has another id, and none of ours. Every call
//! names a secret by its ARN, so that one that was deleted and made anew by somebody else is not the one meant.

use async_trait::async_trait;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, Tag};
use tokio::time::Instant;

use super::state::{Seen, State};
use super::{DESCRIBE, LIST, PAGE, SecretsManager};
use crate::aws::call::call;
use crate::aws::classify::{self, About};
use crate::aws::marks;
use crate::sink::pages::Pages;
use crate::sink::{Held, Holder, Owner, Put, WriteError};
use crate::{EntryRef, Error, ErrorKind, SecretBytes, Sink, Source};

const CREATE: &str = "secretsmanager:CreateSecret";
const UPDATE: &str = "secretsmanager:UpdateSecret";
const TAG: &str = "secretsmanager:TagResource";
const RESTORE: &str = "secretsmanager:RestoreSecret";
const DELETE: &str = "secretsmanager:DeleteSecret";
/// Longest value, in bytes: <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const LARGEST: usize = 65_536;
/// Longest description, in characters.
const DESCRIPTION: usize = 2048;
/// How many ids are tried for a version: only somebody who moves stages by hand makes a second one necessary.
const TURNS: u32 = 4;
/// The code of an id, or a name, that is taken.
const EXISTS: &str = "ResourceExistsException";

fn about<'a>(action: &'static str, subject: &'a str) -> About<'a> {
    About {
        action,
        writes: true,
        subject: Some(subject),
    }
}

/// A value as either of the two fields has it.
fn fields(value: &SecretBytes) -> (Option<String>, Option<Blob>) {
    match std::str::from_utf8(value.expose()) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(Blob::new(value.expose()))),
    }
}

fn fits(put: &Put) -> Result<(), Error> {
    let (name, length) = (&put.name, put.value.len());
    if (1..=LARGEST).contains(&length) {
        return Ok(());
    }
    let sentence = format!(
        "the value of {name} has {length} bytes, and secrets manager takes 1 to {LARGEST}: split it, or leave it out"
    );
    let kind = match length {
        0 => ErrorKind::Invalid,
        _ => ErrorKind::TooLarge,
    };
    Err(Error::new(kind, sentence))
}

impl SecretsManager {
    /// A secret as it is; none where there is no such one. `id` is its ARN or its name.
    async fn describe(
        &self,
        id: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<State>, Error> {
        let about = about(DESCRIBE, name);
        let request = self.client.describe_secret().secret_id(id);
        match call(&self.caller, about, deadline, || request.clone().send()).await {
            Ok(output) => State::described(output)
                .map(Some)
                .ok_or_else(|| classify::garbage(about)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The secret of a list, if it is still the owner's and there; with what was seen of it.
    async fn still(
        &self,
        held: &Held,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(Seen, State), WriteError> {
        let seen = held.version.as_ref().and_then(Seen::parse);
        let seen = seen.ok_or(WriteError::Changed)?;
        let state = self.describe(&seen.arn, &held.name, deadline).await?;
        state
            .filter(|state| state.name == held.name && state.arn == seen.arn)
            .filter(|state| state.is_of(owner))
            .map(|state| (seen, state))
            .ok_or(WriteError::Changed)
    }
}

#[async_trait]
impl Sink for SecretsManager {
    async fn held(&self, owner: &Owner, deadline: Instant) -> Result<Vec<Held>, Error> {
        let about = About {
            action: LIST,
            writes: true,
            subject: Some("the store"),
        };
        let filter = |key: FilterNameStringType, value: String| {
            Filter::builder().key(key).values(value).build()
        };
        // Either is a prefix match, and a value may be that of another tag: what comes is looked at again.
        let filters = vec![
            filter(FilterNameStringType::TagKey, marks::OWNER.to_owned()),
            filter(FilterNameStringType::TagValue, owner.to_string()),
        ];
        let (mut held, mut pages, mut token) = (Vec::new(), Pages::default(), None);
        loop {
            let request = self
                .client
                .list_secrets()
                .max_results(PAGE)
                .set_filters(Some(filters.clone()))
                .set_next_token(token);
            let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
            let found = output.secret_list.ok_or_else(|| classify::garbage(about))?;
            for secret in found {
                let state = State::listed(secret).ok_or_else(|| classify::garbage(about))?;
                if state.is_of(owner) && !state.deleted {
                    held.push(state.held());
                }
            }
            token = pages.next(output.next_token)?;
            if token.is_none() {
                return Ok(held);
            }
        }
    }

    async fn holder(&self, name: &str, owner: &Owner, deadline: Instant) -> Result<Holder, Error> {
        let Some(state) = self.describe(name, name, deadline).await? else {
            return Ok(Holder::Nobody);
        };
        if state.name != name {
            return Err(classify::garbage(about(DESCRIBE, name)));
        }
        Ok(match (state.is_of(owner), state.deleted) {
            (true, true) => Holder::Deleted,
            (true, false) => Holder::Owner(state.held()),
            (false, true) => Holder::DeletedOther,
            (false, false) => Holder::Other(state.owner),
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
        fits(put)?;
        let about = about(CREATE, &put.name);
        // Not the same one twice: an id that is known makes the call succeed, whatever is current since.
        let mut once = [0; 16];
        getrandom::fill(&mut once)
            .map_err(|_| Error::new(ErrorKind::Unavailable, "the system has no randomness"))?;
        let (text, binary) = fields(&put.value);
        let tag = |key: &str, value: String| Tag::builder().key(key).value(value).build();
        let request = self
            .client
            .create_secret()
            .name(&put.name)
            .client_request_token(marks::version_id(&put.fingerprint, &once, 0))
            .description(marks::origin(&put.origin, DESCRIPTION))
            .tags(tag(marks::OWNER, owner.to_string()))
            .tags(tag(marks::MANAGED_BY.0, marks::MANAGED_BY.1.to_owned()))
            .set_secret_string(text)
            .set_secret_binary(binary);
        let result = call(&self.caller, about, deadline, || request.clone().send()).await;
        let Err(error) = result else {
            return Ok(());
        };
        // A name that is scheduled for deletion is refused in other words.
        if error.code.as_deref() != Some(EXISTS) && error.kind != ErrorKind::Gone {
            return Err(error.into());
        }
        // It may be this very one, made by a call whose answer was lost.
        let state = self.describe(&put.name, &put.name, deadline).await?;
        let ours = state.is_some_and(|state| {
            state.is_of(owner)
                && !state.deleted
                && state.fingerprint().as_ref() == Some(&put.fingerprint)
        });
        if ours {
            Ok(())
        } else {
            Err(WriteError::Exists)
        }
    }

    /// UpdateSecret has no condition, so the secret is looked at right before it.
    async fn update(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        fits(put)?;
        let about = about(UPDATE, &put.name);
        let (seen, mut state) = self.still(held, owner, deadline).await?;
        let follows = seen.current.as_deref().unwrap_or_default();
        let (text, binary) = fields(&put.value);
        for turn in 0..TURNS {
            let id = marks::version_id(&put.fingerprint, follows.as_bytes(), turn);
            if state.deleted {
                return Err(WriteError::Changed);
            }
            if state.current.as_ref() == Some(&id) {
                // Said before: the answer was lost.
                return Ok(());
            }
            if seen.others.contains(&id) || state.others.contains(&id) {
                continue;
            }
            if state.current != seen.current {
                return Err(WriteError::Changed);
            }
            let request = self
                .client
                .update_secret()
                .secret_id(&seen.arn)
                .client_request_token(&id)
                .description(marks::origin(&put.origin, DESCRIPTION))
                .set_secret_string(text.clone())
                .set_secret_binary(binary.clone());
            match call(&self.caller, about, deadline, || request.clone().send()).await {
                Ok(_) => return Ok(()),
                // By a try whose answer was lost, or long ago.
                Err(error) if error.code.as_deref() == Some(EXISTS) => {
                    state = self.still(held, owner, deadline).await?.1;
                    if state.current.as_ref() == Some(&id) {
                        return Ok(());
                    }
                }
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Gone) => {
                    return Err(WriteError::Changed);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(WriteError::Changed)
    }

    async fn remark(
        &self,
        held: &Held,
        put: &Put,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let (seen, state) = self.still(held, owner, deadline).await?;
        let Some(current) = state.current.filter(|_| !state.deleted) else {
            return Err(WriteError::Changed);
        };
        if seen.current.as_ref() != Some(&current) {
            return Err(WriteError::Changed);
        }
        let tag = Tag::builder()
            .key(marks::FINGERPRINT)
            .value(marks::paired(&put.fingerprint, &current))
            .build();
        let request = self.client.tag_resource().secret_id(&seen.arn).tags(tag);
        let about = about(TAG, &put.name);
        call(&self.caller, about, deadline, || request.clone().send()).await?;
        Ok(())
    }

    async fn restore(&self, name: &str, deadline: Instant) -> Result<(), WriteError> {
        let request = self.client.restore_secret().secret_id(name);
        let about = about(RESTORE, name);
        call(&self.caller, about, deadline, || request.clone().send()).await?;
        Ok(())
    }

    /// With the recovery window that AWS gives where none is named: thirty days.
    async fn delete(
        &self,
        held: &Held,
        owner: &Owner,
        deadline: Instant,
    ) -> Result<(), WriteError> {
        let (seen, state) = self.still(held, owner, deadline).await?;
        if state.deleted {
            return Ok(());
        }
        if state.current != seen.current {
            return Err(WriteError::Changed);
        }
        let request = self.client.delete_secret().secret_id(&seen.arn);
        let about = about(DELETE, &held.name);
        match call(&self.caller, about, deadline, || request.clone().send()).await {
            // By a try whose answer was lost.
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Gone) => Ok(()),
            result => Ok(result.map(drop)?),
        }
    }
}
