//! Errors of Key Vault: https://learn.microsoft.com/azure/key-vault/general/rest-error-codes

use serde_json::json;

use crate::Answer;

/// One, to be sent.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    inner: Option<&'static str>,
    message: String,
    challenge: Option<String>,
    principal: Option<String>,
}

fn refusal(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal {
        status,
        code,
        inner: None,
        message: message.into(),
        challenge: None,
        principal: None,
    }
}

impl Refusal {
    /// Where to get a token. `wrong`: one was shown.
    pub(super) fn challenge(wrong: bool, authority: Option<&str>, resource: &str) -> Self {
        let authority = authority.unwrap_or("https://login.microsoftonline.com/common");
        let message = if wrong {
            "AKV10032: Invalid issuer."
        } else {
            "AKV10000: Request is missing a Bearer or PoP token."
        };
        Self {
            challenge: Some(format!(
                "Bearer authorization=\"{authority}\", resource=\"https://{resource}\""
            )),
            ..refusal(401, "Unauthorized", message)
        }
    }

    pub(super) fn parameter(message: &str) -> Self {
        refusal(400, "BadParameter", message)
    }

    pub(super) fn missing(name: &str) -> Self {
        let message = format!(
            "A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you \
             may be able to recover it using the correct recovery command."
        );
        refusal(404, "SecretNotFound", message)
    }

    pub(super) fn no_key(name: &str) -> Self {
        let message = format!("A key with (name/id) {name} was not found in this key vault.");
        refusal(404, "KeyNotFound", message)
    }

    pub(super) fn no_such_path() -> Self {
        refusal(404, "NotFound", "The requested resource does not exist.")
    }

    pub(super) fn forbidden(action: &str, vault: &str, name: &str) -> Self {
        let message = format!(
            "Caller is not authorized to perform action on resource.\nAction: \
             'Microsoft.KeyVault/vaults/secrets/{action}/action'\nResource: 'vaults/{vault}/secrets/{name}'"
        );
        Self {
            inner: Some("ForbiddenByRbac"),
            ..refusal(403, "Forbidden", message)
        }
    }

    pub(super) fn disabled() -> Self {
        Self {
            inner: Some("SecretDisabled"),
            ..refusal(
                403,
                "Forbidden",
                "Operation get is not allowed on a disabled secret.",
            )
        }
    }

    pub(super) fn conflict(name: &str) -> Self {
        let message = format!(
            "Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this \
             state, the secret can only be recovered or purged."
        );
        Self {
            inner: Some("ObjectIsDeletedButRecoverable"),
            ..refusal(409, "Conflict", message)
        }
    }

    /// For a scripted fault.
    pub(super) fn of_status(status: u16) -> Self {
        let code = match status {
            400 => "BadParameter",
            403 => "Forbidden",
            404 => "SecretNotFound",
            429 => "Throttled",
            503 => "ServiceUnavailable",
            _ => "InternalServerError",
        };
        refusal(status, code, "scripted")
    }

    pub(super) fn by(mut self, who: &str) -> Self {
        self.principal = Some(who.to_owned());
        self
    }

    pub(super) fn answer(self) -> Answer {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(inner) = self.inner {
            error["innererror"] = json!({"code": inner});
        }
        let mut answer = Answer::json(self.status, &json!({"error": error}));
        if let Some(challenge) = &self.challenge {
            answer = answer.header("www-authenticate", challenge);
        }
        answer.principal = self.principal;
        answer
    }
}
