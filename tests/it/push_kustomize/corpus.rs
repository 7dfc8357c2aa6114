//! Kustomizations made by chance: a base, perhaps a component, an overlay; resources, generators and
//! patches that often concern the same few names and keys; values that YAML makes hard to carry.

use std::cell::Cell;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use serde_json::{Map, Value, json};

use super::oracle::{Files, Verdict, compare};

/// Cases of one run; each is one process of kustomize.
const CASES: u32 = 120;

/// `JASM_TEST_SEED` adds to the seed, for other cases than those of every run.
fn run(seed: u64) {
    let more = std::env::var("JASM_TEST_SEED").map_or(0, |more| more.parse().unwrap());
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_iters: 300,
        rng_seed: RngSeed::Fixed(seed + more),
        ..Config::default()
    };
    let (built, refused) = (Cell::new(0), Cell::new(0));
    TestRunner::new(config)
        .run(&project(), |files| {
            match compare(&files, "overlay") {
                Ok(Verdict::Built(objects)) if !objects.is_empty() => built.set(built.get() + 1),
                Ok(_) => refused.set(refused.get() + 1),
                Err(difference) => {
                    let texts: Vec<_> = files
                        .iter()
                        .map(|(path, content)| {
                            format!("=== {path}\n{}", String::from_utf8_lossy(content))
                        })
                        .collect();
                    return Err(TestCaseError::fail(format!(
                        "{difference}\n{}",
                        texts.join("\n")
                    )));
                }
            }
            Ok(())
        })
        .unwrap_or_else(|error| match error {
            // Without the files once more, as bytes.
            TestError::Fail(reason, _) => panic!("{reason}"),
            error => panic!("{error}"),
        });
    // Else nothing would have been compared.
    assert!(
        built.get() > CASES / 3,
        "{} built, {} refused",
        built.get(),
        refused.get()
    );
}

#[test]
fn what_is_built_is_what_kustomize_builds() {
    run(1);
}

#[test]
fn what_is_built_is_what_kustomize_builds_once_more() {
    run(2);
}

fn text() -> impl Strategy<Value = String> {
    let nasty = select(vec![
        "", "a", "yes", "null", "~", "1", "1.10", "0x1F", "true", "2027-01-01", "<<", "=", "'q'", "\"d\"",
        "a: b", "- a", "# a", "a # b", " a", "a ", "a\n", "a\nb", "a\nb\n\n", "\n", "\n a", " a\n b\n", "a\r\nb",
        "a\tb", "x\n\ty", "\\n", "$(A)", "${A}", "%a", "@a", "`a", "&a", "*a", "!a", "{a", "[a", "---", "...",
        "---\na: b\n", "a\u{1}b", "\u{feff}a", "ä😀", "a=b", "🎉\nb ", "|\n a", ">", "a\n\n\nb", "  \n", "::",
        "very long words that go on and on so that a writer of YAML may want to break the line somewhere here, or not",
    ])
    .prop_map(str::to_owned);
    // Without those that kustomize cannot write, and tabs, with which it has trouble in a first line.
    prop_oneof![3 => nasty, 1 => "[ -~\\n äß€😀]{0,24}"]
}

fn key() -> impl Strategy<Value = String> {
    let usual =
        select(vec!["A", "B", "C", "db.url", "app-name", "_x", "yes", "n"]).prop_map(str::to_owned);
    let odd = select(vec!["1", "true", "a b", "..", "2027-01-01"]).prop_map(str::to_owned);
    prop_oneof![400 => usual, 1 => odd]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        2 => text().prop_map(String::into_bytes),
        1 => vec(any::<u8>().prop_filter("tabs", |byte| *byte != b'\t'), 0..120)
            .prop_filter("what cannot be written", |bytes| std::str::from_utf8(bytes).is_err()),
    ]
}

fn kind() -> impl Strategy<Value = &'static str> {
    select(vec!["Secret", "ConfigMap"])
}

fn name() -> impl Strategy<Value = &'static str> {
    select(vec!["a", "a", "b", "c"])
}

fn data() -> impl Strategy<Value = Vec<(String, String)>> {
    btree_map(key(), text(), 0..4).prop_map(|map| map.into_iter().collect())
}

