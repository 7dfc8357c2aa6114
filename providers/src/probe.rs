//! Whether entries are still the version that is known, asked by a call that brings no value.
//!
//! Such a call is a right of its own. Where it is not granted entries are read instead, and for an hour
//! nothing else is tried.

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::time::Instant;
use tracing::info;

use crate::source::{Known, compared};
use crate::{Entry, Error, ErrorKind, Source};

/// How long a right that is missing is not asked for again.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Calls under way at once.
const AT_ONCE: usize = 8;

/// What one source knows about its right to ask.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    refused_until: Mutex<Option<Instant>>,
}

impl Probe {
    /// Asks with `same` first and reads what is not the same, or cannot be told to be.
    pub(crate) async fn read_changed<F>(
        &self,
        source: &(impl Source + ?Sized),
        known: &[Known],
        deadline: Instant,
        same: impl Fn(Known) -> F,
    ) -> Vec<Result<Option<Entry>, Error>>
    where
        F: Future<Output = Result<bool, Error>> + Send,
    {
        if self.lock().is_some_and(|until| Instant::now() < until) {
            return compared(source, known, deadline).await;
        }
        let calls: Vec<F> = known.iter().cloned().map(same).collect();
        let told: Vec<Result<bool, Error>> = futures::stream::iter(calls)
            .buffered(AT_ONCE)
            .collect()
            .await;
        let missing = |kind| matches!(kind, ErrorKind::Denied | ErrorKind::Unsupported);
        if told
            .iter()
            .any(|told| told.as_ref().is_err_and(|error| missing(error.kind)))
        {
            info!("versions may not be asked for: entries are read for an hour instead");
            *self.lock() = Some(Instant::now() + REMEMBERED);
        }
        let to_read: Vec<Known> = known
            .iter()
            .zip(&told)
            .filter(|(_, told)| is_open(told))
            .map(|(known, _)| known.clone())
            .collect();
        let mut read = compared(source, &to_read, deadline).await.into_iter();
        told.into_iter()
            .map(|told| {
                if is_open(&told) {
                    read.next().unwrap_or_else(|| Err(unanswered()))
                } else {
                    told.map(|_| None)
                }
            })
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.refused_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether only a read can tell. A store that is away or throttles is not asked more.
fn is_open(told: &Result<bool, Error>) -> bool {
    match told {
        Ok(same) => !same,
        Err(error) => !matches!(
            error.kind,
            ErrorKind::NotFound
                | ErrorKind::Unauthenticated
                | ErrorKind::Throttled { .. }
                | ErrorKind::Unavailable
        ),
    }
}

fn unanswered() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the store's answer does not say anything about this entry",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::{EntryRef, Listed, Prefix, SecretBytes, VersionToken};

    /// Every entry is of version 2; counts reads.
    #[derive(Debug, Default)]
    struct Two(AtomicUsize);

    #[async_trait]
    impl Source for Two {
        fn batch_limit(&self) -> usize {
            5
        }

        fn batches(&self, _: &EntryRef) -> bool {
            true
        }

        async fn read(&self, wants: &[EntryRef], _: Instant) -> Vec<Result<Entry, Error>> {
            self.0.fetch_add(wants.len(), Ordering::SeqCst);
            let entry = |_: &EntryRef| Entry {
                value: SecretBytes::from("v".to_owned()),
                version: VersionToken("2".to_owned()),
                secret: true,
            };
            wants.iter().map(|want| Ok(entry(want))).collect()
        }

        async fn list(&self, _: &Prefix, _: Instant) -> Result<Vec<Listed>, Error> {
            Ok(Vec::new())
        }
    }

    fn known(path: &str, version: &str) -> Known {
        Known {
            want: EntryRef {
                path: path.to_owned(),
                version: None,
            },
            version: VersionToken(version.to_owned()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_is_not_told_to_be_the_same_is_read() {
        let (source, probe, asked) = (Two::default(), Probe::default(), AtomicUsize::new(0));
        let all = [
            known("same", "2"),
            known("other", "1"),
            known("moved back", "2"),
            known("missing", "2"),
            known("away", "2"),
            known("unreadable", "1"),
        ];
        let told = |known: Known| {
            asked.fetch_add(1, Ordering::SeqCst);
            let error = |kind| Err(Error::new(kind, "no"));
            let told = match known.want.path.as_str() {
                "same" => Ok(true),
                "missing" => error(ErrorKind::NotFound),
                "away" => error(ErrorKind::Unavailable),
                "unreadable" => error(ErrorKind::Integrity),
                _ => Ok(false),
            };
            async move { told }
        };
        let now = Instant::now();
        let answers = probe.read_changed(&source, &all, now, told).await;
        let found: Vec<_> = answers
            .iter()
            .map(|answer| match answer {
                Ok(None) => "same",
                Ok(Some(_)) => "changed",
                Err(error) => error.kind.as_str(),
            })
            .collect();
        assert_eq!(
            found,
            [
                "same",
                "changed",
                "same",
                "not_found",
                "unavailable",
                "changed"
            ]
        );
        assert_eq!(source.0.load(Ordering::SeqCst), 3);

        // A right that is missing: read, and not asked for again within the hour.
        let refused = |_: Known| {
            asked.fetch_add(1, Ordering::SeqCst);
            async { Err(Error::new(ErrorKind::Denied, "no")) }
        };
        let before = asked.load(Ordering::SeqCst);
        for _ in 0..3 {
            let answers = probe.read_changed(&source, &all[..1], now, refused).await;
            assert_eq!(answers, [Ok(None)]);
        }
        assert_eq!(asked.load(Ordering::SeqCst), before + 1);
        tokio::time::advance(REMEMBERED).await;
        let _ = probe.read_changed(&source, &all[..1], now, refused).await;
        assert_eq!(asked.load(Ordering::SeqCst), before + 2);
    }
}
