//! The operator's config: the file, and the flags that stand before it. Pure.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jasm_providers::{Kind, Scope};

use crate::diagnostic::Place;
use crate::policy::{self, Rule};
use crate::yaml::{self, Fields, Node, Problem};

pub mod fields;
pub mod schema;

/// Where health and metrics are served if nothing else is said.
const LISTEN: &str = "0.0.0.0:8080";
/// How long a store may take for one call if nothing else is said.
const STORE_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that an operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The stores by name, in the order of the file.
    pub stores: Vec<Store>,
    /// Namespaces that are served; patterns with `*`.
    pub namespaces: Vec<String>,
    /// Where health and metrics are served; taken at start only.
    pub listen: SocketAddr,
    /// Level of JASM's own log.
    pub log_level: LogLevel,
    /// Format of the log; taken at start only.
    pub log_format: LogFormat,
    /// How long a store may take for one call.
    pub store_timeout: Duration,
    /// What JASM's account may do with Secrets and ConfigMaps; taken at start only.
    pub rights: Rights,
}

/// What JASM's account may do with Secrets and ConfigMaps: the tiers of `config/rbac`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Rights {
    /// Create, get and update by name.
    Default,
    /// Besides, list and watch what carries our label, and put back what others change or delete.
    Observe,
    /// Create and update only, under the admission policy; nothing is ever read.
    WriteOnly,
}

/// One store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The name that annotations use.
    pub name: String,
    /// What it is, with what that kind needs.
    pub backend: Backend,
    /// What its paths are read against.
    pub scope: Scope,
    /// Secret values may go into ConfigMaps.
    pub configs: bool,
    /// Who may read what.
    pub allow: Vec<Rule>,
}

/// The kinds of store with what each needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backend {
    /// A directory.
    File {
        /// Its root.
        root: PathBuf,
    },
    /// AWS Secrets Manager.
    AwsSecretsManager(AwsEndpoint),
    /// AWS Systems Manager Parameter Store.
    AwsParameterStore(AwsEndpoint),
}

impl Backend {
    /// The kind whose grammar the store's paths have.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::File { .. } => Kind::File,
            Self::AwsSecretsManager(_) => Kind::AwsSecretsManager,
            Self::AwsParameterStore(_) => Kind::AwsParameterStore,
        }
    }
}

/// Where an AWS API is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsEndpoint {
    /// The region.
    pub region: String,
    /// A private endpoint or an emulator instead of the region's own.
    pub endpoint: Option<String>,
    /// Certificates (PEM) to trust for it, besides the system's.
    pub ca_file: Option<PathBuf>,
}

/// Something that is allowed and yet hardly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning<'a> {
    /// The store that it concerns.
    pub store: Option<&'a str>,
    /// The rule that it concerns, by its place in the store's `allow`.
    pub rule: Option<usize>,
    /// One sentence.
    pub message: String,
}

/// Where each store of a good file begins, and each of its rules, in the order of the file.
#[must_use]
pub fn places(text: &str) -> Vec<(Place, Vec<Place>)> {
    fn items<'a>(node: &'a Node, field: &str) -> &'a [Node] {
        let pairs = node.map("").unwrap_or_default();
        let value = pairs.iter().find(|(key, _)| key.raw() == field);
        value
            .and_then(|(_, value)| value.list(field).ok())
            .unwrap_or_default()
    }
    let Ok(document) = yaml::parse(text) else {
        return Vec::new();
    };
    let stores = items(&document, "stores").iter();
    stores
        .map(|store| {
            let rules = items(store, "allow").iter().map(Node::place);
            (store.place(), rules.collect())
        })
        .collect()
}

/// Level of JASM's own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "the words say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "the words say it")]
pub enum LogFormat {
    Json,
    Text,
}

/// What flags and environment variables say; each stands before the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--listen`
    pub listen: Option<SocketAddr>,
    /// `--log-level`
    pub log_level: Option<LogLevel>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// `--namespaces`
    pub namespaces: Option<Vec<String>>,
    /// `--store-timeout`
    pub store_timeout: Option<Duration>,
    /// `--rights`
    pub rights: Option<Rights>,
    /// `--stores`: the YAML list that `stores:` holds.
    pub stores: Option<String>,
}

