//! What a store keeps.

use std::fmt;

/// Bytes that no `Debug` shows.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Value(pub(crate) Vec<u8>);

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(redacted)")
    }
}
