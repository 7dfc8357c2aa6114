//! Batches that answer oddly, and batches that are refused.

use std::collections::HashSet;

use jasm_providers::{ErrorKind, Source, aws};
use serde_json::{Value, json};

use crate::support::{
    Calls, MARKER, assert_clean, connect, kind, options, read_one, soon, text, versioned, want,
};
use crate::wire::{Reply, Request, Wire};

async fn secrets(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Wire, aws::SecretsManager) {
    let wire = Wire::new(script).await;
    let connection = connect(&aws::Options {
        attempts: 1,
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    (
        wire,
        aws::SecretsManager::new(&connection, Calls::default().observer()),
    )
}

async fn parameters(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Wire, aws::ParameterStore) {
    let wire = Wire::new(script).await;
    let connection = connect(&aws::Options {
        attempts: 1,
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    (
        wire,
        aws::ParameterStore::new(&connection, Calls::default().observer()),
    )
}

fn secret(name: &str) -> Value {
    json!({
        "Name": name,
        "ARN": format!("arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbC123"),
        "VersionId": "v1",
        "SecretString": format!("{name} {MARKER}"),
    })
}

fn parameter(name: &str) -> Value {
    let (path, selector) = name
        .split_once(':')
        .map_or((name, None), |(path, version)| (path, Some(version)));
    let version = selector
        .and_then(|version| version.parse().ok())
        .unwrap_or(7);
    json!({"Name": path, "Version": version, "Type": "SecureString", "Value": format!("{path} {version} {MARKER}")})
}

/// Answers everything it is asked for.
fn obliging(request: &Request) -> Reply {
    Reply::Json(
        200,
        match request.operation.as_str() {
            "GetSecretValue" => secret(request.text("SecretId")),
            "BatchGetSecretValue" => {
                json!({"SecretValues": request.list("SecretIdList").iter().map(|id| secret(id)).collect::<Vec<_>>()})
            }
            "GetParameter" => json!({"Parameter": parameter(request.text("Name"))}),
            _ => {
                json!({"Parameters": request.list("Names").iter().map(|name| parameter(name)).collect::<Vec<_>>()})
            }
        },
    )
}

#[tokio::test]
async fn each_item_of_a_batch_is_typed_by_itself() {
    let (wire, source) = secrets(|_| {
        let failure = |id: &str, code: &str, message: &str| {
            json!({"SecretId": id, "ErrorCode": code, "Message": format!("{message} {MARKER}")})
        };
        Reply::Json(200, json!({
            "SecretValues": [
                secret("unasked"),
                secret("good"),
                secret("twice"),
                secret("twice"),
                secret("torn"),
                {"Name": "torn", "VersionId": "v2", "SecretString": MARKER},
                secret("both"),
                {"Name": "empty", "VersionId": "v1"},
                {"ARN": secret("nameless")["ARN"], "VersionId": "v1", "SecretString": "found by its arn"},
                {"Name": "other", "ARN": secret("taken")["ARN"], "VersionId": "v1", "SecretString": MARKER},
            ],
            "Errors": [
                failure("denied", "AccessDeniedException", "no"),
                failure("key", "AccessDeniedException", "Access to KMS is not allowed"),
                failure("missing", "ResourceNotFoundException", "no"),
                failure("deleted", "InvalidRequestException", "it was marked for deletion"),
                failure("both", "ResourceNotFoundException", "no"),
                failure("arn:aws:secretsmanager:eu-west-1:123456789012:secret:byarn-AbC123", "DecryptionFailure", "no"),
                {"SecretId": "silent"},
            ],
        }))
    })
    .await;
    let table = [
        ("good", None),
        ("twice", None),
        ("nameless", None),
        ("torn", Some(ErrorKind::Integrity)),
        ("both", Some(ErrorKind::Integrity)),
        ("empty", Some(ErrorKind::Integrity)),
        ("denied", Some(ErrorKind::Denied)),
        ("key", Some(ErrorKind::Denied)),
        ("missing", Some(ErrorKind::NotFound)),
        ("deleted", Some(ErrorKind::Gone)),
        ("byarn", Some(ErrorKind::Denied)),
        ("silent", Some(ErrorKind::Unavailable)),
        ("taken", Some(ErrorKind::Unavailable)),
        ("unmentioned", Some(ErrorKind::Unavailable)),
    ];
    let answers = source
        .read(&table.map(|(name, _)| want(name)), soon())
        .await;
    for ((name, expected), answer) in table.iter().zip(&answers) {
        assert_eq!(kind(answer), *expected, "{name}: {answer:?}");
        answer.as_ref().err().into_iter().for_each(assert_clean);
    }
    assert_eq!(text(&answers[0]), format!("good {MARKER}"));
    assert_eq!(text(&answers[2]), "found by its arn");
    assert!(
        answers[7]
            .as_ref()
            .unwrap_err()
            .message
            .contains("kms:Decrypt")
    );
    assert_eq!(wire.operations(), ["BatchGetSecretValue"]);
    assert_eq!(
        source.batch_limit(),
        20,
        "an item's error is none of the batch"
    );
}

#[tokio::test]
async fn pages_of_a_batch_are_followed_and_a_broken_one_costs_only_what_it_had() {
    let (wire, source) = secrets(|request| {
        let ids = request.list("SecretIdList");
        match request.text("NextToken") {
            "" => Reply::Json(
                200,
                json!({"SecretValues": [secret(&ids[0])], "NextToken": "two"}),
            ),
            "two" => Reply::Json(200, json!({"SecretValues": [], "NextToken": "three"})),
            "three" if ids[0] == "fine" => {
                Reply::Json(200, json!({"SecretValues": [secret(&ids[1])]}))
            }
            _ => Reply::error("InternalServiceError", "no"),
        }
    })
    .await;
    let answers = source.read(&["fine", "last"].map(want), soon()).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(wire.requests().len(), 3);
    let answers = source.read(&["broken", "last"].map(want), soon()).await;
    assert_eq!(
        answers.iter().map(kind).collect::<Vec<_>>(),
        [None, Some(ErrorKind::Unavailable)]
    );
}

#[tokio::test]
async fn pages_that_never_end_are_given_up() {
    let (wire, source) = secrets(|_| Reply::Json(200, json!({"NextToken": "again"}))).await;
    let answers = source.read(&["a", "b"].map(want), soon()).await;
    assert!(
        answers
            .iter()
            .all(|answer| kind(answer) == Some(ErrorKind::Unavailable))
    );
    assert_eq!(wire.requests().len(), 21);
}

#[tokio::test]
async fn a_batch_that_is_denied_becomes_single_gets_and_that_is_remembered() {
    let refusals = [Reply::error as fn(&str, &str) -> Reply, |_, _| {
        Reply::error("UnknownOperationException", "what is that")
    }];
    for refusal in refusals {
        let (wire, source) = secrets(move |request| match request.operation.as_str() {
            "BatchGetSecretValue" => refusal("AccessDeniedException", "no"),
            _ if request.text("SecretId") == "no" => Reply::error("AccessDeniedException", "no"),
            _ => obliging(request),
        })
        .await;
        let wants = ["a", "b", "no", "c"].map(want);
        let answers = source.read(&wants, soon()).await;
        let kinds: Vec<_> = answers.iter().map(kind).collect();
        assert_eq!(kinds, [None, None, Some(ErrorKind::Denied), None]);
        assert_eq!(source.batch_limit(), 1);
        source.read(&wants, soon()).await;
        let operations = wire.operations();
        let batches = operations
            .iter()
            .filter(|operation| *operation == "BatchGetSecretValue")
            .count();
        assert_eq!((batches, operations.len()), (1, 9));
    }
}

#[tokio::test]
async fn a_batch_that_one_of_them_spoils_is_asked_again_singly() {
    let (wire, source) = secrets(|request| match request.operation.as_str() {
        "BatchGetSecretValue" if request.list("SecretIdList").contains(&"odd".to_owned()) => {
            Reply::error("ValidationException", "no")
        }
        _ if request.text("SecretId") == "odd" => Reply::error("ValidationException", "no"),
        _ => obliging(request),
    })
    .await;
    let answers = source.read(&["a", "odd", "b"].map(want), soon()).await;
    assert_eq!(
        answers.iter().map(kind).collect::<Vec<_>>(),
        [None, Some(ErrorKind::Invalid), None]
    );
    assert_eq!(source.batch_limit(), 20);
    assert_eq!(wire.requests().len(), 4);
}

#[tokio::test]
async fn a_batch_that_the_store_cannot_serve_now_is_not_asked_again_singly() {
    for (code, expected) in [
        ("ThrottlingException", ErrorKind::Throttled { after: None }),
        ("InternalServiceError", ErrorKind::Unavailable),
        ("ExpiredTokenException", ErrorKind::Unauthenticated),
    ] {
        let (wire, source) = secrets(move |_| Reply::error(code, "no")).await;
        let answers = source.read(&["a", "b"].map(want), soon()).await;
        assert!(
            answers.iter().all(|answer| kind(answer) == Some(expected)),
            "{answers:?}"
        );
        assert_eq!(wire.requests().len(), 1);
        let (wire, source) = parameters(move |_| Reply::error(code, "no")).await;
        let answers = source.read(&["/a", "/b"].map(want), soon()).await;
        assert!(
            answers.iter().all(|answer| kind(answer) == Some(expected)),
            "{answers:?}"
        );
        assert_eq!(wire.requests().len(), 1);
    }
}

#[tokio::test]
async fn one_forbidden_name_denies_its_batch_once_and_then_travels_alone() {
    // As IAM does it: GetParameters with one name that is not granted is refused as a whole.
    let (wire, source) = parameters(|request| {
        let names = request.list("Names");
        if names.iter().any(|name| name == "/no") || request.text("Name") == "/no" {
            return Reply::error("AccessDeniedException", "no");
        }
        obliging(request)
    })
    .await;
    let wants = ["/a", "/no", "/b"].map(want);
    let answers = source.read(&wants, soon()).await;
    assert_eq!(
        answers.iter().map(kind).collect::<Vec<_>>(),
        [None, Some(ErrorKind::Denied), None]
    );
    answers[1].as_ref().err().into_iter().for_each(assert_clean);
    assert_eq!(source.batch_limit(), 10, "the others still travel together");
    assert!(source.batches(&want("/a")) && !source.batches(&want("/no")));
    let before = wire.requests().len();
    let answers = source.read(&wants, soon()).await;
    assert_eq!(
        answers.iter().map(kind).collect::<Vec<_>>(),
        [None, Some(ErrorKind::Denied), None]
    );
    let names: Vec<_> = wire.requests()[before..]
        .iter()
        .map(|request| request.list("Names"))
        .collect();
    assert_eq!(names[0], ["/a", "/b"]);
    assert_eq!(
        names.len(),
        3,
        "one for the two, and both kinds of get for the third"
    );
}

#[tokio::test]
async fn whichever_get_is_granted_is_used() {
    // Neither right implies the other; both are common in policies.
    for granted in ["GetParameter", "GetParameters"] {
        let (wire, source) = parameters(move |request| {
            let spoiled = request.list("Names").contains(&"/no".to_owned());
            if request.operation != granted || spoiled || request.text("Name") == "/no" {
                return Reply::error("AccessDeniedException", "no");
            }
            obliging(request)
        })
        .await;
        let answers = source.read(&["/a", "/b", "/no"].map(want), soon()).await;
        assert_eq!(
            answers.iter().map(kind).collect::<Vec<_>>(),
            [None, None, Some(ErrorKind::Denied)],
            "{granted}"
        );
        assert!(read_one(&source, want("/c")).await.is_ok());
        let before = wire.requests().len();
        assert!(read_one(&source, want("/c")).await.is_ok());
        assert_eq!(
            wire.operations()[before..],
            [granted],
            "what works is asked first"
        );
        assert_eq!(
            source.batch_limit(),
            if granted == "GetParameter" { 1 } else { 10 }
        );
    }
}

#[tokio::test]
async fn parameters_are_matched_by_name_and_version() {
    let (wire, source) =
        parameters(
            |request| match request.list("Names").first().map(String::as_str) {
                Some("/wrong:3") => Reply::Json(
                    200,
                    json!({"Parameters": [{"Name": "/wrong", "Version": 4, "Value": MARKER}]}),
                ),
                Some("/twice") => Reply::Json(
                    200,
                    json!({"Parameters": [
            parameter("/twice"),
            {"Name": "/twice", "Version": 8, "Value": MARKER},
            parameter("/same"),
            parameter("/same"),
        ], "InvalidParameters": ["/missing", "/label:x"]}),
                ),
                _ => obliging(request),
            },
        )
        .await;
    let wants = [
        want("/a"),
        versioned("/a", "3"),
        want("/b"),
        versioned("/a", "3"),
        versioned("/b", "5"),
    ];
    let answers = source.read(&wants, soon()).await;
    let versions: Vec<_> = answers
        .iter()
        .map(|answer| answer.as_ref().unwrap().version.0.as_str())
        .collect();
    assert_eq!(versions, ["7", "3", "7", "3", "5"]);
    let names: Vec<HashSet<_>> = wire
        .requests()
        .iter()
        .map(|request| request.list("Names").into_iter().collect())
        .collect();
    assert_eq!(
        names,
        [["/a", "/b"], ["/a:3", "/b:5"]].map(|names| names.map(str::to_owned).into())
    );
    assert_eq!(
        kind(&read_one(&source, versioned("/wrong", "3")).await),
        Some(ErrorKind::Integrity)
    );

    let wants = [
        want("/twice"),
        want("/same"),
        want("/missing"),
        versioned("/label", "x"),
        want("/unmentioned"),
    ];
    let kinds: Vec<_> = source.read(&wants, soon()).await.iter().map(kind).collect();
    assert_eq!(
        kinds,
        [
            Some(ErrorKind::Integrity),
            None,
            Some(ErrorKind::NotFound),
            Some(ErrorKind::NotFound),
            Some(ErrorKind::Unavailable),
        ]
    );
}
