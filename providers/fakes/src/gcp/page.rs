//! Pages of a listing. A page token is opaque to clients; here it says how many came before.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use super::error::Refused;
use crate::Ask;

/// The most entries of a page.
#[derive(Debug)]
pub(super) struct Limit(AtomicUsize);

impl Default for Limit {
    fn default() -> Self {
        // Secret Manager: ListSecretsRequest.page_size.
        Self(AtomicUsize::new(25_000))
    }
}

impl Limit {
    pub(super) fn set(&self, limit: usize) {
        self.0.store(limit.max(1), Ordering::Relaxed);
    }

    /// The page that is asked for: `field` with its entries, and `nextPageToken` if there are more.
    pub(super) fn page(
        &self,
        ask: &Ask,
        field: &str,
        all: Vec<Value>,
    ) -> Result<Map<String, Value>, Refused> {
        let most = self.0.load(Ordering::Relaxed);
        let size = match ask.param("pageSize") {
            None => most,
            Some(size) => match size.parse::<i32>() {
                Ok(0) => most,
                Ok(size) if size > 0 => most.min(size.unsigned_abs() as usize),
                _ => return Err(Refused::invalid("page_size must not be negative.")),
            },
        };
        let start = match ask.param("pageToken").filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => token
                .strip_prefix("after-")
                .and_then(|before| before.parse().ok())
                .filter(|before| *before <= all.len())
                .ok_or_else(|| Refused::invalid("page_token is not valid."))?,
        };
        let mut page = Map::new();
        let end = all.len().min(start + size);
        if end < all.len() {
            page.insert("nextPageToken".to_owned(), json!(format!("after-{end}")));
        }
        page.insert("totalSize".to_owned(), json!(all.len()));
        let entries: Vec<Value> = all.into_iter().take(end).skip(start).collect();
        if !entries.is_empty() {
            page.insert(field.to_owned(), Value::Array(entries));
        }
        Ok(page)
    }
}
