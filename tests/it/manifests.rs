//! Everything in `config/`: the API server takes it, the manager is as restricted as can be and runs, and
//! JASM understands its own files.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Parser;
use jasm::settings::{Overrides, Settings};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::support::manifests::{Overlays, Run, build, create, documents, kind, name, read};
use crate::support::{cluster, eventually, root};

/// Kinds of the Prometheus operator, which the cluster here does not have.
const OPERATOR: &str = "monitoring.coreos.com/v1";

/// Folders below `config/` with a kustomization, by `Kustomization` or `Component`.
fn folders(wanted: &str) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.ends_with("kustomization.yaml") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("config"), &mut found);
    let mut folders: Vec<_> = found
        .iter()
        .filter(|path| documents(&std::fs::read_to_string(path).unwrap())[0]["kind"] == wanted)
        .map(|path| {
            path.parent()
                .unwrap()
                .strip_prefix(root())
                .unwrap()
                .display()
                .to_string()
        })
        .collect();
    folders.sort();
    folders
}

fn find<'a>(objects: &'a [Value], wanted: &str) -> &'a Value {
    objects
        .iter()
        .find(|object| kind(object) == wanted)
        .unwrap()
}

/// `config/default` in a namespace of the test's own, which is created as that says.
async fn installed(admin: &kube::Client, test: &str) -> (String, Vec<Value>) {
    let namespace = format!("{test}-{:06x}", fastrand::u32(..0x0100_0000));
    let overlays = Overlays::new();
    let text = format!("namespace: {namespace}\nresources: [CONFIG/default]\n");
    overlays.write("own", &text);
    let objects = overlays.build("own");
    let own = find(&objects, "Namespace");
    assert_eq!(name(own), namespace);
    create(admin, own, Run::Real).await.unwrap();
    // Pods are refused until an account is there.
    eventually("the namespace's default account", || async {
        Api::<ServiceAccount>::namespaced(admin.clone(), &namespace)
            .get_opt("default")
            .await
            .unwrap()
    })
    .await;
    (namespace, objects)
}

#[tokio::test]
async fn the_api_server_takes_every_manifest() {
    let admin = cluster::admin().await;
    let (namespace, _) = installed(&admin, "manifests").await;
    let components = folders("Component");
    assert!(components.len() >= 6, "{components:?}");
    let overlays = Overlays::new();
    let mut text = "resources: [CONFIG/default]\ncomponents:\n".to_owned();
    for component in &components {
        text.push_str(&format!(
            "  - {}\n",
            component.replacen("config", "CONFIG", 1)
        ));
    }
    overlays.write("all", &text);
    let mut built = vec![("all components".to_owned(), overlays.build("all"))];
    built.extend(folders("Kustomization").into_iter().map(|folder| {
        let objects = build(&folder);
        (folder, objects)
    }));
    assert!(built.len() > 12, "{built:?}");
    for (folder, objects) in &mut built {
        assert!(!objects.is_empty(), "{folder}");
        for object in objects {
            // Those that the manifests name may be there for another test, or not be there; that of the
            // samples does not restrict its pods.
            match object["metadata"]["namespace"].as_str() {
                Some("shop") => object["metadata"]["namespace"] = json!("default"),
                Some(_) => object["metadata"]["namespace"] = json!(namespace),
                None => {}
            }
            if object["apiVersion"] == OPERATOR {
                operator_kind(object);
                continue;
            }
            match create(&admin, object, Run::Dry).await {
                // There for real already, so it passed all checks.
                Err(kube::Error::Api(status))
                    if status.code == 409 && status.reason == "AlreadyExists" => {}
                result => {
                    result.unwrap_or_else(|error| {
                        panic!("{folder}: {} {}: {error}", kind(object), name(object))
                    });
                }
            }
        }
    }
    let kinds: BTreeSet<_> = built
        .iter()
        .flat_map(|(_, objects)| objects)
        .map(kind)
        .collect();
    for expected in [
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ServiceMonitor",
        "PrometheusRule",
    ] {
        assert!(kinds.contains(expected), "no {expected} in {kinds:?}");
    }
}

