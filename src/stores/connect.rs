//! From what the config says of a store to what all its identities share, and to a source of one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jasm_providers::source::Observer;
use jasm_providers::{Check, Error, ErrorKind, Identity, Kind, Sink, aws, azure, file, gcp, vault};

use crate::settings::{self, AwsEndpoint, Azure, Backend, Gcp, Settings, Vault};

/// What all identities of a store share.
#[derive(Debug)]
pub(super) enum Connected {
    File(PathBuf),
    SecretsManager(aws::Connection),
    ParameterStore(aws::Connection),
    GcpSecretManager(gcp::Connection),
    GcpParameterManager(gcp::Connection, bool),
    KeyVault(azure::Connection, String),
    AppConfiguration(azure::Connection, azure::Settings),
    Vault(vault::Connection),
}

impl Connected {
    /// Prepares it; nothing is sent yet.
    ///
    /// # Errors
    /// One sentence about what cannot be.
    pub(super) async fn to(store: &settings::Store, settings: &Settings) -> Result<Self, String> {
        let account = store.scope.account.as_ref();
        Ok(match &store.backend {
            Backend::File { root } => Self::File(root.clone()),
            Backend::AwsSecretsManager(endpoint) => {
                Self::SecretsManager(aws(endpoint, account, settings).await?)
            }
            Backend::AwsParameterStore(endpoint) => {
                Self::ParameterStore(aws(endpoint, account, settings).await?)
            }
            Backend::GcpSecretManager(project) => {
                Self::GcpSecretManager(gcp(project, settings).await?)
            }
            Backend::GcpParameterManager(project) => {
                Self::GcpParameterManager(gcp(project, settings).await?, project.render)
            }
            Backend::AzureKeyVault(vault) => {
                let endpoints = vault.endpoint.iter();
                let endpoints = endpoints.map(|url| (vault.name.clone(), url.clone()));
                let connection = azure(vault, endpoints.collect(), settings).await?;
                Self::KeyVault(connection, vault.name.clone())
            }
            Backend::AzureAppConfiguration(store) => {
                let endpoints = store.vaults.iter();
                let endpoints =
                    endpoints.filter_map(|(name, url)| Some((name.clone(), url.clone()?)));
                let connection = azure(store, endpoints.collect(), settings).await?;
                let settings = azure::Settings {
                    name: store.name.clone(),
                    endpoint: store.endpoint.clone(),
                    label: store.label.clone(),
                    vaults: store.vaults.keys().cloned().collect(),
                    feature_flags: store.feature_flags,
                };
                Self::AppConfiguration(connection, settings)
            }
            Backend::Vault(engine) => Self::Vault(vault(engine, settings).await?),
        })
    }

    /// Where it is; none for a directory.
    ///
    /// # Errors
    /// What the config says makes no address.
    pub(super) fn address(&self) -> Result<Option<String>, Error> {
        Ok(Some(match self {
            Self::File(_) => return Ok(None),
            Self::SecretsManager(connection) => connection.address(Kind::AwsSecretsManager),
            Self::ParameterStore(connection) => connection.address(Kind::AwsParameterStore),
            Self::GcpSecretManager(connection) => connection.address(Kind::GcpSecretManager)?,
            Self::GcpParameterManager(connection, _) => {
                connection.address(Kind::GcpParameterManager)?
            }
            Self::KeyVault(connection, name) => connection.address_of_vault(name)?,
            Self::AppConfiguration(connection, settings) => {
                connection.address_of_configuration(settings)?
            }
            Self::Vault(connection) => connection.address(),
        }))
    }

    /// What reads it as one identity.
    ///
    /// # Errors
    /// If the identity has not what the store needs of it.
    pub(super) fn source(
        &self,
        identity: Identity,
        observer: Observer,
    ) -> Result<Arc<dyn Check>, Error> {
        Ok(match self {
            Self::File(root) => Arc::new(file::Directory::new(root, observer)?),
            Self::SecretsManager(connection) => Arc::new(aws::SecretsManager::new(
                &connection.of(identity)?,
                observer,
            )),
            Self::ParameterStore(connection) => Arc::new(aws::ParameterStore::new(
                &connection.of(identity)?,
                observer,
            )),
            Self::GcpSecretManager(connection) => {
                Arc::new(gcp::SecretManager::new(connection, identity, observer)?)
            }
            Self::GcpParameterManager(connection, render) => Arc::new(gcp::ParameterManager::new(
                connection, identity, *render, observer,
            )?),
            Self::KeyVault(connection, name) => {
                Arc::new(azure::KeyVault::new(connection, name, identity, observer)?)
            }
            Self::AppConfiguration(connection, settings) => Arc::new(azure::AppConfiguration::new(
                connection,
                settings.clone(),
                identity,
                observer,
            )?),
            Self::Vault(connection) => Arc::new(vault::Vault::new(connection, identity, observer)?),
        })
    }
}

impl Connected {
    /// What writes it as one identity; App Configuration under a label.
    ///
    /// # Errors
    /// If the identity has no rights in a store of this kind, or nothing writes it.
    pub(super) fn sink(
        &self,
        identity: Identity,
        label: Option<&str>,
        observer: Observer,
    ) -> Result<Arc<dyn Sink>, Error> {
        Ok(match self {
            Self::File(_) | Self::Vault(_) => {
                let sentence = "nothing is written to a store of this kind";
                return Err(Error::new(ErrorKind::Unsupported, sentence));
            }
            Self::SecretsManager(connection) => Arc::new(aws::SecretsManager::new(
                &connection.of(identity)?,
                observer,
            )),
            Self::ParameterStore(connection) => Arc::new(aws::ParameterStore::new(
                &connection.of(identity)?,
                observer,
            )),
            Self::GcpSecretManager(connection) => {
                Arc::new(gcp::SecretManager::new(connection, identity, observer)?)
            }
            Self::GcpParameterManager(connection, render) => Arc::new(gcp::ParameterManager::new(
                connection, identity, *render, observer,
            )?),
            Self::KeyVault(connection, name) => {
                Arc::new(azure::KeyVault::new(connection, name, identity, observer)?)
            }
            Self::AppConfiguration(connection, settings) => {
                let settings = azure::Settings {
                    label: label.map(str::to_owned),
                    ..settings.clone()
                };
                Arc::new(azure::AppConfiguration::new(
                    connection, settings, identity, observer,
                )?)
            }
        })
    }

