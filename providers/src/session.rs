//! One credential for however many reads: got once, renewed before it ends, dropped when it is refused.
//!
//! Who reads waits under a deadline of its own; getting the credential goes on without it, so that the
//! next one finds it. Nothing runs while nobody reads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::{Error, ErrorKind};

/// Longest that getting a credential may take; each way to get one has a shorter bound of its own.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a failure answers for those who come next, so that a burst of reads is no burst of logins.
const FAILED: Duration = Duration::from_secs(1);
/// How long a failed renewal waits for the next try while the credential is still good.
const RENEWAL: Duration = Duration::from_secs(10);
/// How long before its end a credential is renewed, at most; a fifth of its life for shorter ones.
const EARLY: Duration = Duration::from_secs(300);
/// How long a credential that was got after a refused one is not dropped itself.
const DROPPED: Duration = Duration::from_secs(60);

/// A credential with when it ends.
pub(crate) struct Issued<T> {
    pub(crate) value: T,
    /// When the next one is to be got; none for one that never ends.
    pub(crate) renew: Option<Instant>,
    /// From when on it must not be used.
    pub(crate) ends: Option<Instant>,
}

impl<T> Issued<T> {
    /// One that lives for `life` from `since`, the time before it was asked for.
    pub(crate) fn lasting(value: T, since: Instant, life: Duration) -> Self {
        Self {
            value,
            renew: Some(since + (life - EARLY.min(life / 5))),
            ends: Some(since + life),
        }
    }
}

/// A credential in use.
pub(crate) struct Held<T> {
    issued: Issued<T>,
    /// When getting it began.
    since: Instant,
    number: u64,
}

impl<T> Held<T> {
    pub(crate) fn value(&self) -> &T {
        &self.issued.value
    }

    /// From when on it must not be used; none where it never ends.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.issued.ends
    }
}

/// The credential of one identity at one store.
pub(crate) struct Session<T>(Arc<Mutex<State<T>>>);

type Answer<T> = Result<Arc<Held<T>>, Error>;
/// One attempt to get a credential, for everybody who waits for it.
type Attempt<T> = watch::Receiver<Option<Answer<T>>>;

struct State<T> {
    held: Option<Arc<Held<T>>>,
    attempt: Option<Attempt<T>>,
    failed: Option<(Instant, Error)>,
    dropped: Option<Instant>,
    /// How many there have been.
    number: u64,
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Session<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            held: None,
            attempt: None,
            failed: None,
            dropped: None,
            number: 0,
        })))
    }
}

