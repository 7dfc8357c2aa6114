//! What a store that throttles is owed: everybody waits, and nobody is refused for it at once.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jasm_providers::ErrorKind;
use jasm_providers::sink::WriteError;
use tokio::time::{Instant, sleep_until};

/// Tries of a call that is throttled.
const TRIES: u32 = 6;
/// The longest pause that a store can ask for.
const LONGEST: Duration = Duration::from_secs(30);

/// When the next call may leave; shared by all calls of one job.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Makes a call, and makes it again where the store throttles.
    pub(super) async fn call<T, F, Fut>(&self, call: F) -> Result<T, WriteError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, WriteError>>,
    {
        let mut tries = 0;
        loop {
            while let Some(until) = self.until() {
                sleep_until(until).await;
            }
            let answer = call().await;
            let Err(WriteError::Failed(error)) = &answer else {
                return answer;
            };
            let ErrorKind::Throttled { after } = error.kind else {
                return answer;
            };
            tries += 1;
            if tries == TRIES {
                return answer;
            }
            let pause = after.unwrap_or(Duration::from_millis(250 << tries));
            // Not all at the same moment again.
            let pause = pause.min(LONGEST).mul_f64(1.0 + fastrand::f64() / 4.0);
            self.pause(Instant::now() + pause);
        }
    }

    fn until(&self) -> Option<Instant> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| Instant::now() < *until)
    }

    fn pause(&self, until: Instant) {
        let mut paused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = Some(paused.map_or(until, |before| before.max(until)));
    }
}