    /// The keys that are used by the same way as the store, as one identity.
    ///
    /// # Errors
    /// If the identity has no rights in the store's cloud, or no keys are beside it.
    pub(super) fn keys(&self, identity: Identity, observer: Observer) -> Result<Keys, Error> {
        Ok(match self {
            Self::SecretsManager(connection) | Self::ParameterStore(connection) => Keys::Aws(
                Box::new(aws::Kms::new(&connection.of(identity)?, observer)?),
            ),
            Self::GcpSecretManager(connection) | Self::GcpParameterManager(connection, _) => {
                Keys::Gcp(gcp::Kms::new(connection, identity, observer)?)
            }
            Self::KeyVault(connection, name) => {
                Keys::Azure(azure::Keys::new(connection, name, identity, observer)?)
            }
            Self::Vault(connection) => Keys::Vault(vault::Transit::new(connection, observer)),
            Self::File(_) | Self::AppConfiguration(..) => {
                let sentence = "a store of this kind has no keys beside it";
                return Err(Error::new(ErrorKind::Unsupported, sentence));
            }
        })
    }
}

/// Keys of one cloud or server, as one identity.
#[derive(Debug)]
pub enum Keys {
    /// AWS KMS.
    Aws(Box<aws::Kms>),
    /// Google Cloud KMS.
    Gcp(gcp::Kms),
    /// The keys of one key vault.
    Azure(azure::Keys),
    /// Vault's transit engine.
    Vault(vault::Transit),
}

fn said(error: &Error) -> String {
    error.to_string()
}

async fn authorities(file: Option<&PathBuf>) -> Result<Option<Vec<u8>>, String> {
    match file {
        None => Ok(None),
        Some(path) => tokio::fs::read(path)
            .await
            .map(Some)
            .map_err(|error| format!("caFile {} cannot be read: {}", path.display(), error.kind())),
    }
}

async fn aws(
    endpoint: &AwsEndpoint,
    account: Option<&String>,
    settings: &Settings,
) -> Result<aws::Connection, String> {
    let options = aws::Options {
        account: account.cloned(),
        endpoint: endpoint.endpoint.clone(),
        sts_endpoint: endpoint.sts_endpoint.clone(),
        kms_endpoint: endpoint.kms_endpoint.clone(),
        ca_pem: authorities(endpoint.ca_file.as_ref()).await?,
        timeout: settings.store_timeout,
        ..aws::Options::new(endpoint.region.clone())
    };
    aws::Connection::new(&options)
        .await
        .map_err(|error| said(&error))
}

async fn gcp(project: &Gcp, settings: &Settings) -> Result<gcp::Connection, String> {
    let mut hosts = gcp::Hosts::default();
    if let Some(url) = &project.sts_endpoint {
        hosts.sts.clone_from(url);
    }
    if let Some(url) = &project.iam_endpoint {
        hosts.iam_credentials.clone_from(url);
    }
    if let Some(url) = &project.kms_endpoint {
        hosts.kms.clone_from(url);
    }
    let options = gcp::Options {
        location: project.location.clone(),
        endpoint: project.endpoint.clone(),
        ca_pem: authorities(project.ca_file.as_ref()).await?,
        cluster: gcp::Cluster {
            project: project.cluster_project.clone(),
            location: project.cluster_location.clone(),
            name: project.cluster_name.clone(),
            pool: project.pool.clone(),
            provider: project.provider.clone(),
        },
        hosts,
        timeout: settings.store_timeout,
        ..gcp::Options::new(project.project.clone())
    };
    gcp::Connection::new(&options).map_err(|error| said(&error))
}

async fn azure(
    store: &Azure,
    vault_endpoints: BTreeMap<String, String>,
    settings: &Settings,
) -> Result<azure::Connection, String> {
    let options = azure::Options {
        cloud: store.cloud,
        tenant: store.tenant.clone(),
        client: store.client.clone(),
        authority: store.authority.clone(),
        vault_endpoints,
        ca_pem: authorities(store.ca_file.as_ref()).await?,
        timeout: settings.store_timeout,
        ..azure::Options::default()
    };
    azure::Connection::new(&options).map_err(|error| said(&error))
}

async fn vault(engine: &Vault, settings: &Settings) -> Result<vault::Connection, String> {
    let mut login = vault::Login::new(engine.method, engine.role.clone());
    if let Some(mount) = &engine.auth_mount {
        login.mount.clone_from(mount);
    }
    if let Some(audience) = &engine.audience {
        login.audience.clone_from(audience);
    }
    if let Some(file) = &engine.token_file {
        login.token_file.clone_from(file);
    }
    let options = vault::Options {
        namespace: engine.namespace.clone(),
        mount: engine.mount.clone(),
        engine: engine.engine,
        ca_pem: authorities(engine.ca_file.as_ref()).await?,
        timeout: settings.store_timeout,
        ..vault::Options::new(engine.address.clone(), vault::Auth::Login(login))
    };
    vault::Connection::new(&options).map_err(|error| said(&error))
}
