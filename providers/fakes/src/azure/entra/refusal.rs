//! Errors of Entra ID: https://learn.microsoft.com/entra/identity-platform/reference-error-codes

use serde_json::json;

use crate::Answer;
use crate::time::rfc3339_now;

/// One, to be sent.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    message: String,
}

fn refusal(status: u16, error: &'static str, code: u32, message: String) -> Refusal {
    Refusal {
        status,
        error,
        code,
        message,
    }
}

/// The assertion is at fault.
fn client(code: u32, message: impl Into<String>) -> Refusal {
    refusal(401, "invalid_client", code, message.into())
}

impl Refusal {
    pub(super) fn missing(field: &str) -> Self {
        let message = format!("The request body must contain the following parameter: '{field}'.");
        refusal(400, "invalid_request", 900_144, message)
    }

    pub(super) fn grant() -> Self {
        let message = "The app requested an unsupported grant type.".to_owned();
        refusal(400, "unsupported_grant_type", 70_003, message)
    }

    pub(super) fn scope(scope: &str) -> Self {
        let message = format!(
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with \
             /.default suffixed to the resource identifier (application ID URI)."
        );
        refusal(400, "invalid_scope", 1_002_012, message)
    }

    pub(super) fn tenant(tenant: &str) -> Self {
        refusal(
            400,
            "invalid_request",
            90_002,
            format!("Tenant '{tenant}' not found."),
        )
    }

    pub(super) fn application(client: &str, tenant: &str) -> Self {
        let message = format!(
            "Application with identifier '{client}' was not found in the directory '{tenant}'."
        );
        refusal(400, "unauthorized_client", 700_016, message)
    }

    pub(super) fn resource(resource: &str, tenant: &str) -> Self {
        let message = format!(
            "The resource principal named {resource} was not found in the tenant named {tenant}."
        );
        refusal(400, "invalid_resource", 500_011, message)
    }

    pub(super) fn malformed() -> Self {
        client(50_027, "JWT token is invalid or malformed.")
    }

    pub(super) fn signature() -> Self {
        client(700_027, "Client assertion failed signature validation.")
    }

    pub(super) fn expired() -> Self {
        client(
            700_024,
            "Client assertion is not within its valid time range.",
        )
    }

    pub(super) fn issuer(issuer: &str) -> Self {
        client(
            700_211,
            format!(
                "No matching federated identity record found for presented assertion issuer '{issuer}'."
            ),
        )
    }

    pub(super) fn audience() -> Self {
        client(
            700_212,
            "No matching federated identity record found for presented assertion audience.",
        )
    }

    pub(super) fn subject(subject: &str) -> Self {
        client(
            700_213,
            format!(
                "No matching federated identity record found for presented assertion subject '{subject}'."
            ),
        )
    }

    /// For a scripted fault.
    pub(super) fn of_status(status: u16) -> Self {
        // A transient code only where the fault is to pass: clients go by the code.
        let (error, code) = match status {
            429 => ("temporarily_unavailable", 90_055),
            500.. => ("temporarily_unavailable", 90_033),
            _ => ("invalid_request", 9_002_313),
        };
        refusal(status, error, code, "scripted".to_owned())
    }

    pub(super) fn answer(self) -> Answer {
        let id = format!("{:032x}", fastrand::u128(..));
        let (code, now) = (self.code, rfc3339_now());
        let body = json!({
            "error": self.error,
            "error_description": format!(
                "AADSTS{code}: {} Trace ID: {id} Correlation ID: {id} Timestamp: {now}", self.message
            ),
            "error_codes": [code],
            "timestamp": now,
            "trace_id": id,
            "correlation_id": id,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        Answer::json(self.status, &body)
    }
}
