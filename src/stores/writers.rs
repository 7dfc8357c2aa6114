//! What writes one store, one for each identity.
//!
//! Who writes as the same identity writes with the same sink, and so shares its tokens and, where the store
//! has no filter for it, its list. Whose entry is whose the marks tell, not the sink.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jasm_providers::{Error, Identity, Principal, Sink};

/// Sinks by identity and label; each is there as long as somebody has it.
#[derive(Debug, Default)]
pub(super) struct Writers(HashMap<Key, Weak<dyn Sink>>);

/// None is the process itself.
type Key = (Option<Principal>, Option<String>);

impl Writers {
    /// What writes as an identity: the one that somebody has, or a new one.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn of(
        &mut self,
        identity: Identity,
        label: Option<&str>,
        make: impl FnOnce(Identity) -> Result<Arc<dyn Sink>, Error>,
    ) -> Result<Arc<dyn Sink>, Error> {
        let principal = match &identity {
            Identity::Controller => None,
            Identity::Assumed(principal) => Some(principal.clone()),
            // Two of one name are not always the same ServiceAccount.
            Identity::Workload(_) => return make(identity),
        };
        let key = (principal, label.map(str::to_owned));
        if let Some(sink) = self.0.get(&key).and_then(Weak::upgrade) {
            return Ok(sink);
        }
        let sink = make(identity)?;
        self.0.retain(|_, sink| sink.strong_count() > 0);
        self.0.insert(key, Arc::downgrade(&sink));
        Ok(sink)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use jasm_providers::{ErrorKind, azure};

    use super::*;

    /// Makes sinks of one vault, and counts them.
    struct Desk {
        connection: azure::Connection,
        writers: Writers,
        made: Cell<usize>,
    }

    impl Desk {
        fn ask(&mut self, identity: Identity, label: Option<&str>) -> Arc<dyn Sink> {
            let (connection, made) = (&self.connection, &self.made);
            let sink = self.writers.of(identity, label, |identity| {
                made.set(made.get() + 1);
                let sink = azure::KeyVault::new(connection, "shop", identity, Arc::new(|_| ()))?;
                Ok(Arc::new(sink))
            });
            sink.unwrap()
        }
    }

    fn client(id: &str) -> Identity {
        Identity::Assumed(Principal::EntraClient(id.to_owned()))
    }

    #[test]
    fn one_identity_writes_with_one_sink_and_no_other_does() {
        let connection = azure::Connection::new(&azure::Options::default()).unwrap();
        let mut desk = Desk {
            connection,
            writers: Writers::default(),
            made: Cell::new(0),
        };
        let sinks = [
            desk.ask(Identity::Controller, None),
            desk.ask(client("a"), None),
            desk.ask(client("b"), None),
            desk.ask(client("a"), Some("prod")),
        ];
        assert_eq!(desk.made.get(), 4);
        let again = [
            desk.ask(Identity::Controller, None),
            desk.ask(client("a"), None),
            desk.ask(client("b"), None),
            desk.ask(client("a"), Some("prod")),
        ];
        assert_eq!(desk.made.get(), 4);
        for (number, (one, other)) in sinks.iter().zip(&again).enumerate() {
            assert!(Arc::ptr_eq(one, other), "{number}");
        }
        // Nobody has them any more: their credentials are gone, and new ones are made.
        drop((sinks, again));
        let sink = desk.ask(client("a"), None);
        assert_eq!(desk.made.get(), 5);
        assert_eq!(desk.writers.0.len(), 1);
        drop(sink);
    }

    #[test]
    fn what_cannot_be_made_is_asked_for_again() {
        let mut writers = Writers::default();
        for _ in 0..2 {
            let refused = writers.of(client("a"), None, |_| {
                Err(Error::new(ErrorKind::Unsupported, "no"))
            });
            assert_eq!(refused.unwrap_err().kind, ErrorKind::Unsupported);
            assert!(writers.0.is_empty());
        }
    }
}
