//! The stores against what they talk to: a directory, moto, and a server that does everything
//! wrong that a network or a cloud can do.
//!
//! moto is started once per process, from `JASM_TEST_MOTO` or what `tests/tools/moto.sh` prints;
//! without it the tests that need it fail.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy.toml exempts #[test] functions only"
)]

mod batches;
mod contract;
mod errors;
mod hygiene;
mod lanes;
mod listings;
mod moto;
mod parameter_store;
mod secrets_manager;
mod support;
mod tls;
mod wire;
