//! Bad annotations: a precise Warning on the pod, and nothing else.

use crate::support::eventually;
use crate::support::pods::template;
use crate::support::world::World;

/// Annotation, its text, the reason, and words that the note must have. `NS` is the namespace.
const CASES: [(&str, &str, &str, &[&str]); 32] = [
    (
        "secret-sync",
        "{provder: local, path: NS/db, secretName: s}",
        "AnnotationInvalid",
        &["line 1", "\"provder\"", "did you mean \"provider\"?"],
    ),
    (
        "secret-sync",
        "provider: local\npath: NS/db\nsecretName: s\nkey: {a: user}\n",
        "AnnotationInvalid",
        &["line 4", "\"keys\""],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: s, version: ''}",
        "AnnotationInvalid",
        &["version is empty"],
    ),
    (
        "secret-sync",
        "provider: local\n---\nprovider: local\n",
        "AnnotationInvalid",
        &["line 2", "second YAML document"],
    ),
    (
        "secret-sync",
        "provider: local\nprovider: local\n",
        "AnnotationInvalid",
        &["line 2", "\"provider\" is written twice"],
    ),
    (
        "secret-sync",
        "just words",
        "AnnotationInvalid",
        &["must be a mapping or a list of mappings, not text"],
    ),
    (
        "secret-sync",
        "",
        "AnnotationInvalid",
        &["there is nothing here"],
    ),
    (
        "secret-sync",
        "{provider: local, path: , secretName: s}",
        "AnnotationInvalid",
        &["path is empty"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: Not_A_Name}",
        "AnnotationInvalid",
        &["\"Not_A_Name\" cannot be an object's name"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: s, keys: {'a b': user}}",
        "AnnotationInvalid",
        &["\"a b\" cannot be a data key"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: s, type: kubernetes.io/service-account-token}",
        "AnnotationInvalid",
        &["never produced"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: s, keys: {a: nope}}",
        "RenderFailed",
        &["no key \"nope\"", "there are \"port\", \"user\""],
    ),
    (
        "secret.s",
        "local:NS/db\nlocal:NS/clash\n",
        "Conflict",
        &["NS/db#user", "NS/clash#user", "\"user\""],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/odd, secretName: s, names: env}",
        "RenderFailed",
        &["\"A_B\"", "keys"],
    ),
    (
        "secret-sync",
        "{provider: lokal, path: NS/db, secretName: s}",
        "StoreUnknown",
        &["did you mean \"local\"?"],
    ),
    (
        "secret-sync",
        "{provider: local, path: other/db, secretName: s}",
        "AccessDenied",
        &[
            "does not let the namespace NS read other/db",
            "{namespaces: [\"NS\"], paths: [\"other/db\"]}",
        ],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/../other/db, secretName: s}",
        "AnnotationInvalid",
        &[". or .."],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS//db, secretName: s}",
        "AnnotationInvalid",
        &["//"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/%2e%2e/db, secretName: s}",
        "AnnotationInvalid",
        &["%"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db/, secretName: s}",
        "AnnotationInvalid",
        &["must not end in /"],
    ),
    (
        "secret-sync",
        "{provider: aws, path: 'arn:aws:secretsmanager:eu-west-1:999999999999:secret:NS/db-AbCdEf', secretName: s}",
        "AnnotationInvalid",
        &["account"],
    ),
    (
        "secret-sync",
        "{provider: parameters, path: /aws/reference/secretsmanager/NS/db, secretName: s}",
        "AnnotationInvalid",
        &["/aws/reference"],
    ),
    (
        "secret-snyc",
        "{provider: local, path: NS/db, secretName: s}",
        "AnnotationInvalid",
        &["\"secret-snyc\"", "did you mean \"secret-sync\"?"],
    ),
    ("refresh", "1h", "AnnotationInvalid", &["not implemented"]),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: s, refresh: 1h}",
        "AnnotationInvalid",
        &["not implemented"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: s, version: 3}",
        "AnnotationInvalid",
        &["version"],
    ),
    (
        "secret.s",
        "local:NS/db#/user",
        "AnnotationInvalid",
        &["line 1", "-> NAME"],
    ),
    (
        "config-sync",
        "{provider: local, path: NS/db, configMapName: s, file: settings}",
        "AnnotationInvalid",
        &["format"],
    ),
    (
        "environment",
        "{URL: 'http://${HOST}/'}",
        "AnnotationInvalid",
        &["${", "no templates"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/twice, secretName: s}",
        "RenderFailed",
        &["\"a\" twice"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/db, secretName: s, type: tls}",
        "RenderFailed",
        &["tls.crt"],
    ),
    (
        "secret-sync",
        "{provider: local, path: NS/none, secretName: s}",
        "FetchFailed",
        &["local:NS/none"],
    ),
];

