//! The stores of the config, ready to be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use jasm_providers::batching::LaneOptions;
use jasm_providers::{Lane, Source, aws, file};

use crate::metrics::Metrics;
use crate::pull::reference::Catalog;
use crate::settings::{self, AwsEndpoint, Backend, Settings};

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
        Backend::AwsParameterStore(_) | Backend::File { .. } => LaneOptions::default(),
    }
}

/// One store with its lane.
#[derive(Debug)]
pub struct Store {
    /// What the config says of it.
    pub settings: settings::Store,
    /// Where its reads go through.
    pub lane: Lane,
    timeout: std::time::Duration,
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
    ) -> Result<Self, String> {
        let mut stores = BTreeMap::new();
        for store in &settings.stores {
            let same = before
                .0
                .get(&store.name)
                .filter(|old| old.settings == *store && old.timeout == settings.store_timeout);
            let connected = match same {
                Some(old) => old.clone(),
                None => Arc::new(Store {
                    settings: store.clone(),
                    lane: lane(store, settings, metrics)
                        .await
                        .map_err(|why| format!("store \"{}\": {why}", store.name))?,
                    timeout: settings.store_timeout,
                }),
            };
            stores.insert(store.name.clone(), connected);
        }
        Ok(Self(stores))
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

async fn lane(
    store: &settings::Store,
    settings: &Settings,
    metrics: &Metrics,
) -> Result<Lane, String> {
    let observer = metrics.observer(&store.name);
    let source: Arc<dyn Source> = match &store.backend {
        Backend::File { root } => {
            Arc::new(file::Directory::new(root, observer).map_err(|error| error.to_string())?)
        }
        Backend::AwsSecretsManager(endpoint) => {
            let connection = connect(endpoint, settings).await?;
            Arc::new(aws::SecretsManager::new(&connection, observer))
        }
        Backend::AwsParameterStore(endpoint) => {
            let connection = connect(endpoint, settings).await?;
            Arc::new(aws::ParameterStore::new(&connection, observer))
        }
    };
    Ok(Lane::new(
        source,
        LaneOptions {
            timeout: settings.store_timeout,
            ..pace(&store.backend)
        },
    ))
}

async fn connect(endpoint: &AwsEndpoint, settings: &Settings) -> Result<aws::Connection, String> {
    let ca_pem = match &endpoint.ca_file {
        None => None,
        Some(path) => Some(tokio::fs::read(path).await.map_err(|error| {
            format!("caFile {} cannot be read: {}", path.display(), error.kind())
        })?),
    };
    let options = aws::Options {
        endpoint: endpoint.endpoint.clone(),
        ca_pem,
        timeout: settings.store_timeout,
        ..aws::Options::new(endpoint.region.clone())
    };
    aws::Connection::new(&options)
        .await
        .map_err(|error| error.to_string())
}
