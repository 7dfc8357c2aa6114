//! The pages of a list, which have an end. Pure.

use std::collections::HashSet;

use super::classify::About;
use crate::{Error, ErrorKind};

/// Most pages of one list: a page can be empty, but not for ever.
const MOST: usize = 4_000;

/// The tokens of pages so far.
#[derive(Debug, Default)]
pub(super) struct Pages(HashSet<String>);

impl Pages {
    /// The token of the next page, if there is one; one that was there before would never end.
    pub(super) fn next(
        &mut self,
        token: Option<String>,
        about: About<'_>,
    ) -> Result<Option<String>, Error> {
        let Some(token) = token.filter(|token| !token.is_empty()) else {
            return Ok(None);
        };
        if self.0.len() >= MOST || !self.0.insert(token.clone()) {
            let sentence = format!("the pages of {} do not end", about.action);
            return Err(Error::new(ErrorKind::Integrity, sentence));
        }
        Ok(Some(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: About<'_> = About {
        action: "ssm:DescribeParameters",
        writes: false,
        subject: None,
    };

    #[test]
    fn pages_end() {
        let mut pages = Pages::default();
        let mut next = |token: &str| pages.next(Some(token.to_owned()), ABOUT);
        assert_eq!(next(""), Ok(None));
        assert_eq!(next("a"), Ok(Some("a".to_owned())));
        assert_eq!(next("b"), Ok(Some("b".to_owned())));
        assert_eq!(next("a").unwrap_err().kind, ErrorKind::Integrity);
        let ends = (0..=MOST).find_map(|page| next(&page.to_string()).err());
        assert_eq!(ends.map(|error| error.kind), Some(ErrorKind::Integrity));
    }
}
