//! The age and PGP identities of one object.

use zeroize::Zeroizing;

use crate::count::Work;

#[cfg(feature = "age")]
mod age;
#[cfg(feature = "pgp")]
mod pgp;
#[cfg(feature = "age")]
mod ssh;

/// Identities that decrypt data keys without asking anyone. They are those of one object, and of no other.
#[derive(Default)]
pub struct Keys {
    #[cfg(feature = "age")]
    age: age::Identities,
    #[cfg(feature = "pgp")]
    pgp: pgp::Identities,
}

impl std::fmt::Debug for Keys {
    /// How many there are, and nothing of what they are.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Keys");
        #[cfg(feature = "age")]
        shown.field("age", &self.age.len());
        #[cfg(feature = "pgp")]
        shown.field("pgp", &self.pgp.len());
        shown.finish()
    }
}

/// A file that is no file of identities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", crate::error::shown(name))]
pub struct BadKey {
    /// The file's name.
    pub name: String,
    /// One clause that holds nothing of its content.
    pub reason: String,
}

impl Keys {
    /// Adds the identities of a file, by the names that Flux gives them: `….agekey` has age identities, one a line, or
    /// an SSH key without a passphrase; `….asc` has PGP keys in ASCII armour without a passphrase.
    ///
    /// # Errors
    /// The name has another ending, or the content is nothing of the kind.
    pub fn add(&mut self, name: &str, content: &[u8]) -> Result<(), BadKey> {
        self.add_content(name, content).map_err(|reason| BadKey {
            name: name.to_owned(),
            reason,
        })
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        #[cfg(feature = "age")]
        let age = self.age.len();
        #[cfg(not(feature = "age"))]
        let age = 0;
        #[cfg(feature = "pgp")]
        let pgp = self.pgp.len();
        #[cfg(not(feature = "pgp"))]
        let pgp = 0;
        age + pgp == 0
    }

    fn add_content(&mut self, name: &str, content: &[u8]) -> Result<(), String> {
        if content.len() > crate::limits::IDENTITY_FILE {
            return Err(format!(
                "it is larger than {} bytes",
                crate::limits::IDENTITY_FILE
            ));
        }
        let text = std::str::from_utf8(content)
            .map_err(|_| "it is not text, and age and PGP identities are".to_owned())?;
        if name.ends_with(".agekey") {
            self.add_age(text)
        } else if name.ends_with(".asc") {
            self.add_pgp(text)
        } else {
            Err("a file of age identities is named ….agekey, and one of PGP keys ….asc".to_owned())
        }
    }

    #[cfg(feature = "age")]
    fn add_age(&mut self, text: &str) -> Result<(), String> {
        self.age.add(text)
    }

    #[cfg(not(feature = "age"))]
    #[expect(clippy::unused_self, reason = "the same in every build")]
    fn add_age(&mut self, _: &str) -> Result<(), String> {
        Err("this program was built without age".to_owned())
    }

    #[cfg(feature = "pgp")]
    fn add_pgp(&mut self, text: &str) -> Result<(), String> {
        self.pgp.add(text)
    }

    #[cfg(not(feature = "pgp"))]
    #[expect(clippy::unused_self, reason = "the same in every build")]
    fn add_pgp(&mut self, _: &str) -> Result<(), String> {
        Err("this program was built without PGP".to_owned())
    }

    /// What was encrypted for an age recipient.
    #[cfg(feature = "age")]
    pub(crate) fn age(
        &self,
        recipient: &str,
        enc: &str,
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>, String> {
        self.age.decrypt(recipient, enc, work)
    }

    #[cfg(not(feature = "age"))]
    #[expect(clippy::unused_self, reason = "the same in every build")]
    pub(crate) fn age(&self, _: &str, _: &str, _: &mut Work) -> Result<Zeroizing<Vec<u8>>, String> {
        Err("this program was built without age".to_owned())
    }

    /// What was encrypted for a PGP key.
    #[cfg(feature = "pgp")]
    pub(crate) fn pgp(&self, enc: &str, work: &mut Work) -> Result<Zeroizing<Vec<u8>>, String> {
        self.pgp.decrypt(enc, work)
    }

    #[cfg(not(feature = "pgp"))]
    #[expect(clippy::unused_self, reason = "the same in every build")]
    pub(crate) fn pgp(&self, _: &str, _: &mut Work) -> Result<Zeroizing<Vec<u8>>, String> {
        Err("this program was built without PGP".to_owned())
    }
}
