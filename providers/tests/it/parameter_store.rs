//! Parameter Store as moto plays it: types, versions, labels, ARNs, batches, paths.

use aws_sdk_ssm::types::ParameterType;
use jasm_providers::{ErrorKind, Kind, Scope, Source, aws};

use crate::moto::Cloud;
use crate::support::{Calls, kind, list, prefix, read_one, soon, text, versioned, want};

async fn store() -> (Cloud, aws::ParameterStore, Calls) {
    let cloud = Cloud::new().await;
    let calls = Calls::default();
    let source = aws::ParameterStore::new(&cloud.connection, calls.observer());
    (cloud, source, calls)
}

async fn put(cloud: &Cloud, name: &str, value: &str, kind: ParameterType) {
    let put = cloud
        .parameters
        .put_parameter()
        .name(name)
        .value(value)
        .overwrite(true);
    put.r#type(kind).send().await.unwrap();
}

#[tokio::test]
async fn only_a_secure_string_is_a_secret_and_it_is_decrypted() {
    let (cloud, source, _) = store().await;
    put(&cloud, "/secure", "s", ParameterType::SecureString).await;
    put(&cloud, "/plain", "p", ParameterType::String).await;
    put(&cloud, "/list", "a,b", ParameterType::StringList).await;
    let wants = ["/secure", "/plain", "/list"].map(want);
    let answers = source.read(&wants, soon()).await;
    let seen: Vec<_> = answers
        .iter()
        .map(|answer| (text(answer), answer.as_ref().unwrap().secret))
        .collect();
    assert_eq!(seen, [("s", true), ("p", false), ("a,b", false)]);
    let listed = source.list(&prefix(""), soon()).await.unwrap();
    let listed: Vec<_> = listed
        .into_iter()
        .map(|listed| (listed.path, listed.entry.unwrap()))
        .map(|(path, entry)| (path, entry.value.expose().to_vec(), entry.secret))
        .collect();
    let expected = [
        ("/list", "a,b", false),
        ("/plain", "p", false),
        ("/secure", "s", true),
    ];
    assert_eq!(
        listed,
        expected.map(|(path, value, secret)| (path.to_owned(), value.as_bytes().to_vec(), secret))
    );
}

#[tokio::test]
async fn versions_and_labels_of_one_parameter_are_told_apart() {
    let (cloud, source, _) = store().await;
    for value in ["one", "two", "three"] {
        put(&cloud, "/a", value, ParameterType::String).await;
    }
    put(&cloud, "/b", "b", ParameterType::String).await;
    let label = cloud
        .parameters
        .label_parameter_version()
        .name("/a")
        .parameter_version(2)
        .labels("prod");
    label.send().await.unwrap();
    let wants = [
        want("/a"),
        versioned("/a", "1"),
        versioned("/a", "prod"),
        want("/b"),
        versioned("/a", "9"),
        versioned("/a", "none"),
        versioned("/a", "1"),
    ];
    let answers = source.read(&wants, soon()).await;
    assert_eq!(
        answers[..4].iter().map(text).collect::<Vec<_>>(),
        ["three", "one", "two", "b"]
    );
    assert_eq!(kind(&answers[4]), Some(ErrorKind::NotFound));
    assert_eq!(kind(&answers[5]), Some(ErrorKind::NotFound));
    assert_eq!(text(&answers[6]), "one");
    let versions: Vec<_> = answers[..3]
        .iter()
        .map(|answer| answer.as_ref().unwrap().version.0.clone())
        .collect();
    assert_eq!(versions, ["3", "1", "2"]);
    for (version, value) in [("1", "one"), ("prod", "two"), ("3", "three")] {
        assert_eq!(
            text(&read_one(&source, versioned("/a", version)).await),
            value
        );
    }
}

#[tokio::test]
async fn ten_are_one_call() {
    let (cloud, source, calls) = store().await;
    let names: Vec<_> = (0..12).map(|number| format!("/n{number}")).collect();
    for name in &names {
        put(&cloud, name, name, ParameterType::String).await;
    }
    let wants: Vec<_> = names.iter().map(want).collect();
    assert_eq!(source.batch_limit(), 10);
    assert!(
        source
            .read(&wants[..10], soon())
            .await
            .iter()
            .all(Result::is_ok)
    );
    assert_eq!(calls.take(), [("GetParameters", "ok")]);
    assert!(source.read(&wants, soon()).await.iter().all(Result::is_ok));
    assert_eq!(
        calls.take(),
        [("GetParameters", "ok"), ("GetParameters", "ok")]
    );
}

#[tokio::test]
async fn an_arn_is_its_name() {
    let (cloud, source, _) = store().await;
    put(&cloud, "/team/db", "x", ParameterType::String).await;
    put(&cloud, "bare", "y", ParameterType::String).await;
    let scope = Scope {
        region: Some(cloud.region.clone()),
        account: Some("123456789012".to_owned()),
        ..Scope::default()
    };
    for (name, value) in [("/team/db", "x"), ("bare", "y")] {
        let found = cloud
            .parameters
            .get_parameter()
            .name(name)
            .send()
            .await
            .unwrap();
        let want = Kind::AwsParameterStore
            .entry(&scope, &found.parameter.unwrap().arn.unwrap(), None)
            .unwrap();
        assert_eq!(want.path, name);
        assert_eq!(text(&read_one(&source, want).await), value);
    }
}

#[tokio::test]
async fn a_listing_has_values_and_more_than_one_page() {
    let (cloud, source, calls) = store().await;
    for number in 0..25 {
        put(
            &cloud,
            &format!("/p/{number:02}"),
            &number.to_string(),
            ParameterType::SecureString,
        )
        .await;
    }
    let listed = source.list(&prefix("/p"), soon()).await.unwrap();
    assert_eq!(listed.len(), 25);
    for (number, listed) in listed.iter().enumerate() {
        let entry = listed.entry.as_ref().unwrap();
        assert_eq!(listed.path, format!("/p/{number:02}"));
        assert_eq!(entry.value.expose(), number.to_string().as_bytes());
        assert_eq!(entry.version.0, "1");
    }
    assert_eq!(calls.take(), [("GetParametersByPath", "ok"); 3]);
}

#[tokio::test]
async fn a_listing_larger_than_any_object_is_refused() {
    let (cloud, source, _) = store().await;
    for number in 0..3 {
        put(
            &cloud,
            &format!("/p/{number}"),
            &"x".repeat(400 * 1024),
            ParameterType::String,
        )
        .await;
    }
    assert_eq!(kind(&list(&source, "/p").await), Some(ErrorKind::TooLarge));
}
