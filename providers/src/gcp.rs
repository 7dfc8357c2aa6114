//! Google Cloud: Secret Manager, Parameter Manager and Cloud KMS, over their REST APIs.
//!
//! A [`Connection`] is one project and location, shared by all identities that read it: HTTP
//! client, hosts, what the metadata server says. A source is one service of it as one identity.
//! Google's own client is not used: it prints payloads in `Debug`, has no limit for bodies, and
//! takes neither certificates nor a host for impersonation.

mod adc;
mod api;
mod assumed;
mod check;
mod classify;
mod connection;
mod credentials;
mod federation;
mod kms;
mod metadata;
mod parameter_manager;
mod payload;
mod secret_manager;

pub use connection::{Cluster, Connection, Hosts, Name, Options};
pub use kms::Kms;
pub use parameter_manager::ParameterManager;
pub use secret_manager::SecretManager;
