use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::diagnostic::{Format, Place, render};
use crate::pull::request::ObjectKind;

fn read(text: &str) -> Manifests {
    let mut manifests = Manifests::default();
    manifests.read(&Arc::new(Source::new("f.yaml", text)));
    manifests
}

/// Manifests in which nothing is wrong.
fn good(text: &str) -> Manifests {
    let manifests = read(text);
    assert_eq!(manifests.diagnostics, [], "{text}");
    manifests
}

fn pictures(text: &str) -> String {
    render(&read(text).diagnostics, Format::Text, false)
}

fn at(line: usize, column: usize, length: usize) -> Place {
    Place {
        line,
        column,
        length,
    }
}

const DEPLOYMENT: &str = r#"# a comment
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
  namespace: store
  annotations:
    own: "1"
spec:
  template:
    metadata:
      labels: {app.kubernetes.io/name: shop}
      annotations:
        jasm.codnod.io/secret.shop-db: aws:/shop/db
    spec:
      serviceAccountName: seller
      imagePullSecrets: [{name: pull}]
      initContainers:
        - name: init
          envFrom:
            - secretRef: {name: shop-db, optional: true}
            - configMapRef: {name: shop-config}
      containers:
        - name: shop
          env:
            - {name: PLAIN, value: x}
            - name: PASSWORD
              valueFrom: {secretKeyRef: {name: shop-db, key: password}}
            - name: MODE
              valueFrom:
                configMapKeyRef: {name: shop-config, key: mode}
      ephemeralContainers:
        - name: debug
          envFrom: [{secretRef: {name: debug}}]
      volumes:
        - name: tls
          secret: {secretName: shop-tls, items: [{key: tls.crt, path: c}]}
        - name: config
          configMap: {name: shop-config}
        - name: all
          projected:
            sources:
              - secret: {name: one}
              - configMap: {name: two, items: [{key: k, path: p}]}
"#;

