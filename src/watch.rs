//! A watch on one kind of object: decodes and hands over, nothing else.
//!
//! The API server cuts a watch whose reader falls behind, so nothing here waits for anything but
//! the next line. A watch begins with the list of what there is, in the same stream where the server
//! can (KEP-3157), else page by page before it; one object that cannot be decoded is counted and
//! passed over. What is watched and what becomes of it is said by a [`Watched`]: [`Pods`], or the
//! objects that JASM made (`pull::observe`).
//!
//! `request` is what is asked, `lines` what a watch answers, `stream` and `pages` are the two ways to
//! the list, `capability` remembers whether the first is open, `end` says why a way ended.

use std::convert::Infallible;
use std::fmt::Debug;
use std::time::Duration;

use kube::Client;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::metrics::Metrics;
use crate::watch::capability::Capability;
use crate::watch::end::End;

mod capability;
mod end;
mod lines;
mod pages;
mod request;
mod stream;

/// So many answers in a row that there is no such kind are believed: they take about 16 s.
const ABSENT: u32 = 6;

/// What ends a watch, besides that nobody listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Nothing.
    Ever,
    /// The server does not have the kind.
    Absent,
    /// The account may not have it.
    Forbidden,
}

/// An event and when it was received.
pub type Received<E> = (E, Instant);

/// What is watched, and what becomes of it.
pub trait Watched: Debug {
    /// What is handed over.
    type Event: Send;
    /// The word in messages and metrics: `pods`.
    fn resource(&self) -> &'static str;
    /// The path with what selects among them, ready for more parameters.
    fn path(&self) -> &'static str;
    /// Whether the objects' metadata is all that is asked for.
    fn metadata_only(&self) -> bool;
    /// A list begins.
    fn listing(&self) -> Self::Event;
    /// An object of the list; none if it is of no interest.
    ///
    /// # Errors
    /// If it cannot be decoded.
    fn listed(&self, json: &str) -> Result<Option<Self::Event>, serde_json::Error>;
    /// The list is complete, as of the given version.
    fn in_sync(&self, version: &str) -> Self::Event;
    /// An object was added or changed, or is `gone` from the selection; beside the event the
    /// version up to which the watch has come.
    ///
    /// # Errors
    /// If it cannot be decoded.
    fn changed(&self, json: &str, gone: bool) -> Result<(Self::Event, String), serde_json::Error>;
}

/// The watch; ends only when nobody listens any more.
#[derive(Debug)]
pub struct Watch<W: Watched> {
    watched: W,
    out: UnboundedSender<Received<W::Event>>,
    metrics: Metrics,
}

/// A list that is complete.
struct List {
    version: String,
    /// How many it named, of interest or not.
    objects: usize,
}

/// How far the watch has come.
#[derive(Default)]
struct Course {
    /// What is known is as of this version; none if there is no list yet, or none that holds.
    version: Option<String>,
    capability: Capability,
    /// Turns in a row that came to nothing.
    failures: u32,
    /// How often in a row the server did not have the kind.
    absent: u32,
    /// Since when changes are followed.
    following: Option<Instant>,
}

impl<W: Watched> Watch<W> {
    /// Hands events to `out`.
    #[must_use]
    pub fn new(watched: W, out: UnboundedSender<Received<W::Event>>, metrics: Metrics) -> Self {
        Self {
            watched,
            out,
            metrics,
        }
    }

    /// Lists, watches, and starts again for ever.
    pub async fn run(&self, client: &Client) {
        self.go_on(client, Until::Ever).await;
    }

    /// The same until the account is seen to have no right to it.
    pub async fn run_while_allowed(&self, client: &Client) {
        self.go_on(client, Until::Forbidden).await;
    }

    /// The same until the API server does not have the kind any more. A CRD that has just come is known
    /// before it is served: it has a quarter of a minute for that.
    pub async fn run_while_served(&self, client: &Client) {
        self.go_on(client, Until::Absent).await;
    }

