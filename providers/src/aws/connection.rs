//! One region as one identity: endpoint, TLS roots, credentials, timeouts, retries.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_ssm::config::SharedHttpClient;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use super::assume_role::AssumeRole;
use super::role::{Assumed, Role};
use super::web_identity::WebIdentity;
use crate::proxy::Proxies;
use crate::{Error, ErrorKind, Identity, Principal, SecretBytes, Workload, http, roots};

/// Makes the SDK print answers with their values.
const PRINTS_VALUES: &str = "LOG_SENSITIVE_BODIES";

/// Whose rights a connection has.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// What the process's environment offers: the SDK's default chain.
    #[default]
    Chain,
    /// A fixed key pair.
    Static {
        /// The access key's id.
        access_key_id: String,
        /// The key itself.
        secret_access_key: SecretBytes,
    },
}

/// How AWS is reached; written by the operator, never by an annotation.
#[derive(Clone)]
pub struct Options {
    /// The region.
    pub region: String,
    /// The account whose entries these are: roles of other accounts would read others under the same names.
    pub account: Option<String>,
    /// A private endpoint or an emulator; none is the region's own.
    pub endpoint: Option<String>,
    /// The same for the service that gives workloads their credentials.
    pub sts_endpoint: Option<String>,
    /// The same for the service that has the keys which files are encrypted with.
    pub kms_endpoint: Option<String>,
    /// Certificates trusted besides the system's, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Whose rights.
    pub credentials: Credentials,
    /// Longest that a call may take with all its tries.
    pub timeout: Duration,
    /// Tries of a call, the first included.
    pub attempts: u32,
}

impl Options {
    /// The defaults for a region.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            account: None,
            endpoint: None,
            sts_endpoint: None,
            kms_endpoint: None,
            ca_pem: None,
            credentials: Credentials::Chain,
            timeout: Duration::from_secs(10),
            attempts: 3,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// One region as one identity; clones share connections and credentials.
#[derive(Clone)]
pub struct Connection {
    pub(super) config: SdkConfig,
    /// The role that it is read or written as.
    pub(super) role: Option<Arc<Role>>,
    region: String,
    account: Option<String>,
    sts_endpoint: Option<String>,
    pub(super) kms_endpoint: Option<String>,
    /// What [`Kms`](super::Kms) is asked with; made when it is needed, as it rarely is.
    pub(super) http: Arc<OnceLock<http::Client>>,
    pub(super) ca_pem: Option<Arc<[u8]>>,
    pub(super) timeout: Duration,
}

impl Connection {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// The process is set up to log values, or the CA file holds no certificate.
    pub async fn new(options: &Options) -> Result<Self, Error> {
        refuse_printing(std::env::var(PRINTS_VALUES).ok().as_deref())?;
        // Two tries that hang, and a short third, fit into the whole.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(options.timeout / 5)
            .operation_attempt_timeout(options.timeout * 2 / 5)
            .operation_timeout(options.timeout)
            .build();
        // A throttled call pauses its whole lane, so its own retries need not be patient.
        let retries = RetryConfig::standard()
            .with_max_attempts(options.attempts.max(1))
            .with_initial_backoff(Duration::from_millis(200))
            .with_max_backoff(Duration::from_secs(2));
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(options.region.clone()))
            // Less than a try, so that it is the credentials that are said to be late.
            .identity_cache(
                IdentityCache::lazy()
                    .load_timeout(options.timeout * 3 / 10)
                    .build(),
            )
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Some(endpoint) = &options.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        // Named even where it is the SDK's own: each identity would else get one to itself.
        let proxy = Proxies::of_environment().of_aws()?;
        loader = loader.http_client(client(options.ca_pem.as_deref(), proxy)?);
        if let Credentials::Static {
            access_key_id,
            secret_access_key,
        } = &options.credentials
        {
            loader = loader.credentials_provider(fixed(access_key_id, secret_access_key)?);
        }
        Ok(Self {
            config: loader.load().await,
            role: None,
            region: options.region.clone(),
            account: options.account.clone(),
            sts_endpoint: options.sts_endpoint.clone(),
            kms_endpoint: options.kms_endpoint.clone(),
            http: Arc::default(),
            ca_pem: options.ca_pem.as_deref().map(Arc::from),
            timeout: options.timeout,
        })
    }

