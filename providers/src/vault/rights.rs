//! The policy that reading needs, as Vault and OpenBao take it (HCL). Pure.
//! <https://openbao.org/docs/concepts/policies/>

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::options::Engine;
use crate::{EntryRef, Prefix};

/// The least policy for these entries and for everything below these prefixes.
///
/// Beside it JASM's token asks about itself and renews itself, which the server's own policy `default`
/// allows.
pub fn policy<'a>(
    mount: &str,
    engine: Engine,
    entries: impl IntoIterator<Item = &'a EntryRef>,
    prefixes: impl IntoIterator<Item = &'a Prefix>,
) -> String {
    // One rule for each path: of two, only one would count.
    let mut rules: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    let (data, names) = match engine {
        Engine::V1 => (mount.to_owned(), mount.to_owned()),
        Engine::V2 => (format!("{mount}/data"), format!("{mount}/metadata")),
    };
    for entry in entries {
        rules.entry(format!("{data}/{}", entry.path)).or_default().0 = true;
    }
    for prefix in prefixes {
        let below = match prefix.base.as_str() {
            "" => "*".to_owned(),
            base => format!("{base}/*"),
        };
        rules.entry(format!("{data}/{below}")).or_default().0 = true;
        rules.entry(format!("{names}/{below}")).or_default().1 = true;
    }
    let mut text = String::new();
    for (path, (read, list)) in rules {
        let capabilities = match (read, list) {
            (true, true) => "\"read\", \"list\"",
            (true, false) => "\"read\"",
            _ => "\"list\"",
        };
        // Writing to memory cannot fail.
        let _ = writeln!(
            text,
            "path \"{path}\" {{\n  capabilities = [{capabilities}]\n}}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Scope};

    fn written(engine: Engine, entries: &[(&str, Option<&str>)], prefixes: &[&str]) -> String {
        let scope = Scope::default();
        let entries: Vec<_> = entries
            .iter()
            .map(|(path, version)| Kind::Vault.entry(&scope, path, *version).unwrap())
            .collect();
        let prefixes: Vec<_> = prefixes
            .iter()
            .map(|path| Kind::Vault.prefix(&scope, path).unwrap())
            .collect();
        let text = policy("kv", engine, &entries, &prefixes);
        text.replace("\n  capabilities = ", " ")
            .replace("\n}\n", ";")
    }

    #[test]
    fn entries_are_read_and_prefixes_listed_too() {
        assert_eq!(
            written(
                Engine::V2,
                &[("shop/db", None), ("shop/db", Some("3"))],
                &["shop/all/**"]
            ),
            "path \"kv/data/shop/all/*\" { [\"read\"];path \"kv/data/shop/db\" { [\"read\"];\
             path \"kv/metadata/shop/all/*\" { [\"list\"];"
        );
        assert_eq!(
            written(Engine::V1, &[("shop/db", None)], &["**"]),
            "path \"kv/*\" { [\"read\", \"list\"];path \"kv/shop/db\" { [\"read\"];"
        );
        assert_eq!(written(Engine::V2, &[], &[]), "");
    }
}