#[tokio::test]
async fn every_bad_annotation_gets_its_warning_and_nothing_is_made() {
    let world = World::new("refusals").await;
    world.put("db", r#"{"user":"app","port":5432}"#);
    world.put("clash", r#"{"user":"other"}"#);
    world.put("odd", r#"{"a b":"x","a-b":"y"}"#);
    world.put("twice", r#"{"a":"x","a":"y"}"#);
    world.put_at("other/db", r#"{"user":"other"}"#);
    let jasm = world.jasm().await;
    let namespace = &world.namespace;
    for (number, (annotation, text, _, _)) in CASES.iter().enumerate() {
        // Each case has an object and a pod of its own.
        let object = format!("s{number}");
        let annotation = annotation.replace("secret.s", &format!("secret.{object}"));
        let text = text
            .replace("NS", namespace)
            .replace("secretName: s", &format!("secretName: {object}"))
            .replace("configMapName: s", &format!("configMapName: {object}"));
        world
            .create(
                template(&[(&annotation, &text)])
                    .unschedulable()
                    .pod(&format!("case-{number}")),
            )
            .await;
    }
    for (number, (annotation, text, reason, words)) in CASES.iter().enumerate() {
        let name = format!("case-{number}");
        let notes = eventually(&format!("the warning for {annotation}: {text}"), || async {
            let events = world.events().await;
            let notes: Vec<_> = events
                .into_iter()
                .filter(|(_, regarding, _)| *regarding == name)
                .map(|(reason, _, note)| (reason, note))
                .collect();
            (!notes.is_empty()).then_some(notes)
        })
        .await;
        let [(found, note)] = notes.as_slice() else {
            panic!("{name} ({text}) got {notes:?}")
        };
        assert_eq!(found, reason, "{text}: {note}");
        for word in *words {
            let word = word.replace("NS", namespace);
            assert!(note.contains(&word), "{text}: {word} is not in: {note}");
        }
    }
    let ours = kube::api::ListParams::default().labels("app.kubernetes.io/managed-by=jasm");
    assert_eq!(
        world
            .secrets()
            .list_metadata(&ours)
            .await
            .unwrap()
            .items
            .len(),
        0
    );
    assert_eq!(
        world
            .config_maps()
            .list_metadata(&ours)
            .await
            .unwrap()
            .items
            .len(),
        0
    );
    assert_eq!(jasm.writes().await, 0.0);
}

#[tokio::test]
async fn a_pods_other_targets_go_on() {
    let world = World::new("others").await;
    world.put("db", r#"{"user":"app"}"#);
    let _jasm = world.jasm().await;
    let good = format!("local:{}/db", world.namespace);
    let bad = format!(
        "{{provider: local, pth: {}/db, secretName: bad}}",
        world.namespace
    );
    world
        .create(
            template(&[("secret.good", &good), ("secret-sync", &bad)])
                .unschedulable()
                .pod("shop"),
        )
        .await;
    world.expect("good", &[("user", "app")]).await;
    let note = world.event("AnnotationInvalid", "shop").await;
    assert!(note.contains("did you mean \"path\"?"), "{note}");
    assert!(world.data("bad").await.is_none());
}

#[tokio::test]
async fn ten_of_a_hundred_replicas_are_told_and_their_deployment() {
    let world = World::new("ten").await;
    let _jasm = world.jasm().await;
    let bad = "{provider: local, pth: a, secretName: bad}";
    world
        .create(
            template(&[("secret-sync", bad)])
                .unschedulable()
                .deployment("shop", 100),
        )
        .await;
    eventually("the Deployment and ten pods are told", || async {
        let events = world.events().await;
        (events.len() >= 11 && events.iter().any(|(_, name, _)| name == "shop")).then_some(())
    })
    .await;
    let all = kube::api::ListParams::default();
    eventually("all pods are there", || async {
        (world.pods().list_metadata(&all).await.unwrap().items.len() == 100).then_some(())
    })
    .await;
    assert_eq!(world.events().await.len(), 11);
}
