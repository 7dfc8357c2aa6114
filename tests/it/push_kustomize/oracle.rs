//! `kustomize build` on the same files, and the comparison with the native build.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use jasm::push::kustomize::{Error, Kind, Object, build};
use jasm::push::tree::Tree;
use jasm::yaml::{Node, Value, parse};
use jasm_providers::SecretBytes;

/// Files by their paths.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// What kustomize says of them.
#[derive(Debug)]
#[expect(dead_code, reason = "the sentences are for whoever reads a failure")]
pub(super) enum Verdict {
    /// Its message.
    Refused(String),
    /// It builds something that no API server takes, and why.
    Unusable(String),
    Built(Vec<Built>),
}

/// A Secret or ConfigMap in its output.
#[derive(Debug, PartialEq)]
pub(super) struct Built {
    kind: Kind,
    namespace: Option<String>,
    name: String,
    data: BTreeMap<String, Vec<u8>>,
}

/// Files written as `=== path` lines, each followed by its text.
pub(super) fn files(text: &str) -> Files {
    let mut files = Files::new();
    for part in text
        .split("\n=== ")
        .map(|part| part.trim_start_matches("=== "))
    {
        if let Some((path, content)) = part.split_once('\n') {
            files.insert(path.trim().to_owned(), format!("{content}\n").into_bytes());
        }
    }
    files
}

/// The native build.
pub(super) fn native(files: &Files, folder: &str) -> Result<Vec<Object>, Error> {
    let mut tree = Tree::default();
    for (path, content) in files {
        tree.insert(path, SecretBytes::new(content.clone()))
            .unwrap();
    }
    build(&tree, folder)
}

/// The real one.
pub(super) fn kustomize(files: &Files, folder: &str) -> Verdict {
    static PROGRAM: OnceLock<String> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| {
        crate::support::part("JASM_TEST_KUSTOMIZE", "tests/tools/kustomize.sh", "")
    });
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let output = Command::new(program)
        .arg("build")
        .arg(dir.path().join(folder))
        .env_clear()
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    if !output.status.success() {
        return Verdict::Refused(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let mut documents: Vec<_> = text.split("\n---\n").map(str::to_owned).collect();
    // The end of a block that keeps its line ends is before the separator.
    if let Some((_, before)) = documents.split_last_mut() {
        before.iter_mut().for_each(|document| document.push('\n'));
    }
    let built = documents
        .iter()
        .filter(|document| !document.trim().is_empty())
        .map(|document| object(&parse(document).unwrap()))
        .collect::<Result<Vec<_>, _>>();
    match built {
        Ok(built) => Verdict::Built(built.into_iter().flatten().collect()),
        Err(why) => Verdict::Unusable(why),
    }
}

/// What an API server makes of it; nothing of other kinds.
fn object(root: &Node) -> Result<Option<Built>, String> {
    let kind = match (raw(root, "apiVersion"), raw(root, "kind")) {
        (Some("v1"), Some("Secret")) => Kind::Secret,
        (Some("v1"), Some("ConfigMap")) => Kind::ConfigMap,
        _ => return Ok(None),
    };
    // Go's decoder does not look at the bits behind the last byte.
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let base64 = GeneralPurpose::new(&STANDARD, config);
    let decode = |text: &str| {
        base64
            .decode(text.replace('\n', ""))
            .map_err(|e| e.to_string())
    };
    let plain = |text: &str| Ok(text.as_bytes().to_vec());
    let mut data = BTreeMap::new();
    let mut take = |field: &str, read: &dyn Fn(&str) -> Result<Vec<u8>, String>| {
        let Some(node) = get(root, field).filter(|node| !node.is_null()) else {
            return Ok(());
        };
        if !matches!(node.value, Value::Map(_)) {
            return Err(format!("{field} is {:?}", node.value));
        }
        for (key, value) in pairs(node) {
            let key = key.raw();
            let named = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if key.is_empty() || !key.chars().all(named) || key == "." || key.starts_with("..") {
                return Err(format!("the key {key:?}"));
            }
            match &value.value {
                Value::Scalar { text, plain } if !plain || is_text(text) => {
                    let twice = data.insert(key.to_owned(), read(text)?).is_some();
                    if twice && kind == Kind::ConfigMap {
                        return Err(format!("{key} is in data and in binaryData"));
                    }
                }
                _ => return Err(format!("{field}.{key} is {:?}", value.value)),
            }
        }
        Ok(())
    };
    match kind {
        Kind::Secret => {
            take("data", &decode)?;
            take("stringData", &plain)?;
        }
        Kind::ConfigMap => {
            take("data", &plain)?;
            take("binaryData", &decode)?;
        }
    }
    let metadata = get(root, "metadata").unwrap();
    Ok(Some(Built {
        kind,
        namespace: raw(metadata, "namespace").map(str::to_owned),
        name: raw(metadata, "name").unwrap().to_owned(),
        data,
    }))
}

/// Of scalars without quotes in the output of kustomize, which quotes all that could be something else.
fn is_text(text: &str) -> bool {
    let number = text
        .chars()
        .all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    let other = matches!(text, "null" | "true" | "false");
    !(other || number && text.parse::<f64>().is_ok_and(f64::is_finite))
}

fn pairs(node: &Node) -> &[(Node, Node)] {
    match &node.value {
        Value::Map(pairs) => pairs,
        _ => &[],
    }
}

fn get<'a>(node: &'a Node, field: &str) -> Option<&'a Node> {
    let found = pairs(node).iter().find(|(key, _)| key.raw() == field);
    found.map(|(_, value)| value)
}

