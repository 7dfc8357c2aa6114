//! The rights that reading needs, as IAM knows them. Pure.
//!
//! What each call needs: "Actions, resources, and condition keys" of AWS Secrets Manager and of
//! AWS Systems Manager in the Service Authorization Reference.

use std::collections::BTreeSet;

use crate::reference::partition_of;
use crate::{EntryRef, Kind, Prefix, Scope};

use super::{parameter_store, secrets_manager};

/// What is read of one store.
#[derive(Debug, Clone, Default)]
pub struct Reads {
    /// Single entries.
    pub entries: BTreeSet<EntryRef>,
    /// Everything below a path.
    pub prefixes: BTreeSet<Prefix>,
}

/// Actions on resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// A word for what it is good for: `Read`, `Batch`, `List`.
    pub purpose: &'static str,
    /// The actions.
    pub actions: Vec<&'static str>,
    /// ARNs with `*` and `?`, sorted.
    pub resources: Vec<String>,
}

/// The least rights for these reads; none for a kind that is not of AWS.
///
/// Where the account is not known, `*` stands for it.
#[must_use]
pub fn rights(kind: Kind, scope: &Scope, reads: &Reads) -> Vec<Right> {
    let rights = match kind {
        Kind::File | Kind::Vault => Vec::new(),
        Kind::AwsSecretsManager => secrets(scope, reads),
        Kind::AwsParameterStore => parameters(scope, reads),
        Kind::GcpSecretManager
        | Kind::GcpParameterManager
        | Kind::AzureKeyVault
        | Kind::AzureAppConfiguration => Vec::new(),
    };
    rights
        .into_iter()
        .filter(|right| !right.resources.is_empty())
        .collect()
}

fn secrets(scope: &Scope, reads: &Reads) -> Vec<Right> {
    let entries = reads
        .entries
        .iter()
        // AWS adds six characters to a secret's name in its ARN.
        .map(|entry| {
            arn(
                "secretsmanager",
                scope,
                &format!("secret:{}-??????", entry.path),
            )
        });
    let below = reads.prefixes.iter().map(|prefix| {
        let base = match prefix.base.as_str() {
            "" => "*".to_owned(),
            base => format!("{base}/*"),
        };
        arn("secretsmanager", scope, &format!("secret:{base}"))
    });
    let all = |needed: bool| needed.then(|| "*".to_owned()).into_iter();
    // Two current values that are asked for at one time go together; a version goes alone.
    let current = reads.entries.iter().filter(|entry| entry.version.is_none());
    let batches = current.count() > 1 || !reads.prefixes.is_empty();
    vec![
        right("Read", &[secrets_manager::GET], entries.chain(below)),
        // Neither call knows resources: what it may give is decided by the right above.
        right("Batch", &[secrets_manager::BATCH_GET], all(batches)),
        right(
            "List",
            &[secrets_manager::LIST],
            all(!reads.prefixes.is_empty()),
        ),
    ]
}

fn parameters(scope: &Scope, reads: &Reads) -> Vec<Right> {
    let entries = reads
        .entries
        .iter()
        .map(|entry| arn("ssm", scope, &parameter(&entry.path)));
    // A call by path is checked against the path itself and, for what is below it, the second form.
    let below = reads.prefixes.iter().flat_map(|prefix| {
        let base = parameter(&prefix.base);
        let base = base.trim_end_matches('/');
        let itself = (!prefix.base.is_empty()).then(|| arn("ssm", scope, base));
        itself
            .into_iter()
            .chain([arn("ssm", scope, &format!("{base}/*"))])
    });
    vec![
        // One name or ten, it is the same call.
        right("Read", &[parameter_store::GET_MANY], entries),
        right("List", &[parameter_store::GET_BY_PATH], below),
    ]
}

/// The parameter `/x/y` is `parameter/x/y`, and `x` is `parameter/x`.
fn parameter(name: &str) -> String {
    format!("parameter/{}", name.strip_prefix('/').unwrap_or(name))
}

