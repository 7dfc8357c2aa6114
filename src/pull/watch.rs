//! A watch on one kind of object: decodes and hands over, nothing else.
//!
//! The API server cuts a watch whose reader falls behind, so nothing here waits for anything but
//! the next line. A list is read page by page, a watch line by line; one object that cannot be
//! decoded is counted and passed over. What is watched and what becomes of it is said by a
//! [`Watched`]: [`Pods`], or the objects that JASM made (`pull::observe`).

use std::fmt::Debug;
use std::io;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt};
use kube::Client;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout};
use tracing::{debug, info, warn};

use crate::metrics::Metrics;

mod pods;

pub use pods::Pods;

/// The server ends a watch after this long; a random part keeps watches of replicas apart.
const WATCH_SECONDS: u64 = 290;
/// A bookmark comes about once a minute; silence for longer means that the connection is dead.
const SILENCE: Duration = Duration::from_secs(150);
/// One page is the largest piece of a list in memory: about 2 MB of JSON.
const PAGE: u32 = 250;
/// Longer than any pod that etcd takes.
const LONGEST_LINE: usize = 16 << 20;
/// Only the metadata of what is listed or watched.
const METADATA_ONLY: [&str; 2] = [
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
];

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

/// Why a list or watch ended.
#[derive(Debug)]
enum End {
    /// The version is too old: list again.
    Expired,
    /// The server ended it, as it does every few minutes or when a reader is slow.
    Closed,
    /// It failed.
    Failed(String),
}

impl End {
    fn of(error: &kube::Error, resource: &str) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 410 => Self::Expired,
            kube::Error::Api(status) if status.code == 403 => Self::Failed(format!(
                "the API server refuses to list and watch {resource}: JASM's account needs list and watch on {resource}"
            )),
            kube::Error::Api(status) => Self::Failed(format!(
                "the API server answers {} {}",
                status.code, status.reason
            )),
            other => Self::Failed(format!(
                "the API server cannot be reached: {}",
                describe(other)
            )),
        }
    }
}

/// The kind of a client error without what it quotes.
fn describe(error: &kube::Error) -> &'static str {
    match error {
        kube::Error::HyperError(_) | kube::Error::Service(_) => "no connection",
        kube::Error::Auth(_) => "no credentials",
        kube::Error::SerdeError(_) | kube::Error::ReadEvents(_) => {
            "the answer was cut or is no JSON"
        }
        _ => "the request failed",
    }
}

/// The watch; ends only when nobody listens any more.
#[derive(Debug)]
pub struct Watch<W: Watched> {
    watched: W,
    out: UnboundedSender<Received<W::Event>>,
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Page<'a> {
    /// An empty list of metadata is null.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    metadata: PageMetadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct PageMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    more: Option<String>,
}

