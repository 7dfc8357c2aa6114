//! What mends a failure, by its class and by whose rights were used. Pure.

use jasm_providers::reach::Obstacle;
use jasm_providers::{ErrorKind, Kind};

use crate::settings::Store;

/// What to do about a failed call to a store.
pub(super) fn fix(kind: ErrorKind, store: &Store, as_workload: bool) -> String {
    let of = store.backend.kind();
    let text = match kind {
        ErrorKind::NotFound => match of {
            Kind::File => "create it below the store's root, or correct the root",
            _ => "create it in the store, or name an entry that is there with --read",
        },
        ErrorKind::Gone => {
            "restore it, enable it or add a version, or name another entry with --read"
        }
        ErrorKind::Denied if as_workload => {
            "grant the right to the cloud identity of the ServiceAccount; jasm policy iam prints what the annotations need"
        }
        ErrorKind::Denied => match of {
            Kind::File => "let the user that JASM runs as read it (65532 in its image)",
            _ => {
                "grant the right to the identity that is named above; jasm policy iam prints what the annotations need"
            }
        },
        ErrorKind::Unauthenticated if as_workload => {
            "see that the cloud trusts this cluster's issuer, and the ServiceAccount as subject with the right audience"
        }
        ErrorKind::Unauthenticated => credentials(of),
        ErrorKind::Invalid => "correct the store's fields in the config, or the path",
        ErrorKind::TooLarge => "split it: no Secret or ConfigMap holds more than 1 MiB",
        ErrorKind::Throttled { .. } => "wait, or have the store's quota raised",
        ErrorKind::Unavailable => {
            "see the network between here and the store: DNS, proxy, NetworkPolicy, private endpoint; \
             in JASM's own pod it is as JASM has it"
        }
        ErrorKind::Integrity => {
            "see what answers at the address: it is not the store's API, or something between changes the answers"
        }
        ErrorKind::Unsupported => {
            "see that the kind in the config is that of what answers at the address"
        }
    };
    text.to_owned()
}

/// Where the controller's own credentials come from.
fn credentials(kind: Kind) -> &'static str {
    match kind {
        Kind::AwsSecretsManager | Kind::AwsParameterStore => {
            "give JASM a role of AWS (on EKS by eks.amazonaws.com/role-arn on its ServiceAccount); on your machine set \
             AWS_PROFILE or log in"
        }
        Kind::GcpSecretManager | Kind::GcpParameterManager => {
            "give JASM's ServiceAccount a Google identity, or name a file in GOOGLE_APPLICATION_CREDENTIALS; on your \
             machine: gcloud auth application-default login"
        }
        Kind::AzureKeyVault | Kind::AzureAppConfiguration => {
            "give JASM a federated credential (AZURE_CLIENT_ID, AZURE_TENANT_ID, AZURE_FEDERATED_TOKEN_FILE), or its \
             machine a managed identity"
        }
        Kind::Vault => {
            "see that auth method, role, bound ServiceAccount, audience and tokenFile are as the store's config says"
        }
        Kind::File => "let the user that JASM runs as read the directory",
    }
}

/// What to do where the address does not answer.
pub(super) fn reach(obstacle: &Obstacle, kind: Kind) -> String {
    let fields = match kind {
        Kind::AwsSecretsManager | Kind::AwsParameterStore => "region and endpoint",
        Kind::GcpSecretManager | Kind::GcpParameterManager => "location and endpoint",
        Kind::AzureKeyVault => "vault, cloud and endpoint",
        Kind::AzureAppConfiguration => "configuration, cloud and endpoint",
        Kind::Vault => "address",
        Kind::File => "root",
    };
    match obstacle {
        Obstacle::Address(_) | Obstacle::OtherName(_) => {
            format!("correct the store's {fields}")
        }
        Obstacle::Name(_) => {
            format!("correct the store's {fields}, or see that names resolve here")
        }
        Obstacle::Refused(_) => {
            format!("correct the store's {fields}, or start what should listen there")
        }
        Obstacle::Connection(_) | Obstacle::Late(_) => format!(
            "see the network between here and the store: proxy, NetworkPolicy, security group, private endpoint; or correct \
             the store's {fields}"
        ),
        Obstacle::Untrusted(_) => {
            "name the file with its authority's certificate (PEM) in the store's caFile".to_owned()
        }
        Obstacle::Expired(_) => "renew the certificate, or set this machine's clock".to_owned(),
        Obstacle::Handshake(_) | Obstacle::Answer(_) => {
            format!("see what listens there, and correct the store's {fields}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Overrides, Settings};

    const KINDS: [ErrorKind; 10] = [
        ErrorKind::NotFound,
        ErrorKind::Gone,
        ErrorKind::Denied,
        ErrorKind::Unauthenticated,
        ErrorKind::Invalid,
        ErrorKind::TooLarge,
        ErrorKind::Throttled { after: None },
        ErrorKind::Unavailable,
        ErrorKind::Integrity,
        ErrorKind::Unsupported,
    ];

    #[test]
    fn every_class_has_a_mend_of_its_own() {
        let text =
            "stores: [{name: a, kind: aws-secretsmanager, region: eu-west-1, identity: workload}]";
        let settings = Settings::read(Some(text), &Overrides::default()).unwrap();
        for as_workload in [false, true] {
            let mut said: Vec<_> = KINDS
                .map(|kind| fix(kind, &settings.stores[0], as_workload))
                .to_vec();
            said.sort();
            said.dedup();
            assert_eq!(said.len(), KINDS.len());
        }
    }

    #[test]
    fn every_kind_says_where_its_credentials_come_from_and_which_fields_make_its_address() {
        let mut said: Vec<_> = Kind::ALL.map(credentials).to_vec();
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), 5);
        for kind in Kind::ALL {
            let words = reach(&Obstacle::Name("x".to_owned()), kind);
            assert!(words.starts_with("correct the store's "), "{words}");
        }
    }
}
