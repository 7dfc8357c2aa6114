//! Kustomizations written by hand for what is easily got wrong.

use super::oracle::{Files, Verdict, compare, files};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Built,
    Refused,
}
use Expected::{Built, Refused};

/// All in turn, with every difference in one message.
fn check(cases: &[(Expected, &str)]) {
    let cases: Vec<_> = cases
        .iter()
        .map(|(expected, text)| (*expected, files(text), (*text).to_owned()))
        .collect();
    check_files(&cases);
}

fn check_files(cases: &[(Expected, Files, String)]) {
    let mut wrong = Vec::new();
    for (expected, files, text) in cases {
        match compare(files, ".") {
            Ok(verdict) if matches!(verdict, Verdict::Built(_)) == (*expected == Built) => {}
            Ok(verdict) => wrong.push(format!("{text}\nexpected {expected:?}: {verdict:?}")),
            Err(difference) => wrong.push(format!("{text}\n{difference}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n-----\n"));
}

/// A kustomization around one resource file.
fn resource(content: &str) -> String {
    format!("=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\n{content}")
}

/// The data of a ConfigMap in block style.
fn config_map(data: &str) -> String {
    resource(&format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n{data}"
    ))
}

#[test]
fn scalars() {
    let mut cases = Vec::new();
    for plain in [
        "yes",
        "no",
        "on",
        "y",
        "Y",
        "NO",
        "0x",
        "0b2",
        "1.2.3",
        "1e999",
        "12:30",
        "-",
        "+",
        "a",
        "_1",
        "2027-02-30",
        "2027-13-01",
        "2027-01-01x",
        "1 2",
        "nan",
        "inf",
        "08:00",
        "v1",
        "1_a",
        "'1'",
        "\"\"",
        "!!str 1",
        "!!str true",
        "a: b",
        "0o8",
        "<<",
        "=",
        "+.5.",
        "1e",
        ".",
        "a # b",
        "a#b",
        "\"\\u00e4\\x41\\n\"",
        "'it''s'",
        "\"\\/\"",
        "ä",
        "|-\n    x\n     y",
        ">\n    x\n    y\n\n    z\n",
        "|+\n    x\n\n",
        "|2\n     x\n",
        "x\n   y\n\n   z",
        "\"a\\\n   b\"",
        "\"a\n   b\"",
        "*a",
        "&b x",
        "[a",
        "%x",
        "@x",
        "`x",
        "{a}",
        "true",
        "False",
        "1",
        "-1",
        "+1",
        "0x1F",
        "0o17",
        "017",
        "08",
        "0b11",
        "1.5",
        "1.",
        ".5",
        "1e3",
        "1_000",
        "~",
        "null",
        "",
        "Null",
        ".inf",
        "-.INF",
        ".NaN",
        "18446744073709551616",
        "[a]",
        "{a: b}",
        "!!int '1'",
        "0b-1",
        "-0b1",
        "-0o7",
        "+0x1",
        "12e+3",
        "1__0",
        "0_",
        "0x_1",
        "-0",
        "00",
        "0.0",
        "1e-400",
    ] {
        let refused = matches!(
            plain,
            "a: b"
                | "*a"
                | "[a"
                | "%x"
                | "@x"
                | "`x"
                | "{a}"
                | "true"
                | "False"
                | "1"
                | "-1"
                | "+1"
                | "0x1F"
                | "0o17"
                | "017"
                | "08"
                | "0b11"
                | "1.5"
                | "1."
                | ".5"
                | "1e3"
                | "1_000"
                | "~"
                | "null"
                | ""
                | "Null"
                | ".inf"
                | "-.INF"
                | ".NaN"
                | "18446744073709551616"
                | "[a]"
                | "{a: b}"
                | "!!int '1'"
                | "-"
                | "\"\\/\""
                | "0b-1"
                | "-0b1"
                | "-0o7"
                | "+0x1"
                | "12e+3"
                | "1__0"
                | "0_"
                | "0x_1"
                | "-0"
                | "00"
                | "0.0"
                | "1e-400"
        );
        cases.push((
            if refused { Refused } else { Built },
            config_map(&format!("  A: {plain}")),
        ));
    }
    let cases: Vec<_> = cases
        .iter()
        .map(|(expected, text)| (*expected, text.as_str()))
        .collect();
    check(&cases);
}

#[test]
fn yaml_files() {
    let anchors = "x: &x {A: a, B: b}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: &n a}\ndata:\n  <<: *x\n  B: c\n  C: *n";
    let two = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {A: b}\n---\n";
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {A: b}}\n- {apiVersion: v1, kind: SecretList, items: [{apiVersion: v1, kind: Secret, metadata: {name: b}}]}";
    let merge = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx: &x {A: 1a, B: 1b}\ny: &y {A: 2a, C: 2c}\ndata:\n  <<: [*x, *y]\n  C: c";
    let cases = [
        (Built, resource(anchors)),
        (Built, resource(merge)),
        (Built, resource(two)),
        (Built, resource(list)),
        (
            Built,
            resource(
                "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"a\"}, \"stringData\": {\"A\": \"\\u00e4\"}}",
            ),
        ),
        (Built, resource("# only a comment")),
        (
            Built,
            resource(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {x: 1, y: [a, null]}",
            ),
        ),
        (
            Built,
            resource("apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: 1}"),
        ),
        (
            Built,
            resource(
                "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: Yf==, B: \"Y\\nWI=\\n\"}\nstringData: {B: b}",
            ),
        ),
        (
            Built,
            resource("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n"),
        ),
        (
            Built,
            resource(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {config.kubernetes.io/local-config: \"true\"}}\ndata: {A: 1}",
            ),
        ),
        (
            Built,
            resource(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {config.kubernetes.io/local-config: \"false\"}}\ndata: {A: a}",
            ),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: YQ}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: \"Y Q==\"}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: \"YQ==YQ==\"}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: a, A: b}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {1: a}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {true: a}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {\"a b\": a}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\ndata: {A: a}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nmetadata: {name: a}\ndata: {A: a}"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n--- {a: b}\n"),
        ),
        (
            Refused,
            resource(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
            ),
        ),
        (
            Refused,
            resource(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}",
            ),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n\tA: b"),
        ),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: \u{1}}"),
        ),
        (Refused, resource("- a\n- b")),
        (Refused, resource("just text")),
        (
            Refused,
            resource("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: *nothing}"),
        ),
        (
            Built,
            resource(
                "apiVersion: v1\r\nkind: ConfigMap\r\nmetadata: {name: a}\r\ndata:\r\n  A: |\r\n    x\r\n    y\r\n  B: \"a\r\n    b\"\r\n",
            ),
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(expected, text)| (*expected, text.as_str()))
        .collect();
    check(&cases);
}

