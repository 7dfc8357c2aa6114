//! AssumeRoleWithWebIdentity: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
//! AssumeRole: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html

use std::time::Duration;

use super::requests::{Refusal, escaped, xml};
use super::{Aws, signature};
use crate::jwks;
use crate::lock::lock;
use crate::time::{rfc3339, unix_now};
use crate::{Answer, Ask};

const ASSUME: &str = "AssumeRoleWithWebIdentity";
const ASSUME_SIGNED: &str = "AssumeRole";

pub(super) fn assume(aws: &Aws, ask: &Ask) -> Answer {
    assumed(aws, ask)
        .unwrap_or_else(|refusal| refusal.answer(ask))
        .operation(ASSUME)
}

fn assumed(aws: &Aws, ask: &Ask) -> Result<Answer, Refusal> {
    let asked = Asked::read(ask)?;
    let token = ask.field("WebIdentityToken").unwrap_or_default();
    let Asked {
        arn,
        session,
        seconds,
    } = asked;
    let roles = lock(&aws.roles);
    let role = roles.iter().find(|role| role.arn == arn);
    // A provider in IAM has its audiences; the roles' are taken for those.
    let audiences: Vec<&str> = roles.iter().map(|role| role.audience.as_str()).collect();
    let claims = aws.trust.check(&token, &audiences).map_err(|refusal| {
        let identity = |why: &str| Refusal::new(400, "InvalidIdentityToken", why);
        match refusal {
            jwks::Refusal::Malformed => identity("The ID Token provided is not a valid JWT."),
            jwks::Refusal::Issuer(issuer) => identity(&format!(
                "No OpenIDConnect provider found in your account for {issuer}"
            )),
            jwks::Refusal::Signature => {
                identity("Couldn't retrieve verification key from your identity provider")
            }
            jwks::Refusal::Expired => Refusal::new(
                400,
                "ExpiredTokenException",
                "Token expired: current date/time must be before it",
            ),
            jwks::Refusal::Audience => identity("Incorrect token audience"),
        }
    })?;
    // A role that is not there and one that does not trust are told apart by nobody.
    let role = role.filter(|role| role.admits(&claims)).ok_or_else(|| {
        Refusal::new(
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        )
        .by(&claims.subject)
    })?;
    let principal = role.session_arn(&session);
    let result = format!(
        "<SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken><Audience>{}</Audience>{}\
         <Provider>{}</Provider>",
        escaped(&claims.subject),
        escaped(&claims.audience),
        given(aws, &principal, &session, seconds),
        escaped(&claims.issuer),
    );
    // The session, and the ServiceAccount whose it is.
    Ok(xml(ASSUME, &result).by(format!("{} as {principal}", claims.subject)))
}

/// AssumeRole, which is signed.
pub(super) fn assume_signed(aws: &Aws, ask: &Ask) -> Answer {
    assumed_signed(aws, ask)
        .unwrap_or_else(|refusal| refusal.answer(ask))
        .operation(ASSUME_SIGNED)
}

fn assumed_signed(aws: &Aws, ask: &Ask) -> Result<Answer, Refusal> {
    let who = signature::caller(&aws.sessions, ask)?;
    let Asked {
        arn,
        session,
        seconds,
    } = Asked::read(ask)?;
    let roles = lock(&aws.roles);
    let role = roles.iter().find(|role| role.arn == arn);
    let role = role
        .filter(|role| role.admits_principal(&who))
        .ok_or_else(|| {
            let message = format!(
                "User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            );
            Refusal::new(403, "AccessDenied", message).by(&who)
        })?;
    let principal = role.session_arn(&session);
    let result = given(aws, &principal, &session, seconds);
    Ok(xml(ASSUME_SIGNED, &result).by(format!("{who} as {principal}")))
}

/// What both calls are asked with.
struct Asked {
    arn: String,
    session: String,
    seconds: u64,
}

impl Asked {
    fn read(ask: &Ask) -> Result<Self, Refusal> {
        let invalid =
            |what: &str| Refusal::new(400, "ValidationError", format!("{what} is not valid."));
        let field = |name: &str| ask.field(name).unwrap_or_default();
        let (arn, session) = (field("RoleArn"), field("RoleSessionName"));
        let fits = (2..=64).contains(&session.len())
            && session
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
        if !fits {
            return Err(invalid("roleSessionName"));
        }
        if !(20..=2048).contains(&arn.len()) {
            return Err(invalid("roleArn"));
        }
        let seconds = match ask.field("DurationSeconds") {
            None => 3600,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| (900..=43_200_u64).contains(seconds))
                .ok_or_else(|| invalid("durationSeconds"))?,
        };
        Ok(Self {
            arn,
            session,
            seconds,
        })
    }
}

/// A new session and its credentials, as both calls answer them.
fn given(aws: &Aws, principal: &str, session: &str, seconds: u64) -> String {
    let issued = aws.sessions.issue(principal, Duration::from_secs(seconds));
    format!(
        "<AssumedRoleUser><Arn>{principal}</Arn><AssumedRoleId>AROA0000000000000000:{session}</AssumedRoleId>\
         </AssumedRoleUser><Credentials><SessionToken>{}</SessionToken><SecretAccessKey>{}</SecretAccessKey>\
         <Expiration>{}</Expiration><AccessKeyId>{}</AccessKeyId></Credentials>",
        issued.token,
        issued.secret,
        rfc3339(unix_now() + seconds),
        issued.id,
    )
}

/// GetCallerIdentity, which everybody may whose signature is good.
pub(super) fn identity(aws: &Aws, ask: &Ask) -> Answer {
    const ACTION: &str = "GetCallerIdentity";
    let answer = match signature::caller(&aws.sessions, ask) {
        Ok(principal) => {
            let account = principal
                .split(':')
                .nth(4)
                .unwrap_or("000000000000")
                .to_owned();
            let result = format!(
                "<Arn>{}</Arn><UserId>AROA0000000000000000</UserId><Account>{}</Account>",
                escaped(&principal),
                escaped(&account)
            );
            xml(ACTION, &result).by(principal)
        }
        Err(refusal) => refusal.answer(ask),
    };
    answer.operation(ACTION)
}
