//! One cloud and tenant: hosts, TLS roots, timeouts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use azure_core::http::{ClientOptions, RetryOptions, Transport, Url};

use super::cloud::Cloud;
use super::transport::Pinned;
use crate::http;
use crate::{Error, ErrorKind};

/// How Azure is reached; written by the operator, never by an annotation.
#[derive(Clone)]
pub struct Options {
    /// Which cloud.
    pub cloud: Cloud,
    /// The tenant of workloads that name none, and the controller's; none is `AZURE_TENANT_ID`.
    pub tenant: Option<String>,
    /// The controller's client id; none is `AZURE_CLIENT_ID`, or the machine's own identity.
    pub client: Option<String>,
    /// The file of the controller's own federated token; none is `AZURE_FEDERATED_TOKEN_FILE`.
    pub token_file: Option<PathBuf>,
    /// Where Entra ID is, if not at its cloud's own address.
    pub authority: Option<String>,
    /// Private endpoints or fakes of vaults, by the vault's name; none is `https://NAME.SUFFIX`.
    pub vault_endpoints: BTreeMap<String, String>,
    /// Certificates trusted besides the system's, as PEM.
    pub ca_pem: Option<Vec<u8>>,
    /// Longest that a call may take with all its tries.
    pub timeout: Duration,
    /// Tries of a call, the first included.
    pub attempts: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cloud: Cloud::Public,
            tenant: None,
            client: None,
            token_file: None,
            authority: None,
            vault_endpoints: BTreeMap::new(),
            ca_pem: None,
            timeout: Duration::from_secs(10),
            attempts: 3,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("cloud", &self.cloud)
            .field("tenant", &self.tenant)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}

/// One cloud and tenant; clones share connections.
#[derive(Clone)]
pub struct Connection {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) authority: Url,
    http: http::Client,
}

impl Connection {
    /// Prepares a connection; nothing is sent yet.
    ///
    /// # Errors
    /// An address is none or not https, a tenant or a client is not an id, or the CA file holds no
    /// certificate.
    pub fn new(options: &Options) -> Result<Self, Error> {
        for id in [&options.tenant, &options.client].into_iter().flatten() {
            check_id(id)?;
        }
        let authority = match &options.authority {
            Some(authority) => secure(authority)?,
            None => secure(options.cloud.authority())?,
        };
        for (name, endpoint) in &options.vault_endpoints {
            check_name(name)?;
            secure(endpoint)?;
        }
        Ok(Self {
            shared: Arc::new(Shared {
                http: http::Client::new(options.ca_pem.as_deref(), options.timeout)?,
                options: options.clone(),
                authority,
            }),
        })
    }

    /// Where a vault is.
    pub(super) fn vault(&self, name: &str) -> Result<Url, Error> {
        check_name(name)?;
        let options = &self.shared.options;
        match options.vault_endpoints.get(name) {
            Some(endpoint) => secure(endpoint),
            None => secure(&format!("https://{name}.{}", options.cloud.vault_suffix())),
        }
    }

    /// The SDK's options for a service at these hosts: it sends to no other one, and tries once, as
    /// it would wait beyond any deadline for a service that throttles.
    pub(super) fn client_options(
        &self,
        operation: &'static str,
        hosts: Vec<Url>,
        limit: usize,
    ) -> ClientOptions {
        let pinned = Pinned::new(
            self.shared.http.clone(),
            operation,
            hosts,
            limit,
            self.shared.options.timeout,
        );
        ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::new(pinned))),
            ..ClientOptions::default()
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

/// An address that tokens may be sent to: the SDK sends none without TLS.
pub(super) fn secure(text: &str) -> Result<Url, Error> {
    let url = http::address(text)?;
    if url.scheme() == "https" {
        return Ok(url);
    }
    Err(invalid(
        "an address of azure must be https, on this machine too: tokens are not sent without TLS"
            .to_owned(),
    ))
}

/// The name of a vault or of a store: a label of a host's name.
///
/// # Errors
/// It is something else, such as the whole host.
pub fn check_name(name: &str) -> Result<(), Error> {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    if name.len() <= 63
        && name.chars().all(inner)
        && edge(name.chars().next())
        && edge(name.chars().next_back())
    {
        return Ok(());
    }
    Err(invalid(
        "a name of a vault or of a store of app configuration is made of letters, digits and -: write the name alone, \
         without its host"
            .to_owned(),
    ))
}

/// A label of App Configuration, in which `*` and `,` would mean several.
///
/// # Errors
/// It is something else.
pub fn check_label(text: &str) -> Result<(), Error> {
    if crate::reference::is_label(text) {
        return Ok(());
    }
    Err(invalid(
        "a label is 1 to 256 characters A-Z a-z 0-9 . _ - : / @ + = $".to_owned(),
    ))
}

/// The id of a tenant or an application in Entra ID, or a tenant's domain.
///
/// # Errors
/// It is something else.
pub fn check_id(text: &str) -> Result<(), Error> {
    if is_id(text) {
        return Ok(());
    }
    Err(invalid(
        "an id of Entra is written like 00000000-0000-0000-0000-000000000000".to_owned(),
    ))
}

/// A tenant's or an application's id, or a tenant's domain.
pub(super) fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    (1..=253).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(allowed)
        && !text.contains("..")
}

fn invalid(sentence: String) -> Error {
    Error::new(ErrorKind::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_another_host() {
        let connection = Connection::new(&Options::default()).unwrap();
        assert_eq!(
            connection.vault("acme-1").unwrap().host_str(),
            Some("acme-1.vault.azure.net")
        );
        for bad in [
            "",
            "-a",
            "a-",
            "a.b",
            "a/b",
            "a@b",
            "a:1",
            "a#",
            "a?",
            "evil.example/",
            "a%2e",
        ] {
            assert_eq!(
                connection.vault(bad).unwrap_err().kind,
                ErrorKind::Invalid,
                "{bad:?}"
            );
        }
    }

    #[test]
    fn tokens_are_not_sent_without_tls() {
        for authority in ["http://localhost:1", "http://login.example", "ftp://a", ""] {
            let options = Options {
                authority: Some(authority.into()),
                ..Options::default()
            };
            assert!(Connection::new(&options).is_err(), "{authority}");
        }
        for tenant in ["../x", "a/b", "a?b", "", "-a"] {
            let options = Options {
                tenant: Some(tenant.into()),
                ..Options::default()
            };
            assert!(Connection::new(&options).is_err(), "{tenant}");
        }
    }
}
