//! What is counted, for Prometheus. Labels are words of ours: no pod, object or path names.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// From a lone read of a near store (10 ms) to two tries of one that hangs.
const LATENCIES: [f64; 13] = [
    0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    store: String,
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StoreLabels {
    store: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    kind: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResourceLabels {
    resource: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EntryLabels {
    store: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// All metrics; cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    latency: Histogram,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<StoreLabels, Histogram>,
    writes: Family<WriteLabels, Counter>,
    targets: Family<StateLabels, Gauge>,
    pods: Gauge,
    pending: Gauge,
    running: Gauge,
    wait: Histogram,
    events: Family<OutcomeLabels, Counter>,
    watch_events: Family<ResourceLabels, Counter>,
    watch_restarts: Family<ResourceLabels, Counter>,
    undecodable: Family<ResourceLabels, Counter>,
    in_sync: Family<ResourceLabels, Gauge<i64, AtomicI64>>,
    repairs: Family<KindLabels, Counter>,
    config_good: Gauge<i64, AtomicI64>,
    reloads: Family<OutcomeLabels, Counter>,
    terminating: Counter<u64, AtomicU64>,
    pushes: Family<ReasonLabels, Counter>,
    push_seconds: Histogram,
    entries: Family<EntryLabels, Counter>,
    push_pending: Gauge,
    push_running: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// A fresh registry.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("jasm");
        let histogram = || Histogram::new(LATENCIES);
        let latency = histogram();
        let wait = histogram();
        let call_seconds = Family::<StoreLabels, Histogram>::new_with_constructor(histogram);
        let calls = Family::default();
        let writes = Family::default();
        let targets = Family::default();
        let events = Family::default();
        let reloads = Family::default();
        let (pods, pending, running) = (Gauge::default(), Gauge::default(), Gauge::default());
        let (in_sync, config_good) = (Family::default(), Gauge::default());
        let (watch_events, watch_restarts, undecodable) =
            (Family::default(), Family::default(), Family::default());
        let repairs = Family::default();
        let terminating = Counter::default();
        let (pushes, entries) = (Family::default(), Family::default());
        let push_seconds = histogram();
        let (push_pending, push_running) = (Gauge::default(), Gauge::default());
        let seconds = || Unit::Seconds;
        registry.register_with_unit(
            "pod_to_object",
            "From the watch's receipt of a pod to the object written",
            seconds(),
            latency.clone(),
        );
        registry.register(
            "provider_calls",
            "Calls to stores by operation and outcome",
            calls.clone(),
        );
        registry.register_with_unit(
            "provider_call",
            "How long calls to stores take",
            seconds(),
            call_seconds.clone(),
        );
        registry.register(
            "object_writes",
            "Writes of Secrets and ConfigMaps by outcome",
            writes.clone(),
        );
        registry.register("targets", "Targets by state", targets.clone());
        registry.register("pods", "Annotated pods that are known", pods.clone());
        registry.register(
            "queue_pending",
            "Targets that are due now or later",
            pending.clone(),
        );
        registry.register(
            "queue_running",
            "Targets that are worked on",
            running.clone(),
        );
        registry.register_with_unit("queue_wait", "From due to begun", seconds(), wait.clone());
        registry.register("events", "Events by outcome", events.clone());
        registry.register(
            "watch_events",
            "Changes received from the API server",
            watch_events.clone(),
        );
        registry.register(
            "watch_restarts",
            "Watches that ended and began again",
            watch_restarts.clone(),
        );
        registry.register(
            "undecodable_objects",
            "Objects that a watch passed over",
            undecodable.clone(),
        );
        registry.register(
            "watch_in_sync",
            "1 while the watch is in sync",
            in_sync.clone(),
        );
        registry.register(
            "repairs",
            "Objects put back after others changed or deleted them",
            repairs.clone(),
        );
        registry.register(
            "config_good",
            "1 while the last config file read is in force",
            config_good.clone(),
        );
        registry.register(
            "config_reloads",
            "Config files read at run time by outcome",
            reloads.clone(),
        );
        registry.register(
            "terminating_namespaces",
            "Writes that were refused because the namespace is being deleted",
            terminating.clone(),
        );
        registry.register(
            "pushes",
            "Runs of SecretManagerConfigs by what they came to",
            pushes.clone(),
        );
        registry.register_with_unit(
            "push",
            "From the begin of a run of a SecretManagerConfig to its end",
            seconds(),
            push_seconds.clone(),
        );
        registry.register(
            "push_entries",
            "Entries of stores by what became of them",
            entries.clone(),
        );
        registry.register(
            "push_queue_pending",
            "SecretManagerConfigs that are due now or later",
            push_pending.clone(),
        );
        registry.register(
            "push_queue_running",
            "SecretManagerConfigs that are worked on",
            push_running.clone(),
        );
        registry.register(
            "build",
            "The program",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        Self(Arc::new(Inner {
            registry,
            latency,
            calls,
            call_seconds,
            writes,
            targets,
            pods,
            pending,
            running,
            wait,
            events,
            watch_events,
            watch_restarts,
            undecodable,
            in_sync,
            repairs,
            config_good,
            reloads,
            terminating,
            pushes,
            push_seconds,
            entries,
            push_pending,
            push_running,
        }))
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = text::encode(&mut text, &self.0.registry);
        text
    }

    /// From the receipt of the oldest pod that was served to the object written.
    pub fn served(&self, took: Duration) {
        self.0.latency.observe(took.as_secs_f64());
    }

    /// An observer for one store's calls.
    #[must_use]
    pub fn observer(&self, store: &str) -> jasm_providers::source::Observer {
        let (metrics, store) = (self.clone(), store.to_owned());
        Arc::new(move |call: jasm_providers::source::Call| {
            let labels = CallLabels {
                store: store.clone(),
                operation: call.operation,
                outcome: call.outcome,
            };
            metrics.0.calls.get_or_create(&labels).inc();
            let labels = StoreLabels {
                store: store.clone(),
            };
            metrics
                .0
                .call_seconds
                .get_or_create(&labels)
                .observe(call.took.as_secs_f64());
        })
    }

    /// A write to the API server.
    pub fn wrote(&self, kind: &'static str, outcome: &'static str) {
        self.0
            .writes
            .get_or_create(&WriteLabels { kind, outcome })
            .inc();
    }

    /// A target went from one state to another.
    pub fn moved(&self, from: Option<&'static str>, to: Option<&'static str>) {
        if from == to {
            return;
        }
        if let Some(state) = from {
            self.0.targets.get_or_create(&StateLabels { state }).dec();
        }
        if let Some(state) = to {
            self.0.targets.get_or_create(&StateLabels { state }).inc();
        }
    }

    /// How many annotated pods are known.
    pub fn pods(&self, count: usize) {
        self.0.pods.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// An event was sent, was there already, failed or was dropped.
    pub fn event(&self, outcome: &'static str) {
        self.0
            .events
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// A change of an object was received.
    pub fn watch_event(&self, resource: &'static str) {
        self.0
            .watch_events
            .get_or_create(&ResourceLabels { resource })
            .inc();
    }

    /// A watch ended.
    pub fn watch_restarted(&self, resource: &'static str) {
        self.0
            .watch_restarts
            .get_or_create(&ResourceLabels { resource })
            .inc();
    }

    /// An object could not be decoded.
    pub fn undecodable(&self, resource: &'static str) {
        self.0
            .undecodable
            .get_or_create(&ResourceLabels { resource })
            .inc();
    }

    /// Whether a watch is in sync.
    pub fn watch_in_sync(&self, resource: &'static str, in_sync: bool) {
        self.0
            .in_sync
            .get_or_create(&ResourceLabels { resource })
            .set(i64::from(in_sync));
    }

    /// A watch is no more, and neither in nor out of sync.
    pub fn watch_stopped(&self, resource: &'static str) {
        self.0.in_sync.remove(&ResourceLabels { resource });
    }

    /// The same, for readiness.
    #[must_use]
    pub fn is_watch_in_sync(&self, resource: &'static str) -> bool {
        let in_sync = &self.0.in_sync;
        in_sync.get_or_create(&ResourceLabels { resource }).get() == 1
    }

    /// An object was put back.
    pub fn repaired(&self, kind: &'static str) {
        self.0.repairs.get_or_create(&KindLabels { kind }).inc();
    }

    /// Whether the config file as it is now is in force.
    pub fn config_good(&self, good: bool) {
        self.0.config_good.set(i64::from(good));
    }

    /// The same, for readiness.
    #[must_use]
    pub fn is_config_good(&self) -> bool {
        self.0.config_good.get() == 1
    }

    /// A config file was read at run time.
    pub fn reloaded(&self, outcome: &'static str) {
        self.0
            .reloads
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// A run of a `SecretManagerConfig`.
    pub fn pushed(&self, reason: &'static str, took: Duration) {
        let labels = ReasonLabels { reason };
        self.0.pushes.get_or_create(&labels).inc();
        self.0.push_seconds.observe(took.as_secs_f64());
    }

    /// What became of the entries of a store.
    pub fn entries(&self, store: &str, report: &crate::push::write::Report) {
        for (_, fate) in &report.entries {
            let labels = EntryLabels {
                store: store.to_owned(),
                outcome: fate.word(),
            };
            self.0.entries.get_or_create(&labels).inc();
        }
    }

    /// The namespace of a target is being deleted.
    pub fn namespace_terminating(&self) {
        self.0.terminating.inc();
    }
}

/// The queue of `SecretManagerConfig`s.
#[derive(Debug)]
pub struct PushQueue(pub Metrics);

impl crate::queue::Gauge for PushQueue {
    fn depth(&self, pending: usize, running: usize) {
        let Inner {
            push_pending,
            push_running,
            ..
        } = &*self.0.0;
        push_pending.set(i64::try_from(pending).unwrap_or(i64::MAX));
        push_running.set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    fn waited(&self, _: Duration) {}
}

impl crate::queue::Gauge for Metrics {
    fn depth(&self, pending: usize, running: usize) {
        self.0
            .pending
            .set(i64::try_from(pending).unwrap_or(i64::MAX));
        self.0
            .running
            .set(i64::try_from(running).unwrap_or(i64::MAX));
    }

    fn waited(&self, wait: Duration) {
        self.0.wait.observe(wait.as_secs_f64());
    }
}
