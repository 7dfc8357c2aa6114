//! What labels and annotations can be:
//! <https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets#Secret>

use serde_json::Value as Json;

use crate::gcp::error::Refused;

/// Names and values of all annotations.
const ANNOTATIONS: usize = 16 << 10;
/// Of one secret.
const LABELS: usize = 64;
const LONGEST: usize = 63;

/// Refuses what a secret or a parameter cannot have on it.
pub(in crate::gcp) fn check(body: &Json) -> Result<(), Refused> {
    let words = |field: &str| {
        let map = body.get(field).and_then(Json::as_object);
        let words = map.into_iter().flatten();
        words.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
    };
    let lower = |text: &str| {
        text.len() <= LONGEST
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    let labels: Vec<_> = words("labels").collect();
    let fits = |(name, value): &(String, String)| {
        name.starts_with(|c: char| c.is_ascii_lowercase()) && lower(name) && lower(value)
    };
    if labels.len() > LABELS || !labels.iter().all(fits) {
        return Err(Refused::invalid("labels are not valid."));
    }
    let annotations: Vec<_> = words("annotations").collect();
    let named = |(name, _): &(String, String)| {
        let edge = |c: char| c.is_ascii_alphanumeric();
        (1..=LONGEST).contains(&name.len())
            && name.starts_with(edge)
            && name.ends_with(edge)
            && name
                .chars()
                .all(|c| edge(c) || matches!(c, '-' | '_' | '.'))
    };
    let size: usize = annotations
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size >= ANNOTATIONS || !annotations.iter().all(named) {
        return Err(Refused::invalid("annotations are not valid."));
    }
    Ok(())
}
