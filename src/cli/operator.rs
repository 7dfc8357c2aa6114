//! The operator's file as a command reads it: the settings, and where in the file they stand.

use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Rule, Source};
use crate::policy::Grant;
use crate::settings::{self, Overrides, Places, Settings, Store};
use crate::yaml::Problem;

use super::input::{self, INVALID_CONFIG};
use super::{Stop, Streams};

/// Larger than any ConfigMap (`core.MaxSecretSize`).
const MAX_BYTES: usize = 1 << 20;

/// Allowed, and yet hardly meant.
pub(super) const DOUBTFUL: Rule = Rule {
    id: "config/doubtful",
    about: "The config is good, but something in it has hardly the effect that is meant.",
};

/// A good config.
#[derive(Debug)]
pub(super) struct Config {
    /// The file.
    pub(super) source: Arc<Source>,
    /// What it says.
    pub(super) settings: Settings,
    places: Vec<Places>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Refused {
    /// The file cannot be read.
    Unreadable(Diagnostic),
    /// What it says is refused.
    Invalid(Diagnostic),
}

impl Config {
    /// Reads a file, or standard input for `-`.
    pub(super) fn read(path: &Path, streams: &mut Streams<'_>) -> Result<Self, Refused> {
        let source = input::one(path, streams.input).map_err(Refused::Unreadable)?;
        if source.text().len() > MAX_BYTES {
            let message = "this is larger than 1 MiB, which no ConfigMap can be";
            let error = Diagnostic::error(&input::UNREADABLE, &source, None, message);
            return Err(Refused::Unreadable(error));
        }
        Self::of(source)
    }

    /// Reads a text by the parser of the controller.
    pub(super) fn of(source: Arc<Source>) -> Result<Self, Refused> {
        match Settings::read(Some(source.text()), &Overrides::default()) {
            Ok(settings) => Ok(Self {
                places: settings::places(source.text()),
                source,
                settings,
            }),
            Err(problem) => Err(Refused::Invalid(diagnostic(
                &INVALID_CONFIG,
                &source,
                &problem,
            ))),
        }
    }

    /// For commands that work with a config rather than on it.
    pub(super) fn needed(path: &Path, streams: &mut Streams<'_>) -> Result<Self, Stop> {
        Self::read(path, streams)
            .map_err(|(Refused::Unreadable(problem) | Refused::Invalid(problem))| problem.into())
    }

    /// Where a store begins.
    pub(super) fn store_place(&self, name: &str) -> Option<Place> {
        let at = self.position(name)?;
        self.places.get(at).map(|places| places.store)
    }

    /// Where a rule of a store begins.
    pub(super) fn rule_place(&self, store: &str, rule: usize) -> Option<Place> {
        let places = self.places.get(self.position(store)?)?;
        places.allow.get(rule).copied()
    }

    /// Where a rule of a store's `allowWrite` begins.
    pub(super) fn write_rule_place(&self, store: &str, rule: usize) -> Option<Place> {
        let places = self.places.get(self.position(store)?)?;
        places.allow_write.get(rule).copied()
    }

    /// A rule for people: its number, its text and its line; or that no rule is needed.
    pub(super) fn rule(&self, store: &Store, grant: Option<Grant>) -> String {
        let Some(grant) = grant else {
            return format!(
                "the store \"{}\", which has no rules: it is read as the pod, and its own IAM decides",
                store.name
            );
        };
        let text = store.allow.get(grant.rule).map(ToString::to_string);
        let line = self
            .rule_place(&store.name, grant.rule)
            .map(|place| format!(" ({}:{})", self.source.name(), place.line));
        format!(
            "rule {} of the store \"{}\", {}{}",
            grant.rule + 1,
            store.name,
            text.unwrap_or_default(),
            line.unwrap_or_default()
        )
    }

    /// The same for machines.
    pub(super) fn rule_json(&self, store: &Store, grant: Option<Grant>) -> serde_json::Value {
        let Some(grant) = grant else {
            return serde_json::Value::Null;
        };
        serde_json::json!({
            "store": store.name,
            "number": grant.rule + 1,
            "text": store.allow.get(grant.rule).map(ToString::to_string),
            "path": store.allow.get(grant.rule).and_then(|rule| rule.paths.get(grant.path)),
            "file": self.source.name(),
            "line": self.rule_place(&store.name, grant.rule).map(|place| place.line),
        })
    }

    fn position(&self, name: &str) -> Option<usize> {
        let mut stores = self.settings.stores.iter();
        stores.position(|store| store.name == name)
    }
}

/// A problem of the strict reader in a file of its own.
pub(super) fn diagnostic(
    rule: &'static Rule,
    source: &Arc<Source>,
    problem: &Problem,
) -> Diagnostic {
    Diagnostic::error(rule, source, Some(problem.place()), problem.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, Refused> {
        Config::of(Arc::new(Source::new("jasm.yaml", text)))
    }

    #[test]
    fn a_problem_underlines_the_word() {
        let Err(Refused::Invalid(found)) = config("stores:\n- name: a\n  knd: file\n") else {
            panic!("it is refused");
        };
        assert_eq!(
            found.place,
            Some(Place {
                line: 3,
                column: 3,
                length: 3
            })
        );
        let Err(Refused::Invalid(found)) = config("logLevel: \"lo ud\"\n") else {
            panic!("it is refused");
        };
        assert_eq!(found.place.map(|place| place.length), Some(7));
    }

    #[test]
    fn stores_and_rules_are_found_in_the_file() {
        let config = config(
            "stores:\n- name: a\n  kind: file\n  root: /x\n- name: b\n  kind: file\n  root: /y\n  allow:\n  \
             - {namespaces: [n], paths: [a]}\n  - namespaces: [n]\n    paths: [b]\n\
             - name: c\n  kind: aws-secretsmanager\n  region: eu-west-1\n  identity: workload\n  allowWrite:\n\
             \x20 - {namespaces: [n], paths: [a], identities: [controller]}\n",
        )
        .unwrap();
        let line = |place: Option<Place>| place.map(|place| place.line);
        assert_eq!(line(config.store_place("b")), Some(5));
        assert_eq!(line(config.rule_place("b", 0)), Some(9));
        assert_eq!(line(config.rule_place("b", 1)), Some(10));
        assert_eq!(config.rule_place("a", 0), None);
        assert_eq!(line(config.write_rule_place("c", 0)), Some(17));
        assert_eq!(config.write_rule_place("b", 0), None);
        let grant = Grant { rule: 1, path: 0 };
        assert_eq!(
            config.rule(&config.settings.stores[1], Some(grant)),
            "rule 2 of the store \"b\", {namespaces: [\"n\"], paths: [\"b\"]} (jasm.yaml:10)"
        );
    }
}
