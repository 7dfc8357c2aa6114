//! The stores of the config, ready to be read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jasm_providers::batching::LaneOptions;
use jasm_providers::source::Observer;
use jasm_providers::{Error, ErrorKind, Identity, Lane, Sink};
use tokio::time::Instant;

use crate::identity::Accounts;
use crate::metrics::Metrics;
use crate::pull::reference::Catalog;
use crate::pull::request::ReadAs;
use crate::settings::{self, Backend, Settings};

mod connect;
mod examined;
mod lanes;
mod writers;

use connect::Connected;
pub use connect::Keys;
pub use examined::Examined;
use lanes::Lanes;
use writers::Writers;

/// When reads wait to go together. A batch takes longer than a single read, so it is for what the
/// store would not bear: Secrets Manager answers thousands of single reads a second, Parameter
/// Store 40 calls of any kind (published quotas).
fn pace(backend: &Backend) -> LaneOptions {
    match backend {
        Backend::AwsSecretsManager(_) => LaneOptions {
            eager: 48,
            max: Some(64),
            ..LaneOptions::default()
        },
        // They have no batches but App Configuration, whose calls are counted by the day or hour.
        Backend::AwsParameterStore(_)
        | Backend::File { .. }
        | Backend::GcpSecretManager(_)
        | Backend::GcpParameterManager(_)
        | Backend::AzureKeyVault(_)
        | Backend::AzureAppConfiguration(_)
        | Backend::Vault(_) => LaneOptions::default(),
    }
}

/// Who reads a store that is read as the pod.
#[derive(Debug, Clone)]
pub enum Readers {
    /// The ServiceAccount of the pod that asks, found by these.
    Pods(Arc<dyn Accounts>),
    /// Whoever runs this process: there are no pods here.
    Process,
}

/// One store with the ways to it.
pub struct Store {
    /// What the config says of it.
    pub settings: settings::Store,
    backend: Connected,
    observer: Observer,
    readers: Readers,
    /// As the process itself; what the store needs of it may be missing where only pods read.
    process: Result<Lane, Error>,
    workloads: Mutex<Lanes>,
    writers: Mutex<Writers>,
    timeout: Duration,
}

/// All stores by name.
#[derive(Debug, Default)]
pub struct Stores(BTreeMap<String, Arc<Store>>);

impl Stores {
    /// Connects what the settings name; what did not change is taken over from `before`.
    ///
    /// # Errors
    /// One sentence that names the store.
    pub async fn connect(
        settings: &Settings,
        before: &Self,
        metrics: &Metrics,
        readers: &Readers,
    ) -> Result<Self, String> {
        let mut stores = BTreeMap::new();
        for store in &settings.stores {
            let same = before
                .0
                .get(&store.name)
                .filter(|old| old.settings == *store && old.timeout == settings.store_timeout);
            let connected = match same {
                Some(old) => old.clone(),
                None => {
                    let connected = Store::connect(store, settings, metrics, readers).await;
                    Arc::new(connected.map_err(|why| format!("store \"{}\": {why}", store.name))?)
                }
            };
            stores.insert(store.name.clone(), connected);
        }
        Ok(Self(stores))
    }
}

impl Stores {
    /// A store by its own name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Store>> {
        self.0.get(name)
    }
}

impl Catalog for Stores {
    type Store = Arc<Store>;

