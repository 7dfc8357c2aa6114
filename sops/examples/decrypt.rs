//! Decrypts one file with one file of identities: `decrypt FILE KEYS > PLAIN`, to be timed beside `sops decrypt`.

use std::io::Write as _;

use async_trait::async_trait;
use jasm_sops::{KeyError, KeyService, Keys, Recipient};
use zeroize::Zeroizing;

/// Nothing is asked: identities are given.
struct Nobody;

#[async_trait]
impl KeyService for Nobody {
    async fn decrypt(&self, _: &Recipient) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        Err(KeyError {
            message: "no key service is asked here".to_owned(),
            transient: false,
        })
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(identities)) = (arguments.next(), arguments.next()) else {
        return Err(
            "say which file to decrypt, and which has the identities (….agekey or ….asc)".into(),
        );
    };
    let bytes = std::fs::read(&path)?;
    let mut keys = Keys::default();
    keys.add(&identities, &std::fs::read(&identities)?)?;
    let format = jasm_sops::detect(&path, &bytes).ok_or("the file is not encrypted with SOPS")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let plain = runtime.block_on(jasm_sops::decrypt(&bytes, format, &keys, &Nobody))?;
    std::io::stdout().lock().write_all(&plain)?;
    Ok(())
}
