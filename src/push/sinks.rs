//! The stores as the identity of one object. Credentials stay with the object that names their identity; JASM's
//! own are those of every object that names none.

use std::collections::HashMap;
use std::sync::Arc;

use jasm_providers::{Error, Identity, Sink};

use super::destination::WriteAs;
use crate::stores::Store;

/// What one object writes with, by the store's name.
#[derive(Debug, Default)]
pub struct Sinks(HashMap<String, Kept>);

#[derive(Debug)]
struct Kept {
    store: Arc<Store>,
    write_as: WriteAs,
    label: Option<String>,
    sink: Arc<dyn Sink>,
}

impl Sinks {
    /// What writes a store; the one from before, if nothing about it changed.
    ///
    /// # Errors
    /// The identity has no rights in such a store.
    pub fn of(
        &mut self,
        store: &Arc<Store>,
        write_as: &WriteAs,
        label: Option<&str>,
    ) -> Result<Arc<dyn Sink>, Error> {
        let name = &store.settings.name;
        if let Some(kept) = self.0.get(name)
            && Arc::ptr_eq(&kept.store, store)
            && kept.write_as == *write_as
            && kept.label.as_deref() == label
        {
            return Ok(kept.sink.clone());
        }
        let identity = match write_as {
            WriteAs::Controller => Identity::Controller,
            WriteAs::Principal(principal) => Identity::Assumed(principal.clone()),
        };
        let sink = store.sink(identity, label)?;
        let kept = Kept {
            store: store.clone(),
            write_as: write_as.clone(),
            label: label.map(str::to_owned),
            sink: sink.clone(),
        };
        self.0.insert(name.clone(), kept);
        Ok(sink)
    }
}
