//! How much of sources may be in memory and in work at once, and for whom.
//!
//! A source is held as it comes, unpacked and decrypted until its entries are written; a share grows with
//! what really came. No namespace has all there is: what one of them holds, or a server that it names holds
//! back, is no reason for another to wait. The first piece of a share has a pool of its own, so that what
//! most sources are never waits behind large ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use jasm_providers::web::Room;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// What a share's first pool gives it, in KiB.
const FIRST: usize = 1 << 10;
/// KiB of all namespaces, and of one.
const SMALL: (usize, usize) = (32 << 10, 8 << 10);
/// As `SMALL`, of what is beyond `FIRST`: the largest source as it comes and unpacked.
const LARGE: (usize, usize) = (80 << 10, 40 << 10);
/// Sources of one namespace that are unpacked or decrypted at once.
const AT_WORK: usize = 4;
/// Large ones of all namespaces.
const HEAVY: usize = 2;
/// A source of more packed bytes than this is large, as nobody knows yet what it unpacks to.
const PACKED: u64 = 64 << 10;
/// By so much at a time a share grows while a source is unpacked, in bytes.
const STEP: u64 = 64 << 10;
/// What is said where there is no room.
pub const NO_ROOM: &str =
    "other sources take all the memory that there is for them: it is tried again";
/// How long a share waits for room before it is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// There was no room for it in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Room for the sources of a process.
#[derive(Debug)]
pub struct Memory {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    namespaces: Mutex<HashMap<String, Weak<Namespace>>>,
}

/// What one namespace has of it.
#[derive(Debug)]
struct Namespace {
    small: Arc<Semaphore>,
    large: Arc<Semaphore>,
    work: Arc<Semaphore>,
}

/// The room of one source; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    namespace: Arc<Namespace>,
    small: Pool,
    large: Pool,
    heavy: Arc<Semaphore>,
    held: Mutex<Held>,
}

/// One namespace's part of a pool, and the pool.
#[derive(Debug)]
struct Pool([Arc<Semaphore>; 2]);

#[derive(Debug, Default)]
struct Held {
    bytes: u64,
    small: Vec<OwnedSemaphorePermit>,
    large: Vec<OwnedSemaphorePermit>,
}

/// The right to work on a source; given back when it is dropped.
#[derive(Debug)]
pub struct Work {
    _namespace: Option<OwnedSemaphorePermit>,
    _heavy: Option<OwnedSemaphorePermit>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            small: Arc::new(Semaphore::new(SMALL.0)),
            large: Arc::new(Semaphore::new(LARGE.0)),
            heavy: Arc::new(Semaphore::new(HEAVY)),
            namespaces: Mutex::default(),
        }
    }
}

impl Memory {
    /// A share of nothing yet, for an object of this namespace.
    pub fn share(&self, namespace: &str) -> Arc<Share> {
        let mut namespaces = lock(&self.namespaces);
        let known = namespaces.get(namespace).and_then(Weak::upgrade);
        let namespace = known.unwrap_or_else(|| {
            namespaces.retain(|_, other| other.strong_count() > 0);
            let new = Arc::new(Namespace {
                small: Arc::new(Semaphore::new(SMALL.1)),
                large: Arc::new(Semaphore::new(LARGE.1)),
                work: Arc::new(Semaphore::new(AT_WORK)),
            });
            namespaces.insert(namespace.to_owned(), Arc::downgrade(&new));
            new
        });
        Arc::new(Share {
            small: Pool([namespace.small.clone(), self.small.clone()]),
            large: Pool([namespace.large.clone(), self.large.clone()]),
            heavy: self.heavy.clone(),
            held: Mutex::default(),
            namespace,
        })
    }
}

impl Share {
    /// Bytes that it has room for.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        lock(&self.held).bytes
    }

    /// Makes it so large; waits where it grows. One task at a time may do so.
    ///
    /// # Errors
    /// There was no room in time; it is as large as before.
    pub async fn resize(&self, bytes: u64) -> Result<(), Full> {
        let wanted = usize::try_from(bytes.div_ceil(1024)).unwrap_or(usize::MAX);
        let (small, large) = (wanted.min(FIRST), wanted.saturating_sub(FIRST));
        let (has_small, has_large) = {
            let mut held = lock(&self.held);
            shrink(&mut held.small, small);
            shrink(&mut held.large, large);
            (size(&held.small), size(&held.large))
        };
        let more = async {
            Ok::<_, Full>((
                self.small.acquire(small - has_small).await?,
                self.large.acquire(large - has_large).await?,
            ))
        };
        let (small, large) = timeout(PATIENCE, more).await.map_err(|_| Full)??;
        let mut held = lock(&self.held);
        grow(&mut held.small, small);
        grow(&mut held.large, large);
        held.bytes = bytes;
        Ok(())
    }

    /// Makes it at least so large, from a thread that may wait.
    ///
    /// # Errors
    /// One sentence: there was no room in time.
    pub fn keeps(&self, bytes: u64) -> Result<(), String> {
        if bytes <= self.bytes() {
            return Ok(());
        }
        let grown = Handle::current().block_on(self.resize(bytes.next_multiple_of(STEP)));
        grown.map_err(|Full| NO_ROOM.to_owned())
    }

    /// Unpacks a source of so many packed bytes, on a thread of its own when it is its turn; none if it ended
    /// in an error of its own, which the log has.
    pub async fn unpack<T: Send + 'static>(
        self: &Arc<Self>,
        packed: u64,
        unpack: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        let work = self.work(packed > PACKED).await;
        let share = self.clone();
        let unpacked = tokio::task::spawn_blocking(move || {
            let _work = work;
            unpack(&share)
        });
        unpacked.await.ok()
    }

    /// Waits for its turn to be unpacked or decrypted.
    pub async fn work(&self, heavy: bool) -> Work {
        // Its own namespace first: whose turn it is not there keeps no other from working.
        let namespace = self.namespace.work.clone().acquire_owned().await.ok();
        let heavy = match heavy {
            true => self.heavy.clone().acquire_owned().await.ok(),
            false => None,
        };
        Work {
            _namespace: namespace,
            _heavy: heavy,
        }
    }

    /// Whether it is one of the few large ones.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.bytes() > FIRST as u64 * 1024
    }
}

