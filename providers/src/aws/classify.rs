//! What an AWS error means: by its code first, by the HTTP status second.
//!
//! Messages are looked at for two documented phrases and never kept: an error of the SDK embeds
//! the raw answer, and a truncated answer is the secret itself.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};

use crate::{Error, ErrorKind, advice};

/// How AWS, and moto, say that a secret waits for its deletion.
const DELETED: [&str; 4] = [
    "marked for deletion",
    "marked deleted",
    "scheduled for deletion",
    "was deleted",
];
/// How they say that it is the key that refuses.
const KEY: [&str; 2] = ["kms", "ciphertext refers to"];

/// What was asked, for the sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The IAM action, which is also what grants it (`secretsmanager:GetSecretValue`).
    pub(super) action: &'static str,
    /// Whether it is asked for in order to write.
    pub(super) writes: bool,
    /// The entry or the prefix; none for a batch.
    pub(super) subject: Option<&'a str>,
}

impl About<'_> {
    fn what(&self) -> String {
        self.subject
            .map_or_else(|| "several entries".to_owned(), str::to_owned)
    }

    /// What is to be granted: tags that come with a new entry are a right of their own.
    fn rights(&self) -> &'static str {
        match self.action {
            "secretsmanager:CreateSecret" => "it and secretsmanager:TagResource",
            "ssm:PutParameter" => "it and ssm:AddTagsToResource",
            _ => "it",
        }
    }

    /// What its identity is for.
    fn purpose(&self) -> &'static str {
        if self.writes { "writes" } else { "reads" }
    }
}

/// A class, with the sentence that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    NotFound,
    Gone,
    Denied,
    DeniedKey,
    Unauthenticated,
    Clock,
    Invalid,
    TooLarge,
    Throttled,
    Failing,
    Unsupported,
    Exists,
    Quota,
}

/// Every code that is known. Which service sends which does not matter: none means two things.
const CODES: &[(&str, Class)] = &[
    ("ResourceNotFoundException", Class::NotFound),
    ("ParameterNotFound", Class::NotFound),
    ("ParameterVersionNotFound", Class::NotFound),
    ("ParameterVersionLabelNotFound", Class::NotFound),
    ("AccessDeniedException", Class::Denied),
    ("AccessDenied", Class::Denied),
    ("UnauthorizedOperation", Class::Denied),
    ("NotAuthorized", Class::Denied),
    ("OptInRequired", Class::Denied),
    ("SubscriptionRequiredException", Class::Denied),
    ("DecryptionFailure", Class::DeniedKey),
    ("EncryptionFailure", Class::DeniedKey),
    ("InvalidKeyId", Class::DeniedKey),
    ("KMSAccessDeniedException", Class::DeniedKey),
    ("KMSDisabledException", Class::DeniedKey),
    ("KMSInvalidStateException", Class::DeniedKey),
    ("KMSNotFoundException", Class::DeniedKey),
    ("ExpiredToken", Class::Unauthenticated),
    ("ExpiredTokenException", Class::Unauthenticated),
    ("UnrecognizedClientException", Class::Unauthenticated),
    ("InvalidClientTokenId", Class::Unauthenticated),
    ("InvalidAccessKeyId", Class::Unauthenticated),
    ("InvalidSignatureException", Class::Unauthenticated),
    ("SignatureDoesNotMatch", Class::Unauthenticated),
    ("IncompleteSignature", Class::Unauthenticated),
    ("IncompleteSignatureException", Class::Unauthenticated),
    ("MissingAuthenticationToken", Class::Unauthenticated),
    (
        "MissingAuthenticationTokenException",
        Class::Unauthenticated,
    ),
    ("AuthFailure", Class::Unauthenticated),
    ("InvalidToken", Class::Unauthenticated),
    ("TokenRefreshRequired", Class::Unauthenticated),
    ("RequestExpired", Class::Clock),
    ("RequestTimeTooSkewed", Class::Clock),
    ("InvalidParameterException", Class::Invalid),
    ("InvalidRequestException", Class::Invalid),
    ("InvalidNextToken", Class::Invalid),
    ("InvalidNextTokenException", Class::Invalid),
    ("InvalidFilterKey", Class::Invalid),
    ("InvalidFilterOption", Class::Invalid),
    ("InvalidFilterValue", Class::Invalid),
    ("ValidationException", Class::Invalid),
    ("ValidationError", Class::Invalid),
    ("SerializationException", Class::Invalid),
    ("HierarchyLevelLimitExceededException", Class::Invalid),
    ("HierarchyTypeMismatchException", Class::Invalid),
    ("ParameterPatternMismatchException", Class::Invalid),
    ("InvalidResourceId", Class::Invalid),
    ("InvalidResourceType", Class::Invalid),
    ("ResourceExistsException", Class::Exists),
    ("ParameterAlreadyExists", Class::Exists),
    ("ParameterLimitExceeded", Class::Quota),
    ("ParameterMaxVersionLimitExceeded", Class::Quota),
    ("TooManyTagsError", Class::Quota),
    ("TooManyUpdates", Class::Throttled),
    ("RequestEntityTooLarge", Class::TooLarge),
    ("EntityTooLarge", Class::TooLarge),
    ("Throttling", Class::Throttled),
    ("ThrottlingException", Class::Throttled),
    ("ThrottledException", Class::Throttled),
    ("RequestThrottled", Class::Throttled),
    ("RequestThrottledException", Class::Throttled),
    ("TooManyRequestsException", Class::Throttled),
    ("RequestLimitExceeded", Class::Throttled),
    ("LimitExceededException", Class::Throttled),
    ("ProvisionedThroughputExceededException", Class::Throttled),
    ("BandwidthLimitExceeded", Class::Throttled),
    ("SlowDown", Class::Throttled),
    ("KMSThrottlingException", Class::Throttled),
    ("InternalServiceError", Class::Failing),
    ("InternalServiceErrorException", Class::Failing),
    ("InternalServerError", Class::Failing),
    ("InternalServerException", Class::Failing),
    ("InternalFailure", Class::Failing),
    ("ServiceUnavailable", Class::Failing),
    ("ServiceUnavailableException", Class::Failing),
    ("RequestTimeout", Class::Failing),
    ("RequestTimeoutException", Class::Failing),
    ("UnknownOperationException", Class::Unsupported),
    ("UnknownOperation", Class::Unsupported),
    ("InvalidAction", Class::Unsupported),
    ("UnsupportedOperation", Class::Unsupported),
    ("UnsupportedParameterType", Class::Unsupported),
];

