//! A lock whose holder panicked still guards what it guards.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The guard, also after a panic elsewhere: the test that panicked has failed by itself.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
