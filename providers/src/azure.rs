//! Azure: Key Vault's secrets and keys, and App Configuration.
//!
//! A [`Connection`] is one cloud, tenant and set of certificates, shared by all identities that read
//! it. Both services go through the SDK's pipeline over a transport of ours, which sends to the
//! hosts of the settings only and reads so much of an answer; App Configuration has no SDK for
//! Rust. No type of the SDK leaves this folder.

mod account;
mod app_configuration;
mod call;
mod check;
mod classify;
mod cloud;
mod connection;
mod entra;
mod key_vault;
mod keys;
mod late;
mod references;
mod service;
mod sync_token;
mod transport;

pub use app_configuration::{AppConfiguration, Settings};
pub use cloud::Cloud;
pub use connection::{Connection, Options, check_id, check_label, check_name};
pub use key_vault::KeyVault;
pub use keys::Keys;
