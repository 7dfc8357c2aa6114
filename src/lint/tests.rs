use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::diagnostic::{Format, Source, render};
use crate::settings::Overrides;

fn manifests(text: &str) -> Manifests {
    let mut manifests = Manifests::default();
    manifests.read(&Arc::new(Source::new("f.yaml", text)));
    manifests
}

/// Every problem as its rule, line, column and length, its sentence, and the mend.
fn told(text: &str, config: Option<&str>, namespace: Option<&str>) -> Vec<String> {
    let settings =
        config.map(|config| Settings::read(Some(config), &Overrides::default()).unwrap());
    let around = Surroundings {
        settings: settings.as_ref(),
        namespace,
    };
    check(&manifests(text), &around)
        .iter()
        .map(|found| {
            let place = found.place.map_or("-".to_owned(), |place| {
                format!("{}:{}+{}", place.line, place.column, place.length)
            });
            let help = found
                .help
                .as_ref()
                .map_or(String::new(), |help| format!(" = {help}"));
            format!(
                "{} {} {place} {}{help}",
                found.severity.as_str(),
                found.rule.id,
                found.message
            )
        })
        .collect()
}

fn lint(text: &str) -> Vec<String> {
    told(text, None, None)
}

/// A Deployment with these annotations (each line of them as it stands) and this pod spec.
fn deployment(annotations: &str, spec: &str) -> String {
    named("shop", annotations, spec)
}

fn named(name: &str, annotations: &str, spec: &str) -> String {
    format!(
        "kind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  template:\n    metadata:\n      annotations:\n{annotations}    spec: {{{spec}}}\n"
    )
}

/// `containers` with one that takes these in `envFrom`.
fn takes(refs: &str) -> String {
    format!("containers: [{{name: c, envFrom: [{refs}]}}]")
}

const DB: &str = "        jasm.codnod.io/secret.shop-db: aws:/shop/db#password -> PASSWORD\n";

#[test]
fn what_is_right_is_not_mentioned() {
    let text = deployment(DB, &takes("{secretRef: {name: shop-db}}"));
    assert_eq!(lint(&text), [""; 0]);
    assert_eq!(lint(""), [""; 0]);
    assert_eq!(
        lint("kind: Service\n---\nkind: Whatever\nspec: {x: 1}\n"),
        [""; 0]
    );
}

#[test]
fn a_problem_of_an_annotation_is_underlined_in_the_file() {
    let annotations = "        jasm.codnod.io/secret-sync: |
          provder: aws   # a comment
          path: /shop/db
          secretName: shop-db
";
    let text = deployment(annotations, &takes("{secretRef: {name: shop-db}}"));
    let found = check(&manifests(&text), &Surroundings::default());
    assert_eq!(
        render(&found, Format::Text, false),
        "\
error[annotation/unknown-field]: unknown field in secret-sync: \"provder\"
 --> f.yaml:8:11
  |
8 |           provder: aws   # a comment
  |           ^^^^^^^
  |
  = help: did you mean \"provider\"?

"
    );
}

