//! Decrypts files encrypted with [SOPS](https://getsops.io/docs/), and verifies them, always.
//!
//! ```text
//! bytes ─► load (yaml, json, dotenv, ini) ─► Node ─► metadata ─► data key ─► walk ─► emit ─► plain bytes
//!                                             tree    scope, MAC   keys of    decrypts and
//!                                                     recipients   the object  hashes leaves
//! ```
//!
//! - [`detect`] says whether a file is encrypted with SOPS, and in which [`Format`].
//! - [`Keys`] are the age and PGP identities of one object; [`KeyService`] asks a cloud's or Vault's key service,
//!   and is the only way to anything outside: the crate itself knows no network, no process and no file.
//! - [`events`] reads YAML in bounded memory, for plain files too.
//! - [`decrypt`] gives what `sops --decrypt` prints, or one [`Error`] that holds no value.
//!
//! What it does as SOPS does was read from its behaviour and its sources, versions 3.9 to 3.13. It is stricter in
//! these: a key that is there twice, text behind an encrypted value, and a MAC that is missing are refused.
//! Comments of YAML are not part of what it gives; those of dotenv and ini are.

mod cipher;
mod count;
mod data_key;
mod dotenv;
mod emit;
mod error;
pub mod events;
mod flat;
mod format;
mod ini;
mod json;
mod keys;
mod limits;
mod metadata;
mod node;
mod number;
mod pattern;
mod recipient;
mod scope;
mod shamir;
mod time;
mod walk;
mod yaml;

pub use error::{Error, Failure};
pub use format::{Format, detect};
pub use keys::{BadKey, Keys};
pub use recipient::{KeyError, KeyService, Recipient};
use zeroize::Zeroizing;

/// Decrypts a file and verifies its MAC.
///
/// The result is what `sops --decrypt` of version 3.13 prints: the same bytes for json, dotenv, ini and binary; for
/// yaml the same documents, without comments. The work takes some milliseconds a megabyte and is done in place: give
/// big files a thread of their own.
///
/// # Errors
/// One sentence about what is wrong with the file or its keys, never with a value in it.
pub async fn decrypt(
    bytes: &[u8],
    format: Format,
    keys: &Keys,
    service: &dyn KeyService,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if bytes.len() > limits::FILE {
        return Err(Error::TooLarge {
            size: bytes.len(),
            limit: limits::FILE,
        });
    }
    let (mut documents, table) = match format {
        Format::Yaml => metadata::split(yaml::load(bytes)?)?,
        Format::Json | Format::Binary => metadata::split(vec![json::load(bytes)?])?,
        Format::Dotenv => flat::split_prefixed(
            dotenv::load(bytes).map_err(|error| dotenv::with_mark(bytes, error))?,
        )?,
        Format::Ini => flat::split_section(ini::load(bytes)?)?,
    };
    let metadata = metadata::read(&table)?;
    let key = data_key::find(&metadata, keys, service).await?;
    walk::decrypt(&mut documents, &metadata, &key).map_err(|error| match format {
        Format::Dotenv => dotenv::with_mark(bytes, error),
        _ => error,
    })?;
    match format {
        Format::Yaml => emit::yaml(&documents, bytes.len()),
        Format::Json => emit::json(&documents, bytes.len()),
        Format::Binary => emit::binary(documents),
        Format::Dotenv => emit::dotenv(&documents, bytes.len()),
        Format::Ini => emit::ini(&documents, bytes.len()),
    }
}
