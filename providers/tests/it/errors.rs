//! Every way in which a single read fails, for both services alike.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jasm_providers::{Entry, Error, ErrorKind, Source, aws};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    Calls, MARKER, assert_clean, connect, kind, list, options, read_one, text, want,
};
use crate::wire::{Reply, Request, Wire};

/// Both services behind one endpoint, with the tries of a call.
async fn stores(wire: &Wire, attempts: u32, timeout: Duration) -> [(Arc<dyn Source>, Calls); 2] {
    let options = aws::Options {
        attempts,
        timeout,
        ..options(&wire.endpoint, "eu-west-1")
    };
    let connection = connect(&options).await;
    let (secrets, parameters) = (Calls::default(), Calls::default());
    let first: Arc<dyn Source> =
        Arc::new(aws::SecretsManager::new(&connection, secrets.observer()));
    let second: Arc<dyn Source> =
        Arc::new(aws::ParameterStore::new(&connection, parameters.observer()));
    [(first, secrets), (second, parameters)]
}

/// A good answer to a single read of `/a`.
fn good(request: &Request) -> Value {
    match request.operation.as_str() {
        "GetSecretValue" => {
            json!({"Name": "/a", "VersionId": "v1", "SecretString": format!("value {MARKER}")})
        }
        _ => json!({"Parameters": [
            {"Name": "/a", "Version": 1, "Type": "SecureString", "Value": format!("value {MARKER}")}
        ]}),
    }
}

