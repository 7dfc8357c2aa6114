//! The artifact of a Flux object: downloaded, held to its digest, unpacked.
//!
//! It comes over plain HTTP from inside the cluster: the digest, which comes from the API server, is what
//! tells that it is the right one.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use jasm_providers::web::{Failure, Get, Url, Web};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio::time::Instant;

use crate::push::archive;
use crate::push::memory::{Full, NO_ROOM, Share};
use crate::push::source::files::{Caps, Wanted};
use crate::push::source::flux::Artifact;
use crate::push::source::{ENDED, Problem, ProblemKind, Snapshot, repository};

/// How long a download may take.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Downloads an artifact and takes the wanted files out of it.
///
/// # Errors
/// It cannot be had, is not what its digest says, or is no archive of plain files.
pub async fn fetch(
    web: &Web,
    artifact: &Artifact,
    wanted: &Wanted,
    caps: &Caps,
    share: &Arc<Share>,
    deadline: Instant,
) -> Result<Snapshot, Problem> {
    let digest = Expected::parse(&artifact.digest)
        .map_err(|why| Problem::new(ProblemKind::Unsupported, why))?;
    let url = address(&artifact.url).map_err(|why| Problem::new(ProblemKind::Unsupported, why))?;
    let most = caps.packed;
    if artifact.size.is_some_and(|size| size > most) {
        let why = caps.packed_exceeded("the artifact");
        return Err(Problem::new(ProblemKind::Content, why));
    }
    let get = Get {
        url,
        headers: Vec::new(),
        authorization: None,
        body: None,
        limit: artifact.size.unwrap_or(most),
    };
    let reply = web
        .send(get, &**share, deadline)
        .await
        .map_err(|failure| failed(failure, artifact, || caps.packed_exceeded("the artifact")))?;
    if reply.status != 200 {
        return Err(refused(reply.status));
    }
    let got = reply.body.len() as u64;
    if let Some(size) = artifact.size.filter(|size| *size != got) {
        let why = format!(
            "the artifact is cut short: {got} bytes came of the {size} that its status says"
        );
        return Err(Problem::new(ProblemKind::Integrity, why));
    }
    let (wanted, caps) = (wanted.clone(), *caps);
    // Megabytes are hashed and inflated in one go: not where everything else waits for it.
    let unpacked = share.unpack(got, move |share| {
        if !digest.matches(&reply.body) {
            let why = "the artifact is not what its digest says: nothing of it is taken; it may be just being replaced, else look at who answers for its url";
            return Err(Problem::new(ProblemKind::Integrity, why));
        }
        let mut full = false;
        let files = archive::unpack(&reply.body, &wanted, &caps, |kept| {
            share.keeps(got + kept).inspect_err(|_| full = true)
        });
        files.map_err(|why| {
            let kind = if full {
                ProblemKind::Unavailable
            } else {
                ProblemKind::Content
            };
            Problem::new(kind, why)
        })
    });
    let ended = || Err(Problem::new(ProblemKind::Unavailable, ENDED));
    let files = unpacked.await.unwrap_or_else(ended)?;
    share
        .resize(files.kept())
        .await
        .map_err(|Full| Problem::new(ProblemKind::Unavailable, NO_ROOM))?;
    Ok(Snapshot::new(artifact.revision.clone(), files))
}

fn failed(failure: Failure, artifact: &Artifact, too_large: impl Fn() -> String) -> Problem {
    match failure {
        Failure::TooLarge if artifact.size.is_none() => {
            Problem::new(ProblemKind::Content, too_large())
        }
        Failure::TooLarge => Problem::new(
            ProblemKind::Integrity,
            "the artifact is larger than its status says: nothing of it is taken",
        ),
        other => Problem::new(
            ProblemKind::Unavailable,
            format!("the artifact's server {}", describe(other)),
        ),
    }
}