#[async_trait]
impl Room for Share {
    async fn take(&self, bytes: usize) -> bool {
        self.resize(self.bytes() + bytes as u64).await.is_ok()
    }
}

impl Pool {
    async fn acquire(&self, count: usize) -> Result<Vec<OwnedSemaphorePermit>, Full> {
        let Some(count) = u32::try_from(count).ok().filter(|count| *count > 0) else {
            return if count == 0 {
                Ok(Vec::new())
            } else {
                Err(Full)
            };
        };
        let mut permits = Vec::new();
        for semaphore in &self.0 {
            let permit = semaphore.clone().acquire_many_owned(count).await;
            permits.push(permit.map_err(|_| Full)?);
        }
        Ok(permits)
    }
}

/// How much is held of a pool: as much of the namespace's part as of all.
fn size(held: &[OwnedSemaphorePermit]) -> usize {
    held.first().map_or(0, OwnedSemaphorePermit::num_permits)
}

fn shrink(held: &mut [OwnedSemaphorePermit], to: usize) {
    for permit in held {
        drop(permit.split(permit.num_permits().saturating_sub(to)));
    }
}

fn grow(held: &mut Vec<OwnedSemaphorePermit>, more: Vec<OwnedSemaphorePermit>) {
    if held.is_empty() {
        *held = more;
        return;
    }
    for (permit, more) in held.iter_mut().zip(more) {
        permit.merge(more);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[tokio::test(start_paused = true)]
    async fn a_share_grows_shrinks_and_is_given_back() {
        let memory = Memory::default();
        let share = memory.share("a");
        assert!(share.take(100).await && share.take(5 << 20).await);
        assert_eq!(share.bytes(), 5 * MIB + 100);
        assert!(share.is_large());
        assert_eq!(memory.small.available_permits(), SMALL.0 - FIRST);
        assert_eq!(memory.large.available_permits(), LARGE.0 - (4 << 10) - 1);
        assert_eq!(share.resize(10).await, Ok(()));
        assert_eq!(memory.small.available_permits(), SMALL.0 - 1);
        assert_eq!(memory.large.available_permits(), LARGE.0);
        assert_eq!(share.resize(3 * MIB).await, Ok(()));
        drop(share);
        assert_eq!(memory.small.available_permits(), SMALL.0);
        assert_eq!(memory.large.available_permits(), LARGE.0);
        memory.share("b");
        assert!(!lock(&memory.namespaces).contains_key("a"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_namespace_holds_is_no_other_ones() {
        let memory = Memory::default();
        let largest = 40 * MIB;
        let (one, more) = (memory.share("a"), memory.share("a"));
        assert_eq!(one.resize(largest).await, Ok(()));
        // Of its own namespace there is not so much; a small one passes.
        assert_eq!(more.resize(10 * MIB).await, Err(Full));
        assert_eq!(more.bytes(), 0);
        assert_eq!(more.resize(MIB).await, Ok(()));
        let other = memory.share("b");
        assert_eq!(other.resize(largest).await, Ok(()));
        // Two namespaces have everything that is large: what most sources are passes still.
        let third = memory.share("c");
        assert_eq!(third.resize(5 * MIB).await, Err(Full));
        assert_eq!(third.resize(MIB).await, Ok(()));
        let mut waiting = Box::pin(third.resize(5 * MIB));
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(other);
        assert_eq!(waiting.await, Ok(()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_unpacked_is_counted_while_it_is() {
        let memory = Memory::default();
        let share = memory.share("a");
        let grown = share.unpack(10, |share| (share.keeps(100), share.bytes()));
        assert_eq!(grown.await, Some((Ok(()), STEP)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_namespace_waits_for_its_own_turn_only() {
        let memory = Memory::default();
        let a = memory.share("a");
        let mut all = Vec::new();
        for _ in 0..AT_WORK {
            all.push(a.work(false).await);
        }
        let mut one_more = Box::pin(a.work(false));
        assert!(futures::poll!(&mut one_more).is_pending());
        let b = memory.share("b");
        let _other = b.work(true).await;
        let c = memory.share("c");
        let _one_more = c.work(true).await;
        let mut heavy = Box::pin(c.work(true));
        assert!(futures::poll!(&mut heavy).is_pending());
    }
}
