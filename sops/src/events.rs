//! The events of a YAML text, in bounded memory, for whoever reads files that others write.
//!
//! A flow collection may turn out to be a key, so the parser gives nothing of it before it has read to its end, and
//! keeps some hundred bytes for each sign in it. Here it is given no more where those are too many.

use std::cell::Cell;
use std::rc::Rc;
use std::str::Chars;

use saphyr_parser::{BufferedInput, Event, Parser, ScanError, Span};

/// Signs that can begin or end a value, between two events. A text of a megabyte has fewer.
pub const SIGNS: usize = 250_000;

/// Parses a text.
#[allow(missing_debug_implementations, reason = "the text can be secret")]
pub struct Events<'a> {
    parser: Parser<'a, BufferedInput<Metered<'a>>>,
    meter: Rc<Meter>,
}

/// Why there are no more events.
#[derive(Debug)]
pub enum Fault {
    /// It is no YAML.
    Syntax(ScanError),
    /// There are more than [`SIGNS`] without an event, up to this line, from 1.
    Signs(usize),
}

/// How many signs the parser was given since it last gave something.
#[derive(Default)]
struct Meter {
    signs: Cell<usize>,
    line: Cell<usize>,
}

/// The characters of a text, which end early where they are too many signs.
struct Metered<'a> {
    chars: Chars<'a>,
    meter: Rc<Meter>,
}

impl Iterator for Metered<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        let Meter { signs, line } = &*self.meter;
        match c {
            '\n' => line.set(line.get() + 1),
            '[' | ']' | '{' | '}' | ',' | ':' | '?' | '"' | '\'' | '&' | '*' | '!' | '%' => {
                signs.set(signs.get() + 1);
            }
            _ => {}
        }
        (signs.get() <= SIGNS).then_some(c)
    }
}

impl<'a> Events<'a> {
    /// From the beginning of a text.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let meter = Rc::new(Meter::default());
        let chars = Metered {
            chars: text.chars(),
            meter: meter.clone(),
        };
        Self {
            parser: Parser::new_from_iter(chars),
            meter,
        }
    }

    /// The next event; none after the last one.
    ///
    /// # Errors
    /// The text is no YAML from here on, or has too many signs.
    pub fn next_event(&mut self) -> Option<Result<(Event<'a>, Span), Fault>> {
        let event = self.parser.next_event();
        if self.meter.signs.replace(0) > SIGNS {
            return Some(Err(Fault::Signs(self.meter.line.get() + 1)));
        }
        event.map(|event| event.map_err(Fault::Syntax))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Option<Fault> {
        let mut events = Events::new(text);
        loop {
            match events.next_event() {
                None => return None,
                Some(Ok(_)) => {}
                Some(Err(fault)) => return Some(fault),
            }
        }
    }

    #[test]
    fn what_gives_nothing_for_long_is_read_no_further() {
        let items = "[~,~],".repeat(SIGNS);
        assert!(matches!(end(&format!("\n[{items}")), Some(Fault::Signs(2))));
        let lines = "- [~, ~]\n".repeat(SIGNS / 2);
        assert!(end(&lines).is_none());
        assert!(matches!(end("a: ]"), Some(Fault::Syntax(_))));
    }
}
