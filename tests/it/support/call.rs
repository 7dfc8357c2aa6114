//! One call of a command: the real binary, its output and its exit code.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::moto;

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Call {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless the call ended so, and shows what it said.
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// Calls `jasm` in a folder with nothing of this process's environment.
pub(crate) fn jasm(folder: &Path, args: &[impl AsRef<OsStr>], stdin: &[u8]) -> Call {
    program(Path::new(env!("CARGO_BIN_EXE_jasm")), folder, args, stdin)
}

pub(crate) fn program(
    program: &Path,
    folder: &Path,
    args: &[impl AsRef<OsStr>],
    stdin: &[u8],
) -> Call {
    let keys = [
        ("AWS_ACCESS_KEY_ID", moto::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", moto::SECRET_KEY),
    ];
    program_as(program, folder, &keys, args, stdin)
}

/// The same with these variables, and no others.
pub(crate) fn program_as(
    program: &Path,
    folder: &Path,
    variables: &[(&str, &str)],
    args: &[impl AsRef<OsStr>],
    stdin: &[u8],
) -> Call {
    let mut child = Command::new(program)
        .env_clear()
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .current_dir(folder)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the jasm binary starts");
    let mut pipe = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    // A command that does not read leaves the pipe broken.
    let writer = std::thread::spawn(move || drop(pipe.write_all(&bytes)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Call {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A folder with files.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

/// Input that no command can use, each with a word of what is said of it.
pub(crate) fn unusable(dir: &Path) -> Vec<(String, &'static str)> {
    std::fs::create_dir_all(dir.join("folder")).unwrap();
    std::fs::write(dir.join("empty"), "").unwrap();
    std::fs::write(dir.join("blank"), " \n\n").unwrap();
    std::fs::write(dir.join("latin1"), b"a: 1\nb: \xe4\n").unwrap();
    [
        ("folder", "directory"),
        ("empty", "there is nothing in this input"),
        ("blank", "there is nothing in this input"),
        ("latin1", "line 2 has a byte in it that is not UTF-8"),
        ("nowhere", "this cannot be read"),
    ]
    .map(|(name, word)| (name.to_owned(), word))
    .to_vec()
}
