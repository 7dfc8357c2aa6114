//! What is said between us and a Git server: version 2 of the protocol, and the one before it, which
//! some hosts still speak (`gitprotocol-v2`, `gitprotocol-pack`). Pure.

use std::collections::BTreeSet;

use crate::push::source::git::object::Oid;
use crate::push::source::git::packet::{self, Packet, Packets};

/// What we call ourselves.
const AGENT: &str = concat!("agent=jasm/", env!("CARGO_PKG_VERSION"));

/// What a server can do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// Version 2.
    Second {
        fetch: Vec<String>,
        /// Whether it names the kind of digest, and which.
        format: Option<String>,
    },
    /// The one before it, in which the server begins with all its branches and tags.
    First {
        tips: BTreeSet<Oid>,
        capabilities: BTreeSet<String>,
    },
}

/// What the server may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    None,
    /// All files.
    NoFiles,
    /// Files of more bytes.
    Largest(u64),
}

/// What is asked for.
pub(super) struct Request<'a> {
    pub(super) wants: &'a [Oid],
    pub(super) filter: Filter,
    /// Without what came before a commit.
    pub(super) shallow: bool,
}

/// What comes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Pack(Vec<u8>),
    /// The server has no such object, or does not give it.
    NotThere,
    Refused,
}

impl Offer {
    /// Reads the answer to `info/refs`.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let mut packets = Packets(body);
        let mut first = packets.next()?;
        if first.and_then(Packet::line) == Some(b"# service=git-upload-pack") {
            first = packets.next()?;
            if first == Some(Packet::Flush) {
                first = packets.next()?;
            }
        }
        let Some(first) = first.and_then(Packet::line) else {
            return Err("the server does not say what it can do".into());
        };
        if let Some(why) = first.strip_prefix(b"ERR ") {
            return Err(refusal(why));
        }
        if first == b"version 2" {
            return Self::second(packets);
        }
        Self::first(first, packets)
    }

    fn second(mut packets: Packets<'_>) -> Result<Self, String> {
        let (mut fetch, mut format) = (Vec::new(), None);
        while let Some(line) = packets.next()?.and_then(Packet::line) {
            let text = String::from_utf8_lossy(line);
            match text.split_once('=') {
                Some(("fetch", features)) => {
                    fetch = features.split(' ').map(str::to_owned).collect();
                }
                Some(("object-format", name)) => format = Some(name.to_owned()),
                _ => {}
            }
        }
        Ok(Self::Second { fetch, format })
    }

    fn first(first: &[u8], mut packets: Packets<'_>) -> Result<Self, String> {
        let zero = first.iter().position(|byte| *byte == 0);
        let Some(zero) = zero else {
            return Err("the server does not say what it can do".into());
        };
        let capabilities = String::from_utf8_lossy(&first[zero + 1..]);
        let capabilities = capabilities.split(' ').map(str::to_owned).collect();
        let tip = |line: &[u8]| Oid::parse(std::str::from_utf8(line.get(..40)?).ok()?);
        let mut tips: BTreeSet<_> = tip(&first[..zero]).into_iter().collect();
        while let Some(line) = packets.next()?.and_then(Packet::line) {
            tips.extend(tip(line));
        }
        Ok(Self::First { tips, capabilities })
    }

    /// Refuses a server that cannot do what is needed.
    ///
    /// # Errors
    /// One sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        let (format, shallow, bands) = match self {
            Self::Second { fetch, format } => (
                format.as_deref(),
                fetch.iter().any(|word| word == "shallow"),
                true,
            ),
            Self::First { capabilities, .. } => {
                let format = capabilities
                    .iter()
                    .find_map(|word| word.strip_prefix("object-format="));
                let has = |word: &str| capabilities.contains(word);
                (format, has("shallow"), has("side-band-64k"))
            }
        };
        if format.is_some_and(|format| format != "sha1") {
            return Err("the repository names its objects by another digest than SHA-1, which is not read here: use a GitRepository of Flux".into());
        }
        if !shallow || !bands {
            return Err(
                "the server cannot give a commit without its history: use a GitRepository of Flux"
                    .into(),
            );
        }
        Ok(())
    }

    /// Whether it gives this commit if it has it, as far as it says.
    pub(super) fn gives(&self, id: &Oid) -> bool {
        match self {
            Self::Second { .. } => true,
            Self::First { tips, capabilities } => {
                let any = ["allow-reachable-sha1-in-want", "allow-any-sha1-in-want"];
                tips.contains(id) || any.iter().any(|word| capabilities.contains(*word))
            }
        }
    }

    /// Whether it can leave files out, and gives them by name later.
    pub(super) fn filters(&self) -> bool {
        match self {
            Self::Second { fetch, .. } => fetch.iter().any(|word| word == "filter"),
            // Files are no tips of branches.
            Self::First { capabilities, .. } => {
                let has = |word: &str| capabilities.contains(word);
                has("filter") && has("allow-any-sha1-in-want")
            }
        }
    }

    /// The body of a fetch.
    pub(super) fn request(&self, request: &Request<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        let filter = match request.filter {
            Filter::None => None,
            Filter::NoFiles => Some("filter blob:none".to_owned()),
            // The limit itself is left out by Git.
            Filter::Largest(bytes) => Some(format!("filter blob:limit={}", bytes + 1)),
        };
        let depth = request.shallow.then(|| "deepen 1".to_owned());
        match self {
            Self::Second { format, .. } => {
                packet::line(&mut out, "command=fetch");
                packet::line(&mut out, AGENT);
                if let Some(format) = format {
                    packet::line(&mut out, &format!("object-format={format}"));
                }
                packet::delimiter(&mut out);
                packet::line(&mut out, "no-progress");
                packet::line(&mut out, "ofs-delta");
                for line in [depth, filter].into_iter().flatten() {
                    packet::line(&mut out, &line);
                }
                for id in request.wants {
                    packet::line(&mut out, &format!("want {id}"));
                }
                packet::line(&mut out, "done");
                packet::flush(&mut out);
            }
            Self::First { capabilities, .. } => {
                let mut words = vec!["side-band-64k"];
                for word in ["ofs-delta", "no-progress"] {
                    if capabilities.contains(word) {
                        words.push(word);
                    }
                }
                if filter.is_some() {
                    words.push("filter");
                }
                words.push(AGENT);
                for (at, id) in request.wants.iter().enumerate() {
                    let words = if at == 0 {
                        format!(" {}", words.join(" "))
                    } else {
                        String::new()
                    };
                    packet::line(&mut out, &format!("want {id}{words}"));
                }
                for line in [depth, filter].into_iter().flatten() {
                    packet::line(&mut out, &line);
                }
                packet::flush(&mut out);
                packet::line(&mut out, "done");
            }
        }
        out
    }

    /// Reads the answer to a fetch.
    ///
    /// # Errors
    /// One sentence: it is cut short, or is none.
    pub(super) fn answer(&self, body: &[u8]) -> Result<Answer, String> {
        let mut packets = Packets(body);
        loop {
            let Some(packet) = packets.next()? else {
                return Err("the server sends no pack".into());
            };
            let Some(line) = packet.line() else {
                continue;
            };
            if let Some(why) = line.strip_prefix(b"ERR ") {
                return Ok(answer_of(why));
            }
            let begins = match self {
                Self::Second { .. } => line == b"packfile",
                // Before it are the lines that name where the history is cut.
                Self::First { .. } => line == b"NAK",
            };
            if begins {
                return bands(packets);
            }
        }
    }
}