/// The `data` of a Secret has base64.
fn fields(kind: &str, data: Vec<(String, String)>, plain: bool) -> (&'static str, Value) {
    let encode = kind == "Secret" && !plain;
    let map: Map<_, _> = data
        .into_iter()
        .map(|(key, value)| {
            (
                key,
                if encode {
                    STANDARD.encode(value)
                } else {
                    value
                }
                .into(),
            )
        })
        .collect();
    let field = if kind == "Secret" && plain {
        "stringData"
    } else {
        "data"
    };
    (field, Value::Object(map))
}

fn resource() -> impl Strategy<Value = Value> {
    let labels = option::of(select(vec!["x", "y"]));
    (
        kind(),
        name(),
        option::weighted(0.1, Just("ns")),
        labels,
        data(),
        any::<bool>(),
    )
        .prop_map(|(kind, name, namespace, label, data, plain)| {
            let mut metadata = json!({"name": name});
            if let Some(namespace) = namespace {
                metadata["namespace"] = namespace.into();
            }
            if let Some(label) = label {
                metadata["labels"] = json!({"l": label});
            }
            let (field, data) = fields(kind, data, plain);
            json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, field: data})
        })
}

/// A generator with the files that it needs.
fn generator(merges: bool) -> impl Strategy<Value = (Value, Files)> {
    let behaviors = if merges {
        vec!["merge", "merge", "replace", "create", ""]
    } else {
        vec!["", "create"]
    };
    // Keys of their own, as a key that comes twice is refused.
    let lines = vec![
        "EA=a",
        "EB='b'",
        " EC= c ",
        "# D=d",
        "",
        "EE=a=b",
        "EF=",
        "E.b=\"x\" # y",
    ];
    let lines = proptest::sample::subsequence(lines, 0..8);
    let sources = (
        vec((key(), text()), 0..3),
        vec((key(), bytes()), 0..3),
        option::weighted(0.3, (lines, any::<bool>())),
    );
    let options = option::weighted(0.3, (any::<bool>(), any::<bool>()));
    (
        kind(),
        name(),
        select(behaviors),
        sources,
        options,
        any::<u32>(),
    )
        .prop_map(
            |(kind, name, behavior, (literals, contents, env), options, number)| {
                let mut files = Files::new();
                let mut spec = json!({"name": name});
                let twice = number % 32 == 0;
                let mut keys = BTreeSet::new();
                let mut literals: Vec<_> = literals
                    .iter()
                    .filter(|(key, _)| keys.insert(key.clone()))
                    .map(|(key, value)| format!("{key}={value}"))
                    .collect();
                if twice {
                    literals.extend(literals.clone());
                }
                spec["literals"] = json!(literals);
                let mut sources = Vec::new();
                for (index, (key, content)) in contents.into_iter().enumerate() {
                    if !keys.insert(key.clone()) {
                        continue;
                    }
                    let path = format!("f{number}-{index}");
                    sources.push(format!("{key}={path}"));
                    files.insert(path, content);
                }
                spec["files"] = json!(sources);
                if let Some((lines, crlf)) = env {
                    let path = format!("e{number}.env");
                    let end = if crlf { "\r\n" } else { "\n" };
                    files.insert(path.clone(), lines.join(end).into_bytes());
                    spec["envs"] = json!([path]);
                }
                if !behavior.is_empty() {
                    spec["behavior"] = behavior.into();
                }
                if let Some((no_hash, label)) = options {
                    spec["options"] = json!({"disableNameSuffixHash": no_hash});
                    if label {
                        spec["options"]["labels"] = json!({"l": "x"});
                    }
                }
                (json!({"kind": kind, "spec": spec}), files)
            },
        )
}

/// Those that need a key to be there are rare.
const OPERATIONS: [&str; 16] = [
    "add", "add", "add", "add", "add", "add", "replace", "replace", "replace", "replace",
    "replace", "replace", "remove", "test", "copy", "move",
];

