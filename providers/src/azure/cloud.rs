//! The separate clouds of Azure: hosts and what tokens are for.

/// Which of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cloud {
    /// Azure.
    #[default]
    Public,
    /// Azure Government.
    Government,
    /// Azure operated by 21Vianet.
    China,
}

impl Cloud {
    /// Where Entra ID gives tokens.
    pub(super) fn authority(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::Government => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// What follows a vault's name in its host.
    pub(super) fn vault_suffix(self) -> &'static str {
        match self {
            Self::Public => "vault.azure.net",
            Self::Government => "vault.usgovcloudapi.net",
            Self::China => "vault.azure.cn",
        }
    }

    /// What tokens for vaults are for.
    pub(super) fn vault_scope(self) -> &'static str {
        match self {
            Self::Public => "https://vault.azure.net/.default",
            Self::Government => "https://vault.usgovcloudapi.net/.default",
            Self::China => "https://vault.azure.cn/.default",
        }
    }

    /// What follows the name of a store of App Configuration in its host.
    pub(super) fn configuration_suffix(self) -> &'static str {
        match self {
            Self::Public => "azconfig.io",
            Self::Government => "azconfig.azure.us",
            Self::China => "azconfig.azure.cn",
        }
    }

    /// What tokens for App Configuration are for: not the stores' own domain.
    /// <https://learn.microsoft.com/azure/azure-app-configuration/concept-enable-rbac#audience>
    pub(super) fn configuration_scope(self) -> &'static str {
        match self {
            Self::Public => "https://appconfig.azure.com/.default",
            Self::Government => "https://appconfig.azure.us/.default",
            Self::China => "https://appconfig.azure.cn/.default",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_hosts_and_scopes_of_its_own() {
        let table = [
            (
                Cloud::Public,
                [
                    "https://login.microsoftonline.com",
                    "vault.azure.net",
                    "https://vault.azure.net/.default",
                    "azconfig.io",
                    "https://appconfig.azure.com/.default",
                ],
            ),
            (
                Cloud::Government,
                [
                    "https://login.microsoftonline.us",
                    "vault.usgovcloudapi.net",
                    "https://vault.usgovcloudapi.net/.default",
                    "azconfig.azure.us",
                    "https://appconfig.azure.us/.default",
                ],
            ),
            (
                Cloud::China,
                [
                    "https://login.chinacloudapi.cn",
                    "vault.azure.cn",
                    "https://vault.azure.cn/.default",
                    "azconfig.azure.cn",
                    "https://appconfig.azure.cn/.default",
                ],
            ),
        ];
        for (cloud, expected) in table {
            let found = [
                cloud.authority(),
                cloud.vault_suffix(),
                cloud.vault_scope(),
                cloud.configuration_suffix(),
                cloud.configuration_scope(),
            ];
            assert_eq!(found, expected, "{cloud:?}");
        }
    }
}
