//! AWS Systems Manager Parameter Store: by name in tens, by path with the values on the pages.

mod sink;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use tokio::time::Instant;

use super::Connection;
use super::answers::Answers;
use super::call::{Caller, call, singly};
use super::classify::{self, About};
use super::fallback::Fallback;
use crate::listing::Listing;
use crate::reference::is_number;
use crate::source::Observer;
use crate::{
    Entry, EntryRef, Error, ErrorKind, Kind, Listed, Prefix, SecretBytes, Source, VersionToken,
};

/// Names in one GetParameters, and parameters on one page of GetParametersByPath.
const BATCH: usize = Kind::AwsParameterStore.abilities().batch;
const PAGE: i32 = 10;

const GET: &str = "ssm:GetParameter";
pub(super) const GET_MANY: &str = "ssm:GetParameters";
pub(super) const GET_BY_PATH: &str = "ssm:GetParametersByPath";

/// Parameter Store of one region as one identity.
///
/// GetParameters and GetParameter are two rights, and one name that is not granted refuses a whole
/// GetParameters: so names are then asked for singly, by whichever of the two is granted.
#[derive(Clone)]
pub struct ParameterStore {
    pub(super) client: Client,
    pub(super) caller: Caller,
    pub(super) connection: Connection,
    fallback: Arc<Fallback>,
}

impl ParameterStore {
    /// Parameter Store behind a connection.
    #[must_use]
    pub fn new(connection: &Connection, observer: Observer) -> Self {
        Self {
            client: Client::new(&connection.config),
            caller: Caller::new(connection, observer),
            connection: connection.clone(),
            fallback: Arc::default(),
        }
    }

    /// One call for parameters of different names. An error is one of the call.
    async fn get_many(&self, wants: &[EntryRef], deadline: Instant) -> Result<Answers, Error> {
        let subject = wants
            .first()
            .filter(|_| wants.len() == 1)
            .map(ToString::to_string);
        let about = About {
            action: GET_MANY,
            writes: false,
            subject: subject.as_deref(),
        };
        let request = self
            .client
            .get_parameters()
            .set_names(Some(wants.iter().map(selector).collect()))
            .with_decryption(true);
        let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
        let mut answers = Answers::default();
        for parameter in output.parameters.unwrap_or_default() {
            if let Some(want) = wants
                .iter()
                .find(|want| parameter.name.as_deref() == Some(&want.path))
            {
                answers.note(want, entry(parameter, want));
            }
        }
        for name in output.invalid_parameters.unwrap_or_default() {
            if let Some(want) = wants
                .iter()
                .find(|want| name == want.path || name == selector(want))
            {
                let subject = want.to_string();
                answers.note(
                    want,
                    Err(classify::missing(About {
                        action: GET_MANY,
                        writes: false,
                        subject: Some(&subject),
                    })),
                );
            }
        }
        Ok(answers)
    }

    async fn get(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let subject = want.to_string();
        let about = About {
            action: GET,
            writes: false,
            subject: Some(&subject),
        };
        let request = self
            .client
            .get_parameter()
            .name(selector(want))
            .with_decryption(true);
        let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
        match output.parameter {
            Some(parameter) if parameter.name.as_deref() == Some(&want.path) => {
                entry(parameter, want)
            }
            _ => {
                let sentence =
                    format!("the answer of {GET} is of another parameter than {subject}");
                Err(Error::new(ErrorKind::Integrity, sentence))
            }
        }
    }

    async fn get_one_of_many(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let wants = std::slice::from_ref(want);
        self.get_many(wants, deadline)
            .await?
            .in_order(wants)
            .remove(0)
    }

