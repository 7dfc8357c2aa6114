//! What the CRD says in CEL, for where no API server reads it. Pure.
//!
//! Each sentence is the CRD's own; a test holds that none of its rules is missing here.

use crate::push::crd::{Cloud, SecretManagerConfigSpec, SourceKind};
use crate::push::interval::interval;
use crate::yaml::{self, Node, Problem};

/// The node at the end of a chain of fields.
pub(super) fn at<'a>(node: &'a Node, path: &[&str]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, name| match &node.value {
        yaml::Value::Map(pairs) => { pairs.iter() }
            .find(|(key, _)| key.raw() == *name)
            .map(|(_, value)| value),
        _ => None,
    })
}

/// The rules that an object breaks, each at the field that it is about.
pub(super) fn broken(node: &Node, name: &str, spec: &SecretManagerConfigSpec) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (holds, path, message) in all(name, spec) {
        if holds {
            continue;
        }
        let nearest = { (0..=path.len()).rev() }.find_map(|length| at(node, &path[..length]));
        problems.push(nearest.unwrap_or(node).problem(message));
    }
    problems
}

/// Whether each rule holds, what it is about, and how it is said.
fn all(name: &str, spec: &SecretManagerConfigSpec) -> Vec<(bool, Vec<&'static str>, &'static str)> {
    let (source, provider, secrets) = (&spec.source_ref, &spec.provider, &spec.secrets);
    let configs = spec.configs.clone().unwrap_or_default();
    let cloud = provider.r#type;
    vec![
        (
            is_label(name),
            vec!["metadata", "name"],
            "metadata.name must be up to 63 lower-case letters, digits and \"-\": it is part of the mark on every entry",
        ),
        (
            cloud == Cloud::Azure
                || (configs.app_config_endpoint.is_none()
                    && configs.label.is_none()
                    && configs.key_separator.is_none()),
            vec!["spec", "configs"],
            "configs.appConfigEndpoint, label and keySeparator are for provider type azure",
        ),
        (
            cloud == Cloud::Aws || configs.parameter_path.is_none(),
            vec!["spec", "configs", "parameterPath"],
            "configs.parameterPath is for provider type aws",
        ),
        (
            cloud == Cloud::Gcp || configs.store.is_none(),
            vec!["spec", "configs", "store"],
            "configs.store is for provider type gcp",
        ),
        (
            cloud != Cloud::Azure || !configs.enabled || configs.app_config_endpoint.is_some(),
            vec!["spec", "configs"],
            "configs.appConfigEndpoint is required with provider type azure and configs.enabled: write the endpoint of \
             the App Configuration store",
        ),
        (
            spec.drift_interval
                .as_deref()
                .is_none_or(|text| interval(text).is_some()),
            vec!["spec", "driftInterval"],
            "driftInterval must be a duration of at least 1m, such as 1h30m",
        ),
        (
            source.git_credentials.is_none() || source.kind == SourceKind::Application,
            vec!["spec", "sourceRef", "gitCredentials"],
            "gitCredentials are for kind Application: Flux has its own",
        ),
        (
            provider.aws.is_some() == (cloud == Cloud::Aws)
                && provider.gcp.is_some() == (cloud == Cloud::Gcp)
                && provider.azure.is_some() == (cloud == Cloud::Azure),
            vec!["spec", "provider"],
            "exactly the block that type names must be there: aws, gcp or azure",
        ),
        (
            secrets.kustomize_path.is_none() || secrets.base_path.is_none(),
            vec!["spec", "secrets"],
            "write kustomizePath or basePath, not both",
        ),
        (
            secrets.kustomize_path.as_deref().is_none_or(is_below),
            vec!["spec", "secrets", "kustomizePath"],
            "kustomizePath must be a path below the source's root",
        ),
        (
            secrets.base_path.as_deref().is_none_or(is_below),
            vec!["spec", "secrets", "basePath"],
            "basePath must be a path below the source's root",
        ),
    ]
}

/// A label of DNS (RFC 1123), as names of objects and namespaces are one.
#[must_use]
pub fn is_label(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    name.len() <= 63
        && bytes.iter().all(|b| plain(*b) || *b == b'-')
        && bytes.first().is_some_and(|b| plain(*b))
        && bytes.last().is_some_and(|b| plain(*b))
}

fn is_below(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|part| part != "..")
}
