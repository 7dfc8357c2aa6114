//! The blocking half: what may be opened below a root, and how it is read.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::{Entry, Error, ErrorKind, Kind, Scope, SecretBytes, VersionToken};

/// Largest file that is read: no Secret or ConfigMap holds more.
pub(super) const LARGEST: u64 = Kind::File.abilities().largest as u64;
/// Deepest nesting that a listing follows.
const DEEPEST: usize = 32;
/// Most names that a listing looks at.
const MOST: usize = 10_000;
/// Linux's number for too many links; its `io::ErrorKind` is not stable yet.
const ELOOP: i32 = 40;
/// How often a file that changes while it is read is read again.
const TRIES: usize = 3;

/// Reads the file at a path that the grammar has passed.
pub(super) fn read(root: &Path, path: &str) -> Result<Entry, Error> {
    let real = inside(root, &root.join(path), path)?;
    for _ in 0..TRIES {
        if let Some(entry) = read_once(&real, path)? {
            return Ok(entry);
        }
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        format!("the file {path} changes while it is read"),
    ))
}

/// Every file below a base, sorted; none where the base is missing or a file.
pub(super) fn list(root: &Path, base: &str) -> Result<Vec<String>, Error> {
    let start = match inside(root, &root.join(base), base) {
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
        start => start?,
    };
    let mut walk = Walk {
        root,
        seen: 0,
        depth: 0,
        found: Vec::new(),
    };
    if start.is_dir() {
        walk.directory(&start, base)?;
    }
    walk.found.sort_unstable();
    Ok(walk.found)
}

/// Where a path really leads. The only links that are followed are those of volumes as the kubelet
/// makes them (`pkg/volume/util/atomic_writer.go`): the entry `a` is a link to `..data/a`,
/// and `..data` one to a directory like `..2026_11_21`. A path can have no such part, so that what is
/// read is what the rules were asked about: no two paths lead to one file.
fn inside(root: &Path, full: &Path, path: &str) -> Result<PathBuf, Error> {
    let root = root.canonicalize().map_err(|_| {
        Error::new(
            ErrorKind::Unavailable,
            "the store's root is not there, or cannot be entered",
        )
    })?;
    let real = full.canonicalize().map_err(|error| failed(&error, path))?;
    let Ok(below) = real.strip_prefix(&root) else {
        return Err(Error::new(
            ErrorKind::Denied,
            format!("{path} is a link that leads out of the store's root"),
        ));
    };
    let of_a_volume = |part: &&OsStr| part.as_encoded_bytes().starts_with(b"..");
    let named = Path::new(path).iter();
    if below.iter().filter(|part| !of_a_volume(part)).eq(named) {
        Ok(real)
    } else {
        Err(Error::new(
            ErrorKind::Denied,
            format!(
                "{path} is or lies behind a link to another place, and only the links of mounted volumes are followed: \
                 put a file there, or name the place itself"
            ),
        ))
    }
}

/// One reading; none if the file changed meanwhile.
fn read_once(real: &Path, path: &str) -> Result<Option<Entry>, Error> {
    // Before it is opened: opening a FIFO would wait for its writer.
    fit(
        &fs::metadata(real).map_err(|error| failed(&error, path))?,
        path,
    )?;
    let mut file = File::open(real).map_err(|error| failed(&error, path))?;
    let before = file.metadata().map_err(|error| failed(&error, path))?;
    fit(&before, path)?;
    // Room for everything at once: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(before.len()).unwrap_or(0) + 1,
    ));
    file.by_ref()
        .take(before.len() + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(&error, path))?;
    let after = file.metadata().map_err(|error| failed(&error, path))?;
    if token(&before) != token(&after) || bytes.len() as u64 != before.len() {
        return Ok(None);
    }
    let value = SecretBytes::new(std::mem::take(&mut *bytes));
    // The store's `configs: true` is what makes a file fit for a ConfigMap.
    Ok(Some(Entry {
        value,
        version: token(&after),
        secret: true,
    }))
}

