//! Wiring: the only place that constructs the parts and connects them, and the order of the end.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jasm_providers::web::Web;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::client::Clients;
use crate::configuration::{self, Config, Origin};
use crate::events::Publisher;
use crate::identity::ServiceAccounts;
use crate::metrics::{Metrics, PushQueue};
use crate::pull::apply::Objects;
use crate::pull::index::{Event, Index, Key};
use crate::pull::observe::{self, Observed, Ours};
use crate::pull::pods::Pods;
use crate::pull::reconcile::Reconciler;
use crate::pull::report::Reporter;
use crate::pull::request::ObjectKind;
use crate::pull::workload::Workloads;
use crate::push::crd::SourceKind;
use crate::push::{self, source::definitions};
use crate::queue::{Handle, Queue};
use crate::server::{self, Health};
use crate::settings::Rights;
use crate::stores::Readers;
use crate::telemetry;
use crate::watch::{Received, Watch, Watched as _};

/// How long what is under way may take to finish after SIGTERM; less than Kubernetes' usual 30 s.
const DRAIN: Duration = Duration::from_secs(20);
/// How long the last events may take after that.
const LAST_EVENTS: Duration = Duration::from_secs(3);

/// What is watched besides pods, with the right to.
const OBSERVED: [ObjectKind; 2] = [ObjectKind::Secret, ObjectKind::ConfigMap];