/// An error of the SDK, as ours. Nothing of it is kept but its code.
pub(super) fn sdk_error<E>(error: &SdkError<E, HttpResponse>, about: About<'_>) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let unavailable = |sentence: String| Error::new(ErrorKind::Unavailable, sentence);
    match error {
        SdkError::ConstructionFailure(_) => credentials(error.source()).unwrap_or_else(|| {
            let sentence = format!(
                "{} cannot be asked: check the store's region and endpoint",
                about.action
            );
            Error::new(ErrorKind::Invalid, sentence)
        }),
        SdkError::TimeoutError(_) => {
            unavailable(format!("{} did not answer in time", about.action))
        }
        SdkError::DispatchFailure(failure) => credentials(error.source()).unwrap_or_else(|| {
            let reason = if failure.is_timeout() {
                "did not answer in time"
            } else if failure.is_io() {
                "cannot be reached: check the store's region, endpoint and caFile, and the network"
            } else {
                // A handshake that failed, or credentials that did not come in time.
                "could not be sent: check the store's endpoint and caFile, and where the credentials come from"
            };
            unavailable(format!("{} {reason}", about.action))
        }),
        SdkError::ResponseError(failure) => match failure.raw().body().bytes() {
            // It came whole but is not what it should be.
            Some(_) => by_status(
                failure.raw().status().as_u16(),
                retry_after(failure.raw()),
                about,
            ),
            None => unavailable(format!(
                "the answer of {} broke off before its end",
                about.action
            )),
        },
        SdkError::ServiceError(failure) => {
            let (status, after) = (failure.raw().status().as_u16(), retry_after(failure.raw()));
            match failure.err().code().filter(|code| !code.is_empty()) {
                Some(code) => by_code(code, failure.err().message(), Some(status), after, about),
                None => by_status(status, after, about),
            }
        }
        // The enum is open; what is new in it is no reason to stop trying.
        _ => unavailable(format!("{} failed", about.action)),
    }
}

/// The error of one item of a batch.
pub(super) fn item(code: Option<&str>, message: Option<&str>, about: About<'_>) -> Error {
    match code.filter(|code| !code.is_empty()) {
        Some(code) => by_code(code, message, None, None, about),
        None => error(
            ErrorKind::Unavailable,
            format!(
                "{} failed for {} and says no reason",
                about.action,
                about.what()
            ),
        ),
    }
}

/// The call did not end before its deadline.
pub(super) fn late(about: About<'_>) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        format!("{} did not answer in time", about.action),
    )
}

/// A missing entry that a batch call only lists.
pub(super) fn missing(about: About<'_>) -> Error {
    sentence(Class::NotFound, None, about)
}

