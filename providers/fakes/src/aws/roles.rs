//! Roles and whom they trust.

use crate::Claims;
use crate::wildcard;

/// An IAM role with the trust policy that IRSA has, and one of principals of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub(super) arn: String,
    issuer: String,
    subjects: Vec<String>,
    principals: Vec<String>,
    pub(super) audience: String,
}

impl Role {
    /// A role that trusts tokens of this issuer for `sts.amazonaws.com`, of nobody yet.
    #[must_use]
    pub fn new(arn: &str, issuer: &str) -> Self {
        Self {
            arn: arn.to_owned(),
            issuer: issuer.to_owned(),
            subjects: Vec::new(),
            principals: Vec::new(),
            audience: "sts.amazonaws.com".to_owned(),
        }
    }

    /// Trusts this ServiceAccount; `*` is any run of characters, as in `StringLike`.
    #[must_use]
    pub fn trusts(mut self, namespace: &str, account: &str) -> Self {
        self.subjects
            .push(format!("system:serviceaccount:{namespace}:{account}"));
        self
    }

    /// Trusts this principal of AWS: who it is by the signature of a request.
    #[must_use]
    pub fn trusts_principal(mut self, principal: &str) -> Self {
        self.principals.push(principal.to_owned());
        self
    }

    /// Wants another audience.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        audience.clone_into(&mut self.audience);
        self
    }

    /// Whether the trust policy lets this token in.
    pub(super) fn admits(&self, claims: &Claims) -> bool {
        claims.issuer == self.issuer
            && claims.audience == self.audience
            && self
                .subjects
                .iter()
                .any(|subject| wildcard::matches(subject, &claims.subject))
    }

    /// Whether the trust policy lets this principal in.
    pub(super) fn admits_principal(&self, principal: &str) -> bool {
        self.principals.iter().any(|known| known == principal)
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`
    pub(super) fn session_arn(&self, session: &str) -> String {
        let account = self.account();
        let name = self.arn.rsplit_once('/').map_or("", |(_, name)| name);
        format!("arn:aws:sts::{account}:assumed-role/{name}/{session}")
    }

    pub(super) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }
}
