//! What an error of Azure means: our own that went through the SDK, else the service's code, else the
//! HTTP status. Messages are never kept: the SDK puts bodies and addresses into them.

use std::error::Error as StdError;
use std::time::Duration;

use azure_core::error::{Error as SdkError, ErrorKind as SdkKind};
use azure_core::http::RawResponse;
use azure_core::http::headers::HeaderName;
use serde::Deserialize;

use crate::{Error, ErrorKind, advice};

/// What a ServiceAccount's token has to be for.
pub(super) const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Key Vault's operation with a key.
pub(super) const DECRYPT: &str = "Decrypt";

/// What was asked, for the sentence.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    /// The API's operation, as Azure names it.
    pub(super) operation: &'static str,
    /// The entry or the prefix.
    pub(super) subject: &'a str,
    /// The role that grants it.
    pub(super) role: &'static str,
}

/// As whom a token was asked for.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) subject: String,
    pub(super) client: String,
    pub(super) tenant: String,
}

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Detail,
    /// A problem of App Configuration (RFC 9457).
    #[serde(default, rename = "type")]
    problem: String,
}

#[derive(Deserialize, Default)]
struct Detail {
    #[serde(default)]
    code: String,
    innererror: Option<Inner>,
}

#[derive(Deserialize, Default)]
struct Inner {
    #[serde(default)]
    code: String,
}

/// An error of a call to a service.
pub(super) fn sdk_error(error: &SdkError, about: About<'_>) -> Error {
    if let Some(ours) = ours(error) {
        return ours;
    }
    let operation = about.operation;
    match error.kind() {
        SdkKind::HttpResponse {
            status,
            raw_response,
            ..
        } => response(u16::from(*status), raw_response.as_deref(), about),
        SdkKind::DataConversion => garbage(operation),
        SdkKind::Credential => Error::new(
            ErrorKind::Unauthenticated,
            "the credentials for azure could not be had",
        ),
        _ => Error::new(ErrorKind::Unavailable, format!("{operation} failed")),
    }
}

/// A status that is no success.
pub(super) fn response(status: u16, raw: Option<&RawResponse>, about: About<'_>) -> Error {
    let Envelope { error, problem } = raw
        .and_then(|raw| serde_json::from_slice::<Envelope>(raw.body()).ok())
        .unwrap_or_default();
    let Detail { code, innererror } = error;
    let inner = innererror.unwrap_or_default().code;
    let About {
        operation,
        subject,
        role,
    } = about;
    let (kind, sentence) = match (status, code.as_str(), inner.as_str()) {
        (404, "SecretNotFound", _) => (
            ErrorKind::NotFound,
            format!("there is no {subject}, or not in this version"),
        ),
        (403, _, "SecretDisabled") => (
            ErrorKind::Gone,
            format!(
                "{subject} is disabled: enable it, add a new version, or name another in version"
            ),
        ),
        (409, "Conflict", "ObjectIsDeletedButRecoverable" | "ObjectIsBeingDeleted") => (
            ErrorKind::Gone,
            format!("{subject} is deleted: recover it, or ask for another"),
        ),
        (409, "Conflict", "ObjectIsBeingRecovered") => (
            ErrorKind::Unavailable,
            format!("{subject} is being recovered"),
        ),
        (409, ..) if problem.ends_with("/key-locked") => (
            ErrorKind::Denied,
            format!("{subject} is locked: unlock it, or take it out of what is written"),
        ),
        (404, "KeyNotFound", _) => (
            ErrorKind::NotFound,
            format!("there is no key {subject}, or not in this version"),
        ),
        (403, _, "KeyDisabled") => (
            ErrorKind::Gone,
            format!("the key {subject} is disabled: enable it"),
        ),
        (400, "BadParameter", _) if operation == DECRYPT => (
            ErrorKind::Invalid,
            format!(
                "what is to be decrypted was not encrypted with the key {subject}, or was changed since"
            ),
        ),
        (403, _, "ForbiddenByFirewall") => (
            ErrorKind::Denied,
            format!(
                "the network rules of {subject}'s vault do not let jasm in: add its address, or use a private endpoint"
            ),
        ),
        (403, ..) => (
            ErrorKind::Denied,
            format!(
                "{operation} is not allowed for {subject}: grant {role} to the identity that {} this store",
                if operation.starts_with("Get") {
                    "reads"
                } else {
                    "writes"
                }
            ),
        ),
        (401, ..) => (
            ErrorKind::Unauthenticated,
            "azure does not accept the credentials of this store's identity".to_owned(),
        ),
        (413, ..) => (
            ErrorKind::TooLarge,
            format!("{operation} refuses the request for {subject} as too large"),
        ),
        (429, ..) => (
            ErrorKind::Throttled {
                after: raw.and_then(retry_after),
            },
            format!("{operation} is throttled"),
        ),
        (300..400, ..) => (
            ErrorKind::Invalid,
            format!(
                "{operation} is answered with a redirect, and none is followed: check the store's address"
            ),
        ),
        (400 | 422, ..) => (
            ErrorKind::Invalid,
            format!("{operation} refuses the request for {subject} as malformed"),
        ),
        (200..300, ..) => return garbage(operation),
        // Above all 404: what does not speak the service's language cannot say that an entry is missing.
        _ => (
            ErrorKind::Unavailable,
            format!("{operation} failed with HTTP {status}"),
        ),
    };
    Error::new(kind, sentence).with_code(if inner.is_empty() { &code } else { &inner })
}