    /// One entry, by the other call too where the first is not granted.
    async fn single(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let refused = |result: &Result<Entry, Error>| {
            result.as_ref().is_err_and(|error| {
                matches!(error.kind, ErrorKind::Denied | ErrorKind::Unsupported)
            })
        };
        let batches = self.fallback.batches();
        let first = if batches {
            self.get_one_of_many(want, deadline).await
        } else {
            self.get(want, deadline).await
        };
        if !refused(&first) {
            return first;
        }
        let second = if batches {
            self.get(want, deadline).await
        } else {
            self.get_one_of_many(want, deadline).await
        };
        if batches && second.is_ok() {
            self.fallback.no_batches(GET_MANY);
        }
        if refused(&second) { first } else { second }
    }

    async fn one_by_one(&self, wants: &[EntryRef], deadline: Instant) -> Answers {
        singly(wants, |want| {
            let this = self.clone();
            async move {
                let result = this.single(&want, deadline).await;
                (want, result)
            }
        })
        .await
    }

    async fn together(&self, wants: &[EntryRef], deadline: Instant) -> Answers {
        let error = match self.get_many(wants, deadline).await {
            Ok(answers) => return answers,
            Err(error) => error,
        };
        let spoiled = matches!(
            error.kind,
            ErrorKind::Denied
                | ErrorKind::Unsupported
                | ErrorKind::Invalid
                | ErrorKind::NotFound
                | ErrorKind::TooLarge
        );
        if !spoiled {
            return Answers::all_failed(wants, &error);
        }
        let answers = self.one_by_one(wants, deadline).await;
        let spoilers = wants.iter().filter(|want| answers.failed(want, error.kind));
        if spoilers.inspect(|want| self.fallback.spoils(want)).count() == 0
            && wants.iter().all(|want| answers.settled(want))
        {
            // Each is fine by itself, so the next batch would be refused as well.
            self.fallback.no_batches(GET_MANY);
        }
        answers
    }
}

impl fmt::Debug for ParameterStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParameterStore")
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for ParameterStore {
    fn batch_limit(&self) -> usize {
        if self.fallback.batches() { BATCH } else { 1 }
    }

    fn batches(&self, want: &EntryRef) -> bool {
        self.fallback.joins(want)
    }

    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>> {
        let granted = self.fallback.batches();
        let (together, mut alone): (Vec<_>, Vec<_>) = distinct(wants)
            .into_iter()
            .partition(|(_, want)| granted && self.fallback.joins(want));
        let mut answers = Answers::default();
        for chunk in calls(together) {
            match &chunk[..] {
                [one] => alone.push((0, one.clone())),
                several => answers.merge(self.together(several, deadline).await),
            }
        }
        let alone: Vec<_> = alone.into_iter().map(|(_, want)| want).collect();
        answers.merge(self.one_by_one(&alone, deadline).await);
        answers.in_order(wants)
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        let subject = prefix.to_string();
        let about = About {
            action: GET_BY_PATH,
            writes: false,
            subject: Some(&subject),
        };
        let path = if prefix.base.is_empty() {
            "/"
        } else {
            &prefix.base
        };
        let mut listing = Listing::new(Kind::AwsParameterStore, prefix);
        let mut token = None;
        loop {
            let request = self
                .client
                .get_parameters_by_path()
                .path(path)
                .recursive(true)
                .with_decryption(true)
                .max_results(PAGE)
                .set_next_token(token);
            let output = call(&self.caller, about, deadline, || request.clone().send()).await?;
            // An empty page has an empty list.
            let found = output.parameters.ok_or_else(|| classify::garbage(about))?;
            for parameter in found {
                let name = parameter.name.clone();
                let want = EntryRef {
                    path: name.clone().unwrap_or_default(),
                    version: None,
                };
                listing.add(name, Some(entry(parameter, &want)?))?;
            }
            token = listing.next(output.next_token)?;
            if token.is_none() {
                return Ok(listing.finish());
            }
        }
    }
}

/// `name`, `name:version` or `name:label`.
fn selector(want: &EntryRef) -> String {
    match &want.version {
        Some(version) => format!("{}:{version}", want.path),
        None => want.path.clone(),
    }
}

