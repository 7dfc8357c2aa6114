//! The pages of a list of marked entries: none twice, and not for ever. Pure.

use std::collections::HashSet;

use crate::{Error, ErrorKind};

/// Most pages: a page can be without any entry that is marked, but not for ever.
const MOST: usize = 4_000;

/// The pages so far.
#[derive(Debug, Default)]
pub(crate) struct Pages(HashSet<String>);

impl Pages {
    /// The token of the next page, or the link to it, if there is one.
    pub(crate) fn next(&mut self, token: Option<String>) -> Result<Option<String>, Error> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        if !self.0.insert(token.clone()) {
            let sentence = "the pages of the store's list go round in a circle";
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        if self.0.len() >= MOST {
            let sentence = format!("the store's list is more than {MOST} pages");
            return Err(Error::new(ErrorKind::TooLarge, sentence));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_ends_and_so_do_pages_without_end() {
        let next = |pages: &mut Pages, token: &str| {
            let next = pages.next(Some(token.to_owned()));
            next.map_err(|error| error.kind)
        };
        let mut pages = Pages::default();
        assert_eq!(next(&mut pages, "a"), Ok(Some("a".to_owned())));
        assert_eq!(next(&mut pages, "b"), Ok(Some("b".to_owned())));
        assert_eq!(next(&mut pages, "a"), Err(ErrorKind::Integrity));
        for none in [None, Some(String::new())] {
            assert_eq!(pages.next(none), Ok(None));
        }
        let mut endless = Pages::default();
        let ends = (0..=MOST).find_map(|page| next(&mut endless, &page.to_string()).err());
        assert_eq!(ends, Some(ErrorKind::TooLarge));
    }
}
