//! Files, directories and standard input, read as text.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, Rule, Source};
use crate::manifests::{self, MAX_BYTES};

/// A file or directory that cannot be read, or is too large.
pub const UNREADABLE: Rule = Rule {
    id: "input/unreadable",
    about: "An input cannot be read.",
};
/// Bytes that are no UTF-8.
pub const NOT_UTF8: Rule = Rule {
    id: "input/not-utf8",
    about: "An input is not UTF-8.",
};
/// Nothing to look at.
pub const EMPTY: Rule = Rule {
    id: "input/empty",
    about: "There is nothing in an input.",
};
/// An operator's config that is wrong.
pub const INVALID_CONFIG: Rule = Rule {
    id: "config/invalid",
    about: "The operator's config is wrong.",
};

/// What a directory is searched for.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// What could be read, and what not.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The texts, in the order given; those of a directory by name.
    pub sources: Vec<Arc<Source>>,
    /// One for every input that could not be read.
    pub failures: Vec<Diagnostic>,
    /// Names of those that the caller named; a directory's are only found.
    pub named: BTreeSet<String>,
}

/// Reads files, directories (with all below, but nothing hidden) and, for `-`, standard input.
pub fn load(files: &[PathBuf], stdin: &mut dyn Read) -> Loaded {
    let mut loaded = Loaded::default();
    for path in files {
        if path.as_os_str() == "-" {
            loaded.add(read(stdin, "<stdin>"), true);
        } else if path.is_dir() {
            let mut below = Vec::new();
            if let Err(failure) = walk(path, &mut below) {
                loaded.failures.push(failure);
            } else if below.is_empty() {
                let message = "there is no *.yaml, *.yml or *.json file in this directory";
                loaded.failures.push(failure(&EMPTY, path, message));
            }
            for file in below {
                loaded.add(open(&file), false);
            }
        } else {
            loaded.add(open(path), true);
        }
    }
    loaded
}

/// Reads one file, or standard input for `-`.
///
/// # Errors
/// Why it cannot be read as text, or that there is nothing in it.
pub fn one(path: &Path, stdin: &mut dyn Read) -> Result<Arc<Source>, Diagnostic> {
    let source = if path.as_os_str() == "-" {
        read(stdin, "<stdin>")?
    } else {
        open(path)?
    };
    if manifests::is_empty(&source) {
        let message = "there is nothing in this input";
        return Err(Diagnostic::error(&EMPTY, &source, None, message));
    }
    Ok(source)
}

impl Loaded {
    /// An input that was named must have something in it; one that was found need not.
    fn add(&mut self, read: Result<Arc<Source>, Diagnostic>, named: bool) {
        match read {
            Ok(source) if named && manifests::is_empty(&source) => {
                let message = "there is nothing in this input";
                self.failures
                    .push(Diagnostic::error(&EMPTY, &source, None, message));
            }
            Ok(source) => {
                if named {
                    self.named.insert(source.name().to_owned());
                }
                self.sources.push(source);
            }
            Err(failure) => self.failures.push(failure),
        }
    }
}

/// Reads one file.
///
/// # Errors
/// Why it cannot be read as text.
pub fn open(path: &Path) -> Result<Arc<Source>, Diagnostic> {
    if path.is_dir() {
        return Err(failure(&UNREADABLE, path, "this is a directory"));
    }
    let mut file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    read(&mut file, &path.display().to_string())
}

fn read(from: &mut dyn Read, name: &str) -> Result<Arc<Source>, Diagnostic> {
    let path = Path::new(name);
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    from.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() > MAX_BYTES {
        let message = format!("this is larger than {} MiB", MAX_BYTES >> 20);
        return Err(failure(&UNREADABLE, path, &message)
            .help("split it into several files of whole documents"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Arc::new(Source::new(name, text))),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(not_utf8(name, error.as_bytes(), at))
        }
    }
}

fn not_utf8(name: &str, bytes: &[u8], at: usize) -> Diagnostic {
    let help = "save it as UTF-8";
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let message = "this is UTF-16; Kubernetes and JASM read UTF-8";
        return failure(&NOT_UTF8, Path::new(name), message).help(help);
    }
    let valid = Source::new("", String::from_utf8_lossy(&bytes[..at]));
    let line = valid.lines();
    let place = Place {
        line,
        column: valid.line(line).chars().count() + 1,
        length: 1,
    };
    let source = Arc::new(Source::new(name, String::from_utf8_lossy(bytes)));
    let message = format!("line {line} has a byte in it that is not UTF-8");
    Diagnostic::error(&NOT_UTF8, &source, Some(place), message).help(help)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("this cannot be read: {}", error.kind());
    failure(&UNREADABLE, path, &message)
}

fn failure(rule: &'static Rule, path: &Path, message: &str) -> Diagnostic {
    let source = Arc::new(Source::new(path.display().to_string(), ""));
    Diagnostic::error(rule, &source, None, message)
}

/// Files below a directory that look like manifests, sorted; links to directories are not followed.
fn walk(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), Diagnostic> {
    let because = |error: io::Error| unreadable(directory, &error);
    let mut entries = fs::read_dir(directory)
        .map_err(because)?
        .collect::<Result<Vec<_>, _>>()
        .map_err(because)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if entry.file_type().map_err(because)?.is_dir() {
            walk(&path, found)?;
        } else if path.is_file()
            && path
                .extension()
                .and_then(|extension| extension.to_str())
                .is_some_and(|extension| EXTENSIONS.contains(&extension))
        {
            found.push(path);
        }
    }
    Ok(())
}
