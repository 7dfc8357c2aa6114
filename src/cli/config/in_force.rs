//! A store's fields by their names in the file, with what holds where one is left out. Pure.

use jasm_providers::azure::Cloud;
use jasm_providers::vault::{Engine, Login};
use serde_json::{Map, Value, json};

use crate::policy::WriteRule;
use crate::settings::fields::STORE;
use crate::settings::{
    AwsEndpoint, Azure, Backend, Directory, Gcp, Push, SourceRule, Store, Vault,
};

/// Every field that a store of its kind can have, but for the rules; null where nothing is in force.
pub(super) fn fields(store: &Store) -> Map<String, Value> {
    let mut fields = object(match &store.backend {
        Backend::File { root } => json!({"root": root}),
        Backend::AwsSecretsManager(aws) | Backend::AwsParameterStore(aws) => of_aws(aws, store),
        Backend::GcpSecretManager(gcp) => of_gcp(gcp),
        Backend::GcpParameterManager(gcp) => {
            let mut fields = of_gcp(gcp);
            fields["render"] = json!(if gcp.render { "rendered" } else { "raw" });
            fields
        }
        Backend::AzureKeyVault(azure) => {
            let mut fields = of_azure(azure);
            fields["vault"] = json!(azure.name);
            fields
        }
        Backend::AzureAppConfiguration(azure) => {
            let mut fields = of_azure(azure);
            fields["configuration"] = json!(azure.name);
            fields["label"] = json!(azure.label);
            let vaults = azure.vaults.iter().map(|(name, endpoint)| match endpoint {
                None => json!(name),
                Some(endpoint) => json!({"name": name, "endpoint": endpoint}),
            });
            fields["vaults"] = vaults.collect();
            fields["featureFlags"] = json!(azure.feature_flags);
            fields
        }
        Backend::Vault(vault) => of_vault(vault),
    });
    fields.extend(object(json!({
        "name": store.name,
        "kind": store.backend.kind().as_str(),
        "identity": store.identity.as_str(),
        "configs": store.configs,
    })));
    fields
}

/// Whether anything is ever written to a store of its kind.
pub(super) fn is_written(store: &Store) -> bool {
    let kind = store.backend.kind();
    STORE
        .iter()
        .any(|field| field.name == "allowWrite" && field.fits(kind))
}

/// Who may write what, and as whom.
pub(super) fn write_rules(store: &Store) -> Value {
    let rule = |write: &WriteRule| {
        json!({
            "namespaces": write.rule.namespaces,
            "paths": write.rule.paths,
            "identities": write.identities,
        })
    };
    store.allow_write.iter().map(rule).collect()
}

/// What holds for every `SecretManagerConfig`.
pub(super) fn push(push: &Push) -> Value {
    let rule = |rule: &SourceRule| json!({"namespaces": rule.namespaces, "sources": rule.sources});
    let directory = |directory: &Directory| {
        json!({
            "name": directory.name,
            "path": directory.path,
            "namespaces": directory.namespaces,
        })
    };
    json!({
        "cluster": push.cluster,
        "crossNamespaceSources": push.cross_namespace_sources.iter().map(rule).collect::<Vec<_>>(),
        "directories": push.directories.iter().map(directory).collect::<Vec<_>>(),
    })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn of_aws(aws: &AwsEndpoint, store: &Store) -> Value {
    json!({
        "region": aws.region,
        "account": store.scope.account,
        "endpoint": aws.endpoint,
        "stsEndpoint": aws.sts_endpoint,
        "kmsEndpoint": aws.kms_endpoint,
        "caFile": aws.ca_file,
    })
}

fn of_gcp(gcp: &Gcp) -> Value {
    json!({
        "project": gcp.project,
        "location": gcp.location.as_deref().unwrap_or("global"),
        "clusterProject": gcp.cluster_project,
        "clusterLocation": gcp.cluster_location,
        "clusterName": gcp.cluster_name,
        "workloadPool": gcp.pool,
        "workloadProvider": gcp.provider,
        "endpoint": gcp.endpoint,
        "stsEndpoint": gcp.sts_endpoint,
        "iamEndpoint": gcp.iam_endpoint,
        "kmsEndpoint": gcp.kms_endpoint,
        "caFile": gcp.ca_file,
    })
}

fn of_azure(azure: &Azure) -> Value {
    let cloud = match azure.cloud {
        Cloud::Public => "public",
        Cloud::Government => "government",
        Cloud::China => "china",
    };
    json!({
        "tenant": azure.tenant,
        "client": azure.client,
        "cloud": cloud,
        "authority": azure.authority,
        "endpoint": azure.endpoint,
        "caFile": azure.ca_file,
    })
}

fn of_vault(vault: &Vault) -> Value {
    let defaults = Login::new(vault.method, vault.role.clone());
    json!({
        "address": vault.address,
        "vaultNamespace": vault.namespace,
        "mount": vault.mount,
        "kv": match vault.engine {
            Engine::V1 => "1",
            Engine::V2 => "2",
        },
        "auth": vault.method.mount(),
        "authMount": vault.auth_mount.as_ref().unwrap_or(&defaults.mount),
        "role": vault.role,
        "audience": vault.audience.as_ref().unwrap_or(&defaults.audience),
        "tokenFile": vault.token_file.as_ref().unwrap_or(&defaults.token_file),
        "caFile": vault.ca_file,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jasm_providers::Kind;

    use super::*;
    use crate::settings::{Overrides, Settings};

    #[test]
    fn every_field_of_a_kind_is_told() {
        let text = "stores:
- {name: a, kind: file, root: /x}
- {name: b, kind: aws-secretsmanager, region: eu-west-1, identity: controller}
- {name: c, kind: aws-parameterstore, region: eu-west-1, identity: controller}
- {name: d, kind: gcp-secretmanager, project: p, identity: workload}
- {name: e, kind: gcp-parametermanager, project: p, identity: workload}
- {name: f, kind: azure-keyvault, vault: v, identity: workload}
- {name: g, kind: azure-appconfiguration, configuration: c, identity: workload}
- {name: h, kind: vault, address: 'https://v', role: r, identity: workload}
";
        let settings = Settings::read(Some(text), &Overrides::default()).unwrap();
        assert_eq!(settings.stores.len(), Kind::ALL.len());
        for store in &settings.stores {
            let kind = store.backend.kind();
            let told: BTreeSet<_> = fields(store).keys().cloned().collect();
            let there: BTreeSet<_> = STORE
                .iter()
                .filter(|field| field.fits(kind) && !matches!(field.name, "allow" | "allowWrite"))
                .map(|field| field.name.to_owned())
                .collect();
            assert_eq!(told, there, "{kind}");
            // What the table gives as a default is what is told.
            for field in STORE.iter().filter(|field| field.fits(kind)) {
                if let (Some(default), Some(value)) = (field.default, fields(store).get(field.name))
                {
                    let written = match value {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    assert_eq!(written, default, "{kind} {}", field.name);
                }
            }
        }
    }
}