/// The few fields that matter of the kinds that only the Prometheus operator knows.
fn operator_kind(object: &Value) {
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    if kind(object) == "ServiceMonitor" {
        let service = documents(&read("config/manager/service.yaml")).remove(0);
        for (label, value) in object["spec"]["selector"]["matchLabels"]
            .as_object()
            .unwrap()
        {
            assert_eq!(&service["metadata"]["labels"][label], value);
        }
        assert_eq!(
            object["spec"]["endpoints"][0]["port"],
            service["spec"]["ports"][0]["name"]
        );
        return;
    }
    assert_eq!(kind(object), "PrometheusRule");
    for rule in object["spec"]["groups"][0]["rules"].as_array().unwrap() {
        let known = ["alert", "expr", "for", "labels", "annotations"];
        assert!(
            rule.as_object()
                .unwrap()
                .keys()
                .all(|key| known.contains(&key.as_str())),
            "{rule}"
        );
        assert!(
            text(&rule["alert"]) && text(&rule["expr"]) && text(&rule["labels"]["severity"]),
            "{rule}"
        );
        let said = &rule["annotations"];
        assert!(
            text(&said["summary"]) && text(&said["description"]),
            "{rule}"
        );
    }
}

#[tokio::test]
async fn the_manager_runs_in_a_namespace_that_enforces_restricted() {
    let admin = cluster::admin().await;
    let (namespace, objects) = installed(&admin, "restricted").await;
    // The cluster's roles are tried in tests of their own.
    for wanted in ["ServiceAccount", "ConfigMap", "Service", "Deployment"] {
        let mut object = find(&objects, wanted).clone();
        if wanted == "Deployment" {
            // What the image says of itself, of which the pretended runtime knows nothing.
            object["spec"]["template"]["spec"]["securityContext"]["runAsUser"] = json!(65532);
        }
        create(&admin, &object, Run::Real).await.unwrap();
    }
    let pods = Api::<Pod>::namespaced(admin.clone(), &namespace);
    eventually("the manager's pod runs", || async {
        let pods = pods
            .list(&ListParams::default().labels("app.kubernetes.io/component=controller"))
            .await
            .unwrap();
        let phase = pods.items.first()?.status.as_ref()?.phase.clone()?;
        (phase == "Running").then_some(())
    })
    .await;
    // What enforces it is awake: each of these takes one restriction away.
    let deployment = find(&objects, "Deployment");
    let weaker = [
        ("/securityContext/runAsNonRoot", json!(false)),
        ("/securityContext/seccompProfile/type", json!("Unconfined")),
        (
            "/containers/0/securityContext/allowPrivilegeEscalation",
            json!(true),
        ),
        ("/containers/0/securityContext/capabilities/drop", json!([])),
    ];
    for (place, value) in weaker {
        let mut spec = deployment["spec"]["template"]["spec"].clone();
        *spec.pointer_mut(place).unwrap() = value;
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "weaker", "namespace": namespace}, "spec": spec});
        let error = create(&admin, &pod, Run::Dry).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("violates PodSecurity \"restricted"),
            "{place}: {error}"
        );
    }
    let context = &deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"];
    assert_eq!(context["readOnlyRootFilesystem"], true);
}

#[test]
fn the_manager_is_what_the_program_expects() {
    let objects = build("config/default");
    let deployment = find(&objects, "Deployment");
    let spec = &deployment["spec"]["template"]["spec"];
    let container = &spec["containers"][0];
    let image = format!("ghcr.io/codnod/jasm:{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(container["image"], image);
    // Arguments that the program takes.
    let args = container["args"].as_array().unwrap();
    let line = args.iter().map(|arg| arg.as_str().unwrap());
    jasm::args::Cli::try_parse_from(std::iter::once("jasm").chain(line)).unwrap();
    // The file of the ConfigMap, in its folder and not by subPath.
    let config = find(&objects, "ConfigMap");
    let mount = &container["volumeMounts"][0];
    assert_eq!(
        spec["volumes"][0]["configMap"]["name"],
        config["metadata"]["name"]
    );
    assert_eq!(mount["name"], spec["volumes"][0]["name"]);
    assert!(mount["subPath"].is_null());
    let folder = mount["mountPath"].as_str().unwrap();
    let file = format!(
        "--config={folder}/{}",
        config["data"].as_object().unwrap().keys().next().unwrap()
    );
    assert!(args.contains(&json!(file)), "{file} is not among {args:?}");
    // The port that it listens on if nobody says another.
    let listen = Settings::read(None, &Overrides::default()).unwrap().listen;
    assert_eq!(container["ports"][0]["containerPort"], listen.port());
    let port = &container["ports"][0]["name"];
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(&container[probe]["httpGet"]["port"], port);
    }
    assert_eq!(
        &find(&objects, "Service")["spec"]["ports"][0]["targetPort"],
        port
    );
    // 20 s for what is under way and 3 s for the last events.
    assert!(spec["terminationGracePeriodSeconds"].as_i64().unwrap() > 23);
}

