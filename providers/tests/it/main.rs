//! The stores against what they talk to: a directory, moto, and a server that does everything
//! wrong that a network or a cloud can do.
//!
//! moto and OpenBao are started once per process, from `JASM_TEST_MOTO` and `JASM_TEST_OPENBAO` or what
//! `tests/tools/moto.sh` and `tests/tools/openbao.sh` print; the clouds' own clients run with the Python of
//! `JASM_TEST_VENDOR` or `tests/tools/vendor.sh`. Without them the tests that need them fail.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy.toml exempts #[test] functions only"
)]

mod app_configuration;
mod assume_role;
mod aws_writes;
mod azure;
mod azure_answers;
mod batches;
mod check;
mod contract;
mod errors;
mod gcp;
mod hygiene;
mod impersonation;
mod irsa;
mod kms;
mod lanes;
mod listings;
mod moto;
mod openbao;
mod parameter_store;
mod pinned;
mod secrets_manager;
mod sinks;
mod support;
mod tls;
mod transit;
mod vault;
mod vault_faults;
mod vendor;
mod wire;
mod workload;
mod written;
