//! Follows the objects and the sources of every kind that the API server has. A kind whose CRD is not
//! there is not asked for; when the CRD comes, its watch starts.

use std::collections::{BTreeSet, HashMap};

use kube::Client;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::Instant;
use tracing::info;

use crate::metrics::Metrics;
use crate::push::index::Event;
use crate::push::source::watched::{Definition, Definitions, Followed, Objects, Sources};
use crate::watch::{Received, Watch};

/// Hands over what happens to objects and sources; ends when nobody listens any more.
pub async fn follow(client: Client, out: UnboundedSender<Received<Event>>, metrics: Metrics) {
    let (tell, mut definitions) = unbounded_channel();
    let watch = Watch::new(Definitions, tell, metrics.clone());
    let mut following = Following {
        client: client.clone(),
        out,
        metrics,
        watches: JoinSet::new(),
        running: HashMap::new(),
        listed: BTreeSet::new(),
        absent: BTreeSet::new(),
    };
    let follow = async {
        while let Some(turn) = following.next(&mut definitions).await {
            following.take(turn);
        }
    };
    tokio::select! {
        () = watch.run(&client) => {}
        () = follow => {}
    }
}

enum Turn {
    Definition(Definition),
    /// The API server does not have it, whatever its CRD says.
    Ended(Id, Followed),
}

struct Following {
    client: Client,
    out: UnboundedSender<Received<Event>>,
    metrics: Metrics,
    watches: JoinSet<Followed>,
    running: HashMap<Followed, AbortHandle>,
    /// What the list of CRDs has named so far.
    listed: BTreeSet<Followed>,
    /// What was said not to be there.
    absent: BTreeSet<Followed>,
}

impl Following {
    async fn next(
        &mut self,
        definitions: &mut tokio::sync::mpsc::UnboundedReceiver<Received<Definition>>,
    ) -> Option<Turn> {
        loop {
            tokio::select! {
                () = self.out.closed() => return None,
                definition = definitions.recv() => {
                    return definition.map(|(definition, _)| Turn::Definition(definition));
                }
                Some(ended) = self.watches.join_next_with_id() => {
                    // One that was stopped is an error here, and was dealt with.
                    if let Ok((id, followed)) = ended {
                        return Some(Turn::Ended(id, followed));
                    }
                }
            }
        }
    }

    fn take(&mut self, turn: Turn) {
        match turn {
            Turn::Definition(Definition::Listing) => self.listed.clear(),
            Turn::Definition(Definition::There(followed)) => {
                self.listed.insert(followed);
                self.start(followed);
            }
            Turn::Definition(Definition::InSync) => {
                for followed in Followed::ALL {
                    if !self.listed.contains(&followed) {
                        self.stop(followed);
                    }
                }
            }
            Turn::Definition(Definition::Gone(followed)) => self.stop(followed),
            Turn::Definition(Definition::Other) => {}
            // Its CRD says something again when that changes: no need to ask meanwhile.
            Turn::Ended(id, followed) => {
                let runs = self.running.get(&followed);
                // Else another one runs already, as the CRD was said to be there again meanwhile.
                if runs.is_some_and(|handle| handle.id() == id) {
                    self.stop(followed);
                }
            }
        }
    }

    fn start(&mut self, followed: Followed) {
        if self.running.contains_key(&followed) {
            return;
        }
        let (client, out, metrics) = (self.client.clone(), self.out.clone(), self.metrics.clone());
        let handle = match followed {
            Followed::Objects => self.watches.spawn(async move {
                Watch::new(Objects, out, metrics)
                    .run_while_served(&client)
                    .await;
                followed
            }),
            Followed::Sources(kind) => {
                let Some(sources) = Sources::of(kind) else {
                    return;
                };
                self.watches.spawn(async move {
                    Watch::new(sources, out, metrics)
                        .run_while_served(&client)
                        .await;
                    followed
                })
            }
        };
        self.absent.remove(&followed);
        self.running.insert(followed, handle);
    }

    /// Also says it of what never ran: whoever waits for it learns that it is not there.
    fn stop(&mut self, followed: Followed) {
        if let Some(handle) = self.running.remove(&followed) {
            handle.abort();
        }
        if !self.absent.insert(followed) {
            return;
        }
        let event = match followed {
            Followed::Objects => {
                self.metrics.watch_stopped("secretmanagerconfigs");
                Event::ObjectsNotServed
            }
            Followed::Sources(kind) => {
                if let Some(sources) = Sources::of(kind) {
                    self.metrics
                        .watch_stopped(crate::watch::Watched::resource(&sources));
                }
                Event::NotServed(kind)
            }
        };
        info!(kind = ?followed, "the API server does not have this kind: it is not watched until its CRD is there");
        // Nobody listens after shutdown.
        let _ = self.out.send((event, Instant::now()));
    }
}