#[test]
fn every_config_in_the_tree_is_one_that_jasm_takes() {
    let mut seen = 0;
    for folder in folders("Kustomization") {
        for object in build(&folder) {
            let Some(text) = object["data"]["jasm.yaml"].as_str() else {
                continue;
            };
            let settings = Settings::read(Some(text), &Overrides::default())
                .unwrap_or_else(|problem| panic!("{folder}: {problem}"));
            // An overlay is there to name stores; the base leaves that to it.
            let overlay = folder.starts_with("config/overlays/");
            assert_eq!(settings.stores.is_empty(), !overlay, "{folder}");
            assert!(
                settings.stores.iter().all(|store| !store.allow.is_empty()),
                "{folder}"
            );
            seen += 1;
        }
    }
    assert_eq!(
        seen, 8,
        "config/default, config/manager and the six overlays"
    );
}

/// The clouds' overlays, with the audience of each, and the kinds of store of its config.
const CLOUDS: [(&str, &str, [&str; 2]); 3] = [
    (
        "eks",
        "sts.amazonaws.com",
        ["aws-secretsmanager", "aws-parameterstore"],
    ),
    (
        "gke",
        "my-project.svc.id.goog",
        ["gcp-secretmanager", "gcp-parametermanager"],
    ),
    (
        "aks",
        "api://AzureADTokenExchange",
        ["azure-keyvault", "azure-appconfiguration"],
    ),
];

#[test]
fn on_each_cloud_tokens_are_for_that_cloud_only_and_jasm_may_ask_for_them() {
    for (cloud, audience, kinds) in CLOUDS {
        let objects = build(&format!("config/overlays/{cloud}"));
        let policy = objects
            .iter()
            .find(|object| {
                kind(object) == "ValidatingAdmissionPolicy" && name(object) == "jasm-tokens"
            })
            .unwrap();
        let list = &policy["spec"]["variables"][0];
        assert_eq!(list["name"], "allowed", "{cloud}");
        assert_eq!(list["expression"], json!([audience]).to_string(), "{cloud}");
        let rules = find(&objects, "ClusterRole")["rules"].as_array().unwrap();
        let tokens =
            json!({"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]});
        assert!(rules.contains(&tokens), "{cloud}: {rules:?}");
        // One store is read as the pod, and one as JASM, which has an identity of its own for that.
        let config = find(&objects, "ConfigMap")["data"]["jasm.yaml"]
            .as_str()
            .unwrap();
        let settings = Settings::read(Some(config), &Overrides::default()).unwrap();
        let stores: Vec<_> = settings
            .stores
            .iter()
            .map(|store| (store.backend.kind().as_str(), store.identity))
            .collect();
        let [secrets, parameters] = kinds;
        assert_eq!(
            stores,
            [
                (secrets, jasm::settings::Identity::Workload),
                (parameters, jasm::settings::Identity::Controller)
            ]
        );
        let account = find(&objects, "ServiceAccount");
        assert!(account["metadata"]["annotations"].is_object(), "{cloud}");
    }
}

#[test]
fn on_gke_the_metadata_server_can_be_reached() {
    let objects = build("config/overlays/gke");
    let annotations = &find(&objects, "ServiceAccount")["metadata"]["annotations"];
    let account = annotations["iam.gke.io/gcp-service-account"]
        .as_str()
        .unwrap();
    assert!(account.ends_with(".iam.gserviceaccount.com"), "{account}");
    let egress = &find(&objects, "NetworkPolicy")["spec"]["egress"];
    let metadata = json!({"ipBlock": {"cidr": "169.254.169.254/32"}});
    let reached = egress.as_array().unwrap().iter().any(|rule| {
        let to = rule["to"].as_array();
        to.is_some_and(|to| to.contains(&metadata))
    });
    assert!(reached, "{egress}");
}

#[test]
fn on_aks_the_webhook_gives_jasms_own_pod_its_token() {
    let objects = build("config/overlays/aks");
    let label = "azure.workload.identity/use";
    let template = &find(&objects, "Deployment")["spec"]["template"];
    assert_eq!(template["metadata"]["labels"][label], "true");
    let annotations = &find(&objects, "ServiceAccount")["metadata"]["annotations"];
    for annotation in ["client-id", "tenant-id"] {
        let id = &annotations[format!("azure.workload.identity/{annotation}")];
        assert_eq!(id.as_str().unwrap().len(), 36, "{annotation}");
    }
}

#[test]
fn on_eks_jasm_is_its_own_identity_and_not_the_nodes() {
    let objects = build("config/overlays/eks");
    let annotations = &find(&objects, "ServiceAccount")["metadata"]["annotations"];
    let role = annotations["eks.amazonaws.com/role-arn"].as_str().unwrap();
    assert!(role.starts_with("arn:aws:iam::"), "{role}");
    let env = &find(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"];
    let off = json!({"name": "AWS_EC2_METADATA_DISABLED", "value": "true"});
    assert!(env.as_array().unwrap().contains(&off), "{env}");
}
