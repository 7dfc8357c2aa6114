//! What is asked for, in words for people and in fields for machines. Pure.

use std::io::{self, Write};

use jasm_providers::reference;
use serde::Serialize;

use crate::cli::operator::Config;
use crate::cli::settled::{Settled, settle};
use crate::cli::workloads::Asker;
use crate::manifests::{Consumer, Text};
use crate::policy::Below;
use crate::pull::asked::Wish;
use crate::pull::request::{Names, Origin, ReadAs, Request, Take, Target};
use crate::settings::{Backend, Identity};

/// A workload with what it asks for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workload {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) file: String,
    pub(super) line: usize,
    /// The account that its pods run as; none is `default`.
    pub(super) service_account: Option<String>,
    pub(super) objects: Vec<Object>,
}

/// One object.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    pub(super) kind: &'static str,
    pub(super) name: String,
    /// It outlives its workload.
    pub(super) retain: bool,
    pub(super) sources: Vec<Source>,
    pub(super) used_by: Vec<String>,
    /// Keys that containers and volumes take by name and cannot do without.
    pub(super) taken: Vec<String>,
    /// Every key that it will have, if that can be told without reading.
    pub(super) keys: Option<Vec<String>>,
}

/// Where some of its keys come from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Source {
    /// The annotation that says so.
    pub(super) said_in: String,
    /// `store:path`, the store by its own name where the config is known.
    pub(super) from: String,
    pub(super) version: Option<String>,
    /// Which keys.
    pub(super) keys: String,
    /// The file of a ConfigMap that they go into.
    pub(super) file: Option<String>,
    pub(super) optional: bool,
    /// Whose rights read the store.
    pub(super) identity: Option<&'static str>,
    /// The ServiceAccount that is read as, as NAMESPACE/NAME.
    pub(super) service_account: Option<String>,
    /// Annotations that it has to have for that.
    pub(super) needs: Vec<&'static str>,
    /// Those that it lacks; none where it was not looked at.
    pub(super) lacks: Option<Vec<&'static str>>,
    /// None without a config.
    pub(super) allowed: Option<bool>,
    /// By which rule, or why not.
    pub(super) why: Option<String>,
}

impl Object {
    /// True if some source of it is refused.
    pub(super) fn refused(&self) -> bool {
        self.sources
            .iter()
            .any(|source| source.allowed == Some(false))
    }
}

impl Source {
    /// Whose rights read, and what that needs.
    fn reader(&self) -> String {
        let Some(account) = &self.service_account else {
            return "JASM's own identity".to_owned();
        };
        let needs = match (&self.lacks, self.needs.as_slice()) {
            (_, []) => String::new(),
            (None, needs) => format!(", which needs the annotation {}", needs.join(" and ")),
            (Some(lacks), _) if lacks.is_empty() => String::new(),
            (Some(lacks), _) => format!(", which lacks the annotation {}", lacks.join(" and ")),
        };
        format!("the ServiceAccount {account}{needs}")
    }
}

/// What a workload asks of one target.
pub(super) fn object(
    target: &Target,
    wish: &Wish,
    consumers: &[&Consumer],
    account: &str,
    config: Option<&Config>,
) -> Object {
    let keys: Option<Vec<Vec<String>>> = wish.requests.iter().map(|it| sure_keys(it)).collect();
    let keys = keys.map(|keys| {
        let mut keys: Vec<_> = keys.into_iter().flatten().collect();
        keys.sort();
        keys.dedup();
        keys
    });
    Object {
        kind: target.kind.as_str(),
        name: target.name.to_string(),
        retain: wish.requests.iter().any(|request| request.retain),
        sources: wish
            .requests
            .iter()
            .map(|request| source(request, &target.namespace, account, config))
            .collect(),
        used_by: consumers.iter().map(|consumer| used_by(consumer)).collect(),
        taken: consumers
            .iter()
            .filter(|consumer| consumer.optional.is_none())
            .flat_map(|consumer| consumer.keys.iter().flatten())
            .map(|key| key.as_str().to_owned())
            .collect(),
        keys,
    }
}

fn used_by(consumer: &Consumer) -> String {
    let keys = match &consumer.keys {
        Some(keys) if !keys.is_empty() => {
            let keys: Vec<_> = keys.iter().map(Text::as_str).collect();
            format!(" (key {})", keys.join(", "))
        }
        _ => String::new(),
    };
    let optional = match consumer.optional {
        Some(_) => ", optional: the pod would start without it",
        None => "",
    };
    format!("{}{keys}{optional}", consumer.via)
}

/// The keys that a request surely makes; none where its payload decides.
fn sure_keys(request: &Request) -> Option<Vec<String>> {
    if let Some(file) = &request.file {
        return Some(vec![file.name.clone()]);
    }
    match &request.take {
        Take::Keys(keys) => Some(keys.keys().cloned().collect()),
        Take::Whole(key) => Some(vec![key.clone()]),
        Take::All => None,
    }
}