/// Only files, and not too large ones.
fn fit(metadata: &Metadata, path: &str) -> Result<(), Error> {
    if metadata.is_dir() {
        let sentence = format!("{path} is a directory: write {path}/** for every file below it");
        return Err(Error::new(ErrorKind::Invalid, sentence));
    }
    if !metadata.is_file() {
        return Err(Error::new(
            ErrorKind::Invalid,
            format!("{path} is not a regular file"),
        ));
    }
    if metadata.len() > LARGEST {
        return Err(Error::new(
            ErrorKind::TooLarge,
            format!("the file {path} is larger than 1 MiB"),
        ));
    }
    Ok(())
}

/// What changes when a file is written or replaced. Not a hash: a token is printed and kept, and
/// the hash of a short secret can be guessed from.
fn token(metadata: &Metadata) -> VersionToken {
    let (seconds, nanoseconds) = (metadata.mtime(), metadata.mtime_nsec());
    VersionToken(format!(
        "{seconds}.{nanoseconds:09}-{}-{}",
        metadata.len(),
        metadata.ino()
    ))
}

pub(super) fn failed(error: &io::Error, path: &str) -> Error {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::NotFound | Io::NotADirectory => {
            Error::new(ErrorKind::NotFound, format!("there is no file {path}"))
        }
        Io::PermissionDenied => Error::new(
            ErrorKind::Denied,
            format!("the file {path} cannot be opened: give this process the right to"),
        ),
        _ if error.raw_os_error() == Some(ELOOP) => Error::new(
            ErrorKind::Invalid,
            format!("{path} is a link that leads back to itself"),
        ),
        other => Error::new(
            ErrorKind::Unavailable,
            format!("the file {path} cannot be read now"),
        )
        .with_code(&format!("{other:?}")),
    }
}

/// A listing under way.
struct Walk<'root> {
    root: &'root Path,
    seen: usize,
    depth: usize,
    found: Vec<String>,
}

impl Walk<'_> {
    fn directory(&mut self, real: &Path, path: &str) -> Result<(), Error> {
        if self.depth >= DEEPEST {
            let sentence = format!("{path} is nested deeper than {DEEPEST} directories");
            return Err(Error::new(ErrorKind::TooLarge, sentence));
        }
        let entries = fs::read_dir(real).map_err(|error| failed(&error, path))?;
        self.depth += 1;
        for entry in entries {
            let name = entry.map_err(|error| failed(&error, path))?.file_name();
            self.seen += 1;
            if self.seen > MOST {
                let sentence = format!(
                    "there are more than {MOST} files below the prefix: name a narrower one"
                );
                return Err(Error::new(ErrorKind::TooLarge, sentence));
            }
            // Hidden files; mounted volumes keep their links and generations in such.
            if !name.as_encoded_bytes().starts_with(b".") {
                self.entry(path, name.to_str())?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn entry(&mut self, directory: &str, name: Option<&str>) -> Result<(), Error> {
        let path = match (directory, name) {
            ("", Some(name)) => name.to_owned(),
            (_, Some(name)) => format!("{directory}/{name}"),
            (_, None) => return Err(misnamed(directory)),
        };
        let real = match inside(self.root, &self.root.join(&path), &path) {
            // Gone since the directory was read, or a link that points nowhere.
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            real => real?,
        };
        if real.is_dir() {
            return self.directory(&real, &path);
        }
        // A name that could not be asked for one by one would pass no policy either.
        Kind::File
            .entry(&Scope::default(), &path, None)
            .map_err(|_| misnamed(directory))?;
        self.found.push(path);
        Ok(())
    }
}

fn misnamed(directory: &str) -> Error {
    let place = if directory.is_empty() {
        "the store's root"
    } else {
        directory
    };
    let sentence =
        format!("{place} holds a file whose name is not made of A-Z a-z 0-9 . _ -: rename it");
    Error::new(ErrorKind::Invalid, sentence)
}
