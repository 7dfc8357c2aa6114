//! The option `identity`, on a pod or in a request.

use crate::pull::request::ReadAs;
use crate::yaml;

/// An annotation may ask to be read as the pod, never as the controller: that is the operator's word.
///
/// # Errors
/// One sentence about any other word.
pub(super) fn parse(word: &str) -> Result<ReadAs, String> {
    match word {
        "workload" => Ok(ReadAs::Workload),
        "controller" => Err(
            "\"identity: controller\" is not for an annotation to say: the operator's config says it of a store; \
             remove it, or write workload to read as the pod's ServiceAccount"
                .to_owned(),
        ),
        other => Err(yaml::unknown("identity", other, &["workload"])),
    }
}