#[test]
fn every_form_of_annotation_has_its_places() {
    let table = [
        (
            "        jasm.codnod.io/secret-snc: x\n",
            "error annotation/unknown 7:9+25 unknown annotation: \"secret-snc\" = did you mean \"secret-sync\"?",
        ),
        (
            "        jasm.codnod.io/wait: required\n",
            "error annotation/invalid 7:9+19 \"wait: required\" is not implemented in this version = remove the annotation",
        ),
        (
            "        jasm.codnod.io/secret.s: |\n          # first\n          aws:/a\n          aws:/b#/x\n",
            "error annotation/invalid 10:18+2 \"#/x\" is a pointer and needs \" -> NAME\"",
        ),
        (
            "        jasm.codnod.io/secret.s: 'aws:/a -> b c'\n",
            "error annotation/invalid 7:45+3 \"b c\" cannot be a data key: use up to 253 letters, digits, \"-\", \"_\" and \".\", not beginning with \"..\"",
        ),
        (
            "        jasm.codnod.io/secret.s: \"\"\n",
            "error annotation/invalid 7:34+2 there is no source in it: write STORE:PATH, one a line",
        ),
        (
            "        jasm.codnod.io/environment: |\n          A: x\n          9B: y\n",
            "error annotation/invalid 9:11+2 \"9B\" cannot be an environment variable: use letters, digits and \"_\", no digit in front",
        ),
        (
            "        jasm.codnod.io/secret-sync: '{provider: aws, path: /a, secretName: Shop}'\n",
            "error annotation/invalid 7:76+4 \"Shop\" cannot be an object's name: use up to 253 lower case letters, digits, \"-\" and \".\"",
        ),
        (
            "        jasm.codnod.io/secret-sync: \"provider: aws\\npath: /a\\nsecretName: s\\nnmes: env\"\n",
            "error annotation/unknown-field 7:78+4 unknown field in secret-sync: \"nmes\" = did you mean \"names\"?",
        ),
        (
            "        jasm.codnod.io/secret-sync: |\n          path: /{{ .Values.x }}\n          secretName: [\n",
            "error manifest/not-rendered 10:11+1 this is a template, not a manifest = \
             render it first (helm template, kustomize build) and pipe the result in: helm template . | jasm lint -",
        ),
    ];
    for (annotations, expected) in table {
        let text = deployment(annotations, "");
        let found = lint(&text);
        if expected.contains("not-rendered") {
            // Where exactly the parser gives up is its own matter.
            assert!(
                found[0].starts_with("error manifest/not-rendered"),
                "{found:?}"
            );
        } else {
            assert_eq!(found, [expected], "{annotations}");
        }
    }
}

#[test]
fn an_annotation_on_the_workload_itself_is_told() {
    let text = "kind: CronJob\nmetadata:\n  name: shop\n  annotations: {jasm.codnod.io/secret.s: 'aws:/a', other: x}\nspec: {jobTemplate: {spec: {template: {spec: {}}}}}\n";
    assert_eq!(
        lint(text),
        [
            "error annotation/misplaced 4:17+23 JASM reads the annotations of pods, and this one is on the CronJob itself = \
          move it to spec.jobTemplate.spec.template.metadata.annotations"
        ]
    );
}

/// A kind of which nobody here knows anything, with these fields below `spec`.
fn unknown(own: &str, spec: &str) -> String {
    format!(
        "apiVersion: x.example/v1\nkind: Fleet\nmetadata: {{name: shop{own}}}\nspec: {{{spec}}}\n"
    )
}

const OWN: &str = ", annotations: {jasm.codnod.io/secret.s: 'aws:/a'}";
/// A pod's metadata with a mistake in it.
const MISSPELT: &str = "metadata: {annotations: {jasm.codnod.io/secret-snc: x}}";