fn source(request: &Request, namespace: &str, account: &str, config: Option<&Config>) -> Source {
    let version = match &request.origin {
        Origin::Entry { version, .. } => version.clone(),
        Origin::Prefix { .. } | Origin::Literal(_) => None,
    };
    let mut source = Source {
        said_in: request.said_in.clone(),
        from: match &request.origin {
            Origin::Literal(_) => "the annotation itself".to_owned(),
            Origin::Entry { store, path, .. } | Origin::Prefix { store, path } => {
                format!("{store}:{path}")
            }
        },
        version,
        keys: keys(request),
        file: request.file.as_ref().map(|file| file.name.clone()),
        optional: request.optional,
        identity: None,
        service_account: None,
        needs: Vec::new(),
        lacks: None,
        allowed: None,
        why: None,
    };
    let Some(config) = config else {
        return source;
    };
    if !config.settings.serves(namespace) {
        source.allowed = Some(false);
        source.why = Some(format!(
            "JASM does not serve the namespace {namespace}: \"namespaces\" of the config leaves it out"
        ));
        return source;
    }
    let (store, grant, partly) = match settle(request, namespace, &config.settings) {
        Ok(Settled::Literal) => return source,
        Ok(Settled::Entry(store, _, grant)) => (store, grant, ""),
        Ok(Settled::Prefix(store, _, below)) => match below {
            None => (store, None, ""),
            Some(Below::Whole(grant)) => (store, Some(grant), ""),
            Some(Below::Partly(grant)) => (
                store,
                Some(grant),
                " allows a part of it; all of it must be",
            ),
        },
        Err(failure) => {
            source.allowed = Some(false);
            let prefix = format!("{}: ", request.said_in);
            let why = failure.message.strip_prefix(&prefix);
            source.why = Some(why.unwrap_or(&failure.message).to_owned());
            return source;
        }
    };
    if let Origin::Entry { path, .. } | Origin::Prefix { path, .. } = &request.origin {
        source.from = format!("{}:{path}", store.name);
    }
    source.identity = match store.backend {
        Backend::File { .. } => None,
        _ if request.read_as != ReadAs::Store => Some(Identity::Workload.as_str()),
        _ => Some(store.identity.as_str()),
    };
    if source.identity == Some(Identity::Workload.as_str()) {
        source.service_account = Some(format!("{namespace}/{account}"));
        let annotations = store.backend.annotations().iter();
        source.needs = annotations.map(|(name, _)| *name).collect();
    }
    source.allowed = Some(true);
    source.why = Some(format!("{}{partly}", config.rule(store, grant)));
    source
}

fn keys(request: &Request) -> String {
    let spelt = match request.names {
        Names::Env => ", spelt for the environment",
        Names::AsIs => "",
    };
    let prefix = match request.prefix.as_str() {
        "" => String::new(),
        prefix => format!(", with \"{prefix}\" in front"),
    };
    match &request.take {
        Take::Whole(key) if matches!(request.origin, Origin::Literal(_)) => key.clone(),
        Take::Whole(key) => format!("{key}: the whole payload"),
        Take::Keys(keys) => {
            let keys: Vec<_> = keys
                .iter()
                .map(|(key, source)| {
                    if key == source {
                        key.clone()
                    } else {
                        format!("{key} (its {source})")
                    }
                })
                .collect();
            keys.join(", ")
        }
        Take::All => match &request.origin {
            Origin::Prefix { .. } => format!("one per entry below{spelt}{prefix}"),
            Origin::Entry { path, .. } => {
                let last = path.rsplit('/').next().unwrap_or(path);
                debug_assert!(!reference::is_prefix(path));
                format!(
                    "one per member of its JSON object{spelt}{prefix}; if it is none, \"{last}\" for all of it"
                )
            }
            Origin::Literal(_) => String::new(),
        },
    }
}

impl Workload {
    pub(super) fn of(asker: &Asker, objects: Vec<Object>) -> Self {
        let workload = &asker.workload;
        Self {
            kind: workload.kind.as_str().to_owned(),
            name: workload
                .name
                .as_ref()
                .map_or_else(String::new, |name| name.as_str().to_owned()),
            namespace: asker.namespace.clone(),
            file: workload.source.name().to_owned(),
            line: workload.place().line,
            service_account: workload
                .service_account
                .as_ref()
                .map(|account| account.as_str().to_owned()),
            objects,
        }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "{} {} in {} ({}:{}), running as the account {}",
            self.kind,
            self.name,
            self.namespace,
            self.file,
            self.line,
            self.service_account.as_deref().unwrap_or("default")
        )?;
        for object in &self.objects {
            object.write(out)?;
        }
        writeln!(out)
    }
}

impl Object {
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let retain = if self.retain {
            ", which outlives the workload"
        } else {
            ""
        };
        writeln!(out, "  {} {}{retain}", self.kind, self.name)?;
        for source in &self.sources {
            let version = match &source.version {
                Some(version) => format!(", version {version}"),
                None => String::new(),
            };
            let optional = if source.optional { ", optional" } else { "" };
            writeln!(
                out,
                "    from {}{version}{optional} ({})",
                source.from, source.said_in
            )?;
            let file = match &source.file {
                Some(file) => format!(" in the file {file}"),
                None => String::new(),
            };
            writeln!(out, "      keys: {}{file}", source.keys)?;
            if source.identity.is_some() {
                writeln!(out, "      read as: {}", source.reader())?;
            }
            if let (Some(allowed), Some(why)) = (source.allowed, &source.why) {
                let word = if allowed { "allowed by" } else { "refused:" };
                writeln!(out, "      {word} {why}")?;
            }
        }
        if self.used_by.is_empty() {
            writeln!(out, "    used by nothing in this workload")?;
        }
        for used in &self.used_by {
            writeln!(out, "    used by {used}")?;
        }
        Ok(())
    }
}
