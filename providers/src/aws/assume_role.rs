//! A role that the program takes on by its own rights.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::fmt;

use async_trait::async_trait;
use aws_sdk_sts::Client;
use aws_sdk_sts::types::Credentials;
use tokio::time::{Instant, timeout_at};

use super::classify::{self, About};
use super::role::{self, Issuer, LIFE};
use crate::reference::partition_of;
use crate::{Error, ErrorKind};

const OPERATION: &str = "AssumeRole";
const ACTION: &str = "sts:AssumeRole";

/// A role, and the name under which CloudTrail knows who acts.
pub(super) struct AssumeRole {
    client: Client,
    arn: String,
    session: String,
}

impl AssumeRole {
    /// `client` signs with the program's own credentials; `place` is the store's region and account.
    pub(super) fn new(
        client: Client,
        (arn, session): (String, String),
        place: (&str, Option<&str>),
    ) -> Result<Self, Error> {
        check(&arn, &session, place)?;
        Ok(Self {
            client,
            arn,
            session,
        })
    }

    /// STS tells a role that is not there, one that does not trust and a right that lacks apart by nothing.
    fn explained(&self, error: Error) -> Error {
        let arn = &self.arn;
        let message = match error.code.as_deref() {
            Some("AccessDenied" | "AccessDeniedException") => format!(
                "jasm may not take on the role {arn}, or it is not there: its trust policy has to allow {ACTION} to \
                 jasm's own identity, and that identity needs {ACTION} on it"
            ),
            Some("RegionDisabledException") => {
                "this region of aws gives no credentials to the role's account: enable it there"
                    .to_owned()
            }
            _ => return error,
        };
        Error {
            kind: ErrorKind::Denied,
            message,
            ..error
        }
    }
}

#[async_trait]
impl Issuer for AssumeRole {
    fn operation(&self) -> &'static str {
        OPERATION
    }

    async fn issue(&self, deadline: Instant) -> Result<Credentials, Error> {
        let about = About {
            action: ACTION,
            writes: true,
            subject: Some(&self.arn),
        };
        let request = self
            .client
            .assume_role()
            .role_arn(&self.arn)
            .role_session_name(&self.session)
            .duration_seconds(LIFE);
        match timeout_at(deadline, request.send()).await {
            Ok(Ok(output)) => output.credentials.ok_or_else(|| role::garbage(OPERATION)),
            Ok(Err(error)) => Err(self.explained(classify::sdk_error(&error, about))),
            Err(_) => Err(classify::late(about)),
        }
    }
}

impl fmt::Debug for AssumeRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssumeRole")
            .field("arn", &self.arn)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}

/// A role of the store's part of AWS and, where the store names one, of its account; a name that STS takes.
fn check(arn: &str, session: &str, (region, account): (&str, Option<&str>)) -> Result<(), Error> {
    let partition = partition_of(region);
    let denied = |sentence: String| Err(Error::new(ErrorKind::Denied, sentence));
    let Some(of) = role::account_of(arn, partition) else {
        return denied(format!(
            "{arn:?} is not the ARN of a role in this part of aws: write it like arn:{partition}:iam::123456789012:role/writer"
        ));
    };
    if let Some(account) = account.filter(|account| *account != of) {
        return denied(format!(
            "the role {arn} is of the account {of}, and the store is of the account {account}: write a role of that account"
        ));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if !(2..=64).contains(&session.len()) || !session.chars().all(plain) {
        let sentence = format!(
            "{session:?} cannot name a session at aws: 2 to 64 letters, digits and _+=,.@- are taken"
        );
        return Err(Error::new(ErrorKind::Invalid, sentence));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/writer";

    #[test]
    fn a_role_is_of_the_stores_part_and_account() {
        let place = ("eu-west-1", Some("123456789012"));
        assert_eq!(check(ROLE, "jasm-shop-config", place), Ok(()));
        assert_eq!(check(ROLE, "jasm-shop-config", ("eu-west-1", None)), Ok(()));
        let kind = |arn, place| check(arn, "jasm", place).map_err(|error| error.kind);
        let denied = Err(ErrorKind::Denied);
        assert_eq!(kind(ROLE, ("eu-west-1", Some("210987654321"))), denied);
        assert_eq!(kind(ROLE, ("cn-north-1", None)), denied);
        for arn in ["", "writer", "arn:aws:iam::123456789012:user/writer"] {
            assert_eq!(kind(arn, place), denied, "{arn}");
        }
    }

    #[test]
    fn a_session_has_a_name_that_sts_takes() {
        let fits = |session: &str| check(ROLE, session, ("eu-west-1", None)).is_ok();
        assert!(fits("ab") && fits(&"a".repeat(64)) && fits("jasm@prod,shop=x"));
        assert!(!fits("") && !fits("a") && !fits(&"a".repeat(65)) && !fits("a/b") && !fits("a b"));
    }
}
