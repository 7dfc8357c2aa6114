//! `jasm policy iam`: the least rights at a store's own cloud that manifests need.

use std::collections::BTreeMap;

use jasm_providers::Kind;
use jasm_providers::aws::rights::Reads;
use jasm_providers::vault::policy as vault_policy;

use crate::cli::account::Account;
use crate::cli::operator::Config;
use crate::cli::settled::{Settled, settle};
use crate::cli::workloads::Asked;
use crate::cli::{Exit, Outcome, Stop, Streams};
use crate::diagnostic::{Diagnostic, Rule, Severity};
use crate::pull::reference::Catalog as _;
use crate::pull::request::ReadAs;
use crate::settings::{Backend, Identity, Store};

mod aws;
mod script;

const LEFT_OUT: Rule = Rule {
    id: "policy/left-out",
    about: "What an annotation asks for is refused by the config, so no right is needed for it.",
};

/// Whose rights read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reader {
    /// JASM's own.
    Controller,
    /// Those of a pod's ServiceAccount.
    Account(Account),
}

/// What is read of a store, by whose rights read it.
type ByReader = BTreeMap<Reader, Reads>;

pub(super) fn run(args: &super::Iam, streams: &mut Streams<'_>) -> Outcome {
    let config = Config::needed(&args.config, streams)?;
    if let Some(name) = &args.store
        && named(&config, name).is_none()
    {
        let names: Vec<_> = config
            .settings
            .stores
            .iter()
            .map(|it| &it.name[..])
            .collect();
        return Err(Stop::Unusable(crate::yaml::unknown("store", name, &names)));
    }
    let mut asked = args.manifests.read(streams)?;
    let mut diagnostics = std::mem::take(&mut asked.diagnostics);
    let mut reads = reads(&asked, &config, &mut diagnostics);
    if let Some(account) = &args.read_as {
        let only = Reader::Account(account.clone());
        for readers in reads.values_mut() {
            readers.retain(|reader, _| *reader == only);
        }
    }
    let only = args.store.as_deref().and_then(|name| named(&config, name));
    let chosen: Vec<_> = config
        .settings
        .stores
        .iter()
        .filter(|store| only.is_none_or(|only| only.name == store.name))
        .filter_map(|store| Some((store, reads.get(&store.name)?)))
        .filter(|(_, readers)| !readers.is_empty())
        .collect();
    let mut notes = Vec::new();
    let text = printed(&chosen, &mut notes)?;
    if let Some(text) = &text {
        writeln!(streams.output, "{}", text.trim_end())?;
    } else if chosen.is_empty() {
        notes.push(
            "nothing is asked of a store at AWS or of another cloud, so no right is needed"
                .to_owned(),
        );
    }
    streams.complain(&diagnostics)?;
    for note in notes {
        writeln!(streams.error, "note: {note}")?;
    }
    if asked.unreadable {
        return Err(Stop::Told);
    }
    let errors = diagnostics.iter().any(|it| it.severity == Severity::Error);
    Ok(Exit::of(!errors))
}

fn named<'a>(config: &'a Config, name: &str) -> Option<&'a Store> {
    let settings = &config.settings;
    settings.find(name).map(|(store, _)| store)
}

