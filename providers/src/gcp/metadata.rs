//! The metadata server: which cluster this is, and the controller's own token.

use reqwest::header::HeaderValue;
use tokio::time::Instant;

use super::api;
use super::classify;
use super::connection::Connection;
use crate::http::{Answer, Ask};
use crate::source::Observer;
use crate::{Error, ErrorKind};

const OPERATION: &str = "GetMetadata";
/// Nothing that is asked for is larger.
const LARGEST: usize = 64 * 1024;

/// A short text, for example the name of the cluster.
pub(super) async fn text(
    connection: &Connection,
    observer: &Observer,
    path: &'static str,
    deadline: Instant,
) -> Result<String, Error> {
    let response = get(connection, observer, path, deadline).await?;
    let text = std::str::from_utf8(&response.body).map_err(|_| classify::garbage(OPERATION))?;
    match text.trim() {
        "" => Err(absent(path)),
        text => Ok(text.to_owned()),
    }
}

/// What is at a path below `computeMetadata/v1`.
pub(super) async fn get(
    connection: &Connection,
    observer: &Observer,
    path: &'static str,
    deadline: Instant,
) -> Result<Answer, Error> {
    let url = api::url(
        &connection.shared.options.hosts.metadata,
        &format!("/computeMetadata/v1/{path}"),
    )?;
    let mut ask = Ask::get(OPERATION, url, LARGEST);
    ask.headers
        .insert("metadata-flavor", HeaderValue::from_static("Google"));
    let response = api::plain(connection, observer, ask, deadline).await?;
    // Whatever else listens at the address does not know this header.
    let google = response.header("metadata-flavor") == Some("Google");
    match response.status {
        200 if google => Ok(response),
        404 if google => Err(absent(path)),
        429 | 500.. => Err(Error::new(
            ErrorKind::Unavailable,
            format!("the metadata server fails with HTTP {}", response.status),
        )),
        _ => Err(Error::new(
            ErrorKind::Unauthenticated,
            "there is no metadata server of google here: set credentials, or the cluster's project, location and \
             name, on the store",
        )),
    }
}

fn absent(path: &str) -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        format!("the metadata server does not say {path}: set it on the store"),
    )
}
