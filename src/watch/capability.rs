//! Whether the API server streams lists, as far as it has shown.
//!
//! Kubernetes does where the feature gate `WatchList` is on (KEP-3157). Others refuse it in words, by
//! which they are told; a stream that never comes to its end is the other way in which it fails, be
//! it for a proxy between or for a server that cannot keep up.

use std::time::Duration;

use tokio::time::Instant;

/// A server that could not is asked again after this long: it may have been upgraded.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// So many streams in a row that break off before their list is complete are enough.
const BROKEN: u32 = 2;

/// What is known of it.
#[derive(Debug, Default)]
pub(super) struct Capability {
    broken: u32,
    cannot_since: Option<Instant>,
}

impl Capability {
    /// Whether the next list is to be asked for as a stream.
    pub(super) fn is_to_be_tried(&self, now: Instant) -> bool {
        self.cannot_since
            .is_none_or(|since| now.duration_since(since) >= REMEMBERED)
    }

    /// It said that it cannot.
    pub(super) fn refused(&mut self, now: Instant) {
        *self = Self {
            broken: 0,
            cannot_since: Some(now),
        };
    }

    /// It began, and broke off before the list was complete.
    pub(super) fn broke(&mut self, now: Instant) {
        self.broken += 1;
        if self.broken >= BROKEN {
            self.refused(now);
        }
    }

    /// It streamed a whole list.
    pub(super) fn served(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_remembered_for_an_hour() {
        let now = Instant::now();
        let mut capability = Capability::default();
        assert!(capability.is_to_be_tried(now));
        capability.refused(now);
        assert!(!capability.is_to_be_tried(now));
        assert!(!capability.is_to_be_tried(now + Duration::from_secs(3599)));
        assert!(capability.is_to_be_tried(now + Duration::from_secs(3600)));
        // It refuses again, after an upgrade of something else.
        let later = now + Duration::from_secs(4000);
        capability.refused(later);
        assert!(!capability.is_to_be_tried(now + Duration::from_secs(7000)));
        capability.served();
        assert!(capability.is_to_be_tried(later));
    }

    #[test]
    fn two_broken_streams_in_a_row_are_a_refusal_and_one_is_none() {
        let now = Instant::now();
        let mut capability = Capability::default();
        capability.broke(now);
        assert!(capability.is_to_be_tried(now));
        capability.served();
        capability.broke(now);
        assert!(capability.is_to_be_tried(now));
        capability.broke(now);
        assert!(!capability.is_to_be_tried(now));
        assert!(capability.is_to_be_tried(now + REMEMBERED));
    }
}
