//! Google's and Azure's bindings, as a script of their own command lines. Pure.
//!
//! Nothing has to be escaped: names of entries hold no quote by their kinds' grammar, and of readers only
//! those come here that an API server takes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{ByReader, Reader};
use crate::settings::{Azure, Backend, Gcp, Store};

/// Who reads a store.
enum Member {
    /// As Google's IAM writes it.
    Known(String),
    /// A variable of the script, with what it has to hold.
    Variable(String, String),
}

/// The script for a store; none for kinds that have no bindings.
pub(super) fn script(store: &Store, reads: &ByReader) -> Option<String> {
    let mut lines = Vec::new();
    let mut variables = BTreeMap::new();
    for (reader, reads) in reads {
        let whose = match reader {
            Reader::Controller => "JASM".to_owned(),
            Reader::Account(account) => {
                format!("the ServiceAccount {}/{}", account.namespace, account.name)
            }
        };
        lines.push(format!("# What {whose} reads."));
        let google = matches!(
            store.backend,
            Backend::GcpSecretManager(_) | Backend::GcpParameterManager(_)
        );
        if google && matches!(reader, Reader::Account(_)) {
            lines.push(
                "# With the annotation iam.gke.io/gcp-service-account its Google service account reads: bind \
                 serviceAccount:EMAIL of that one in its place."
                    .to_owned(),
            );
        }
        match &store.backend {
            Backend::GcpSecretManager(gcp) => {
                let member = quoted(member_of(gcp, reader), &mut variables);
                secrets(gcp, reads, &member, &mut lines);
            }
            Backend::GcpParameterManager(gcp) => {
                let member = quoted(member_of(gcp, reader), &mut variables);
                parameters(gcp, &member, &mut lines);
            }
            Backend::AzureKeyVault(azure) => {
                let principal = quoted(principal_of(reader), &mut variables);
                vault(azure, reads, &principal, &mut lines);
            }
            Backend::AzureAppConfiguration(azure) => {
                let principal = quoted(principal_of(reader), &mut variables);
                configuration(azure, &principal, &mut lines);
            }
            _ => return None,
        }
    }
    let mut text = format!(
        "#!/bin/sh -eu\n# The store \"{}\" ({}).\n",
        store.name,
        store.backend.kind()
    );
    if matches!(
        store.backend,
        Backend::AzureKeyVault(_) | Backend::AzureAppConfiguration(_)
    ) {
        variables.insert("GROUP".to_owned(), "the resource group".to_owned());
        variables.insert(
            "SUBSCRIPTION".to_owned(),
            "the subscription's id".to_owned(),
        );
    }
    for (name, meaning) in variables {
        // Writing to memory cannot fail.
        let _ = writeln!(text, ": \"${{{name}:?{meaning}}}\"");
    }
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    Some(text)
}