fn arn(service: &str, scope: &Scope, resource: &str) -> String {
    let region = scope.region.as_deref().unwrap_or("*");
    let account = scope.account.as_deref().unwrap_or("*");
    let partition = partition_of(region);
    format!("arn:{partition}:{service}:{region}:{account}:{resource}")
}

fn right(
    purpose: &'static str,
    actions: &[&'static str],
    resources: impl Iterator<Item = String>,
) -> Right {
    let resources: BTreeSet<_> = resources.collect();
    Right {
        purpose,
        actions: actions.to_vec(),
        resources: resources.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(kind: Kind, entries: &[(&str, Option<&str>)], prefixes: &[&str]) -> Vec<String> {
        let scope = Scope {
            region: Some("eu-west-1".to_owned()),
            account: Some("123456789012".to_owned()),
            ..Scope::default()
        };
        let reads = Reads {
            entries: entries
                .iter()
                .map(|(path, version)| kind.entry(&scope, path, *version).unwrap())
                .collect(),
            prefixes: prefixes
                .iter()
                .map(|path| kind.prefix(&scope, path).unwrap())
                .collect(),
        };
        let lines = rights(kind, &scope, &reads).into_iter().map(|right| {
            let resources = right.resources.join(" ");
            let resources = resources.replace(":eu-west-1:123456789012:", "::");
            format!("{} {} {resources}", right.purpose, right.actions.join(" "))
        });
        lines.collect()
    }

    #[test]
    fn one_secret_needs_one_right() {
        assert_eq!(
            reads(Kind::AwsSecretsManager, &[("/shop/db", None)], &[]),
            ["Read secretsmanager:GetSecretValue arn:aws:secretsmanager::secret:/shop/db-??????"]
        );
    }

    #[test]
    fn several_current_secrets_go_in_batches_and_versions_do_not() {
        let batch = "Batch secretsmanager:BatchGetSecretValue *".to_owned();
        let two = reads(Kind::AwsSecretsManager, &[("a", None), ("b", None)], &[]);
        assert!(two.contains(&batch), "{two:?}");
        let versions = [("a", None), ("a", Some("AWSPREVIOUS"))];
        let two = reads(Kind::AwsSecretsManager, &versions, &[]);
        assert_eq!(two.len(), 1, "{two:?}");
    }

    #[test]
    fn a_prefix_is_listed_and_read() {
        assert_eq!(
            reads(Kind::AwsSecretsManager, &[], &["shop/**"]),
            [
                "Read secretsmanager:GetSecretValue arn:aws:secretsmanager::secret:shop/*",
                "Batch secretsmanager:BatchGetSecretValue *",
                "List secretsmanager:ListSecrets *",
            ]
        );
    }

    #[test]
    fn parameters_are_read_by_name_and_by_path() {
        assert_eq!(
            reads(
                Kind::AwsParameterStore,
                &[("/shop/x", Some("3")), ("plain", None)],
                &["/shop/config/**"]
            ),
            [
                "Read ssm:GetParameters arn:aws:ssm::parameter/plain arn:aws:ssm::parameter/shop/x",
                "List ssm:GetParametersByPath arn:aws:ssm::parameter/shop/config arn:aws:ssm::parameter/shop/config/*",
            ]
        );
        assert_eq!(
            reads(Kind::AwsParameterStore, &[], &["/**"]),
            ["List ssm:GetParametersByPath arn:aws:ssm::parameter/*"]
        );
    }

    #[test]
    fn an_unknown_account_is_a_star_and_a_file_needs_nothing() {
        let scope = Scope {
            region: Some("cn-north-1".to_owned()),
            account: None,
            ..Scope::default()
        };
        let entry = Kind::AwsParameterStore.entry(&scope, "/a", None).unwrap();
        let reads = Reads {
            entries: [entry].into(),
            prefixes: BTreeSet::new(),
        };
        let found = rights(Kind::AwsParameterStore, &scope, &reads);
        assert_eq!(
            found[0].resources,
            ["arn:aws-cn:ssm:cn-north-1:*:parameter/a"]
        );
        assert_eq!(rights(Kind::File, &scope, &reads), []);
    }
}
