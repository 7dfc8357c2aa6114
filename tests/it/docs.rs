//! README and `docs/` say what is so: their links lead somewhere, what they show is accepted by the
//! commands, what they name exists, and what is generated in them is up to date.

use std::collections::{BTreeMap, BTreeSet};

use clap::CommandFactory as _;
use jasm::args::Cli;
use jasm::policy;
use jasm::pull::annotation;
use jasm::pull::condition::Reason;
use jasm::push::crd::SecretManagerConfig;
use jasm::push::destination::destinations;
use jasm::push::names::Names;
use jasm::settings::{Overrides, Settings};
use serde_json::Value;

use crate::support::call::{folder, jasm};
use crate::support::manifests::{self, documents};
use crate::support::root;

mod generated;
mod page;
mod sources;

use page::{Block, Page, pages};

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    for page in pages() {
        let folder = root().join(&page.path);
        let folder = folder.parent().unwrap();
        for link in page.links() {
            if link.contains("://") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() {
                root().join(&page.path)
            } else {
                folder.join(file)
            };
            assert!(target.exists(), "{}: {link} leads nowhere", page.path);
            if !anchor.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let anchors = Page::new(link.clone(), text).anchors();
                assert!(
                    anchors.contains(anchor),
                    "{}: {link}: there are {anchors:?}",
                    page.path
                );
            }
        }
    }
}

#[test]
fn the_index_and_the_readme_lead_to_every_page() {
    let index = Page::read("docs/README.md").links();
    for page in pages() {
        if let Some(name) = page.path.strip_prefix("docs/")
            && name != "README.md"
        {
            assert!(
                index.contains(&name.to_owned()),
                "docs/README.md names no {name}"
            );
        }
    }
    let readme = Page::read("README.md").links();
    assert!(readme.contains(&"docs/README.md".to_owned()));
}

/// What a YAML block is, by its text.
#[derive(Debug, PartialEq)]
enum Shown {
    Config,
    Manifests,
    Annotations,
    PolicyTable,
    Kustomization,
    Objects,
}

fn shown(block: &Block) -> Shown {
    let text = &block.text;
    let begins = |word: &str| text.lines().any(|line| line.starts_with(word));
    if begins("kind: Kustomization") {
        Shown::Kustomization
    } else if begins("kind: SecretManagerConfig") {
        Shown::Objects
    } else if begins("apiVersion:") {
        Shown::Manifests
    } else if begins("stores:") {
        Shown::Config
    } else if begins(annotation::PREFIX) {
        Shown::Annotations
    } else if begins("- {namespace:") {
        Shown::PolicyTable
    } else {
        panic!(
            "line {}: a YAML block that no command can check:\n{text}",
            block.line
        )
    }
}

#[test]
fn every_yaml_block_is_accepted() {
    let mut seen = BTreeMap::new();
    for page in pages() {
        let mut config = None;
        for block in page.blocks() {
            let place = format!("{} line {}", page.path, block.line);
            if block.language == "json" {
                let read = serde_json::from_str::<serde_json::Value>(&block.text);
                assert!(read.is_ok(), "{place}: {read:?}");
            }
            if block.language != "yaml" {
                continue;
            }
            let what = shown(&block);
            let dir = folder(&[
                ("block.yaml", &block.text),
                ("jasm.yaml", config.as_deref().unwrap_or_default()),
            ]);
            let call = |args: &[&str]| {
                let call = jasm(dir.path(), args, b"");
                assert_eq!(call.code, 0, "{place}: {args:?}\n{}{}", call.out, call.err);
            };
            match what {
                Shown::Config => {
                    call(&["config", "check", "--strict", "block.yaml"]);
                    config = Some(block.text.clone());
                }
                // What a page shows beside its own config is allowed by it.
                Shown::Manifests if config.is_some() => {
                    call(&["lint", "--strict", "--config", "jasm.yaml", "block.yaml"]);
                }
                Shown::Manifests => call(&["lint", "--strict", "block.yaml"]),
                Shown::Objects => {
                    let writing = config.as_deref().filter(|it| it.contains("allowWrite"));
                    objects(&block.text, writing, &place);
                }
                Shown::PolicyTable => {
                    call(&["policy", "test", "--config", "jasm.yaml", "block.yaml"]);
                }
                Shown::Annotations => {
                    let said = &documents(&block.text)[0];
                    let said = said.as_object().unwrap().iter();
                    let said = said
                        .map(|(name, text)| (name.clone(), text.as_str().unwrap().to_owned()))
                        .collect();
                    let labels = [("app.kubernetes.io/name".to_owned(), "app".to_owned())];
                    let parsed = annotation::parse(&said, &labels.into());
                    assert_eq!(parsed.problems, [], "{place}");
                }
                Shown::Kustomization => {
                    for named in documents(&block.text)[0]["resources"].as_array().unwrap() {
                        let named = named.as_str().unwrap();
                        let Some((_, inside)) = named.split_once("/config/") else {
                            continue;
                        };
                        let inside = inside.split('?').next().unwrap_or(inside);
                        assert!(
                            root().join("config").join(inside).is_dir(),
                            "{place}: {named}"
                        );
                    }
                }
            }
            *seen.entry(format!("{what:?}")).or_insert(0) += 1;
        }
    }
    // Of each kind there is something, or the blocks were not found.
    assert_eq!(seen.len(), 6, "{seen:?}");
}

