//! The parts of the pages that are made from the code and the samples. They stand between
//! `<!-- generated: WHAT -->` and `<!-- end -->`; with `JASM_DOCS=write` they are written there.

use std::fmt::Write as _;

use jasm::lint::rules;
use jasm::pull::condition::{Audience, Condition, Reason, Retry};
use jasm::pull::request::ObjectKind;
use jasm::settings::fields::{
    CONFIG, DIRECTORY, Field, Needed, PUSH, RULE, SOURCE_RULE, STORE, WRITE_RULE,
};
use jasm_providers::{ErrorKind, Kind};

use super::page::pages;
use crate::support::manifests;
use crate::support::root;

mod push;

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

#[test]
fn what_is_generated_is_as_it_is_in_the_checkout() {
    let write = std::env::var_os("JASM_DOCS").is_some_and(|word| word == "write");
    let mut parts = 0;
    let mut all = String::new();
    for page in pages() {
        let mut made = String::new();
        let mut rest = page.text.as_str();
        while let Some((before, after)) = rest.split_once(BEGIN) {
            let (what, after) = after.split_once(" -->\n").unwrap();
            let (_, after) = after.split_once(END).unwrap();
            let _ = write!(made, "{before}{BEGIN}{what} -->\n{}{END}", part(what));
            rest = after;
            parts += 1;
        }
        made.push_str(rest);
        all.push_str(&made);
        if write {
            std::fs::write(root().join(&page.path), made).unwrap();
        } else {
            assert!(
                made == page.text,
                "{} is not up to date: run tests/tools/verify.sh --write",
                page.path
            );
        }
    }
    assert!(parts > 20, "{parts}");
    for field in &STORE {
        let row = format!("| `{}` |", field.name);
        assert!(all.contains(&row), "no page has the field {}", field.name);
    }
}

fn part(what: &str) -> String {
    match what.split_once(' ') {
        Some(("sample", file)) => sample(file),
        Some(("store-fields", kinds)) => fields_of(kinds),
        Some(("object-fields", field)) => push::fields(field),
        _ => match what {
            "config-fields" => fields(&CONFIG, &Kind::ALL),
            "store-fields" => fields(STORE.iter().filter(|field| is_common(field)), &Kind::ALL),
            "kinds" => kinds_table(),
            "rule-fields" => fields(&RULE, &Kind::ALL),
            "write-rule-fields" => fields(&WRITE_RULE, &Kind::ALL),
            "push-fields" => fields(&PUSH, &Kind::ALL),
            "source-rule-fields" => fields(&SOURCE_RULE, &Kind::ALL),
            "directory-fields" => fields(&DIRECTORY, &Kind::ALL),
            "push-reasons" => push::reasons(),
            "lint-rules" => lint_rules(),
            "conditions" => conditions_table(),
            "reasons" => reasons_table(),
            _ => panic!("nothing generates {what:?}"),
        },
    }
}

/// What each kind can do, as the code has it in one table that the contract's tests are held to.
fn kinds_table() -> String {
    let yes = |it: bool| if it { "yes" } else { "no" };
    let mut table =
        "| kind | versions | binary | prefix | batch | workload identity | push | largest value |\n\
                     |---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for kind in Kind::ALL {
        let can = kind.abilities();
        let batch = match can.batch {
            1 => "no".to_owned(),
            most => format!("up to {most}"),
        };
        let _ = writeln!(
            table,
            "| `{kind}` | {} | {} | `{}` | {batch} | {} | {} | {} KiB |",
            can.versions.unwrap_or("none"),
            yes(can.binary),
            can.prefix,
            yes(can.workload),
            yes(can.push),
            can.largest / 1024,
        );
    }
    table
}

/// Whether stores of all kinds that are reached over the network have it.
fn is_common(field: &Field) -> bool {
    let mut remote = Kind::ALL.into_iter().filter(|kind| *kind != Kind::File);
    remote.all(|kind| field.fits(kind))
}

/// What only some kinds have, of these.
fn fields_of(words: &str) -> String {
    let kinds: Vec<Kind> = words
        .split(' ')
        .map(|word| word.parse().unwrap_or_else(|_| panic!("{word} is no kind")))
        .collect();
    let own = |field: &&Field| !is_common(field) && kinds.iter().any(|kind| field.fits(*kind));
    fields(STORE.iter().filter(own), &kinds)
}

