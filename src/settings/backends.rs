//! What the kinds of store beyond AWS need, and how it is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jasm_providers::Error;
use jasm_providers::azure::{self, Cloud};
use jasm_providers::gcp::Name;
use jasm_providers::vault::{self, Engine, Method};

use super::stores::check_endpoint;
use super::{Identity, fields};
use crate::identity::Own;
use crate::yaml::{self, Fields, Problem};

const VAULT_FIELDS: [&str; 2] = fields::names(&fields::KEY_VAULT_ITEM);

/// A project of Google Cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gcp {
    /// Its id.
    pub project: String,
    /// The location; none is `global`.
    pub location: Option<String>,
    /// The project of the cluster that pods run in.
    pub cluster_project: Option<String>,
    /// The cluster's region or zone.
    pub cluster_location: Option<String>,
    /// The cluster's name.
    pub cluster_name: Option<String>,
    /// The workload identity pool.
    pub pool: Option<String>,
    /// The provider within a pool of IAM's own.
    pub provider: Option<String>,
    /// References in a parameter are replaced.
    pub render: bool,
    /// Instead of the service's own.
    pub endpoint: Option<String>,
    /// Instead of the Security Token Service.
    pub sts_endpoint: Option<String>,
    /// Instead of the IAM Service Account Credentials API.
    pub iam_endpoint: Option<String>,
    /// Instead of Cloud KMS.
    pub kms_endpoint: Option<String>,
    /// Certificates (PEM) to trust, besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// A vault or a configuration store of Azure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Azure {
    /// Its name.
    pub name: String,
    /// Which Azure.
    pub cloud: Cloud,
    /// The tenant of who names none.
    pub tenant: Option<String>,
    /// JASM's own client id.
    pub client: Option<String>,
    /// Instead of Entra ID's own address.
    pub authority: Option<String>,
    /// The label of entries that are asked for without one.
    pub label: Option<String>,
    /// Vaults to which references may lead, some of them at an endpoint of their own.
    pub vaults: BTreeMap<String, Option<String>>,
    /// A prefix read gives feature flags too.
    pub feature_flags: bool,
    /// Instead of the store's own.
    pub endpoint: Option<String>,
    /// Certificates (PEM) to trust, besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// A key-value engine of Vault or OpenBao.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// Where it is.
    pub address: String,
    /// Its namespace there.
    pub namespace: Option<String>,
    /// Where the engine is mounted.
    pub mount: String,
    /// The engine's version.
    pub engine: Engine,
    /// How a ServiceAccount signs in.
    pub method: Method,
    /// Where that is mounted; none is its own name.
    pub auth_mount: Option<String>,
    /// The role.
    pub role: String,
    /// The tokens' audience.
    pub audience: Option<String>,
    /// JASM's own token.
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust, besides the system's.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn gcp(fields: &Fields<'_>) -> Result<Gcp, Problem> {
    let named = |field, name: Name| checked(fields, field, |text| name.check(text));
    fields.required("project")?;
    Ok(Gcp {
        project: named("project", Name::Project)?.unwrap_or_default(),
        location: named("location", Name::Place)?.filter(|location| location != "global"),
        cluster_project: named("clusterProject", Name::Project)?,
        cluster_location: named("clusterLocation", Name::Place)?,
        cluster_name: named("clusterName", Name::Place)?,
        pool: named("workloadPool", Name::Project)?,
        provider: named("workloadProvider", Name::Provider)?,
        render: word(fields, "render", &["rendered", "raw"])? != Some("raw"),
        endpoint: url(fields, "endpoint")?,
        sts_endpoint: url(fields, "stsEndpoint")?,
        iam_endpoint: url(fields, "iamEndpoint")?,
        kms_endpoint: url(fields, "kmsEndpoint")?,
        ca_file: text(fields, "caFile")?.map(PathBuf::from),
    })
}

/// `name` is the field that has the store's name.
pub(super) fn azure(fields: &Fields<'_>, name: &str) -> Result<Azure, Problem> {
    fields.required(name)?;
    Ok(Azure {
        name: checked(fields, name, azure::check_name)?.unwrap_or_default(),
        cloud: match word(fields, "cloud", &["public", "government", "china"])? {
            Some("government") => Cloud::Government,
            Some("china") => Cloud::China,
            _ => Cloud::Public,
        },
        tenant: checked(fields, "tenant", azure::check_id)?,
        client: checked(fields, "client", azure::check_id)?,
        authority: secure(fields, "authority")?,
        label: checked(fields, "label", azure::check_label)?,
        vaults: vaults(fields)?,
        feature_flags: fields.flag("featureFlags")?,
        endpoint: secure(fields, "endpoint")?,
        ca_file: text(fields, "caFile")?.map(PathBuf::from),
    })
}

