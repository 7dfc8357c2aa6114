//! In which format a file is encrypted, if it is.

/// How an encrypted file is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Documents whose first one has a mapping `sops`.
    Yaml,
    /// An object with a member `sops`.
    Json,
    /// Lines `KEY=value`, among them `sops_…`.
    Dotenv,
    /// Sections, one of them `[sops]`.
    Ini,
    /// A JSON object that has the whole file as its member `data`.
    Binary,
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Yaml => "YAML",
            Self::Json => "JSON",
            Self::Dotenv => "dotenv",
            Self::Ini => "ini",
            Self::Binary => "binary",
        })
    }
}

/// In which format a file is encrypted with SOPS, by its content first and then by its name; `None` if it is not.
///
/// What has a place for SOPS' metadata counts as encrypted even where the metadata is broken, so that a damaged file
/// is refused and never taken for a plain one. A JSON document is binary unless its name ends in `.json`, `.yaml` or
/// `.yml`, as SOPS itself goes by the name, or has other members than `data`.
#[must_use]
pub fn detect(path: &str, bytes: &[u8]) -> Option<Format> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let yaml = has_extension(name, "yaml") || has_extension(name, "yml");
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii_start().starts_with(b"{") {
        if let Some(members) = crate::json::members(bytes) {
            if !members.iter().any(|member| member == "sops") {
                return None;
            }
            return Some(if yaml {
                Format::Yaml
            } else if has_extension(name, "json")
                || members.iter().any(|m| m != "data" && m != "sops")
            {
                Format::Json
            } else {
                Format::Binary
            });
        }
        // A flow mapping of YAML, or a broken JSON document.
        if !contains(bytes, b"sops") || !contains(bytes, b"ENC[AES256_GCM,") {
            return None;
        }
        return Some(if yaml { Format::Yaml } else { Format::Json });
    }
    let marks = Marks::of(bytes);
    if yaml {
        return marks.yaml.then_some(Format::Yaml);
    }
    if has_extension(name, "ini") && marks.ini {
        return Some(Format::Ini);
    }
    if has_extension(name, "env") && marks.dotenv {
        return Some(Format::Dotenv);
    }
    // Under other names a file may be anything; that it has values of SOPS too makes it sure.
    if !contains(bytes, b"ENC[AES256_GCM,") {
        return None;
    }
    if marks.dotenv {
        Some(Format::Dotenv)
    } else if marks.ini {
        Some(Format::Ini)
    } else if marks.yaml {
        Some(Format::Yaml)
    } else {
        None
    }
}

/// Where lines say that the metadata of SOPS is.
#[derive(Default)]
struct Marks {
    yaml: bool,
    dotenv: bool,
    ini: bool,
}

impl Marks {
    fn of(bytes: &[u8]) -> Self {
        let mut marks = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if line.first() == Some(&b'[') {
                marks.ini |= line.trim_ascii_end() == b"[sops]";
            } else if let Some(rest) = line.strip_prefix(b"sops_") {
                marks.dotenv |= ["mac=", "version=", "lastmodified="]
                    .iter()
                    .any(|key| rest.starts_with(key.as_bytes()));
            } else {
                marks.yaml |= ["sops", "\"sops\"", "'sops'"].iter().any(|key| {
                    line.strip_prefix(key.as_bytes()).is_some_and(|rest| {
                        let rest = rest.trim_ascii_start();
                        rest.strip_prefix(b":")
                            .is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
                    })
                });
            }
        }
        marks
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, end)| end == extension)
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_before_the_name() {
        let json = br#"{"data": "ENC[AES256_GCM,data:x]", "sops": {"mac": "x"}}"#;
        for (name, expected) in [
            ("a/application.properties", Format::Binary),
            ("a.txt", Format::Binary),
            ("application.secrets.env", Format::Binary),
            ("a.json", Format::Json),
            ("a.yaml", Format::Yaml),
            ("json", Format::Binary),
        ] {
            assert_eq!(detect(name, json), Some(expected), "{name}");
        }
        assert_eq!(detect("a", br#"{"a": 1, "sops": {}}"#), Some(Format::Json));
    }

    #[test]
    fn what_has_a_place_for_metadata_is_encrypted() {
        for (name, content, expected) in [
            (
                "a.yaml",
                "a: b\nsops:\n    version: 3\n",
                Some(Format::Yaml),
            ),
            ("a.yml", "\"sops\" : {}\n", Some(Format::Yaml)),
            ("a.yaml", "a: b\nsopsy: 1\nx:\n  sops: 1\n", None),
            ("a.env", "A=b\nsops_mac=\n", Some(Format::Dotenv)),
            (
                "prod.secrets",
                "A=ENC[AES256_GCM,x\nsops_mac=x\n",
                Some(Format::Dotenv),
            ),
            ("a.env", "A=b\nsops_home=/x\n", None),
            ("a.ini", "[a]\nb = c\n[sops]\n", Some(Format::Ini)),
            ("a.ini", "[a]\nb = sops\n", None),
            ("a.json", "{\"a\": {\"sops\": 1}}", None),
            (
                "a.json",
                "{\"a\": \"ENC[AES256_GCM,\", \"sops\": {",
                Some(Format::Json),
            ),
            (
                "a.yaml",
                "{a: ENC[AES256_GCM, sops: {}}",
                Some(Format::Yaml),
            ),
            ("a.txt", "sops: ENC\n", None),
            ("empty", "", None),
        ] {
            assert_eq!(
                detect(name, content.as_bytes()),
                expected,
                "{name} {content:?}"
            );
        }
    }
}
