//! Clouds for tests and demos.
//!
//! A [`Server`] listens, keeps a [`Record`] of who asked for what, plays the [`Faults`] that a test
//! scripted, and leaves the answer to a [`Cloud`]. Each cloud is a folder:
//! - [`gcp`]: Secret Manager, Parameter Manager, the token services of Google, the metadata server;
//! - [`azure`]: Key Vault, App Configuration, Entra ID;
//! - [`aws`]: the token service of AWS, and a gate in front of another AWS (moto) that knows sessions.
//!
//! The token services check the tokens of ServiceAccounts for signature, issuer, audience, subject and
//! expiry, against the keys of a real cluster ([`Trust`]) or of a signer made for a test ([`Signer`]).
//! Values are never in a record, a `Debug` or an error.

pub mod authority;
pub mod faults;
pub mod grants;
pub mod jwks;
pub mod message;
pub mod program;
pub mod record;
pub mod server;
pub mod signer;
pub mod tokens;

pub mod aws;
pub mod azure;
pub mod gcp;

mod digest;
mod http_client;
mod lock;
mod time;
mod value;
mod wildcard;

pub use authority::Authority;
pub use faults::{Fault, Faults};
pub use grants::Grants;
pub use jwks::{Claims, Refusal, Trust};
pub use message::{Answer, Ask};
pub use record::{Record, Seen};
pub use server::{Cloud, Server};
pub use signer::Signer;
pub use tokens::Tokens;
