//! An archive, gzip over tar, to the files in it: in memory, under caps. Pure.
//!
//! As Flux writes them: regular files and folders and nothing else. A link, a device or a path that
//! leaves the root is no mistake that anybody makes, and refuses the archive as a whole.

use std::cell::Cell;
use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use jasm_providers::SecretBytes;
use tar::{Archive, Entry, EntryType, PaxExtensions};

use crate::push::source::files::{Caps, Files, Wanted};
use crate::push::tree;

/// Most bytes of a header that lengthens another: a path of Linux has 4096.
const HEADER: u64 = 64 << 10;

/// The wanted files of an archive; every entry counts against the caps, wanted or not. `keeps` is told how
/// many bytes are kept so far, and can end it.
///
/// # Errors
/// One sentence: it is no such archive, goes beyond a cap, or has an entry that no source has.
pub fn unpack(
    bytes: &[u8],
    wanted: &Wanted,
    caps: &Caps,
    mut keeps: impl FnMut(u64) -> Result<(), String>,
) -> Result<Files, String> {
    if bytes.len() as u64 > caps.packed {
        return Err(caps.packed_exceeded("the archive"));
    }
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Err("the archive is no gzip: a source is a tar that is packed with gzip".into());
    }
    let read = Cell::new(0);
    let reader = Counted {
        inner: MultiGzDecoder::new(bytes),
        read: &read,
        cap: caps.unpacked,
    };
    let broken = |_: io::Error| {
        if read.get() > caps.unpacked {
            caps.unpacked_exceeded("the archive")
        } else {
            "the archive is cut short or damaged: nothing of it is taken".into()
        }
    };
    let mut archive = Archive::new(reader);
    let mut unpacking = Unpacking {
        files: Files::default(),
        names: Names::default(),
        wanted,
        caps,
    };
    let mut entries: u32 = 0;
    // Raw, so that a header that lengthens another is read here and under a cap.
    for entry in archive.entries().map_err(broken)?.raw(true) {
        let entry = entry.map_err(broken)?;
        entries += 1;
        if entries > caps.entries {
            return Err(caps.entries_exceeded("the archive"));
        }
        unpacking.take(entry).map_err(|fault| match fault {
            Fault::Read(error) => broken(error),
            Fault::Refused(why) => why,
        })?;
        keeps(unpacking.files.kept())?;
    }
    if unpacking.names.path.is_some() {
        return Err("the archive ends with the name of a file that is not there".into());
    }
    drained(archive.into_inner()).map_err(broken)?;
    Ok(unpacking.files)
}

/// Reads to the end, so that the checksums of gzip are looked at and what follows them is too.
fn drained(mut reader: impl Read) -> io::Result<()> {
    let mut rest = [0; 4096];
    loop {
        let read = reader.read(&mut rest)?;
        if read == 0 {
            return Ok(());
        }
        // The end of a tar is zeros, however many.
        if rest[..read].iter().any(|byte| *byte != 0) {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

enum Fault {
    Read(io::Error),
    Refused(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

fn refused<T>(why: String) -> Result<T, Fault> {
    Err(Fault::Refused(why))
}

/// What headers before an entry say about it.
#[derive(Default)]
struct Names {
    path: Option<Vec<u8>>,
}

struct Unpacking<'a> {
    files: Files,
    names: Names,
    wanted: &'a Wanted,
    caps: &'a Caps,
}

impl Unpacking<'_> {
    fn take<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), Fault> {
        match entry.header().entry_type() {
            EntryType::GNULongName => {
                let mut path = content(&mut entry, HEADER, "a name")?;
                while path.last() == Some(&0) {
                    path.pop();
                }
                self.names.path = Some(path);
                return Ok(());
            }
            // Of the link that comes next, and is refused.
            EntryType::GNULongLink => return Ok(()),
            EntryType::XHeader => return self.extended(&mut entry),
            EntryType::XGlobalHeader => {
                let bytes = content(&mut entry, HEADER, "a header")?;
                return match overriding(&bytes)? {
                    None => Ok(()),
                    Some(_) => refused("the archive gives one path to all its files".into()),
                };
            }
            _ => {}
        }
        let bytes = self.names.path.take();
        let bytes = bytes.unwrap_or_else(|| entry.path_bytes().into_owned());
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let leaves = |path: &str| path.starts_with('/') || path.split('/').any(|part| part == "..");
        if leaves(&shown) {
            return refused(format!(
                "the archive has the path {shown:?}, which leaves the source's root"
            ));
        }
        let path = shown.trim_start_matches("./").trim_end_matches('/');
        let what = match entry.header().entry_type() {
            EntryType::Directory => return Ok(()),
            EntryType::Regular | EntryType::Continuous => None,
            EntryType::Symlink => Some("a symbolic link"),
            EntryType::Link => Some("a hard link"),
            EntryType::Char | EntryType::Block => Some("a device"),
            EntryType::Fifo => Some("a pipe"),
            EntryType::GNUSparse => Some("a sparse file"),
            _ => Some("an entry of an unknown kind"),
        };
        if let Some(what) = what {
            return refused(format!(
                "the archive has {what} at {path:?}: a source has files and folders only"
            ));
        }
        if std::str::from_utf8(&bytes).is_err() || tree::check(path).is_err() {
            let why = "its name cannot be a path of a source";
            return { self.files.leave_out(path, why, self.caps) }.map_err(Fault::Refused);
        }
        if !self.wanted.contains(path) {
            return Ok(());
        }
        let size = entry.header().entry_size()?;
        if size > self.caps.file {
            let why = self.caps.file_exceeded();
            return { self.files.leave_out_file(path, &why, self.caps) }.map_err(Fault::Refused);
        }
        // The size is only what the header claims until the bytes are there.
        let room = usize::try_from(size.min(1 << 20)).unwrap_or_default();
        let mut bytes = Vec::with_capacity(room);
        entry.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            return Err(Fault::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        let known = self.files.keep(path, SecretBytes::new(bytes), self.caps);
        match known.map_err(Fault::Refused)? {
            None => Ok(()),
            Some(_) => refused(format!("the archive has the file {path:?} twice")),
        }
    }

    /// POSIX's header before an entry (pax): of all that it can say only the path matters here.
    fn extended<R: Read>(&mut self, entry: &mut Entry<'_, R>) -> Result<(), Fault> {
        let bytes = content(entry, HEADER, "a header")?;
        if let Some(path) = overriding(&bytes)? {
            self.names.path = Some(path);
        }
        Ok(())
    }
}

/// The path that a pax header gives.
fn overriding(bytes: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    let mut path = None;
    for extension in PaxExtensions::new(bytes) {
        let extension = extension?;
        match extension.key_bytes() {
            b"path" => path = Some(extension.value_bytes().to_vec()),
            // Else the same bytes would be other files to whoever reads it.
            b"size" => return refused("the archive has a size in two places".into()),
            key if key.starts_with(b"GNU.sparse") => {
                return refused(
                    "the archive has a sparse file: a source has plain files and folders only"
                        .into(),
                );
            }
            _ => {}
        }
    }
    Ok(path)
}

fn content<R: Read>(entry: &mut Entry<'_, R>, most: u64, what: &str) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    entry.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return refused(format!("the archive has {what} of more than {most} bytes"));
    }
    Ok(bytes)
}

/// Ends where a cap is reached: what little gzip can become is read no further.
struct Counted<'a, R> {
    inner: R,
    read: &'a Cell<u64>,
    cap: u64,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        if self.read.get() > self.cap {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
