//! The ways to one store as many identities.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jasm_providers::{Error, Lane, Workload};
use tokio::time::Instant;

use crate::identity::Found;

/// So many are kept; who did not read for the longest time signs in again.
const MOST: usize = 1_000;
/// Credentials of who did not read for so long are given up, when somebody else reads the store.
const IDLE: Duration = Duration::from_secs(3600);

/// Lanes by namespace and name of a ServiceAccount.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<(Box<str>, Box<str>), Kept>,
    tidied: Option<Instant>,
}

#[derive(Debug)]
struct Kept {
    mark: Arc<str>,
    lane: Lane,
    used: Instant,
}

impl Lanes {
    /// The lane of an account; a new one if there is none, or if the account is another one now or says
    /// something else: a value that was read for one identity serves no other.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn of(
        &mut self,
        found: Found,
        make: impl FnOnce(Arc<dyn Workload>) -> Result<Lane, Error>,
    ) -> Result<Lane, Error> {
        let now = Instant::now();
        self.tidy(now);
        let Found { account, mark } = found;
        let key = (account.namespace().into(), account.service_account().into());
        if let Some(kept) = self.lanes.get_mut(&key)
            && kept.mark == mark
        {
            kept.used = now;
            return Ok(kept.lane.clone());
        }
        // The old one goes first: what cannot be made anew must not be read as it was.
        self.lanes.remove(&key);
        let lane = make(account)?;
        if self.lanes.len() >= MOST
            && let Some(oldest) = self
                .lanes
                .iter()
                .min_by_key(|(_, kept)| kept.used)
                .map(|(key, _)| key.clone())
        {
            self.lanes.remove(&oldest);
        }
        let kept = Kept {
            mark,
            lane: lane.clone(),
            used: now,
        };
        self.lanes.insert(key, kept);
        Ok(lane)
    }

    fn tidy(&mut self, now: Instant) {
        if self.tidied.is_some_and(|last| now < last + IDLE / 4) {
            return;
        }
        self.tidied = Some(now);
        self.lanes.retain(|_, kept| now < kept.used + IDLE);
    }
}

#[cfg(test)]
mod tests;
