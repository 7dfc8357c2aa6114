//! Which stores of the operator's config an object writes to, and as whom. Pure.
//!
//! An object names a region, a project or a vault; endpoints and certificates come from the one store of
//! the config that is the same. What matches none, or more than one, is refused.

use jasm_providers::Principal;

use super::condition::{Problem, Reason};
use super::crd::{Azure, Configs, GcpConfigStore, Provider, SecretManagerConfigSpec};
use crate::policy;
use crate::settings::{Backend, Store};

/// As whom an object writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteAs {
    /// JASM itself.
    Controller,
    /// An identity that it takes on.
    Principal(Principal),
}

impl WriteAs {
    /// As the rules of `allowWrite` name it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Controller => "controller",
            Self::Principal(Principal::AwsRole { arn, .. }) => arn,
            Self::Principal(
                Principal::GoogleServiceAccount(name) | Principal::EntraClient(name),
            ) => name,
        }
    }
}

/// Where an object writes, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destinations<'a> {
    /// The secret store.
    pub secrets: &'a Store,
    /// The config store, where configuration goes to one.
    pub configs: Option<&'a Store>,
    /// As whom.
    pub write_as: WriteAs,
}

/// The stores that the object's provider names, if its namespace may act there as whom it names.
///
/// # Errors
/// No store matches, or several do, or no rule of `allowWrite` is for this namespace and identity.
pub fn destinations<'a>(
    stores: &'a [Store],
    namespace: &str,
    name: &str,
    spec: &SecretManagerConfigSpec,
) -> Result<Destinations<'a>, Problem> {
    let write_as = write_as(&spec.provider, namespace, name);
    let secrets = one(stores, &Wanted::secrets(&spec.provider)?)?;
    let enabled = spec.configs.as_ref().filter(|configs| configs.enabled);
    let configs = match enabled {
        None => None,
        Some(configs) => Some(one(
            stores,
            &Wanted::configs(stores, &spec.provider, configs)?,
        )?),
    };
    let found = Destinations {
        secrets,
        configs,
        write_as,
    };
    for store in found.all() {
        may_act(store, namespace, &found.write_as)?;
    }
    Ok(found)
}

impl<'a> Destinations<'a> {
    /// The stores, each once.
    pub fn all(&self) -> impl Iterator<Item = &'a Store> {
        let other = self
            .configs
            .filter(|configs| configs.name != self.secrets.name);
        std::iter::once(self.secrets).chain(other)
    }
}

fn may_act(store: &Store, namespace: &str, write_as: &WriteAs) -> Result<(), Problem> {
    let identity = write_as.name();
    if policy::may_act(&store.allow_write, namespace, identity) {
        return Ok(());
    }
    let message = format!(
        "the store \"{}\" lets no object of the namespace {namespace} write as {identity}: ask whoever runs JASM for a \
         rule in its allowWrite",
        store.name
    );
    Err(Problem::new(Reason::AccessDenied, message))
}

/// Where key vaults are, in the three Azures.
const VAULTS: [&str; 3] = [
    "vault.azure.net",
    "vault.usgovcloudapi.net",
    "vault.azure.cn",
];
/// Where App Configuration stores are.
const CONFIGURATIONS: [&str; 3] = ["azconfig.io", "azconfig.azure.us", "azconfig.azure.cn"];

/// What a store has to be.
struct Wanted<'a> {
    what: String,
    is: Box<dyn Fn(&Store) -> bool + 'a>,
}

impl<'a> Wanted<'a> {
    fn secrets(provider: &'a Provider) -> Result<Self, Problem> {
        match provider {
            Provider { aws: Some(aws), .. } => {
                let account = aws
                    .auth
                    .as_ref()
                    .and_then(|auth| account_of(&auth.role_arn));
                Ok(Self {
                    what: format!("kind aws-secretsmanager and region {}", aws.region),
                    is: Box::new(move |store| match &store.backend {
                        Backend::AwsSecretsManager(at) => {
                            at.region == aws.region && of_account(store, account)
                        }
                        _ => false,
                    }),
                })
            }
            Provider { gcp: Some(gcp), .. } => Ok(Self {
                what: format!("kind gcp-secretmanager and project {}", gcp.project_id),
                is: Box::new(move |store| match &store.backend {
                    Backend::GcpSecretManager(at) => {
                        at.project == gcp.project_id
                            && in_location(at.location.as_deref(), gcp.location.as_deref())
                    }
                    _ => false,
                }),
            }),
            Provider {
                azure: Some(azure), ..
            } => Ok(Self {
                what: format!("kind azure-keyvault and vault {}", azure.vault_name),
                is: Box::new(move |store| match &store.backend {
                    Backend::AzureKeyVault(at) => is_vault(at, azure),
                    _ => false,
                }),
            }),
            _ => Err(no_block()),
        }
    }

