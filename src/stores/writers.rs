//! What writes one store as JASM itself: one for all objects, for as long as one of them has it.
//!
//! They write with the same credentials anyway, so they share the tokens and, where the store has no filter
//! for it, the list. Whose entry is whose the marks tell, not the sink. Who names an identity of its own
//! shares nothing with anybody.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use jasm_providers::{Error, Identity, Sink};

/// Sinks as the process itself, by label.
#[derive(Debug, Default)]
pub(super) struct Writers(HashMap<Option<String>, Weak<dyn Sink>>);

impl Writers {
    /// What writes as an identity: the process's own that somebody has, or a new one.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn of(
        &mut self,
        identity: Identity,
        label: Option<&str>,
        make: impl FnOnce(Identity) -> Result<Arc<dyn Sink>, Error>,
    ) -> Result<Arc<dyn Sink>, Error> {
        if !matches!(identity, Identity::Controller) {
            return make(identity);
        }
        let label = label.map(str::to_owned);
        if let Some(sink) = self.0.get(&label).and_then(Weak::upgrade) {
            return Ok(sink);
        }
        let sink = make(identity)?;
        self.0.retain(|_, sink| sink.strong_count() > 0);
        self.0.insert(label, Arc::downgrade(&sink));
        Ok(sink)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use jasm_providers::{ErrorKind, Principal, azure};

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

    #[test]
    fn the_process_writes_with_one_sink_and_every_other_identity_with_its_own() {
        let connection = azure::Connection::new(&azure::Options::default()).unwrap();
        let mut desk = Desk {
            connection,
            writers: Writers::default(),
            made: Cell::new(0),
        };
        let one = desk.ask(Identity::Controller, None);
        let labelled = desk.ask(Identity::Controller, Some("prod"));
        assert_eq!(desk.made.get(), 2);
        assert!(Arc::ptr_eq(&one, &desk.ask(Identity::Controller, None)));
        assert!(Arc::ptr_eq(
            &labelled,
            &desk.ask(Identity::Controller, Some("prod"))
        ));
        assert_eq!(desk.made.get(), 2);
        let client = || Identity::Assumed(Principal::EntraClient("client".to_owned()));
        let theirs = desk.ask(client(), None);
        assert!(!Arc::ptr_eq(&theirs, &desk.ask(client(), None)));
        assert_eq!(desk.made.get(), 4);
        // Nobody has it any more: its credentials are gone, and new ones are made.
        drop((one, labelled));
        let sink = desk.ask(Identity::Controller, None);
        assert_eq!((desk.made.get(), desk.writers.0.len()), (5, 1));
        drop(sink);
    }

    #[test]
    fn what_cannot_be_made_is_asked_for_again() {
        let mut writers = Writers::default();
        for _ in 0..2 {
            let refused = writers.of(Identity::Controller, None, |_| {
                Err(Error::new(ErrorKind::Unsupported, "no"))
            });
            assert_eq!(refused.unwrap_err().kind, ErrorKind::Unsupported);
            assert!(writers.0.is_empty());
        }
    }
}
