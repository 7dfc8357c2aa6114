//! A list page by page.

use std::time::Duration;

use kube::Client;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout};

use crate::watch::end::End;
use crate::watch::{List, Watch, Watched, request};

/// How long one page may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct Page<'a> {
    /// An empty list of metadata is null.
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    resource_version: String,
    #[serde(rename = "continue")]
    more: Option<String>,
}

impl<W: Watched> Watch<W> {
    /// Hands over every object there is, one page in memory at a time.
    pub(super) async fn pages(&self, client: &Client) -> Result<List, End> {
        let resource = self.watched.resource();
        let mut objects = 0;
        self.hand_over(self.watched.listing(), Instant::now());
        let mut more: Option<String> = None;
        loop {
            let request = request::page(&self.watched, more.as_deref())?;
            let text = timeout(PATIENCE, client.request_text(request))
                .await
                .map_err(|_| {
                    End::Failed(format!(
                        "the API server did not list {resource} within {} s",
                        PATIENCE.as_secs()
                    ))
                })?
                .map_err(|error| End::of(&error, resource))?;
            let received = Instant::now();
            let page: Page<'_> = serde_json::from_str(&text)
                .map_err(|_| End::Failed(format!("the list of {resource} is no JSON")))?;
            for item in page.items.into_iter().flatten() {
                objects += 1;
                self.listed(item.get(), received);
            }
            more = page.metadata.more.filter(|token| !token.is_empty());
            if more.is_none() {
                let version = page.metadata.resource_version;
                self.hand_over(self.watched.in_sync(&version), received);
                return Ok(List { version, objects });
            }
        }
    }
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