#[test]
fn a_pod_template_of_an_unknown_kind_is_checked_wherever_it_is() {
    let containers = "spec: {containers: [{name: c}]}";
    for spec in [
        format!("template: {{{MISSPELT}, {containers}}}"),
        // A patch, without containers or without a spec.
        format!("template: {{{MISSPELT}, spec: {{volumes: []}}}}"),
        format!("template: {{{MISSPELT}}}"),
        format!("workers: {{a: {{template: {{{MISSPELT}, {containers}}}}}}}"),
        format!("tasks: [{{template: {{{MISSPELT}, {containers}}}}}]"),
    ] {
        let column = "spec: {".len() + spec.find("jasm.").unwrap() + 1;
        let expected = format!(
            "error annotation/unknown 4:{column}+25 unknown annotation: \"secret-snc\" = did you mean \"secret-sync\"?"
        );
        assert_eq!(lint(&unknown("", &spec)), [expected], "{spec}");
    }
    // What its containers take is held against what it makes.
    let pod = "metadata: {annotations: {jasm.codnod.io/secret.shop-db: 'aws:/a'}}, \
               spec: {containers: [{name: c, envFrom: [{secretRef: {name: shop-bd}}]}]}";
    let found = lint(&unknown("", &format!("template: {{{pod}}}")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("error consumer/unknown-object"),
        "{found:?}"
    );
    // A Job of others has several templates.
    let job = unknown(
        "",
        &format!("tasks: [{{template: {{{MISSPELT}, {containers}}}}}]"),
    );
    assert_eq!(lint(&job.replace("Fleet", "Job")).len(), 1);
}

#[test]
fn an_annotation_on_an_unknown_kind_itself_is_told_as_far_as_it_can_be() {
    let said = "JASM reads the annotations of pods, and this one is on the Fleet itself";
    let containers = "spec: {containers: [{name: c}]}";
    assert_eq!(
        lint(&unknown(
            OWN,
            &format!("template: {{{containers}}}, rest: [{{pod: {{{containers}}}}}]")
        )),
        [format!(
            "warning annotation/misplaced 3:38+23 {said} = move it to spec.template.metadata.annotations or \
             spec.rest[0].pod.metadata.annotations"
        )]
    );
    assert_eq!(
        lint(&unknown(OWN, "replicas: 3")),
        [format!(
            "note annotation/not-on-a-pod 3:38+23 {said} = put it on the template of the pods; here it does nothing, \
             unless what serves the Fleet hands it on to pods"
        )]
    );
    // A template of something else, and a part that only its controller understands.
    for spec in [
        format!("template: {{{MISSPELT}, spec: {{project: x}}}}"),
        "podMetadata: {annotations: {jasm.codnod.io/secret-snc: x}}".to_owned(),
    ] {
        let found = lint(&unknown("", &spec));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("note annotation/not-on-a-pod 4:")
                && found[0].contains("in a part of the Fleet that is no pod template"),
            "{found:?}"
        );
    }
}

#[test]
fn what_has_no_annotation_of_ours_or_is_ours_is_silent() {
    for own in ["", ", annotations: {other: x}"] {
        for spec in [
            "replicas: 3",
            "template: {metadata: {annotations: {other: x}}}",
            "template: {spec: {containers: [{name: c, envFrom: [{secretRef: {name: there}}]}]}}",
        ] {
            assert_eq!(lint(&unknown(own, spec)), [""; 0], "{own} {spec}");
        }
    }
    let made = "kind: Secret\nmetadata: {name: s, labels: {app.kubernetes.io/managed-by: jasm}, \
                annotations: {jasm.codnod.io/request: x, jasm.codnod.io/versions: '{}', jasm.codnod.io/holders: '{}'}}\n";
    assert_eq!(lint(made), [""; 0]);
}

#[test]
fn a_patch_of_a_known_kind_is_told_where_its_annotation_belongs() {
    let text = "kind: Deployment\nmetadata: {name: shop, annotations: {jasm.codnod.io/secret.s: 'aws:/a'}}\n";
    assert_eq!(
        lint(text),
        [
            "error annotation/misplaced 2:38+23 JASM reads the annotations of pods, and this one is on the Deployment itself = \
             move it to spec.template.metadata.annotations"
        ]
    );
}

