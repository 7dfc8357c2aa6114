//! The two protocols: the query protocol with XML, and JSON with a target. Errors in both.

use serde_json::json;

use crate::{Answer, Ask};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A refusal in AWS's words.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    principal: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            principal: None,
        }
    }

    /// For a scripted fault.
    pub(super) fn of_status(status: u16) -> Self {
        let code = match status {
            400 => "ValidationException",
            401 => "ExpiredTokenException",
            403 => "AccessDeniedException",
            404 => "ResourceNotFoundException",
            429 => "ThrottlingException",
            503 => "ServiceUnavailable",
            _ => "InternalServiceError",
        };
        Self::new(status, code, "scripted")
    }

    pub(super) fn by(mut self, who: &str) -> Self {
        self.principal = Some(who.to_owned());
        self
    }

    /// As an answer about several secrets says it of one.
    pub(super) fn of_item(self, secret: &str) -> serde_json::Value {
        json!({"SecretId": secret, "ErrorCode": self.code, "Message": self.message})
    }

    /// In the protocol in which it was asked.
    pub(super) fn answer(self, ask: &Ask) -> Answer {
        let mut answer = if ask.header("x-amz-target").is_some() {
            let body = json!({"__type": self.code, "message": self.message});
            Answer::with_body(self.status, "application/x-amz-json-1.1", body.to_string())
        } else {
            let fault = if self.status < 500 {
                "Sender"
            } else {
                "Receiver"
            };
            let (code, message) = (self.code, escaped(&self.message));
            let body = format!(
                "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
                request_id()
            );
            Answer::with_body(self.status, "text/xml", body)
        };
        answer.principal = self.principal;
        answer
    }
}

/// The answer of an action of the query protocol.
pub(super) fn xml(action: &str, result: &str) -> Answer {
    let body = format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result><ResponseMetadata>\
         <RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        request_id()
    );
    Answer::with_body(200, "text/xml", body)
}

/// Text within XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn request_id() -> String {
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        fastrand::u32(..),
        fastrand::u64(..1 << 48)
    )
}
