//! IAM roles for ServiceAccounts, without a pod: the ServiceAccount's token for the credentials of the role
//! that it names. <https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html>

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_sts::Client;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::Credentials;
use tokio::time::{Instant, timeout_at};

use super::role::{self, Issuer, LIFE};
use crate::reference::partition_of;
use crate::{Error, ErrorKind, Workload};

/// The annotation that names the role.
const ANNOTATION: &str = "eks.amazonaws.com/role-arn";
/// The annotation that names another audience than the usual one, as EKS's own webhook reads it.
const AUDIENCE_ANNOTATION: &str = "eks.amazonaws.com/audience";
/// What a ServiceAccount's token has to be for, if it does not say.
const AUDIENCE: &str = "sts.amazonaws.com";
const OPERATION: &str = "AssumeRoleWithWebIdentity";
/// Longest name of a session.
const NAME: usize = 64;

/// The role of a workload.
pub(super) struct WebIdentity {
    client: Client,
    workload: Arc<dyn Workload>,
    arn: String,
    audience: String,
}

impl WebIdentity {
    pub(super) fn new(
        client: Client,
        workload: Arc<dyn Workload>,
        place: (&str, Option<&str>),
    ) -> Result<Self, Error> {
        let arn = arn(workload.as_ref(), place)?;
        let audience = audience(workload.as_ref()).to_owned();
        Ok(Self {
            client,
            workload,
            arn,
            audience,
        })
    }

    /// What STS means: by its code; its words can quote the token's claims.
    fn refusal<E: ProvideErrorMetadata, R>(&self, error: &SdkError<E, R>) -> Error {
        let (namespace, name) = (self.workload.namespace(), self.workload.service_account());
        let (whose, arn, audience) = (format!("{namespace}/{name}"), &self.arn, &self.audience);
        let code = match error {
            SdkError::ServiceError(failure) => failure.err().code().unwrap_or_default(),
            _ => "",
        };
        let denied = |sentence: String| (ErrorKind::Denied, sentence);
        let (kind, sentence) = match code {
            "AccessDenied" | "AccessDeniedException" => denied(format!(
                "the role {arn} does not trust the ServiceAccount {whose}, or is not there: its trust policy has to allow \
                 sts:{OPERATION} to system:serviceaccount:{namespace}:{name} with the audience {audience}"
            )),
            "InvalidIdentityToken" | "InvalidIdentityTokenException" => denied(format!(
                "aws cannot verify the token of the ServiceAccount {whose}: create the IAM OIDC provider of this \
                 cluster's issuer, with the audience {audience}, in the account of {arn}"
            )),
            "IDPRejectedClaim" | "IDPRejectedClaimException" => denied(format!(
                "aws does not accept the claims of the token of the ServiceAccount {whose} for {arn}"
            )),
            "RegionDisabledException" => denied(
                "this region of aws gives no credentials to the role's account: enable it there"
                    .to_owned(),
            ),
            "ExpiredTokenException" | "ExpiredToken" => (
                ErrorKind::Unauthenticated,
                format!(
                    "aws takes the token of the ServiceAccount {whose} for expired: check the clocks"
                ),
            ),
            "ValidationError" | "ValidationException" | "MalformedPolicyDocument" => {
                denied(format!(
                    "aws refuses {arn} as the role of the ServiceAccount {whose}: check the annotation {ANNOTATION}"
                ))
            }
            "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => (
                ErrorKind::Throttled { after: None },
                format!("sts:{OPERATION} is throttled"),
            ),
            _ => (
                ErrorKind::Unavailable,
                format!("sts:{OPERATION} gives no credentials of {arn} now"),
            ),
        };
        match code {
            "" => Error::new(kind, sentence),
            code => Error::new(kind, sentence).with_code(code),
        }
    }
}

#[async_trait]
impl Issuer for WebIdentity {
    fn operation(&self) -> &'static str {
        OPERATION
    }

    async fn issue(&self, deadline: Instant) -> Result<Credentials, Error> {
        let token = self.workload.token(&self.audience, deadline).await?;
        let text = std::str::from_utf8(token.expose()).map_err(|_| {
            Error::new(
                ErrorKind::Integrity,
                "the ServiceAccount's token is not text",
            )
        })?;
        let request = self
            .client
            .assume_role_with_web_identity()
            .role_arn(&self.arn)
            .role_session_name(session_name(self.workload.as_ref()))
            .web_identity_token(text)
            .duration_seconds(LIFE);
        match timeout_at(deadline, request.send()).await {
            Ok(Ok(output)) => output.credentials.ok_or_else(|| role::garbage(OPERATION)),
            Ok(Err(error)) => Err(self.refusal(&error)),
            Err(_) => Err(Error::new(
                ErrorKind::Unavailable,
                format!("sts:{OPERATION} did not answer in time"),
            )),
        }
    }
}

