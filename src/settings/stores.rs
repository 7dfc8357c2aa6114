//! The list `stores`, with every rule that a store has to keep.

use std::path::PathBuf;

use jasm_providers::{Kind, Scope};

use super::push::write_rule;
use super::read::patterns;
use super::{AwsEndpoint, Backend, Identity, Store, backends, fields};
use crate::policy::{self, Rule};
use crate::yaml::{self, Fields, Node, Problem};

pub(super) const STORE_FIELDS: [&str; 40] = fields::names(&fields::STORE);
pub(super) const RULE_FIELDS: [&str; 2] = fields::names(&fields::RULE);
/// All of them; no two have one name.
pub(super) fn stores(node: &Node) -> Result<Vec<Store>, Problem> {
    let mut stores: Vec<Store> = Vec::new();
    for node in node.list("stores")? {
        let store = store(node)?;
        if stores.iter().any(|other| other.name == store.name) {
            return Err(node.problem(format!("two stores are named \"{}\"", store.name)));
        }
        stores.push(store);
    }
    Ok(stores)
}

fn store(node: &Node) -> Result<Store, Problem> {
    let fields = Fields::of(node, "a store", &STORE_FIELDS)?;
    let name_node = fields.required("name")?;
    let name = name_node.text("name")?;
    if name.len() > 63
        || !name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    {
        return Err(
            name_node.problem("name must be up to 63 letters, digits, \"-\", \"_\" and \".\"")
        );
    }
    let kind_node = fields.required("kind")?;
    let word = kind_node.text("kind")?;
    let kind: Kind = word
        .parse()
        .map_err(|_| kind_node.problem(yaml::unknown("kind", word, &kinds())))?;
    let identity = identity(&fields, kind)?;
    only(&fields, kind)?;
    let backend = match kind {
        Kind::File => Backend::File {
            root: fields.required("root")?.text("root")?.into(),
        },
        Kind::AwsSecretsManager => Backend::AwsSecretsManager(aws(&fields)?),
        Kind::AwsParameterStore => Backend::AwsParameterStore(aws(&fields)?),
        Kind::GcpSecretManager => Backend::GcpSecretManager(backends::gcp(&fields)?),
        Kind::GcpParameterManager => Backend::GcpParameterManager(backends::gcp(&fields)?),
        Kind::AzureKeyVault => Backend::AzureKeyVault(backends::azure(&fields, "vault")?),
        Kind::AzureAppConfiguration => {
            Backend::AzureAppConfiguration(backends::azure(&fields, "configuration")?)
        }
        Kind::Vault => Backend::Vault(backends::vault(&fields)?),
    };
    if let Backend::Vault(vault) = &backend {
        backends::check_login(&fields, vault, identity)?;
    }
    let account = fields.text("account")?.map(str::to_owned);
    if let Some(account) = &account
        && (account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()))
    {
        let node = fields.required("account")?;
        return Err(node.problem("account must be twelve digits"));
    }
    let allow = match fields.get("allow") {
        None => Vec::new(),
        Some(node) => node
            .list("allow")?
            .iter()
            .map(rule)
            .collect::<Result<_, _>>()?,
    };
    let allow_write = match fields.get("allowWrite") {
        None => Vec::new(),
        Some(node) => node
            .list("allowWrite")?
            .iter()
            .map(write_rule)
            .collect::<Result<_, _>>()?,
    };
    if kind.is_relative()
        && let Some(pattern) = allow
            .iter()
            .flat_map(|rule| &rule.paths)
            .find(|path| path.starts_with('/'))
    {
        let message = format!(
            "\"{pattern}\" matches nothing: paths of a store of kind {kind} do not begin with \"/\""
        );
        return Err(fields.required("allow")?.problem(message));
    }
    Ok(Store {
        name: name.to_owned(),
        backend,
        identity,
        scope: Scope {
            region: fields.text("region")?.map(str::to_owned),
            account,
            project: fields.text("project")?.map(str::to_owned),
            location: fields.text("location")?.map(str::to_owned),
        },
        configs: fields.flag("configs")?,
        allow,
        allow_write,
    })
}

fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn identity(fields: &Fields<'_>, kind: Kind) -> Result<Identity, Problem> {
    let node = match fields.get("identity") {
        None if kind == Kind::File => return Ok(Identity::Controller),
        None => fields.required("identity")?,
        Some(node) => node,
    };
    match node.text("identity")? {
        "controller" => Ok(Identity::Controller),
        "workload" if !kind.abilities().workload => Err(node.problem(
            "a directory knows no identities: write controller, and say in \"allow\" who may read what",
        )),
        "workload" => Ok(Identity::Workload),
        other => Err(node.problem(yaml::unknown("identity", other, &["controller", "workload"]))),
    }
}

/// Refuses what stores of other kinds have.
fn only(fields: &Fields<'_>, kind: Kind) -> Result<(), Problem> {
    for field in fields::STORE.iter().filter(|field| !field.fits(kind)) {
        if let Some(node) = fields.get(field.name) {
            return Err(node.problem(format!(
                "a store of kind {} has no \"{}\"; remove it",
                kind.as_str(),
                field.name
            )));
        }
    }
    Ok(())
}

fn aws(fields: &Fields<'_>) -> Result<AwsEndpoint, Problem> {
    let region_node = fields.required("region")?;
    let region = region_node.text("region")?;
    if !region
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Err(
            region_node.problem("region must be the name of an AWS region, for example eu-west-1")
        );
    }
    Ok(AwsEndpoint {
        region: region.to_owned(),
        endpoint: backends::url(fields, "endpoint")?,
        sts_endpoint: backends::url(fields, "stsEndpoint")?,
        kms_endpoint: backends::url(fields, "kmsEndpoint")?,
        ca_file: fields.text("caFile")?.map(PathBuf::from),
    })
}

/// `https` anywhere; `http` only to this machine, where no wire can be listened to.
pub(super) fn check_endpoint(endpoint: &str) -> Result<(), &'static str> {
    let uri: http::Uri = endpoint.parse().map_err(|_| "endpoint must be a URL")?;
    let host = uri.host().unwrap_or_default();
    let local = host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        _ if host.is_empty() => Err("endpoint must be a URL with a host"),
        _ if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@')) =>
        {
            Err("endpoint must not carry credentials")
        }
        _ if endpoint.contains(['?', '#']) => Err("endpoint must not have a ? or a # in it"),
        Some("https") => Ok(()),
        Some("http") if local => Ok(()),
        Some("http") => {
            Err("endpoint must be https: secrets would cross the network in clear text")
        }
        _ => Err("endpoint must begin with https://"),
    }
}

fn rule(node: &Node) -> Result<Rule, Problem> {
    let fields = Fields::of(node, "a rule of allow", &RULE_FIELDS)?;
    Ok(Rule {
        namespaces: patterns(fields.required("namespaces")?, "namespaces", |_| Ok(()))?,
        paths: patterns(
            fields.required("paths")?,
            "paths",
            policy::check_path_pattern,
        )?,
    })
}
