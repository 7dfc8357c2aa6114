//! Errors of App Configuration: `application/problem+json`, or no body at all.

use serde_json::{Value as Json, json};

use crate::Answer;

/// One, to be sent.
#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    body: Option<Json>,
    headers: Vec<(&'static str, String)>,
    principal: Option<String>,
}

fn bare(status: u16) -> Problem {
    Problem {
        status,
        body: None,
        headers: Vec::new(),
        principal: None,
    }
}

fn problem(status: u16, kind: &str, title: &str) -> Problem {
    let body = json!({"type": format!("https://azconfig.io/errors/{kind}"), "title": title, "status": status});
    Problem {
        body: Some(body),
        ..bare(status)
    }
}

impl Problem {
    /// `wrong`: a token was shown, which is none for this store.
    pub(super) fn unauthorized(wrong: bool) -> Self {
        let challenge = if wrong {
            "HMAC-SHA256, Bearer error=\"invalid_token\", error_description=\"The access token is invalid\""
        } else {
            "HMAC-SHA256, Bearer"
        };
        Self {
            headers: vec![("www-authenticate", challenge.to_owned())],
            ..bare(401)
        }
    }

    pub(super) fn forbidden() -> Self {
        bare(403)
    }

    pub(super) fn missing() -> Self {
        bare(404)
    }

    pub(super) fn method() -> Self {
        Self {
            headers: vec![("allow", "GET,HEAD,PUT,DELETE".to_owned())],
            ..bare(405)
        }
    }

    pub(super) fn argument(name: &str, title: &str) -> Self {
        let mut argument = problem(400, "invalid-argument", title);
        if let Some(body) = &mut argument.body {
            body["name"] = json!(name);
        }
        argument
    }

    pub(super) fn precondition() -> Self {
        bare(412)
    }

    pub(super) fn locked(key: &str) -> Self {
        let mut locked = problem(409, "key-locked", "Modifying key is not allowed");
        if let Some(body) = &mut locked.body {
            body["name"] = json!(key);
        }
        locked
    }

    pub(super) fn too_large() -> Self {
        problem(413, "content-too-large", "The key-value is too large")
    }

    /// For a scripted fault.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::unauthorized(true),
            404 => Self::missing(),
            429 => problem(
                429,
                "too-many-requests",
                "Resource utilization has surpassed the assigned quota",
            ),
            status => problem(status, "scripted", "scripted"),
        }
    }

    pub(super) fn by(mut self, who: &str) -> Self {
        self.principal = Some(who.to_owned());
        self
    }

    pub(super) fn answer(self) -> Answer {
        let mut answer = match &self.body {
            Some(body) => Answer::with_body(
                self.status,
                "application/problem+json; charset=utf-8",
                body.to_string(),
            ),
            None => Answer::new(self.status),
        };
        for (name, value) in &self.headers {
            answer = answer.header(name, value);
        }
        answer.principal = self.principal;
        answer
    }
}