/// One document: AWS's policy for all stores there, else what the one store that is left needs.
fn printed(
    chosen: &[(&Store, &ByReader)],
    notes: &mut Vec<String>,
) -> Result<Option<String>, Stop> {
    let at_aws = |store: &Store| {
        let kind = store.backend.kind();
        matches!(kind, Kind::AwsSecretsManager | Kind::AwsParameterStore)
    };
    let (aws, others): (Vec<_>, Vec<_>) = chosen.iter().partition(|(store, _)| at_aws(store));
    let joined = |readers: &ByReader| {
        let mut all = Reads::default();
        for reads in readers.values() {
            all.entries.extend(reads.entries.iter().cloned());
            all.prefixes.extend(reads.prefixes.iter().cloned());
        }
        all
    };
    for (store, readers) in chosen {
        // Google's and Azure's bindings name each reader by itself.
        if readers.len() > 1 && (at_aws(store) || store.backend.kind() == Kind::Vault) {
            notes.push(format!(
                "of the store \"{}\" this joins what {} read: print what one of them needs with --as",
                store.name,
                names(readers)
            ));
        }
    }
    let policy = aws::policy(
        aws.iter().map(|(store, readers)| (*store, joined(readers))),
        notes,
    );
    if let Some(policy) = policy {
        let clouds = others
            .iter()
            .filter(|(store, _)| store.backend.kind() != Kind::File);
        notes.extend(clouds.map(|(store, _)| elsewhere(store)));
        return Ok(Some(format!("{policy:#}")));
    }
    let mut text = None;
    for (store, readers) in others {
        match &store.backend {
            _ if text.is_some() => notes.push(elsewhere(store)),
            Backend::File { .. } => notes.push(format!(
                "the store \"{}\" is a directory: the user that JASM runs as has to be able to read it",
                store.name
            )),
            Backend::Vault(vault) => {
                let reads = joined(readers);
                let policy = vault_policy(&vault.mount, vault.engine, &reads.entries, &reads.prefixes);
                text = Some(format!(
                    "# The store \"{}\": for the role {} of {}.\n{policy}",
                    store.name,
                    vault.role,
                    names(readers)
                ));
            }
            _ => text = script::script(store, readers),
        }
    }
    Ok(text)
}

/// A store that is not in what was printed.
fn elsewhere(store: &Store) -> String {
    format!(
        "the store \"{}\" of kind {} is not in this: print what it needs with --store {}",
        store.name,
        store.backend.kind(),
        store.name
    )
}

/// `JASM, the ServiceAccount shop/web`
fn names(readers: &ByReader) -> String {
    let names: Vec<_> = readers
        .keys()
        .map(|reader| match reader {
            Reader::Controller => "JASM".to_owned(),
            Reader::Account(account) => {
                format!("the ServiceAccount {}/{}", account.namespace, account.name)
            }
        })
        .collect();
    names.join(", ")
}

/// What is read of each store, by its name and by whose rights.
fn reads(
    asked: &Asked,
    config: &Config,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, ByReader> {
    let mut reads: BTreeMap<String, ByReader> = BTreeMap::new();
    for target in asked.targets() {
        for requester in asked.index.requesters(&target) {
            let account = Account {
                namespace: target.namespace.to_string(),
                name: requester.pod.pod.service_account.to_string(),
            };
            // What is printed is run by people: nothing but names may come into it.
            if !account.is_named() {
                for request in &requester.wish.requests {
                    let message = "the namespace or the ServiceAccount is no name that an API server takes: correct it";
                    let about = asked.about(&LEFT_OUT, &target, request, message);
                    diagnostics.extend(about.filter(|it| !diagnostics.contains(it)));
                }
                continue;
            }
            let of = |store: &Store, read_as: &ReadAs| {
                let as_workload = *read_as != ReadAs::Store || store.identity == Identity::Workload;
                if as_workload {
                    Reader::Account(account.clone())
                } else {
                    Reader::Controller
                }
            };
            for request in &requester.wish.requests {
                match settle(request, &target.namespace, &config.settings) {
                    Ok(Settled::Entry(store, entry, _)) => {
                        let readers = reads.entry(store.name.clone()).or_default();
                        let reads = readers.entry(of(store, &request.read_as)).or_default();
                        reads.entries.insert(entry);
                    }
                    Ok(Settled::Prefix(store, prefix, _)) => {
                        let readers = reads.entry(store.name.clone()).or_default();
                        let reads = readers.entry(of(store, &request.read_as)).or_default();
                        reads.prefixes.insert(prefix);
                    }
                    Ok(Settled::Literal) => {}
                    Err(failure) => {
                        let about = asked.about(&LEFT_OUT, &target, request, &failure.message);
                        diagnostics.extend(about.filter(|it| !diagnostics.contains(it)));
                    }
                }
            }
        }
    }
    reads
}