/// Objects of the push half: every field is one of the CRD's, and a config that the page shows before
/// them names their stores and lets them write.
fn objects(text: &str, config: Option<&str>, place: &str) {
    for said in documents(text) {
        if said["kind"] != "SecretManagerConfig" {
            continue;
        }
        let object: SecretManagerConfig =
            serde_json::from_value(said.clone()).unwrap_or_else(|error| panic!("{place}: {error}"));
        let read = serde_json::to_value(&object).unwrap();
        is_within(&said, &read, place);
        if let Some(config) = config {
            let settings = Settings::read(Some(config), &Overrides::default()).unwrap();
            let metadata = &object.metadata;
            let namespace = metadata.namespace.as_deref().unwrap_or_default();
            let name = metadata.name.as_deref().unwrap();
            let found = destinations(&settings.stores, namespace, name, &object.spec)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            for store in found.all() {
                let names = Names::new(&object.spec, "service");
                let name = names.name(store.backend.kind(), "DB_PASSWORD").unwrap();
                let identity = found.write_as.name();
                assert!(
                    policy::may_write(&store.allow_write, namespace, &name, identity),
                    "{place}: {name} in the store {}",
                    store.name
                );
            }
        }
    }
}

/// What was written is what was read, and nothing of it is left out.
fn is_within(said: &Value, read: &Value, place: &str) {
    match (said, read) {
        (Value::Object(said), Value::Object(read)) => {
            for (name, value) in said {
                let read = read
                    .get(name)
                    .unwrap_or_else(|| panic!("{place}: there is no field {name}"));
                is_within(value, read, place);
            }
        }
        // Words may be written in another case.
        (Value::String(said), Value::String(read)) => {
            assert!(said.eq_ignore_ascii_case(read), "{place}: {said}");
        }
        _ => assert_eq!(said, read, "{place}"),
    }
}

#[test]
fn every_sample_of_an_object_is_one() {
    let config = manifests::read("config/samples/push/jasm.yaml");
    let settings = Settings::read(Some(&config), &Overrides::default()).unwrap();
    assert_eq!(settings.warnings(), [], "a sample is a border");
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("config/samples/push")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        if file == "jasm.yaml" {
            continue;
        }
        let place = format!("config/samples/push/{file}");
        objects(&manifests::read(&place), Some(&config), &place);
        seen.insert(file);
    }
    assert!(seen.len() >= 5, "{seen:?}");
}