/// An error of a request for a token with an assertion.
pub(super) fn entra(error: &SdkError, who: &Who) -> Error {
    if let Some(ours) = ours(error) {
        return ours;
    }
    let Some((status, code, raw)) = answer(error) else {
        return Error::new(
            ErrorKind::Unavailable,
            "entra gave no token: its answer cannot be understood",
        );
    };
    let Who {
        subject,
        client,
        tenant,
    } = who;
    // Several may be named; the first says what is wrong.
    let code = code.split(',').next().unwrap_or_default();
    let denied = |sentence: String| (ErrorKind::Denied, sentence);
    // https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    let (kind, sentence) = match (status, code) {
        // Also those of a tenant, or of one client that asks for the same over and over.
        (429, _) | (_, "90055" | "50196") => (
            ErrorKind::Throttled {
                after: raw.and_then(retry_after),
            },
            "entra throttles requests for tokens".to_owned(),
        ),
        (500.., _) => (
            ErrorKind::Unavailable,
            format!("entra fails with HTTP {status}"),
        ),
        // Those that Entra itself calls transient, whatever their status.
        (_, "90006" | "90012" | "90024" | "90033" | "90090" | "90091") => (
            ErrorKind::Unavailable,
            "entra is not available for the moment".to_owned(),
        ),
        (_, "70021" | "70025" | "700213" | "7002131") => denied(format!(
            "the application {client} has no federated credential for {subject} of this cluster's issuer: add one"
        )),
        (_, "700211") => denied(format!(
            "the application {client} has no federated credential of this cluster's issuer: add one with that issuer \
             for {subject}"
        )),
        (_, "700212") => denied(format!(
            "the federated credential of the application {client} for {subject} is for another audience: set its \
             audience to {AUDIENCE}"
        )),
        (_, "700016" | "700011") => denied(format!(
            "there is no application {client} in the tenant {tenant}: check the client id and the tenant"
        )),
        (_, "70001" | "7000112") => denied(format!(
            "the application {client} is disabled in the tenant {tenant}: enable it"
        )),
        (_, "700025") => denied(format!(
            "the application {client} is a public client, which cannot read as itself: turn public client flows off"
        )),
        (_, "90002" | "900023") => denied(format!(
            "there is no tenant {tenant}: check the tenant's id, and the store's cloud"
        )),
        (_, "90038" | "900382" | "900432") => denied(format!(
            "the tenant {tenant} is of another cloud of azure: check the store's cloud"
        )),
        (_, "500011" | "650052") => denied(format!(
            "the tenant {tenant} does not know the service: check the store's cloud, and that the tenant has \
             subscribed to it"
        )),
        (_, "53003" | "530032" | "530035") => denied(format!(
            "a conditional access policy of the tenant {tenant} blocks the application {client}: let it in"
        )),
        (_, "700024") => (
            ErrorKind::Unauthenticated,
            format!(
                "entra does not accept the token of {subject} as it is expired, or not valid yet: check the clocks"
            ),
        ),
        (_, "700027" | "900384") => denied(format!(
            "entra finds the signature of the token of {subject} wrong: check that the cluster's issuer shows the keys \
             that it signs with"
        )),
        (_, "50027" | "5002723") => denied(format!(
            "entra takes the token of {subject} for malformed: check the cluster's issuer"
        )),
        // It asked the issuer for its keys.
        (_, "50166" | "501661") => (
            ErrorKind::Unavailable,
            format!(
                "entra cannot reach the issuer of the token of {subject}: the cluster's issuer has to be public"
            ),
        ),
        _ => denied(format!(
            "entra gives the application {client} no token for {subject}"
        )),
    };
    match code {
        "" => Error::new(kind, sentence),
        code => Error::new(kind, sentence).with_code(&format!("AADSTS{code}")),
    }
}

