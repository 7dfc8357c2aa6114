//! `secretGenerator` and `configMapGenerator`: from files and literals to a resource. Pure.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::file::Generator;
use super::folder::Folder;
use super::problem::Problem;
use super::resource::{Resource, check_key, check_pair};
use super::value::{Map, Value};
use crate::yaml::clip;

/// Longer lines of an env file end kustomize's reading of it without a word.
const MAX_LINE: usize = 64 * 1024 - 1;

type Pairs = BTreeMap<String, Zeroizing<Vec<u8>>>;

/// The object that a generator makes.
pub(super) fn generate(
    generator: &Generator,
    kind: &str,
    folder: &Folder<'_>,
    file: &Rc<str>,
) -> Result<Resource, Problem> {
    let pairs = pairs(generator, folder).map_err(|problem| problem.within(&generator.place))?;
    let mut resource = Resource::new(kind, &generator.name, &generator.namespace, file);
    let encode = |bytes: &[u8]| Value::text(STANDARD.encode(bytes));
    let (mut data, mut binary) = (Map::new(), Map::new());
    for (key, bytes) in pairs {
        check_key(&key).map_err(|problem| problem.within(&generator.place))?;
        match std::str::from_utf8(&bytes) {
            _ if kind == "Secret" => data.insert(key, encode(&bytes)),
            Ok(text) => {
                check_pair(&key, text).map_err(|problem| problem.within(&generator.place))?;
                data.insert(key, Value::generated(text))
            }
            Err(_) => binary.insert(key, encode(&bytes)),
        };
    }
    for (field, map) in [("data", data), ("binaryData", binary)] {
        // As in kustomize: a Secret has this field however little there is.
        if !map.is_empty() || (kind == "Secret" && field == "data") {
            resource.root.insert(field.to_owned(), Value::Map(map));
        }
    }
    if kind == "Secret" {
        let kind = if generator.kind.is_empty() {
            "Opaque"
        } else {
            &generator.kind
        };
        resource.root.insert("type".to_owned(), Value::text(kind));
    }
    for (field, pairs) in [
        ("labels", &generator.labels),
        ("annotations", &generator.annotations),
    ] {
        for (key, value) in pairs {
            resource.set_metadata(field, key, value);
        }
    }
    resource.mark_generated(generator.hash);
    Ok(resource)
}

fn pairs(generator: &Generator, folder: &Folder<'_>) -> Result<Pairs, Problem> {
    let mut pairs = Pairs::new();
    for name in &generator.envs {
        let (_, content) = folder.read(name)?;
        env_file(content, &mut pairs).map_err(|problem| problem.within(&clip(name)))?;
    }
    for (index, literal) in generator.literals.iter().enumerate() {
        match literal.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                add(&mut pairs, key, unquote(value).as_bytes())?
            }
            _ => {
                return Err(Problem::invalid(format!(
                    "literals[{index}] must be \"key=value\""
                )));
            }
        }
    }
    for source in &generator.files {
        let (key, path) = match source.split_once('=') {
            None => (
                source
                    .trim_end_matches('/')
                    .rsplit('/')
                    .next()
                    .unwrap_or(source),
                source.as_str(),
            ),
            Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => {
                (key, path)
            }
            Some(_) => {
                return Err(Problem::invalid(format!(
                    "\"{}\" must be \"path\" or \"key=path\"",
                    clip(source)
                )));
            }
        };
        let (_, content) = folder.read(path)?;
        add(&mut pairs, key, content)?;
    }
    Ok(pairs)
}

fn add(pairs: &mut Pairs, key: &str, value: &[u8]) -> Result<(), Problem> {
    match pairs.entry(key.to_owned()) {
        Entry::Vacant(entry) => {
            entry.insert(Zeroizing::new(value.to_vec()));
            Ok(())
        }
        Entry::Occupied(_) => Err(Problem::invalid(format!(
            "it has the key \"{}\" twice",
            clip(key)
        ))),
    }
}

/// One pair of quotes around the value is taken off.
fn unquote(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

/// Lines of `KEY=value` as kustomize reads them: no quotes, no escapes, blanks behind count.
fn env_file(content: &[u8], pairs: &mut Pairs) -> Result<(), Problem> {
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        if line.len() > MAX_LINE {
            return Err(Problem::invalid(format!(
                "line {number} is longer than {MAX_LINE} bytes, behind which kustomize reads nothing; use \"files\""
            )));
        }
        let line = std::str::from_utf8(line)
            .map_err(|_| Problem::invalid(format!("line {number} is not UTF-8")))?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if index == 0 {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        } else {
            line
        };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=') {
            Some(("", _)) => {
                return Err(Problem::invalid(format!(
                    "line {number} has no key before the \"=\""
                )));
            }
            Some((key, value)) => add(pairs, key, value.as_bytes())
                .map_err(|problem| problem.within(&format!("line {number}")))?,
            None => {
                return Err(Problem::unsupported(format!(
                    "line {number} has no \"=\"; older versions of kustomize take such a value from the environment, so write \"KEY=\" for an empty one"
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Result<Vec<(String, String)>, String> {
        let mut pairs = Pairs::new();
        env_file(content.as_bytes(), &mut pairs).map_err(|problem| problem.message)?;
        Ok(pairs
            .into_iter()
            .map(|(key, value)| (key, String::from_utf8(value.to_vec()).unwrap()))
            .collect())
    }

    #[test]
    fn env_files_are_read_without_quotes_and_escapes() {
        let pairs = read("\u{feff}A=\"x\" # y\r\n\n  # c\n\t B= b \nC=a=b\\n").unwrap();
        let expected = [("A", "\"x\" # y"), ("B", " b "), ("C", "a=b\\n")];
        assert_eq!(
            pairs,
            expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_key_without_a_value_twice_or_none_is_refused() {
        assert!(
            read("A=1\nHOME")
                .unwrap_err()
                .starts_with("line 2 has no \"=\"")
        );
        assert_eq!(
            read("A=1\nA=2").unwrap_err(),
            "line 2: it has the key \"A\" twice"
        );
        assert_eq!(
            read("=x").unwrap_err(),
            "line 1 has no key before the \"=\""
        );
        assert!(
            read(&format!("A={}", "x".repeat(MAX_LINE)))
                .unwrap_err()
                .contains("longer")
        );
    }

    #[test]
    fn one_pair_of_quotes_is_taken_off_a_literal() {
        for (value, bare) in [
            ("'a'", "a"),
            ("\"'a'\"", "'a'"),
            ("'a\"", "'a\""),
            ("'", "'"),
            ("''", ""),
        ] {
            assert_eq!(unquote(value), bare);
        }
    }
}