/// The table of fields that are to be had in stores of these kinds.
fn fields<'a>(fields: impl IntoIterator<Item = &'a Field>, among: &[Kind]) -> String {
    let words = |kinds: &[Kind]| {
        let of = |kind: &&Kind| among.contains(kind);
        let words: Vec<_> = kinds
            .iter()
            .filter(of)
            .map(|it| format!("`{it}`"))
            .collect();
        words.join(", ")
    };
    // The one kind that is left out, which is shorter to say than all the others.
    let but = |kinds: &[Kind]| {
        let mut others = among.iter().filter(|kind| !kinds.contains(kind));
        match (others.next(), others.next()) {
            (Some(one), None) if among.len() > 2 => Some(*one),
            _ => None,
        }
    };
    let mut table = "| field | default | meaning |\n|---|---|---|\n".to_owned();
    for field in fields {
        let default = match (field.needed, field.default) {
            (Needed::Always, _) => "required".to_owned(),
            (Needed::For(of), _) if of == field.of => "required".to_owned(),
            (Needed::For(of), _) => match but(of) {
                Some(one) => format!("required but for `{one}`"),
                None => format!("required for {}", words(of)),
            },
            (Needed::Never, Some(default)) => format!("`{default}`"),
            (Needed::Never, None) => "none".to_owned(),
        };
        let only = if among.iter().all(|kind| field.fits(*kind)) {
            String::new()
        } else if let Some(one) = but(field.of) {
            format!(" Not for `{one}`.")
        } else {
            format!(" Only for {}.", words(field.of))
        };
        let _ = writeln!(
            table,
            "| `{}` | {default} | {}{only} |",
            field.name, field.about
        );
    }
    table
}

fn lint_rules() -> String {
    let mut table = "| id | what it finds |\n|---|---|\n".to_owned();
    for rule in rules::ALL {
        let _ = writeln!(table, "| `{}` | {} |", rule.id, rule.about);
    }
    table
}

macro_rules! conditions {
    ($($pattern:pat = $value:expr => $about:literal;)*) => {
        /// Every condition with what it means; one that is missing does not compile.
        fn conditions() -> Vec<(Condition, &'static str)> {
            fn about(condition: Condition) -> &'static str {
                match condition {
                    $($pattern => $about,)*
                }
            }
            [$($value,)*].map(|condition| (condition, about(condition))).to_vec()
        }
    };
}

conditions! {
    Condition::AnnotationInvalid = Condition::AnnotationInvalid =>
        "the annotation cannot be understood, or asks for what nobody may have";
    Condition::StoreUnknown = Condition::StoreUnknown =>
        "the config names no such store";
    Condition::PolicyRefused = Condition::PolicyRefused =>
        "no rule of the store lets the namespace read the path";
    Condition::SecretInConfigMap = Condition::SecretInConfigMap =>
        "a secret value would go into a ConfigMap";
    Condition::Fetch(ErrorKind::NotFound) = Condition::Fetch(ErrorKind::NotFound) =>
        "the store has no such entry or version";
    Condition::Fetch(ErrorKind::Gone) = Condition::Fetch(ErrorKind::Gone) =>
        "the entry is marked for deletion or disabled";
    Condition::Fetch(ErrorKind::Denied) = Condition::Fetch(ErrorKind::Denied) =>
        "the store does not let the identity read the entry or use its key";
    Condition::Fetch(ErrorKind::Unauthenticated) = Condition::Fetch(ErrorKind::Unauthenticated) =>
        "there are no credentials, or the store does not accept them";
    Condition::Fetch(ErrorKind::Invalid) = Condition::Fetch(ErrorKind::Invalid) =>
        "the store refuses the request as malformed";
    Condition::Fetch(ErrorKind::TooLarge) = Condition::Fetch(ErrorKind::TooLarge) =>
        "the value, or a prefix with all that is below it, is too large";
    Condition::Fetch(ErrorKind::Throttled { .. }) = Condition::Fetch(ErrorKind::Throttled { after: None }) =>
        "the store is asked too often";
    Condition::Fetch(ErrorKind::Unavailable) = Condition::Fetch(ErrorKind::Unavailable) =>
        "the store cannot be reached, fails, or does not answer in time";
    Condition::Fetch(ErrorKind::Integrity) = Condition::Fetch(ErrorKind::Integrity) =>
        "the store's answer contradicts itself";
    Condition::Fetch(ErrorKind::Unsupported) = Condition::Fetch(ErrorKind::Unsupported) =>
        "the store cannot do what is asked";
    Condition::Render = Condition::Render =>
        "the data does not fit: a missing key, a name that no key can have, too large";
    Condition::Conflict = Condition::Conflict =>
        "two sources for one key";
    Condition::NotOurs = Condition::NotOurs =>
        "the object is there and does not carry JASM's label";
    Condition::Unchangeable = Condition::Unchangeable =>
        "the object is JASM's, but immutable or of another type";
    Condition::WriteRefused = Condition::WriteRefused =>
        "the API server refuses the write: a right, a quota, an admission policy";
    Condition::Unguarded = Condition::Unguarded =>
        "with `rights: write-only`, the admission policy is not in force";
    Condition::WriteUnavailable = Condition::WriteUnavailable =>
        "the API server cannot be reached, is full, or does not answer in time";
    Condition::OwnerRefused = Condition::OwnerRefused =>
        "the content was written, but an owner could not be added";
    Condition::NamespaceTerminating = Condition::NamespaceTerminating =>
        "the namespace is being deleted";
}