    fn configs(
        stores: &'a [Store],
        provider: &'a Provider,
        configs: &'a Configs,
    ) -> Result<Self, Problem> {
        match provider {
            Provider { aws: Some(aws), .. } => {
                let account = aws
                    .auth
                    .as_ref()
                    .and_then(|auth| account_of(&auth.role_arn));
                Ok(Self {
                    what: format!("kind aws-parameterstore and region {}", aws.region),
                    is: Box::new(move |store| match &store.backend {
                        Backend::AwsParameterStore(at) => {
                            at.region == aws.region && of_account(store, account)
                        }
                        _ => false,
                    }),
                })
            }
            Provider { gcp: Some(_), .. }
                if configs.store != Some(GcpConfigStore::ParameterManager) =>
            {
                Self::secrets(provider)
            }
            Provider { gcp: Some(gcp), .. } => Ok(Self {
                what: format!("kind gcp-parametermanager and project {}", gcp.project_id),
                is: Box::new(move |store| match &store.backend {
                    Backend::GcpParameterManager(at) => {
                        at.project == gcp.project_id
                            && in_location(at.location.as_deref(), gcp.location.as_deref())
                    }
                    _ => false,
                }),
            }),
            Provider { azure: Some(_), .. } => {
                let Some(endpoint) = &configs.app_config_endpoint else {
                    let message = "configs.appConfigEndpoint is missing: write the endpoint of the App Configuration store";
                    return Err(Problem::new(Reason::SpecInvalid, message));
                };
                let is_there = move |store: &Store| match &store.backend {
                    Backend::AzureAppConfiguration(at) => is_at(at, endpoint, &CONFIGURATIONS),
                    _ => false,
                };
                let same_label = move |store: &Store| match &store.backend {
                    Backend::AzureAppConfiguration(at) => at.label == configs.label,
                    _ => false,
                };
                // The config may name one App Configuration store once per label.
                let by_label = stores
                    .iter()
                    .any(|store| is_there(store) && same_label(store));
                Ok(Self {
                    what: format!("kind azure-appconfiguration and endpoint {endpoint}"),
                    is: Box::new(move |store| is_there(store) && (!by_label || same_label(store))),
                })
            }
            _ => Err(no_block()),
        }
    }
}

fn no_block() -> Problem {
    let message = "provider has no block for its type: write aws, gcp or azure";
    Problem::new(Reason::SpecInvalid, message)
}

fn one<'a>(stores: &'a [Store], wanted: &Wanted<'_>) -> Result<&'a Store, Problem> {
    let mut found = stores.iter().filter(|store| (wanted.is)(store));
    let what = &wanted.what;
    match (found.next(), found.next()) {
        (Some(store), None) => Ok(store),
        (None, _) => Err(Problem::new(
            Reason::StoreUnknown,
            format!(
                "JASM's config names no store of {what}: check provider, or ask whoever runs JASM"
            ),
        )),
        (Some(one), Some(other)) => Err(Problem::new(
            Reason::StoreUnknown,
            format!(
                "JASM's config names more than one store of {what}, \"{}\" and \"{}\": name a role whose account only \
                 one of them has, or ask whoever runs JASM",
                one.name, other.name
            ),
        )),
    }
}

/// The account in the ARN of a role.
fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4).filter(|account| !account.is_empty())
}

/// A store without an account is of any.
fn of_account(store: &Store, account: Option<&str>) -> bool {
    match (store.scope.account.as_deref(), account) {
        (Some(store), Some(role)) => store == role,
        _ => true,
    }
}

fn in_location(store: Option<&str>, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| store.unwrap_or("global") == wanted)
}