/// Runs the controller until SIGTERM or SIGINT; a second one ends it at once.
///
/// # Errors
/// One sentence for whoever started it.
pub async fn run(origin: Origin) -> Result<(), String> {
    let (settings, text) = origin.settings()?;
    let level = telemetry::start(settings.log_level, settings.log_format)
        .map_err(|error| error.to_string())?;
    let mut signals = Signals::new()?;
    let metrics = Metrics::new();
    let (listen, rights) = (settings.listen, settings.rights);
    let Clients {
        requests: client,
        watches,
        own,
        namespace,
    } = Clients::connect().await?;
    let index = Arc::new(Mutex::new(Index::default()));
    let accounts = ServiceAccounts::new(client.clone(), own, index.clone());
    let (config, follow_config) = configuration::follow(
        origin,
        (settings, text),
        metrics.clone(),
        Readers::Pods(Arc::new(accounts)),
        move |log_level| level.set(log_level),
    )
    .await?;
    let mut watched = vec![Pods.resource()];
    if rights == Rights::Observe {
        watched.extend(OBSERVED.map(|kind| Ours(kind).resource()));
    }
    let health = Health::new(metrics.clone(), watched);
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {}", error.kind()))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;

    let (publisher, send_events) = Publisher::start(client.clone(), instance(), metrics.clone());
    let (queue_handle, queue) = Queue::new();
    let observed = match rights {
        Rights::Observe => Observed::watching(),
        Rights::Default | Rights::WriteOnly => Observed::default(),
    };
    let observed = Arc::new(Mutex::new(observed));
    let reconciler = Arc::new(Reconciler {
        index: index.clone(),
        config: config.clone(),
        objects: Objects::new(client.clone(), rights, metrics.clone()),
        workloads: Workloads::new(client.clone()),
        reporter: Reporter::new(publisher.clone()),
        metrics: metrics.clone(),
        queue: queue_handle.clone(),
        observed: observed.clone(),
        states: Mutex::default(),
    });
    let (received, receive) = mpsc::unbounded_channel();
    let watch = Watch::new(Pods, received, metrics.clone());
    let (push_handle, push_queue) = Queue::new();
    let push_index = Arc::new(Mutex::new(push::index::Index::default()));
    let pusher = Arc::new(push::reconcile::Reconciler {
        index: push_index.clone(),
        config: config.clone(),
        objects: push::objects::Objects::new(client.clone()),
        keyring: push::keyring::Keyring::new(client.clone(), namespace),
        web: Web::new(None).map_err(|error| error.to_string())?,
        memory: push::memory::Memory::default(),
        publisher,
        metrics: metrics.clone(),
        queue: push_handle.clone(),
        states: Mutex::default(),
    });
    let (push_received, push_receive) = mpsc::unbounded_channel();
    let stop = CancellationToken::new();

    info!(%address, version = env!("CARGO_PKG_VERSION"), "started");
    let mut parts = JoinSet::new();
    let router = server::router(health.clone());
    parts.spawn(async move {
        // Ends only with the process: probes and metrics are served to the last.
        let _ = axum::serve(listener, router).await;
    });
    parts.spawn(follow_config);
    if rights == Rights::Observe {
        let (sightings, receive) = mpsc::unbounded_channel();
        for kind in OBSERVED {
            let watch = Watch::new(Ours(kind), sightings.clone(), metrics.clone());
            let client = watches.clone();
            parts.spawn(async move { watch.run(&client).await });
        }
        parts.spawn(take_notice(
            receive,
            index.clone(),
            observed,
            queue_handle.clone(),
        ));
    }
    let (used, uses) = watch::channel(BTreeSet::new());
    parts.spawn(definitions::follow(
        watches.clone(),
        uses,
        push_received,
        metrics.clone(),
    ));
    parts.spawn(take_in_objects(
        push_receive,
        push_index.clone(),
        push_handle.clone(),
        used,
    ));
    parts.spawn(push::directories::follow(
        config.clone(),
        push_index.clone(),
        push_handle.clone(),
    ));
    parts.spawn(wake_objects_on_config(
        config.clone(),
        push_index,
        push_handle,
    ));
    parts.spawn(async move { watch.run(&watches).await });
    parts.spawn(take_in(
        receive,
        index.clone(),
        queue_handle.clone(),
        metrics.clone(),
    ));
    parts.spawn(wake_on_config(config, index, queue_handle));
    let mut sending = tokio::spawn(send_events);
    let push_metrics = PushQueue(metrics.clone());
    let work = move |key| reconciler.clone().run(key);
    let pulling = queue.run(stop.clone(), metrics, work);
    let work = move |key| pusher.clone().run(key);
    let pushing = push_queue.run(stop.clone(), push_metrics, work);
    // Either ends by itself only where a run of it panicked: then both do.
    let mut working = tokio::spawn(async move { tokio::try_join!(pulling, pushing).map(|_| ()) });

    tokio::select! {
        signal = signals.next() => info!(signal, "stopping: finishing what is under way"),
        ended = &mut working => return Err(format!("the queue ended by itself: {}", end_of(ended))),
        Some(ended) = parts.join_next() => {
            return Err(format!("a part of the program ended by itself: {}", end_of(ended)));
        }
    }
    health.stop();
    stop.cancel();
    tokio::select! {
        ended = timeout(DRAIN, &mut working) => match ended {
            Ok(_) => info!("everything under way is finished"),
            Err(_) => warn!(seconds = DRAIN.as_secs(), "not everything under way finished in time"),
        },
        signal = signals.next() => {
            warn!(signal, "stopping at once");
            return Ok(());
        }
    }
    working.abort();
    // The last publisher is gone with the queue's work; what it said is sent before the end.
    parts.shutdown().await;
    if timeout(LAST_EVENTS, &mut sending).await.is_err() {
        warn!("not every event was sent in time");
    }
    Ok(())
}

/// Takes what the watches of the push half received into its index, and wakes whom it concerns.
async fn take_in_objects(
    mut receive: mpsc::UnboundedReceiver<Received<push::index::Event>>,
    index: Arc<Mutex<push::index::Index>>,
    queue: Handle<push::index::ObjectKey>,
    used: watch::Sender<BTreeSet<SourceKind>>,
) {
    while let Some((event, _)) = receive.recv().await {
        let (woken, kinds) = {
            let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
            (index.apply(event), index.used())
        };
        woken.into_iter().for_each(|key| queue.now(key));
        used.send_if_modified(|before| {
            let changed = *before != kinds;
            *before = kinds;
            changed
        });
    }
    // The watches end with the program.
    std::future::pending::<()>().await;
}

