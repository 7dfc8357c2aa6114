//! How much of sources may be in memory at once, whoever they are for.
//!
//! A source is held packed, unpacked and decrypted until its entries are known. Small ones pass side by
//! side; one as large as may be has all there is to itself.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::source::files::Caps;

/// Packed bytes of all sources that are held, in KiB.
const BUDGET: u32 = 16 * 1024;

static LEFT: Semaphore = Semaphore::const_new(BUDGET as usize);

/// The right to hold one source; given back when it is dropped.
pub type Share = SemaphorePermit<'static>;

/// Waits until there is room for a source of so many packed bytes; of the largest, where that is not known.
pub async fn share(packed: Option<u64>) -> Option<Share> {
    let bytes = packed.unwrap_or_else(|| Caps::default().packed);
    let size = u32::try_from(bytes / 1024 + 1)
        .unwrap_or(BUDGET)
        .min(BUDGET);
    // It is never closed.
    LEFT.acquire_many(size).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_of_unknown_size_waits_for_all_others_and_small_ones_for_none() {
        let small = share(Some(1)).await;
        let other = share(Some(1024)).await;
        assert!(small.is_some() && other.is_some());
        let mut large = Box::pin(share(None));
        assert!(futures::poll!(&mut large).is_pending());
        drop((small, other));
        assert_eq!(
            large.await.map(|share| share.num_permits()),
            Some(BUDGET as usize)
        );
    }
}