/// Other words for the names of stores.
const ALIASES: [(&str, &str); 3] = [
    ("aws", "aws-secretsmanager"),
    ("gcp", "gcp-secretmanager"),
    ("azure", "azure-keyvault"),
];
const FIELDS: [&str; 7] = fields::names(&fields::CONFIG);
const STORE_FIELDS: [&str; 10] = fields::names(&fields::STORE);
const RULE_FIELDS: [&str; 2] = fields::names(&fields::RULE);
/// Kinds that the design names and a later version builds.
const PLANNED: [&str; 5] = [
    "gcp-secretmanager",
    "gcp-parametermanager",
    "azure-keyvault",
    "azure-appconfiguration",
    "vault",
];

impl Settings {
    /// Reads the file's text (if there is a file) and lays the overrides over it.
    ///
    /// # Errors
    /// The first problem with its line; `stores` given as a flag counts lines of its own.
    pub fn read(file: Option<&str>, overrides: &Overrides) -> Result<Self, Problem> {
        let document = file.map(yaml::parse).transpose()?;
        let fields = document
            .as_ref()
            .map(|node| Fields::of(node, "the config", &FIELDS))
            .transpose()?;
        let get = |name: &str| fields.as_ref().and_then(|fields| fields.get(name));

        let stores = match &overrides.stores {
            Some(text) => stores(&yaml::parse(text)?)?,
            None => get("stores").map(stores).transpose()?.unwrap_or_default(),
        };
        let namespaces = match (&overrides.namespaces, get("namespaces")) {
            (Some(namespaces), _) => namespaces.clone(),
            (None, Some(node)) => patterns(node, "namespaces", |_| Ok(()))?,
            (None, None) => vec!["*".to_owned()],
        };
        let listen = match (overrides.listen, get("listen")) {
            (Some(listen), _) => listen,
            (None, node) => {
                let text = node.map_or(Ok(LISTEN), |node| node.text("listen"))?;
                text.parse().map_err(|_| {
                    at(
                        node,
                        "listen must be ADDRESS:PORT, for example 0.0.0.0:8080",
                    )
                })?
            }
        };
        let log_level = choice(
            overrides.log_level,
            get("logLevel"),
            "logLevel",
            LogLevel::Info,
        )?;
        let log_format = choice(
            overrides.log_format,
            get("logFormat"),
            "logFormat",
            LogFormat::Json,
        )?;
        let rights = choice(overrides.rights, get("rights"), "rights", Rights::Default)?;
        let store_timeout = match (overrides.store_timeout, get("storeTimeout")) {
            (Some(timeout), _) => timeout,
            (None, Some(node)) => duration(node.text("storeTimeout")?)
                .map_err(|message| node.problem(format!("storeTimeout {message}")))?,
            (None, None) => STORE_TIMEOUT,
        };
        Ok(Self {
            stores,
            namespaces,
            listen,
            log_level,
            log_format,
            store_timeout,
            rights,
        })
    }

    /// What is allowed and yet hardly meant, each with the store that it concerns.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning<'_>> {
        let mut warnings = Vec::new();
        if self.stores.is_empty() {
            warnings.push(Warning {
                store: None,
                rule: None,
                message: "the config names no stores: no pod can get anything".to_owned(),
            });
        }
        for store in &self.stores {
            let mut warn = |rule, message| {
                warnings.push(Warning {
                    store: Some(&store.name),
                    rule,
                    message,
                });
            };
            if store.allow.is_empty() {
                let message = "no rule in \"allow\": nobody may read this store";
                warn(None, message.to_owned());
            }
            for (at, rule) in store.allow.iter().enumerate() {
                let unserved = |name: &&String| !name.contains('*') && !self.serves(name);
                if let Some(name) = rule.namespaces.iter().find(unserved) {
                    let message = format!(
                        "a rule is for the namespace {name}, which \"namespaces\" leaves out: its pods get nothing"
                    );
                    warn(Some(at), message);
                }
            }
        }
        warnings
    }

    /// True if pods of the namespace are served.
    #[must_use]
    pub fn serves(&self, namespace: &str) -> bool {
        self.namespaces
            .iter()
            .any(|pattern| policy::glob(pattern, namespace))
    }
}

/// The names of stores that a word of an annotation may mean, the likelier first.
pub fn names_for(word: &str) -> impl Iterator<Item = &str> {
    let full = ALIASES
        .iter()
        .find(|(alias, _)| *alias == word)
        .map(|(_, full)| *full);
    std::iter::once(word).chain(full)
}

