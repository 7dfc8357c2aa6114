//! In front of another AWS: who asks is known by the signature, what may be asked by the grants.

use std::fmt;
use std::time::Duration;

use http::{Request, header};
use serde_json::{Value as Json, json};

use super::requests::Refusal;
use super::{Aws, signature};
use crate::http_client::HttpClient;
use crate::{Answer, Ask};

const PATIENCE: Duration = Duration::from_secs(30);
const LARGEST: usize = 16 << 20;
const BATCH: &str = "BatchGetSecretValue";
const IDS: &str = "SecretIdList";

/// Where the real work is done.
pub(super) struct Upstream {
    address: String,
    client: HttpClient,
}

impl Upstream {
    pub(super) fn new(address: &str) -> Result<Self, String> {
        let address = address.trim_end_matches('/').to_owned();
        Ok(Self {
            address,
            client: HttpClient::new(None)?,
        })
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({})", self.address)
    }
}

/// The answer of the AWS behind, for whoever may have it.
pub(super) async fn pass(aws: &Aws, ask: &Ask) -> Answer {
    // `secretsmanager.GetSecretValue`, `AmazonSSM.GetParameter`, `TrentService.Decrypt`
    let target = ask.header("x-amz-target").unwrap_or_default();
    let (service, operation) = target.rsplit_once('.').unwrap_or_default();
    match passed(aws, ask, service, operation).await {
        Ok(answer) => answer.operation(operation),
        Err(refusal) => refusal.answer(ask).operation(operation),
    }
}

async fn passed(aws: &Aws, ask: &Ask, service: &str, operation: &str) -> Result<Answer, Refusal> {
    let who = signature::caller(&aws.sessions, ask)?;
    let service = match service {
        "AmazonSSM" => "ssm",
        "TrentService" => "kms",
        service => service,
    };
    let body = ask.json().unwrap_or_default();
    let call = Call {
        aws,
        ask,
        who: &who,
        service,
    };
    if operation == BATCH && body.get(IDS).is_some() {
        return call.batch(body).await;
    }
    let resources = resources(&body);
    // What names nothing, such as a listing, is asked of everything.
    if resources.is_empty() {
        call.may(operation, "*")?;
    }
    for resource in resources {
        call.may(operation, name(&resource))?;
    }
    call.upstream(ask.body.to_vec()).await
}

struct Call<'a> {
    aws: &'a Aws,
    ask: &'a Ask,
    who: &'a str,
    service: &'a str,
}

