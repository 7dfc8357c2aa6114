//! The directories of the config, followed: a change wakes the objects that use it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tracing::warn;

use super::crd::SourceKind;
use super::index::{Index, ObjectKey};
use super::source::SourceKey;
use super::source::directory::Following;
use crate::configuration::Config;
use crate::queue::Handle;
use crate::settings::Directory;

/// Follows what the config in force names; ends with the program.
pub async fn follow(
    mut config: watch::Receiver<Arc<Config>>,
    index: Arc<Mutex<Index>>,
    queue: Handle<ObjectKey>,
) {
    let mut tasks = JoinSet::new();
    let mut followed: HashMap<String, (Directory, AbortHandle)> = HashMap::new();
    loop {
        let named = { config.borrow_and_update() }
            .settings
            .push
            .directories
            .clone();
        followed.retain(|_, (directory, task)| {
            let stays = named.contains(directory);
            if !stays {
                task.abort();
            }
            stays
        });
        for directory in named {
            if followed.contains_key(&directory.name) {
                continue;
            }
            match Following::new(&directory.path) {
                Ok(following) => {
                    let woken = wake(
                        following,
                        directory.name.clone(),
                        index.clone(),
                        queue.clone(),
                    );
                    let task = tasks.spawn(woken);
                    followed.insert(directory.name.clone(), (directory, task));
                }
                Err(why) => warn!("{why}: objects that use it learn of no change"),
            }
        }
        while tasks.try_join_next().is_some() {}
        if config.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn wake(
    mut following: Following,
    name: String,
    index: Arc<Mutex<Index>>,
    queue: Handle<ObjectKey>,
) {
    let source = SourceKey {
        kind: SourceKind::File,
        namespace: String::new(),
        name,
    };
    loop {
        following.changed().await;
        let users = { index.lock().unwrap_or_else(PoisonError::into_inner) }.users(&source);
        users.into_iter().for_each(|key| queue.now(key));
    }
}
