//! A file with a token or with credentials, read off the async threads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

/// Why there is nothing to read; the sentence is its owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is not there, is no file, is larger than it may be, or may not be read.
    Unreadable,
    /// Not in time, as where the disk behind it hangs.
    Late,
}

/// All of a file of at most `most` bytes.
pub(crate) async fn read(
    path: &Path,
    most: u64,
    deadline: Instant,
) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let path = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || contents(&path, most));
    match timeout_at(deadline, reading).await {
        Ok(Ok(Ok(bytes))) => Ok(bytes),
        Ok(_) => Err(Unread::Unreadable),
        Err(_) => Err(Unread::Late),
    }
}

fn contents(path: &Path, most: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    // Before it is opened: to open a pipe is to wait for whoever writes to it.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() || metadata.len() > most {
        return Err(io::ErrorKind::InvalidData.into());
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let room = usize::try_from(metadata.len()).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(1)));
    File::open(path)?
        .take(most.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= most) {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_file_is_whole_or_not_read() {
        let folder = std::env::temp_dir().join(format!("jasm-small-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("token");
        std::fs::write(&file, "12345").unwrap();
        let read = async |path: &Path, most| {
            read(path, most, Instant::now() + Duration::from_secs(10)).await
        };
        assert_eq!(read(&file, 5).await.unwrap().as_slice(), b"12345");
        for (path, most) in [(&file, 4), (&folder, 5), (&folder.join("none"), 5)] {
            let failed = read(path, most).await.map(|bytes| bytes.len());
            assert_eq!(failed, Err(Unread::Unreadable), "{path:?} {most}");
        }
        // Its size, as in /proc, is not what it says.
        let endless = Path::new("/proc/self/environ");
        assert_eq!(std::fs::metadata(endless).unwrap().len(), 0);
        assert!(read(endless, 0).await.is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
