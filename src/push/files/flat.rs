//! Nested values to keys on one level: `a.b` for members, `a[0]` for items.

use jasm_providers::SecretBytes;

use super::{Fault, Pair, push};

/// Deeper nesting than this is no configuration that a person wrote.
pub(super) const MAX_DEPTH: usize = 32;

/// No store takes a name that is longer.
const MAX_KEY: usize = 4096;

/// Collects pairs while a tree of values is walked.
#[derive(Debug, Default)]
pub(super) struct Flat {
    pairs: Vec<Pair>,
    /// The key of the place that the walk is at.
    key: String,
    /// Its lengths on the levels above.
    above: Vec<usize>,
}

impl Flat {
    /// Goes to a member.
    pub(super) fn enter_member(&mut self, name: &str, line: usize) -> Result<(), Fault> {
        if name.is_empty() {
            return Err(Fault::new(
                line,
                "a key is empty: give it a name, of which that of the entry is made",
            ));
        }
        self.above.push(self.key.len());
        if !self.key.is_empty() {
            self.key.push('.');
        }
        self.key.push_str(name);
        self.check(line)
    }

    /// Goes to an item.
    pub(super) fn enter_item(&mut self, index: usize, line: usize) -> Result<(), Fault> {
        use std::fmt::Write as _;
        self.above.push(self.key.len());
        // Writing to a String cannot fail.
        let _ = write!(self.key, "[{index}]");
        self.check(line)
    }

    fn check(&self, line: usize) -> Result<(), Fault> {
        if self.above.len() > MAX_DEPTH {
            return Err(Fault::new(
                line,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        if self.key.len() > MAX_KEY {
            return Err(Fault::new(
                line,
                format!(
                    "the key is longer than {MAX_KEY} bytes, with those of the levels above: use shorter names"
                ),
            ));
        }
        Ok(())
    }

    /// Goes back to the level above.
    pub(super) fn leave(&mut self) {
        if let Some(length) = self.above.pop() {
            self.key.truncate(length);
        }
    }

    /// The value of the place that the walk is at.
    pub(super) fn value(&mut self, value: SecretBytes, line: usize) -> Result<(), Fault> {
        let key = self.key.clone();
        push(&mut self.pairs, Pair { key, value, line })
    }

    /// All pairs in the order of the walk.
    pub(super) fn into_pairs(self) -> Vec<Pair> {
        self.pairs
    }
}