impl<T: Send + Sync + 'static> Session<T> {
    /// The credential: the one there is, or the one that `make` gets.
    ///
    /// `make` is called once at a time, with the one before where that is still good; then nobody waits
    /// for the new one.
    pub(crate) async fn get<W>(
        &self,
        deadline: Instant,
        make: impl FnOnce(Option<Arc<Held<T>>>) -> W,
    ) -> Answer<T>
    where
        W: Future<Output = Result<Issued<T>, Error>> + Send + 'static,
    {
        let mut attempt = match self.find(make) {
            Ok(answer) => return answer,
            Err(attempt) => attempt,
        };
        let waited = timeout_at(deadline, attempt.wait_for(|answer| answer.is_some())).await;
        match waited {
            Ok(Ok(answer)) => answer.clone().unwrap_or_else(|| Err(unavailable(""))),
            Ok(Err(_)) => Err(unavailable("")),
            Err(_) => Err(unavailable(" in time")),
        }
    }

    /// What is known already, or the attempt to wait for.
    fn find<W>(&self, make: impl FnOnce(Option<Arc<Held<T>>>) -> W) -> Result<Answer<T>, Attempt<T>>
    where
        W: Future<Output = Result<Issued<T>, Error>> + Send + 'static,
    {
        let mut state = self.lock();
        // One that ended without an answer, in a fault, is nobody's.
        state.attempt = state
            .attempt
            .take()
            .filter(|attempt| attempt.has_changed().is_ok());
        let now = Instant::now();
        let failed_since = |pause: Duration| {
            state
                .failed
                .as_ref()
                .filter(|(at, _)| now < *at + pause)
                .map(|(_, error)| error.clone())
        };
        let good = state
            .held
            .clone()
            .filter(|held| held.issued.ends.is_none_or(|ends| now < ends));
        if let Some(held) = good {
            let due = held.issued.renew.is_some_and(|renew| renew <= now);
            if due && state.attempt.is_none() && failed_since(RENEWAL).is_none() {
                let making = make(Some(Arc::clone(&held)));
                self.start(&mut state, making);
            }
            return Ok(Ok(held));
        }
        if let Some(attempt) = &state.attempt {
            return Err(attempt.clone());
        }
        if let Some(error) = failed_since(FAILED) {
            return Ok(Err(error));
        }
        let making = make(None);
        Err(self.start(&mut state, making))
    }

    /// Runs an attempt by itself, so that no reader's end is its end.
    fn start<W>(&self, state: &mut State<T>, making: W) -> Attempt<T>
    where
        W: Future<Output = Result<Issued<T>, Error>> + Send + 'static,
    {
        let (tell, attempt) = watch::channel(None);
        state.attempt = Some(attempt.clone());
        let (session, since) = (self.clone(), Instant::now());
        tokio::spawn(async move {
            let made = timeout_at(since + LONGEST, making).await;
            let answer =
                session.settle(made.unwrap_or_else(|_| Err(unavailable(" in time"))), since);
            // Nobody may be waiting any more; what was got is kept all the same.
            let _ = tell.send(Some(answer));
        });
        attempt
    }

    fn settle(&self, result: Result<Issued<T>, Error>, since: Instant) -> Answer<T> {
        let mut state = self.lock();
        state.attempt = None;
        match result {
            Ok(issued) => {
                state.number += 1;
                let held = Arc::new(Held {
                    issued,
                    since,
                    number: state.number,
                });
                state.held = Some(Arc::clone(&held));
                state.failed = None;
                Ok(held)
            }
            Err(error) => {
                state.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Drops a credential that the store does not accept. False if it stays: the one before it was
    /// dropped only now, so it is not the credential that the store dislikes.
    pub(crate) fn refuse(&self, refused: &Held<T>) -> bool {
        self.drop_if(|held| held.number == refused.number)
    }

    /// The same for who does not know which credential was refused: one that was there when the call
    /// began. For clients that ask for it by themselves.
    pub(crate) fn refuse_older(&self, began: Instant) -> bool {
        self.drop_if(|held| held.since < began)
    }

    fn drop_if(&self, refused: impl FnOnce(&Held<T>) -> bool) -> bool {
        let mut state = self.lock();
        if !state.held.as_deref().is_some_and(refused) {
            // Somebody else was faster: there is a newer one, or will be.
            return true;
        }
        let now = Instant::now();
        if state.dropped.is_some_and(|at| now < at + DROPPED) {
            return false;
        }
        state.dropped = Some(now);
        state.held = None;
        true
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(why: &str) -> Error {
    let sentence = format!("the credentials could not be had{why}");
    Error::new(ErrorKind::Unavailable, sentence)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::JoinSet;
    use tokio::time::{advance, sleep};

    use super::*;

    const LIFE: Duration = Duration::from_secs(600);

    /// Counts logins; each takes a second and gives its number.
    #[derive(Clone, Default)]
    struct Desk {
        session: Session<u32>,
        logins: Arc<AtomicU32>,
        broken: Arc<AtomicU32>,
    }

    impl Desk {
        async fn ask(&self) -> Answer<u32> {
            self.ask_until(Instant::now() + Duration::from_secs(30))
                .await
        }

        async fn ask_until(&self, deadline: Instant) -> Answer<u32> {
            let desk = self.clone();
            self.session
                .get(deadline, |_| async move {
                    sleep(Duration::from_secs(1)).await;
                    let value = desk.logins.fetch_add(1, Ordering::SeqCst);
                    if desk.broken.load(Ordering::SeqCst) > 0 {
                        return Err(Error::new(ErrorKind::Unauthenticated, "no"));
                    }
                    Ok(Issued::lasting(value, Instant::now(), LIFE))
                })
                .await
        }

        fn logins(&self) -> u32 {
            self.logins.load(Ordering::SeqCst)
        }
    }

    async fn burst(desk: &Desk) -> Vec<Answer<u32>> {
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let desk = desk.clone();
            tasks.spawn(async move { desk.ask().await });
        }
        tasks.join_all().await
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_login_whether_it_works_or_not() {
        let desk = Desk::default();
        assert!(burst(&desk).await.iter().all(Result::is_ok));
        assert_eq!(desk.logins(), 1);
        let desk = Desk::default();
        desk.broken.store(1, Ordering::SeqCst);
        assert!(burst(&desk).await.iter().all(Result::is_err));
        assert_eq!(desk.logins(), 1);
        desk.broken.store(0, Ordering::SeqCst);
        advance(FAILED).await;
        assert!(desk.ask().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_before_it_ends_and_nobody_waits() {
        let desk = Desk::default();
        assert_eq!(desk.ask().await.map(|held| *held.value()).ok(), Some(0));
        advance(LIFE * 4 / 5).await;
        let began = Instant::now();
        assert_eq!(desk.ask().await.map(|held| *held.value()).ok(), Some(0));
        assert_eq!(began.elapsed(), Duration::ZERO);
        sleep(Duration::from_secs(2)).await;
        assert_eq!(desk.ask().await.map(|held| *held.value()).ok(), Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_is_tried_again_while_the_old_one_serves() {
        let desk = Desk::default();
        assert!(desk.ask().await.is_ok());
        desk.broken.store(1, Ordering::SeqCst);
        advance(LIFE * 4 / 5).await;
        for _ in 0..15 {
            assert!(desk.ask().await.is_ok());
            sleep(Duration::from_secs(1)).await;
        }
        assert_eq!(desk.logins(), 3);
        advance(LIFE).await;
        assert!(desk.ask().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_nobody_along() {
        let desk = Desk::default();
        let late = desk
            .ask_until(Instant::now() + Duration::from_millis(10))
            .await;
        assert_eq!(
            late.err().map(|error| error.kind),
            Some(ErrorKind::Unavailable)
        );
        sleep(Duration::from_secs(2)).await;
        assert!(desk.ask().await.is_ok());
        assert_eq!(desk.logins(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_one_is_dropped_once_a_minute() {
        let desk = Desk::default();
        let Ok(first) = desk.ask().await else {
            panic!("no first one")
        };
        assert!(desk.session.refuse(&first));
        let Ok(second) = desk.ask().await else {
            panic!("no second one")
        };
        // Those who had the first one when it was dropped ask with the second one.
        assert!(desk.session.refuse(&first));
        assert!(!desk.session.refuse(&second));
        advance(DROPPED).await;
        assert!(desk.session.refuse(&second));
        assert_eq!(desk.logins(), 2);
    }
    #[tokio::test(start_paused = true)]
    async fn one_that_was_there_when_a_call_began_is_dropped_once_a_minute() {
        let desk = Desk::default();
        assert!(desk.ask().await.is_ok());
        advance(Duration::from_secs(1)).await;
        let began = Instant::now();
        assert!(desk.session.refuse_older(began));
        assert!(desk.ask().await.is_ok());
        // The one that came since is not the one that was refused.
        assert!(desk.session.refuse_older(began));
        assert_eq!(desk.logins(), 2);
        assert!(desk.ask().await.is_ok());
        assert_eq!(desk.logins(), 2);
        assert!(!desk.session.refuse_older(Instant::now()));
        assert!(desk.ask().await.is_ok());
        assert_eq!(desk.logins(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_ends_in_a_fault_or_never_is_not_waited_for_again() {
        let session = Session::<u32>::default();
        let soon = || Instant::now() + Duration::from_secs(5);
        let fault = session.get(soon(), |_| async { panic!("a fault") }).await;
        assert_eq!(
            fault.err().map(|error| error.kind),
            Some(ErrorKind::Unavailable)
        );
        assert!(
            session
                .get(soon(), |_| std::future::pending())
                .await
                .is_err()
        );
        let one = || async { Ok(Issued::lasting(1, Instant::now(), LIFE)) };
        assert!(session.get(soon(), |_| one()).await.is_err());
        advance(LONGEST).await;
        sleep(FAILED * 2).await;
        assert!(session.get(soon(), |_| one()).await.is_ok());
    }

    #[test]
    fn renewal_is_five_minutes_or_a_fifth_of_a_life_before_the_end() {
        let now = Instant::now();
        for (life, renew) in [(3600, 3300), (600, 480), (0, 0)] {
            let issued = Issued::lasting((), now, Duration::from_secs(life));
            assert_eq!(issued.renew, Some(now + Duration::from_secs(renew)));
            assert_eq!(issued.ends, Some(now + Duration::from_secs(life)));
        }
    }
}
