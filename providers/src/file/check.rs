//! A directory when it is looked at.

use std::fs;
use std::io::ErrorKind as Io;
use std::os::unix::fs::MetadataExt;

use async_trait::async_trait;
use tokio::time::Instant;

use super::Directory;
use crate::check::Check;
use crate::{Error, ErrorKind};

#[async_trait]
impl Check for Directory {
    async fn whoami(&self, deadline: Instant) -> Result<String, Error> {
        let who = |_: &_| {
            // Owned by who the process runs as; not everywhere there.
            Ok(match fs::metadata("/proc/self") {
                Ok(process) => format!("the user {} of this process", process.uid()),
                Err(_) => "the user of this process".to_owned(),
            })
        };
        self.blocking("Look", deadline, who).await
    }

    async fn probe(&self, deadline: Instant) -> Result<(), Error> {
        self.blocking("ListDirectory", deadline, |root| {
            let (kind, why) = match fs::read_dir(root) {
                Ok(_) => return Ok(()),
                Err(error) => match error.kind() {
                    Io::NotFound => (ErrorKind::NotFound, "is not there"),
                    Io::PermissionDenied => {
                        (ErrorKind::Denied, "may not be looked at by this process")
                    }
                    _ => (ErrorKind::Unavailable, "cannot be looked at"),
                },
            };
            let sentence = format!("the directory {} {why}", root.display());
            Err(Error::new(kind, sentence))
        })
        .await
    }
}
