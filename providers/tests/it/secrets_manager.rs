//! Secrets Manager as moto plays it: versions, stages, binary, deletion, ARNs, batches.

use aws_sdk_secretsmanager::primitives::Blob;
use jasm_providers::{ErrorKind, Kind, Scope, Source, aws};

use crate::moto::Cloud;
use crate::support::{Calls, kind, list, read_one, soon, text, versioned, want};

async fn store() -> (Cloud, aws::SecretsManager, Calls) {
    let cloud = Cloud::new().await;
    let calls = Calls::default();
    let source = aws::SecretsManager::new(&cloud.connection, calls.observer());
    (cloud, source, calls)
}

#[tokio::test]
async fn a_version_is_named_by_its_id_or_its_stage() {
    let (cloud, source, _) = store().await;
    let created = cloud
        .secrets
        .create_secret()
        .name("a")
        .secret_string("one")
        .send()
        .await
        .unwrap();
    let first = created.version_id.unwrap();
    cloud
        .secrets
        .put_secret_value()
        .secret_id("a")
        .secret_string("two")
        .send()
        .await
        .unwrap();
    let current = read_one(&source, want("a")).await;
    assert_eq!(text(&current), "two");
    assert!(current.unwrap().secret);
    assert_eq!(
        text(&read_one(&source, versioned("a", "AWSCURRENT")).await),
        "two"
    );
    assert_eq!(
        text(&read_one(&source, versioned("a", "AWSPREVIOUS")).await),
        "one"
    );
    let by_id = read_one(&source, versioned("a", &first)).await;
    assert_eq!(text(&by_id), "one");
    assert_eq!(by_id.unwrap().version.0, first);
    for missing in ["NOSUCHSTAGE", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(
            kind(&read_one(&source, versioned("a", missing)).await),
            Some(ErrorKind::NotFound),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn versions_and_current_values_are_read_side_by_side() {
    let (cloud, source, calls) = store().await;
    for name in ["a", "b", "c"] {
        cloud
            .secrets
            .create_secret()
            .name(name)
            .secret_string(format!("{name} one"))
            .send()
            .await
            .unwrap();
        cloud
            .secrets
            .put_secret_value()
            .secret_id(name)
            .secret_string(format!("{name} two"))
            .send()
            .await
            .unwrap();
    }
    assert!(source.batches(&want("a")) && !source.batches(&versioned("a", "AWSPREVIOUS")));
    let wants = [
        want("a"),
        versioned("a", "AWSPREVIOUS"),
        want("b"),
        versioned("c", "AWSPREVIOUS"),
        want("c"),
    ];
    let answers = source.read(&wants, soon()).await;
    let texts: Vec<_> = answers.iter().map(text).collect();
    assert_eq!(texts, ["a two", "a one", "b two", "c one", "c two"]);
    let mut operations: Vec<_> = calls
        .take()
        .into_iter()
        .map(|(operation, _)| operation)
        .collect();
    operations.sort_unstable();
    assert_eq!(
        operations,
        ["BatchGetSecretValue", "GetSecretValue", "GetSecretValue"]
    );
}

#[tokio::test]
async fn twenty_current_values_are_one_call() {
    let (cloud, source, calls) = store().await;
    let names: Vec<_> = (0..25).map(|number| format!("n{number}")).collect();
    for name in &names {
        cloud
            .secrets
            .create_secret()
            .name(name)
            .secret_string(name)
            .send()
            .await
            .unwrap();
    }
    let wants: Vec<_> = names.iter().map(want).collect();
    assert_eq!(source.batch_limit(), 20);
    assert!(
        source
            .read(&wants[..20], soon())
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(calls.take(), [("BatchGetSecretValue", "ok")]);
    assert!(source.read(&wants, soon()).await.iter().all(Result::is_ok));
    assert_eq!(calls.take().len(), 2);
}

#[tokio::test]
async fn bytes_stay_bytes() {
    let (cloud, source, _) = store().await;
    let bytes = vec![0, 159, 146, 150, 255];
    for name in ["a", "b"] {
        cloud
            .secrets
            .create_secret()
            .name(name)
            .secret_binary(Blob::new(bytes.clone()))
            .send()
            .await
            .unwrap();
    }
    assert_eq!(
        read_one(&source, want("a")).await.unwrap().value.expose(),
        bytes
    );
    for answer in source.read(&[want("a"), want("b")], soon()).await {
        assert_eq!(answer.unwrap().value.expose(), bytes);
    }
}

#[tokio::test]
async fn what_waits_for_its_deletion_is_gone_and_fails_nobody_else() {
    let (cloud, source, _) = store().await;
    for name in ["a", "b", "p/c", "p/d"] {
        cloud
            .secrets
            .create_secret()
            .name(name)
            .secret_string(name)
            .send()
            .await
            .unwrap();
    }
    for name in ["a", "p/c"] {
        cloud
            .secrets
            .delete_secret()
            .secret_id(name)
            .recovery_window_in_days(7)
            .send()
            .await
            .unwrap();
    }
    assert_eq!(
        kind(&read_one(&source, want("a")).await),
        Some(ErrorKind::Gone)
    );
    let answers = source
        .read(&[want("a"), want("b"), want("never")], soon())
        .await;
    assert_eq!(kind(&answers[0]), Some(ErrorKind::Gone));
    assert_eq!(text(&answers[1]), "b");
    assert_eq!(kind(&answers[2]), Some(ErrorKind::NotFound));
    assert_eq!(list(&source, "p").await.unwrap(), ["p/d"]);
}

#[tokio::test]
async fn an_arn_is_its_name() {
    let (cloud, source, _) = store().await;
    let created = cloud
        .secrets
        .create_secret()
        .name("team/db-secret")
        .secret_string("x")
        .send()
        .await
        .unwrap();
    let scope = Scope {
        region: Some(cloud.region.clone()),
        account: Some("123456789012".to_owned()),
        ..Scope::default()
    };
    let want = Kind::AwsSecretsManager
        .entry(&scope, &created.arn.unwrap(), None)
        .unwrap();
    assert_eq!(want.path, "team/db-secret");
    assert_eq!(text(&read_one(&source, want).await), "x");
}

#[tokio::test]
async fn a_listing_has_more_than_one_page() {
    let (cloud, source, calls) = store().await;
    for number in 0..130 {
        cloud
            .secrets
            .create_secret()
            .name(format!("p/{number:03}"))
            .secret_string("x")
            .send()
            .await
            .unwrap();
    }
    cloud
        .secrets
        .create_secret()
        .name("P/upper")
        .secret_string("x")
        .send()
        .await
        .unwrap();
    let names = list(&source, "p").await.unwrap();
    assert_eq!(names.len(), 130);
    assert!(names.is_sorted() && names.iter().all(|name| name.starts_with("p/")));
    assert_eq!(calls.take(), [("ListSecrets", "ok"), ("ListSecrets", "ok")]);
}
