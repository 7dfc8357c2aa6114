//! Becoming a Google service account:
//! https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::access::allowed;
use super::error::Refused;
use super::{AUDIENCE, Gcp, HOUR};
use crate::time::{rfc3339, unix_now};
use crate::{Answer, Ask};

pub(super) fn answer(gcp: &Gcp, ask: &Ask, email: &str, verb: &str) -> Result<Answer, Refused> {
    if ask.method != Method::POST || verb != "generateAccessToken" {
        return Err(Refused::NoApi);
    }
    let resource = format!("serviceAccounts/{email}");
    let who = allowed(gcp, ask, "iam.serviceAccounts.getAccessToken", &resource)?;
    let body = ask.json().unwrap_or_default();
    if body
        .get("scope")
        .and_then(Value::as_array)
        .is_none_or(Vec::is_empty)
    {
        return Err(Refused::invalid("Request contains an invalid argument: scope.").by(&who));
    }
    let lifetime = match body.get("lifetime").and_then(Value::as_str) {
        None => HOUR,
        Some(text) => text
            .strip_suffix('s')
            .and_then(|seconds| seconds.parse().ok())
            .map(Duration::from_secs)
            .filter(|lifetime| *lifetime <= HOUR && !lifetime.is_zero())
            .ok_or_else(|| {
                Refused::invalid("The lifetime is longer than an hour, or none.").by(&who)
            })?,
    };
    let principal = format!("serviceAccount:{email}");
    let body = json!({
        "accessToken": gcp.tokens.issue("ya29.c.", &principal, AUDIENCE, lifetime),
        "expireTime": rfc3339(unix_now() + lifetime.as_secs()),
    });
    // Who asked: whom it became is in the path.
    Ok(Answer::json(200, &body)
        .by(who)
        .operation("GenerateAccessToken"))
}
