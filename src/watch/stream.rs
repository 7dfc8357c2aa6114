//! A watch: the list with which it may begin, and what changes.

use std::convert::Infallible;
use std::time::Duration;

use kube::Client;
use tokio::time::{Instant, timeout};

use crate::watch::capability::Capability;
use crate::watch::end::End;
use crate::watch::lines::{Line, Lines};
use crate::watch::request::{self, Request};
use crate::watch::{List, Watch, Watched};

/// How long the server may take to begin.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a list may stand still; all of it may take longer.
const LIST_SILENCE: Duration = Duration::from_secs(60);
/// A bookmark comes about once a minute; silence for longer means that the connection is dead.
const SILENCE: Duration = Duration::from_secs(150);

impl<W: Watched> Watch<W> {
    /// A watch that has begun with every object there is and goes on with what changes.
    pub(super) async fn stream(
        &self,
        client: &Client,
        capability: &mut Capability,
    ) -> Result<(Lines, List), End> {
        let request = request::stream(&self.watched)?;
        let mut lines = self.open(client, request).await?;
        match self.initial(&mut lines).await {
            Ok(list) => {
                capability.served();
                Ok((lines, list))
            }
            Err(end) => {
                capability.broke(Instant::now());
                Err(end)
            }
        }
    }

    /// A watch on what comes after a version.
    pub(super) async fn resume(&self, client: &Client, version: &str) -> Result<Lines, End> {
        let request = request::watch(&self.watched, version)?;
        self.open(client, request).await
    }

    async fn open(&self, client: &Client, request: Request) -> Result<Lines, End> {
        let resource = self.watched.resource();
        match timeout(PATIENCE, client.request_stream(request)).await {
            Ok(Ok(stream)) => Ok(Lines::new(Box::pin(stream), resource)),
            Ok(Err(error)) => Err(End::of(&error, resource)),
            Err(_) => Err(End::Failed(format!(
                "the API server did not begin the watch on {resource} within {} s",
                PATIENCE.as_secs()
            ))),
        }
    }

    /// Hands over the objects that are there, up to the bookmark that ends them.
    async fn initial(&self, lines: &mut Lines) -> Result<List, End> {
        let mut objects = 0;
        self.hand_over(self.watched.listing(), Instant::now());
        loop {
            let line = lines.next(LIST_SILENCE).await.map_err(|end| match end {
                // What was handed over is only a part: all of it is asked for again.
                End::Closed => End::Failed(format!(
                    "the list of {} broke off before its end",
                    self.watched.resource()
                )),
                other => other,
            })?;
            let received = Instant::now();
            match line {
                Line::Added(object) => {
                    objects += 1;
                    self.listed(object, received);
                }
                // An older server takes its time for the end, and says what happens meanwhile.
                Line::Modified(object) => {
                    self.changed(object, false, received);
                }
                Line::Deleted(object) => {
                    self.changed(object, true, received);
                }
                Line::Bookmark {
                    version,
                    ends_list: true,
                } => {
                    self.hand_over(self.watched.in_sync(&version), received);
                    return Ok(List { version, objects });
                }
                // The server's first bookmark is that end; this one does not know of any.
                Line::Bookmark { .. } => return Err(End::CannotStream),
                Line::Undecodable(error) => self.passed_over(&error),
            }
        }
    }

    /// Hands over what changes, for as long as the watch lasts.
    pub(super) async fn follow(
        &self,
        lines: &mut Lines,
        version: &mut Option<String>,
    ) -> Result<Infallible, End> {
        loop {
            let line = lines.next(SILENCE).await?;
            let received = Instant::now();
            let seen = match line {
                Line::Added(object) | Line::Modified(object) => {
                    self.changed(object, false, received)
                }
                Line::Deleted(object) => self.changed(object, true, received),
                Line::Bookmark { version, .. } => Some(version),
                Line::Undecodable(error) => {
                    self.passed_over(&error);
                    None
                }
            };
            if seen.is_some() {
                *version = seen;
            }
        }
    }
}