pub(super) fn by_code(
    code: &str,
    message: Option<&str>,
    status: Option<u16>,
    after: Option<Duration>,
    about: About<'_>,
) -> Error {
    let class = CODES
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, class)| *class);
    let says = |phrases: &[&str]| {
        let message = message.unwrap_or_default().to_ascii_lowercase();
        phrases.iter().any(|phrase| message.contains(phrase))
    };
    let class = match class {
        // One code for every misuse; a secret that waits for its deletion is the one we can meet.
        Some(Class::Invalid) if code == "InvalidRequestException" && says(&DELETED) => Class::Gone,
        // The right to the entry is there, the one to its key is not.
        Some(Class::Denied) if says(&KEY) => Class::DeniedKey,
        // Of a write it is a quota of the account, which waiting does not raise.
        Some(Class::Throttled) if about.writes && code == "LimitExceededException" => Class::Quota,
        Some(class) => class,
        None => return by_status(status.unwrap_or(500), after, about).with_code(code),
    };
    sentence(class, after, about).with_code(code)
}

pub(super) fn by_status(status: u16, after: Option<Duration>, about: About<'_>) -> Error {
    let class = match status {
        200..300 => {
            let sentence = format!(
                "the answer of {} cannot be understood (HTTP {status})",
                about.action
            );
            return error(ErrorKind::Integrity, sentence);
        }
        300..400 => {
            let sentence = format!(
                "{} is answered with a redirect, and none is followed: write the address that it leads to into the \
                 store's config",
                about.action
            );
            return error(ErrorKind::Invalid, sentence);
        }
        400 | 422 => Class::Invalid,
        401 => Class::Unauthenticated,
        403 => Class::Denied,
        413 => Class::TooLarge,
        429 => Class::Throttled,
        // Above all 404: what does not speak AWS's language cannot say that an entry is missing.
        _ => {
            return error(
                ErrorKind::Unavailable,
                format!("{} failed with HTTP {status}", about.action),
            );
        }
    };
    sentence(class, after, about)
}

fn sentence(class: Class, after: Option<Duration>, about: About<'_>) -> Error {
    let (action, what) = (about.action, about.what());
    match class {
        Class::NotFound => error(
            ErrorKind::NotFound,
            format!("there is no {what}, or not in this version"),
        ),
        Class::Gone => error(
            ErrorKind::Gone,
            format!("{what} is marked for deletion: restore it, or ask for another"),
        ),
        Class::Denied => error(
            ErrorKind::Denied,
            format!(
                "{action} is not allowed for {what}: grant {} to the identity that {} this store",
                about.rights(),
                about.purpose()
            ),
        ),
        Class::DeniedKey if about.writes => error(
            ErrorKind::Denied,
            format!(
                "{what} cannot be encrypted: grant kms:GenerateDataKey and kms:Decrypt on its key, and see that the key is enabled"
            ),
        ),
        Class::DeniedKey => error(
            ErrorKind::Denied,
            format!(
                "{what} cannot be decrypted: grant kms:Decrypt on its key, and see that the key is enabled"
            ),
        ),
        Class::Unauthenticated => error(
            ErrorKind::Unauthenticated,
            "aws does not accept the credentials of this store's identity".to_owned(),
        ),
        Class::Clock => error(
            ErrorKind::Unauthenticated,
            "aws does not accept the time of this machine: set its clock".to_owned(),
        ),
        Class::Invalid => error(
            ErrorKind::Invalid,
            format!("{action} refuses the request for {what} as malformed"),
        ),
        Class::TooLarge => error(
            ErrorKind::TooLarge,
            format!("{action} refuses the request for {what} as too large"),
        ),
        Class::Throttled => error(
            ErrorKind::Throttled { after },
            format!("{action} is throttled"),
        ),
        Class::Failing => error(
            ErrorKind::Unavailable,
            format!("{action} fails on the side of aws"),
        ),
        Class::Unsupported => error(
            ErrorKind::Unsupported,
            format!("{action} is not known at this endpoint"),
        ),
        Class::Exists => error(
            ErrorKind::Invalid,
            format!("{action} finds {what} there already"),
        ),
        Class::Quota => error(
            ErrorKind::TooLarge,
            format!(
                "{action} would exceed a quota of the account with {what}: raise the quota, or delete entries, versions or labels that nobody needs"
            ),
        ),
    }
}

fn error(kind: ErrorKind, sentence: String) -> Error {
    Error::new(kind, sentence)
}

/// A body that is not what the API promises.
pub(super) fn garbage(about: About<'_>) -> Error {
    let sentence = format!("the answer of {} cannot be understood", about.action);
    Error::new(ErrorKind::Integrity, sentence)
}

/// What the store says about when to come back.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    advice::retry_after(|name| response.headers().get(name))
}