#[test]
fn kustomization_files() {
    check(&[
        (Built, "=== kustomization.yml\nconfigMapGenerator: [{name: a, literals: [A=b]}]"),
        (Built, "=== Kustomization\nkind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresources:\nconfigMapGenerator:\n- name: a\n"),
        (Built, "=== kustomization.yaml\nmetadata: {name: x}\nresources: []\nimages: [{name: a, newTag: b}]\nsortOptions: {order: fifo}\n"),
        (Refused, "=== kustomization.yaml\n"),
        (Refused, "=== kustomization.yaml\nkind: Kustomization"),
        (Refused, "=== kustomization.yaml\nresources:"),
        (Refused, "=== kustomization.yaml\nkind: Other\nresources: []"),
        (Refused, "=== kustomization.yaml\nkind: Component\nresources: []\napiVersion: kustomize.config.k8s.io/v1beta1"),
        (Refused, "=== kustomization.yaml\nresources: []\n=== kustomization.yml\nresources: []"),
        (Refused, "=== other.yaml\nresources: []"),
        (Refused, "=== kustomization.yaml\nresources: text"),
        (Refused, "=== kustomization.yaml\nresources: [1]"),
        (Refused, "=== kustomization.yaml\nresources: [none.yaml]"),
        (Refused, "=== kustomization.yaml\nresources: [\"\"]"),
        (Refused, "=== kustomization.yaml\nresources: [.]"),
        (Refused, "=== kustomization.yaml\nnamePrefix: yes\nresources: []"),
        (Refused, "=== kustomization.yaml\nunknown: 1\nresources: []"),
        (Refused, "=== kustomization.yaml\nresources: [sub]\n=== sub/x.yaml\na: b"),
        (Refused, "=== kustomization.yaml\nresources: [sub]\n=== sub/kustomization.yaml\nresources: [..]"),
        (Refused, "=== kustomization.yaml\nresources: [a]\n=== a/kustomization.yaml\nresources: [../b]\n=== b/kustomization.yaml\nresources: [../a]"),
        (Refused, "=== kustomization.yaml\nresources: [a]\n=== a/kustomization.yaml\nresources: [../x.yaml]\n=== x.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}"),
        (Refused, "=== kustomization.yaml\nresources: [a]\n=== a/kustomization.yaml\nconfigMapGenerator: [{name: a, files: [../x.txt]}]\n=== x.txt\nx"),
        (Refused, "=== kustomization.yaml\ncomponents: [a]\n=== a/kustomization.yaml\nresources: []"),
        (Refused, "=== kustomization.yaml\nresources: [a]\n=== a/kustomization.yaml\nkind: Component\nresources: []"),
        (Built, "=== kustomization.yaml\nresources: [./a//../a/, a/../b/x.yaml]\n=== a/kustomization.yaml\nconfigMapGenerator: [{name: a}]\n=== b/x.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}"),
        (Built, "=== kustomization.yaml\nbases: [a]\nresources: [b.yaml]\n=== a/kustomization.yaml\nconfigMapGenerator: [{name: a}]\n=== b.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}"),
        (Built, "=== kustomization.yaml\nx: &x [A=b]\nresources: []"),
    ]
    .map(|(expected, text)| (if text.contains("x: &x") { Refused } else { expected }, text)));
}

