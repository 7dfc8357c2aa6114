//! Names of entries, by the kind of their store. Pure.
//!
//! | kind | name | characters that change |
//! |---|---|---|
//! | Secrets Manager, Secret Manager, Parameter Manager | `{prefix}-{key}-{suffix}` | all but letters, digits, `-` and `_` become `_` |
//! | Key Vault | the same | all but letters, digits and `-` become `-`; case says nothing |
//! | Parameter Store | `{parameterPath}/{key}`, the path being `/{prefix}/{environment}` | all but letters, digits and `_.-` become `_` |
//! | App Configuration | `{prefix}:{environment}:{key}` | what JASM could not read back becomes `_` |
//!
//! In the first two rows `-` never stands at an end, nor twice in a row. What two keys would share is for
//! [`entries`](crate::push::entries) to refuse: a name is never made up to avoid another.

use jasm_providers::reference::{Kind, Scope};

use crate::push::crd::SecretManagerConfigSpec;
use crate::yaml::clip;

/// AWS counts the beginning of the ARN as part of a parameter's name: `PutParameter`, Name.
const PARAMETER_ARN: usize = 1011;
/// Characters of App Configuration's keys that JASM reads, besides letters and digits.
const APP_CONFIGURATION: &str = "/._-:@+=$";

/// A name that the store cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The name that it would be.
    pub name: String,
    /// One sentence, of which the name is the subject.
    pub message: String,
}

/// How the entries of one service are named.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    spec: &'a SecretManagerConfigSpec,
    prefix: &'a str,
}

impl<'a> Names<'a> {
    /// For the service of that name: `secrets.prefix` stands before it.
    #[must_use]
    pub fn new(spec: &'a SecretManagerConfigSpec, service: &'a str) -> Self {
        Self {
            spec,
            prefix: spec.secrets.prefix.as_deref().unwrap_or(service),
        }
    }

    /// The name of a key's entry in a store of that kind.
    ///
    /// # Errors
    /// The store has no such names.
    pub fn name(&self, kind: Kind, key: &str) -> Result<String, Refusal> {
        let name = match kind {
            Kind::AwsParameterStore => self.parameter(key),
            Kind::AzureAppConfiguration => self.app_configuration(key),
            Kind::AzureKeyVault => self.flat(key, "-"),
            _ => self.flat(key, "-_"),
        };
        let refuse = |message: String| {
            Err(Refusal {
                name: name.clone(),
                message,
            })
        };
        if !key.chars().any(|c| c.is_alphanumeric()) {
            return refuse(format!(
                "is made of the key \"{}\", which has no letter and no digit: rename it",
                clip(key)
            ));
        }
        if let Err(why) = kind.entry(&Scope::default(), &name, None) {
            return refuse(format!("is no name of {kind}: {why}"));
        }
        match self.reserved(kind, &name) {
            Some(why) => refuse(why),
            None => Ok(name),
        }
    }

    /// What the names of all entries of this service begin with; none where those of others may as well.
    #[must_use]
    pub fn beginning(&self, kind: Kind) -> Option<String> {
        let own = self.spec.secrets.prefix.is_none();
        let configs = self.spec.configs.as_ref();
        let begin = match kind {
            Kind::AwsParameterStore => {
                let path = configs.and_then(|configs| configs.parameter_path.as_ref());
                path.is_none().then(|| self.parameter(""))
            }
            Kind::AzureAppConfiguration => Some(self.app_configuration("")),
            Kind::AzureKeyVault => Some(dashed(&[self.prefix], "-") + "-"),
            _ => Some(dashed(&[self.prefix], "-_") + "-"),
        };
        begin.filter(|_| own)
    }

    fn flat(&self, key: &str, kept: &str) -> String {
        let suffix = self.spec.secrets.suffix.as_deref().unwrap_or_default();
        dashed(&[self.prefix, key, suffix.trim_start_matches('-')], kept)
    }

    fn parameter(&self, key: &str) -> String {
        let level = |text: &str| replaced(text, "_.-", '_').collect::<String>();
        let configs = self.spec.configs.as_ref();
        match configs.and_then(|configs| configs.parameter_path.as_deref()) {
            Some(path) => format!("{path}/{}", level(key)),
            None => format!(
                "/{}/{}/{}",
                level(self.prefix),
                level(&self.spec.secrets.environment),
                level(key)
            ),
        }
    }

    fn app_configuration(&self, key: &str) -> String {
        let configs = self.spec.configs.as_ref();
        let separator = configs
            .and_then(|configs| configs.key_separator.as_deref())
            .unwrap_or(":");
        let prefix: String = replaced(self.prefix, APP_CONFIGURATION, '_').collect();
        let key: String = replaced(key, APP_CONFIGURATION, '_').collect();
        let environment = &self.spec.secrets.environment;
        format!("{prefix}{separator}{environment}{separator}{key}")
    }

    /// Names that the service keeps for itself, beyond the grammar of the kind.
    fn reserved(&self, kind: Kind, name: &str) -> Option<String> {
        match kind {
            Kind::AwsParameterStore => self.reserved_parameter(name),
            // Azure: what begins so is a feature flag or another setting of the service's own.
            Kind::AzureAppConfiguration => name.starts_with(".appconfig.").then(|| {
                "begins with .appconfig., which App Configuration keeps for itself: change secrets.prefix".to_owned()
            }),
            _ => None,
        }
    }

    /// AWS: `PutParameter`, Name.
    fn reserved_parameter(&self, name: &str) -> Option<String> {
        let first = name.trim_start_matches('/');
        let begins = |word: &str| {
            first
                .get(..word.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        };
        if begins("aws") || begins("ssm") {
            return Some(
                "begins with aws or ssm, which Parameter Store keeps for itself: set configs.parameterPath".to_owned(),
            );
        }
        let region = self
            .spec
            .provider
            .aws
            .as_ref()
            .map_or("", |aws| &aws.region);
        let partition = if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else if region.starts_with("cn-") {
            "aws-cn"
        } else {
            "aws"
        };
        let arn = format!("arn:{partition}:ssm:{region}:123456789012:parameter").len();
        (arn + name.len() > PARAMETER_ARN).then(|| {
            format!(
                "has {} characters, and Parameter Store takes {}: shorten the key or configs.parameterPath",
                name.len(),
                PARAMETER_ARN - arn
            )
        })
    }
}

/// ASCII letters, digits and what is kept stay; all else becomes `other`.
fn replaced<'t>(text: &'t str, kept: &'t str, other: char) -> impl Iterator<Item = char> + 't {
    text.chars().map(move |c| {
        if c.is_ascii_alphanumeric() || kept.contains(c) {
            c
        } else {
            other
        }
    })
}

/// What two names of a kind have in common if the store takes them for one.
#[must_use]
pub fn folded(kind: Kind, name: &str) -> String {
    match kind {
        Kind::AzureKeyVault => name.to_ascii_lowercase(),
        _ => name.to_owned(),
    }
}

/// Parts with a dash between them, and none at an end or beside another.
fn dashed(parts: &[&str], kept: &str) -> String {
    let other = if kept.contains('_') { '_' } else { '-' };
    let mut name = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        name.push('-');
        name.extend(replaced(part, kept, other));
    }
    name.split('-')
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests;
