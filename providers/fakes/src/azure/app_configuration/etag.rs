//! Etags and the conditions that name them.

use super::settings::Setting;
use crate::Ask;
use crate::digest::sha256_hex;

/// `If-Match` and `If-None-Match`, without their quotes.
#[derive(Debug)]
pub(super) struct Conditions<'ask> {
    same: Option<&'ask str>,
    other: Option<&'ask str>,
    reads: bool,
}

impl<'ask> Conditions<'ask> {
    pub(super) fn of(ask: &'ask Ask) -> Self {
        let header = |name: &str| ask.header(name).map(|text| text.trim().trim_matches('"'));
        Self {
            same: header("if-match"),
            other: header("if-none-match"),
            reads: ask.method == http::Method::GET || ask.method == http::Method::HEAD,
        }
    }

    /// A read of what the client has already.
    pub(super) fn unchanged(&self, etag: &str) -> bool {
        self.reads
            && self
                .other
                .is_some_and(|other| other == "*" || other == etag)
    }

    /// The condition does not hold for what is there, if anything is.
    pub(super) fn fails(&self, etag: Option<&str>) -> bool {
        let same = self
            .same
            .is_some_and(|same| etag.is_none_or(|etag| same != "*" && same != etag));
        let other = !self.reads
            && self
                .other
                .is_some_and(|other| etag.is_some_and(|etag| other == "*" || other == etag));
        same || other
    }
}

/// A page's own: another whenever anything on it is another.
pub(super) fn of_page(page: &[&Setting]) -> String {
    let all: Vec<&str> = page.iter().map(|setting| setting.etag.as_str()).collect();
    let mut etag = sha256_hex(all.join(",").as_bytes());
    etag.truncate(43);
    etag
}
