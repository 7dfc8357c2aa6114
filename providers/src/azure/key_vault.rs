//! Key Vault: the current version of a secret, or the one that is named.

mod check;
mod sink;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use azure_security_keyvault_secrets::models::{
    ListSecretPropertiesResult, Secret, SecretAttributes, SecretClientGetSecretOptions,
    SecretClientListSecretPropertiesOptions,
};
use azure_security_keyvault_secrets::{ResourceExt, SecretClient, SecretClientOptions};
use futures::StreamExt;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout_at};

use super::account::{Account, Credential};
use super::call::Caller;
use super::classify::{self, About};
use super::connection::Connection;
use super::service::Service;
use crate::http::observed;
use crate::listing::Listing;
use crate::source::Observer;
use crate::{
    Entry, EntryRef, Error, ErrorKind, Identity, Kind, Listed, Prefix, SecretBytes, Source,
    VersionToken,
};

const GET: &str = "GetSecret";
const LIST: &str = "GetSecrets";
const READER: &str = "Key Vault Secrets User";
/// Of the calls that are made by hand.
const API: &str = "7.4";
/// A value has 25 KiB at most; a page twenty-five names with their tags.
const LARGEST: usize = 1024 * 1024;
/// Reads under way where several entries are asked for at once.
const AT_ONCE: usize = 8;

/// One vault as one identity.
#[derive(Clone)]
pub struct KeyVault {
    pub(super) vault: Arc<Vault>,
    /// Shared by whoever writes with it.
    lists: sink::Lists,
}

/// One vault as one identity, for the store and for references to it.
pub(super) struct Vault {
    name: String,
    host: Url,
    client: SecretClient,
    caller: Caller,
    /// For writes.
    service: Service,
    observer: Observer,
}

impl Vault {
    pub(super) fn new(
        connection: &Connection,
        name: &str,
        account: Arc<Account>,
        observer: Observer,
    ) -> Result<Self, Error> {
        let host = connection.vault(name)?;
        let options = SecretClientOptions {
            client_options: connection.client_options("the vault", vec![host.clone()], LARGEST),
            // The credential itself takes no other scope than that of vaults, and at a private
            // endpoint of another name the SDK's own check would refuse the right one.
            verify_challenge_resource: Some(false),
            ..SecretClientOptions::default()
        };
        let credential = Arc::new(Credential(Arc::clone(&account)));
        let client = SecretClient::new(host.as_str(), credential, Some(options)).map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                "the vault's address cannot be used: check its name and endpoint",
            )
        })?;
        let service = Service::new(
            connection,
            ("the vault", &host, LARGEST),
            (connection.shared.options.cloud.vault_scope(), API),
            Arc::clone(&account),
            Arc::clone(&observer),
        );
        Ok(Self {
            name: name.to_owned(),
            host,
            client,
            service,
            caller: Caller {
                account,
                attempts: connection.shared.options.attempts.max(1),
            },
            observer,
        })
    }

    /// Reads a secret, both name and version checked by the grammar: the SDK escapes neither.
    pub(super) async fn get(&self, want: &EntryRef, deadline: Instant) -> Result<Entry, Error> {
        let subject = want.to_string();
        let about = About {
            operation: GET,
            subject: &subject,
            role: READER,
        };
        let send = || async {
            let options = SecretClientGetSecretOptions {
                secret_version: want.version.clone(),
                ..SecretClientGetSecretOptions::default()
            };
            let response = self.client.get_secret(&want.path, Some(options)).await?;
            response.into_model()
        };
        let secret = self
            .caller
            .call(&self.observer, about, deadline, send)
            .await?;
        entry(secret, want, &subject)
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        let subject = prefix.to_string();
        let about = About {
            operation: LIST,
            subject: &subject,
            role: READER,
        };
        // The first page may meet a token that is not accepted any more; then all begins anew.
        let token = self.caller.account.token(deadline).await?;
        match self.pages(prefix, about, deadline).await {
            Err(error)
                if error.kind == ErrorKind::Unauthenticated
                    && self.caller.account.refuse(&token) =>
            {
                self.caller.account.token(deadline).await?;
                self.pages(prefix, about, deadline).await
            }
            result => result,
        }
    }

    async fn pages(
        &self,
        prefix: &Prefix,
        about: About<'_>,
        deadline: Instant,
    ) -> Result<Vec<Listed>, Error> {
        let mut listing = Listing::new(Kind::AzureKeyVault, prefix);
        let options = SecretClientListSecretPropertiesOptions::default();
        let pager = self
            .client
            .list_secret_properties(Some(options))
            .map_err(|error| classify::sdk_error(&error, about))?;
        let mut pages = Box::pin(pager.into_pages());
        loop {
            let page = observed(&self.observer, LIST, async {
                match timeout_at(deadline, pages.next()).await {
                    Ok(None) => Ok(None),
                    Ok(Some(Ok(page))) => Ok(Some(page)),
                    Ok(Some(Err(error))) => Err(classify::sdk_error(&error, about)),
                    Err(_) => Err(Error::new(
                        ErrorKind::Unavailable,
                        format!("{LIST} did not answer in time"),
                    )),
                }
            });
            let Some(page) = page.await? else {
                return Ok(listing.finish());
            };
            let body = page.into_body();
            serde_json::from_slice::<Page>(&body).map_err(|_| classify::garbage(LIST))?;
            let page: ListSecretPropertiesResult =
                serde_json::from_slice(&body).map_err(|_| classify::garbage(LIST))?;
            let now = OffsetDateTime::now_utc();
            for secret in page.value {
                // What keeps a certificate's key is no secret of anybody's.
                let unusable = secret.attributes.as_ref().and_then(|it| unusable(it, now));
                if secret.managed == Some(true) || unusable.is_some() {
                    continue;
                }
                let id = secret.resource_id().map_err(|_| classify::garbage(LIST))?;
                listing.add(Some(id.name), None)?;
            }
            // The pager goes where the link leads, which may be where it was.
            listing.next(page.next_link)?;
        }
    }
}