#[test]
fn a_deployment_is_read_with_places() {
    let manifests = good(DEPLOYMENT);
    let [workload] = &manifests.workloads[..] else {
        panic!("one workload")
    };
    assert_eq!(workload.title(), "Deployment shop");
    assert_eq!(workload.place(), at(5, 9, 4));
    assert_eq!(workload.namespace.as_ref().unwrap().as_str(), "store");
    assert_eq!(
        workload.service_account.as_ref().unwrap().as_str(),
        "seller"
    );
    let names = |annotations: &[Annotation]| -> Vec<String> {
        annotations
            .iter()
            .map(|a| format!("{:?} {:?}", a.name, a.value))
            .collect()
    };
    assert_eq!(
        names(&workload.annotations),
        [r#""jasm.codnod.io/secret.shop-db"@14:9 "aws:/shop/db"@14:40"#]
    );
    assert!(manifests.misplaced.is_empty());
    assert_eq!(workload.labels[0].1.place(), at(12, 40, 4));
    let consumers: Vec<_> = workload
        .consumers
        .iter()
        .map(|c| {
            let keys = c
                .keys
                .as_ref()
                .map(|keys| keys.iter().map(Text::as_str).collect::<Vec<_>>().join(","));
            let optional = c.optional.as_ref().map_or("", |_| " optional");
            format!(
                "{} {:?} {}{optional}: {}",
                c.kind.as_str(),
                c.name,
                keys.as_deref().unwrap_or("*"),
                c.via
            )
        })
        .collect();
    assert_eq!(
        consumers,
        [
            r#"Secret "shop-db"@21:33 * optional: envFrom of the container "init""#,
            r#"ConfigMap "shop-config"@22:36 *: envFrom of the container "init""#,
            r#"Secret "shop-db"@28:48 password: PASSWORD of the container "shop""#,
            r#"ConfigMap "shop-config"@31:41 mode: MODE of the container "shop""#,
            r#"Secret "debug"@34:40 *: envFrom of the container "debug""#,
            r#"Secret "shop-tls"@37:32 tls.crt: the volume "tls""#,
            r#"ConfigMap "shop-config"@39:29 *: the volume "config""#,
            r#"Secret "one"@43:32 *: the volume "all""#,
            r#"ConfigMap "two"@44:35 k: the volume "all""#,
            r#"Secret "pull"@17:33 : imagePullSecrets"#,
        ]
    );
}

#[test]
fn every_kind_that_makes_pods_is_known() {
    let pod = "metadata: {annotations: {a: b}}, spec: {containers: [{name: c}]}";
    let template = format!("spec: {{template: {{{pod}}}}}");
    let table = [
        ("Pod", pod.to_owned(), 1),
        ("PodTemplate", format!("template: {{{pod}}}"), 1),
        (
            "CronJob",
            format!("spec: {{jobTemplate: {{{template}}}}}"),
            1,
        ),
        ("Deployment", template.clone(), 1),
        ("ReplicaSet", template.clone(), 1),
        ("StatefulSet", template.clone(), 1),
        ("DaemonSet", template.clone(), 1),
        ("Job", template.clone(), 1),
        ("ReplicationController", template.clone(), 1),
        ("Rollout", template.clone(), 1),
        (
            "ClusterIssuerTemplate",
            "spec: {template: {spec: {x: 1}}}".to_owned(),
            0,
        ),
        (
            "CustomResourceDefinition",
            "spec: {names: {kind: X}}".to_owned(),
            0,
        ),
    ];
    for (kind, rest, count) in table {
        let manifests = good(&format!("{{apiVersion: v1, kind: {kind}, {rest}}}"));
        assert_eq!(manifests.workloads.len(), count, "{kind}");
        assert_eq!(manifests.objects, 1, "{kind}");
        if count == 1 {
            assert_eq!(manifests.workloads[0].annotations.len(), 1, "{kind}");
        }
    }
}

#[test]
fn several_documents_lists_json_and_windows_line_ends() {
    let text = "---\r\n# Source: x\r\n---\r\nkind: Secret\r\nmetadata: {name: a}\r\nstringData:\r\n  k: v\r\n---\r\n\
        kind: List\r\nitems:\r\n- kind: ConfigMap\r\n  metadata: {name: b}\r\n  data: {x: y}\r\n- kind: Pod\r\n  metadata: {name: p}\r\n";
    let manifests = good(text);
    let defined: Vec<_> = manifests
        .defined
        .iter()
        .map(|d| {
            (
                d.kind,
                d.name.as_str(),
                d.keys.clone().unwrap(),
                d.name.place().line,
            )
        })
        .collect();
    assert_eq!(
        defined,
        [
            (ObjectKind::Secret, "a", vec!["k".to_owned()], 5),
            (ObjectKind::ConfigMap, "b", vec!["x".to_owned()], 12)
        ]
    );
    assert_eq!(manifests.workloads[0].place(), at(15, 20, 1));
    let manifests = good("{\n\t\"kind\": \"Pod\",\n\t\"metadata\": {\"name\": \"p\"}\n}\n");
    assert_eq!(manifests.workloads[0].place(), at(3, 23, 3));
}

#[test]
fn what_other_controllers_make_is_known_without_its_keys() {
    let manifests = good(
        "kind: ExternalSecret\nmetadata: {name: a}\nspec: {target: {name: b}}\n---\n\
         kind: SealedSecret\nmetadata: {name: c}\n---\n\
         kind: Certificate\nmetadata: {name: d}\nspec: {secretName: e}\n",
    );
    let names: Vec<_> = manifests
        .defined
        .iter()
        .map(|d| (d.name.as_str(), d.keys.is_none()))
        .collect();
    assert_eq!(names, [("b", true), ("c", true), ("e", true)]);
}

#[test]
fn anchors_aliases_and_merge_keys_are_understood() {
    let manifests = good(
        "kind: Pod\nmetadata:\n  name: p\n  annotations: &a\n    x: &x one\n    y: *x\nspec:\n  containers:\n  - &c\n    name: c\n    \
         envFrom: [{secretRef: {name: s}}]\n  - <<: *c\n    name: d\n  - <<: [*c, {name: f, z: 1}]\n",
    );
    let workload = &manifests.workloads[0];
    let annotations: Vec<_> = workload
        .annotations
        .iter()
        .map(|a| format!("{:?}", a.value))
        .collect();
    assert_eq!(annotations, [r#""one"@5:11"#, r#""one"@5:11"#]);
    let via: Vec<_> = workload
        .consumers
        .iter()
        .map(|c| c.via.to_string())
        .collect();
    assert_eq!(
        via,
        [
            "envFrom of the container \"c\"",
            "envFrom of the container \"d\"",
            "envFrom of the container \"c\""
        ]
    );
}

#[test]
fn aliases_of_aliases_do_not_explode() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let picture = pictures(&bomb);
    assert!(
        picture.contains("the aliases up to this one stand for more than 200000 nodes"),
        "{picture}"
    );
    let picture = pictures("a: &a [*a]\n");
    assert!(
        picture.contains("this alias stands inside of what it names"),
        "{picture}"
    );
}

#[test]
fn a_broken_document_costs_only_itself() {
    let manifests = read("kind: Pod\n---\na: b: c\n---\nkind: Pod\n");
    assert_eq!(manifests.workloads.len(), 2);
    assert_eq!(
        render(&manifests.diagnostics, Format::Text, false),
        "\
error[manifest/not-yaml]: not valid YAML: mapping values are not allowed in this context
 --> f.yaml:3:5
  |
3 | a: b: c
  |     ^

"
    );
}

#[test]
fn a_template_that_was_not_rendered_is_told_so_once() {
    let expected = |line: &str, number: usize, column: usize, length: usize| {
        format!(
            "\
error[manifest/not-rendered]: this is a template, not a manifest
 --> f.yaml:{number}:{column}
  |
{number} | {line}
  | {}{}
  |
  = help: render it first (helm template, kustomize build) and pipe the result in: helm template . | jasm lint -

",
            " ".repeat(column - 1),
            "^".repeat(length)
        )
    };
    let text = "{{- if .Values.on }}\nkind: Pod\n{{- end }}\n---\n{{ include \"x\" . }}\n";
    assert_eq!(pictures(text), expected("{{- if .Values.on }}", 1, 1, 20));
    let text = "kind: Pod\nmetadata:\n  name: {{ .Values.name }}\n";
    assert_eq!(
        pictures(text),
        expected("  name: {{ .Values.name }}", 3, 9, 18)
    );
    let text = "kind: Pod\nmetadata:\n  {{- toYaml . | nindent 2 }}\n";
    assert_eq!(
        pictures(text),
        expected("  {{- toYaml . | nindent 2 }}", 3, 3, 27)
    );
}

#[test]
fn what_is_no_object_and_what_is_no_text_is_told() {
    assert_eq!(
        pictures("just text\n"),
        "\
error[manifest/not-an-object]: this is text, not a Kubernetes object
 --> f.yaml:1:1
  |
1 | just text
  | ^
  |
  = help: an object is a mapping with apiVersion, kind and metadata

"
    );
    assert_eq!(pictures("a: 1\n---\n~\n---\nkind: [x]\n"), "");
    let text = "kind: Pod\nmetadata:\n  annotations:\n    jasm.codnod.io/secret-sync:\n      provider: aws\n    \
                jasm.codnod.io/refresh: true\n    other: true\n";
    assert_eq!(
        pictures(text),
        "\
error[manifest/annotation-not-text]: the value of jasm.codnod.io/secret-sync is a mapping; an annotation's value is text
 --> f.yaml:4:5
  |
4 |     jasm.codnod.io/secret-sync:
  |     ^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: put \"|\" behind the colon: then what is below it is text

error[manifest/annotation-not-text]: the value of jasm.codnod.io/refresh is not text
 --> f.yaml:6:29
  |
6 |     jasm.codnod.io/refresh: true
  |                             ^^^^
  |
  = help: write it in quotes

"
    );
}

#[test]
fn a_key_twice_is_told_and_the_last_one_counts() {
    let manifests = read("kind: Pod\nmetadata:\n  name: a\n  name: b\n");
    assert_eq!(manifests.workloads[0].title(), "Pod b");
    assert_eq!(
        render(&manifests.diagnostics, Format::Text, false),
        "\
warning[manifest/duplicate-key]: this key is written twice in one mapping; only the last one counts
 --> f.yaml:4:3
  |
4 |   name: b
  |   ^^^^

"
    );
}

/// Where the first `needle` of the annotation's text is said to be in the file.
fn found(file: &str, needle: &str) -> (usize, usize, usize) {
    let manifests = read(file);
    let value = &manifests.workloads[0].annotations[0].value;
    let offset = value
        .as_str()
        .find(needle)
        .expect("the needle is in the text");
    let before = &value.as_str()[..offset];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let place = value.locate(Place {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
        length: needle.chars().count(),
    });
    (place.line, place.column, place.length)
}

#[test]
fn places_in_a_text_lead_back_to_the_file() {
    let file = |value: &str| format!("kind: Pod\nmetadata:\n  annotations:\n    a: {value}\n");
    let block = "\n      provider: aws\n\n        ä: 日本 needle x\n      last: 1\n";
    for header in ["|", "|-", "|+", "|2", "| # comment", ">", ">-"] {
        let text = file(&format!("{header}{block}"));
        assert_eq!(found(&text, "needle"), (7, 15, 6), "{header}");
        assert_eq!(found(&text, "last"), (8, 7, 4), "{header}");
        assert_eq!(
            found(&text.replace('\n', "\r\n"), "last"),
            (8, 7, 4),
            "{header}"
        );
    }
    let table = [
        ("x needle y", (4, 10, 6)),
        ("\"x needle y\"", (4, 11, 6)),
        ("'it''s needle'", (4, 15, 6)),
        ("\"a\\n\\u00e4\\\"\\tneedle\"", (4, 22, 6)),
        ("x y\n      z needle", (5, 9, 6)),
        ("'x y\n\n      z needle'", (6, 9, 6)),
        ("\"x y   \n\n      z needle\"", (6, 9, 6)),
        // A line that is joined by an escape: only the beginning is claimed.
        ("\"x\\\n      needle\"", (4, 8, 3)),
    ];
    for (value, expected) in table {
        assert_eq!(found(&file(value), "needle"), expected, "{value}");
    }
}

proptest! {
    #[test]
    fn no_input_panics(text in "\\PC{0,200}|([-:{}\\[\\]#&*!|>'\"% a<\n\t\r?,0]|---|\\{\\{|kind: Pod\n){0,60}") {
        let manifests = read(&text);
        let _ = render(&manifests.diagnostics, Format::Text, false);
    }

    #[test]
    fn no_pod_panics(
        kind in "Pod|List|Deployment|CronJob|Secret",
        field in "metadata|spec|items|template|data",
        value in "(\\PC|[\n \t'\"|>&*-]){0,60}",
    ) {
        let text = format!("kind: {kind}\n{field}:\n  annotations:\n    jasm.codnod.io/secret-sync: {value}\n  containers: {value}\n");
        let manifests = read(&text);
        for annotation in manifests.workloads.iter().flat_map(|workload| &workload.annotations) {
            for (line, column) in [(1, 1), (1, 9), (2, 1), (9, 9), (0, 0)] {
                let _ = annotation.value.locate(at(line, column, 3));
            }
        }
    }

    /// Whatever is written as a literal block, each of its words is found where it is written.
    #[test]
    fn every_word_of_a_block_is_found(
        lines in proptest::collection::vec("[ ]{0,3}[a-zä日:{}#\"'\\\\-]{0,8}", 1..8),
        indent in 1_usize..6,
        folded in any::<bool>(),
    ) {
        let mut lines = lines;
        lines.push("needle".to_owned());
        let pad = " ".repeat(4 + indent);
        let header = if folded { '>' } else { '|' };
        let body: String = lines.iter().map(|line| format!("{pad}{line}\n")).collect();
        let file = format!("kind: Pod\nmetadata:\n  annotations:\n    a: {header}{indent}\n{body}");
        let (line, column, length) = found(&file, "needle");
        prop_assert_eq!((line, column, length), (4 + lines.len(), 5 + indent, 6));
    }
}
