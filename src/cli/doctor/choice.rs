//! Which entry of a store is read. Pure.

use jasm_providers::EntryRef;

use super::unknown;
use crate::pull::reference::Catalog as _;
use crate::settings::{Settings, Store};

/// An entry that is asked for on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The store by its own name.
    pub(super) store: String,
    pub(super) entry: EntryRef,
}

/// What `--read` names, each checked as an annotation is.
///
/// # Errors
/// One sentence: it is not STORE:PATH, or there is no such store, or no such path in its kind.
pub(super) fn wanted(reads: &[String], settings: &Settings) -> Result<Vec<Wanted>, String> {
    reads.iter().map(|read| one(read, settings)).collect()
}

fn one(read: &str, settings: &Settings) -> Result<Wanted, String> {
    let Some((name, path)) = read.split_once(':').filter(|(_, path)| !path.is_empty()) else {
        return Err(format!(
            "--read {}: write STORE:PATH, for example aws:/shop/db",
            crate::yaml::clip(read)
        ));
    };
    let Some((store, _)) = settings.find(name) else {
        return Err(format!("--read: {}", unknown(name, settings)));
    };
    let (path, version) = match path.split_once("?version=") {
        Some((path, version)) => (path, Some(version)),
        None => (path, None),
    };
    let entry = store
        .backend
        .kind()
        .entry(&store.scope, path, version)
        .map_err(|error| format!("--read {}: {error}", crate::yaml::clip(read)))?;
    Ok(Wanted {
        store: store.name.clone(),
        entry,
    })
}

/// The first path in the store's rules that names one entry; `{namespace}` is the reader's, if there is one.
pub(super) fn named_by_a_rule(store: &Store, namespace: Option<&str>) -> Option<EntryRef> {
    let paths = store.allow.iter().flat_map(|rule| &rule.paths);
    let mut literal = paths.filter_map(|path| {
        let path = match namespace {
            Some(namespace) => path.replace("{namespace}", namespace),
            None => path.clone(),
        };
        (!path.contains(['*', '{'])).then_some(path)
    });
    literal.find_map(|path| store.backend.kind().entry(&store.scope, &path, None).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Overrides;

    const CONFIG: &str = "stores:
- {name: aws-secretsmanager, kind: aws-secretsmanager, region: eu-west-1, identity: controller, allow: [
    {namespaces: [a], paths: [\"/a/**\", \"/{namespace}/db\"]}, {namespaces: [b], paths: [/shared/smtp]}]}
- {name: vault, kind: vault, address: 'https://v', role: r, identity: workload}
";

    fn settings() -> Settings {
        Settings::read(Some(CONFIG), &Overrides::default()).unwrap()
    }

    #[test]
    fn the_first_path_that_names_one_entry_is_read() {
        let settings = settings();
        let named = |at: usize, namespace| {
            let entry = named_by_a_rule(&settings.stores[at], namespace);
            entry.map(|entry| entry.path)
        };
        assert_eq!(named(0, None).as_deref(), Some("/shared/smtp"));
        assert_eq!(named(0, Some("shop")).as_deref(), Some("/shop/db"));
        assert_eq!(named(1, Some("shop")), None);
    }

    #[test]
    fn an_entry_on_the_command_line_is_checked_as_an_annotation_is() {
        let read = |text: &str| wanted(&[text.to_owned()], &settings()).map(|mut it| it.remove(0));
        let found = read("aws:/shop/db?version=AWSPREVIOUS").unwrap();
        assert_eq!(found.store, "aws-secretsmanager");
        assert_eq!(found.entry.version.as_deref(), Some("AWSPREVIOUS"));
        for (bad, words) in [
            ("aws", "write STORE:PATH"),
            ("aws:", "write STORE:PATH"),
            ("awz:/a", "unknown store"),
            ("aws:/a//b", "must not contain //"),
            ("vault:a/**", "--read vault:a/**"),
        ] {
            let error = read(bad).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
