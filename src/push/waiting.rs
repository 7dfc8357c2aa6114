//! When an object that waits for its source is said to. Pure.

use std::time::Duration;

use tokio::time::Instant;

use super::condition::Reason;

/// A source that was made together with the object is ready a moment later: that is no news.
const PATIENCE: Duration = Duration::from_secs(60);

/// Since when an object waits for its source.
#[derive(Debug, Default)]
pub struct Waiting(Option<Instant>);

/// Whether a reason is an Event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is.
    Now,
    /// Not before it has lasted until then: to be looked at again.
    Later(Instant),
}

impl Waiting {
    /// Takes note of the reason of a run that is told.
    pub fn note(&mut self, reason: Reason, now: Instant) -> Said {
        if reason != Reason::SourceNotReady {
            self.0 = None;
            return Said::Now;
        }
        let lasts = *self.0.get_or_insert(now) + PATIENCE;
        if now < lasts {
            Said::Later(lasts)
        } else {
            Said::Now
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_not_ready_is_news_once_that_lasts() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut waiting = Waiting::default();
        let mut note = |reason, seconds| waiting.note(reason, at(seconds));
        assert_eq!(note(Reason::SourceNotReady, 0), Said::Later(at(60)));
        assert_eq!(note(Reason::SourceNotReady, 59), Said::Later(at(60)));
        // From then on nothing is waited for.
        assert_eq!(note(Reason::SourceNotReady, 60), Said::Now);
        assert_eq!(note(Reason::SourceNotReady, 600), Said::Now);
        // Another reason is news at once, and what was is over.
        assert_eq!(note(Reason::SourceInvalid, 601), Said::Now);
        assert_eq!(note(Reason::SourceNotReady, 602), Said::Later(at(662)));
        assert_eq!(note(Reason::Succeeded, 603), Said::Now);
        assert_eq!(note(Reason::SourceNotReady, 662), Said::Later(at(722)));
    }
}