fn is_vault(at: &crate::settings::Azure, azure: &Azure) -> bool {
    if azure.vault_name.starts_with("https://") {
        is_at(at, &azure.vault_name, &VAULTS)
    } else {
        at.name.eq_ignore_ascii_case(&azure.vault_name)
    }
}

/// Whether a key vault is at this URL.
#[must_use]
pub fn is_vault_at(at: &crate::settings::Azure, url: &str) -> bool {
    is_at(at, url, &VAULTS)
}

/// Whether a store is at this URL: its own endpoint, or its name's in one of the clouds.
fn is_at(at: &crate::settings::Azure, url: &str, domains: &[&str]) -> bool {
    let plain = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
    let url = plain(url);
    if let Some(endpoint) = &at.endpoint {
        return plain(endpoint) == url;
    }
    let host = url.strip_prefix("https://").unwrap_or_default();
    let (name, rest) = host.split_once('.').unwrap_or_default();
    name == at.name.to_ascii_lowercase() && domains.contains(&rest)
}

fn write_as(provider: &Provider, namespace: &str, name: &str) -> WriteAs {
    let principal = match provider {
        Provider { aws: Some(aws), .. } => aws.auth.as_ref().map(|auth| Principal::AwsRole {
            arn: auth.role_arn.clone(),
            session: session(namespace, name),
        }),
        Provider { gcp: Some(gcp), .. } => gcp
            .auth
            .as_ref()
            .map(|auth| Principal::GoogleServiceAccount(auth.service_account_email.clone())),
        Provider {
            azure: Some(azure), ..
        } => azure
            .auth
            .as_ref()
            .map(|auth| Principal::EntraClient(auth.client_id.clone())),
        _ => None,
    };
    principal.map_or(WriteAs::Controller, WriteAs::Principal)
}

