//! Vault and OpenBao: the key-value engine, version 1 and 2.
//!
//! A [`Connection`] is one mount of one server and is shared by all identities; a [`Vault`] reads it as
//! one of them. Its token is got by a login, renewed while the server renews it, and got again when the
//! server takes it back.

mod answer;
mod check;
mod connection;
mod folders;
mod login;
mod mark;
mod options;
mod rights;
mod store;
mod transit;

pub use connection::Connection;
pub use options::{Auth, Engine, Login, Method, Options, check_path, check_role};
pub use rights::policy;
pub use store::Vault;
pub use transit::Transit;