    /// The same region as another identity; the HTTP client is shared, credentials are not: not even by two
    /// connections as the same one.
    ///
    /// # Errors
    /// The workload's ServiceAccount names no role, or none that AWS can have; the role that is named is none
    /// of the store's part of AWS or of its account; the identity is of another cloud.
    pub fn of(&self, identity: Identity) -> Result<Self, Error> {
        let role = match identity {
            Identity::Controller => return Ok(self.clone()),
            Identity::Assumed(Principal::AwsRole { arn, session }) => {
                Role::new(self.assumed((arn, session))?, self.timeout)
            }
            Identity::Assumed(principal) => return Err(principal.foreign()),
            Identity::Workload(workload) => Role::new(self.web_identity(workload)?, self.timeout),
        };
        let role = Arc::new(role);
        let config = self
            .config
            .clone()
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(Assumed(Arc::clone(&role))))
            // The role keeps its own, so that they can be dropped.
            .identity_cache(IdentityCache::no_cache())
            .build();
        Ok(Self {
            config,
            role: Some(role),
            ..self.clone()
        })
    }

    fn web_identity(&self, workload: Arc<dyn Workload>) -> Result<WebIdentity, Error> {
        // The call is not signed: whatever credentials the controller has stay out of it.
        let mut unsigned = self.config.clone().into_builder();
        unsigned.set_credentials_provider(None);
        let mut sts = aws_sdk_sts::config::Builder::from(&unsigned.build());
        // A store's private endpoint is not one of this service.
        sts.set_endpoint_url(self.sts_endpoint.clone());
        let client = aws_sdk_sts::Client::from_conf(sts.build());
        WebIdentity::new(client, workload, self.place())
    }

    fn assumed(&self, named: (String, String)) -> Result<AssumeRole, Error> {
        AssumeRole::new(self.sts(), named, self.place())
    }

    /// Region and account, as a role has to fit them.
    fn place(&self) -> (&str, Option<&str>) {
        (&self.region, self.account.as_deref())
    }

    /// The service that knows whose credentials these are.
    pub(super) fn sts(&self) -> aws_sdk_sts::Client {
        let mut sts = aws_sdk_sts::config::Builder::from(&self.config);
        // A store's private endpoint is not one of this service.
        sts.set_endpoint_url(self.sts_endpoint.clone());
        aws_sdk_sts::Client::from_conf(sts.build())
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

fn refuse_printing(setting: Option<&str>) -> Result<(), Error> {
    if setting.is_some_and(|setting| setting.eq_ignore_ascii_case("true")) {
        let sentence =
            format!("{PRINTS_VALUES} is set and would print values to the log: unset it");
        return Err(Error::new(ErrorKind::Invalid, sentence));
    }
    Ok(())
}

fn fixed(id: &str, key: &SecretBytes) -> Result<aws_credential_types::Credentials, Error> {
    let key = std::str::from_utf8(key.expose())
        .map_err(|_| Error::new(ErrorKind::Invalid, "the secret access key is not text"))?;
    Ok(aws_credential_types::Credentials::new(
        id, key, None, None, "jasm",
    ))
}

/// The SDK's own client, but for the certificates and the proxy: it knows none by itself, and would send
/// what it asks of the machine's metadata server through one of the environment.
fn client(pem: Option<&[u8]>, proxy: Option<ProxyConfig>) -> Result<SharedHttpClient, Error> {
    // The system's stay: the credentials of the default chain come from AWS itself.
    let mut store = TrustStore::default();
    if let Some(pem) = pem {
        // The SDK panics on a certificate that it cannot parse, at the first call.
        roots::parse(pem)?;
        store = store.with_pem_certificate(pem);
    }
    let proxy = proxy.unwrap_or_else(ProxyConfig::disabled);
    let context = TlsContext::builder()
        .with_trust_store(store)
        .build()
        .map_err(|_| {
            Error::new(
                ErrorKind::Invalid,
                "the certificates of the CA file cannot be used",
            )
        })?;
    Ok(
        aws_smithy_http_client::Builder::new().build_with_connector_fn(
            move |settings, components| {
                let mut builder = Connector::builder()
                    .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                    .tls_context(context.clone())
                    .proxy_config(proxy.clone());
                builder.set_connector_settings(settings.cloned());
                builder.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
                builder.build()
            },
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_logs_values_is_refused() {
        assert_eq!(
            refuse_printing(Some("TRUE")).unwrap_err().kind,
            ErrorKind::Invalid
        );
        for harmless in [None, Some("false"), Some("1"), Some("")] {
            assert_eq!(refuse_printing(harmless), Ok(()));
        }
    }

    #[tokio::test]
    async fn a_ca_file_that_holds_no_certificate_is_refused_before_it_is_used() {
        let broken =
            "-----BEGIN CERTIFICATE-----\nbm8gY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\n";
        for pem in ["", "no pem", broken, cut] {
            let options = Options {
                ca_pem: Some(pem.into()),
                ..Options::new("eu-west-1")
            };
            assert_eq!(
                Connection::new(&options).await.unwrap_err().kind,
                ErrorKind::Invalid,
                "{pem:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_printed_has_no_key() {
        let secret_access_key = SecretBytes::from("marker-key".to_owned());
        let credentials = Credentials::Static {
            access_key_id: "id".into(),
            secret_access_key,
        };
        let options = Options {
            credentials,
            ..Options::new("eu-west-1")
        };
        let connection = Connection::new(&options).await.unwrap();
        assert!(
            !format!("{options:?} {:?} {connection:?}", options.credentials).contains("marker")
        );
    }
}
