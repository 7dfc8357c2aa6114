//! AWS Secrets Manager: current values in batches of twenty, a named version by itself.

mod sink;
mod state;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::primitives::Blob;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use tokio::time::Instant;

use super::Connection;
use super::answers::Answers;
use super::call::{Caller, call, singly};
use super::classify::{self, About};
use super::fallback::Fallback;
use crate::listing::Listing;
use crate::probe::Probe;
use crate::reference::{is_version_id, without_suffix};
use crate::source::{Known, Observer};
use crate::{
    Entry, EntryRef, Error, ErrorKind, Kind, Listed, Prefix, SecretBytes, Source, VersionToken,
};

/// Secrets in one BatchGetSecretValue.
const BATCH: usize = Kind::AwsSecretsManager.abilities().batch;
/// Pages of one batch: one per secret, and one that is empty. More of them go round in a circle.
const PAGES: usize = BATCH + 1;
/// Names on one page of ListSecrets.
const PAGE: i32 = 100;

pub(super) const GET: &str = "secretsmanager:GetSecretValue";
pub(super) const BATCH_GET: &str = "secretsmanager:BatchGetSecretValue";
pub(super) const LIST: &str = "secretsmanager:ListSecrets";
const DESCRIBE: &str = "secretsmanager:DescribeSecret";
/// The staging label of the current version.
const CURRENT: &str = "AWSCURRENT";

/// Secrets Manager of one region as one identity.
#[derive(Clone)]
pub struct SecretsManager {
    pub(super) client: Client,
    pub(super) caller: Caller,
    pub(super) connection: Connection,
    fallback: Arc<Fallback>,
    probe: Arc<Probe>,
}

impl SecretsManager {
    /// Secrets Manager behind a connection.
    #[must_use]
    pub fn new(connection: &Connection, observer: Observer) -> Self {
        Self {
            client: Client::new(&connection.config),
            caller: Caller::new(connection, observer),
            connection: connection.clone(),
            fallback: Arc::default(),
            probe: Arc::default(),
        }
    }

