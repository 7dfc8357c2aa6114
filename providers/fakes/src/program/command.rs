//! What can be written to standard input.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Clouds, say};
use crate::aws::Role;
use crate::azure::{App, Setting};
use crate::gcp::{Format, Node, Pool};
use crate::jwks::Source;
use crate::{Grants, Server};

/// One line.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Command {
    /// Believe an issuer: its key set, or where that is.
    Trust {
        issuer: String,
        jwks: Option<Value>,
        url: Option<String>,
        ca: Option<String>,
        bearer: Option<String>,
    },
    /// `cloud` is gcp, azure or aws.
    Allow {
        cloud: String,
        principal: String,
        /// None is every one.
        permission: Option<String>,
        resource: String,
    },
    Withdraw {
        cloud: String,
        principal: String,
        resource: String,
    },
    /// No token or session given out so far is good any more.
    Revoke {
        cloud: String,
    },
    /// An access token of gcp or azure.
    Token {
        cloud: String,
        principal: String,
        audience: Option<String>,
    },
    /// `server` is one of those in the first line of output.
    Fault {
        server: String,
        pattern: String,
        fault: Value,
        times: Option<u32>,
    },
    Clear {
        server: String,
    },
    Seen {
        server: String,
    },
    PageLimit {
        limit: usize,
    },
    Pool {
        project: String,
        location: String,
        cluster: String,
        issuer: String,
    },
    Federation {
        number: String,
        pool: String,
        provider: String,
        issuer: String,
    },
    Node {
        project: String,
        location: String,
        cluster: String,
        email: String,
    },
    Secret {
        name: String,
        value: String,
    },
    Parameter {
        name: String,
        version: String,
        format: Option<String>,
        value: String,
    },
    Authority {
        address: String,
    },
    App {
        tenant: String,
        client: String,
        principal: String,
        issuer: String,
        namespace: String,
        account: String,
    },
    Vault {
        vault: String,
        name: String,
        value: String,
    },
    Setting {
        store: String,
        key: String,
        label: Option<String>,
        content_type: Option<String>,
        value: String,
    },
    Role {
        arn: String,
        issuer: String,
        namespace: String,
        account: String,
    },
    Key {
        id: String,
        secret: String,
        principal: String,
    },
    /// A key of Cloud KMS, by its resource name.
    KmsKey {
        name: String,
    },
    /// A key of a vault.
    VaultKey {
        vault: String,
        name: String,
    },
}

