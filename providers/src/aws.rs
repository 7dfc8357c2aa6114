//! AWS: Secrets Manager and Systems Manager Parameter Store.
//!
//! A [`Connection`] is one region as one identity and is shared by both. No type of the SDK
//! leaves this folder: its errors embed answers, so they are classed where they appear and
//! dropped there.

mod answers;
mod assume_role;
mod call;
mod check;
mod classify;
mod connection;
mod fallback;
mod kms;
mod marks;
mod parameter_store;
pub mod rights;
mod role;
mod secrets_manager;
mod web_identity;

pub use connection::{Connection, Credentials, Options};
pub use kms::{KeyArn, Kms};
pub use parameter_store::ParameterStore;
pub use secrets_manager::SecretsManager;
