//! The key services that SOPS files name: only those beside a store of the config, only as the object.
//!
//! Whoever writes a file names hosts, keys and roles in it. A key is asked for at the address of the one
//! store that it belongs to, and never at one that a file names.

use std::sync::Arc;

use async_trait::async_trait;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jasm_providers::aws::KeyArn;
use jasm_providers::{Error, ErrorKind, Identity, Principal, SecretBytes};
use jasm_sops::{KeyError, KeyService, Recipient};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::destination::{WriteAs, is_vault_at};
use crate::configuration::Config;
use crate::policy;
use crate::settings::Backend;
use crate::stores::{Keys, Store};

/// The key services that one object may ask.
#[derive(Debug)]
pub struct Services {
    config: Arc<Config>,
    namespace: String,
    write_as: WriteAs,
    vault_token: Option<SecretBytes>,
}

impl Services {
    /// Those that objects of the namespace may ask as this identity; Vault with the object's own token.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        namespace: &str,
        write_as: WriteAs,
        vault_token: Option<SecretBytes>,
    ) -> Self {
        Self {
            config,
            namespace: namespace.to_owned(),
            write_as,
            vault_token,
        }
    }

    fn identity(&self) -> Identity {
        match &self.write_as {
            WriteAs::Controller => Identity::Controller,
            WriteAs::Principal(principal) => Identity::Assumed(principal.clone()),
        }
    }

    /// The store that a key belongs to, if this object may act there.
    fn store(&self, what: &str, is: impl Fn(&Store) -> bool) -> Result<&Arc<Store>, Error> {
        let stores = &self.config.settings.stores;
        let found = { stores.iter() }.filter_map(|store| self.config.stores.get(&store.name));
        let found: Vec<_> = found.filter(|store| is(store)).collect();
        let identity = self.write_as.name();
        let may = |store: &&&Arc<Store>| {
            policy::may_act(&store.settings.allow_write, &self.namespace, identity)
        };
        match (found.iter().find(may), found.first()) {
            (Some(store), _) => Ok(store),
            (None, Some(store)) => Err(Error::new(
                ErrorKind::Denied,
                format!(
                    "no rule in allowWrite of the store \"{}\" lets the namespace {} act as {identity}",
                    store.settings.name, self.namespace
                ),
            )),
            (None, None) => Err(Error::new(
                ErrorKind::Denied,
                format!("JASM's config names no store of {what}, so nobody is asked"),
            )),
        }
    }

    async fn ask(&self, recipient: &Recipient) -> Result<SecretBytes, Error> {
        let timeout = self.config.settings.store_timeout;
        let deadline = Instant::now() + timeout;
        match recipient {
            Recipient::AwsKms {
                arn,
                role,
                context,
                enc,
            } => {
                let key = KeyArn::parse(arn)?;
                self.same_role(role.as_deref())?;
                let what = format!("region {} and account {}", key.region(), key.account());
                let store = self.store(&what, |store| {
                    let account = store.settings.scope.account.as_deref();
                    matches!(
                        &store.settings.backend,
                        Backend::AwsSecretsManager(at) | Backend::AwsParameterStore(at) if at.region == key.region()
                    ) && account.is_none_or(|account| account == key.account())
                })?;
                match store.keys(self.identity())? {
                    Keys::Aws(keys) => {
                        keys.decrypt(&key, &decoded(enc, &STANDARD)?, context, deadline)
                            .await
                    }
                    _ => Err(misplaced()),
                }
            }
            Recipient::GcpKms { resource_id, enc } => {
                let mut parts = resource_id.split('/');
                let project = match (parts.next(), parts.next()) {
                    (Some("projects"), Some(project)) => project,
                    _ => "",
                };
                let store = self.store(&format!("project {project}"), |store| {
                    matches!(
                        &store.settings.backend,
                        Backend::GcpSecretManager(at) | Backend::GcpParameterManager(at) if at.project == project
                    )
                })?;
                match store.keys(self.identity())? {
                    Keys::Gcp(keys) => {
                        keys.decrypt(resource_id, &decoded(enc, &STANDARD)?, deadline)
                            .await
                    }
                    _ => Err(misplaced()),
                }
            }
            Recipient::AzureKeyVault {
                vault_url,
                name,
                version,
                enc,
            } => {
                let store = self.store(&format!("vault {vault_url}"), |store| {
                    matches!(&store.settings.backend, Backend::AzureKeyVault(at) if is_vault_at(at, vault_url))
                })?;
                match store.keys(self.identity())? {
                    Keys::Azure(keys) => {
                        let enc = decoded(enc, &URL_SAFE_NO_PAD)?;
                        keys.decrypt(name, version, &enc, deadline).await
                    }
                    _ => Err(misplaced()),
                }
            }
            Recipient::VaultTransit {
                address,
                engine_path,
                key_name,
                enc,
            } => {
                let Some(token) = &self.vault_token else {
                    let sentence =
                        "decryption.secretRef names no Secret with the key sops.vault-token";
                    return Err(Error::new(ErrorKind::Unauthenticated, sentence));
                };
                let same = |one: &str| {
                    one.trim_end_matches('/')
                        .eq_ignore_ascii_case(address.trim_end_matches('/'))
                };
                // The object's own token decides what it may do there, so no rule has to.
                let stores = &self.config.settings.stores;
                let store = { stores.iter() }
                    .filter(
                        |store| matches!(&store.backend, Backend::Vault(at) if same(&at.address)),
                    )
                    .find_map(|store| self.config.stores.get(&store.name));
                let Some(store) = store else {
                    let sentence = format!(
                        "JASM's config names no store of kind vault at {address}, so nobody is asked"
                    );
                    return Err(Error::new(ErrorKind::Denied, sentence));
                };
                match store.keys(Identity::Controller)? {
                    Keys::Vault(keys) => {
                        keys.decrypt(engine_path, key_name, enc, token, deadline)
                            .await
                    }
                    _ => Err(misplaced()),
                }
            }
            Recipient::Age { .. } | Recipient::Pgp { .. } | Recipient::Unsupported { .. } => {
                Err(misplaced())
            }
        }
    }

    /// A file may name the role that its key is used by: it has to be the object's.
    fn same_role(&self, role: Option<&str>) -> Result<(), Error> {
        let Some(role) = role.filter(|role| !role.is_empty()) else {
            return Ok(());
        };
        match &self.write_as {
            WriteAs::Principal(Principal::AwsRole { arn, .. }) if arn == role => Ok(()),
            other => Err(Error::new(
                ErrorKind::Denied,
                format!(
                    "the file says that the key is used as {role}, and this object acts as {}: name that role in \
                     provider.aws.auth, or leave it out of the file",
                    other.name()
                ),
            )),
        }
    }
}

#[async_trait]
impl KeyService for Services {
    async fn decrypt(&self, recipient: &Recipient) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let answer = self.ask(recipient).await;
        let key = answer.map_err(|error| KeyError {
            message: error.to_string(),
            transient: matches!(
                error.kind,
                ErrorKind::Throttled { .. } | ErrorKind::Unavailable
            ),
        })?;
        Ok(Zeroizing::new(key.expose().to_vec()))
    }
}

fn decoded(text: &str, engine: &impl base64::Engine) -> Result<Vec<u8>, Error> {
    engine.decode(text.trim()).map_err(|_| {
        Error::new(
            ErrorKind::Invalid,
            "what the file says is encrypted with the key is not base64",
        )
    })
}

fn misplaced() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "nobody can be asked for a key of this kind",
    )
}