fn again(condition: Condition) -> &'static str {
    match condition.row().retry {
        Retry::OnChange => "when a pod of the object or the config changes",
        Retry::WhileWaiting => "while a pod waits: after 5 s, doubling to 2 min",
        Retry::Backoff(_) => match condition {
            Condition::Fetch(ErrorKind::Throttled { .. }) => {
                "after 1 s, doubling to 2 min, or when the store says"
            }
            _ => "after 1 s, doubling to 2 min",
        },
    }
}

fn conditions_table() -> String {
    let mut table =
        "| reason | what is so | tried again | who is told |\n|---|---|---|---|\n".to_owned();
    for (condition, about) in conditions() {
        let row = condition.row();
        let told = match row.audience {
            Audience::Waiting => "waiting pods, workload",
            Audience::Lasting => "waiting pods, workload; from the second try on",
            Audience::Nobody => "nobody",
        };
        let reason = row.reason.as_str();
        let _ = writeln!(
            table,
            "| [`{reason}`](#{}) | {about} | {} | {told} |",
            reason.to_lowercase(),
            again(condition)
        );
    }
    table
}

/// When a reason is said, in short.
fn brief(reason: Reason) -> &'static str {
    match reason {
        Reason::SecretSynced | Reason::ConfigMapSynced => "created, changed, or in order again",
        Reason::AnnotationInvalid => {
            "the annotation cannot be understood, or asks for what nobody may have"
        }
        Reason::StoreUnknown => "the config names no such store",
        Reason::AccessDenied => "no rule allows it, or a secret value would go into a ConfigMap",
        Reason::FetchFailed => "the store answers with an error, or not in time",
        Reason::RenderFailed => {
            "the data does not fit: a missing key, a name that no key can have, too large"
        }
        Reason::Conflict => "two sources for one key",
        Reason::NotOwned => "the object is there and not JASM's, immutable, or of another type",
        Reason::WriteFailed => "the API server refuses the write, or does not answer",
    }
}

/// The reasons in short, each with all the times at which what it is said of is tried again.
fn reasons_table() -> String {
    for (condition, _) in conditions() {
        let reason = condition.row().reason;
        assert!(
            Reason::ALL.contains(&reason),
            "Reason::ALL lacks {reason:?}"
        );
    }
    let synced = [ObjectKind::Secret, ObjectKind::ConfigMap].map(Reason::synced);
    let mut table = "| reason | when | tried again |\n|---|---|---|\n".to_owned();
    for reason in Reason::ALL {
        let mut tried = Vec::new();
        for (condition, _) in conditions() {
            let row = condition.row();
            let again = match row.retry {
                Retry::OnChange => "when pod or config change",
                Retry::WhileWaiting => "while a pod waits",
                Retry::Backoff(_) => "with growing pauses",
            };
            let counts = row.reason == reason && row.audience != Audience::Nobody;
            if counts && !tried.contains(&again) {
                tried.push(again);
            }
        }
        let word = reason.as_str();
        let anchor = if synced.contains(&reason) {
            "secretsynced-and-configmapsynced".to_owned()
        } else {
            assert!(!tried.is_empty(), "{word} is said of nothing");
            word.to_lowercase()
        };
        let _ = writeln!(
            table,
            "| [`{word}`](docs/troubleshooting.md#{anchor}) | {} | {} |",
            brief(reason),
            tried.join("; ")
        );
    }
    table
}

/// A sample's words, its annotations and what it makes.
fn sample(file: &str) -> String {
    let path = format!("config/samples/{file}");
    let text = manifests::read(&path);
    let comment = |line: &&str| line.starts_with("# ");
    let about: Vec<_> = text
        .lines()
        .take_while(comment)
        .filter(|line| !line.starts_with("# Makes "))
        .map(|line| line.trim_start_matches("# "))
        .collect();
    let makes: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# Makes "))
        .map(|line| {
            let (object, keys) = line.trim_end_matches('.').split_once(": ").unwrap();
            let (kind, name) = object.split_once(' ').unwrap();
            let keys: Vec<_> = keys.split(", ").map(|key| format!("`{key}`")).collect();
            format!("{kind} `{name}` with {}", keys.join(", "))
        })
        .collect();
    let depth = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text
        .lines()
        .skip_while(|line| line.trim() != "annotations:");
    let outer = depth(lines.next().unwrap());
    let lines: Vec<_> = lines.take_while(|line| depth(line) > outer).collect();
    let inner = depth(lines[0]);
    let annotations: Vec<_> = lines.iter().map(|line| &line[inner..]).collect();
    format!(
        "{}\n\n```yaml\n{}\n```\nMakes {}. Whole: [{file}](../{path}).\n",
        about.join("\n"),
        annotations.join("\n"),
        makes.join(", and ")
    )
}
