//! App Configuration: keys with a label, up to five in one call, or all that begin alike.
//! <https://learn.microsoft.com/azure/azure-app-configuration/rest-api-key-value>

mod sink;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::CheckSuccessOptions;
use azure_core::http::headers::{HeaderName, HeaderValue};
use azure_core::http::policies::Policy;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{Context, Method, Pipeline, PipelineSendOptions, RawResponse, Request, Url};
use futures::StreamExt;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::account::{Account, Credential};
use super::call::Caller;
use super::classify::{self, About};
use super::connection::{Connection, check_name, secure};
use super::key_vault::{self, Vault};
use super::late::Late;
use super::references::{self, Form};
use super::service::Service;
use super::sync_token::SyncTokens;
use crate::listing::Listing;
use crate::sink::beside::Beside;
use crate::source::{Known, Observer, compared};
use crate::{
    Entry, EntryRef, Error, ErrorKind, Identity, Kind, Listed, Prefix, SecretBytes, Source,
    VersionToken,
};

const API: &str = "2023-11-01";
const GET: &str = "GetKeyValue";
const LIST: &str = "GetKeyValues";
const READER: &str = "App Configuration Data Reader";
/// Keys in one filter.
const BATCH: usize = Kind::AzureAppConfiguration.abilities().batch;
/// A page has a hundred entries of 10 KiB at most.
const LARGEST: usize = 4 * 1024 * 1024;
/// Batches, and references, under way at once.
const AT_ONCE: usize = 8;
/// Pages of one batch: its keys have one entry each. More of them go round in a circle.
const PAGES: usize = BATCH + 1;
/// The filter for entries without a label.
const NO_LABEL: &str = "\0";

/// Between the version of a reference and that of what it leads to: no etag has one.
const SEPARATOR: char = ' ';
/// How long a call of several entries waits for the vaults that some of them lead to.
const PATIENCE: Duration = Duration::from_secs(2);

const SYNC_TOKEN: HeaderName = HeaderName::from_static("sync-token");
const IF_NONE_MATCH: HeaderName = HeaderName::from_static("if-none-match");

/// A store of App Configuration; written by the operator, never by an annotation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// A private endpoint or a fake; none is `https://NAME.azconfig.io`.
    pub endpoint: Option<String>,
    /// The label of entries that are asked for without one; none is none.
    pub label: Option<String>,
    /// The vaults that references may lead to.
    pub vaults: Vec<String>,
    /// Whether a prefix read gives feature flags too.
    pub feature_flags: bool,
}

/// A store of App Configuration as one identity.
#[derive(Clone)]
pub struct AppConfiguration {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    settings: Settings,
    endpoint: Url,
    suffix: &'static str,
    pipeline: Pipeline,
    pub(super) caller: Caller,
    /// For writes.
    service: Service,
    /// Tags of others on entries that are written.
    beside: Beside<sink::Tags>,
    observer: Observer,
    vaults: BTreeMap<String, Vault>,
    seen: Mutex<SyncTokens>,
    late: Mutex<Late>,
}

/// A page; an empty one has an empty list.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
    #[serde(rename = "@nextLink")]
    next: Option<String>,
}

/// What says which entry an item is.
#[derive(Deserialize)]
struct Named {
    key: String,
    label: Option<String>,
}

impl Named {
    /// No label and an empty one are the same.
    fn is_of(&self, label: Option<&str>) -> bool {
        self.label.as_deref().filter(|it| !it.is_empty()) == label
    }
}

#[derive(Deserialize)]
struct Item<'a> {
    key: String,
    label: Option<String>,
    content_type: Option<String>,
    #[serde(borrow)]
    value: Option<Cow<'a, str>>,
    etag: String,
}

/// An entry of the store, or where its value is.
enum Found {
    Here(Entry),
    /// The token of the reference, the vault and the secret.
    There(String, String, EntryRef),
}

