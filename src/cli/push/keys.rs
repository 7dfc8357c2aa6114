//! The keys of a pipeline: for files of SOPS, and for fingerprints.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jasm_providers::SecretBytes;
use jasm_providers::sink::Fingerprints;
use jasm_providers::sink::fingerprint::KEY;
use jasm_sops::Keys;
use zeroize::Zeroizing;

use crate::cli::Stop;
use crate::push::run::KeyData;

/// No key is larger than a Secret can be (`core.MaxSecretSize`).
const MAX_BYTES: u64 = 1 << 20;
/// What people that use sops have.
const AGE_KEY: &str = "SOPS_AGE_KEY";
const AGE_KEY_FILE: &str = "SOPS_AGE_KEY_FILE";
/// The key of fingerprints.
const PUSH_KEY: &str = "JASM_PUSH_KEY";
/// The name of Vault's token among the keys.
const VAULT_TOKEN: &str = "sops.vault-token";

/// What tells values apart.
pub(super) struct Key {
    pub(super) fingerprints: Fingerprints,
    /// It is of this run alone.
    pub(super) passing: bool,
}

/// The keys of a folder, by their names, and those of the environment.
pub(super) fn read(folder: Option<&Path>) -> Result<KeyData, Stop> {
    let mut keys = KeyData::new();
    if let Some(folder) = folder {
        let cannot = |error: std::io::Error| {
            let why = error.kind();
            Stop::Unusable(format!(
                "--keys {}: it cannot be read: {why}",
                folder.display()
            ))
        };
        for entry in fs::read_dir(folder).map_err(cannot)? {
            let entry = entry.map_err(cannot)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if name == VAULT_TOKEN || name.ends_with(".agekey") || name.ends_with(".asc") {
                let path = entry.path();
                let content = content(&path)?;
                if name != VAULT_TOKEN {
                    check(&path.display().to_string(), &name, &content)?;
                }
                keys.insert(name, content);
            }
        }
        if keys.is_empty() {
            return Err(Stop::Unusable(format!(
                "--keys {}: there is no *.agekey, *.asc or {VAULT_TOKEN} in it",
                folder.display()
            )));
        }
    }
    if let Some(path) = variable(AGE_KEY_FILE)? {
        let path = Path::new(path.as_str());
        let content = content(path)?;
        add(&mut keys, AGE_KEY_FILE, content)?;
    }
    if let Some(text) = variable(AGE_KEY)? {
        let content = SecretBytes::new(text.as_bytes().to_vec());
        add(&mut keys, AGE_KEY, content)?;
    }
    Ok(keys)
}

fn add(keys: &mut KeyData, from: &str, content: SecretBytes) -> Result<(), Stop> {
    let name = format!("{from}.agekey");
    check(from, &name, &content)?;
    keys.insert(name, content);
    Ok(())
}

/// Refuses what is no key, by the name that whoever gave it knows.
fn check(from: &str, name: &str, content: &SecretBytes) -> Result<(), Stop> {
    let added = Keys::default().add(name, content.expose());
    added.map_err(|error| Stop::Unusable(format!("the key {from}: {}", error.reason)))
}

/// The key of fingerprints, or one of this run alone.
pub(super) fn fingerprints(file: Option<&Path>) -> Result<Key, Stop> {
    let (from, content) = match (file, variable(PUSH_KEY)?) {
        (Some(path), _) => (path.display().to_string(), content(path)?),
        (None, Some(text)) => {
            let content = SecretBytes::new(text.as_bytes().to_vec());
            (PUSH_KEY.to_owned(), content)
        }
        (None, None) => {
            let key = Fingerprints::random().map_err(|error| error.to_string())?;
            let fingerprints = Fingerprints::new(&key).map_err(|error| error.to_string())?;
            return Ok(Key {
                fingerprints,
                passing: true,
            });
        }
    };
    let decoded = |content: &SecretBytes| {
        let text = content.expose().trim_ascii();
        STANDARD.decode(text).map(SecretBytes::new).ok()
    };
    let key = if content.len() == KEY {
        Some(content)
    } else {
        decoded(&content)
    };
    let fingerprints = key.and_then(|key| Fingerprints::new(&key).ok());
    let fingerprints = fingerprints.ok_or_else(|| {
        Stop::Unusable(format!(
            "{from} holds no key of fingerprints, which is {KEY} bytes, or those in base64: take it from the Secret \
             jasm-push-key in JASM's namespace"
        ))
    })?;
    Ok(Key {
        fingerprints,
        passing: false,
    })
}

fn content(path: &Path) -> Result<SecretBytes, Stop> {
    let cannot = |why: &str| {
        Stop::Unusable(format!(
            "the key file {} cannot be read: {why}",
            path.display()
        ))
    };
    let file = File::open(path).map_err(|error| cannot(&error.kind().to_string()))?;
    let mut bytes = Vec::new();
    let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
    let content = SecretBytes::new(bytes);
    read.map_err(|error| cannot(&error.kind().to_string()))?;
    if content.len() as u64 > MAX_BYTES {
        return Err(cannot("it is larger than 1 MiB"));
    }
    Ok(content)
}

fn variable(name: &str) -> Result<Option<Zeroizing<String>>, Stop> {
    match std::env::var(name) {
        Ok(text) if text.is_empty() => Ok(None),
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Stop::Unusable(format!("{name} is not UTF-8")))
        }
    }
}