    fn find(&self, name: &str) -> Option<(Arc<Store>, &settings::Store)> {
        let store = settings::names_for(name).find_map(|name| self.0.get(name))?;
        Some((store.clone(), &store.settings))
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

impl Store {
    async fn connect(
        store: &settings::Store,
        settings: &Settings,
        metrics: &Metrics,
        readers: &Readers,
    ) -> Result<Self, String> {
        // The other kinds' audiences are the clouds' own.
        if let (Backend::Vault(vault), Readers::Pods(accounts)) = (&store.backend, readers)
            && let Some(audience) = &vault.audience
        {
            accounts.allows(audience).map_err(|why| why.to_string())?;
        }
        let backend = Connected::to(store, settings).await?;
        let observer = metrics.observer(&store.name);
        let options = LaneOptions {
            timeout: settings.store_timeout,
            ..pace(&store.backend)
        };
        let process = backend
            .source(Identity::Controller, observer.clone())
            .map(|source| Lane::new(source, options));
        if store.identity == settings::Identity::Controller
            && let Err(error) = &process
        {
            return Err(error.to_string());
        }
        Ok(Self {
            settings: store.clone(),
            backend,
            observer,
            readers: readers.clone(),
            process,
            workloads: Mutex::default(),
            writers: Mutex::default(),
            timeout: settings.store_timeout,
        })
    }

    /// The way to it as whom the request reads, and as nobody else.
    ///
    /// # Errors
    /// If the ServiceAccount cannot be told, or has not what the store needs of it.
    pub async fn lane(&self, read_as: &ReadAs, namespace: &str) -> Result<Lane, Error> {
        match (&self.readers, read_as, self.settings.identity) {
            (Readers::Process, ..) | (_, ReadAs::Store, settings::Identity::Controller) => {
                self.process.clone()
            }
            (Readers::Pods(accounts), ReadAs::ServiceAccount(name), _) => {
                self.workload(accounts.as_ref(), namespace, name).await
            }
            // Whose pod it is was not settled: the process's own rights are no way out.
            (Readers::Pods(_), ReadAs::Store | ReadAs::Workload, _) => Err(Error::new(
                ErrorKind::Unsupported,
                "it is read as the pod's ServiceAccount, and nobody said which that is",
            )),
        }
    }

    /// What writes the store as an identity; as JASM itself it is one for all who do so now.
    ///
    /// # Errors
    /// If the identity has no rights in a store of this kind, or nothing writes it.
    pub fn sink(&self, identity: Identity, label: Option<&str>) -> Result<Arc<dyn Sink>, Error> {
        // Nowhere else is it a part of what is written.
        let label = label.filter(|_| matches!(self.backend, Connected::AppConfiguration(..)));
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.of(identity, label, |identity| {
            self.backend.sink(identity, label, self.observer.clone())
        })
    }

    /// The keys that are used by the same way as the store, as an identity.
    ///
    /// # Errors
    /// If the identity has no rights in the store's cloud, or no keys are beside it.
    pub fn keys(&self, identity: Identity) -> Result<Keys, Error> {
        self.backend.keys(identity, self.observer.clone())
    }

    async fn workload(
        &self,
        accounts: &dyn Accounts,
        namespace: &str,
        name: &str,
    ) -> Result<Lane, Error> {
        let deadline = Instant::now() + self.timeout;
        let found = accounts.find(namespace, name, deadline).await?;
        let mut lanes = self
            .workloads
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        lanes.of(found, |account| {
            let source = self
                .backend
                .source(Identity::Workload(account), self.observer.clone())?;
            let options = LaneOptions {
                timeout: self.timeout,
                ..pace(&self.settings.backend)
            };
            Ok(Lane::new(source, options))
        })
    }

    /// As whom the request reads, for messages; nothing where that is the process itself.
    #[must_use]
    pub fn as_whom(&self, read_as: &ReadAs, namespace: &str) -> String {
        match (&self.readers, read_as) {
            (Readers::Pods(_), ReadAs::ServiceAccount(name)) => {
                format!(" as the ServiceAccount {namespace}/{name}")
            }
            _ => String::new(),
        }
    }

    /// A read was refused: what is written on the ServiceAccount may have changed meanwhile.
    pub fn doubt(&self, read_as: &ReadAs, namespace: &str) {
        if let (ReadAs::ServiceAccount(name), Readers::Pods(accounts)) = (read_as, &self.readers) {
            accounts.doubt(namespace, name);
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
