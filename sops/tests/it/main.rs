//! Files that the real sops encrypts, in two versions, decrypted here.
//!
//! `tests/tools/sops.sh` builds the two and says where they are: `JASM_TEST_SOPS` and `JASM_TEST_SOPS_OLD`.

mod formats;
mod generated;
mod scopes;
mod support;
mod yaml;
