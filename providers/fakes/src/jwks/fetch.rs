//! Keys from where a cluster publishes them.

use std::time::Duration;

use http::Request;

use super::Trust;
use crate::http_client::HttpClient;

const PATIENCE: Duration = Duration::from_secs(10);
const LARGEST: usize = 1 << 20;

/// Where an issuer's keys are: an API server's `/openid/v1/jwks`.
#[derive(Clone)]
pub struct Source {
    /// The URL.
    pub url: String,
    /// The CA that vouches for it, if it is `https`.
    pub ca_pem: Option<String>,
    /// A token that the API server wants, unless anonymous readers are allowed.
    pub bearer: Option<String>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Source({})", self.url)
    }
}

impl Trust {
    /// Fetches the keys and believes them as [`add`](Self::add) does.
    ///
    /// # Errors
    /// They cannot be had, or are none.
    pub async fn fetch(&self, issuer: &str, source: &Source) -> Result<(), String> {
        let client = HttpClient::new(source.ca_pem.as_deref())?;
        let mut request = Request::get(&source.url);
        if let Some(bearer) = &source.bearer {
            request = request.header("authorization", format!("Bearer {bearer}"));
        }
        let request = request
            .body(Vec::new())
            .map_err(|_| format!("{} is no URL that can be asked", source.url))?;
        let (status, _, body) = client.send(request, PATIENCE, LARGEST).await?;
        if !status.is_success() {
            return Err(format!("{} answers with status {status}", source.url));
        }
        self.add(issuer, &String::from_utf8_lossy(&body))
    }
}