#[test]
fn every_make_target_that_is_named_exists() {
    let makefile = manifests::read("Makefile");
    let targets: BTreeSet<_> = makefile
        .lines()
        .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(':'))
        .map(|(target, _)| target)
        .collect();
    let mut seen = BTreeSet::new();
    for page in pages() {
        for line in page.commands() {
            for word in after(&line, "make") {
                if word.contains('=') || word.starts_with('-') {
                    continue;
                }
                assert!(
                    targets.contains(word.as_str()),
                    "{}: {line}: there is no target {word}",
                    page.path
                );
                seen.insert(word);
            }
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
}

/// The words after a program's name, if the line calls it.
fn after(line: &str, program: &str) -> Vec<String> {
    let line = line.split(" #").next().unwrap_or(line);
    let words = line.split_whitespace().map(str::to_owned);
    let mut words = words.skip_while(|word| word.contains('=') && !word.starts_with('-'));
    if words.next().as_deref() != Some(program) {
        return Vec::new();
    }
    words
        .take_while(|word| !matches!(word.as_str(), ">" | "&&" | "<" | ";"))
        .collect()
}

#[test]
fn every_jasm_command_and_flag_that_is_named_exists() {
    let mut seen = BTreeSet::new();
    for page in pages() {
        for line in page.commands() {
            for part in line.split(" | ") {
                let part = part.trim().trim_start_matches("kubectl ");
                let part = part.rsplit("<(").next().unwrap_or(part);
                let words = after(part, "jasm");
                let mut command = Cli::command();
                let mut path = String::new();
                let mut flagged = false;
                for word in words {
                    let word = word.trim_end_matches([')', ',', '.', ';']);
                    if let Some(below) = command.find_subcommand(word).cloned() {
                        path = format!("{path} {word}");
                        command = below;
                    } else if let Some(flag) = word.strip_prefix("--") {
                        flagged = true;
                        let flag = flag.split('=').next().unwrap_or(flag);
                        assert!(
                            flag == "help"
                                || flag == "version"
                                || command
                                    .get_arguments()
                                    .any(|arg| arg.get_long() == Some(flag)),
                            "{}: {line}: jasm{path} has no --{flag}",
                            page.path
                        );
                    } else if let Some(flag) = word.strip_prefix('-').filter(|flag| flag.len() == 1)
                    {
                        flagged = true;
                        assert!(
                            command
                                .get_arguments()
                                .any(|arg| arg.get_short() == flag.chars().next()),
                            "{}: {line}: jasm{path} has no -{flag}",
                            page.path
                        );
                    } else if !flagged && command.get_positionals().next().is_none() {
                        panic!("{}: {line}: there is no jasm{path} {word}", page.path);
                    }
                }
                seen.insert(path);
            }
        }
    }
    let mut all = BTreeSet::new();
    leaves(&Cli::command(), "", &mut all);
    for command in all {
        assert!(seen.contains(&command), "no page shows jasm{command}");
    }
}

fn leaves(command: &clap::Command, path: &str, all: &mut BTreeSet<String>) {
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name());
        if below.get_subcommands().next().is_none() {
            all.insert(path.clone());
        }
        leaves(below, &path, all);
    }
}

#[test]
fn every_reason_of_an_event_has_its_heading() {
    let headings = Page::read("docs/troubleshooting.md").headings();
    for reason in Reason::ALL {
        let reason = reason.as_str();
        assert!(
            headings.iter().any(|heading| heading.contains(reason)),
            "docs/troubleshooting.md has no heading {reason}"
        );
    }
}

#[test]
fn every_sentence_that_is_quoted_is_one_of_the_code() {
    let code = sources::sentences();
    let quoted = Page::read("docs/troubleshooting.md").quotes();
    assert!(quoted.len() > 30, "{quoted:?}");
    let told: Vec<_> = pages().iter().flat_map(Page::events).collect();
    assert!(told.len() > 30, "{told:?}");
    for sentence in quoted.into_iter().chain(told) {
        // "…" stands for what differs.
        for part in sentence.split('…') {
            assert!(
                code.contains(part.trim()),
                "nothing in the code says {part:?} of {sentence:?}"
            );
        }
    }
}

#[test]
fn every_field_of_an_annotation_has_its_heading_and_an_example() {
    let page = Page::read("docs/annotations.md");
    let headings = page.headings();
    let samples = page.text.split("\n## Fields").nth(1).unwrap();
    for annotation in ["secret-sync", "config-sync"] {
        // The parser itself names its fields to whoever asks for one that is far from all of them.
        let said = [(
            format!("{}{annotation}", annotation::PREFIX),
            "xxxxxxxxxxxxxxxxxxxxxxxx: 1".to_owned(),
        )];
        let problem = &annotation::parse(&said.into(), &BTreeMap::new()).problems[0].message;
        let (_, fields) = problem.split_once("known are ").unwrap();
        assert!(fields.contains("provider, path"), "{fields}");
        for field in fields.split(", ") {
            assert!(
                headings
                    .iter()
                    .any(|heading| heading.split(", ").any(|part| part == format!("`{field}`"))),
                "docs/annotations.md has no heading `{field}`"
            );
            assert!(
                samples.contains(&format!("{field}:")),
                "no example has {field}"
            );
        }
    }
}

#[test]
fn every_sample_is_shown() {
    let page = Page::read("docs/annotations.md").text;
    for entry in std::fs::read_dir(root().join("config/samples")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".yaml") && name != "kustomization.yaml" {
            assert!(
                page.contains(&format!("<!-- generated: sample {name} -->")),
                "docs/annotations.md does not show {name}"
            );
        }
    }
}