#[derive(Deserialize)]
struct Line<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Versioned {
    metadata: PageMetadata,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
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
        let mut failures = 0;
        let mut version: Option<String> = None;
        while !self.out.is_closed() {
            let begun = Instant::now();
            let end = match &mut version {
                None => match self.list(client).await {
                    Ok(listed) => {
                        info!(
                            resource = self.watched.resource(),
                            resource_version = listed,
                            "the list is complete"
                        );
                        version = Some(listed);
                        self.metrics.watch_in_sync(self.watched.resource(), true);
                        failures = 0;
                        continue;
                    }
                    Err(end) => end,
                },
                Some(version) => self.watch(client, version).await,
            };
            let lasted = begun.elapsed() > Duration::from_secs(1);
            match end {
                End::Closed if lasted => failures = 0,
                End::Closed => failures += 1,
                End::Expired => {
                    info!(
                        resource = self.watched.resource(),
                        "the watch is too far behind: listing again"
                    );
                    version = None;
                    failures += 1;
                }
                End::Failed(why) => {
                    failures = if lasted { 1 } else { failures + 1 };
                    // A first failure is a restart of the API server or a cut connection; more are news.
                    if failures > 1 {
                        warn!(failures, "{why}");
                        self.metrics.watch_in_sync(self.watched.resource(), false);
                    }
                }
            }
            self.metrics.watch_restarted(self.watched.resource());
            tokio::time::sleep(pause(failures)).await;
        }
    }

    fn hand_over(&self, event: W::Event, received: Instant) {
        // Nobody listens after shutdown; the loop ends then.
        let _ = self.out.send((event, received));
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

    fn get(&self, parameters: &str) -> Result<http::Request<Vec<u8>>, End> {
        let mut request = http::Request::get(format!("{}{parameters}", self.watched.path()));
        if self.watched.metadata_only() {
            let watch = usize::from(parameters.contains("watch=true"));
            request = request.header(http::header::ACCEPT, METADATA_ONLY[watch]);
        }
        request.body(Vec::new()).map_err(|_| {
            End::Failed(format!(
                "the request for {} is malformed",
                self.watched.resource()
            ))
        })
    }

    async fn list(&self, client: &Client) -> Result<String, End> {
        self.hand_over(self.watched.listing(), Instant::now());
        let mut more = String::new();
        loop {
            let request = self.get(&format!("&limit={PAGE}{more}"))?;
            let text = timeout(Duration::from_secs(60), client.request_text(request))
                .await
                .map_err(|_| {
                    End::Failed(format!(
                        "the API server did not list {} within 60 s",
                        self.watched.resource()
                    ))
                })?
                .map_err(|error| End::of(&error, self.watched.resource()))?;
            let received = Instant::now();
            let page: Page<'_> = serde_json::from_str(&text).map_err(|_| {
                End::Failed(format!(
                    "the list of {} is no JSON",
                    self.watched.resource()
                ))
            })?;
            for item in page.items.into_iter().flatten() {
                match self.watched.listed(item.get()) {
                    Ok(Some(event)) => self.hand_over(event, received),
                    Ok(None) => {}
                    Err(error) => self.passed_over(&error),
                }
            }
            match page.metadata.more.filter(|token| !token.is_empty()) {
                Some(token) => more = format!("&continue={}", percent(&token)),
                None => {
                    let version = page.metadata.resource_version;
                    self.hand_over(self.watched.in_sync(&version), received);
                    return Ok(version);
                }
            }
        }
    }

    async fn watch(&self, client: &Client, version: &mut String) -> End {
        let parameters = format!(
            "&watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
        );
        let request = match self.get(&parameters) {
            Ok(request) => request,
            Err(end) => return end,
        };
        let stream = match timeout(Duration::from_secs(30), client.request_stream(request)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return End::of(&error, self.watched.resource()),
            Err(_) => {
                return End::Failed(
                    "the API server did not begin the watch within 30 s".to_owned(),
                );
            }
        };
        self.metrics.watch_in_sync(self.watched.resource(), true);
        let mut stream = std::pin::pin!(stream);
        let mut line = Vec::with_capacity(16 << 10);
        loop {
            line.clear();
            match timeout(SILENCE, read_line(&mut stream, &mut line)).await {
                Ok(Ok(0)) => return End::Closed,
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return End::Closed,
                Err(_) => {
                    return End::Failed(format!(
                        "the watch on {} fell silent",
                        self.watched.resource()
                    ));
                }
            }
            let received = Instant::now();
            let Ok(parsed) = serde_json::from_slice::<Line<'_>>(&line) else {
                // A line that was cut in the middle; what it said comes again after the last version.
                return End::Closed;
            };
            match parsed.r#type {
                "BOOKMARK" => {
                    if let Ok(bookmark) = serde_json::from_str::<Versioned>(parsed.object.get()) {
                        *version = bookmark.metadata.resource_version;
                    }
                }
                "ERROR" => {
                    let status: Status =
                        serde_json::from_str(parsed.object.get()).unwrap_or_default();
                    return match status.code {
                        410 => End::Expired,
                        code => End::Failed(format!(
                            "the watch on {} ended with {code} {}",
                            self.watched.resource(),
                            status.reason
                        )),
                    };
                }
                kind => match self.watched.changed(parsed.object.get(), kind == "DELETED") {
                    Ok((event, seen)) => {
                        *version = seen;
                        self.metrics.watch_event(self.watched.resource());
                        self.hand_over(event, received);
                    }
                    Err(error) => self.passed_over(&error),
                },
            }
        }
    }
}

/// Reads up to a line break; a line beyond any pod's size is an error rather than memory.
async fn read_line<R: AsyncBufRead + Unpin>(
    reader: &mut R,
    line: &mut Vec<u8>,
) -> io::Result<usize> {
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(line.len());
        }
        let (taken, done) = match available.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (available.len(), false),
        };
        line.extend_from_slice(&available[..taken]);
        reader.consume_unpin(taken);
        if done {
            return Ok(line.len());
        }
        if line.len() > LONGEST_LINE {
            return Err(io::ErrorKind::InvalidData.into());
        }
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

fn percent(token: &str) -> String {
    token
        .bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the API server answers where no object carries the label.
    #[test]
    fn a_list_of_no_metadata_is_a_list() {
        let text = r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{"resourceVersion":"386"},"items":null}"#;
        let page: Page<'_> = serde_json::from_str(text).unwrap();
        assert!(page.items.is_none());
        assert_eq!(page.metadata.resource_version, "386");
    }
}
