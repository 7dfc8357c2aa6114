//! Hands a file to the parser, and stops where it would keep too much of it: inside a flow collection that may turn out
//! to be a key, the parser gives nothing before it has read to the end.

use std::cell::Cell;

use crate::error::Error;
use crate::limits;

/// How many signs the parser was given since it last gave something.
#[derive(Default)]
pub(super) struct Meter {
    signs: Cell<usize>,
    line: Cell<usize>,
}

impl Meter {
    /// The characters of a file, which end early where they are too many signs.
    pub(super) fn over(&self, text: &str) -> impl Iterator<Item = char> {
        text.chars().map_while(|c| {
            match c {
                '\n' => self.line.set(self.line.get() + 1),
                '[' | ']' | '{' | '}' | ',' | ':' | '?' | '"' | '\'' | '&' | '*' | '!' | '%' => {
                    self.signs.set(self.signs.get() + 1);
                }
                _ => {}
            }
            (self.signs.get() <= limits::SIGNS).then_some(c)
        })
    }

    /// The parser gave something.
    pub(super) fn value(&self) -> Result<(), Error> {
        if self.signs.replace(0) > limits::SIGNS {
            return Err(Error::malformed(
                self.line.get() + 1,
                format!(
                    "a list or map in brackets, or a text, has more than {} signs of YAML: split it",
                    limits::SIGNS
                ),
            ));
        }
        Ok(())
    }
}
