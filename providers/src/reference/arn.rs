//! Amazon Resource Names: accepted only where they say what the store says.

use super::{Kind, PathError, Scope};

/// How many characters Secrets Manager puts after the name, behind a `-`.
const SUFFIX: usize = 6;

/// Whether a path is meant as an ARN; no kind has such a name.
pub(super) fn is_arn(path: &str) -> bool {
    path.get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case("arn:"))
}

/// The name in an ARN of this kind, region and account.
pub(super) fn name(kind: Kind, scope: &Scope, arn: &str) -> Result<String, PathError> {
    let Some(service) = service(kind) else {
        return Err(PathError(format!(
            "a {kind} store has no ARNs: write the path"
        )));
    };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, found, region, account, resource] = parts[..] else {
        return Err(PathError::new(
            "the ARN is incomplete: write arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE",
        ));
    };
    if found != service {
        return Err(PathError(format!(
            "the ARN is not one of {service}, which is what this store reads"
        )));
    }
    let Some(expected) = scope.region.as_deref() else {
        return Err(PathError::new(
            "an ARN cannot be checked: the operator has to set region on the store",
        ));
    };
    if region != expected {
        return Err(PathError(format!(
            "the ARN is of another region: this store reads {expected}"
        )));
    }
    if partition != partition_of(expected) {
        return Err(PathError(format!(
            "the ARN is of another partition: that of {expected} is {}",
            partition_of(expected)
        )));
    }
    let Some(expected) = scope.account.as_deref() else {
        return Err(PathError::new(
            "an ARN cannot be checked: the operator has to set account on the store",
        ));
    };
    if account != expected {
        return Err(PathError::new(
            "the ARN is of another account than this store's",
        ));
    }
    match kind {
        Kind::AwsParameterStore => parameter(resource),
        _ => secret(resource),
    }
}

/// `secret:NAME-XXXXXX`.
fn secret(resource: &str) -> Result<String, PathError> {
    let Some(full) = resource.strip_prefix("secret:") else {
        return Err(PathError::new(
            "the ARN is not one of a secret: it has to end in secret:NAME-XXXXXX",
        ));
    };
    without_suffix(full).map(str::to_owned).ok_or_else(|| {
        PathError::new(
            "the ARN is not complete: it has to end in a - and the six characters that AWS added",
        )
    })
}

/// A secret's name without what Secrets Manager adds to it in an ARN.
pub(crate) fn without_suffix(full: &str) -> Option<&str> {
    let (name, suffix) = full.rsplit_once('-')?;
    let added = suffix.len() == SUFFIX && suffix.chars().all(|c| c.is_ascii_alphanumeric());
    (added && !name.is_empty()).then_some(name)
}

/// `parameter/x` is the parameter `x`, `parameter/x/y` is `/x/y`.
fn parameter(resource: &str) -> Result<String, PathError> {
    match resource.strip_prefix("parameter/") {
        Some(name) if name.contains('/') => Ok(format!("/{name}")),
        Some(name) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err(PathError::new(
            "the ARN is not one of a parameter: it has to end in parameter/NAME",
        )),
    }
}

fn service(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::File | Kind::Vault => None,
        Kind::AwsSecretsManager => Some("secretsmanager"),
        Kind::AwsParameterStore => Some("ssm"),
        Kind::GcpSecretManager
        | Kind::GcpParameterManager
        | Kind::AzureKeyVault
        | Kind::AzureAppConfiguration => None,
    }
}

/// Which of the separate AWS clouds a region is in.
pub(crate) fn partition_of(region: &str) -> &'static str {
    const BY_START: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    BY_START
        .iter()
        .find(|(start, _)| region.starts_with(start))
        .map_or("aws", |(_, partition)| partition)
}