impl AppConfiguration {
    /// A store behind a connection, as an identity; references are read as that identity too.
    ///
    /// # Errors
    /// The name, the endpoint or a vault is not one that Azure can have.
    pub fn new(
        connection: &Connection,
        settings: Settings,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        check_name(&settings.name)?;
        let options = &connection.shared.options;
        let endpoint = match &settings.endpoint {
            Some(endpoint) => secure(endpoint)?,
            None => secure(&format!(
                "https://{}.{}",
                settings.name,
                options.cloud.configuration_suffix()
            ))?,
        };
        let secrets = key_vault::account(connection, identity.clone(), &observer);
        let mut vaults = BTreeMap::new();
        for name in &settings.vaults {
            let vault = Vault::new(
                connection,
                name,
                Arc::clone(&secrets),
                Arc::clone(&observer),
            )?;
            vaults.insert(name.clone(), vault);
        }
        let scope = options.cloud.configuration_scope();
        let account = Arc::new(Account::new(
            connection,
            identity,
            Arc::clone(&observer),
            scope,
        ));
        let policy: Arc<dyn Policy> = Arc::new(BearerTokenAuthorizationPolicy::new(
            Arc::new(Credential(Arc::clone(&account))),
            [scope],
        ));
        let pipeline = Pipeline::new(
            option_env!("CARGO_PKG_NAME"),
            option_env!("CARGO_PKG_VERSION"),
            connection.client_options("app configuration", vec![endpoint.clone()], LARGEST),
            Vec::new(),
            vec![policy],
            None,
        );
        let service = Service::new(
            connection,
            ("app configuration", &endpoint, LARGEST),
            (scope, API),
            Arc::clone(&account),
            Arc::clone(&observer),
        );
        Ok(Self {
            shared: Arc::new(Shared {
                service,
                beside: Beside::default(),
                caller: Caller {
                    account,
                    attempts: options.attempts.max(1),
                },
                suffix: options.cloud.vault_suffix(),
                settings,
                endpoint,
                pipeline,
                observer,
                vaults,
                seen: Mutex::default(),
                late: Mutex::default(),
            }),
        })
    }

