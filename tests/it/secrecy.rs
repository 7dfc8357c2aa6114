//! Values never leave the process but as an object's data: the whole path at TRACE, with markers.

use crate::support::fake_aws::{Answer, FakeAws};
use crate::support::pods::template;
use crate::support::world::World;
use crate::support::{aws, eventually};

const MARKER: &str = "mArKeR";

#[tokio::test]
async fn no_marker_is_in_logs_events_metrics_or_annotations() {
    let world = World::new("secrecy").await;
    let store = FakeAws::start().await;
    store.set("cut", Answer::Truncated(format!("{MARKER}-cut")));
    store.set(
        "bad",
        Answer::Value(format!("{{\"half\":\"\\ud800{MARKER}\"}}")),
    );
    store.set(
        "twice",
        Answer::Value(format!("{{\"a\":\"{MARKER}\",\"a\":\"{MARKER}\"}}")),
    );
    world
        .config(&World::aws_store("cloud", &store.endpoint))
        .await;
    let path = format!("{}/db", world.namespace);
    aws::create_secret(
        &path,
        &format!("{{\"user\":\"{MARKER}-1\",\"tls.crt\":\"{MARKER}-2\"}}"),
    )
    .await;
    let parameter = format!("/{}/p", world.namespace);
    let secure = aws_sdk_ssm::types::ParameterType::SecureString;
    aws::ssm()
        .put_parameter()
        .name(&parameter)
        .value(format!("{MARKER}-3"))
        .r#type(secure)
        .send()
        .await
        .unwrap();
    world.put("file", &format!("{{\"user\":\"{MARKER}-4\"}}"));

    let jasm = world.jasm_with(&["--log-level", "trace"]).await;
    jasm.ready().await;
    let namespace = &world.namespace;
    let pods = [
        (
            "good",
            format!("aws:{path}\nparameters:{parameter}\nlocal:{namespace}/file -> whole\n"),
        ),
        ("nokey", format!("aws:{path}#nope")),
        (
            "clash",
            format!("aws:{path}#user\nlocal:{namespace}/file#user\n"),
        ),
        ("cut", "cloud:cut".to_owned()),
        ("bad", "cloud:bad".to_owned()),
        ("twice", "cloud:twice".to_owned()),
        ("none", "cloud:none".to_owned()),
    ];
    for (name, text) in &pods {
        world
            .create(
                template(&[(&format!("secret.{name}"), text)])
                    .unschedulable()
                    .pod(name),
            )
            .await;
    }
    let config = format!("{{provider: aws, path: {path}, configMapName: c}}");
    world
        .create(
            template(&[("config-sync", &config)])
                .unschedulable()
                .pod("config"),
        )
        .await;
    let tls = format!("{{provider: aws, path: {path}, secretName: tls, type: tls}}");
    world
        .create(
            template(&[("secret-sync", &tls)])
                .unschedulable()
                .pod("tls"),
        )
        .await;
    eventually("every pod has its event", || async {
        let events = world.events().await;
        let told = |name: &str| events.iter().any(|(_, regarding, _)| regarding == name);
        (pods.iter().all(|(name, _)| told(name)) && told("config") && told("tls")).then_some(())
    })
    .await;
    let secret = world.secrets().get("good").await.unwrap();
    assert_eq!(
        secret.data.unwrap()["p"].0,
        format!("{MARKER}-3").as_bytes()
    );

    let metadata = serde_json::to_string(&secret.metadata).unwrap();
    let events = serde_json::to_string(&world.events().await).unwrap();
    let (_, metrics) = jasm.get("/metrics").await.unwrap();
    let log = jasm.log_text();
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "the log is at its lowest level"
    );
    let encoded = [MARKER.to_owned(), "bUFyS2VS".to_owned()];
    for (what, text) in [
        ("log", &log),
        ("events", &events),
        ("metrics", &metrics),
        ("annotations", &metadata),
    ] {
        // A test's output must not have values either, so only the place is told.
        for (number, line) in text.lines().enumerate() {
            assert!(
                !encoded.iter().any(|marker| line.contains(marker)),
                "a value is in the {what}, line {number}"
            );
        }
    }
    assert_eq!(jasm.terminate().await, 0);
}