/// An error of a request for the machine's own token.
pub(super) fn managed(error: &SdkError) -> Error {
    if let Some(ours) = ours(error) {
        return ours;
    }
    match answer(error) {
        Some((429, ..) | (500.., ..)) => Error::new(
            ErrorKind::Unavailable,
            "the managed identity endpoint fails",
        ),
        _ => Error::new(
            ErrorKind::Unauthenticated,
            "there is no managed identity here: give the controller a federated credential or the machine an identity",
        ),
    }
}

/// A body that is not what the API promises.
pub(super) fn garbage(operation: &str) -> Error {
    Error::new(
        ErrorKind::Integrity,
        format!("the answer of {operation} cannot be understood"),
    )
}

/// Our own error in an error of the SDK.
fn ours(error: &SdkError) -> Option<Error> {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(ours) = inner.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        cause = inner.source();
    }
    None
}

/// The answer in an error of a credential: its status, its codes, itself.
fn answer(error: &SdkError) -> Option<(u16, &str, Option<&RawResponse>)> {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(sdk) = inner.downcast_ref::<SdkError>()
            && let SdkKind::HttpResponse {
                status,
                error_code,
                raw_response,
            } = sdk.kind()
        {
            let code = error_code.as_deref().unwrap_or_default();
            return Some((u16::from(*status), code, raw_response.as_deref()));
        }
        cause = inner.source();
    }
    None
}

/// What the service says about when to come back.
fn retry_after(raw: &RawResponse) -> Option<Duration> {
    let headers = raw.headers();
    advice::retry_after(|name| headers.get_optional_str(&HeaderName::from_static(name)))
}

#[cfg(test)]
mod tests {
    use azure_core::http::StatusCode;
    use azure_core::http::headers::Headers;

    use super::*;