/// Each a name, or a mapping with the endpoint too.
fn vaults(fields: &Fields<'_>) -> Result<BTreeMap<String, Option<String>>, Problem> {
    let mut vaults = BTreeMap::new();
    let Some(list) = fields.get("vaults") else {
        return Ok(vaults);
    };
    for node in list.list("vaults")? {
        let (name, endpoint) = if node.map("a vault").is_ok() {
            let fields = Fields::of(node, "a vault", &VAULT_FIELDS)?;
            fields.required("name")?;
            let name = checked(&fields, "name", azure::check_name)?;
            (name.unwrap_or_default(), secure(&fields, "endpoint")?)
        } else {
            let name = node.text("a vault")?;
            azure::check_name(name).map_err(|error| node.problem(error.to_string()))?;
            (name.to_owned(), None)
        };
        if vaults.insert(name.clone(), endpoint).is_some() {
            return Err(node.problem(format!("the vault {name} is named twice")));
        }
    }
    Ok(vaults)
}

pub(super) fn vault(fields: &Fields<'_>) -> Result<Vault, Problem> {
    fields.required("address")?;
    fields.required("role")?;
    let path = |field| checked(fields, field, vault::check_path);
    Ok(Vault {
        address: url(fields, "address")?.unwrap_or_default(),
        namespace: path("vaultNamespace")?,
        mount: path("mount")?.unwrap_or_else(|| "secret".to_owned()),
        engine: match word(fields, "kv", &["1", "2"])? {
            Some("1") => Engine::V1,
            _ => Engine::V2,
        },
        method: match word(fields, "auth", &["kubernetes", "jwt"])? {
            Some("jwt") => Method::Jwt,
            _ => Method::Kubernetes,
        },
        auth_mount: path("authMount")?,
        role: checked(fields, "role", vault::check_role)?.unwrap_or_default(),
        audience: text(fields, "audience")?,
        token_file: text(fields, "tokenFile")?.map(PathBuf::from),
        ca_file: text(fields, "caFile")?.map(PathBuf::from),
    })
}

/// What role and audience cannot be by whose rights the store is read.
pub(super) fn check_login(
    fields: &Fields<'_>,
    vault: &Vault,
    identity: Identity,
) -> Result<(), Problem> {
    if identity == Identity::Controller && vault.role.contains('{') {
        return Err(fields.required("role")?.problem(
            "role is JASM's own with \"identity: controller\", so that no reader's name can stand in it: write one role",
        ));
    }
    if let Some(audience) = &vault.audience
        && let Err(why) = Own::default().allows(audience)
    {
        return Err(fields.required("audience")?.problem(why.to_string()));
    }
    Ok(())
}

/// A text that becomes a part of a request.
fn checked(
    fields: &Fields<'_>,
    field: &str,
    check: impl Fn(&str) -> Result<(), Error>,
) -> Result<Option<String>, Problem> {
    let text = text(fields, field)?;
    if let Some(text) = &text
        && let Err(error) = check(text)
    {
        let why = format!("{field} cannot be \"{}\": {error}", yaml::clip(text));
        return Err(fields.required(field)?.problem(why));
    }
    Ok(text)
}

/// A URL of Azure, whose tokens are not sent without TLS, on this machine neither.
fn secure(fields: &Fields<'_>, field: &str) -> Result<Option<String>, Problem> {
    let url = url(fields, field)?;
    if url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
        let why = format!("{field} has to be https: tokens are not sent to Azure without TLS");
        return Err(fields.required(field)?.problem(why));
    }
    Ok(url)
}

/// A URL that a store may be reached at.
pub(super) fn url(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Problem> {
    let Some(node) = fields.get(name) else {
        return Ok(None);
    };
    let url = node.text(name)?;
    check_endpoint(url).map_err(|why| {
        let why = why.strip_prefix("endpoint").unwrap_or(why);
        node.problem(format!("{name}{why}"))
    })?;
    Ok(Some(url.to_owned()))
}

fn text(fields: &Fields<'_>, name: &str) -> Result<Option<String>, Problem> {
    match fields.text(name)? {
        Some("") => Err(fields
            .required(name)?
            .problem(format!("{name} is empty: leave it out"))),
        text => Ok(text.map(str::to_owned)),
    }
}

fn word<'a>(
    fields: &Fields<'a>,
    name: &str,
    known: &[&'static str],
) -> Result<Option<&'a str>, Problem> {
    let word = fields.text(name)?;
    match word {
        Some(word) if !known.contains(&word) => Err(fields
            .required(name)?
            .problem(yaml::unknown(name, word, known))),
        word => Ok(word),
    }
}
