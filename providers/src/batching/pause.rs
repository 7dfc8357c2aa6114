//! How long a lane rests after its store throttled a whole call.

use std::time::Duration;

use tokio::time::Instant;

/// First rest where the store gives no advice; doubles while it goes on.
const FIRST: Duration = Duration::from_secs(1);
/// Longest rest of our own choosing.
const LONGEST: Duration = Duration::from_secs(30);
/// Longest advice that is followed, so that a store cannot silence a lane for good.
const LONGEST_ADVICE: Duration = Duration::from_secs(300);

/// When a lane may call again.
#[derive(Debug, Default)]
pub(super) struct Pause {
    began: Option<Instant>,
    until: Option<Instant>,
    strikes: u32,
}

impl Pause {
    /// What is left of the rest.
    pub(super) fn remaining(&self, now: Instant) -> Option<Duration> {
        self.until
            .map(|until| until.saturating_duration_since(now))
            .filter(|left| !left.is_zero())
    }

    /// When the rest ends, if it has not.
    pub(super) fn ends(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// The whole call that started then was throttled.
    pub(super) fn throttled(&mut self, started: Instant, advice: Option<Duration>, now: Instant) {
        // Calls that left before the rest began say nothing new: they are one strike together.
        if self.is_news(started) {
            self.strikes = self.strikes.saturating_add(1);
        }
        let doubled = FIRST
            .saturating_mul(1 << self.strikes.saturating_sub(1).min(5))
            .min(LONGEST);
        let until = now + advice.map_or(doubled, |advice| advice.min(LONGEST_ADVICE));
        self.began = Some(now);
        self.until = Some(self.until.map_or(until, |before| before.max(until)));
    }

    /// A call that started then got an answer.
    pub(super) fn answered(&mut self, started: Instant) {
        if self.is_news(started) {
            self.strikes = 0;
        }
    }

    fn is_news(&self, started: Instant) -> bool {
        self.began.is_none_or(|began| started >= began)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rests_double_up_to_half_a_minute_and_start_over_after_an_answer() {
        let mut pause = Pause::default();
        let mut rests = Vec::new();
        for _ in 0..7 {
            let now = Instant::now();
            pause.throttled(now, None, now);
            let rest = pause.remaining(now).unwrap();
            rests.push(rest.as_secs());
            tokio::time::advance(rest).await;
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 30, 30]);
        let now = Instant::now();
        assert_eq!(pause.ends(now), None);
        pause.answered(now);
        pause.throttled(now, None, now);
        assert_eq!(pause.remaining(now), Some(FIRST));
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_left_together_are_one_strike() {
        let mut pause = Pause::default();
        let left = Instant::now();
        tokio::time::advance(Duration::from_millis(10)).await;
        let now = Instant::now();
        (0..8).for_each(|_| pause.throttled(left, None, now));
        assert_eq!(pause.remaining(now), Some(FIRST));
        pause.answered(left);
        tokio::time::advance(Duration::from_secs(2)).await;
        let now = Instant::now();
        pause.throttled(now, None, now);
        assert_eq!(
            pause.remaining(now),
            Some(FIRST * 2),
            "an old answer ended the series"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn advice_is_followed_within_reason_and_never_shortens_a_rest() {
        let mut pause = Pause::default();
        let now = Instant::now();
        pause.throttled(now, Some(Duration::from_secs(7)), now);
        assert_eq!(pause.remaining(now), Some(Duration::from_secs(7)));
        pause.throttled(now, Some(Duration::ZERO), now);
        assert_eq!(pause.remaining(now), Some(Duration::from_secs(7)));
        pause.throttled(now, Some(Duration::MAX), now);
        assert_eq!(pause.remaining(now), Some(LONGEST_ADVICE));
    }
}
