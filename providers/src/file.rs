//! A directory as a store: a path is a file below the root, a prefix every file below it.
//!
//! The embedded default, for laptops, tests and demos; a mounted ConfigMap or Secret works too.

mod check;
mod tree;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use crate::source::{Call, Observer, outcome};
use crate::{Entry, EntryRef, Error, ErrorKind, Listed, Prefix, Source};

/// One directory.
#[derive(Clone)]
pub struct Directory {
    root: Arc<PathBuf>,
    observer: Observer,
}

impl Directory {
    /// A store below `root`, which need not be there yet.
    ///
    /// # Errors
    /// The root is there and is no directory.
    pub fn new(root: impl Into<PathBuf>, observer: Observer) -> Result<Self, Error> {
        let root = root.into();
        if root.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
            let sentence =
                "the store's root is no directory: name the directory that holds the files";
            return Err(Error::new(ErrorKind::Invalid, sentence));
        }
        Ok(Self {
            root: Arc::new(root),
            observer,
        })
    }

    /// Runs file system work off the async threads; a disk that hangs is given up at the deadline.
    async fn blocking<T: Send + 'static>(
        &self,
        operation: &'static str,
        deadline: Instant,
        work: impl FnOnce(&PathBuf) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let began = Instant::now();
        let root = Arc::clone(&self.root);
        let result =
            match timeout_at(deadline, tokio::task::spawn_blocking(move || work(&root))).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(Error::new(
                    ErrorKind::Unavailable,
                    "the read of the directory was given up",
                )),
                Err(_) => Err(Error::new(
                    ErrorKind::Unavailable,
                    "the directory did not answer in time",
                )),
            };
        (self.observer)(Call {
            operation,
            outcome: outcome(&result),
            took: began.elapsed(),
        });
        result
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for Directory {
    fn batch_limit(&self) -> usize {
        1
    }

    fn batches(&self, _: &EntryRef) -> bool {
        false
    }

    async fn read(&self, wants: &[EntryRef], deadline: Instant) -> Vec<Result<Entry, Error>> {
        let mut answers = Vec::with_capacity(wants.len());
        for want in wants {
            let path = want.path.clone();
            answers.push(
                self.blocking("ReadFile", deadline, move |root| tree::read(root, &path))
                    .await,
            );
        }
        answers
    }

    async fn list(&self, prefix: &Prefix, deadline: Instant) -> Result<Vec<Listed>, Error> {
        let base = prefix.base.clone();
        let paths = self
            .blocking("ListDirectory", deadline, move |root| {
                tree::list(root, &base)
            })
            .await?;
        Ok(paths
            .into_iter()
            .map(|path| Listed { path, entry: None })
            .collect())
    }
}
