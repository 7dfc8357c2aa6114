//! The config in force: read at start, followed while running; the last good one stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use crate::metrics::Metrics;
use crate::settings::{LogLevel, Overrides, Settings};
use crate::stores::{Readers, Stores};

/// A mounted ConfigMap changes in several steps; they are read as one.
const SETTLE: Duration = Duration::from_millis(250);

/// Settings with their stores connected.
#[derive(Debug)]
pub struct Config {
    /// What the operator says.
    pub settings: Settings,
    /// The stores, ready to be read.
    pub stores: Stores,
    /// Counts the configs of this process.
    pub generation: u64,
}

/// Where the config comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// What stands before it.
    pub overrides: Overrides,
}

impl Origin {
    /// The file's text, if there is a file.
    ///
    /// # Errors
    /// One sentence that names the file.
    fn text(&self) -> Result<Option<String>, String> {
        let Some(path) = &self.file else {
            return Ok(None);
        };
        std::fs::read_to_string(path).map(Some).map_err(|error| {
            format!(
                "the config file {} cannot be read: {}",
                path.display(),
                error.kind()
            )
        })
    }

    /// Reads the settings, and the text that they stand in, without connecting anything.
    ///
    /// # Errors
    /// One sentence with file, line and field.
    pub fn settings(&self) -> Result<(Settings, Option<String>), String> {
        let text = self.text()?;
        Ok((self.parse(text.as_deref())?, text))
    }

    fn parse(&self, text: Option<&str>) -> Result<Settings, String> {
        Settings::read(text, &self.overrides).map_err(|problem| match &self.file {
            Some(path) => format!(
                "{}:{}:{}: {}",
                path.display(),
                problem.line,
                problem.column,
                problem.message
            ),
            None => problem.to_string(),
        })
    }
}

/// Connects the first config and follows the file.
///
/// # Errors
/// If the first one is bad; a later bad one is logged, counted, and leaves the last good in force.
pub async fn follow(
    origin: Origin,
    (settings, text): (Settings, Option<String>),
    metrics: Metrics,
    readers: Readers,
    set_level: impl Fn(LogLevel) + Send + 'static,
) -> Result<(watch::Receiver<Arc<Config>>, impl Future<Output = ()>), String> {
    let stores = Stores::connect(&settings, &Stores::default(), &metrics, &readers).await?;
    warn_of_doubts(&settings);
    metrics.config_good(true);
    let (sender, receiver) = watch::channel(Arc::new(Config {
        settings,
        stores,
        generation: 1,
    }));
    let (changed, changes) = mpsc::channel(1);
    // What changed between the first reading and the watch is read now.
    let _ = changed.try_send(());
    let watcher = origin
        .file
        .as_deref()
        .map(|path| watch_file(path, changed))
        .transpose()?;
    let task = async move {
        // The watcher ends when it is dropped.
        let _watcher = watcher;
        reload_on(
            changes, text, &origin, &metrics, &readers, &sender, set_level,
        )
        .await;
    };
    Ok((receiver, task))
}

/// Watches the file's folder: a mounted ConfigMap and most editors replace the file.
fn watch_file(
    path: &Path,
    changed: mpsc::Sender<()>,
) -> Result<notify::RecommendedWatcher, String> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let cannot = |error: notify::Error| {
        format!("the folder {} cannot be watched: {error}", folder.display())
    };
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let read_only = event.is_ok_and(|event| event.kind.is_access());
        if !read_only {
            // A full channel means that a reload is due anyway.
            let _ = changed.try_send(());
        }
    })
    .map_err(cannot)?;
    watcher
        .watch(folder, RecursiveMode::NonRecursive)
        .map_err(cannot)?;
    Ok(watcher)
}

async fn reload_on(
    mut changes: mpsc::Receiver<()>,
    first: Option<String>,
    origin: &Origin,
    metrics: &Metrics,
    readers: &Readers,
    sender: &watch::Sender<Arc<Config>>,
    set_level: impl Fn(LogLevel),
) {
    let mut last = Some(first);
    while changes.recv().await.is_some() {
        tokio::time::sleep(SETTLE).await;
        while changes.try_recv().is_ok() {}
        let text = origin.text();
        if let Ok(text) = &text
            && last.as_ref() == Some(text)
        {
            continue;
        }
        last = text.as_ref().ok().cloned();
        let before = sender.borrow().clone();
        let config = async {
            let settings = origin.parse(text?.as_deref())?;
            let stores = Stores::connect(&settings, &before.stores, metrics, readers).await?;
            Ok::<_, String>(Config {
                settings,
                stores,
                generation: before.generation + 1,
            })
        };
        match config.await {
            Ok(config) => {
                warn_of_restart(&before.settings, &config.settings);
                warn_of_doubts(&config.settings);
                set_level(config.settings.log_level);
                let generation = config.generation;
                sender.send_replace(Arc::new(config));
                // Only what is so is said.
                info!(generation, "the changed config file is in force");
                metrics.config_good(true);
                metrics.reloaded("ok");
            }
            Err(why) => {
                error!("{why}; the last good config stays in force");
                metrics.config_good(false);
                metrics.reloaded("refused");
            }
        }
    }
    std::future::pending::<()>().await;
}

fn warn_of_restart(before: &Settings, after: &Settings) {
    let at_start = |settings: &Settings| (settings.listen, settings.log_format, settings.rights);
    if at_start(before) != at_start(after) {
        warn!("listen, logFormat and rights are taken at start only: restart for the new ones");
    }
}

fn warn_of_doubts(settings: &Settings) {
    for doubt in settings.warnings() {
        match doubt.store {
            Some(store) => warn!(store, "{}", doubt.message),
            None => warn!("{}", doubt.message),
        }
    }
}
