//! Google's error envelope: https://cloud.google.com/apis/design/errors

use serde_json::json;

use crate::Answer;

/// A refusal, to be sent.
#[derive(Debug)]
pub(super) enum Refused {
    /// In the envelope.
    Status {
        code: u16,
        status: &'static str,
        message: String,
        principal: Option<String>,
    },
    /// No such API: a page, not an envelope.
    NoApi,
}

fn refused(code: u16, status: &'static str, message: impl Into<String>) -> Refused {
    Refused::Status {
        code,
        status,
        message: message.into(),
        principal: None,
    }
}

impl Refused {
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        refused(400, "INVALID_ARGUMENT", message)
    }

    pub(super) fn precondition(message: impl Into<String>) -> Self {
        refused(400, "FAILED_PRECONDITION", message)
    }

    pub(super) fn unauthenticated() -> Self {
        refused(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
             valid authentication credential.",
        )
    }

    pub(super) fn denied(permission: &str, resource: &str) -> Self {
        refused(
            403,
            "PERMISSION_DENIED",
            format!(
                "Permission '{permission}' denied for resource '{resource}' (or it may not exist)."
            ),
        )
    }

    pub(super) fn missing(message: impl Into<String>) -> Self {
        refused(404, "NOT_FOUND", message)
    }

    pub(super) fn exists(name: &str) -> Self {
        refused(
            409,
            "ALREADY_EXISTS",
            format!("Resource [{name}] already exists."),
        )
    }

    /// For a scripted fault.
    pub(super) fn of_status(code: u16) -> Self {
        let status = match code {
            400 => "INVALID_ARGUMENT",
            401 => "UNAUTHENTICATED",
            403 => "PERMISSION_DENIED",
            404 => "NOT_FOUND",
            409 => "ABORTED",
            429 => "RESOURCE_EXHAUSTED",
            501 => "UNIMPLEMENTED",
            503 => "UNAVAILABLE",
            504 => "DEADLINE_EXCEEDED",
            _ => "INTERNAL",
        };
        refused(code, status, "scripted")
    }

    /// Who was refused, for the record.
    pub(super) fn by(mut self, who: &str) -> Self {
        if let Self::Status { principal, .. } = &mut self {
            *principal = Some(who.to_owned());
        }
        self
    }

    pub(super) fn answer(self) -> Answer {
        match self {
            Self::Status {
                code,
                status,
                message,
                principal,
            } => {
                let body = json!({"error": {"code": code, "message": message, "status": status}});
                let mut answer = Answer::json(code, &body);
                answer.principal = principal;
                answer
            }
            Self::NoApi => Answer::with_body(
                404,
                "text/html; charset=UTF-8",
                "<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n",
            ),
        }
    }
}
