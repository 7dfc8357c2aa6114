//! What is allowed and yet hardly meant.

use jasm_providers::reference::Kind;

use super::{Settings, Store};

/// Something that is allowed and yet hardly meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning<'a> {
    /// The store that it concerns.
    pub store: Option<&'a str>,
    /// The rule that it concerns.
    pub rule: Option<RuleAt>,
    /// One sentence.
    pub message: String,
}

/// A rule of a store, by its place in one of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleAt {
    /// In `allow`, from 0.
    Allow(usize),
    /// In `allowWrite`, from 0.
    AllowWrite(usize),
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
                    warn(Some(RuleAt::Allow(at)), message);
                }
                for pattern in rule.paths.iter().filter(|pattern| is_no_border(pattern)) {
                    warn(Some(RuleAt::Allow(at)), no_border(store, pattern, "read"));
                }
            }
            for (at, write) in store.allow_write.iter().enumerate() {
                for pattern in { write.rule.paths.iter() }.filter(|pattern| is_no_border(pattern)) {
                    let message = no_border(store, pattern, "write");
                    warn(Some(RuleAt::AllowWrite(at)), message);
                }
            }
        }
        warnings
    }
}

/// The placeholder of a path's pattern.
const NAMESPACE: &str = "{namespace}";

/// Whether names of a namespace whose name goes on behind a `-` fit the pattern too: a `*` follows the placeholder
/// with nothing between them that ends the name of a namespace (RFC 1123, label).
fn is_no_border(pattern: &str) -> bool {
    let of_a_namespace = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let mut behind = pattern.split(NAMESPACE).skip(1);
    behind.any(|rest| rest.trim_start_matches(of_a_namespace).starts_with('*'))
}

fn no_border(store: &Store, pattern: &str, what: &str) -> String {
    let instead = match store.backend.kind() {
        // Its names have letters, digits and "-" only.
        Kind::AzureKeyVault => {
            "write whole names, or give each tenant a vault of its own, as no pattern parts them here"
        }
        Kind::AwsParameterStore => "write \"/{namespace}/**\"",
        Kind::AzureAppConfiguration => "write \"{namespace}:*\"",
        Kind::AwsSecretsManager | Kind::GcpSecretManager | Kind::GcpParameterManager => {
            "write \"{namespace}_*\", as no namespace has \"_\" in its name"
        }
        Kind::File | Kind::Vault => "write \"{namespace}/**\"",
    };
    format!(
        "\"{pattern}\" lets a namespace {what} what is another's, if the other's name begins with its own: team-a that \
         of team-a-prod; {instead}"
    )
}