fn raw<'a>(node: &'a Node, field: &str) -> Option<&'a str> {
    get(node, field).map(Node::raw)
}

/// Whether both say the same; what both say, for a count.
pub(super) fn compare(files: &Files, folder: &str) -> Result<Verdict, String> {
    let (verdict, native) = (kustomize(files, folder), native(files, folder));
    match (&verdict, native) {
        (Verdict::Refused(_) | Verdict::Unusable(_), Err(_)) => Ok(verdict),
        (Verdict::Built(built), Ok(objects)) => {
            same(built, &objects)?;
            Ok(verdict)
        }
        (_, Ok(objects)) => Err(format!(
            "native gives {:?}, kustomize {verdict:?}",
            names(&objects)
        )),
        (_, Err(error)) => Err(format!("native refuses ({error}), kustomize {verdict:?}")),
    }
}

fn names(objects: &[Object]) -> Vec<String> {
    objects
        .iter()
        .map(|object| format!("{} {}", object.kind, object.name))
        .collect()
}

fn same(built: &[Built], objects: &[Object]) -> Result<(), String> {
    if built.len() != objects.len() {
        return Err(format!(
            "native gives {:?}, kustomize {built:?}",
            names(objects)
        ));
    }
    for object in objects {
        let fits = |built: &&Built| {
            let name = if object.hashed {
                let rest = built.name.strip_prefix(&object.name);
                rest.is_some_and(|rest| rest.len() == 11 && rest.starts_with('-'))
            } else {
                built.name == object.name
            };
            name && built.kind == object.kind && built.namespace == object.namespace
        };
        let Some(found) = built.iter().find(fits) else {
            return Err(format!(
                "native gives {} {} in {:?} (hashed: {}), kustomize {built:?}",
                object.kind, object.name, object.namespace, object.hashed
            ));
        };
        let ours: BTreeMap<_, _> = object
            .data
            .iter()
            .map(|(key, value)| (key.clone(), value.expose().to_vec()))
            .collect();
        if ours != found.data {
            // The values of this test are no secrets.
            return Err(format!(
                "{} {}: native {ours:?}, kustomize {:?}",
                object.kind, object.name, found.data
            ));
        }
    }
    Ok(())
}