impl Command {
    pub(super) async fn carry_out(self, clouds: &Clouds) -> Result<Value, String> {
        match self {
            Self::Trust {
                issuer,
                jwks: Some(jwks),
                ..
            } => {
                // Text, or the object itself.
                let text = jwks
                    .as_str()
                    .map_or_else(|| jwks.to_string(), str::to_owned);
                clouds.trust.add(&issuer, &text)?;
            }
            Self::Trust {
                issuer,
                url: Some(url),
                ca,
                bearer,
                ..
            } => {
                clouds
                    .trust
                    .fetch(
                        &issuer,
                        &Source {
                            url,
                            ca_pem: ca,
                            bearer,
                        },
                    )
                    .await?;
            }
            Self::Trust { .. } => return Err("trust needs jwks or url".to_owned()),
            Self::Allow {
                cloud,
                principal,
                permission,
                resource,
            } => grants(clouds, &cloud)?.permit(
                &principal,
                permission.as_deref().unwrap_or("*"),
                &resource,
            ),
            Self::Withdraw {
                cloud,
                principal,
                resource,
            } => {
                grants(clouds, &cloud)?.withdraw(&principal, &resource);
            }
            Self::Revoke { cloud } => match cloud.as_str() {
                "gcp" => clouds.gcp.tokens.revoke_all(),
                "azure" => clouds.azure.tokens.revoke_all(),
                "aws" => clouds.aws.revoke_sessions(),
                _ => return Err(say::no_cloud(&cloud)),
            },
            Self::Token {
                cloud,
                principal,
                audience,
            } => {
                let token = match (cloud.as_str(), audience) {
                    ("gcp", None) => clouds.gcp.token(&principal),
                    ("azure", Some(audience)) => clouds.azure.token(&principal, &audience),
                    _ => return Err("a token is of gcp, or of azure with an audience".to_owned()),
                };
                return Ok(json!({"token": token}));
            }
            Self::Fault {
                server,
                pattern,
                fault,
                times,
            } => {
                find(clouds, &server)?
                    .faults
                    .play(&pattern, say::fault(&fault)?, times);
            }
            Self::Clear { server } => find(clouds, &server)?.faults.clear(),
            Self::Seen { server } => {
                return Ok(json!({"seen": find(clouds, &server)?.record.all()}));
            }
            Self::PageLimit { limit } => {
                clouds.gcp.set_page_limit(limit);
                clouds.vault.set_page_limit(limit);
                clouds.configuration.set_page_limit(limit);
            }
            Self::Pool {
                project,
                location,
                cluster,
                issuer,
            } => {
                clouds
                    .gcp
                    .add_pool(Pool::gke(&project, &location, &cluster, &issuer));
            }
            Self::Federation {
                number,
                pool,
                provider,
                issuer,
            } => {
                clouds
                    .gcp
                    .add_pool(Pool::federation(&number, &pool, &provider, &issuer));
            }
            Self::Node {
                project,
                location,
                cluster,
                email,
            } => {
                clouds.gcp.set_node(Node {
                    project,
                    cluster,
                    location,
                    email,
                });
            }
            Self::Secret { name, value } => {
                return Ok(json!({"version": clouds.gcp.secrets.put(&name, value.as_bytes())}));
            }
            Self::Parameter {
                name,
                version,
                format,
                value,
            } => {
                let format = match format.as_deref() {
                    None => Format::Unformatted,
                    Some("json") => Format::Json,
                    Some("yaml") => Format::Yaml,
                    Some(_) => return Err("a format is json or yaml".to_owned()),
                };
                clouds
                    .gcp
                    .parameters
                    .put(&name, format, &version, value.as_bytes());
            }
            Self::Authority { address } => clouds.vault.set_authority(&address),
            Self::App {
                tenant,
                client,
                principal,
                issuer,
                namespace,
                account,
            } => {
                // Vaults are of the tenant whose application was added last.
                if let Ok(entra) = find(clouds, "entra") {
                    clouds
                        .vault
                        .set_authority(&format!("{}/{tenant}", entra.endpoint()));
                }
                clouds.entra.add(
                    App::new(&tenant, &client, &principal).federated(&issuer, &namespace, &account),
                );
            }
            Self::Vault { vault, name, value } => {
                return Ok(json!({"version": clouds.vault.put(&vault, &name, &value)}));
            }
            Self::Setting {
                store,
                key,
                label,
                content_type,
                value,
            } => {
                let mut setting = Setting::new(&key, &value);
                setting.label = label;
                setting.content_type = content_type;
                return Ok(json!({"etag": clouds.configuration.put(&store, setting)}));
            }
            Self::Role {
                arn,
                issuer,
                namespace,
                account,
            } => {
                clouds
                    .aws
                    .add_role(Role::new(&arn, &issuer).trusts(&namespace, &account));
            }
            Self::Key {
                id,
                secret,
                principal,
            } => clouds.aws.add_key(&id, &secret, &principal),
            Self::KmsKey { name } => clouds.gcp.kms.add(&name),
            Self::VaultKey { vault, name } => {
                return Ok(json!({"version": clouds.vault.add_key(&vault, &name)?}));
            }
        }
        Ok(json!({}))
    }
}

fn grants<'a>(clouds: &'a Clouds, cloud: &str) -> Result<&'a Grants, String> {
    match cloud {
        "gcp" => Ok(&clouds.gcp.grants),
        "azure" => Ok(&clouds.azure.grants),
        "aws" => Ok(&clouds.aws.grants),
        _ => Err(say::no_cloud(cloud)),
    }
}

fn find<'a>(clouds: &'a Clouds, name: &str) -> Result<&'a Server, String> {
    let mut servers = clouds.servers.iter();
    let found = servers
        .find(|(known, _)| *known == name)
        .map(|(_, server)| server);
    found.ok_or_else(|| format!("no server {name} runs here"))
}
