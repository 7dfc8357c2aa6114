//! What a ServiceAccount needs to be read as: a token's audience, annotations. Pure.

use super::Backend;

impl Backend {
    /// The audience of a ServiceAccount's token, as the store's cloud fixes it or the file says; none
    /// for a directory, and where only the cluster's metadata server knows.
    #[must_use]
    pub fn audience(&self) -> Option<String> {
        match self {
            Self::File { .. } => None,
            // https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
            Self::AwsSecretsManager(_) | Self::AwsParameterStore(_) => {
                Some("sts.amazonaws.com".to_owned())
            }
            Self::GcpSecretManager(gcp) | Self::GcpParameterManager(gcp) => {
                let provider = gcp.provider.as_ref().map(|name| format!("https:{name}"));
                let project = gcp.cluster_project.as_ref();
                provider
                    .or_else(|| gcp.pool.clone())
                    .or_else(|| project.map(|id| format!("{id}.svc.id.goog")))
            }
            // https://azure.github.io/azure-workload-identity/docs/
            Self::AzureKeyVault(_) | Self::AzureAppConfiguration(_) => {
                Some("api://AzureADTokenExchange".to_owned())
            }
            Self::Vault(vault) => Some(vault.audience.as_deref().unwrap_or("vault").to_owned()),
        }
    }

    /// The file of certificates that it names.
    #[must_use]
    pub fn ca_file(&self) -> Option<&std::path::Path> {
        match self {
            Self::File { .. } => None,
            Self::AwsSecretsManager(aws) | Self::AwsParameterStore(aws) => aws.ca_file.as_deref(),
            Self::GcpSecretManager(gcp) | Self::GcpParameterManager(gcp) => gcp.ca_file.as_deref(),
            Self::AzureKeyVault(azure) | Self::AzureAppConfiguration(azure) => {
                azure.ca_file.as_deref()
            }
            Self::Vault(vault) => vault.ca_file.as_deref(),
        }
    }

    /// The annotations without which a ServiceAccount cannot be read as, each with an example.
    #[must_use]
    pub fn annotations(&self) -> &'static [(&'static str, &'static str)] {
        const ID: &str = "00000000-0000-0000-0000-000000000000";
        const CLIENT: (&str, &str) = ("azure.workload.identity/client-id", ID);
        const TENANT: (&str, &str) = ("azure.workload.identity/tenant-id", ID);
        match self {
            Self::AwsSecretsManager(_) | Self::AwsParameterStore(_) => &[(
                "eks.amazonaws.com/role-arn",
                "arn:aws:iam::123456789012:role/reader",
            )],
            Self::AzureKeyVault(azure) | Self::AzureAppConfiguration(azure) => {
                if azure.tenant.is_some() {
                    &[CLIENT]
                } else {
                    &[CLIENT, TENANT]
                }
            }
            // A principal of its own each has at Google, and at Vault the role names it.
            Self::File { .. }
            | Self::GcpSecretManager(_)
            | Self::GcpParameterManager(_)
            | Self::Vault(_) => &[],
        }
    }
}
