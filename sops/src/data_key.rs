//! The data key: from any recipient of one group, or from parts of several groups.

use zeroize::Zeroizing;

use crate::cipher::KEY;
use crate::count::Work;
use crate::error::{Error, Failure};
use crate::keys::Keys;
use crate::metadata::Metadata;
use crate::recipient::{KeyService, Recipient};
use crate::shamir;

/// Finds the data key of a file. No more recipients are asked than are needed.
pub(crate) async fn find(
    metadata: &Metadata,
    keys: &Keys,
    service: &dyn KeyService,
) -> Result<Zeroizing<[u8; KEY]>, Error> {
    let groups = &metadata.groups;
    // A part has one byte more than the key: its place.
    let length = if groups.len() > 1 { KEY + 1 } else { KEY };
    let mut failures = Vec::new();
    let mut parts = Vec::new();
    let mut work = Work::default();
    for group in groups {
        if parts.len() == metadata.threshold {
            break;
        }
        if let Some(part) = ask(group, length, keys, service, &mut failures, &mut work).await {
            parts.push(part);
        }
    }
    if parts.len() < metadata.threshold {
        return Err(Error::NoDataKey {
            needed: metadata.threshold,
            found: parts.len(),
            failures,
        });
    }
    let whole = if groups.len() > 1 {
        shamir::combine(&parts).map_err(|why| Error::DataKey(why.to_owned()))?
    } else {
        parts.swap_remove(0)
    };
    let mut key = Zeroizing::new([0; KEY]);
    if whole.len() != KEY {
        return Err(Error::DataKey(format!(
            "it has {} bytes, and AES-256 takes {KEY}",
            whole.len()
        )));
    }
    key.copy_from_slice(&whole);
    Ok(key)
}

/// What the first recipient of a group that can gives.
async fn ask(
    group: &[Recipient],
    length: usize,
    keys: &Keys,
    service: &dyn KeyService,
    failures: &mut Vec<Failure>,
    work: &mut Work,
) -> Option<Zeroizing<Vec<u8>>> {
    let mut ordered: Vec<&Recipient> = group.iter().collect();
    ordered.sort_by_key(|recipient| recipient.priority());
    for recipient in ordered {
        let given = match recipient {
            Recipient::Age { recipient, enc } => keys
                .age(recipient, enc, work)
                .map_err(|reason| (reason, false)),
            Recipient::Pgp { enc, .. } => keys.pgp(enc, work).map_err(|reason| (reason, false)),
            Recipient::Unsupported { .. } => Err(("they are not supported".to_owned(), false)),
            elsewhere => service
                .decrypt(elsewhere)
                .await
                .map_err(|error| (error.message, error.transient)),
        };
        let (reason, transient) = match given {
            Ok(part) if part.len() == length => return Some(part),
            Ok(part) => (
                format!(
                    "what it decrypts has {} bytes where {length} are needed",
                    part.len()
                ),
                false,
            ),
            Err(failure) => failure,
        };
        failures.push(Failure {
            recipient: recipient.to_string(),
            reason,
            transient,
        });
    }
    None
}
