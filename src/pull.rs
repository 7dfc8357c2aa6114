//! The pull half: annotated pods to Secrets and ConfigMaps.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

pub mod annotation;
pub mod apply;
pub mod asked;
pub mod condition;
pub mod fetch;
pub mod index;
pub mod make;
pub mod merge;
pub mod observe;
pub mod plan;
pub mod pod;
pub mod pods;
pub mod reconcile;
pub mod reference;
pub mod render;
pub mod report;
pub mod request;
pub mod shares;
pub mod workload;

/// A short digest of plain data that is no secret: requests, names, version tokens.
#[must_use]
pub fn digest<T: Serialize + ?Sized>(data: &T) -> String {
    use std::fmt::Write as _;
    // Plain data with string keys cannot fail to serialise.
    let hash = Sha256::digest(serde_json::to_vec(data).unwrap_or_default());
    hash.iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
