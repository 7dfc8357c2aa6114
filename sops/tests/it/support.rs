//! The real sops, and what the tests give it.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use age::secrecy::ExposeSecret as _;
use async_trait::async_trait;
use jasm_sops::{Error, Format, KeyError, KeyService, Keys, Recipient};
use zeroize::Zeroizing;

/// An age identity of this run, and its recipient.
pub(crate) fn identity() -> &'static (String, String) {
    static IDENTITY: OnceLock<(String, String)> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let identity = age::x25519::Identity::generate();
        (
            identity.to_string().expose_secret().to_owned(),
            identity.to_public().to_string(),
        )
    })
}

/// Who files are encrypted for where nothing else is said.
pub(crate) fn recipient() -> &'static str {
    &identity().1
}

/// One version of the real sops, in a folder of its own.
pub(crate) struct Sops {
    program: PathBuf,
    pub(crate) home: tempfile::TempDir,
    pub(crate) new: bool,
    environment: Vec<(String, String)>,
}

/// Both versions, the newer one first.
pub(crate) fn both() -> [Sops; 2] {
    [Sops::new("JASM_TEST_SOPS"), Sops::new("JASM_TEST_SOPS_OLD")]
}

/// What the variable says, else what the building script prints.
fn program(variable: &str) -> PathBuf {
    static BUILT: OnceLock<String> = OnceLock::new();
    if let Some(program) = std::env::var_os(variable) {
        return program.into();
    }
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/tools/sops.sh");
    let said = BUILT.get_or_init(|| {
        let output = Command::new(&script).stderr(Stdio::inherit()).output();
        let output = output.unwrap_or_else(|error| {
            panic!(
                "{} cannot be started ({error}); or set {variable}",
                script.display()
            )
        });
        assert!(
            output.status.success(),
            "{} failed; or set {variable}",
            script.display()
        );
        text(&output.stdout)
    });
    let name = match variable {
        "JASM_TEST_SOPS" => "sops=",
        "JASM_TEST_SOPS_OLD" => "old=",
        _ => "age-keygen=",
    };
    said.lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_else(|| panic!("{} does not say {name}", script.display()))
        .into()
}

/// The real age-keygen.
pub(crate) fn age_keygen() -> PathBuf {
    program("JASM_TEST_AGE_KEYGEN")
}

impl Sops {
    pub(crate) fn new(variable: &str) -> Self {
        let program = program(variable);
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("keys.txt"), &identity().0).unwrap();
        Self {
            program,
            home,
            new: variable == "JASM_TEST_SOPS",
            environment: Vec::new(),
        }
    }

    /// With one more variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.home.path())
            .env("SOPS_AGE_KEY_FILE", self.home.path().join("keys.txt"))
            .env("SOPS_DISABLE_VERSION_CHECK", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    /// Encrypts for [`recipient`], and whatever the arguments say besides.
    pub(crate) fn encrypt(&self, arguments: &[&str], name: &str, plain: &[u8]) -> Vec<u8> {
        self.try_encrypt(&[&["--age", recipient()], arguments].concat(), name, plain)
            .unwrap_or_else(|error| {
                panic!(
                    "sops does not encrypt {name}: {error}\n{}",
                    String::from_utf8_lossy(plain)
                )
            })
    }

    pub(crate) fn try_encrypt(
        &self,
        arguments: &[&str],
        name: &str,
        plain: &[u8],
    ) -> Result<Vec<u8>, String> {
        std::fs::write(self.home.path().join(name), plain).unwrap();
        self.run(&[&["--encrypt"], arguments, &[name]].concat())
    }

    /// What it decrypts a file to.
    pub(crate) fn decrypt(
        &self,
        arguments: &[&str],
        name: &str,
        encrypted: &[u8],
    ) -> Result<Vec<u8>, String> {
        std::fs::write(self.home.path().join(name), encrypted).unwrap();
        self.run(&[&["--decrypt"], arguments, &[name]].concat())
    }
}

/// The identities of the tests.
pub(crate) fn keys() -> Keys {
    let mut keys = Keys::default();
    keys.add("test.agekey", identity().0.as_bytes()).unwrap();
    keys
}

/// Whoever is asked says no.
pub(crate) struct Nobody;

#[async_trait]
impl KeyService for Nobody {
    async fn decrypt(&self, _: &Recipient) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Err(KeyError {
            message: "nobody is there".to_owned(),
            transient: true,
        })
    }
}

/// Decrypts with a key service.
pub(crate) fn decrypt_with(
    bytes: &[u8],
    format: Format,
    keys: &Keys,
    service: &dyn KeyService,
) -> Result<Vec<u8>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(jasm_sops::decrypt(bytes, format, keys, service))
        .map(|plain| plain.to_vec())
}

/// Decrypts a file by its name and content.
pub(crate) fn decrypt(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let format = jasm_sops::detect(name, bytes).unwrap_or_else(|| {
        panic!(
            "{name} is not seen as encrypted:\n{}",
            String::from_utf8_lossy(bytes)
        )
    });
    decrypt_with(bytes, format, &keys(), &Nobody)
}

/// Decrypts, or shows the encrypted file.
pub(crate) fn open(name: &str, encrypted: &[u8]) -> Vec<u8> {
    decrypt(name, encrypted)
        .unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(encrypted)))
}

/// Bytes as text, for messages and searches.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
