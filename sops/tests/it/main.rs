//! Files that the real sops encrypts, in two versions, decrypted here.
//!
//! `JASM_TEST_SOPS`, `JASM_TEST_SOPS_OLD` and `JASM_TEST_AGE_KEYGEN` say where they are, else `tests/tools/sops.sh` does,
//! which builds them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy.toml exempts #[test] functions only"
)]

mod formats;
mod generated;
mod limits;
mod recipients;
mod scopes;
mod services;
mod support;
mod tamper;
mod yaml;