#[test]
fn a_quoted_value_is_underlined_up_to_its_end() {
    for (value, length) in [("'no\"such'   # x", 9), ("\"no such\" # a \"b\"", 9)] {
        let text = deployment(
            &format!(
                "        jasm.codnod.io/secret-sync: |\n          provider: aws\n          path: {value}\n          secretName: s\n"
            ),
            &takes("{secretRef: {name: s}}"),
        );
        let config = "stores: [{name: aws-secretsmanager, kind: aws-secretsmanager, region: r, identity: controller, \
                      allow: [{namespaces: ['*'], paths: ['/**']}]}]";
        let found = told(&text, Some(config), Some("n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(&format!("error store/invalid-path 9:17+{length} ")),
            "{found:?}"
        );
    }
}

#[test]
fn an_annotation_larger_than_the_api_server_takes_is_not_read() {
    let text = deployment(
        &format!(
            "        jasm.codnod.io/secret.s: '{}'\n",
            "x".repeat(300_000)
        ),
        "",
    );
    assert_eq!(
        lint(&text),
        [
            "error annotation/too-large 7:9+23 the annotation has 300000 bytes; all of an object's may have 262144 together"
        ]
    );
}

#[test]
fn a_misspelt_object_is_an_error_and_an_unknown_one_a_warning() {
    let text = deployment(DB, &takes("{secretRef: {name: shopdb}}"));
    assert_eq!(
        lint(&text),
        [
            "error consumer/unknown-object 8:64+6 nothing in the input makes the Secret \"shopdb\" that envFrom of the container \"c\" takes = \
          did you mean \"shop-db\"?"
        ]
    );
    // Another object that happens to have a similar name is no mistake if the first one is taken.
    let text = deployment(
        DB,
        &takes(
            "{secretRef: {name: shop-db}}, {secretRef: {name: shop-s3}}, {configMapRef: {name: x}}",
        ),
    );
    assert_eq!(
        lint(&text),
        [
            "warning consumer/unmade-object 8:94+7 nothing in the input makes the Secret \"shop-s3\" that envFrom of the container \"c\" takes = \
          it must be in the cluster already (or is it \"shop-db\"?)"
        ]
    );
    // Without an annotation nothing is expected of JASM.
    assert_eq!(
        lint(&deployment(
            "        x: y\n",
            &takes("{secretRef: {name: s}}")
        )),
        [""; 0]
    );
}

#[test]
fn what_the_manifests_make_or_another_workload_asks_for_is_there() {
    let defined = "kind: Secret\nmetadata: {name: other}\n---\n";
    let neighbour = named(
        "neighbour",
        "        jasm.codnod.io/secret.third: aws:/x#a\n",
        "",
    );
    let text = deployment(
        DB,
        &takes(
            "{secretRef: {name: shop-db}}, {secretRef: {name: other}}, {secretRef: {name: third}}",
        ),
    );
    assert_eq!(lint(&format!("{defined}{neighbour}---\n{text}")), [""; 0]);
    // In another namespace they are not.
    let elsewhere = neighbour.replace("name: neighbour", "name: n, namespace: far");
    let here = text.replace("name: shop}", "name: shop, namespace: near}");
    let found = lint(&format!("{elsewhere}---\n{here}"));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|told| told.starts_with("warning consumer/unmade-object"))
    );
}

#[test]
fn the_wrong_kind_of_object_is_told() {
    let text = deployment(DB, &takes("{configMapRef: {name: shop-db}}"));
    assert_eq!(
        lint(&text),
        [
            "error consumer/wrong-kind 8:67+7 envFrom of the container \"c\" takes a ConfigMap \"shop-db\", \
          and the annotation makes a Secret of that name = write secretRef"
        ]
    );
}