/// The word for it, and the variable if it is one; two readers never share one.
fn quoted(member: Member, variables: &mut BTreeMap<String, String>) -> String {
    let (name, meaning) = match member {
        Member::Known(member) => return format!("'{member}'"),
        Member::Variable(name, meaning) => (name, meaning),
    };
    let numbered = (2..).map(|number| format!("{name}_{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    let free = names.find(|it| variables.get(it).is_none_or(|other| *other == meaning));
    let name = free.unwrap_or(name);
    let word = format!("\"${name}\"");
    variables.insert(name, meaning);
    word
}

/// A name for a variable: upper case, and `_` for what a shell does not take.
fn variable(kind: &str, reader: &Reader) -> String {
    let Reader::Account(account) = reader else {
        return kind.to_owned();
    };
    let letters = format!("{kind}_{}_{}", account.namespace, account.name);
    letters
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

/// The principal of a ServiceAccount in the cluster's own pool, where that is known.
fn member_of(gcp: &Gcp, reader: &Reader) -> Member {
    let account = match reader {
        Reader::Controller => {
            let meaning = "serviceAccount:EMAIL of JASM's own identity";
            return Member::Variable(variable("MEMBER", reader), meaning.to_owned());
        }
        Reader::Account(account) => account,
    };
    let (namespace, name) = (&account.namespace, &account.name);
    let pool = gcp
        .provider
        .as_deref()
        .and_then(|it| it.split_once("/providers/"));
    if let Some((pool, _)) = pool {
        return Member::Known(format!(
            "principal:{pool}/subject/system:serviceaccount:{namespace}:{name}"
        ));
    }
    let project = gcp.cluster_project.as_ref();
    let own = gcp
        .pool
        .clone()
        .or_else(|| project.map(|id| format!("{id}.svc.id.goog")));
    match own {
        Some(pool) => Member::Known(format!("serviceAccount:{pool}[{namespace}/{name}]")),
        None => Member::Variable(
            variable("MEMBER", reader),
            format!("serviceAccount:PROJECT.svc.id.goog[{namespace}/{name}]"),
        ),
    }
}

fn principal_of(reader: &Reader) -> Member {
    let meaning = match reader {
        Reader::Controller => "client id of JASM's own identity".to_owned(),
        Reader::Account(account) => format!(
            "client id of the identity of the ServiceAccount {}/{}",
            account.namespace, account.name
        ),
    };
    Member::Variable(variable("PRINCIPAL", reader), meaning)
}

fn secrets(gcp: &Gcp, reads: &super::Reads, member: &str, lines: &mut Vec<String>) {
    let project = &gcp.project;
    let names: BTreeSet<_> = reads.entries.iter().map(|entry| &entry.path).collect();
    if reads.prefixes.is_empty() {
        let location = match &gcp.location {
            Some(location) => format!(" --location='{location}'"),
            None => String::new(),
        };
        for name in names {
            lines.push(format!(
                "gcloud secrets add-iam-policy-binding '{name}' --project='{project}'{location} --member={member} \
                 --role='roles/secretmanager.secretAccessor'"
            ));
        }
        return;
    }
    // A prefix is the whole store, so that the single ones are in it.
    for role in ["viewer", "secretAccessor"] {
        lines.push(format!(
            "gcloud projects add-iam-policy-binding '{project}' --member={member} \
             --role='roles/secretmanager.{role}' --condition=None"
        ));
    }
}

/// Which version is the newest is asked of the list of versions, which is a right of the viewer's role.
fn parameters(gcp: &Gcp, member: &str, lines: &mut Vec<String>) {
    let project = &gcp.project;
    lines.push(
        "# These open all parameters of the project: narrow them with a condition if there are others."
            .to_owned(),
    );
    let accessor = gcp.render.then_some("parameterAccessor");
    for role in ["parameterViewer"].into_iter().chain(accessor) {
        lines.push(format!(
            "gcloud projects add-iam-policy-binding '{project}' --member={member} \
             --role='roles/parametermanager.{role}' --condition=None"
        ));
    }
    if gcp.render {
        lines.push(
            "# Secrets that a parameter refers to are read by the parameter's own principal: grant it \
             roles/secretmanager.secretAccessor on them."
                .to_owned(),
        );
    }
}

const GROUP: &str = "/subscriptions/$SUBSCRIPTION/resourceGroups/$GROUP/providers";

fn vault(azure: &Azure, reads: &super::Reads, principal: &str, lines: &mut Vec<String>) {
    let vault = format!("{GROUP}/Microsoft.KeyVault/vaults/{}", azure.name);
    let names: BTreeSet<_> = reads.entries.iter().map(|entry| &entry.path).collect();
    let scopes = if reads.prefixes.is_empty() {
        let names = names.into_iter();
        names
            .map(|name| format!("{vault}/secrets/{name}"))
            .collect()
    } else {
        vec![vault]
    };
    lines.extend(
        scopes
            .iter()
            .map(|scope| assignment("Key Vault Secrets User", principal, scope)),
    );
}

fn configuration(azure: &Azure, principal: &str, lines: &mut Vec<String>) {
    let scope = format!(
        "{GROUP}/Microsoft.AppConfiguration/configurationStores/{}",
        azure.name
    );
    lines.push(assignment(
        "App Configuration Data Reader",
        principal,
        &scope,
    ));
    for vault in azure.vaults.keys() {
        lines.push(
            "# For references to this vault; its resource group may be another one.".to_owned(),
        );
        let scope = format!("{GROUP}/Microsoft.KeyVault/vaults/{vault}");
        lines.push(assignment("Key Vault Secrets User", principal, &scope));
    }
}

fn assignment(role: &str, principal: &str, scope: &str) -> String {
    format!("az role assignment create --role '{role}' --assignee {principal} --scope \"{scope}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::account::account;

    #[test]
    fn two_readers_never_share_a_variable() {
        let mut variables = BTreeMap::new();
        let mut word = |text: &str| {
            let reader = Reader::Account(account(text).unwrap());
            quoted(principal_of(&reader), &mut variables)
        };
        assert_eq!(word("a-b/c"), "\"$PRINCIPAL_A_B_C\"");
        assert_eq!(word("a/b-c"), "\"$PRINCIPAL_A_B_C_2\"");
        assert_eq!(word("a-b/c"), "\"$PRINCIPAL_A_B_C\"");
        assert_eq!(variables.len(), 2);
    }
}
