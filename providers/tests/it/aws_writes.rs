//! AWS where it differs from moto as it is written to: what it refuses, what it asks, and what it loses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jasm_providers::sink::{Held, Holder, WriteError};
use jasm_providers::{Error, ErrorKind, Sink, VersionToken, aws};
use serde_json::{Value, json};

use crate::sinks::{owner, put, put_bytes};
use crate::support::{Calls, MARKER, assert_clean, connect, options, soon};
use crate::wire::{Reply, Request, Wire};

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf";
const OWNER: &str = "jasm.codnod.io/owner";
const MINE: &str = "prod/shop/config";

async fn secrets(wire: &Wire) -> aws::SecretsManager {
    let options = aws::Options {
        attempts: 1,
        ..options(&wire.endpoint, "eu-west-1")
    };
    aws::SecretsManager::new(&connect(&options).await, Calls::default().observer())
}

/// With tries of the SDK, which a write must not have.
async fn parameters(wire: &Wire) -> aws::ParameterStore {
    let options = aws::Options {
        attempts: 3,
        ..options(&wire.endpoint, "eu-west-1")
    };
    aws::ParameterStore::new(&connect(&options).await, Calls::default().observer())
}

/// A secret of ours with these versions.
fn secret(versions: &Value) -> Value {
    json!({
        "ARN": ARN,
        "Name": "a",
        "Tags": [{"Key": OWNER, "Value": MINE}],
        "VersionIdsToStages": versions,
    })
}

/// As the list gave it when `current` was current.
fn held(current: &str) -> Held {
    Held {
        name: "a".to_owned(),
        fingerprint: None,
        value: None,
        version: Some(VersionToken(format!("{ARN} {current}"))),
    }
}

fn failed(result: Result<(), WriteError>) -> Error {
    match result {
        Err(WriteError::Failed(error)) => {
            assert_clean(&error);
            error
        }
        other => panic!("{other:?}"),
    }
}

fn taken() -> Reply {
    Reply::error(
        "ResourceExistsException",
        "You can't use ClientRequestToken because that value is already in use",
    )
}

#[tokio::test]
async fn a_version_that_a_lost_try_made_is_known_again() {
    // AWS refuses an id that there is, whatever its value: UpdateSecret is no PutSecretValue.
    let made = Arc::new(std::sync::Mutex::new(String::new()));
    let state = Arc::clone(&made);
    let wire = Wire::new(move |request: &Request| {
        let mut made = state.lock().unwrap();
        match request.operation.as_str() {
            "DescribeSecret" if made.is_empty() => {
                Reply::Json(200, secret(&json!({"before": ["AWSCURRENT"]})))
            }
            "DescribeSecret" => Reply::Json(
                200,
                secret(&json!({made.as_str(): ["AWSCURRENT"], "before": ["AWSPREVIOUS"]})),
            ),
            "UpdateSecret" => {
                assert_eq!(request.text("SecretId"), ARN);
                request.text("ClientRequestToken").clone_into(&mut made);
                taken()
            }
            other => panic!("{other}"),
        }
    })
    .await;
    let sink = secrets(&wire).await;
    let (held, mine) = (held("before"), owner("config"));
    sink.update(&held, &put("a", "one"), &mine, soon())
        .await
        .unwrap();
    let asked = ["DescribeSecret", "UpdateSecret", "DescribeSecret"];
    assert_eq!(wire.operations(), asked);
    // And by who says it again without having looked.
    sink.update(&held, &put("a", "one"), &mine, soon())
        .await
        .unwrap();
    assert_eq!(wire.operations().len(), 4);
}