impl Call<'_> {
    fn may(&self, operation: &str, resource: &str) -> Result<(), Refusal> {
        let Self { who, service, .. } = self;
        let permission = format!("{service}:{operation}");
        if self
            .aws
            .grants
            .allows(who, &permission, &format!("{service}:{resource}"))
        {
            return Ok(());
        }
        let message = format!(
            "User: {who} is not authorized to perform: {permission} on resource: {resource} because no identity-based \
             policy allows the {permission} action"
        );
        Err(Refusal::new(400, "AccessDeniedException", message).by(who))
    }

    /// The call itself is a right, of everything or not at all; which secrets may be had, each says for
    /// itself: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html>
    async fn batch(&self, mut body: Json) -> Result<Answer, Refusal> {
        self.may(BATCH, "*")?;
        let asked = body.get(IDS).and_then(Json::as_array).cloned();
        let (mut granted, mut errors) = (Vec::new(), Vec::new());
        for id in asked.unwrap_or_default() {
            let secret = id.as_str().unwrap_or_default();
            match self.may("GetSecretValue", name(secret)) {
                Ok(()) => granted.push(id),
                Err(refusal) => errors.push(refusal.of_item(secret)),
            }
        }
        let mut answer = if granted.is_empty() {
            Answer::json(200, &json!({"SecretValues": [], "Errors": []})).by(self.who)
        } else {
            body[IDS] = Json::Array(granted);
            self.upstream(body.to_string().into_bytes()).await?
        };
        if answer.status == 200
            && let Ok(mut found) = serde_json::from_slice::<Json>(&answer.body)
        {
            let known = found.get_mut("Errors").and_then(Json::as_array_mut);
            if let Some(known) = known {
                known.append(&mut errors);
            } else {
                found["Errors"] = Json::Array(errors);
            }
            answer.body = found.to_string().into_bytes().into();
        }
        Ok(answer)
    }

    /// What the AWS behind answers.
    async fn upstream(&self, body: Vec<u8>) -> Result<Answer, Refusal> {
        let Self { aws, ask, who, .. } = self;
        let upstream = aws.upstream.as_ref().ok_or_else(|| {
            Refusal::new(
                501,
                "UnknownOperationException",
                "there is no AWS behind this gate",
            )
            .by(who)
        })?;
        let unavailable = |why: String| Refusal::new(503, "ServiceUnavailable", why).by(who);
        let query = if ask.query.is_empty() {
            String::new()
        } else {
            format!("?{}", ask.query)
        };
        let mut request = Request::builder()
            .method(ask.method.clone())
            .uri(format!("{}{}{query}", upstream.address, ask.path));
        for (name, value) in &ask.headers {
            // The service and the region are read from the signature, so it goes on; lengths are made anew.
            if ![
                header::CONTENT_LENGTH,
                header::TRANSFER_ENCODING,
                header::CONNECTION,
            ]
            .contains(name)
            {
                request = request.header(name, value);
            }
        }
        let request = request
            .body(body)
            .map_err(|_| unavailable("the request cannot be passed on".to_owned()))?;
        let (status, headers, body) = upstream
            .client
            .send(request, PATIENCE, LARGEST)
            .await
            .map_err(unavailable)?;
        let mut answer = Answer::new(status.as_u16());
        for (name, value) in &headers {
            let hop = [
                header::CONTENT_LENGTH,
                header::TRANSFER_ENCODING,
                header::CONNECTION,
            ]
            .contains(name);
            if !hop {
                answer.headers.push((name.clone(), value.clone()));
            }
        }
        answer.body = body;
        Ok(answer.by(*who))
    }
}

/// What a request names: one secret or parameter, several, or everything below a path.
fn resources(body: &Json) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["SecretId", "Name", "Path", "KeyId"] {
        if let Some(name) = body.get(field).and_then(Json::as_str) {
            found.push(name.to_owned());
        }
    }
    for field in [IDS, "Names"] {
        let names = body
            .get(field)
            .and_then(Json::as_array)
            .into_iter()
            .flatten();
        found.extend(names.filter_map(Json::as_str).map(str::to_owned));
    }
    found
}

/// The name in an ARN, or the word as it is; without a parameter's version or label.
fn name(resource: &str) -> &str {
    if let Some(rest) = resource.strip_prefix("arn:") {
        let last = rest.splitn(5, ':').nth(4).unwrap_or_default();
        return last
            .strip_prefix("secret:")
            .or_else(|| last.strip_prefix("parameter"))
            .unwrap_or(last);
    }
    resource.split_once(':').map_or(resource, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{name, resources};

    #[test]
    fn what_a_request_names_is_found() {
        assert_eq!(resources(&json!({"SecretId": "a"})), ["a"]);
        assert_eq!(resources(&json!({"Names": ["/a", "/b"]})), ["/a", "/b"]);
        assert!(resources(&json!({"Filters": []})).is_empty());
        assert_eq!(
            name("arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"),
            "shop/db-AbCdEf"
        );
        assert_eq!(
            name("arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db"),
            "/shop/db"
        );
        assert_eq!(
            name("arn:aws:kms:eu-west-1:123456789012:key/1234abcd"),
            "key/1234abcd"
        );
        assert_eq!(
            (name("/shop/db:3"), name("shop/db")),
            ("/shop/db", "shop/db")
        );
    }
}
