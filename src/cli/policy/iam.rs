//! `jasm policy iam`: the least rights at AWS that manifests need.

use std::collections::BTreeMap;

use jasm_providers::Kind;
use jasm_providers::aws::rights::{Reads, rights};
use serde_json::{Value, json};

use crate::cli::operator::Config;
use crate::cli::settled::{Settled, settle};
use crate::cli::workloads::Asked;
use crate::cli::{Exit, Outcome, Stop, Streams};
use crate::diagnostic::{Diagnostic, Rule, Severity};
use crate::pull::reference::Catalog as _;
use crate::settings::Store;

const LEFT_OUT: Rule = Rule {
    id: "policy/left-out",
    about: "What an annotation asks for is refused by the config, so no right is needed for it.",
};

/// The longest managed policy, white space not counted ("IAM and AWS STS quotas").
const LONGEST: usize = 6_144;

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
    let reads = reads(&asked, &config, &mut diagnostics);
    let only = args.store.as_deref().and_then(|name| named(&config, name));
    let mut statements = Vec::new();
    let mut notes = Vec::new();
    for store in &config.settings.stores {
        let Some(reads) = reads.get(&store.name) else {
            continue;
        };
        let kind = store.backend.kind();
        if kind == Kind::File || only.is_some_and(|only| only.name != store.name) {
            continue;
        }
        for right in rights(kind, &store.scope, reads) {
            statements.push(json!({
                "Sid": sid(right.purpose, &store.name, &statements),
                "Effect": "Allow",
                "Action": right.actions,
                "Resource": right.resources,
            }));
        }
        if store.scope.account.is_none() {
            notes.push(format!(
                "the store \"{}\" names no account, so \"*\" stands for it: write \"account\" in the config",
                store.name
            ));
        }
    }
    if statements.is_empty() {
        notes.push("nothing is asked of a store at AWS, so no right is needed".to_owned());
    } else {
        notes.push(
            "entries that are encrypted with a key of your own need kms:Decrypt on that key too; \
             annotations do not tell which"
                .to_owned(),
        );
    }
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let length = policy.to_string().len();
    if length > LONGEST {
        notes.push(format!(
            "the policy has {length} characters, more than the {LONGEST} of a managed policy: \
             print one per store with --store, or grant whole paths by hand"
        ));
    }
    if !statements_of(&policy).is_empty() {
        writeln!(streams.output, "{policy:#}")?;
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

fn statements_of(policy: &Value) -> &[Value] {
    policy["Statement"].as_array().map_or(&[], Vec::as_slice)
}

/// What is read of each store, by its name.
fn reads(
    asked: &Asked,
    config: &Config,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Reads> {
    let mut reads: BTreeMap<String, Reads> = BTreeMap::new();
    for target in asked.targets() {
        let requesters = asked.index.requesters(&target);
        for request in requesters.iter().flat_map(|it| &it.wish.requests) {
            match settle(request, &target.namespace, &config.settings) {
                Ok(Settled::Entry(store, entry, _)) => {
                    let reads = reads.entry(store.name.clone()).or_default();
                    reads.entries.insert(entry);
                }
                Ok(Settled::Prefix(store, prefix, _)) => {
                    let reads = reads.entry(store.name.clone()).or_default();
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
    reads
}

/// A statement's name: letters and digits, unique within the policy.
fn sid(purpose: &str, store: &str, before: &[Value]) -> String {
    let words = store.split(|c: char| !c.is_ascii_alphanumeric());
    let mut sid = purpose.to_owned();
    for word in words {
        let mut chars = word.chars();
        sid.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        sid.extend(chars);
    }
    let taken = |sid: &str| before.iter().any(|statement| statement["Sid"] == sid);
    let mut unique = sid.clone();
    let mut number = 2;
    while taken(&unique) {
        unique = format!("{sid}{number}");
        number += 1;
    }
    unique
}