/// The name of an object's session, by which CloudTrail tells who wrote: at most 64 characters.
fn session(namespace: &str, name: &str) -> String {
    let mut session = format!("jasm-{namespace}-{name}");
    session.truncate(64);
    session
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Overrides, Settings};

    const CONFIG: &str = "stores:\n\
         - {name: sm-1, kind: aws-secretsmanager, region: eu-west-1, account: '111111111111', identity: controller,\n\
         \x20  allowWrite: [{namespaces: [shop], paths: ['**'], identities: ['arn:aws:iam::*:role/{namespace}']}]}\n\
         - {name: sm-2, kind: aws-secretsmanager, region: eu-west-1, account: '222222222222', identity: controller}\n\
         - {name: ps, kind: aws-parameterstore, region: eu-west-1, identity: controller,\n\
         \x20  allowWrite: [{namespaces: ['*'], paths: ['**'], identities: ['*']}]}\n\
         - {name: gsm, kind: gcp-secretmanager, project: acme, identity: controller,\n\
         \x20  allowWrite: [{namespaces: ['*'], paths: ['**'], identities: [controller]}]}\n\
         - {name: gpm, kind: gcp-parametermanager, project: acme, location: europe-west1, identity: controller}\n\
         - {name: kv, kind: azure-keyvault, vault: acme, identity: controller,\n\
         \x20  allowWrite: [{namespaces: ['*'], paths: ['**'], identities: ['*']}]}\n\
         - {name: ac, kind: azure-appconfiguration, configuration: acme, identity: controller,\n\
         \x20  allowWrite: [{namespaces: ['*'], paths: ['**'], identities: ['*']}]}\n\
         - {name: ac-prod, kind: azure-appconfiguration, configuration: acme, label: prod, identity: controller,\n\
         \x20  allowWrite: [{namespaces: ['*'], paths: ['**'], identities: ['*']}]}\n";

    fn found(namespace: &str, spec: &str) -> Result<Vec<String>, Reason> {
        let settings = Settings::read(Some(CONFIG), &Overrides::default()).unwrap();
        let mut spec: serde_json::Value = serde_json::from_str(spec).unwrap();
        spec["sourceRef"] = serde_json::json!({"name": "s"});
        spec["secrets"] = serde_json::json!({"environment": "prod"});
        let spec: SecretManagerConfigSpec = serde_json::from_value(spec).unwrap();
        let found = destinations(&settings.stores, namespace, "config", &spec)
            .map_err(|problem| problem.reason)?;
        let names = found.all().map(|store| store.name.clone());
        Ok(names.chain([found.write_as.name().to_owned()]).collect())
    }

    #[test]
    fn a_provider_names_exactly_one_store_of_each_half() {
        let role = |account: &str, name: &str| {
            format!(
                r#""auth": {{"authType": "Irsa", "roleArn": "arn:aws:iam::{account}:role/{name}"}}"#
            )
        };
        let shop = role("111111111111", "shop");
        let aws = |auth: &str| {
            format!(
                r#"{{"provider": {{"type": "aws", "aws": {{"region": "eu-west-1", {auth}}}}}}}"#
            )
        };
        let arn = "arn:aws:iam::111111111111:role/shop";
        assert_eq!(found("shop", &aws(&shop)).unwrap(), ["sm-1", arn]);
        let with_configs = aws(&shop).replacen('{', r#"{"configs": {"enabled": true}, "#, 1);
        assert_eq!(found("shop", &with_configs).unwrap(), ["sm-1", "ps", arn]);
        // Another namespace, another role, an account whose store allows nobody, no account at all.
        assert_eq!(found("cart", &aws(&shop)), Err(Reason::AccessDenied));
        let other = aws(&role("111111111111", "cart"));
        assert_eq!(found("shop", &other), Err(Reason::AccessDenied));
        let other = aws(&role("222222222222", "shop"));
        assert_eq!(found("shop", &other), Err(Reason::AccessDenied));
        let other = aws(&role("333333333333", "shop"));
        assert_eq!(found("shop", &other), Err(Reason::StoreUnknown));
        let nobody = r#"{"provider": {"type": "aws", "aws": {"region": "eu-west-1"}}}"#;
        assert_eq!(found("shop", nobody), Err(Reason::StoreUnknown));
        let region = nobody.replace("west", "east");
        assert_eq!(found("shop", &region), Err(Reason::StoreUnknown));
    }

    #[test]
    fn projects_vaults_and_endpoints_are_found_as_they_are_written() {
        let gcp = |rest: &str, configs: &str| {
            let text = format!(
                r#"{{"provider": {{"type": "gcp", "gcp": {{"projectId": "acme"{rest}}}}}, "configs": {configs}}}"#
            );
            found("shop", &text)
        };
        assert_eq!(gcp("", "null").unwrap(), ["gsm", "controller"]);
        assert_eq!(
            gcp("", r#"{"enabled": true}"#).unwrap(),
            ["gsm", "controller"]
        );
        let manager = r#"{"enabled": true, "store": "parameterManager"}"#;
        assert_eq!(gcp("", manager), Err(Reason::AccessDenied));
        let located = gcp(r#", "location": "europe-west1""#, "null");
        assert_eq!(located, Err(Reason::StoreUnknown));
        let azure = |vault: &str, configs: &str| {
            let text = format!(
                r#"{{"provider": {{"type": "azure", "azure": {{"vaultName": "{vault}"}}}}, "configs": {configs}}}"#
            );
            found("shop", &text)
        };
        for vault in ["acme", "Acme", "https://acme.vault.azure.net/"] {
            assert_eq!(
                azure(vault, "null").unwrap(),
                ["kv", "controller"],
                "{vault}"
            );
        }
        for vault in [
            "acme2",
            "https://acme.vault.example",
            "https://acme.azconfig.io",
        ] {
            assert_eq!(azure(vault, "null"), Err(Reason::StoreUnknown), "{vault}");
        }
        let configs = |rest: &str| {
            format!(r#"{{"enabled": true, "appConfigEndpoint": "https://acme.azconfig.io"{rest}}}"#)
        };
        let plain = azure("acme", &configs("")).unwrap();
        assert_eq!(plain, ["kv", "ac", "controller"]);
        let labelled = azure("acme", &configs(r#", "label": "prod""#)).unwrap();
        assert_eq!(labelled, ["kv", "ac-prod", "controller"]);
        // No store has that label: which of the two is meant cannot be told.
        let unknown = azure("acme", &configs(r#", "label": "test""#));
        assert_eq!(unknown, Err(Reason::StoreUnknown));
        assert_eq!(
            azure("acme", r#"{"enabled": true}"#),
            Err(Reason::SpecInvalid)
        );
    }
}
