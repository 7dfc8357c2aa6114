//! Whatever the log level, no value is logged: not a good one, not one in a broken answer.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use jasm_providers::sink::Held;
use jasm_providers::{Source, VersionToken, aws};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::contract::faults::{Sample, State};
use crate::contract::wired;
use crate::sinks::{owner, put};
use crate::support::{Calls, MARKER, assert_clean, connect, options, prefix, soon, want};
use crate::wire::{Reply, Request, Wire};

/// Everything that is logged, at every level, as one text.
#[derive(Clone, Default)]
struct Everything(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = self.0.lock().unwrap();
        let _ = write!(text, "\n{}", event.metadata().target());
        event.record(&mut Fields(&mut text));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn good(request: &Request) -> Vec<u8> {
    let body = match request.operation.as_str() {
        "GetSecretValue" => json!({"Name": "/a", "VersionId": "v", "SecretString": MARKER}),
        "BatchGetSecretValue" => json!({"SecretValues": [
            {"Name": "/a", "VersionId": "v", "SecretString": MARKER},
            {"Name": "/b", "VersionId": "v", "SecretBinary": "bTRyazNy"},
        ]}),
        "ListSecrets" => json!({"SecretList": [{"Name": "/p/a"}]}),
        "GetParameter" => json!({"Parameter": {"Name": "/a", "Version": 1, "Value": MARKER}}),
        _ => {
            json!({"Parameters": [{"Name": "/a", "Version": 1, "Type": "SecureString", "Value": MARKER}]})
        }
    };
    body.to_string().into_bytes()
}

/// Everything that either service logs while it reads what `reply` sends.
async fn logged(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> String {
    let log = Everything::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let wire = Wire::new(reply).await;
    let connection = connect(&aws::Options {
        attempts: 2,
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    let secrets = aws::SecretsManager::new(&connection, Calls::default().observer());
    let parameters = aws::ParameterStore::new(&connection, Calls::default().observer());
    for source in [&secrets as &dyn Source, &parameters] {
        for wants in [vec![want("/a")], vec![want("/a"), want("/b")]] {
            let answers = source.read(&wants, soon()).await;
            answers
                .iter()
                .filter_map(|answer| answer.as_ref().err())
                .for_each(assert_clean);
        }
        let listed = source.list(&prefix("/p"), soon()).await;
        listed.as_ref().err().into_iter().for_each(assert_clean);
    }
    let text = log.0.lock().unwrap().clone();
    assert!(text.contains("aws_smithy_runtime"), "nothing was recorded");
    text
}

fn assert_no_value(text: &str) {
    let found: Vec<_> = text.lines().filter(|line| line.contains(MARKER)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test]
async fn good_answers_are_not_logged() {
    assert_no_value(&logged(|request| Reply::Raw(200, "", good(request))).await);
}

#[tokio::test]
async fn broken_answers_are_not_logged() {
    assert_no_value(&logged(|request| Reply::Cut(good(request))).await);
    assert_no_value(
        &logged(|request| {
            let mut body = good(request);
            body.truncate(body.len() - 2);
            Reply::Raw(200, "", body)
        })
        .await,
    );
    // Answers with names only are logged; they hold no values.
    assert_no_value(
        &logged(|request| match request.operation.as_str() {
            "ListSecrets" => Reply::Raw(200, "", b"<html></html>".to_vec()),
            _ => Reply::Raw(200, "", format!("<html>{MARKER}</html>").into_bytes()),
        })
        .await,
    );
}

/// Everything that is logged while both services are written to, and a key is asked.
async fn logged_of_writes(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> String {
    // Here only: what it reads by has the name of what a source reads by.
    use jasm_providers::Sink;
    let log = Everything::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let wire = Wire::new(reply).await;
    let connection = connect(&aws::Options {
        attempts: 2,
        kms_endpoint: Some(wire.endpoint.clone()),
        ..options(&wire.endpoint, "eu-west-1")
    })
    .await;
    let secrets = aws::SecretsManager::new(&connection, Calls::default().observer());
    let parameters = aws::ParameterStore::new(&connection, Calls::default().observer());
    let mine = owner("config");
    for sink in [&secrets as &dyn Sink, &parameters] {
        let _ = sink.create(&put("a", "one"), &mine, soon()).await;
        for version in ["arn v", "1"] {
            let held = Held {
                name: "a".to_owned(),
                fingerprint: None,
                value: None,
                version: Some(VersionToken(version.to_owned())),
            };
            let _ = sink.update(&held, &put("a", "two"), &mine, soon()).await;
        }
    }
    let kms = aws::Kms::new(&connection, Calls::default().observer()).unwrap();
    let key = aws::KeyArn::parse("arn:aws:kms:eu-west-1:123456789012:key/a").unwrap();
    let _ = kms.decrypt(&key, b"x", &BTreeMap::new(), soon()).await;
    for operation in ["CreateSecret", "UpdateSecret", "PutParameter", "Decrypt"] {
        assert!(
            wire.operations().iter().any(|it| it == operation),
            "{operation}"
        );
    }
    let text = log.0.lock().unwrap().clone();
    assert!(text.contains("aws_smithy_runtime"), "nothing was recorded");
    text
}

#[tokio::test]
async fn what_is_written_and_decrypted_is_not_logged() {
    let good = |request: &Request| match request.operation.as_str() {
        "DescribeSecret" => json!({
            "ARN": "arn",
            "Name": "a",
            "Tags": [{"Key": "jasm.codnod.io/owner", "Value": "prod/shop/config"}],
            "VersionIdsToStages": {"v": ["AWSCURRENT"]},
        }),
        "DescribeParameters" => json!({"Parameters": [{"Name": "a", "Version": 1}]}),
        "PutParameter" => json!({"Version": 2}),
        "Decrypt" => json!({
            "KeyId": "arn:aws:kms:eu-west-1:123456789012:key/a",
            "Plaintext": "bTRyazNy",
        }),
        _ => json!({}),
    };
    let text = logged_of_writes(move |request| Reply::Json(200, good(request))).await;
    assert_no_value(&text);
    assert!(!text.contains("bTRyazNy"));
    let refused = move |request: &Request| match request.operation.as_str() {
        "DescribeSecret" | "DescribeParameters" => Reply::Json(200, good(request)),
        // Without a message: what the store says is its own, and of the SDK the program logs warnings only.
        _ => Reply::Json(400, json!({"__type": "ValidationException"})),
    };
    assert_no_value(&logged_of_writes(refused).await);
    let cut = move |request: &Request| match request.operation.as_str() {
        "DescribeSecret" | "DescribeParameters" => Reply::Json(200, good(request)),
        _ => Reply::Close,
    };
    assert_no_value(&logged_of_writes(cut).await);
}

#[tokio::test]
async fn what_is_printed_of_a_value_is_not_the_value() {
    let wire = Wire::new(|request| Reply::Raw(200, "", good(request))).await;
    let connection = connect(&options(&wire.endpoint, "eu-west-1")).await;
    let source = aws::SecretsManager::new(&connection, Calls::default().observer());
    let answers = source.read(&[want("/a")], soon()).await;
    assert_eq!(
        answers[0].as_ref().unwrap().value.expose(),
        MARKER.as_bytes()
    );
    let printed = format!("{answers:?} {answers:#?} {source:?} {connection:?}");
    assert!(!printed.contains(MARKER), "{printed}");
}

#[tokio::test]
async fn neither_tokens_nor_values_of_any_kind_are_logged() {
    for subject in wired() {
        let about = subject.column();
        let marked = subject.sample(Sample::Marked).unwrap();
        let garbage = format!("{{\"value\": \"{MARKER}").into_bytes();
        let states = [
            (State::Holds(marked), true),
            (State::Cut, false),
            (
                State::Does(Box::new(move || Reply::Raw(200, "", garbage.clone()))),
                false,
            ),
        ];
        for (state, good) in states {
            let log = Everything::default();
            let _logging = tracing::subscriber::set_default(log.clone());
            let stage = subject.stage(state).await.unwrap();
            let answers = stage.source.read(&[want(subject.name("a"))], soon()).await;
            assert_eq!(answers[0].is_ok(), good, "{about:?}");
            let printed = format!("{answers:?} {:?}", stage.source);
            assert!(!printed.contains(MARKER), "{about:?}: {printed}");
            let text = log.0.lock().unwrap().clone();
            assert!(text.contains("hyper_util"), "nothing was recorded");
            assert_no_value(&text);
        }
    }
}
