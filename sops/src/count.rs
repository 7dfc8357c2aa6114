//! Counts what is read, so that it ends before memory or time does.

use crate::error::Error;
use crate::limits;

/// The values of one file.
#[derive(Default)]
pub(crate) struct Values(usize);

impl Values {
    /// One more, on a line from 1; 0 where that is not known.
    pub(crate) fn add(&mut self, line: usize) -> Result<(), Error> {
        self.0 += 1;
        if self.0 > limits::VALUES {
            return Err(Error::malformed(
                line,
                format!(
                    "the file has more than {} values, and no more are decrypted: split it",
                    limits::VALUES
                ),
            ));
        }
        Ok(())
    }
}

/// The work with private keys on one file.
#[derive(Default)]
pub(crate) struct Work(#[cfg(any(feature = "age", feature = "pgp"))] usize);

impl Work {
    /// # Errors
    /// One clause, where it is more than a file may take.
    #[cfg(any(feature = "age", feature = "pgp"))]
    pub(crate) fn add(&mut self, tries: usize) -> Result<(), String> {
        self.0 = self.0.saturating_add(tries);
        if self.0 > limits::WORK {
            return Err(
                "too much was tried before: there are too many recipients for so many identities, leave some out"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