fn at(node: Option<&Node>, message: &str) -> Problem {
    match node {
        Some(node) => node.problem(message),
        None => Problem {
            line: 1,
            column: 1,
            length: 1,
            message: message.to_owned(),
        },
    }
}

fn choice<T: clap::ValueEnum + Copy>(
    flag: Option<T>,
    node: Option<&Node>,
    name: &str,
    default: T,
) -> Result<T, Problem> {
    let (None, Some(node)) = (flag, node) else {
        return Ok(flag.unwrap_or(default));
    };
    let word = node.text(name)?;
    T::from_str(word, false).map_err(|_| {
        let known: Vec<_> = T::value_variants()
            .iter()
            .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
            .collect();
        node.problem(yaml::unknown(
            name,
            word,
            &known.iter().map(String::as_str).collect::<Vec<_>>(),
        ))
    })
}

/// A whole number of seconds or minutes, `10s` or `2m`, up to ten minutes.
///
/// # Errors
/// The end of a sentence that says what is expected.
pub fn duration(text: &str) -> Result<Duration, String> {
    let seconds = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(seconds), _) => seconds.parse::<u64>().ok(),
        (_, Some(minutes)) => minutes
            .parse::<u64>()
            .ok()
            .and_then(|minutes| minutes.checked_mul(60)),
        _ => None,
    };
    match seconds {
        Some(seconds @ 1..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err(
            "must be a whole number of seconds or minutes from 1s to 10m, for example 10s"
                .to_owned(),
        ),
    }
}

fn stores(node: &Node) -> Result<Vec<Store>, Problem> {
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
    let kind: Kind = word.parse().map_err(|_| {
        if PLANNED.contains(&word) {
            return kind_node.problem(format!(
                "the kind \"{word}\" is not built yet; built are {}",
                kinds().join(", ")
            ));
        }
        kind_node.problem(yaml::unknown("kind", word, &kinds()))
    })?;
    identity(&fields, kind)?;
    only(&fields, kind)?;
    let backend = match kind {
        Kind::File => Backend::File {
            root: fields.required("root")?.text("root")?.into(),
        },
        Kind::AwsSecretsManager => Backend::AwsSecretsManager(aws(&fields)?),
        Kind::AwsParameterStore => Backend::AwsParameterStore(aws(&fields)?),
    };
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
    if kind == Kind::File
        && let Some(pattern) = allow
            .iter()
            .flat_map(|rule| &rule.paths)
            .find(|path| path.starts_with('/'))
    {
        let message = format!(
            "\"{pattern}\" matches nothing: paths of a store of kind file do not begin with \"/\""
        );
        return Err(fields.required("allow")?.problem(message));
    }
    Ok(Store {
        name: name.to_owned(),
        backend,
        scope: Scope {
            region: fields.text("region")?.map(str::to_owned),
            account,
        },
        configs: fields.flag("configs")?,
        allow,
    })
}

fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.as_str()).collect()
}

fn identity(fields: &Fields<'_>, kind: Kind) -> Result<(), Problem> {
    let Some(node) = fields.get("identity") else {
        return if kind == Kind::File {
            Ok(())
        } else {
            fields.required("identity").map(|_| ())
        };
    };
    match node.text("identity")? {
        "controller" => Ok(()),
        "workload" => Err(node.problem(
            "identity \"workload\" is not built yet: write \"controller\" and say in \"allow\" who may read what",
        )),
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
    let endpoint = fields.text("endpoint")?;
    if let Some(endpoint) = endpoint {
        let node = fields.required("endpoint")?;
        check_endpoint(endpoint).map_err(|message| node.problem(message))?;
    }
    Ok(AwsEndpoint {
        region: region.to_owned(),
        endpoint: endpoint.map(str::to_owned),
        ca_file: fields.text("caFile")?.map(PathBuf::from),
    })
}

/// `https` anywhere; `http` only to this machine, where no wire can be listened to.
fn check_endpoint(endpoint: &str) -> Result<(), &'static str> {
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

fn patterns(
    node: &Node,
    what: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, Problem> {
    let items = node.list(what)?;
    if items.is_empty() {
        return Err(node.problem(format!(
            "{what} is empty and so matches nothing; name something or remove the rule"
        )));
    }
    items
        .iter()
        .map(|item| {
            let text = item.text(&format!("an item of {what}"))?;
            check(text).map_err(|message| item.problem(message))?;
            Ok(text.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests;