    /// The entry if it is another version than the one that is known; the store sends no value where it
    /// is not.
    async fn changed(
        &self,
        Known { want, version }: &Known,
        deadline: Instant,
    ) -> Result<Option<Entry>, Error> {
        let shared = &self.shared;
        let subject = want.to_string();
        let mut url = shared.endpoint.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().push("kv").push(&want.path);
            }
            Err(()) => return Err(classify::garbage(GET)),
        }
        let label = want.version.as_deref().or(shared.settings.label.as_deref());
        url.query_pairs_mut()
            .append_pair("label", label.unwrap_or(NO_LABEL))
            .append_pair("api-version", API);
        let about = About {
            operation: GET,
            subject: &subject,
            role: READER,
        };
        let etag = format!("\"{}\"", version.0);
        let answer = match shared.send(&url, Some(&etag), about, deadline).await {
            Ok(answer) => answer,
            // A 404 of the item itself has no body, so that the classes cannot tell it; that it is the
            // store which says it, the next read tells.
            Err(error) if error.kind == ErrorKind::Unavailable => {
                return shared.read_one(want, deadline).await.map(Some);
            }
            Err(error) => return Err(error),
        };
        if u16::from(answer.status()) == 304 {
            return Ok(None);
        }
        let item: Item<'_> =
            serde_json::from_slice(answer.body()).map_err(|_| classify::garbage(GET))?;
        if item.key != want.path || item.label.as_deref().filter(|it| !it.is_empty()) != label {
            return Err(other(&subject));
        }
        let found = shared.found(&item, &subject)?;
        shared.settle(want, found, deadline).await.map(Some)
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, SyncTokens> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn late(&self) -> MutexGuard<'_, Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request; 304 is an answer.
    pub(super) async fn send(
        &self,
        url: &Url,
        known: Option<&str>,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<RawResponse, Error> {
        let send = || async {
            let mut request = Request::new(url.clone(), Method::Get);
            request.insert_header("accept", "application/json, application/problem+json");
            if let Some(known) = known {
                request.insert_header(IF_NONE_MATCH, HeaderValue::from(known.to_owned()));
            }
            let seen = self.seen().header();
            if let Some(seen) = seen {
                request.insert_header(SYNC_TOKEN, HeaderValue::from(seen));
            }
            let options = PipelineSendOptions {
                check_success: CheckSuccessOptions {
                    success_codes: &[200, 304],
                },
                ..PipelineSendOptions::default()
            };
            self.pipeline
                .send(&Context::new(), &mut request, Some(options))
                .await
        };
        let answer = self
            .caller
            .call(&self.observer, about, deadline, send)
            .await?;
        if let Some(token) = answer.headers().get_optional_str(&SYNC_TOKEN) {
            self.seen().note(token);
        }
        Ok(answer)
    }

    /// Where entries of these keys, or of keys with this beginning, are listed.
    pub(super) fn listing_url(&self, keys: &str, label: Option<&str>) -> Url {
        let mut url = self.endpoint.clone();
        let path = format!("{}/kv", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.query_pairs_mut()
            .append_pair("key", keys)
            .append_pair("label", label.unwrap_or(NO_LABEL))
            .append_pair("api-version", API);
        url
    }

    /// The next page; the transport sends to no other host.
    fn next(&self, link: Option<String>) -> Result<Option<Url>, Error> {
        let link = link.filter(|link| !link.is_empty());
        link.map(|link| self.endpoint.join(&link))
            .transpose()
            .map_err(|_| classify::garbage(LIST))
    }

    /// Current entries of one label, at most five. `patience` is when who waits for one of them has waited
    /// long enough for the vault of another.
    async fn batch(
        &self,
        wants: Vec<EntryRef>,
        label: Option<String>,
        patience: Instant,
        deadline: Instant,
    ) -> Vec<(EntryRef, Result<Entry, Error>)> {
        let mut found = match self.look_up(&wants, label.as_deref(), deadline).await {
            Ok(found) => found,
            // One of them spoils it for the others.
            Err(error)
                if wants.len() > 1
                    && matches!(
                        error.kind,
                        ErrorKind::Invalid | ErrorKind::Integrity | ErrorKind::TooLarge
                    ) =>
            {
                let alone = wants.into_iter().map(|want| async move {
                    let result = self.alone(&want, patience, deadline).await;
                    (want, result)
                });
                return join_all(alone).await;
            }
            Err(error) => {
                let failed = wants.into_iter().map(|want| (want, Err(error.clone())));
                return failed.collect();
            }
        };
        let settled = wants.into_iter().map(|want| {
            let found = found.remove(&want.path);
            async move {
                let result = match found {
                    Some(Ok(found)) => self.settle(&want, found, patience).await,
                    Some(Err(error)) => Err(error),
                    None => Err(missing(&want, self.settings.label.as_deref())),
                };
                (want, result)
            }
        });
        join_all(settled).await
    }

    async fn look_up(
        &self,
        wants: &[EntryRef],
        label: Option<&str>,
        deadline: Instant,
    ) -> Result<BTreeMap<String, Result<Found, Error>>, Error> {
        let keys: Vec<&str> = wants.iter().map(|want| want.path.as_str()).collect();
        let subject = match wants {
            [want] => want.to_string(),
            _ => "several entries".to_owned(),
        };
        let about = About {
            operation: LIST,
            subject: &subject,
            role: READER,
        };
        let mut url = self.listing_url(&keys.join(","), label);
        let mut all = BTreeMap::new();
        for _ in 0..PAGES {
            let answer = self.send(&url, None, about, deadline).await?;
            let page: Page<'_> =
                serde_json::from_slice(answer.body()).map_err(|_| classify::garbage(LIST))?;
            for raw in page.items {
                let named: Named = parsed(raw)?;
                // A filter that the service takes in another way must not give another entry.
                if keys.contains(&named.key.as_str()) && named.is_of(label) {
                    let found =
                        parsed(raw).and_then(|item: Item<'_>| self.found(&item, &named.key));
                    all.insert(named.key, found);
                }
            }
            match self.next(page.next)? {
                Some(next) => url = next,
                None => return Ok(all),
            }
        }
        Err(Error::new(
            ErrorKind::Integrity,
            "the pages of the answer go round in a circle",
        ))
    }

    async fn read_one(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        self.alone(want, deadline, deadline).await
    }

    /// One entry by a call of its own.
    async fn alone(
        &self,
        want: &EntryRef,
        patience: Instant,
        deadline: Instant,
    ) -> Result<Entry, Error> {
        let label = want.version.as_deref().or(self.settings.label.as_deref());
        let wants = std::slice::from_ref(want);
        let mut found = self.look_up(wants, label, deadline).await?;
        match found.remove(&want.path) {
            Some(found) => self.settle(want, found?, patience).await,
            None => Err(missing(want, self.settings.label.as_deref())),
        }
    }

    fn found(&self, item: &Item<'_>, subject: &str) -> Result<Found, Error> {
        if !is_etag(&item.etag) {
            return Err(classify::garbage(LIST));
        }
        let value = item.value.as_deref().unwrap_or_default();
        if references::form(item.content_type.as_deref()) == Form::Reference {
            let (vault, secret) =
                references::target(value, self.suffix, &self.settings.vaults, subject)?;
            return Ok(Found::There(item.etag.clone(), vault, secret));
        }
        Ok(Found::Here(Entry {
            value: SecretBytes::from(value.to_owned()),
            version: VersionToken(item.etag.clone()),
            secret: false,
        }))
    }

    /// Whether a prefix read does not give this.
    fn leaves_out(&self, item: &Item<'_>) -> bool {
        references::form(item.content_type.as_deref()) == Form::Flag && !self.settings.feature_flags
    }

    /// The entry, from the vault where it is a reference.
    async fn settle(
        &self,
        want: &EntryRef,
        found: Found,
        deadline: Instant,
    ) -> Result<Entry, Error> {
        let (etag, vault, secret) = match found {
            Found::Here(entry) => return Ok(entry),
            Found::There(etag, vault, secret) => (etag, vault, secret),
        };
        let Some(vault) = self.vaults.get(&vault) else {
            return Err(classify::garbage(LIST));
        };
        let read = vault.get(&secret, deadline).await;
        let late = read
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Unavailable);
        self.late().note(want, late);
        let entry = read?;
        Ok(Entry {
            version: VersionToken(format!("{etag}{SEPARATOR}{}", entry.version.0)),
            ..entry
        })
    }
}

/// An item of a page, or what there is to know of it.
fn parsed<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(raw.get()).map_err(|_| classify::garbage(LIST))
}

