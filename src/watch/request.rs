//! What is asked of the API server.

use http::header::ACCEPT;

use crate::watch::Watched;
use crate::watch::end::End;

/// Only the metadata of what is listed.
const LISTED_METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/// Only the metadata of what is watched.
const WATCHED_METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// Seconds after which the server ends a watch.
const WATCH_SECONDS: u64 = 290;
/// A watch that begins with the whole list has longer, since that is part of it.
const STREAM_SECONDS: u64 = 1800;
/// One page is the largest piece of a list in memory: about 2 MB of JSON.
const PAGE: u32 = 250;

/// A request without a body, which is how the client takes them.
pub(super) type Request = http::Request<Vec<u8>>;

/// One page of a list, from where the page before it ended.
pub(super) fn page<W: Watched>(watched: &W, more: Option<&str>) -> Result<Request, End> {
    let more = more.map_or_else(String::new, |token| format!("&continue={}", percent(token)));
    get(watched, &format!("&limit={PAGE}{more}"), LISTED_METADATA)
}

/// A watch on what comes after a version.
pub(super) fn watch<W: Watched>(watched: &W, version: &str) -> Result<Request, End> {
    let parameters = format!(
        "&watch=true&allowWatchBookmarks=true&timeoutSeconds={WATCH_SECONDS}&resourceVersion={version}"
    );
    get(watched, &parameters, WATCHED_METADATA)
}

/// A watch that begins with every object there is, as of no earlier than now, since it names no
/// version (KEP-3157).
pub(super) fn stream<W: Watched>(watched: &W) -> Result<Request, End> {
    // A server that knows only the second parameter refuses it for a watch: none of them sends a
    // watch without the end of the list in silence.
    let parameters = format!(
        "&watch=true&allowWatchBookmarks=true&timeoutSeconds={STREAM_SECONDS}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    );
    get(watched, &parameters, WATCHED_METADATA)
}

fn get<W: Watched>(watched: &W, parameters: &str, metadata: &str) -> Result<Request, End> {
    let mut request = http::Request::get(format!("{}{parameters}", watched.path()));
    if watched.metadata_only() {
        request = request.header(ACCEPT, metadata);
    }
    request.body(Vec::new()).map_err(|_| {
        End::Failed(format!(
            "the request for {} is malformed",
            watched.resource()
        ))
    })
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