#[tokio::test]
async fn an_id_that_is_taken_by_an_old_version_is_not_the_end() {
    // Somebody moved the stages by hand, back to what was current before.
    let wire = Wire::new(|request: &Request| match request.operation.as_str() {
        "DescribeSecret" => Reply::Json(200, secret(&json!({"before": ["AWSCURRENT"]}))),
        "UpdateSecret" if request.number < 3 => taken(),
        _ => Reply::Json(200, json!({"ARN": ARN, "Name": "a"})),
    })
    .await;
    let sink = secrets(&wire).await;
    let mine = owner("config");
    sink.update(&held("before"), &put("a", "one"), &mine, soon())
        .await
        .unwrap();
    let requests = wire.requests();
    let mut tokens: Vec<&str> = requests
        .iter()
        .filter(|request| request.operation == "UpdateSecret")
        .map(|request| request.text("ClientRequestToken"))
        .collect();
    assert_eq!(tokens.len(), 2);
    tokens.dedup();
    assert_eq!(tokens.len(), 2);
    // One that has a stage still is not even tried.
    let first = tokens[0].to_owned();
    let wire = Wire::new(move |request: &Request| match request.operation.as_str() {
        "DescribeSecret" => Reply::Json(
            200,
            secret(&json!({"before": ["AWSCURRENT"], first.as_str(): ["AWSPREVIOUS"]})),
        ),
        "UpdateSecret" if request.text("ClientRequestToken") == first => taken(),
        _ => Reply::Json(200, json!({"ARN": ARN, "Name": "a"})),
    })
    .await;
    let sink = secrets(&wire).await;
    sink.update(&held("before"), &put("a", "one"), &mine, soon())
        .await
        .unwrap();
    assert_eq!(wire.operations(), ["DescribeSecret", "UpdateSecret"]);
}

#[tokio::test]
async fn a_secret_that_was_made_anew_by_somebody_else_is_not_the_one_meant() {
    let wire = Wire::new(|_: &Request| Reply::error("ResourceNotFoundException", "no")).await;
    let sink = secrets(&wire).await;
    let mine = owner("config");
    let results = [
        sink.update(&held("before"), &put("a", "one"), &mine, soon())
            .await,
        sink.delete(&held("before"), &mine, soon()).await,
        sink.remark(&held("before"), &put("a", "one"), &mine, soon())
            .await,
    ];
    assert!(
        results
            .iter()
            .all(|result| *result == Err(WriteError::Changed))
    );
    assert!(
        wire.requests()
            .iter()
            .all(|request| request.text("SecretId") == ARN)
    );
    assert_eq!(wire.operations(), ["DescribeSecret"; 3]);
}

#[tokio::test]
async fn a_name_that_waits_for_its_deletion_is_not_free() {
    let wire = Wire::new(|request: &Request| match request.operation.as_str() {
        "CreateSecret" => Reply::error(
            "InvalidRequestException",
            "You can't create this secret because a secret with this name is already scheduled for deletion.",
        ),
        "DescribeSecret" => {
            let mut found = secret(&json!({"before": ["AWSCURRENT"]}));
            found["DeletedDate"] = json!(1_790_000_000);
            Reply::Json(200, found)
        }
        other => panic!("{other}"),
    })
    .await;
    let sink = secrets(&wire).await;
    let mine = owner("config");
    let refused = sink.create(&put("a", "one"), &mine, soon()).await;
    assert_eq!(refused, Err(WriteError::Exists));
    assert_eq!(sink.holder("a", &mine, soon()).await, Ok(Holder::Deleted));
    let refused = sink
        .update(&held("before"), &put("a", "one"), &mine, soon())
        .await;
    assert_eq!(refused, Err(WriteError::Changed));
    assert_eq!(sink.delete(&held("before"), &mine, soon()).await, Ok(()));
}

