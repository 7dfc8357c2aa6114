//! Who asks, and whether it may.

use super::error::Refused;
use super::{AUDIENCE, Gcp};
use crate::Ask;

/// Whose access token it is.
pub(super) fn principal(gcp: &Gcp, ask: &Ask) -> Result<String, Refused> {
    ask.bearer()
        .and_then(|token| gcp.tokens.who(token, AUDIENCE))
        .ok_or_else(Refused::unauthenticated)
}

/// The same, if it may do this here.
pub(super) fn allowed(
    gcp: &Gcp,
    ask: &Ask,
    permission: &str,
    resource: &str,
) -> Result<String, Refused> {
    let who = principal(gcp, ask)?;
    if gcp.grants.allows(&who, permission, resource) {
        Ok(who)
    } else {
        Err(Refused::denied(permission, resource).by(&who))
    }
}
