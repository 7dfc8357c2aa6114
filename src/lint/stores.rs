//! The operator's config: stores, paths, and who may read them, by the controller's own code.

use super::made::{Asked, Made};
use super::rules::{
    INVALID_PATH, NOT_CHECKED, NOT_SERVED, REFUSED, SECRET_IN_CONFIG_MAP, UNKNOWN_STORE,
};
use crate::diagnostic::{Diagnostic, Severity};
use crate::pull::condition::Condition;
use crate::pull::reference::{self, Reference};
use crate::pull::request::ObjectKind;
use crate::settings::{Backend, Settings, Store};

pub(super) fn check(made: &[Made<'_>], settings: &Settings, found: &mut Vec<Diagnostic>) {
    let mut noted = false;
    for one in made.iter().filter(|one| !one.objects.is_empty()) {
        let workload = one.workload;
        match one.namespace {
            Some(namespace) if !settings.serves(namespace) => {
                let message = format!(
                    "the config's \"namespaces\" leave out {namespace}: JASM does nothing for {}",
                    workload.title()
                );
                let place = workload
                    .namespace
                    .as_ref()
                    .map_or(workload.place(), |namespace| namespace.place());
                found.push(Diagnostic::warning(
                    &NOT_SERVED,
                    &workload.source,
                    Some(place),
                    message,
                ));
            }
            None if !std::mem::replace(&mut noted, true) => {
                let message = format!(
                    "{} names no namespace, so who may read what was not checked",
                    workload.title()
                );
                found.push(Diagnostic {
                    severity: Severity::Note,
                    ..Diagnostic::warning(
                        &NOT_CHECKED,
                        &workload.source,
                        Some(workload.place()),
                        message,
                    )
                    .help("say it with --namespace")
                });
            }
            _ => {}
        }
        for ((kind, name), object) in &one.objects {
            for asked in &object.asked {
                found.extend(request(one, *kind, name, asked, settings));
            }
        }
    }
}

fn request(
    one: &Made<'_>,
    kind: ObjectKind,
    name: &str,
    asked: &Asked,
    settings: &Settings,
) -> Option<Diagnostic> {
    let source = &one.workload.source;
    match reference::resolve(&asked.request, one.namespace, &settings) {
        Ok(resolved) => {
            let (Reference::Entry(store, _) | Reference::Prefix(store, _)) = resolved.reference
            else {
                return None;
            };
            (kind == ObjectKind::ConfigMap && always_secret(store) && !store.configs).then(|| {
                let message = format!(
                    "what the store \"{}\" has is secret and does not go into the ConfigMap \"{name}\"",
                    store.name
                );
                Diagnostic::error(&SECRET_IN_CONFIG_MAP, source, Some(asked.store), message).help(
                    "use secret-sync, or let the operator say \"configs: true\" on the store",
                )
            })
        }
        Err(failure) => {
            let (rule, place) = match failure.condition {
                Condition::StoreUnknown => (&UNKNOWN_STORE, asked.store),
                Condition::PolicyRefused => (&REFUSED, asked.path),
                _ => (&INVALID_PATH, asked.path),
            };
            let said_in = format!("{}: ", asked.request.said_in);
            let sentence = failure
                .message
                .strip_prefix(&said_in)
                .unwrap_or(&failure.message);
            let joint = ["; did you mean ", "; known are ", "; a rule "]
                .iter()
                .find_map(|joint| sentence.find(joint));
            let (message, help) = match joint {
                Some(at) => (&sentence[..at], Some(&sentence[at + 2..])),
                None => (sentence, None),
            };
            let diagnostic = Diagnostic::error(rule, source, Some(place), message);
            Some(match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            })
        }
    }
}

/// Kinds of store whose every value is secret, as their adapters mark it.
fn always_secret(store: &Store) -> bool {
    match &store.backend {
        Backend::AwsSecretsManager(_)
        | Backend::GcpSecretManager(_)
        | Backend::AzureKeyVault(_)
        | Backend::Vault(_)
        | Backend::File { .. } => true,
        // What was rendered may have secrets in it.
        Backend::GcpParameterManager(gcp) => gcp.render,
        Backend::AwsParameterStore(_) | Backend::AzureAppConfiguration(_) => false,
    }
}
