//! The proxies that the environment names, and what never goes through them: this machine and its link,
//! where the clouds give the machine's own tokens in clear text.

use std::env;
use std::fmt;

use aws_smithy_http_client::proxy::ProxyConfig;
use reqwest::{ClientBuilder, NoProxy, Proxy};

use crate::{Error, ErrorKind};

/// This machine, its link (RFC 3927, RFC 4291 2.5.6), and the names and addresses that the clouds give to
/// their metadata servers.
const NEVER: &str =
    "localhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10,fd00:ec2::/32,metadata.google.internal";

/// Where calls go through, by the scheme of what is asked. No `Debug` of the addresses: they can hold a
/// password.
#[derive(Default, Clone)]
pub(crate) struct Proxies {
    pub(crate) http: Option<String>,
    pub(crate) https: Option<String>,
    /// What is asked without a proxy, as `NO_PROXY` has it.
    pub(crate) except: String,
}

impl Proxies {
    /// Those of the environment: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, or the same in
    /// lower case.
    pub(crate) fn of_environment() -> Self {
        Self::of(|name| env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |upper: &str| {
            variable(upper)
                .or_else(|| variable(&upper.to_ascii_lowercase()))
                .filter(|value| !value.trim().is_empty())
        };
        let all = set("ALL_PROXY");
        Self {
            http: set("HTTP_PROXY").or_else(|| all.clone()),
            https: set("HTTPS_PROXY").or(all),
            except: set("NO_PROXY").unwrap_or_default(),
        }
    }

    /// A client that uses them.
    ///
    /// # Errors
    /// One is no address.
    pub(crate) fn applied(&self, builder: ClientBuilder) -> Result<ClientBuilder, Error> {
        let except = NoProxy::from_string(&self.except());
        // Without what the client itself would take from the environment.
        let mut builder = builder.no_proxy();
        if let Some(address) = &self.http {
            let proxy = Proxy::http(address).map_err(|_| unusable("HTTP_PROXY"))?;
            builder = builder.proxy(proxy.no_proxy(except.clone()));
        }
        if let Some(address) = &self.https {
            let proxy = Proxy::https(address).map_err(|_| unusable("HTTPS_PROXY"))?;
            builder = builder.proxy(proxy.no_proxy(except));
        }
        Ok(builder)
    }

    /// The same for the SDK of AWS, which speaks https but to this machine and its link.
    ///
    /// # Errors
    /// The proxy is no address.
    pub(crate) fn of_aws(&self) -> Result<Option<ProxyConfig>, Error> {
        let Some(address) = self.https.as_deref().map(str::trim) else {
            return Ok(None);
        };
        let address = if address.contains("://") {
            address.to_owned()
        } else {
            format!("http://{address}")
        };
        ProxyConfig::https(address)
            .map(|config| Some(config.no_proxy(self.except())))
            .map_err(|_| unusable("HTTPS_PROXY"))
    }

    fn except(&self) -> String {
        format!("{NEVER},{}", self.except)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies").finish_non_exhaustive()
    }
}

fn unusable(variable: &str) -> Error {
    let sentence = format!(
        "the proxy that {variable} or ALL_PROXY names is no address: write http://HOST:PORT"
    );
    Error::new(ErrorKind::Invalid, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_as_other_programs_read_it() {
        let proxies = |variables: &[(&str, &str)]| {
            let proxies = Proxies::of(|name| {
                let mut variables = variables.iter();
                let found = variables.find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            });
            (proxies.http, proxies.https, proxies.except)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(proxies(&[]), (None, None, String::new()));
        assert_eq!(
            proxies(&[
                ("HTTP_PROXY", "a"),
                ("http_proxy", "b"),
                ("https_proxy", "c"),
                ("no_proxy", "d")
            ]),
            (some("a"), some("c"), "d".to_owned())
        );
        assert_eq!(
            proxies(&[("ALL_PROXY", "a"), ("HTTPS_PROXY", "b"), ("HTTP_PROXY", "")]),
            (some("a"), some("b"), String::new())
        );
    }

    #[test]
    fn an_address_that_is_none_is_said_without_its_password() {
        let proxies = Proxies {
            http: Some("http://user:marker@ no host".into()),
            https: Some("http://user:marker@ no host".into()),
            except: String::new(),
        };
        let errors = [
            proxies.applied(reqwest::Client::builder()).unwrap_err(),
            proxies.of_aws().unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind, ErrorKind::Invalid);
            assert!(error.message.contains("PROXY"), "{error}");
            assert!(!format!("{error:?} {proxies:?}").contains("marker"));
        }
    }
}