#[tokio::test]
async fn what_a_list_is_asked_for() {
    let wire = Wire::new(|request: &Request| match request.operation.as_str() {
        "ListSecrets" => {
            let entry = |name: &str, tags: Value| json!({"ARN": format!("{ARN}{name}"), "Name": name, "Tags": tags});
            // The filter is a prefix match, and its two halves are of any tags.
            Reply::Json(200, json!({"SecretList": [
                entry("a", json!([{"Key": OWNER, "Value": MINE}])),
                entry("b", json!([{"Key": OWNER, "Value": format!("{MINE}-2")}])),
                entry("c", json!([{"Key": OWNER, "Value": "prod/shop/other"}, {"Key": "x", "Value": MINE}])),
                entry("d", json!([{"Key": format!("{OWNER}s"), "Value": MINE}])),
            ]}))
        }
        _ => Reply::Json(200, json!({"Parameters": [{"Name": "/a", "Version": 1}]})),
    })
    .await;
    let mine = owner("config");
    let found = secrets(&wire).await.held(&mine, soon()).await.unwrap();
    let names: Vec<_> = found.iter().map(|held| held.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    let found = parameters(&wire).await.held(&mine, soon()).await.unwrap();
    assert_eq!((found.len(), &found[0].fingerprint), (1, &None));
    let asked: Vec<Value> = wire
        .requests()
        .into_iter()
        .map(|request| request.body)
        .collect();
    assert_eq!(
        asked,
        [
            json!({"MaxResults": 100, "Filters": [
                {"Key": "tag-key", "Values": [OWNER]},
                {"Key": "tag-value", "Values": [MINE]},
            ]}),
            json!({"MaxResults": 50, "ParameterFilters": [
                {"Key": format!("tag:{OWNER}"), "Option": "Equals", "Values": [MINE]},
            ]}),
        ]
    );
}

#[tokio::test]
async fn a_list_that_does_not_end_is_none() {
    let wire = Wire::new(|request: &Request| {
        let field = match request.operation.as_str() {
            "ListSecrets" => "SecretList",
            _ => "Parameters",
        };
        Reply::Json(200, json!({field: [], "NextToken": "same"}))
    })
    .await;
    let mine = owner("config");
    let results = [
        secrets(&wire).await.held(&mine, soon()).await,
        parameters(&wire).await.held(&mine, soon()).await,
    ];
    for result in results {
        assert_eq!(result.unwrap_err().kind, ErrorKind::Integrity);
    }
    assert_eq!(wire.requests().len(), 4);
}

/// A parameter of ours, in the version that the description says or in another one.
fn parameter(version: u64, description: &str) -> Reply {
    let found = json!([{"Name": "a", "Version": version, "Description": description}]);
    Reply::Json(200, json!({"Parameters": found}))
}

fn numbered(version: u64) -> Held {
    Held {
        version: Some(VersionToken(version.to_string())),
        ..held("")
    }
}

#[tokio::test]
async fn a_parameter_is_looked_at_before_its_write_is_said_again() {
    // The first write is done and its answer is an error; the SDK would say it again by itself.
    let done = Arc::new(std::sync::Mutex::new(None::<String>));
    let state = Arc::clone(&done);
    let wire = Wire::new(move |request: &Request| {
        let mut done = state.lock().unwrap();
        match (request.operation.as_str(), done.as_deref()) {
            ("DescribeParameters", None) => parameter(4, "theirs"),
            ("DescribeParameters", Some(description)) => parameter(5, description),
            ("PutParameter", _) => {
                *done = Some(request.text("Description").to_owned());
                Reply::Json(500, json!({"__type": "InternalServerError"}))
            }
            (other, _) => panic!("{other}"),
        }
    })
    .await;
    let sink = parameters(&wire).await;
    let mine = owner("config");
    sink.update(&numbered(4), &put("a", "one"), &mine, soon())
        .await
        .unwrap();
    let asked = ["DescribeParameters", "PutParameter", "DescribeParameters"];
    assert_eq!(wire.operations(), asked);
}

#[tokio::test]
async fn a_write_that_did_not_come_about_is_said_again() {
    let wire = Wire::new(|request: &Request| match request.operation.as_str() {
        "DescribeParameters" => parameter(4, "theirs"),
        _ if request.number < 2 => Reply::Close,
        _ => Reply::Json(200, json!({"Version": 5})),
    })
    .await;
    let sink = parameters(&wire).await;
    let mine = owner("config");
    sink.update(&numbered(4), &put("a", "one"), &mine, soon())
        .await
        .unwrap();
    let twice = [
        "DescribeParameters",
        "PutParameter",
        "DescribeParameters",
        "PutParameter",
    ];
    assert_eq!(wire.operations(), twice);
    // Somebody else was faster between the look and the write: what is there is not known.
    let wire = Wire::new(|request: &Request| match request.operation.as_str() {
        "DescribeParameters" => parameter(4, "theirs"),
        _ => Reply::Json(200, json!({"Version": 6})),
    })
    .await;
    let sink = parameters(&wire).await;
    let result = sink
        .update(&numbered(4), &put("a", "one"), &mine, soon())
        .await;
    assert_eq!(result, Err(WriteError::Changed));
}

#[tokio::test]
async fn what_is_no_parameter_is_not_sent() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let wire = Wire::new(move |request: &Request| {
        if request.operation == "PutParameter" {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Reply::Json(200, json!({"Version": 1}))
    })
    .await;
    let sink = parameters(&wire).await;
    let mine = owner("config");
    let refuse = async |value: &str| {
        let result = sink
            .create(&put_bytes("a", value.into()), &mine, soon())
            .await;
        failed(result).kind
    };
    let long = MARKER.repeat(2000);
    assert_eq!(refuse(&long).await, ErrorKind::TooLarge);
    for bad in ["", "{{ssm:b}}", "x {{ y }} z"] {
        assert_eq!(refuse(bad).await, ErrorKind::Invalid, "{bad}");
    }
    assert_eq!(sent.load(Ordering::SeqCst), 0);
    for good in ["{{", "}} {{", "{}", " "] {
        let result = sink
            .create(&put_bytes("a", good.into()), &mine, soon())
            .await;
        assert_eq!(result, Ok(()), "{good}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let mine = owner("config");
    let table = [
        (
            "LimitExceededException",
            "no",
            ErrorKind::TooLarge,
            "raise the quota",
        ),
        (
            "EncryptionFailure",
            "no",
            ErrorKind::Denied,
            "grant kms:GenerateDataKey and kms:Decrypt",
        ),
        (
            "AccessDeniedException",
            "Access to KMS is not allowed",
            ErrorKind::Denied,
            "grant kms:GenerateDataKey",
        ),
        (
            "ThrottlingException",
            "Rate exceeded",
            ErrorKind::Throttled { after: None },
            "secretsmanager:CreateSecret is throttled",
        ),
    ];
    for (code, message, kind, part) in table {
        let wire = Wire::new(move |_: &Request| Reply::error(code, message)).await;
        let sink = secrets(&wire).await;
        let error = failed(sink.create(&put("a", "one"), &mine, soon()).await);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(part), "{error}");
        assert_eq!(error.code.as_deref(), Some(code));
    }
    let table = [
        (
            "ValidationException",
            5000,
            ErrorKind::TooLarge,
            "a standard parameter takes 4096",
        ),
        (
            "ValidationException",
            10,
            ErrorKind::Invalid,
            "ssm:PutParameter refuses",
        ),
        (
            "ParameterLimitExceeded",
            10,
            ErrorKind::TooLarge,
            "raise the quota",
        ),
        (
            "AccessDeniedException",
            10,
            ErrorKind::Denied,
            "grant it and ssm:AddTagsToResource to the identity that writes this store",
        ),
    ];
    for (code, length, kind, part) in table {
        let wire = Wire::new(move |_: &Request| Reply::error(code, "no")).await;
        let sink = parameters(&wire).await;
        let value = vec![b'x'; length];
        let error = failed(sink.create(&put_bytes("a", value), &mine, soon()).await);
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(part), "{error}");
        assert_eq!(wire.requests().len(), 1, "{code}");
    }
}