fn patch() -> impl Strategy<Value = Value> {
    let targets = select(vec![
        json!({"kind": "Secret"}),
        json!({"kind": "ConfigMap"}),
        json!({"name": "a|b"}),
        json!({"name": ".*a.*", "kind": "Secret|ConfigMap"}),
        json!({"labelSelector": "l in (x)"}),
        json!({"labelSelector": "l!=x", "version": "v1"}),
        json!({"namespace": "default"}),
        json!({"name": "nobody"}),
    ]);
    let deleted = option::weighted(0.2, key());
    let word = option::weighted(0.2, select(vec!["replace", "delete", "merge"]));
    let strategic = (
        kind(),
        name(),
        data(),
        deleted,
        word,
        option::of(targets.clone()),
    )
        .prop_map(|(kind, name, data, deleted, word, target)| {
            let (_, mut data) = fields(kind, data, false);
            if let Some(key) = deleted {
                data[key] = Value::Null;
            }
            if let Some(word) = word {
                data["$patch"] = word.into();
            }
            let patch =
                json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": data});
            let mut whole = json!({"patch": yaml(&patch)});
            if let Some(target) = target {
                whole["target"] = target;
            }
            whole
        });
    let operation =
        (select(OPERATIONS.to_vec()), key(), key(), text()).prop_map(|(op, key, from, value)| {
            json!({"op": op, "path": format!("/data/{key}"), "from": format!("/data/{from}"),
                "value": STANDARD.encode(value)})
        });
    let json =
        (vec(operation, 1..3), targets, any::<bool>()).prop_map(|(operations, target, block)| {
            let operations = json!(operations);
            let patch = if block {
                yaml(&operations)
            } else {
                operations.to_string()
            };
            json!({"patch": patch, "target": target})
        });
    prop_oneof![3 => strategic, 1 => json]
}

#[derive(Debug, Clone)]
struct Folder {
    resources: Vec<Value>,
    generators: Vec<(Value, Files)>,
    patches: Vec<Value>,
    fields: Map<String, Value>,
}

fn folder(merges: bool) -> impl Strategy<Value = Folder> {
    let (resources, patches) = if merges { (0..2, 0..3) } else { (0..4, 0..2) };
    let fields = (
        option::weighted(0.3, select(vec!["p-", "q-"])),
        option::weighted(0.2, Just("-s")),
        option::weighted(0.3, select(vec!["ns", "other"])),
        option::weighted(0.2, select(vec!["x", "y"])),
    )
        .prop_map(|(prefix, suffix, namespace, label)| {
            let mut fields = Map::new();
            for (field, value) in [
                ("namePrefix", prefix),
                ("nameSuffix", suffix),
                ("namespace", namespace),
            ] {
                if let Some(value) = value {
                    fields.insert(field.to_owned(), value.into());
                }
            }
            if let Some(label) = label {
                fields.insert("labels".to_owned(), json!([{"pairs": {"l": label}}]));
            }
            fields
        });
    (
        vec(resource(), resources),
        vec(generator(merges), 0..3),
        vec(patch(), patches),
        fields,
    )
        .prop_map(|(resources, generators, patches, fields)| Folder {
            resources,
            generators,
            patches,
            fields,
        })
}

fn project() -> impl Strategy<Value = Files> {
    let parts = (
        folder(false),
        option::weighted(0.4, folder(true)),
        folder(true),
        0_u8..16,
    );
    parts.prop_map(|(mut base, mut component, mut overlay, odd)| {
        // In a few, names are left as they fell, most of which nothing can be built of.
        if odd != 0 {
            let mut names = BTreeSet::new();
            agree(&mut base, &mut names, false);
            if let Some(component) = &mut component {
                agree(component, &mut names, true);
            }
            agree(&mut overlay, &mut names, true);
        }
        let mut files = Files::new();
        write(&mut files, "base", base, &mut Map::new());
        let mut fields = json!({"resources": ["../base"]})
            .as_object()
            .unwrap()
            .clone();
        if let Some(component) = component {
            let mut kind =
                json!({"kind": "Component", "apiVersion": "kustomize.config.k8s.io/v1alpha1"});
            write(
                &mut files,
                "component",
                component,
                kind.as_object_mut().unwrap(),
            );
            fields.insert("components".to_owned(), json!(["../component"]));
        }
        write(&mut files, "overlay", overlay, &mut fields);
        files
    })
}