fn describe(failure: Failure) -> String {
    match failure {
        Failure::Cut => "broke the download off before its end".into(),
        Failure::Unreachable => "cannot be reached: check status.artifact.url, and whether network policies let JASM reach it".into(),
        other => other.to_string(),
    }
}

fn refused(status: u16) -> Problem {
    let (kind, why) = match status {
        404 | 410 => (
            ProblemKind::Unavailable,
            "the artifact is not there any more (404): Flux keeps few, and a newer one will be announced".to_owned(),
        ),
        300..=399 => (
            ProblemKind::Unsupported,
            "the artifact's server answers with a redirect, and none is followed: status.artifact.url must be where the artifact is".into(),
        ),
        401 | 403 => (
            ProblemKind::Denied,
            format!("the artifact's server refuses the download ({status}): it must give artifacts without credentials, as source-controller does"),
        ),
        _ => (
            ProblemKind::Unavailable,
            format!("the artifact's server answers {status}"),
        ),
    };
    Problem::new(kind, why)
}

fn address(text: &str) -> Result<Url, String> {
    let refuse = || {
        Err("status.artifact.url is no http:// or https:// address of a server, without credentials".to_owned())
    };
    let Ok(url) = Url::parse(text) else {
        return refuse();
    };
    let plain = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && !repository::is_of_the_machine(&url);
    if plain { Ok(url) } else { refuse() }
}

#[derive(Debug, PartialEq, Eq)]
enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

/// A digest as OCI writes it: `<algorithm>:<hex>` (image-spec, `descriptor.md`, Digests).
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    algorithm: Algorithm,
    hex: String,
}

impl Expected {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, hex) = text.split_once(':').unwrap_or_default();
        let (algorithm, length) = match name {
            "sha256" => (Algorithm::Sha256, 64),
            "sha384" => (Algorithm::Sha384, 96),
            "sha512" => (Algorithm::Sha512, 128),
            "blake3" => {
                return Err("the artifact's digest is of blake3, which is not checked here: give source-controller --artifact-digest-algo=sha256".into());
            }
            _ => return Err(
                "the artifact's digest is of no known kind: sha256, sha384 and sha512 are checked"
                    .into(),
            ),
        };
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if hex.len() != length || !hex.bytes().all(is_hex) {
            return Err(format!(
                "the artifact's digest is no {name}: {length} hexadecimal digits are"
            ));
        }
        Ok(Self {
            algorithm,
            hex: hex.to_owned(),
        })
    }

    fn matches(&self, bytes: &[u8]) -> bool {
        let found = match self.algorithm {
            Algorithm::Sha256 => hex(&Sha256::digest(bytes)),
            Algorithm::Sha384 => hex(&Sha384::digest(bytes)),
            Algorithm::Sha512 => hex(&Sha512::digest(bytes)),
        };
        found == self.hex
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests of "abc", FIPS 180-4's examples.
    #[test]
    fn digests_are_checked_with_the_algorithm_that_they_name() {
        for digest in [
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ] {
            let expected = Expected::parse(digest).unwrap();
            assert!(expected.matches(b"abc"), "{digest}");
            assert!(!expected.matches(b"abd"), "{digest}");
        }
        for (bad, said) in [
            ("", "no known kind"),
            ("md5:900150983cd24fb0d6963f7d28e17f72", "no known kind"),
            ("blake3:00", "blake3"),
            ("sha256:ba7816bf", "64 hexadecimal"),
        ] {
            let why = Expected::parse(bad).unwrap_err();
            assert!(why.contains(said), "{bad}: {why}");
        }
    }

    #[test]
    fn an_address_is_http_and_carries_nothing() {
        assert!(address("http://source-controller.flux-system.svc.cluster.local./a").is_ok());
        for bad in [
            "",
            "file:///etc/passwd",
            "http://",
            "http://u:marker@h/a",
            "ftp://h/a",
            "http://169.254.169.254/latest",
        ] {
            let why = address(bad).unwrap_err();
            assert!(!why.contains("marker"), "{why}");
        }
    }
}