/// A new config may name the store that was missing.
async fn wake_objects_on_config(
    mut config: watch::Receiver<Arc<Config>>,
    index: Arc<Mutex<push::index::Index>>,
    queue: Handle<push::index::ObjectKey>,
) {
    while config.changed().await.is_ok() {
        let index = index.lock().unwrap_or_else(PoisonError::into_inner);
        index.objects().for_each(|key| queue.now(key.clone()));
    }
    // The config ends with the program.
    std::future::pending::<()>().await;
}

/// Takes what the watch received into the index and wakes what it concerns.
async fn take_in(
    mut receive: mpsc::UnboundedReceiver<Received<Event>>,
    index: Arc<Mutex<Index>>,
    queue: Handle<Key>,
    metrics: Metrics,
) {
    while let Some((event, received)) = receive.recv().await {
        let mut index = index.lock().unwrap_or_else(PoisonError::into_inner);
        for key in index.take(event, received) {
            queue.now(key);
        }
        metrics.pods(index.pods());
    }
}

/// Wakes the targets whose objects changed.
async fn take_notice(
    mut receive: mpsc::UnboundedReceiver<Received<observe::Event>>,
    index: Arc<Mutex<Index>>,
    observed: Arc<Mutex<Observed>>,
    queue: Handle<Key>,
) {
    while let Some(received) = receive.recv().await {
        let changed = observed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(received);
        let index = index.lock().unwrap_or_else(PoisonError::into_inner);
        for target in changed {
            let key = Key::Target(target);
            let asked = index.is_asked(&key);
            // Before the first list of pods is complete, half of those who ask would be all.
            if asked && index.in_sync() {
                queue.now(key);
            } else if let (false, Key::Target(target)) = (asked, key) {
                // The garbage collector comes after the last pod: nothing else forgets it then.
                observed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .forget(&target);
            }
        }
    }
}

/// A new config may allow what was refused.
async fn wake_on_config(
    mut config: watch::Receiver<Arc<Config>>,
    index: Arc<Mutex<Index>>,
    queue: Handle<Key>,
) {
    while config.changed().await.is_ok() {
        for key in index.lock().unwrap_or_else(PoisonError::into_inner).keys() {
            queue.now(key);
        }
    }
    // The config ends with the program.
    std::future::pending::<()>().await;
}

fn end_of<T, E: std::fmt::Display>(ended: Result<T, E>) -> String {
    ended.map_or_else(|error| error.to_string(), |_| "without an error".to_owned())
}

/// Which of several instances says something: the pod's name, in Kubernetes the host's.
fn instance() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "jasm".to_owned()
    } else {
        name.chars().take(128).collect()
    }
}

/// The two signals that end the program.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let on = |kind| {
            signal(kind).map_err(|error| format!("cannot listen for signals: {}", error.kind()))
        };
        Ok(Self {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pull::request::Target;
    use tokio::time::Instant;

    #[tokio::test]
    async fn an_object_that_nobody_asks_for_is_forgotten_when_it_is_gone() {
        let target = Target {
            kind: ObjectKind::Secret,
            namespace: "n".into(),
            name: "a".into(),
        };
        let observed = Arc::new(Mutex::new(Observed::default()));
        let (sightings, receive) = mpsc::unbounded_channel();
        for (version, gone) in [(5, false), (6, true)] {
            let event = observe::Event::Seen(target.clone(), version, gone);
            sightings.send((event, Instant::now())).unwrap();
        }
        drop(sightings);
        let (queue, _) = Queue::new();
        take_notice(receive, Arc::default(), observed.clone(), queue).await;
        assert_eq!(observed.lock().unwrap().of(&target), None);
    }
}