#[test]
fn generators() {
    check(&[
        (
            Built,
            "=== kustomization.yaml\nsecretGenerator:\n- name: a\n  namespace: ns\n  type: kubernetes.io/tls\n  envs: [a.env]\n  env: b.env\n  files: [f.txt, g=f.txt]\n  literals: [L=x=y, \"M='q'\", 'N=\"', O=]\n  options: {labels: {a: b}, disableNameSuffixHash: true}\n=== a.env\nA=1\n# c\n  B= x \nC='q'\\n\n=== b.env\nD=${A}\n=== f.txt\ntext\n",
        ),
        (
            Built,
            "=== kustomization.yaml\ngeneratorOptions: {disableNameSuffixHash: true, labels: {a: b}, immutable: true}\nconfigMapGenerator:\n- name: a\n  literals: [A=b]\n  options: {immutable: true}",
        ),
        (
            Built,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [A=b]}, {name: a, namespace: ns}]\nsecretGenerator: [{name: a}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [A=b]}, {name: a}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [A=b, A=c]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [A=b], envs: [a.env]}]\n=== a.env\nA=c",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{literals: [A=b]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [A]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [=A]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [1=A]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nsecretGenerator: [{name: a, literals: [null=A]}]",
        ),
        (
            Built,
            "=== kustomization.yaml\nsecretGenerator: [{name: a, literals: [yes=A, 1a=b]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, literals: [A b=c]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, type: Opaque}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, files: [none]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, files: [sub]}]\n=== sub/x\nx",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, files: [a=b=c]}]\n=== b\nx",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, files: [=kustomization.yaml]}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, files: [x=]}]",
        ),
        (
            Built,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, files: [sub/x.txt, \"y=./sub/../sub/x.txt\"]}]\n=== sub/x.txt\nx",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, behavior: merge}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nconfigMapGenerator: [{name: a, behavior: replace}]",
        ),
        (
            Refused,
            "=== kustomization.yaml\nresources: [a.yaml]\nconfigMapGenerator: [{name: a}]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}",
        ),
        (
            Built,
            "=== kustomization.yaml\nresources: [a.yaml]\nconfigMapGenerator: [{name: a, behavior: merge, literals: [A=x, C=z]}]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: a, B: 8080}\nbinaryData: {D: /w==}",
        ),
        (
            Built,
            "=== kustomization.yaml\nresources: [a.yaml]\nsecretGenerator: [{name: a, behavior: merge, literals: [A=x]}]\n=== a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: YQ==, B: Yg==}\nstringData: {C: c}",
        ),
        (
            Built,
            "=== kustomization.yaml\nresources: [a.yaml]\nsecretGenerator: [{name: a, behavior: replace, literals: [A=x]}]\n=== a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: YQ==, B: Yg==}\nstringData: {C: c}",
        ),
        (
            Refused,
            "=== kustomization.yaml\nresources: [a.yaml]\nconfigMapGenerator: [{name: a, behavior: merge, literals: [A=x]}]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {\"1\": a}",
        ),
        (
            Refused,
            "=== kustomization.yaml\nresources: [a.yaml]\nconfigMapGenerator: [{name: a, behavior: merge, files: [A=b.bin]}]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: a}\nbinaryData: {A: YQ==}\n=== b.bin\nx",
        ),
    ]);
}

