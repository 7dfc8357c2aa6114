//! `jasm render`: what it prints is what the controller makes.

use kube::Api;
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use serde_json::Value;

use crate::support::call::{folder, jasm, unusable};
use crate::support::eventually;
use crate::support::pods::template;
use crate::support::world::World;

#[tokio::test]
async fn it_prints_what_the_controller_makes() {
    let world = World::new("render").await;
    let namespace = &world.namespace;
    world.put("db", r#"{"user":"app","password":"hunter2-secret"}"#);
    world.put("conf/a", "1.10");
    world.put("conf/b", "äöü\ntwo");
    let secret = format!("provider: local\npath: {namespace}/db\nsecretName: db\nnames: env\n");
    let config = format!(
        "- {{provider: local, path: {namespace}/conf/**, configMapName: conf, file: app.properties}}\n\
         - {{provider: local, path: {namespace}/conf/a, configMapName: conf}}\n"
    );
    let environment = "LEVEL: debug\n";
    let deployment = template(&[
        ("secret-sync", &secret),
        ("config-sync", &config),
        ("environment", environment),
    ])
    .env_from("db")
    .config_volume("conf")
    .deployment("shop", 2);
    std::fs::write(world.dir.path().join("shop.json"), deployment.to_string()).unwrap();
    let _jasm = world.jasm().await;
    world.create(deployment).await;
    world
        .expect("db", &[("USER", "app"), ("PASSWORD", "hunter2-secret")])
        .await;
    let made = eventually("the ConfigMaps", || async {
        let conf = world.config_maps().get_opt("conf").await.unwrap()?;
        let env = world.config_maps().get_opt("app-env").await.unwrap()?;
        Some([conf, env])
    })
    .await;

    let call = |more: &[&str]| {
        let mut call = vec![
            "render",
            "-f",
            "shop.json",
            "--config",
            "jasm.yaml",
            "-n",
            namespace,
        ];
        call.extend(more);
        jasm(world.dir.path(), &call, b"")
    };
    let shown = call(&["--show-values", "--format", "json"]).ends(0).json();
    let object = |kind: &str, name: &str| -> Value {
        let items = shown["items"].as_array().unwrap();
        let found = items
            .iter()
            .find(|item| item["kind"] == kind && item["metadata"]["name"] == name);
        found
            .unwrap_or_else(|| panic!("{kind} {name} in {shown:#}"))
            .clone()
    };
    assert_eq!(shown["items"].as_array().unwrap().len(), 3);
    let cluster = world.secrets().get("db").await.unwrap();
    let mut cluster: Vec<Value> = vec![serde_json::to_value(cluster).unwrap()];
    cluster.extend(made.map(|map| serde_json::to_value(map).unwrap()));
    for theirs in cluster {
        let ours = object(
            theirs["kind"].as_str().unwrap(),
            theirs["metadata"]["name"].as_str().unwrap(),
        );
        for field in [
            "/data",
            "/binaryData",
            "/type",
            "/metadata/labels",
            "/metadata/annotations",
            "/metadata/namespace",
        ] {
            assert_eq!(ours.pointer(field), theirs.pointer(field), "{field}");
        }
    }

    // Masked, it has no value in it and no API server takes it.
    let masked = call(&[]).ends(0);
    for value in ["hunter2", "aHVudGVy", "1.10", "debug", "two"] {
        let said = format!("{}{}", masked.out, masked.err);
        assert!(!said.contains(value), "{value}: {said}");
    }
    assert!(
        masked.out.contains("PASSWORD: {masked: \"14 bytes\"}"),
        "{}",
        masked.out
    );
    let masked = call(&["--format", "json"]).ends(0).json();
    for item in masked["items"].as_array().unwrap() {
        let mut item = item.clone();
        let name = item["metadata"]["name"].as_str().unwrap().to_owned();
        item["metadata"]["name"] = format!("copy-{name}").into();
        let kind = GroupVersionKind::gvk("", "v1", item["kind"].as_str().unwrap());
        let api: Api<DynamicObject> = Api::namespaced_with(
            world.admin.clone(),
            namespace,
            &ApiResource::from_gvk(&kind),
        );
        let object = serde_json::from_value(item).unwrap();
        api.create(&PostParams::default(), &object)
            .await
            .unwrap_err();
    }

    // As YAML it is the same, and an API server would take it.
    let text = call(&["--show-values"]).ends(0).out;
    assert_eq!(text.matches("---\n").count(), 3);
    for document in text.split("---\n").skip(1) {
        let node = jasm::yaml::parse(document).unwrap();
        let field = |name: &str| {
            let pairs = node.map("it").unwrap();
            pairs
                .iter()
                .find(|(key, _)| key.raw() == name)
                .map(|(_, value)| value.clone())
        };
        let kind = field("kind").unwrap().raw().to_owned();
        let metadata = field("metadata").unwrap();
        let (_, name) = &metadata
            .map("it")
            .unwrap()
            .iter()
            .find(|(key, _)| key.raw() == "name")
            .unwrap();
        let expected = object(&kind, name.raw());
        for (key, value) in field("data").unwrap().map("data").unwrap() {
            assert_eq!(expected["data"][key.raw()], value.raw());
        }
    }
}

const CONFIG: &str = "stores:
- {name: local, kind: file, root: store, allow: [{namespaces: [shop], paths: [\"shop/*\"]}]}
";

fn pod(annotation: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  namespace: shop\n  annotations:\n    jasm.codnod.io/{annotation}\n"
    )
}

#[test]
fn what_cannot_be_made_is_told_with_its_place() {
    let dir = folder(&[("jasm.yaml", CONFIG)]);
    std::fs::create_dir_all(dir.path().join("store/shop")).unwrap();
    std::fs::write(
        dir.path().join("store/shop/db"),
        r#"{"user":"very-secret-value"}"#,
    )
    .unwrap();
    let table = [
        (
            "secret.a: local:shop/nothing -> X",
            "NotFound",
            "shop/nothing",
        ),
        (
            "secret.a: local:other/db -> X",
            "policy",
            "does not let the namespace shop read other/db",
        ),
        ("secret.a: local:shop/db#nokey -> X", "render", "user"),
        (
            "config.a: local:shop/db#user -> X",
            "kind",
            "does not go into a ConfigMap",
        ),
        (
            "secret.a: lokal:shop/db -> X",
            "store",
            "did you mean \"local\"?",
        ),
        ("secret.a: local:shop/db -> ä", "annotation", "pod.yaml:7"),
    ];
    for (annotation, what, word) in table {
        std::fs::write(dir.path().join("pod.yaml"), pod(annotation)).unwrap();
        let call = [
            "render",
            "-f",
            "pod.yaml",
            "--config",
            "jasm.yaml",
            "--show-values",
        ];
        let said = jasm(dir.path(), &call, b"").ends(1);
        assert!(
            said.err.contains(word) && said.err.contains("pod.yaml:7"),
            "{what}: {}",
            said.err
        );
        assert!(
            !said.err.contains("very-secret-value") && said.out.is_empty(),
            "{what}"
        );
    }
}

#[test]
fn any_input_ends_with_a_sentence_and_a_code() {
    let dir = folder(&[("jasm.yaml", CONFIG)]);
    std::fs::create_dir_all(dir.path().join("store")).unwrap();
    let commands: [&[&str]; 3] = [
        &["render", "--config", "jasm.yaml", "-f"],
        &["explain", "--config", "jasm.yaml", "-f"],
        &["policy", "iam", "--config", "jasm.yaml", "-f"],
    ];
    for command in commands {
        let call = |file: &str, stdin: &[u8]| {
            let mut call = command.to_vec();
            call.push(file);
            jasm(dir.path(), &call, stdin)
        };
        for (name, word) in unusable(dir.path()) {
            let said = call(&name, b"").ends(2).err;
            assert!(said.contains(word), "{command:?}: {said}");
        }
        let said = call("-", b"metadata:\n  name: {{ .Values.name }}\n")
            .ends(1)
            .err;
        assert!(said.contains("helm template"), "{said}");
        call(
            "-",
            b"apiVersion: example.org/v1\nkind: Novel\nspec: {x: 1}\n",
        )
        .ends(0);
        call("-", b"- a\n- b\n").ends(1);
        let said = call(
            "-",
            pod("secret.a: local:shop/db#")
                .replace('\n', "\r\n")
                .as_bytes(),
        )
        .ends(1)
        .err;
        assert!(said.contains(":7:"), "{said}");
        let nowhere = pod("secret.a: local:shop/x -> X").replace("  namespace: shop\n", "");
        let said = call("-", nowhere.as_bytes()).ends(1).err;
        assert!(said.contains("-n NAMESPACE"), "{said}");
        let list = format!(
            "apiVersion: v1\nkind: List\nitems:\n- {}",
            pod("secret.a: local:other/x -> X")
                .trim_end()
                .replace('\n', "\n  ")
        );
        let said = call("-", list.as_bytes()).ends(1);
        assert!(
            format!("{}{}", said.out, said.err).contains("other/x"),
            "{said:?}"
        );
        let mut bad = command.to_vec();
        bad[command.len() - 2] = "store";
        bad.push("-");
        let said = jasm(dir.path(), &bad, b"a: 1").ends(2).err;
        assert!(said.contains("this is a directory"), "{said}");
    }
    let large = format!("a: 1\n# {}\n", "x".repeat(50 << 20));
    let call = ["render", "--config", "jasm.yaml", "-f", "-"];
    let said = jasm(dir.path(), &call, large.as_bytes()).ends(2).err;
    assert!(said.contains("this is larger than 32 MiB"), "{said}");
}