#[test]
fn a_key_that_no_annotation_makes_is_told() {
    let env = |key: &str| {
        format!(
            "containers: [{{name: c, env: [{{name: P, valueFrom: {{secretKeyRef: {{name: shop-db, key: {key}}}}}}}]}}]"
        )
    };
    assert_eq!(lint(&deployment(DB, &env("PASSWORD"))), [""; 0]);
    assert_eq!(
        lint(&deployment(DB, &env("PASWORD"))),
        [
            "error consumer/unknown-key 8:98+7 no annotation makes the key \"PASWORD\" of the Secret \"shop-db\" that P of the container \"c\" takes = \
          did you mean \"PASSWORD\"?"
        ]
    );
    // A whole object has the keys that its payload has.
    let whole = "        jasm.codnod.io/secret.shop-db: aws:/shop/db\n";
    assert_eq!(lint(&deployment(whole, &env("anything"))), [""; 0]);
    let file = "        jasm.codnod.io/config-sync: '{provider: ps, path: /a/**, configMapName: c, file: app.yaml}'\n";
    let volume = "containers: [], volumes: [{name: v, configMap: {name: c, items: [{key: app.yml, path: x}]}}]";
    assert_eq!(
        lint(&deployment(file, volume)),
        [
            "error consumer/unknown-key 8:83+7 no annotation makes the key \"app.yml\" of the ConfigMap \"c\" that the volume \"v\" takes = \
          did you mean \"app.yaml\"?"
        ]
    );
}

#[test]
fn a_pod_that_would_start_without_is_told() {
    let text = deployment(DB, &takes("{secretRef: {name: shop-db, optional: true}}"));
    assert_eq!(
        lint(&text),
        [
            "warning consumer/optional 8:83+4 with \"optional: true\" the pod starts without the Secret \"shop-db\" if it is not there yet = \
          remove \"optional\": then the pod waits until JASM has made it"
        ]
    );
    let text = deployment(
        "        x: y\n",
        &takes("{secretRef: {name: s, optional: true}}"),
    );
    assert_eq!(lint(&text), [""; 0]);
}

#[test]
fn an_object_that_nothing_takes_is_told_unless_it_is_a_patch() {
    let expected = "warning object/unused 7:9+29 nothing in the manifests takes the Secret \"shop-db\" that this makes = \
                    take it in envFrom, env or a volume of a container, or remove it";
    assert_eq!(lint(&deployment(DB, "containers: []")), [expected]);
    assert_eq!(lint(&deployment(DB, "")), [""; 0]);
    let neighbour = named(
        "n",
        "        x: y\n",
        &takes("{secretRef: {name: shop-db}}"),
    );
    assert_eq!(
        lint(&format!(
            "{}---\n{neighbour}",
            deployment(DB, "containers: []")
        )),
        [""; 0]
    );
}

#[test]
fn two_sources_for_one_key_are_told() {
    let annotations = "        jasm.codnod.io/secret.s: |
          aws:/a#x -> K
          aws:/b#x -> K
          aws:/a#x -> K
";
    let text = deployment(annotations, &takes("{secretRef: {name: s}}"));
    assert_eq!(
        lint(&text),
        [
            "error object/two-sources 9:15+2 aws:/a#x and aws:/b#x both make the key \"K\" of the Secret \"s\" = \
          name one of them otherwise"
        ]
    );
    let annotations = "        jasm.codnod.io/config-sync: |
          - {provider: p, path: /a, configMapName: c, file: f.env}
          - {provider: p, path: /b, configMapName: c, file: f.env, format: json}
          - {provider: p, path: /c, configMapName: c, key: f.env}
";
    let found = lint(&deployment(
        annotations,
        &takes("{configMapRef: {name: c}}"),
    ));
    assert_eq!(
        found,
        [
            "error object/two-sources 9:33+2 the file \"f.env\" of the ConfigMap \"c\" is asked for in two formats = choose one",
            "error object/two-sources 10:33+2 \"f.env\" of the ConfigMap \"c\" is asked for as a file and as a key = name one of them otherwise",
        ]
    );
}

#[test]
fn two_workloads_that_disagree_are_told() {
    let one = deployment(DB, &takes("{secretRef: {name: shop-db}}"));
    let two = named(
        "other",
        "        jasm.codnod.io/secret.shop-db: aws:/other#x -> PASSWORD\n",
        &takes("{secretRef: {name: shop-db}}"),
    );
    assert_eq!(
        lint(&format!("{one}---\n{two}")),
        [
            "warning object/disputed 16:44+6 the key \"PASSWORD\" of the Secret \"shop-db\" comes from aws:/other#x here and from aws:/shop/db#password for Deployment shop = \
          only one of them gets its own; give the objects or keys different names"
        ]
    );
    let apart = two.replace("{name: other}", "{name: other, namespace: b}");
    let here = one.replace("{name: shop}", "{name: shop, namespace: a}");
    assert_eq!(lint(&format!("{here}---\n{apart}")), [""; 0]);
}

