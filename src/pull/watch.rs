//! The watch on pods: decodes and hands over, nothing else.
//!
//! The API server cuts a watch whose reader falls behind, so nothing here waits for anything but
//! the next line. A list is read page by page, a watch line by line; one pod that cannot be
//! decoded is counted and passed over.

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
use crate::pull::index::Event;
use crate::pull::pod::Pod;

/// The server ends a watch after this long; a random part keeps watches of replicas apart.
const WATCH_SECONDS: u64 = 290;
/// A bookmark comes about once a minute; silence for longer means that the connection is dead.
const SILENCE: Duration = Duration::from_secs(150);
/// One page is the largest piece of a list in memory: about 2 MB of JSON.
const PAGE: u32 = 250;
/// Longer than any pod that etcd takes.
const LONGEST_LINE: usize = 16 << 20;
/// Finished pods ask for nothing; leaving the selection arrives as a deletion.
const SELECTION: &str = "status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed";

/// An event and when it was received.
pub type Received = (Event, Instant);

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

impl From<kube::Error> for End {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 410 => Self::Expired,
            kube::Error::Api(status) if status.code == 403 => Self::Failed(
                "the API server refuses to list and watch pods: JASM's account needs list and watch on pods".to_owned(),
            ),
            kube::Error::Api(status) => Self::Failed(format!("the API server answers {} {}", status.code, status.reason)),
            other => Self::Failed(format!("the API server cannot be reached: {}", describe(&other))),
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
pub struct Watch {
    out: UnboundedSender<Received>,
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
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

impl Watch {
    /// Hands events to `out`.
    #[must_use]
    pub fn new(out: UnboundedSender<Received>, metrics: Metrics) -> Self {
        Self { out, metrics }
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
                        info!(resource_version = listed, "the list of pods is complete");
                        version = Some(listed);
                        self.metrics.watch_in_sync(true);
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
                    info!("the watch on pods is too far behind: listing again");
                    version = None;
                    failures += 1;
                }
                End::Failed(why) => {
                    failures = if lasted { 1 } else { failures + 1 };
                    // A first failure is a restart of the API server or a cut connection; more are news.
                    if failures > 1 {
                        warn!(failures, "{why}");
                        self.metrics.watch_in_sync(false);
                    }
                }
            }
            self.metrics.watch_restarted();
            tokio::time::sleep(pause(failures)).await;
        }
    }

    fn hand_over(&self, event: Event, received: Instant) {
        // Nobody listens after shutdown; the loop ends then.
        let _ = self.out.send((event, received));
    }

    fn decode(&self, json: &str) -> Option<(Pod, String)> {
        match Pod::from_json(json) {
            Ok(pod) => Some(pod),
            Err(error) => {
                self.metrics.undecodable_pod();
                debug!(
                    line = error.line(),
                    column = error.column(),
                    "a pod could not be decoded and is passed over"
                );
                None
            }
        }
    }

    async fn list(&self, client: &Client) -> Result<String, End> {
        self.hand_over(Event::Listing, Instant::now());
        let mut more = String::new();
        loop {
            let path = format!("/api/v1/pods?limit={PAGE}&fieldSelector={SELECTION}{more}");
            let text = timeout(Duration::from_secs(60), client.request_text(get(&path)?))
                .await
                .map_err(|_| {
                    End::Failed("the API server did not list pods within 60 s".to_owned())
                })??;
            let received = Instant::now();
            let page: Page<'_> = serde_json::from_str(&text)
                .map_err(|_| End::Failed("the list of pods is no JSON".to_owned()))?;
            for item in page.items {
                if let Some((pod, _)) = self.decode(item.get())
                    && pod.asks()
                {
                    self.hand_over(Event::Listed(pod), received);
                }
            }
            match page.metadata.more.filter(|token| !token.is_empty()) {
                Some(token) => more = format!("&continue={}", percent(&token)),
                None => {
                    self.hand_over(Event::InSync, received);
                    return Ok(page.metadata.resource_version);
                }
            }
        }
    }

    async fn watch(&self, client: &Client, version: &mut String) -> End {
        let path = format!(
            "/api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}\
             &resourceVersion={version}&fieldSelector={SELECTION}"
        );
        let request = match get(&path) {
            Ok(request) => request,
            Err(end) => return end,
        };
        let stream = match timeout(Duration::from_secs(30), client.request_stream(request)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return error.into(),
            Err(_) => {
                return End::Failed(
                    "the API server did not begin the watch within 30 s".to_owned(),
                );
            }
        };
        self.metrics.watch_in_sync(true);
        let mut stream = std::pin::pin!(stream);
        let mut line = Vec::with_capacity(16 << 10);
        loop {
            line.clear();
            match timeout(SILENCE, read_line(&mut stream, &mut line)).await {
                Ok(Ok(0)) => return End::Closed,
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return End::Closed,
                Err(_) => return End::Failed("the watch on pods fell silent".to_owned()),
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
                            "the watch on pods ended with {code} {}",
                            status.reason
                        )),
                    };
                }
                kind => {
                    let Some((pod, seen)) = self.decode(parsed.object.get()) else {
                        continue;
                    };
                    *version = seen;
                    self.metrics.watch_event();
                    let event = if kind == "DELETED" || !pod.asks() {
                        Event::Gone(pod.uid)
                    } else {
                        Event::Applied(pod)
                    };
                    self.hand_over(event, received);
                }
            }
        }
    }
}

fn get(path: &str) -> Result<http::Request<Vec<u8>>, End> {
    http::Request::get(path)
        .body(Vec::new())
        .map_err(|_| End::Failed("the request for pods is malformed".to_owned()))
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
