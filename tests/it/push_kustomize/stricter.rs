//! What is refused though kustomize may build it, or does so by accident: by name, with the file.

use jasm::push::kustomize::Reason;

use super::oracle::{Verdict, files, kustomize, native};

/// Kustomize builds it, natively it is refused with this.
fn stricter(text: &str, reason: Reason, sentence: &str) {
    let files = files(text);
    let verdict = kustomize(&files, ".");
    assert!(matches!(verdict, Verdict::Built(_)), "{text}\n{verdict:?}");
    refused(text, reason, sentence);
}

fn refused(text: &str, reason: Reason, sentence: &str) {
    let error = native(&files(text), ".").unwrap_err();
    assert_eq!(
        (error.reason, error.to_string().as_str()),
        (reason, sentence),
        "{text}"
    );
}

#[test]
fn what_is_not_built_is_named() {
    for field in [
        "helmCharts",
        "helmChartInflationGenerator",
        "helmGlobals",
        "generators",
        "transformers",
        "validators",
        "replacements",
        "vars",
        "crds",
        "openapi",
        "configurations",
    ] {
        refused(
            &format!("=== kustomization.yaml\nresources: []\n{field}: []"),
            Reason::Unsupported,
            &format!(
                "kustomization.yaml: the field \"{field}\" is not supported; build it with kustomize and commit what it gives"
            ),
        );
    }
    refused(
        "=== kustomization.yaml\nresources: [https://example.com/a.yaml]",
        Reason::Unsupported,
        "kustomization.yaml: \"https://example.com/a.yaml\" is remote, and nothing is fetched here; have a copy in the source",
    );
    refused(
        "=== kustomization.yaml\nresources: [../../x]",
        Reason::Unsupported,
        "kustomization.yaml: the path \"../../x\" leads out of the source",
    );
    refused(
        "=== kustomization.yaml\nresources: []\nsecretGenerators: []",
        Reason::Invalid,
        "kustomization.yaml: unknown field: \"secretGenerators\"; did you mean \"secretGenerator\"?",
    );
}

#[test]
fn a_key_without_a_value_is_refused_in_an_env_file() {
    stricter(
        "=== kustomization.yaml\nsecretGenerator: [{name: a, envs: [a.env]}]\n=== a.env\nA=1\nHOME",
        Reason::Unsupported,
        "kustomization.yaml: secretGenerator[0]: a.env: line 2 has no \"=\"; older versions of kustomize take such a value from the environment, so write \"KEY=\" for an empty one",
    );
    stricter(
        "=== kustomization.yaml\nsecretGenerator: [{name: a, envs: [a.env]}]\n=== a.env\nA=1\n=x",
        Reason::Invalid,
        "kustomization.yaml: secretGenerator[0]: a.env: line 2 has no key before the \"=\"",
    );
}

#[test]
fn a_date_without_quotes_is_refused_as_kustomize_rewrites_it() {
    stricter(
        "=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {D: 2027-01-01}",
        Reason::Invalid,
        "a.yaml: ConfigMap a: data.D: it is a date, which is no text; write it in quotes",
    );
}

#[test]
fn what_kustomize_takes_for_nothing_is_refused() {
    // A behavior that is misspelt is "create" there.
    stricter(
        "=== kustomization.yaml\nconfigMapGenerator: [{name: a, behavior: mrege, literals: [A=1]}]",
        Reason::Invalid,
        "kustomization.yaml: configMapGenerator[0].behavior must be \"create\", \"merge\" or \"replace\"",
    );
    // Of two the last counts there.
    stricter(
        "=== kustomization.yaml\nnamePrefix: a\nnamePrefix: b\nconfigMapGenerator: [{name: a, literals: [A=1]}]",
        Reason::Invalid,
        "kustomization.yaml: line 2: the key \"namePrefix\" is written twice",
    );
    // Names of fields have no case there.
    stricter(
        "=== kustomization.yaml\nnameprefix: a\nconfigMapGenerator: [{name: a, literals: [A=1]}]",
        Reason::Invalid,
        "kustomization.yaml: unknown field: \"nameprefix\"; did you mean \"namePrefix\"?",
    );
    // A word of patches that it does not know becomes a key there.
    let patch = "=== kustomization.yaml\nresources: [a.yaml]\npatches: [{path: p.yaml}]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: a}\n=== p.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n$retainKeys: [data]";
    stricter(
        patch,
        Reason::Unsupported,
        "kustomization.yaml: patches[0]: ConfigMap a in namespace default: \"$retainKeys\" is not supported in a patch",
    );
}