    async fn go_on(&self, client: &Client, until: Until) {
        let resource = self.watched.resource();
        let mut course = Course::default();
        while !self.out.is_closed() {
            let Err(end) = self.turn(client, &mut course).await;
            if !matches!(end, End::Absent) {
                course.absent = 0;
            }
            let lasted = course
                .following
                .take()
                .is_some_and(|since| since.elapsed() > Duration::from_secs(1));
            match end {
                End::Closed if lasted => course.failures = 0,
                End::Closed => course.failures += 1,
                End::Expired => {
                    info!(resource, "the watch is too far behind: listing again");
                    course.version = None;
                    course.failures += 1;
                }
                End::CannotStream => {
                    course.capability.refused(Instant::now());
                    info!(
                        resource,
                        "the API server streams no lists: listing by pages"
                    );
                    continue;
                }
                End::Absent => {
                    course.version = None;
                    course.failures += 1;
                    course.absent += 1;
                    if until == Until::Absent && course.absent >= ABSENT {
                        return;
                    }
                    if until != Until::Absent && course.failures > 1 {
                        warn!(
                            failures = course.failures,
                            "the API server does not have {resource}"
                        );
                        self.metrics.watch_in_sync(resource, false);
                    }
                }
                End::Forbidden(_) if until == Until::Forbidden => return,
                End::Failed(why) | End::Forbidden(why) => {
                    course.failures = if lasted { 1 } else { course.failures + 1 };
                    // A first failure is a restart of the API server or a cut connection; more are news.
                    if course.failures > 1 {
                        warn!(failures = course.failures, "{why}");
                        self.metrics.watch_in_sync(resource, false);
                    }
                }
            }
            self.metrics.watch_restarted(resource);
            tokio::time::sleep(pause(course.failures)).await;
        }
    }

    /// Makes the list if there is none, and watches until that ends.
    async fn turn(&self, client: &Client, course: &mut Course) -> Result<Infallible, End> {
        let begun = Instant::now();
        let streams = course.capability.is_to_be_tried(begun);
        let mut lines = match course.version.clone() {
            None if streams => {
                let (lines, list) = self.stream(client, &mut course.capability).await?;
                self.complete(list, course, "streamed", begun);
                lines
            }
            None => {
                let list = self.pages(client).await?;
                let version = list.version.clone();
                self.complete(list, course, "paged", begun);
                self.resume(client, &version).await?
            }
            Some(version) => self.resume(client, &version).await?,
        };
        self.metrics.watch_in_sync(self.watched.resource(), true);
        course.following = Some(Instant::now());
        self.follow(&mut lines, &mut course.version).await
    }

    fn complete(&self, list: List, course: &mut Course, how: &'static str, begun: Instant) {
        let resource = self.watched.resource();
        info!(
            resource,
            resource_version = list.version,
            how,
            objects = list.objects,
            milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "the list is complete"
        );
        course.version = Some(list.version);
        course.failures = 0;
        self.metrics.watch_in_sync(resource, true);
    }

    fn hand_over(&self, event: W::Event, received: Instant) {
        // Nobody listens after shutdown; the loop ends then.
        let _ = self.out.send((event, received));
    }

    /// Hands over an object of a list.
    fn listed(&self, json: &str, received: Instant) {
        match self.watched.listed(json) {
            Ok(Some(event)) => self.hand_over(event, received),
            Ok(None) => {}
            Err(error) => self.passed_over(&error),
        }
    }

    /// Hands over a change; the version to which the watch has come by it.
    fn changed(&self, json: &str, gone: bool, received: Instant) -> Option<String> {
        match self.watched.changed(json, gone) {
            Ok((event, version)) => {
                self.metrics.watch_event(self.watched.resource());
                self.hand_over(event, received);
                Some(version)
            }
            Err(error) => {
                self.passed_over(&error);
                None
            }
        }
    }

    fn passed_over(&self, error: &serde_json::Error) {
        self.metrics.undecodable(self.watched.resource());
        debug!(
            resource = self.watched.resource(),
            line = error.line(),
            column = error.column(),
            "an object could not be decoded and is passed over"
        );
    }
}

/// Nothing after an ordinary end, 0.1 s after the first failure, then 1 s doubling to 30 s; each
/// with a random quarter more.
fn pause(failures: u32) -> Duration {
    let base = match failures {
        0 => Duration::ZERO,
        1 => Duration::from_millis(100),
        more => Duration::from_secs(1 << (more - 2).min(5)).min(Duration::from_secs(30)),
    };
    base.mul_f64(1.0 + fastrand::f64() / 4.0)
}