    async fn get(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let subject = want.to_string();
        let about = About {
            action: GET,
            writes: false,
            subject: Some(&subject),
        };
        let (id, stage) = match want.version.as_deref() {
            Some(word) if is_version_id(word) => (Some(word), None),
            stage => (None, stage),
        };
        let request = self
            .client
            .get_secret_value()
            .secret_id(&want.path)
            .set_version_id(id.map(str::to_owned))
            .set_version_stage(stage.map(str::to_owned));
        let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
        let answer = Answer {
            name: output.name,
            arn: output.arn,
            version: output.version_id,
            text: output.secret_string,
            binary: output.secret_binary,
        };
        if !answer.is_of(&want.path) || id.is_some_and(|id| answer.version.as_deref() != Some(id)) {
            let sentence =
                format!("the answer of {GET} is of another secret or version than {subject}");
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        answer.entry(&subject)
    }

    /// Whether a secret is still of a version: by what its versions are labelled.
    async fn same(&self, known: Known, deadline: Instant) -> Result<bool, Error> {
        let subject = known.want.to_string();
        let about = About {
            action: DESCRIBE,
            writes: false,
            subject: Some(&subject),
        };
        let request = self.client.describe_secret().secret_id(&known.want.path);
        let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
        // Of one that is scheduled for deletion the read says so.
        let named = output.name.as_deref() == Some(&known.want.path);
        if output.deleted_date.is_some() || !named {
            return Ok(false);
        }
        let versions = output.version_ids_to_stages.unwrap_or_default();
        let Some(stages) = versions.get(&known.version.0) else {
            return Ok(false);
        };
        Ok(match known.want.version.as_deref() {
            Some(word) if is_version_id(word) => word == known.version.0,
            stage => stages.iter().any(|it| it == stage.unwrap_or(CURRENT)),
        })
    }

    /// Current values, all pages. An error is one of the call; those of items are in the answers.
    async fn batch(&self, wants: &[EntryRef], deadline: Instant) -> Result<Answers, Error> {
        let about = About {
            action: BATCH_GET,
            writes: false,
            subject: None,
        };
        let ids: Vec<String> = wants.iter().map(|want| want.path.clone()).collect();
        let mut answers = Answers::default();
        let mut token = None;
        for page in 0..PAGES {
            let request = self
                .client
                .batch_get_secret_value()
                .set_secret_id_list(Some(ids.clone()))
                .set_next_token(token);
            let output = match call(&self.caller, about, deadline, || request.clone().send()).await
            {
                Ok(output) => output,
                Err(error) if page == 0 => return Err(error),
                // What came on earlier pages is good.
                Err(error) => {
                    answers.fail_rest(wants, &error);
                    break;
                }
            };
            for value in output.secret_values.unwrap_or_default() {
                let answer = Answer {
                    name: value.name,
                    arn: value.arn,
                    version: value.version_id,
                    text: value.secret_string,
                    binary: value.secret_binary,
                };
                if let Some(want) = wants.iter().find(|want| answer.is_of(&want.path)) {
                    answers.note(want, answer.entry(&want.path));
                }
            }
            for failure in output.errors.unwrap_or_default() {
                let id = failure.secret_id.as_deref().unwrap_or_default();
                if let Some(want) = wants
                    .iter()
                    .find(|want| id == want.path || is_arn_of(id, &want.path))
                {
                    let about = About {
                        action: GET,
                        writes: false,
                        subject: Some(&want.path),
                    };
                    let error = classify::item(
                        failure.error_code.as_deref(),
                        failure.message.as_deref(),
                        about,
                    );
                    answers.note(want, Err(error));
                }
            }
            token = output.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        Ok(answers)
    }

    async fn together(&self, wants: &[EntryRef], deadline: Instant) -> Answers {
        let error = match self.batch(wants, deadline).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        match error.kind {
            // The right to the call, or the call itself, is missing: so it is for the next one.
            ErrorKind::Denied | ErrorKind::Unsupported => {
                self.fallback.no_batches(BATCH_GET);
                self.one_by_one(wants, deadline).await
            }
            // One of them spoils it for the others.
            ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Gone | ErrorKind::TooLarge => {
                self.one_by_one(wants, deadline).await
            }
            _ => Answers::all_failed(wants, &error),
        }
    }

    async fn one_by_one(&self, wants: &[EntryRef], deadline: Instant) -> Answers {
        singly(wants, |want| {
            let this = self.clone();
            async move {
                let result = this.get(&want, deadline).await;
                (want, result)
            }
        })
        .await
    }
}

impl fmt::Debug for SecretsManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretsManager")
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for SecretsManager {
    fn batch_limit(&self) -> usize {
        if self.fallback.batches() { BATCH } else { 1 }
    }

    fn batches(&self, want: &EntryRef) -> bool {
        // The batch call knows current values only.
        want.version.is_none()
    }

    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>> {
        let distinct: BTreeSet<EntryRef> = wants.iter().cloned().collect();
        let granted = self.fallback.batches();
        let (together, mut alone): (Vec<_>, Vec<_>) = distinct
            .into_iter()
            .partition(|want| granted && self.batches(want));
        let mut answers = Answers::default();
        for chunk in together.chunks(BATCH) {
            match chunk {
                [one] => alone.push(one.clone()),
                several => answers.merge(self.together(several, deadline).await),
            }
        }
        answers.merge(self.one_by_one(&alone, deadline).await);
        answers.in_order(wants)
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
            action: LIST,
            writes: false,
            subject: Some(&subject),
        };
        // What the filter finds is checked again: it is documented as a prefix match, not as this one.
        let filter = (!prefix.base.is_empty()).then(|| {
            Filter::builder()
                .key(FilterNameStringType::Name)
                .values(format!("{}/", prefix.base))
                .build()
        });
        let mut listing = Listing::new(Kind::AwsSecretsManager, prefix);
        let mut token = None;
        loop {
            let request = self
                .client
                .list_secrets()
                .max_results(PAGE)
                .set_filters(filter.clone().map(|filter| vec![filter]))
                .set_next_token(token);
            let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
            // An empty page has an empty list.
            let found = output.secret_list.ok_or_else(|| classify::garbage(about))?;
            for secret in found {
                listing.add(secret.name, None)?;
            }
            token = listing.next(output.next_token)?;
            if token.is_none() {
                return Ok(listing.finish());
            }
        }
    }
}

/// What either call answers about a secret.
struct Answer {
    name: Option<String>,
    arn: Option<String>,
    version: Option<String>,
    text: Option<String>,
    binary: Option<Blob>,
}

impl Answer {
    /// By its name; by its ARN only where there is no name.
    fn is_of(&self, path: &str) -> bool {
        match (&self.name, &self.arn) {
            (Some(name), _) => name == path,
            (None, Some(arn)) => is_arn_of(arn, path),
            (None, None) => false,
        }
    }

    fn entry(self, subject: &str) -> Result<Entry, Error> {
        let text = self.text.map(SecretBytes::from);
        let binary = self.binary.map(|blob| SecretBytes::new(blob.into_inner()));
        match (self.version, text, binary) {
            (Some(version), Some(value), None) | (Some(version), None, Some(value)) => Ok(Entry {
                value,
                version: VersionToken(version),
                secret: true,
            }),
            _ => {
                let sentence = format!("the answer for {subject} has no version, no value, or two");
                Err(Error::new(ErrorKind::Integrity, sentence))
            }
        }
    }
}

/// Whether an ARN is that of the secret with this name.
fn is_arn_of(arn: &str, name: &str) -> bool {
    let full = arn
        .strip_prefix("arn:")
        .and_then(|rest| rest.split_once(":secret:"))
        .map(|(_, full)| full);
    full.and_then(without_suffix) == Some(name)
}