/// The pack, out of the bands in which it comes.
fn bands(mut packets: Packets<'_>) -> Result<Answer, String> {
    let mut pack = Vec::with_capacity(packets.0.len());
    loop {
        match packets.next()? {
            // The answer ends so, or was cut.
            Some(Packet::Flush) => return Ok(Answer::Pack(pack)),
            Some(Packet::Data([1, data @ ..])) => pack.extend_from_slice(data),
            // What it is doing.
            Some(Packet::Data([2, ..])) => {}
            Some(Packet::Data([3, why @ ..])) => return Ok(answer_of(why)),
            _ => return Err("the pack is cut short: nothing of it is taken".into()),
        }
    }
}

/// By the words of Git's `upload-pack`, which other servers use too.
fn answer_of(why: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(why);
    let not_there = [
        "not our ref",
        "unadvertised object",
        "no such",
        "not found",
        "bad object",
    ];
    if not_there.iter().any(|words| text.contains(words)) {
        Answer::NotThere
    } else {
        Answer::Refused
    }
}

fn refusal(why: &[u8]) -> String {
    match answer_of(why) {
        Answer::NotThere => "there is no such repository, or the credentials cannot see it".into(),
        _ => "the server refuses to say what it can do".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn lines(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for text in lines {
            match *text {
                "0000" => packet::flush(&mut out),
                "0001" => packet::delimiter(&mut out),
                text => packet::line(&mut out, text),
            }
        }
        out
    }

    fn second(fetch: &str) -> Offer {
        let fetch = format!("fetch={fetch}");
        let said = [
            "version 2",
            "agent=x",
            "ls-refs=unborn",
            &fetch,
            "object-format=sha1",
            "0000",
        ];
        Offer::parse(&lines(&said)).unwrap()
    }

    fn first(capabilities: &str) -> Offer {
        let said = format!("{ID} HEAD\0{capabilities}");
        Offer::parse(&lines(&[
            "# service=git-upload-pack",
            "0000",
            &said,
            "0000",
        ]))
        .unwrap()
    }

    #[test]
    fn version_two_is_told_with_and_without_the_banner() {
        let offer = second("shallow wait-for-done filter");
        assert!(offer.check().is_ok() && offer.filters());
        let said = [
            "# service=git-upload-pack",
            "0000",
            "version 2",
            "fetch=shallow wait-for-done filter",
            "object-format=sha1",
            "0000",
        ];
        assert_eq!(Offer::parse(&lines(&said)).unwrap(), offer);
        assert!(second("").check().is_err());
        let sha256 = ["version 2", "fetch=shallow", "object-format=sha256", "0000"];
        let why = Offer::parse(&lines(&sha256)).unwrap().check().unwrap_err();
        assert!(why.contains("SHA-1"), "{why}");
    }

    #[test]
    fn the_version_before_gives_tips_or_what_it_says() {
        let id = Oid::parse(ID).unwrap();
        let other = Oid([1; 20]);
        let offer = first("side-band-64k shallow");
        assert!(offer.check().is_ok() && offer.gives(&id) && !offer.gives(&other));
        assert!(first("side-band-64k shallow allow-reachable-sha1-in-want").gives(&other));
        assert!(first("side-band-64k").check().is_err());
        assert!(!first("side-band-64k shallow filter").filters());
    }

    #[test]
    fn requests_are_as_the_protocol_has_them() {
        let id = Oid::parse(ID).unwrap();
        let request = Request {
            wants: &[id],
            filter: Filter::Largest(9),
            shallow: true,
        };
        let want = format!("want {ID}");
        let expected = [
            "command=fetch",
            AGENT,
            "object-format=sha1",
            "0001",
            "no-progress",
            "ofs-delta",
            "deepen 1",
            "filter blob:limit=10",
            &want,
            "done",
            "0000",
        ];
        assert_eq!(second("shallow filter").request(&request), lines(&expected));
        let want = format!("want {ID} side-band-64k filter {AGENT}");
        let expected = [&want, "deepen 1", "filter blob:limit=10", "0000", "done"];
        assert_eq!(
            first("side-band-64k shallow").request(&request),
            lines(&expected)
        );
    }

    #[test]
    fn a_pack_is_taken_out_of_its_bands_and_a_cut_one_is_not() {
        let mut body = lines(&["shallow-info", "shallow x", "0001", "packfile"]);
        body.extend_from_slice(b"0007\x01PA0007\x02xx0007\x01CK0000");
        let offer = second("shallow");
        assert_eq!(offer.answer(&body), Ok(Answer::Pack(b"PACK".to_vec())));
        for cut in 1..body.len() {
            assert!(offer.answer(&body[..cut]).is_err(), "{cut}");
        }
        let refused = lines(&["ERR upload-pack: not our ref 00"]);
        assert_eq!(offer.answer(&refused), Ok(Answer::NotThere));
        assert_eq!(offer.answer(&lines(&["ERR no"])), Ok(Answer::Refused));
    }
}
