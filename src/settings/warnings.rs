//! What is allowed and yet hardly meant.

use super::Settings;

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

impl Settings {
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
            if store.allow.is_empty() && store.is_ruled() {
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
}
