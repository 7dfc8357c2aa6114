//! The fakes against whoever knows the clouds better: the vendors' own Python clients.
//!
//! They are installed by `tests/tools/vendor.sh`, or found by `JASM_TEST_VENDOR`, the path of a Python that has
//! them; without either these tests fail.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed; clippy.toml exempts #[test] functions only"
)]

mod faults;
mod judges;