/// Each want once, with its place among those of the same name.
fn distinct(wants: &[EntryRef]) -> Vec<(usize, EntryRef)> {
    let mut places: BTreeMap<&str, Vec<&EntryRef>> = BTreeMap::new();
    let mut distinct = Vec::with_capacity(wants.len());
    for want in wants {
        let same = places.entry(&want.path).or_default();
        if !same.contains(&want) {
            distinct.push((same.len(), want.clone()));
            same.push(want);
        }
    }
    distinct
}

/// Calls of at most ten, each name once in a call: not every endpoint says in its answer which
/// version was asked for.
fn calls(wants: Vec<(usize, EntryRef)>) -> Vec<Vec<EntryRef>> {
    let mut rounds: BTreeMap<usize, Vec<EntryRef>> = BTreeMap::new();
    for (place, want) in wants {
        rounds.entry(place).or_default().push(want);
    }
    rounds
        .values()
        .flat_map(|round| round.chunks(BATCH))
        .map(<[EntryRef]>::to_vec)
        .collect()
}

fn entry(parameter: Parameter, want: &EntryRef) -> Result<Entry, Error> {
    let asked = want.version.as_deref().filter(|version| is_number(version));
    let version = parameter.version.to_string();
    let Some(value) = parameter.value.filter(|_| parameter.version > 0) else {
        let sentence = format!("the answer for {want} has no value or no version");
        return Err(Error::new(ErrorKind::Integrity, sentence));
    };
    let value = SecretBytes::from(value);
    if asked.is_some_and(|asked| asked != version) {
        let sentence = format!("the answer for {want} is of version {version}");
        return Err(Error::new(ErrorKind::Integrity, sentence));
    }
    // What is not known to be plain is a secret.
    let secret = !matches!(
        parameter.r#type,
        Some(ParameterType::String | ParameterType::StringList)
    );
    Ok(Entry {
        value,
        version: VersionToken(version),
        secret,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn want(path: &str, version: Option<&str>) -> EntryRef {
        EntryRef {
            path: path.into(),
            version: version.map(str::to_owned),
        }
    }

    #[test]
    fn a_name_is_once_in_a_call_and_a_want_once_in_all() {
        let wants = [
            want("a", None),
            want("a", Some("3")),
            want("b", None),
            want("a", None),
            want("a", Some("x")),
        ];
        let calls = calls(distinct(&wants));
        let shown: Vec<Vec<String>> = calls
            .iter()
            .map(|call| call.iter().map(selector).collect())
            .collect();
        assert_eq!(shown, [vec!["a", "b"], vec!["a:3"], vec!["a:x"]]);
        let many: Vec<_> = (0..25)
            .map(|number| want(&number.to_string(), None))
            .collect();
        let sizes: Vec<_> = super::calls(distinct(&many)).iter().map(Vec::len).collect();
        assert_eq!(sizes, [10, 10, 5]);
    }

    #[test]
    fn what_is_not_known_to_be_plain_is_a_secret() {
        let parameter = |kind: Option<ParameterType>| {
            Parameter::builder()
                .name("a")
                .value("v")
                .version(2)
                .set_type(kind)
                .build()
        };
        let table = [
            (Some(ParameterType::String), false),
            (Some(ParameterType::StringList), false),
            (Some(ParameterType::SecureString), true),
            (Some(ParameterType::from("Novel")), true),
            (None, true),
        ];
        for (kind, secret) in table {
            assert_eq!(
                entry(parameter(kind), &want("a", None)).unwrap().secret,
                secret
            );
        }
        let other = entry(parameter(None), &want("a", Some("3"))).unwrap_err();
        assert_eq!(other.kind, ErrorKind::Integrity);
        assert!(entry(parameter(None), &want("a", Some("label"))).is_ok());
        assert!(
            entry(
                Parameter::builder().name("a").version(1).build(),
                &want("a", None)
            )
            .is_err()
        );
    }
}