const CONFIG: &str = "
namespaces: ['shop*']
stores:
  - {name: aws-secretsmanager, kind: aws-secretsmanager, region: eu-west-1, identity: controller,
     allow: [{namespaces: [shop], paths: ['/shop/**']}]}
";

#[test]
fn stores_paths_and_policy_are_those_of_the_config() {
    let check = |line: &str, namespace: Option<&str>| {
        let kind = if line.starts_with("config") {
            "configMapRef"
        } else {
            "secretRef"
        };
        told(
            &deployment(
                &format!("        jasm.codnod.io/{line}\n"),
                &takes(&format!("{{{kind}: {{name: s}}}}")),
            ),
            Some(CONFIG),
            namespace,
        )
    };
    assert_eq!(check("secret.s: aws:/shop/db", Some("shop")), [""; 0]);
    assert_eq!(
        check("secret.s: awz:/shop/db", Some("shop")),
        ["error store/unknown 7:34+3 unknown store: \"awz\" = known are aws-secretsmanager"]
    );
    assert_eq!(
        check("secret.s: aws:/other/db", Some("shop")),
        [
            "error policy/refused 7:38+9 the store \"aws-secretsmanager\" does not let the namespace shop read /other/db = \
          a rule {namespaces: [\"shop\"], paths: [\"/other/db\"]} in its \"allow\" would"
        ]
    );
    let invalid = check("secret.s: aws:/shop//db", Some("shop"));
    assert!(
        invalid[0].starts_with("error store/invalid-path 7:38+9 "),
        "{invalid:?}"
    );
    assert_eq!(
        check("config.s: aws:/shop/db", Some("shop")),
        [
            "error store/secret-in-configmap 7:34+3 what the store \"aws-secretsmanager\" has is secret and does not go into the ConfigMap \"s\" = \
          use secret-sync, or let the operator say \"configs: true\" on the store"
        ]
    );
    assert_eq!(
        check("secret.s: aws:/other/db", None),
        [
            "note policy/not-checked 2:18+4 Deployment shop names no namespace, so who may read what was not checked = \
          say it with --namespace"
        ]
    );
    let unserved = check("secret.s: aws:/other/db", Some("bank"));
    assert_eq!(
        unserved[0],
        "warning policy/namespace-not-served 2:18+4 the config's \"namespaces\" leave out bank: JASM does nothing for Deployment shop"
    );
}

#[test]
fn rules_have_one_name_each() {
    let mut ids: Vec<_> = rules::ALL.iter().map(|rule| rule.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rules::ALL.len());
    assert!(ids.iter().all(|id| id.split_once('/').is_some()));
}

proptest! {
    #[test]
    fn no_annotation_panics(
        name in "secret-sync|config-sync|secret\\.s|config\\.c|environment|\\PC{1,9}",
        text in "(\\PC|[\n:#>{}\\[\\]' -]|provider|path|secretName|aws:/a){0,40}",
        style in "[|>'\"]|",
    ) {
        let value = match style.as_str() {
            "|" | ">" => format!("{style}\n          {}", text.replace('\n', "\n          ")),
            quote => format!("{quote}{text}{quote}"),
        };
        let file = deployment(&format!("        jasm.codnod.io/{name}: {value}\n"), &takes("{secretRef: {name: s}}"));
        let found = check(&manifests(&file), &Surroundings::default());
        for format in [Format::Text, Format::Sarif, Format::Github] {
            let _ = render(&found, format, true);
        }
    }
}