/// Lets generators make what is not there and change what is, and patches name what is there.
fn agree(folder: &mut Folder, names: &mut BTreeSet<(String, String)>, merges: bool) {
    let id = |kind: &Value, name: &Value| {
        (
            kind.as_str().unwrap().to_owned(),
            name.as_str().unwrap().to_owned(),
        )
    };
    folder
        .resources
        .retain(|resource| names.insert(id(&resource["kind"], &resource["metadata"]["name"])));
    // Generators of ConfigMaps come first.
    folder
        .generators
        .sort_by_key(|(generator, _)| generator["kind"] == "Secret");
    folder.generators.retain_mut(|(generator, _)| {
        let new = names.insert(id(&generator["kind"], &generator["spec"]["name"]));
        let spec = generator["spec"].as_object_mut().unwrap();
        let behavior = spec
            .get("behavior")
            .and_then(Value::as_str)
            .unwrap_or("create")
            .to_owned();
        if new {
            spec.remove("behavior");
        } else if behavior == "create" {
            spec.insert("behavior".to_owned(), "merge".into());
        }
        new || merges
    });
    for patch in &mut folder.patches {
        let text = patch["patch"].as_str().unwrap().to_owned();
        let named = |(kind, name): &(String, String)| {
            text.contains(&format!("kind: {kind}\n")) && text.contains(&format!("name: {name}\n"))
        };
        if patch.get("target").is_none() && !names.iter().any(named) {
            patch["target"] = json!({"name": ".*"});
        }
    }
}

fn write(files: &mut Files, path: &str, folder: Folder, fields: &mut Map<String, Value>) {
    let mut resources = fields
        .get("resources")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if !folder.resources.is_empty() {
        let documents: Vec<_> = folder.resources.iter().map(yaml).collect();
        files.insert(
            format!("{path}/r.yaml"),
            documents.join("---\n").into_bytes(),
        );
        resources.push("r.yaml".into());
    }
    fields.insert("resources".to_owned(), resources.into());
    for (generator, needed) in folder.generators {
        let field = match generator["kind"].as_str() {
            Some("Secret") => "secretGenerator",
            _ => "configMapGenerator",
        };
        let list = fields.entry(field).or_insert_with(|| json!([]));
        list.as_array_mut().unwrap().push(generator["spec"].clone());
        files.extend(
            needed
                .into_iter()
                .map(|(name, content)| (format!("{path}/{name}"), content)),
        );
    }
    if !folder.patches.is_empty() {
        fields.insert("patches".to_owned(), folder.patches.into());
    }
    fields.extend(folder.fields);
    let text = yaml(&Value::Object(fields.clone()));
    files.insert(format!("{path}/kustomization.yaml"), text.into_bytes());
}

/// Block style, with the styles of scalars that people write.
fn yaml(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                out.push_str(&format!("{pad}{}:", scalar(key)));
                inner(value, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{pad}-"));
                inner(item, indent, out);
            }
        }
        other => out.push_str(&format!("{pad}{other}\n")),
    }
}

fn inner(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            block(value, indent + 2, out);
        }
        Value::String(text) if is_block(text) => {
            let end = if text.ends_with('\n') { "" } else { "-" };
            out.push_str(&format!(" |{end}\n"));
            for line in text.lines() {
                out.push_str(&format!("{}{line}\n", " ".repeat(indent + 2)));
            }
        }
        Value::String(text) => out.push_str(&format!(" {}\n", scalar(text))),
        other => out.push_str(&format!(" {other}\n")),
    }
}

/// What a literal block can have without an indicator of its indentation and without `+`.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text
            .chars()
            .all(|c| c == '\n' || matches!(c, ' '..='~' | 'ß'..='ü' | '😀'..='🙏'))
}

/// Plain if it is a word that is nothing else, in single quotes if it is on one line, else as in JSON.
fn scalar(text: &str) -> String {
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-./_".contains(c))
        && !matches!(
            text,
            "yes" | "no" | "on" | "off" | "null" | "true" | "false" | "y" | "n"
        );
    if word {
        return text.to_owned();
    }
    if text.contains('\'') && text.chars().all(|c| matches!(c, ' '..='~')) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let quoted = Value::from(text).to_string();
    quoted
        .replace('\u{feff}', "\\ufeff")
        .replace('\u{7f}', "\\u007f")
}