    const ABOUT: About<'_> = About {
        operation: "GetSecret",
        subject: "db",
        role: "Key Vault Secrets User",
    };

    fn raw(status: u16, body: &str) -> RawResponse {
        RawResponse::from_bytes(
            StatusCode::from(status),
            Headers::new(),
            body.to_owned().into_bytes(),
        )
    }

    #[test]
    fn the_inner_code_decides_before_the_code_and_that_before_the_status() {
        let body = |code: &str, inner: &str| {
            format!(
                r#"{{"error":{{"code":"{code}","message":"m4rk3r","innererror":{{"code":"{inner}"}}}}}}"#
            )
        };
        let table = [
            (404, body("SecretNotFound", ""), ErrorKind::NotFound),
            (404, "not json m4rk3r".into(), ErrorKind::Unavailable),
            (403, body("Forbidden", "SecretDisabled"), ErrorKind::Gone),
            (403, body("Forbidden", "ForbiddenByRbac"), ErrorKind::Denied),
            (403, String::new(), ErrorKind::Denied),
            (
                409,
                body("Conflict", "ObjectIsDeletedButRecoverable"),
                ErrorKind::Gone,
            ),
            (401, body("Unauthorized", ""), ErrorKind::Unauthenticated),
            (
                429,
                body("Throttled", ""),
                ErrorKind::Throttled { after: None },
            ),
            (400, body("BadParameter", ""), ErrorKind::Invalid),
            (500, String::new(), ErrorKind::Unavailable),
            (307, String::new(), ErrorKind::Invalid),
        ];
        for (status, body, kind) in table {
            let error = response(status, Some(&raw(status, &body)), ABOUT);
            assert_eq!(error.kind, kind, "{status} {body}");
            assert!(!format!("{error} {error:?}").contains("m4rk3r"));
        }
    }

    #[test]
    fn our_own_error_comes_out_of_the_sdk_as_it_went_in() {
        let ours = Error::new(ErrorKind::TooLarge, "large");
        let wrapped = SdkError::new(SdkKind::Io, ours.clone());
        let twice = SdkError::with_error(SdkKind::Credential, wrapped, "m4rk3r");
        assert_eq!(sdk_error(&twice, ABOUT), ours);
    }

    #[test]
    fn what_entra_says_is_told_in_our_words() {
        let who = Who {
            subject: "system:serviceaccount:shop:web".into(),
            client: "c".into(),
            tenant: "t".into(),
        };
        let error = |status: u16, code: &str| {
            let kind = SdkKind::HttpResponse {
                status: StatusCode::from(status),
                error_code: Some(code.to_owned()),
                raw_response: Some(Box::new(raw(status, "m4rk3r"))),
            };
            SdkError::with_error(
                SdkKind::Credential,
                SdkError::with_message(kind, "m4rk3r"),
                "m4rk3r",
            )
        };
        let throttled = ErrorKind::Throttled { after: None };
        let (denied, unavailable) = (ErrorKind::Denied, ErrorKind::Unavailable);
        let web = "system:serviceaccount:shop:web";
        let table = [
            (401, "70021", denied, "no federated credential for system"),
            (401, "70025", denied, "no federated credential for system"),
            (401, "700211", denied, "of this cluster's issuer: add one"),
            (401, "700212", denied, "api://AzureADTokenExchange"),
            (401, "700213", denied, web),
            (401, "7002131", denied, web),
            (400, "700016", denied, "no application c"),
            (400, "7000112", denied, "c is disabled"),
            (401, "700025", denied, "public client"),
            (400, "90002", denied, "no tenant t"),
            (400, "900023", denied, "no tenant t"),
            (400, "90038", denied, "another cloud"),
            (400, "500011", denied, "does not know the service"),
            (400, "53003", denied, "conditional access"),
            (401, "700027", denied, "signature"),
            (401, "50027", denied, "malformed"),
            (401, "700024,50", ErrorKind::Unauthenticated, "expired"),
            (400, "501661", unavailable, "cannot reach the issuer"),
            (400, "90033", unavailable, "for the moment"),
            (400, "90024", unavailable, "for the moment"),
            (400, "50196", throttled, "throttles"),
            (429, "", throttled, "throttles"),
            (503, "", unavailable, "503"),
            (503, "700213", unavailable, "503"),
            (400, "12345", denied, "no token for system"),
        ];
        for (status, code, kind, part) in table {
            let found = entra(&error(status, code), &who);
            assert_eq!(found.kind, kind, "{code}");
            assert!(found.message.contains(part), "{code}: {found}");
            assert!(!format!("{found:?}").contains("m4rk3r"));
        }
    }
}