/// Whether a call failed because there were no credentials to sign it with.
pub(super) fn credentials(mut cause: Option<&(dyn StdError + 'static)>) -> Option<Error> {
    while let Some(inner) = cause {
        // Of a workload's role: said in our own words already.
        if let Some(ours) = inner.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        if let Some(failure) = inner.downcast_ref::<CredentialsError>() {
            if let Some(ours) = failure.source().and_then(|it| it.downcast_ref::<Error>()) {
                return Some(ours.clone());
            }
            let sentence = match failure {
                CredentialsError::ProviderTimedOut(_) => {
                    return Some(error(
                        ErrorKind::Unavailable,
                        "the credentials could not be had in time".to_owned(),
                    ));
                }
                CredentialsError::CredentialsNotLoaded(_) => {
                    "there are no credentials: give the identity that reads this store a role"
                }
                CredentialsError::InvalidConfiguration(_) => {
                    "the configuration of the credentials is wrong: check the role and the aws profile"
                }
                _ => "the credentials could not be had: check the role and its trust policy",
            };
            return Some(error(ErrorKind::Unauthenticated, sentence.to_owned()));
        }
        cause = inner.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        action: "secretsmanager:GetSecretValue",
        writes: false,
        subject: Some("team/db"),
    };

    fn kind(code: &str, message: &str) -> ErrorKind {
        by_code(code, Some(message), Some(400), None, ABOUT).kind
    }

    #[test]
    fn codes_have_one_meaning_each() {
        let mut words: Vec<_> = CODES.iter().map(|(code, _)| *code).collect();
        words.sort_unstable();
        let count = words.len();
        words.dedup();
        assert_eq!(words.len(), count);
    }

    #[test]
    fn the_code_decides_before_the_status() {
        let table = [
            ("ResourceNotFoundException", 404, ErrorKind::NotFound),
            ("ResourceNotFoundException", 500, ErrorKind::NotFound),
            ("AccessDeniedException", 400, ErrorKind::Denied),
            (
                "ThrottlingException",
                400,
                ErrorKind::Throttled { after: None },
            ),
            ("ExpiredTokenException", 400, ErrorKind::Unauthenticated),
            ("InternalServiceError", 500, ErrorKind::Unavailable),
            ("UnknownOperationException", 404, ErrorKind::Unsupported),
            ("NeverHeardOf", 403, ErrorKind::Denied),
            ("NeverHeardOf", 503, ErrorKind::Unavailable),
            ("NeverHeardOf", 404, ErrorKind::Unavailable),
        ];
        for (code, status, kind) in table {
            let error = by_code(code, None, Some(status), None, ABOUT);
            assert_eq!(
                (error.kind, error.code.as_deref()),
                (kind, Some(code)),
                "{code} {status}"
            );
        }
    }

    #[test]
    fn without_a_code_the_status_decides_and_404_is_no_missing_entry() {
        let table = [
            (200, ErrorKind::Integrity),
            (301, ErrorKind::Invalid),
            (400, ErrorKind::Invalid),
            (401, ErrorKind::Unauthenticated),
            (403, ErrorKind::Denied),
            (404, ErrorKind::Unavailable),
            (413, ErrorKind::TooLarge),
            (429, ErrorKind::Throttled { after: None }),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
        ];
        for (status, kind) in table {
            assert_eq!(by_status(status, None, ABOUT).kind, kind, "{status}");
        }
    }

    #[test]
    fn two_phrases_are_told_apart() {
        let deleted =
            "You can't perform this operation on the secret because it was marked for deletion.";
        let moto =
            "You tried to perform the operation on a secret that's currently marked deleted.";
        assert_eq!(kind("InvalidRequestException", deleted), ErrorKind::Gone);
        assert_eq!(kind("InvalidRequestException", moto), ErrorKind::Gone);
        assert_eq!(
            kind(
                "InvalidRequestException",
                "the version id and the stage differ"
            ),
            ErrorKind::Invalid
        );
        let key = item(
            Some("AccessDeniedException"),
            Some("Access to KMS is not allowed"),
            ABOUT,
        );
        assert_eq!(key.kind, ErrorKind::Denied);
        assert!(key.message.contains("kms:Decrypt"), "{key}");
        assert!(
            !item(Some("AccessDeniedException"), Some("no"), ABOUT)
                .message
                .contains("kms:Decrypt")
        );
    }

    #[test]
    fn no_message_of_the_store_is_kept() {
        for (code, _) in CODES {
            let error = by_code(
                code,
                Some("marker kms marked for deletion"),
                Some(400),
                None,
                ABOUT,
            );
            assert!(!format!("{error} {error:?}").contains("marker"));
        }
    }
}
