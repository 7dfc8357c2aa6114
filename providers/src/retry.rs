//! The wait between two tries of a call.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// First pause between two tries; it doubles.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits after the try of this number, counted from 1; false, at once, where that would be beyond the deadline.
pub(crate) async fn pause(tried: u32, deadline: Instant) -> bool {
    let pause = PAUSE * 2_u32.saturating_pow(tried - 1);
    if Instant::now() + pause >= deadline {
        return false;
    }
    sleep(pause).await;
    true
}
