//! Lines of Git's protocol (`gitprotocol-common`, pkt-line). Pure.

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// The end of a message.
    Flush,
    /// The end of a section.
    Delimiter,
    /// The end of an answer.
    End,
    /// A line, or a piece of a pack.
    Data(&'a [u8]),
}

impl<'a> Packet<'a> {
    /// A line without its break; none if it is no line.
    pub(super) fn line(self) -> Option<&'a [u8]> {
        match self {
            Self::Data(data) => Some(data.strip_suffix(b"\n").unwrap_or(data)),
            _ => None,
        }
    }
}

/// Reads them one by one.
#[derive(Debug, Clone)]
pub(super) struct Packets<'a>(pub(super) &'a [u8]);

impl<'a> Packets<'a> {
    /// The next one; none at the end.
    ///
    /// # Errors
    /// It is cut short, or is none.
    pub(super) fn next(&mut self) -> Result<Option<Packet<'a>>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let broken = || "the answer is cut short or is not Git's protocol".to_owned();
        let (length, rest) = self.0.split_at_checked(4).ok_or_else(broken)?;
        let digits = std::str::from_utf8(length).map_err(|_| broken())?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(broken());
        }
        let length = usize::from_str_radix(digits, 16).map_err(|_| broken())?;
        let (packet, rest) = match length {
            0 => (Packet::Flush, rest),
            1 => (Packet::Delimiter, rest),
            2 => (Packet::End, rest),
            3 => return Err(broken()),
            length => {
                let (data, rest) = rest.split_at_checked(length - 4).ok_or_else(broken)?;
                (Packet::Data(data), rest)
            }
        };
        self.0 = rest;
        Ok(Some(packet))
    }
}

/// Writes a line.
pub(super) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{:04x}{text}\n", text.len() + 5).as_bytes());
}

/// Writes the end of a message.
pub(super) fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// Writes the end of a section.
pub(super) fn delimiter(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0001");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        line(&mut out, "want a");
        delimiter(&mut out);
        flush(&mut out);
        assert_eq!(out, b"000bwant a\n00010000");
        let mut packets = Packets(&out);
        let first = packets.next().unwrap().unwrap();
        assert_eq!(first.line(), Some(&b"want a"[..]));
        assert_eq!(packets.next(), Ok(Some(Packet::Delimiter)));
        assert_eq!(packets.next(), Ok(Some(Packet::Flush)));
        assert_eq!(packets.next(), Ok(None));
    }

    #[test]
    fn what_is_no_packet_is_an_error() {
        for bad in ["0", "0003", "zzzz", "+00a12345", "000bwant", "<html>"] {
            assert!(Packets(bad.as_bytes()).next().is_err(), "{bad}");
        }
    }
}
