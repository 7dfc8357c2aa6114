//! A watch line by line.

use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures::{AsyncBufRead, AsyncBufReadExt};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::timeout;

use crate::watch::end::End;

/// Longer than any pod that etcd takes.
const LONGEST_LINE: usize = 16 << 20;

/// What a line says.
#[derive(Debug)]
pub(super) enum Line<'a> {
    /// An object is there.
    Added(&'a str),
    /// It changed.
    Modified(&'a str),
    /// It is gone from the selection.
    Deleted(&'a str),
    /// The watch has come to a version.
    Bookmark {
        /// All up to it was said.
        version: String,
        /// Every object that was there when the watch began was said.
        ends_list: bool,
    },
    /// It cannot be decoded.
    Undecodable(serde_json::Error),
}

#[derive(Deserialize)]
struct Raw<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
struct Bookmark {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    resource_version: String,
    annotations: Option<Annotations>,
}

#[derive(Deserialize)]
struct Annotations {
    /// `metav1.InitialEventsAnnotationKey`
    #[serde(rename = "k8s.io/initial-events-end")]
    initial_events_end: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
    reason: String,
}

/// What a watch is read from.
type Reader = Pin<Box<dyn AsyncBufRead + Send>>;

/// Reads one watch; one line of it is in memory at a time.
pub(super) struct Lines {
    reader: Reader,
    resource: &'static str,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(reader: Reader, resource: &'static str) -> Self {
        Self {
            reader,
            resource,
            line: Vec::with_capacity(16 << 10),
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// Why there is none; it is one too that none came within `silence`.
    pub(super) async fn next(&mut self, silence: Duration) -> Result<Line<'_>, End> {
        self.line.clear();
        match timeout(silence, read_line(&mut self.reader, &mut self.line)).await {
            Ok(Ok(0) | Err(_)) => return Err(End::Closed),
            Ok(Ok(_)) => {}
            Err(_) => {
                return Err(End::Failed(format!(
                    "the watch on {} fell silent",
                    self.resource
                )));
            }
        }
        let Ok(raw) = serde_json::from_slice::<Raw<'_>>(&self.line) else {
            // A line that was cut in the middle; what it said comes again after the last version.
            return Err(End::Closed);
        };
        let object = raw.object.get();
        Ok(match raw.r#type {
            "ADDED" => Line::Added(object),
            "DELETED" => Line::Deleted(object),
            "BOOKMARK" => bookmark(object).unwrap_or_else(Line::Undecodable),
            "ERROR" => return Err(self.error(object)),
            _ => Line::Modified(object),
        })
    }

    fn error(&self, status: &str) -> End {
        let status: Status = serde_json::from_str(status).unwrap_or_default();
        match status.code {
            410 => End::Expired,
            code => End::Failed(format!(
                "the watch on {} ended with {code} {}",
                self.resource, status.reason
            )),
        }
    }
}

fn bookmark(object: &str) -> Result<Line<'static>, serde_json::Error> {
    let Metadata {
        resource_version: version,
        annotations,
    } = serde_json::from_str::<Bookmark>(object)?.metadata;
    let end = annotations.and_then(|annotations| annotations.initial_events_end);
    Ok(Line::Bookmark {
        version,
        ends_list: end.as_deref() == Some("true"),
    })
}

/// Reads up to a line break; a line beyond any pod's size is an error rather than memory.
async fn read_line(reader: &mut Reader, line: &mut Vec<u8>) -> io::Result<usize> {
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

#[cfg(test)]
mod tests {
    use futures::stream::{self, StreamExt as _, TryStreamExt as _};

    use super::*;

    /// A watch that says this, in pieces, and then nothing more without ending.
    fn open(pieces: &[&'static str]) -> Lines {
        let pieces: Vec<io::Result<&'static [u8]>> =
            pieces.iter().map(|piece| Ok(piece.as_bytes())).collect();
        let reader = stream::iter(pieces).chain(stream::pending());
        Lines::new(Box::pin(reader.into_async_read()), "pods")
    }

    const SILENCE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn only_the_marked_bookmark_ends_the_list() {
        let mut lines = open(&[
            "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"1\",\"annotations\":{\"x\":\"true\"}}}}\n",
            "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"2\",\"annotations\":{\"k8s.io/initial-events-end\":\"false\"}}}}\n",
            "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"3\",\"annotations\":{\"k8s.io/initial",
            "-events-end\":\"true\"}}}}\n{\"type\":\"BOOKMARK\",\"object\":{}}\n",
        ]);
        for (expected, end) in [("1", false), ("2", false), ("3", true)] {
            let Line::Bookmark { version, ends_list } = lines.next(SILENCE).await.unwrap() else {
                panic!("no bookmark");
            };
            assert_eq!((version.as_str(), ends_list), (expected, end));
        }
        assert!(matches!(
            lines.next(SILENCE).await,
            Ok(Line::Undecodable(_))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_however_much_came_before() {
        let mut lines = open(&["{\"type\":\"ADDED\",\"object\":{}}\n{\"type\":"]);
        assert!(matches!(lines.next(SILENCE).await, Ok(Line::Added("{}"))));
        let begun = tokio::time::Instant::now();
        let Err(End::Failed(why)) = lines.next(SILENCE).await else {
            panic!("it does not end");
        };
        assert_eq!(begun.elapsed(), SILENCE);
        assert_eq!(why, "the watch on pods fell silent");
    }
}