#[test]
fn what_kustomize_drops_or_changes_is_refused() {
    stricter(
        "=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\napiVersion: v1\nkind: List\nitems: text",
        Reason::Invalid,
        "a.yaml: the items of a List must be a list, not text",
    );
    // The one is written as a blank there, blanks are written behind the other.
    for c in ['\u{85}', '\u{2028}'] {
        stricter(
            &format!(
                "=== kustomization.yaml\nconfigMapGenerator: [{{name: a, files: [x]}}]\n=== x\na{c}b"
            ),
            Reason::Invalid,
            "kustomization.yaml: ConfigMap a: data.x: it has a character that kustomize cannot write; put it into a Secret",
        );
    }
    // Nothing is replaced there.
    let object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: a}";
    stricter(
        &format!(
            "=== kustomization.yaml\nresources: [a.yaml]\npatches: [{{path: p.yaml}}]\n=== a.yaml\n{object}\n=== p.yaml\n{object}\n$patch: replace"
        ),
        Reason::Unsupported,
        "kustomization.yaml: patches[0]: ConfigMap a in namespace default: \"$patch: replace\" of a whole resource is not supported, as kustomize replaces nothing",
    );
    stricter(
        "=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: !x y}",
        Reason::Unsupported,
        "a.yaml: line 4: only the YAML tags !!str, !!int, !!float, !!bool, !!null, !!map and !!seq are supported",
    );
}

#[test]
fn a_kind_is_not_changed() {
    let config_map =
        "=== a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: QQ==}";
    stricter(
        &format!(
            "=== kustomization.yaml\nresources: [a.yaml]\npatches: [{{target: {{name: a}}, patch: '[{{\"op\": \"replace\", \"path\": \"/kind\", \"value\": \"Secret\"}}]'}}]\n{config_map}"
        ),
        Reason::Unsupported,
        "kustomization.yaml: patches[0]: operation 1: a patch that changes apiVersion or kind is not supported",
    );
    stricter(
        &format!(
            "=== kustomization.yaml\nresources: [a.yaml]\npatches: [{{target: {{name: a}}, options: {{allowKindChange: true}}, path: p.yaml}}]\n{config_map}\n=== p.yaml\napiVersion: v1\nkind: Secret\nmetadata: {{name: a}}"
        ),
        Reason::Unsupported,
        "kustomization.yaml: \"patches[0].options.allowKindChange\" is not supported",
    );
}

#[test]
fn values_are_in_no_message() {
    for text in [
        "=== kustomization.yaml\nsecretGenerator: [{name: a, literals: HUSH}]",
        "=== kustomization.yaml\nsecretGenerator: [{name: a, literals: [HUSH]}]",
        "=== kustomization.yaml\nsecretGenerator: [{name: a, literals: [{A: HUSH}]}]",
        "=== kustomization.yaml\nsecretGenerator: [{name: a, literals: [A=HUSH, A=HUSH]}]",
        "=== kustomization.yaml\nsecretGenerator: [{name: a, envs: [a.env]}]\n=== a.env\nHUSH",
        "=== kustomization.yaml\nsecretGenerator: [{name: a, envs: [a.env]}]\n=== a.env\n=HUSH",
        "=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {A: HUSH-}",
        "=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: [HUSH]",
        "=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {A: HUSH: HUSH}",
        "=== kustomization.yaml\nresources: [a.yaml]\n=== a.yaml\nHUSH",
        "=== kustomization.yaml\nresources: [a.yaml]\npatches: [{target: {name: a}, patch: '[{\"op\": \"test\", \"path\": \"/stringData/A\", \"value\": \"HUSH\"}]'}]\n=== a.yaml\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {A: HUSH2}",
    ] {
        let error = native(&files(text), ".").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("HUSH"), "{error}");
    }
}