/// What both services make of one reply; their errors are of one kind, and clean.
async fn both(
    attempts: u32,
    reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Vec<Result<Entry, Error>> {
    let wire = Wire::new(reply).await;
    let mut results = Vec::new();
    for (source, _) in stores(&wire, attempts, Duration::from_secs(2)).await {
        let result = read_one(&*source, want("/a")).await;
        result.as_ref().err().into_iter().for_each(assert_clean);
        results.push(result);
    }
    results
}

async fn both_fail(
    reply: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (ErrorKind, Vec<Error>) {
    let errors: Vec<_> = both(1, reply)
        .await
        .into_iter()
        .map(Result::unwrap_err)
        .collect();
    assert_eq!(errors[0].kind, errors[1].kind, "{errors:?}");
    (errors[0].kind, errors)
}

#[tokio::test]
async fn the_error_code_decides() {
    let throttled = ErrorKind::Throttled { after: None };
    let table = [
        ("ResourceNotFoundException", "no", ErrorKind::NotFound),
        ("ParameterNotFound", "no", ErrorKind::NotFound),
        ("ParameterVersionNotFound", "no", ErrorKind::NotFound),
        (
            "InvalidRequestException",
            "because it was marked for deletion",
            ErrorKind::Gone,
        ),
        ("InvalidRequestException", "no", ErrorKind::Invalid),
        ("InvalidParameterException", "no", ErrorKind::Invalid),
        ("ValidationException", "no", ErrorKind::Invalid),
        ("AccessDeniedException", "no", ErrorKind::Denied),
        (
            "AccessDeniedException",
            "Access to KMS is not allowed",
            ErrorKind::Denied,
        ),
        ("DecryptionFailure", "no", ErrorKind::Denied),
        ("InvalidKeyId", "no", ErrorKind::Denied),
        ("ExpiredTokenException", "no", ErrorKind::Unauthenticated),
        (
            "UnrecognizedClientException",
            "no",
            ErrorKind::Unauthenticated,
        ),
        (
            "InvalidSignatureException",
            "no",
            ErrorKind::Unauthenticated,
        ),
        ("ThrottlingException", "no", throttled),
        ("TooManyRequestsException", "no", throttled),
        ("InternalServiceError", "no", ErrorKind::Unavailable),
        ("UnknownOperationException", "no", ErrorKind::Unsupported),
        (
            "com.amazonaws.secretsmanager#ResourceNotFoundException",
            "no",
            ErrorKind::NotFound,
        ),
        ("SomethingNew", "no", ErrorKind::Invalid),
    ];
    for (code, message, expected) in table {
        let (found, errors) = both_fail(move |_| Reply::error(code, message)).await;
        assert_eq!(found, expected, "{code}");
        let short = code.rsplit('#').next();
        assert!(
            errors.iter().all(|error| error.code.as_deref() == short),
            "{errors:?}"
        );
        let key = message.contains("KMS") || ["DecryptionFailure", "InvalidKeyId"].contains(&code);
        assert!(
            errors
                .iter()
                .all(|error| error.message.contains("kms:Decrypt") == key),
            "{errors:?}"
        );
    }
}

#[tokio::test]
async fn without_a_code_the_status_decides() {
    let throttled = ErrorKind::Throttled {
        after: Some(Duration::from_secs(7)),
    };
    let table = [
        (400, ErrorKind::Invalid),
        (401, ErrorKind::Unauthenticated),
        (403, ErrorKind::Denied),
        (404, ErrorKind::Unavailable),
        (413, ErrorKind::TooLarge),
        (429, throttled),
        (500, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
    ];
    for (status, expected) in table {
        let page = format!("<html>{MARKER}</html>");
        let reply =
            move |_: &Request| Reply::Raw(status, "Retry-After: 7\r\n", page.clone().into_bytes());
        assert_eq!(both_fail(reply).await.0, expected, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_understood_contradicts_itself() {
    let bodies = [
        format!("<html>{MARKER}</html>"),
        format!("{{\"Name\": \"/a\", \"SecretString\": \"{MARKER}"),
        format!("{{\"Parameters\": [{{\"Name\": \"/a\", \"Value\": \"{MARKER}"),
        format!("[\"{MARKER}\"]"),
    ];
    for body in bodies {
        let (found, _) = both_fail(move |_| Reply::Raw(200, "", body.clone().into_bytes())).await;
        assert_eq!(found, ErrorKind::Integrity);
    }
}

#[tokio::test]
async fn an_answer_without_the_value_is_no_empty_value() {
    // Nothing, and nothing but a name.
    for result in both(1, |_| Reply::Json(200, json!({}))).await {
        assert!(
            matches!(
                kind(&result),
                Some(ErrorKind::Integrity | ErrorKind::Unavailable)
            ),
            "{result:?}"
        );
    }
    let (found, _) = both_fail(|_| {
        Reply::Json(
            200,
            json!({"Name": "/a", "VersionId": "v", "Parameters": [{"Name": "/a", "Version": 1}]}),
        )
    })
    .await;
    assert_eq!(found, ErrorKind::Integrity);
}

#[tokio::test]
async fn a_connection_cut_in_the_middle_of_a_value_leaks_nothing() {
    for reply in [true, false] {
        let (found, _) = both_fail(move |request| {
            if reply {
                Reply::Cut(good(request).to_string().into_bytes())
            } else {
                Reply::Close
            }
        })
        .await;
        assert_eq!(found, ErrorKind::Unavailable);
    }
}

#[tokio::test]
async fn a_store_that_hangs_is_given_up_in_time() {
    let wire = Wire::new(|_| Reply::Hang).await;
    // By the connection's own limit, and by the deadline of the call.
    for (timeout, deadline) in [(300, 10_000), (10_000, 300)] {
        for (source, calls) in stores(&wire, 3, Duration::from_millis(timeout)).await {
            let began = Instant::now();
            let answers = source
                .read(&[want("/a")], began + Duration::from_millis(deadline))
                .await;
            assert_eq!(kind(&answers[0]), Some(ErrorKind::Unavailable));
            assert!(
                began.elapsed() < Duration::from_secs(2),
                "{:?}",
                began.elapsed()
            );
            assert_eq!(
                calls.take().last().map(|(_, outcome)| *outcome),
                Some("unavailable")
            );
        }
    }
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let wire = Wire::new(|_| Reply::Close).await;
    let endpoint = wire.endpoint.clone();
    drop(wire);
    let connection = connect(&aws::Options {
        attempts: 1,
        ..options(&endpoint, "eu-west-1")
    })
    .await;
    let source = aws::SecretsManager::new(&connection, Calls::default().observer());
    let error = read_one(&source, want("a")).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
    assert!(error.message.contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_hiccup_is_tried_again() {
    for hiccup in ["ThrottlingException", "InternalServiceError", ""] {
        let results = both(3, move |request| match (request.number % 2, hiccup) {
            (0, "") => Reply::Close,
            (0, "InternalServiceError") => Reply::Json(500, json!({"__type": hiccup})),
            (0, _) => Reply::error(hiccup, "slow down"),
            _ => Reply::Json(200, good(request)),
        })
        .await;
        for result in results {
            assert_eq!(text(&result), format!("value {MARKER}"), "{hiccup}");
        }
    }
}

#[tokio::test]
async fn an_answer_of_something_else_is_not_taken() {
    let wire = Wire::new(|request| match request.operation.as_str() {
        "GetSecretValue" => Reply::Json(
            200,
            json!({"Name": "other", "VersionId": "v", "SecretString": MARKER}),
        ),
        _ => Reply::Json(
            200,
            json!({"Parameters": [{"Name": "/other", "Version": 1, "Value": MARKER}]}),
        ),
    })
    .await;
    let [(secrets, _), (parameters, _)] = stores(&wire, 1, Duration::from_secs(2)).await;
    assert_eq!(
        kind(&read_one(&*secrets, want("/a")).await),
        Some(ErrorKind::Integrity)
    );
    assert_eq!(
        kind(&read_one(&*parameters, want("/a")).await),
        Some(ErrorKind::Unavailable)
    );
    // An answer without a list is no empty one.
    assert_eq!(kind(&list(&*secrets, "").await), Some(ErrorKind::Integrity));
    assert_eq!(list(&*parameters, "").await.unwrap(), ["/other"]);
}

/// Whether this is the child; else runs the test again in a process with that environment.
fn in_a_process_of_its_own(test: &str, environment: &[(&str, &str)]) -> bool {
    const CHILD: &str = "JASM_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env_clear()
        .env(CHILD, "1")
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
    false
}

#[tokio::test]
async fn a_process_that_would_log_values_gets_no_connection() {
    let test = "errors::a_process_that_would_log_values_gets_no_connection";
    if in_a_process_of_its_own(test, &[("LOG_SENSITIVE_BODIES", "true")]) {
        let options = options("http://localhost:1", "eu-west-1");
        let error = aws::Connection::new(&options).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
        assert!(error.message.contains("LOG_SENSITIVE_BODIES"), "{error}");
    }
}

/// What a read says in this process, whose environment has the credentials, or not.
async fn with_the_default_chain(reply: fn(&Request) -> Reply) -> (Wire, Result<Entry, Error>) {
    let wire = Wire::new(reply).await;
    let options = aws::Options {
        credentials: aws::Credentials::Chain,
        timeout: Duration::from_secs(2),
        ..options(&wire.endpoint, "eu-west-1")
    };
    let connection = connect(&options).await;
    let source = aws::SecretsManager::new(&connection, Calls::default().observer());
    let result = read_one(&source, want("/a")).await;
    (wire, result)
}

#[tokio::test]
async fn a_process_with_credentials_in_its_environment_uses_them() {
    let test = "errors::a_process_with_credentials_in_its_environment_uses_them";
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", MARKER),
    ];
    if in_a_process_of_its_own(test, &environment) {
        let (_wire, result) =
            with_the_default_chain(|request| Reply::Json(200, good(request))).await;
        assert_eq!(text(&result), format!("value {MARKER}"));
    }
}

#[tokio::test]
async fn a_process_without_credentials_is_told_so() {
    let test = "errors::a_process_without_credentials_is_told_so";
    let environment = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("HOME", "/nonexistent"),
    ];
    if in_a_process_of_its_own(test, &environment) {
        let (wire, result) = with_the_default_chain(|_| Reply::Hang).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthenticated, "{error}");
        assert!(wire.requests().is_empty());
    }
}

#[tokio::test]
async fn credentials_that_do_not_come_are_told_from_a_store_that_does_not_answer() {
    // It takes connections and says nothing.
    let hangs = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let agent = format!("http://{}/v1/credentials", hangs.local_addr().unwrap());
    let test = "errors::credentials_that_do_not_come_are_told_from_a_store_that_does_not_answer";
    if in_a_process_of_its_own(test, &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &agent)]) {
        let (wire, result) = with_the_default_chain(|_| Reply::Hang).await;
        let error = result.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.contains("credentials"), "{error}");
        assert!(wire.requests().is_empty());
    }
}
