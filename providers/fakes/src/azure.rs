//! Azure: Entra ID, Key Vault and App Configuration, each on an address of its own, with shared tokens.

mod app_configuration;
mod entra;
mod key_vault;

use std::sync::Arc;
use std::time::Duration;

pub use app_configuration::{AppConfiguration, Setting};
pub use entra::{App, Entra};
pub use key_vault::KeyVault;

use crate::{Ask, Grants, Tokens, Trust};

/// Which of Azure's clouds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AzureCloud {
    /// Azure.
    #[default]
    Public,
    /// Azure Government.
    Government,
    /// The one of 21Vianet.
    China,
}

impl AzureCloud {
    const ALL: [Self; 3] = [Self::Public, Self::Government, Self::China];

    /// What access tokens for vaults are for, without the scheme: what their hosts end in.
    fn vaults(self) -> &'static str {
        match self {
            Self::Public => "vault.azure.net",
            Self::Government => "vault.usgovcloudapi.net",
            Self::China => "vault.azure.cn",
        }
    }

    /// What hosts of App Configuration end in; clients name it as the audience too.
    fn stores(self) -> &'static str {
        match self {
            Self::Public => "azconfig.io",
            Self::Government => "azconfig.azure.us",
            Self::China => "azconfig.azure.cn",
        }
    }

    /// The documented audience, which is not that.
    /// <https://learn.microsoft.com/azure/azure-app-configuration/concept-enable-rbac#audience>
    fn configuration(self) -> &'static str {
        match self {
            Self::Public => "https://appconfig.azure.com",
            Self::Government => "https://appconfig.azure.us",
            Self::China => "https://appconfig.azure.cn",
        }
    }
}

/// What access tokens for Key Vault are for, in the public cloud.
pub const VAULT_AUDIENCE: &str = "https://vault.azure.net";
/// What access tokens for App Configuration are for there; clients write either.
pub const CONFIGURATION_AUDIENCES: [&str; 2] =
    ["https://azconfig.io", "https://appconfig.azure.com"];
/// Entra: between 60 and 90 minutes.
const LIFETIME: Duration = Duration::from_secs(4000);

/// What the three services share.
#[derive(Debug, Clone, Default)]
pub struct Azure {
    /// Whose ServiceAccount tokens Entra believes.
    pub trust: Arc<Trust>,
    /// Who may use what: `vaults/VAULT/secrets/NAME`, `vaults/VAULT` to list, `configurations/STORE`.
    pub grants: Arc<Grants>,
    /// Access tokens.
    pub tokens: Arc<Tokens>,
}

impl Azure {
    /// A cloud that trusts nobody yet.
    #[must_use]
    pub fn new(trust: Arc<Trust>) -> Self {
        Self {
            trust,
            ..Self::default()
        }
    }

    /// An access token of this principal for one of the audiences.
    #[must_use]
    pub fn token(&self, principal: &str, audience: &str) -> String {
        self.tokens.issue("eyJ0.", principal, audience, LIFETIME)
    }
}

/// Which vault or store is asked.
struct Addressed<'ask> {
    name: String,
    /// What comes before the path that clients know.
    base: String,
    path: &'ask str,
    /// Whose domain the host is of.
    cloud: AzureCloud,
}

/// By the host's first label below a cloud's domain; at any other address, of `here`: by the beginning of
/// the path (`/at/NAME/…`), else the one named `default`.
fn addressed<'ask>(
    ask: &'ask Ask,
    domain: impl Fn(AzureCloud) -> &'static str,
    here: AzureCloud,
) -> Addressed<'ask> {
    for cloud in AzureCloud::ALL {
        let name = ask.host_name().strip_suffix(domain(cloud));
        if let Some(name) = name.and_then(|name| name.strip_suffix('.')) {
            return Addressed {
                name: name.to_ascii_lowercase(),
                base: String::new(),
                path: &ask.path,
                cloud,
            };
        }
    }
    if let Some(rest) = ask.path.strip_prefix("/at/")
        && let Some((name, _)) = rest.split_once('/')
    {
        return Addressed {
            name: name.to_ascii_lowercase(),
            base: format!("/at/{name}"),
            path: &rest[name.len()..],
            cloud: here,
        };
    }
    Addressed {
        name: "default".to_owned(),
        base: String::new(),
        path: &ask.path,
        cloud: here,
    }
}
