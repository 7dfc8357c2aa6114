//! Health and metrics over HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::metrics::Metrics;

/// What health depends on.
#[derive(Debug, Clone)]
pub struct Health {
    metrics: Metrics,
    watched: Vec<&'static str>,
    stopping: Arc<AtomicBool>,
}

impl Health {
    /// Ready once the watches on these are in sync and while the config is good.
    #[must_use]
    pub fn new(metrics: Metrics, watched: Vec<&'static str>) -> Self {
        Self {
            metrics,
            watched,
            stopping: Arc::default(),
        }
    }

    /// From now on not ready.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Every condition with whether it holds.
    fn conditions(&self) -> Vec<(String, bool)> {
        let watched = self.watched.iter().map(|resource| {
            (
                format!("the watch on {resource} is in sync"),
                self.metrics.is_watch_in_sync(resource),
            )
        });
        let others = [
            ("the config file is in force", self.metrics.is_config_good()),
            ("not shutting down", !self.stopping.load(Ordering::Relaxed)),
        ];
        let others = others.map(|(what, holds)| (what.to_owned(), holds));
        watched.chain(others).collect()
    }
}

/// `/livez`, `/healthz`, `/readyz`, `/metrics`.
pub fn router(health: Health) -> Router {
    let live = || async { "ok\n" };
    Router::new()
        .route("/livez", get(live))
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    let conditions = health.conditions();
    let code = if conditions.iter().all(|(_, holds)| *holds) {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let lines = conditions
        .into_iter()
        .map(|(what, holds)| format!("[{}] {what}\n", if holds { '+' } else { '-' }));
    (code, lines.collect())
}

async fn metrics(State(health): State<Health>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], health.metrics.encode())
}