#[test]
fn overlays() {
    let base = "=== base/kustomization.yaml\nnamePrefix: p-\nnameSuffix: -s\nnamespace: ns\ncommonLabels: {app: x}\nconfigMapGenerator: [{name: a, literals: [A=a, B=b]}]\nsecretGenerator: [{name: s, literals: [A=a], options: {disableNameSuffixHash: true}}]";
    let overlay = |text: &str| format!("=== kustomization.yaml\nresources: [base]\n{text}\n{base}");
    let cases = [
        (Built, overlay("")),
        (Built, overlay("namePrefix: q-\nnamespace: m")),
        (Built, overlay("configMapGenerator: [{name: a, behavior: merge, literals: [A=x]}]")),
        (Built, overlay("configMapGenerator: [{name: p-a-s, namespace: ns, behavior: merge, literals: [A=x]}]")),
        (Built, overlay("configMapGenerator: [{name: a, namespace: ns, behavior: replace, literals: [A=x], options: {disableNameSuffixHash: true}}]")),
        (Refused, overlay("configMapGenerator: [{name: p-a-s, behavior: merge, literals: [A=x]}]")),
        (Built, overlay("secretGenerator: [{name: s, behavior: merge, literals: [A=x]}]")),
        (Refused, overlay("configMapGenerator: [{name: a, behavior: create, literals: [A=x]}]")),
        (Built, overlay("configMapGenerator: [{name: b, behavior: create, literals: [A=x]}]")),
        (Built, overlay("patches:\n- target: {labelSelector: app=x, kind: ConfigMap}\n  patch: |\n    kind: ConfigMap\n    metadata: {name: any}\n    data: {A: x, B: null, C: c}")),
        (Built, overlay("patches:\n- target: {name: .*a}\n  patch: |\n    - {op: add, path: /data/C, value: c}\n    - {op: remove, path: /data/A}\n    - {op: test, path: /data/B, value: b}\n- target: {kind: ConfigMap}\n  patch: '[{\"op\": \"replace\", \"path\": \"/data/N\", \"value\": \"\\u00e4\\ud83d\\ude00\"}]'")),
        (Built, overlay("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: s}\n    stringData: {Z: z}")),
        (Built, overlay("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: p-s-s, namespace: ns}\n    $patch: delete")),
        (Built, overlay("patchesStrategicMerge:\n- |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n  data: {$patch: replace, Z: z}\n- p.yaml\n=== p.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {Y: y}")),
        (Built, overlay("patchesJson6902:\n- target: {version: v1, kind: ConfigMap, name: p-a-s}\n  path: p.json\n=== p.json\n[{\"op\": \"copy\", \"from\": \"/data/A\", \"path\": \"/data/C\"}, {\"op\": \"move\", \"from\": \"/data/B\", \"path\": \"/data/~0\"}, {\"op\": \"remove\", \"path\": \"/data/~0\"}]")),
        (Built, overlay("secretGenerator: [{name: e}]\npatches:\n- target: {name: e}\n  patch: |\n    - {op: add, path: /data/C, value: YQ==}")),
        (Refused, overlay("configMapGenerator: [{name: e}]\npatches:\n- target: {name: e}\n  patch: |\n    - {op: add, path: /data/C, value: YQ==}")),
        (Refused, overlay("patches:\n- target: {kind: ConfigMap}\n  patch: |\n    - {op: add, path: /data/C, value: 1}")),
        (Refused, overlay("patches:\n- target: {kind: ConfigMap}\n  patch: |\n    - {op: remove, path: /data/C}")),
        (Refused, overlay("patches:\n- target: {kind: ConfigMap}\n  patch: |\n    - {op: add, path: /stringData/C, value: x}")),
        (Refused, overlay("patches:\n- target: {kind: ConfigMap}\n  patch: |\n    - {op: test, path: /data/A, value: x}")),
        (Refused, overlay("patches:\n- target: {kind: ConfigMap}\n  patch: |\n    - {op: bad, path: /data/A, value: x}")),
        (Refused, overlay("patches:\n- patch: |\n    - {op: add, path: /data/A, value: x}")),
        (Refused, overlay("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: none}")),
        (Refused, overlay("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: s}\n    data: text")),
        (Refused, overlay("patches:\n- patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: s}\n    data: {A: {B: c}}")),
        (Refused, overlay("patches:\n- {}")),
        (Refused, overlay("patches:\n- {path: none.yaml}")),
        (Refused, overlay("patches:\n- {path: base/kustomization.yaml, patch: x}")),
        (Refused, overlay("patches:\n- target: {kind: ConfigMap, nane: x}\n  patch: '[]'")),
        (Refused, overlay("patches:\n- target: {name: '('}\n  patch: '[{\"op\": \"remove\", \"path\": \"/data\"}]'")),
        (Refused, overlay("patches:\n- target: {labelSelector: 'a b'}\n  patch: '[{\"op\": \"remove\", \"path\": \"/data\"}]'")),
        (Built, overlay("patches:\n- target: {labelSelector: 'app in (x,y),!none', namespace: default, name: s|a}\n  patch: '[{\"op\": \"remove\", \"path\": \"/data\"}]'")),
        (Built, overlay("patches:\n- target: {name: nobody}\n  patch: '[{\"op\": \"remove\", \"path\": \"/data/none\"}]'")),
        (Built, overlay("patches:\n- options: {allowNameChange: true}\n  patch: |\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: p-a-s, namespace: ns}\n- options: {allowNameChange: true}\n  target: {kind: Secret}\n  patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: other}")),
        (Refused, overlay("patches:\n- target: {kind: Secret}\n  patch: |\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: a}\n    ---\n    apiVersion: v1\n    kind: Secret\n    metadata: {name: b}\n")),
        (Built, overlay("components: [c]\n=== c/kustomization.yaml\nkind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\nnamePrefix: c-\nconfigMapGenerator: [{name: a, behavior: merge, literals: [A=c]}, {name: d}]\npatches: [{target: {kind: Secret}, patch: '[{\"op\": \"add\", \"path\": \"/data/K\", \"value\": \"aw==\"}]'}]")),
        (Refused, overlay("resources: [base, base]").replace("resources: [base]\n", "")),
        (Refused, overlay("resources: [base, m]\n=== m/kustomization.yaml\nresources: [../base]").replace("resources: [base]\n", "")),
        (Built, overlay("resources: [base, m]\n=== m/kustomization.yaml\nnamePrefix: m-\nresources: [../base]").replace("resources: [base]\n", "")),
        (Refused, overlay("configMapGenerator: [{name: a, behavior: merge, literals: [A=x]}]\nresources: [base, m]\n=== m/kustomization.yaml\nnamePrefix: m-\nresources: [../base]").replace("resources: [base]\n", "")),
        (Refused, overlay("namespace: x\nresources: [base, m]\n=== m/kustomization.yaml\nnamespace: m\nresources: [../base]").replace("resources: [base]\n", "")),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(expected, text)| (*expected, text.as_str()))
        .collect();
    check(&cases);
}