/// What every page has; the SDK takes one without for one that is empty.
#[derive(Deserialize)]
struct Page {
    #[serde(rename = "value")]
    _value: IgnoredAny,
}

/// Why a secret is not to be used now. The vault gives it nevertheless, unless it is disabled: that its
/// time has not come, or is over, is for its readers to honour.
fn unusable(attributes: &SecretAttributes, now: OffsetDateTime) -> Option<&'static str> {
    if attributes.enabled == Some(false) {
        return Some("is disabled");
    }
    if attributes.expires.is_some_and(|expires| expires <= now) {
        return Some("has expired");
    }
    let early = attributes.not_before.is_some_and(|start| start > now);
    early.then_some("is not to be used yet")
}

/// A secret as read, if it is the one that was asked for and its time has come and not gone.
fn entry(secret: Secret, want: &EntryRef, subject: &str) -> Result<Entry, Error> {
    let id = secret.resource_id().map_err(|_| classify::garbage(GET))?;
    let value = secret.value.map(SecretBytes::from);
    let (Some(value), Some(version)) = (value, id.version) else {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("the answer for {subject} has no value or no version"),
        ));
    };
    // Names are alike in any case.
    let same = id.name.eq_ignore_ascii_case(&want.path);
    if !same || want.version.as_ref().is_some_and(|asked| *asked != version) {
        return Err(Error::new(
            ErrorKind::Integrity,
            format!("the answer of {GET} is of another secret or version than {subject}"),
        ));
    }
    let attributes = secret.attributes.unwrap_or_default();
    if let Some(why) = unusable(&attributes, OffsetDateTime::now_utc()) {
        let sentence = format!("{subject} {why}: add a new version, or change its dates");
        return Err(Error::new(ErrorKind::Gone, sentence));
    }
    Ok(Entry {
        value,
        version: VersionToken(version),
        secret: true,
    })
}

impl KeyVault {
    /// A vault behind a connection, as an identity.
    ///
    /// # Errors
    /// The name is not one of a vault.
    pub fn new(
        connection: &Connection,
        vault: &str,
        identity: Identity,
        observer: Observer,
    ) -> Result<Self, Error> {
        let account = account(connection, identity, &observer);
        let vault = Vault::new(connection, vault, account, observer)?;
        Ok(Self {
            vault: Arc::new(vault),
            lists: sink::Lists::new(LIST),
        })
    }
}

/// The tokens of an identity for vaults: one for however many vaults.
pub(super) fn account(
    connection: &Connection,
    identity: Identity,
    observer: &Observer,
) -> Arc<Account> {
    let scope = connection.shared.options.cloud.vault_scope();
    Arc::new(Account::new(
        connection,
        identity,
        Arc::clone(observer),
        scope,
    ))
}

impl fmt::Debug for KeyVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyVault")
            .field("vault", &self.vault.name)
            .field("host", &self.vault.host.as_str())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for KeyVault {
    fn batch_limit(&self) -> usize {
        1
    }

    fn batches(&self, _: &EntryRef) -> bool {
        false
    }

    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>> {
        futures::stream::iter(wants.to_vec())
            .map(|want| {
                let vault = Arc::clone(&self.vault);
                async move { vault.get(&want, deadline).await }
            })
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        self.vault.list(prefix, deadline).await
    }
}