impl fmt::Debug for WebIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentity")
            .field("arn", &self.arn)
            .field("workload", &self.workload)
            .finish_non_exhaustive()
    }
}

/// The role that a ServiceAccount names, if it is one of this part of AWS and, where the store names
/// one, of this account.
fn arn(workload: &dyn Workload, place: (&str, Option<&str>)) -> Result<String, Error> {
    let (region, account) = place;
    let whose = format!("{}/{}", workload.namespace(), workload.service_account());
    let partition = partition_of(region);
    let example = format!("arn:{partition}:iam::123456789012:role/reader");
    let denied = |sentence: String| Err(Error::new(ErrorKind::Denied, sentence));
    let Some(arn) = workload.annotation(ANNOTATION).filter(|it| !it.is_empty()) else {
        return denied(format!(
            "the ServiceAccount {whose} has no annotation {ANNOTATION}, which says as whom to read: write it, for example \
             {ANNOTATION}: {example} (an EKS Pod Identity association does not do: it works inside the pod only)"
        ));
    };
    let of = role::account_of(arn, partition);
    if let (Some(of), Some(account)) = (of, account)
        && of != account
    {
        return denied(format!(
            "the annotation {ANNOTATION} of the ServiceAccount {whose} names a role of the account {of}, and the store is of \
             the account {account}: write a role of that account"
        ));
    }
    if of.is_some() {
        return Ok(arn.to_owned());
    }
    denied(format!(
        "the annotation {ANNOTATION} of the ServiceAccount {whose} is not the ARN of a role: write it like {example}"
    ))
}

/// For whom the token of a workload is.
fn audience(workload: &dyn Workload) -> &str {
    workload
        .annotation(AUDIENCE_ANNOTATION)
        .filter(|it| !it.is_empty())
        .unwrap_or(AUDIENCE)
}

/// What the audit log of AWS shows: letters, digits and `_+=,.@-`, which names of Kubernetes keep to.
fn session_name(workload: &dyn Workload) -> String {
    let full = format!(
        "jasm-{}-{}",
        workload.namespace(),
        workload.service_account()
    );
    full.chars().take(NAME).collect()
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::SecretBytes;

    #[derive(Debug)]
    struct Account(Option<&'static str>);

    #[async_trait]
    impl Workload for Account {
        fn namespace(&self) -> &str {
            "shop"
        }

        fn service_account(&self) -> &str {
            "web"
        }

        fn annotation(&self, name: &str) -> Option<&str> {
            self.0.filter(|_| name == ANNOTATION)
        }

        async fn token(&self, _: &str, _: Instant) -> Result<SecretBytes, Error> {
            Err(Error::new(ErrorKind::Unsupported, "not asked for"))
        }
    }

    #[test]
    fn a_role_is_one_of_this_part_of_aws() {
        let good = [
            ("eu-west-1", "arn:aws:iam::123456789012:role/reader"),
            (
                "eu-west-1",
                "arn:aws:iam::123456789012:role/team/reader+=,.@-_x",
            ),
            ("cn-north-1", "arn:aws-cn:iam::123456789012:role/reader"),
        ];
        for (region, role) in good {
            assert_eq!(
                arn(&Account(Some(role)), (region, None)).as_deref(),
                Ok(role)
            );
        }
        let bad = [
            None,
            Some(""),
            Some("reader"),
            Some("arn:aws-cn:iam::123456789012:role/reader"),
            Some("arn:aws:iam::1234:role/reader"),
            Some("arn:aws:iam::123456789012:user/reader"),
            Some("arn:aws:iam::123456789012:role/"),
            Some("arn:aws:iam::123456789012:role/a b"),
        ];
        for role in bad {
            let error = arn(&Account(role), ("eu-west-1", None)).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Denied, "{role:?}");
            assert!(
                error.message.contains("shop/web") && error.message.contains(ANNOTATION),
                "{error}"
            );
        }
        let missing = arn(&Account(None), ("eu-west-1", None)).unwrap_err();
        assert!(missing.message.contains("EKS Pod Identity"), "{missing}");
    }

    #[test]
    fn a_role_of_another_account_reads_no_entries_of_this_one() {
        let role = "arn:aws:iam::123456789012:role/reader";
        let of = |account| arn(&Account(Some(role)), ("eu-west-1", Some(account)));
        assert_eq!(of("123456789012").as_deref(), Ok(role));
        let refused = of("210987654321").unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Denied);
        assert!(
            refused.message.contains("the account 210987654321"),
            "{refused}"
        );
    }

    #[test]
    fn a_session_is_named_after_who_reads() {
        assert_eq!(session_name(&Account(None)), "jasm-shop-web");
    }
}