#[test]
fn strategic_merges() {
    let patched = |resource: &str, patch: &str| {
        format!(
            "=== kustomization.yaml\nresources: [a.yaml]\npatches: [{{path: p.yaml}}]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, labels: {{l: m}}}}\n{resource}\n=== p.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\n{patch}"
        )
    };
    let cases = [
        (Built, patched("data: {A: a}", "data: {A: b, B: c}")),
        (Built, patched("data: {A: a}", "data: {A: null}")),
        (Built, patched("data: {A: a}", "data: null")),
        (Built, patched("data: {A: a}", "data: {}")),
        (Built, patched("data: {A: a}", "data:")),
        (Built, patched("data: {A: a, E: }", "data: {B: b}")),
        (Refused, patched("data: {A: a, E: null}", "data: {B: b}")),
        (Built, patched("data: {A: a, E: ~}", "data: {E: e}")),
        (Built, patched("data: {A: 1}", "data: {A: \"1\"}")),
        (Built, patched("data: {A: \"1\"}", "data: {A: 1}")),
        (
            Built,
            patched("data: {A: 'x', B: |\n  x\n", "data: {A: true}")
                .replace("{A: 'x', B: |", "\n  A: 'x'\n  B: |")
                .replace("  x\n\n", "    x\n"),
        ),
        (Refused, patched("data: {A: x}", "data: {A: 1}")),
        (Built, patched("data: {A: 'x'}", "data: {A: 2027-01-01}")),
        (Built, patched("data: {A: a}", "data: {$patch: delete}")),
        (
            Built,
            patched("data: {A: a}", "data: {$patch: replace, B: b, C: null}"),
        ),
        (
            Built,
            patched("data: {A: a}", "data: {$patch: merge, B: b}"),
        ),
        (
            Refused,
            patched("data: {A: a}", "data: {$patch: bad, B: b}"),
        ),
        (Built, patched("data: {A: a}", "$patch: delete")),
        (Built, patched("immutable: true", "data: {B: b, C: null}")),
        (Built, patched("immutable: true", "binaryData: {B: YQ==}")),
        (Refused, patched("data: {A: a}", "data: [a]")),
        (Refused, patched("data: [a]", "immutable: true")),
        (Refused, patched("data: {A: {B: c}}", "immutable: true")),
        (Built, patched("data: {A: {B: c}}", "data: {A: null}")),
        (Built, patched("data: {A: a}", "data: {\"1\": b}")),
        (Refused, patched("data: {A: a}", "data: {1: b}")),
        (
            Built,
            patched(
                "data: {A: a}",
                "metadata: {name: a, annotations: null, labels: null}",
            )
            .replace("metadata: {name: a}\nmetadata", "metadata"),
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(expected, text)| (*expected, text.as_str()))
        .collect();
    check(&cases);
}

#[test]
fn bytes_of_files() {
    let mut cases = Vec::new();
    for content in [
        &b""[..],
        b"\n",
        b"\n\n",
        b" lead\n trail \n\tx",
        b"\r\n",
        b"a\r\nb\r\n",
        b"\xff\xfe",
        b"a\x00b",
        b"\x1b[0m",
        "\u{feff}a\n".as_bytes(),
        "ab\u{a0}\u{ad}".as_bytes(),
        "\u{fffd}\u{10ffff}".as_bytes(),
        "😀\nä".as_bytes(),
        b"\n \n  a\n",
        b"---\na: b\n---\n",
        b"a: |\n  b\n",
        b"  ",
        b"\tx",
        b"\tx\n ",
        b"\tx\r\n",
        b"x\n\ty",
        b"#\n",
        b"null",
        b"1",
    ] {
        for generator in ["configMapGenerator", "secretGenerator"] {
            let mut files = Files::new();
            let text = format!("{generator}: [{{name: a, files: [x]}}]");
            files.insert("kustomization.yaml".to_owned(), text.into_bytes());
            files.insert("x".to_owned(), content.to_vec());
            // Once more through a merge, a JSON patch and a strategic merge.
            let mut merged = Files::new();
            for (path, content) in &files {
                merged.insert(format!("base/{path}"), content.clone());
            }
            let kind = if generator.starts_with('s') {
                "Secret"
            } else {
                "ConfigMap"
            };
            let text = format!(
                "resources: [base]\n{generator}: [{{name: a, behavior: merge, literals: [A=b]}}]\npatches:\n- {{target: {{name: a}}, patch: '[{{\"op\": \"add\", \"path\": \"/data/B\", \"value\": \"YQ==\"}}]'}}\n- patch: '{{apiVersion: v1, kind: {kind}, metadata: {{name: a}}, data: {{C: YQ==}}}}'\n"
            );
            merged.insert("kustomization.yaml".to_owned(), text.into_bytes());
            cases.push((Built, files, format!("{generator} {content:?}")));
            cases.push((Built, merged, format!("merged {generator} {content:?}")));
        }
    }
    check_files(&cases);
}

#[test]
fn text_that_kustomize_cannot_write_is_refused() {
    let mut cases = Vec::new();
    for content in [
        "a\u{7f}",
        "\u{80}",
        "\u{9f}\n",
        "\u{fffe}",
        "\u{ffff}",
        "\tx\n",
        "\t\n\ta",
        "\t\u{e4}\n",
    ] {
        for (expected, generator) in [(Refused, "configMapGenerator"), (Built, "secretGenerator")] {
            let mut files = Files::new();
            let text = format!("{generator}: [{{name: a, files: [x]}}]");
            files.insert("kustomization.yaml".to_owned(), text.into_bytes());
            files.insert("x".to_owned(), content.as_bytes().to_vec());
            cases.push((expected, files, format!("{generator} {content:?}")));
        }
    }
    for (expected, value) in [
        (Refused, "\\x7f"),
        (Refused, "\\ufffe"),
        (Built, "\\tx\\ny"),
        (Built, "\\x01"),
    ] {
        let text = config_map(&format!("  A: \"{value}\""));
        cases.push((expected, files(&text), text));
    }
    check_files(&cases);
}

#[test]
fn env_files() {
    let mut cases = Vec::new();
    for (expected, content) in [
        (Built, "\u{feff}A=1\nB=2".as_bytes()),
        (Built, b"A=1\r\nB=2\r\n"),
        (Built, b"\n\n  \n\t# c\n#A=1\n"),
        (Built, b"A='a'\nB=\"b\"\nC=a # b\nD= x \nE=a=b\nF=\n"),
        (Built, b"  A=1\n\xc2\xa0B=2\n"),
        (Built, b"A=a\rb\n"),
        (Built, b"A=\\n\\t\n"),
        (Built, b"A.b-c=1"),
        (Refused, b"A =1\n"),
        (Refused, b"export A=1\n"),
        (Refused, b"A=\xff\n"),
        (Refused, b"A=1\n\xef\xbb\xbfB=2\n"),
        (Refused, b"A=1\nA=2\n"),
        (Built, b"A=\x00\x01\n"),
    ] {
        for generator in ["configMapGenerator", "secretGenerator"] {
            let mut files = Files::new();
            let text = format!("{generator}: [{{name: a, envs: [x]}}]");
            files.insert("kustomization.yaml".to_owned(), text.into_bytes());
            files.insert("x".to_owned(), content.to_vec());
            cases.push((expected, files, format!("{generator} {content:?}")));
        }
    }
    check_files(&cases);
}

#[test]
fn other_kinds_are_read_over() {
    let others = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: c, image: i, env: [{name: A, value: b}]}]}}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: a}";
    let with = |text: &str| {
        format!(
            "=== kustomization.yaml\nresources: [base]\n{text}\n=== base/kustomization.yaml\nnamePrefix: p-\nnamespace: m\nresources: [a.yaml]\n=== base/a.yaml\n{others}"
        )
    };
    let cases = [
        (Built, with("")),
        (
            Built,
            with("replicas: [{name: a, count: 3}]\nimages: [{name: i, newTag: t}]"),
        ),
        (
            Built,
            with(
                "patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: a}\n    spec: {template: {spec: {containers: [{name: c, image: j}]}}}\n- target: {kind: Deployment}\n  patch: '[{\"op\": \"replace\", \"path\": \"/spec/template/spec/containers/0/image\", \"value\": \"k\"}]'",
            ),
        ),
        (
            Built,
            with(
                "patches:\n- target: {name: a}\n  patch: '[{\"op\": \"add\", \"path\": \"/metadata/labels\", \"value\": {\"x\": \"y\"}}]'\n- target: {labelSelector: x=y, kind: ConfigMap}\n  patch: '[{\"op\": \"add\", \"path\": \"/data/B\", \"value\": \"b\"}]'",
            ),
        ),
        (
            Built,
            with(
                "patches:\n- patch: |\n    apiVersion: v1\n    kind: Namespace\n    metadata: {name: m}\n    labels: {a: b}\n- patch: |\n    apiVersion: rbac.authorization.k8s.io/v1\n    kind: ClusterRole\n    metadata: {name: p-r}\n    rules: []",
            ),
        ),
        (
            Built,
            with(
                "patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: a}\n    $patch: delete",
            ),
        ),
        (
            Refused,
            with(
                "patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: none}",
            ),
        ),
        (
            Built,
            with(
                "commonAnnotations: {a: b}\nlabels: [{pairs: {c: d}, includeSelectors: true}]\npatches: [{target: {annotationSelector: a=b}, patch: '[{\"op\": \"remove\", \"path\": \"/none\"}]'}]",
            ),
        ),
    ];
    let cases: Vec<_> = cases
        .iter()
        .map(|(expected, text)| (*expected, text.as_str()))
        .collect();
    check(&cases);
}
