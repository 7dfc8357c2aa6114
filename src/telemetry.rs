//! The log: JSON or text on standard error, the level of our own part changeable while running.
//!
//! Everything else is capped in code: some SDKs print payloads at their lower levels, whatever the
//! operator asks for.

use std::sync::Mutex;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::settings::{LogFormat, LogLevel};

/// Targets that have been seen to print what they carry.
const SILENT: [&str; 4] = [
    "aws_smithy_runtime::client::http::body",
    "aws_sigv4",
    "kube_client::client",
    "hyper::proto",
];

/// Changes the level of JASM's own log.
#[derive(Debug, Clone)]
pub struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// From now on.
    pub fn set(&self, level: LogLevel) {
        // Fails only if the subscriber is gone, and then nobody reads the log.
        let _ = self.0.reload(filter(level));
    }
}

/// Starts the log of the process.
///
/// # Errors
/// If one was started already.
pub fn start(
    level: LogLevel,
    format: LogFormat,
) -> Result<Level, tracing_subscriber::util::TryInitError> {
    let (filter, handle) = reload::Layer::new(filter(level));
    let lines = match format {
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_writer(Mutex::new(std::io::stderr()))
            .with_ansi(false)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .try_init()?;
    Ok(Level(handle))
}

fn filter(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let others = ours.min(LevelFilter::WARN);
    let targets = Targets::new()
        .with_default(others)
        .with_targets([("jasm", ours), ("jasm_providers", ours)]);
    targets.with_targets(SILENT.map(|target| (target, LevelFilter::OFF)))
}
