//! Connections to the API server: one for everything, and one for each watch.
//!
//! A burst of requests over HTTP/1.1 is a burst of TLS handshakes, which cost both sides more than
//! the requests; over HTTP/2 they share one connection. Watches keep theirs to themselves, so that
//! nothing is in front of their events.

use std::time::Duration;

use hyper_rustls::{FixedServerNameResolver, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use secrecy::ExposeSecret as _;
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder, ServiceExt as _};
use zeroize::Zeroizing;

use crate::identity::Own;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// An idle connection is asked this often whether it still is one, and has as long again to answer.
const ALIVE: Duration = Duration::from_secs(15);

/// What the API server does that answers 401, and what to do.
pub const NOT_ACCEPTED: &str = "does not accept JASM's token (401); if that lasts, restart JASM's pod, or renew the credentials in its kubeconfig";

/// Both ways to the API server.
#[allow(
    missing_debug_implementations,
    reason = "a client has none, as it carries credentials"
)]
pub struct Clients {
    /// For requests.
    pub requests: Client,
    /// For watches.
    pub watches: Client,
    /// For whom the token is that both show.
    pub own: Own,
    /// JASM's own namespace; of a kubeconfig that of its context.
    pub namespace: String,
}

impl Clients {
    /// As the kubeconfig of the environment or the pod's own account says.
    ///
    /// # Errors
    /// One sentence.
    pub async fn connect() -> Result<Self, String> {
        let config = Config::infer().await.map_err(|error| {
            format!("there is neither a kubeconfig nor a pod's own account to reach the API server with: {error}")
        })?;
        let unusable = |error: kube::Error| format!("the kubeconfig cannot be used: {error}");
        let connect = || match &config.proxy_url {
            // The client's own builder knows proxies, or says that it does not.
            Some(_) => Client::try_from(config.clone()),
            None => multiplexed(&config),
        };
        let requests = connect().map_err(unusable)?;
        let watches = connect().map_err(unusable)?;
        let own = own(&config).await;
        Ok(Self {
            requests,
            watches,
            own,
            namespace: config.default_namespace,
        })
    }
}

/// What the token tells that the API server gets; nothing where it is no token that identifies JASM.
pub async fn own(config: &Config) -> Own {
    let auth = &config.auth_info;
    if let Some(token) = &auth.token {
        return Own::of(token.expose_secret());
    }
    match &auth.token_file {
        // One that cannot be read is no credential either: the first request says so.
        Some(file) => match tokio::fs::read_to_string(file).await {
            Ok(token) => Own::of(&Zeroizing::new(token)),
            Err(_) => Own::default(),
        },
        None => Own::default(),
    }
}

/// A client whose requests share one connection where the server speaks HTTP/2.
fn multiplexed(config: &Config) -> Result<Client, kube::Error> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT));
    tcp.set_nodelay(true);
    let mut https = HttpsConnectorBuilder::new()
        .with_tls_config(config.rustls_client_config()?)
        .https_or_http();
    if let Some(name) = &config.tls_server_name
        && let Ok(name) = name.clone().try_into()
    {
        https = https.with_server_name_resolver(FixedServerNameResolver::new(name));
    }
    let connector = https.enable_all_versions().wrap_connector(tcp);
    let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        // Kept while JASM runs: the next burst must not begin with a handshake.
        .pool_idle_timeout(None)
        .http2_keep_alive_interval(ALIVE)
        .http2_keep_alive_timeout(ALIVE)
        .http2_keep_alive_while_idle(true)
        .build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    Ok(ClientBuilder::new(service.boxed(), config.default_namespace.clone()).build())
}
