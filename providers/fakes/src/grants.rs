//! Who may do what with which resource.

use std::sync::Mutex;

use crate::lock::lock;
use crate::wildcard;

#[derive(Debug)]
struct Grant {
    principal: String,
    permission: String,
    resource: String,
}

/// Nobody may anything, but for what was allowed.
#[derive(Debug, Default)]
pub struct Grants(Mutex<Vec<Grant>>);

impl Grants {
    /// `principal` may do everything with what `resource` matches; `*` is any run of characters in both.
    pub fn allow(&self, principal: &str, resource: &str) {
        self.permit(principal, "*", resource);
    }

    /// The same for what `permission` matches, as the cloud names it in its refusals:
    /// `secretmanager.versions.access`, `getSecret`, `secretsmanager:GetSecretValue`.
    pub fn permit(&self, principal: &str, permission: &str, resource: &str) {
        lock(&self.0).push(Grant {
            principal: principal.to_owned(),
            permission: permission.to_owned(),
            resource: resource.to_owned(),
        });
    }

    /// Takes back what was allowed with the same words, whatever it permitted.
    pub fn withdraw(&self, principal: &str, resource: &str) {
        lock(&self.0).retain(|grant| grant.principal != principal || grant.resource != resource);
    }

    /// Whether it may.
    #[must_use]
    pub fn allows(&self, principal: &str, permission: &str, resource: &str) -> bool {
        lock(&self.0).iter().any(|grant| {
            wildcard::matches(&grant.principal, principal)
                && wildcard::matches(&grant.permission, permission)
                && wildcard::matches(&grant.resource, resource)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Grants;

    #[test]
    fn a_permission_is_no_other_one() {
        let grants = Grants::default();
        grants.permit("a", "versions.render", "parameters/*");
        grants.allow("b", "parameters/x");
        let allows = |principal, permission| grants.allows(principal, permission, "parameters/x");
        assert!(allows("a", "versions.render") && allows("b", "versions.list"));
        assert!(!allows("a", "versions.list") && !allows("c", "versions.render"));
        grants.withdraw("a", "parameters/*");
        assert!(!allows("a", "versions.render"));
    }
}