/// RFC 9110, 8.8.3, without the quotes: what can be sent back.
fn is_etag(text: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_graphic() && byte != b'"';
    !text.is_empty() && text.bytes().all(character)
}

/// `usual` is the label of entries that are asked for without one.
fn missing(want: &EntryRef, usual: Option<&str>) -> Error {
    let sentence = match want.version.as_deref().or(usual) {
        Some(label) => format!("there is no key {} with the label {label}", want.path),
        None => format!("there is no key {} without a label", want.path),
    };
    Error::new(ErrorKind::NotFound, sentence)
}

fn other(subject: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("the answer of {GET} is of another key or label than {subject}"),
    )
}

impl fmt::Debug for AppConfiguration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppConfiguration")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for AppConfiguration {
    fn batch_limit(&self) -> usize {
        BATCH
    }

    fn batches(&self, want: &EntryRef) -> bool {
        // One call has one label; and nobody is to wait for a vault that did not answer.
        want.version.is_none() && !self.shared.late().knows(want)
    }

    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>> {
        let own = self.shared.settings.label.as_ref();
        let mut by_label: BTreeMap<Option<String>, Vec<EntryRef>> = BTreeMap::new();
        for want in wants {
            let same = by_label
                .entry(want.version.as_ref().or(own).cloned())
                .or_default();
            if !same.contains(want) {
                same.push(want.clone());
            }
        }
        let mut batches = Vec::new();
        for (label, wants) in by_label {
            // Of one label, each key once: a version that is the store's own label is the same key.
            let mut rest = wants;
            while !rest.is_empty() {
                let mut batch: Vec<EntryRef> = Vec::with_capacity(BATCH);
                rest = rest
                    .into_iter()
                    .filter_map(|want| {
                        let fits = batch.len() < BATCH
                            && !batch.iter().any(|other| other.path == want.path);
                        if fits {
                            batch.push(want);
                            None
                        } else {
                            Some(want)
                        }
                    })
                    .collect();
                batches.push((label.clone(), batch));
            }
        }
        let patience = if wants.len() > 1 {
            deadline.min(Instant::now() + PATIENCE)
        } else {
            deadline
        };
        let answers: Vec<Vec<(EntryRef, Result<Entry, Error>)>> = futures::stream::iter(batches)
            .map(|(label, batch)| {
                let shared = Arc::clone(&self.shared);
                async move { shared.batch(batch, label, patience, deadline).await }
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let answers: BTreeMap<EntryRef, Result<Entry, Error>> =
            answers.into_iter().flatten().collect();
        wants
            .iter()
            .map(|want| {
                answers
                    .get(want)
                    .cloned()
                    .unwrap_or_else(|| Err(missing(want, self.shared.settings.label.as_deref())))
            })
            .collect()
    }

    async fn read_changed(
        &self,
        known: &[Known],
        deadline: Instant,
    ) -> Vec<Result<Option<Entry>, Error>> {
        match known {
            // What a reference leads to changes without the reference.
            [one] if !one.version.0.contains(SEPARATOR) => vec![self.changed(one, deadline).await],
            // The condition is on one key, a read is of five, and it is calls that the store counts.
            _ => compared(self, known, deadline).await,
        }
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        let shared = &self.shared;
        let subject = prefix.to_string();
        let about = About {
            operation: LIST,
            subject: &subject,
            role: READER,
        };
        let label = shared.settings.label.as_deref();
        let mut listing = Listing::new(Kind::AzureAppConfiguration, prefix);
        let mut url = shared.listing_url(&prefix.base, label);
        loop {
            let answer = shared.send(&url, None, about, deadline).await?;
            let page: Page<'_> =
                serde_json::from_slice(answer.body()).map_err(|_| classify::garbage(LIST))?;
            for raw in page.items {
                let named: Named = parsed(raw)?;
                if !named.is_of(label) {
                    continue;
                }
                let entry = match parsed::<Item<'_>>(raw) {
                    Ok(item) if shared.leaves_out(&item) => continue,
                    Ok(item) => shared.found(&item, &named.key),
                    Err(error) => Err(error),
                };
                let entry = match entry {
                    Ok(Found::Here(entry)) => Some(entry),
                    // Read by itself, after the rules were asked, and failing by itself.
                    Ok(Found::There(..)) | Err(_) => None,
                };
                listing.add(Some(named.key), entry)?;
            }
            match shared.next(listing.next(page.next)?)? {
                Some(next) => url = next,
                None => return Ok(listing.finish()),
            }
        }
    }
}
