//! JASM, "Just Another Secret Manager": annotated pods get their Secrets and ConfigMaps, and what is
//! committed to Git arrives in the stores.
//!
//! # From a pod to its Secret
//!
//! ```text
//!  API server                                                        stores (AWS, Vault, …)
//!      │ pods                                                                 ▲
//!      ▼                                                                      │ one call for however many ask
//!  watch ────────► pull::index ──► queue ────────► pull::reconcile ──► pull::fetch ──► jasm_providers::Lane
//!  decodes and     pods ⇄ targets   one run per      │  pull::plan     policy, then       single flight,
//!  hands over      (annotation)     target           │  what is due?   the lane           batches, deadline
//!                                                    ▼
//!                                   pull::render ─► pull::merge ─► pull::apply ─► Secret / ConfigMap
//!                                   payload to keys  all requests   POST, or GET and PUT
//!                                                    ▼
//!                                   pull::report ─► events ─► pods and workloads
//! ```
//!
//! - [`watch`] reads the API server's stream and keeps a pod's few fields ([`pull::pod`]).
//! - [`pull::index`] has annotations parsed into requests ([`pull::annotation`], [`pull::request`]),
//!   once for all pods that say the same ([`pull::asked`]), and knows which pods ask for which
//!   target. A target is the object to produce; all work is keyed by it, so that a hundred replicas
//!   are one piece of work.
//! - [`queue`] runs a target at once or at a time, never twice at once.
//! - [`pull::reconcile`] does one run. [`pull::plan`] decides what is due (nothing, a look, a read);
//!   [`pull::reference`] settles store, path and right ([`policy`]), [`pull::fetch`] reads through the
//!   store's [`Lane`](jasm_providers::Lane); [`pull::workload`] finds the owner meanwhile.
//!   [`pull::make`] is the way from requests to the object, for the controller and the commands.
//! - [`pull::render`] turns payloads into keys, [`pull::shares`] sorts them by workload and revision,
//!   [`pull::merge`] makes one object of what all pods ask, [`pull::apply`] writes it without ever
//!   touching what is not ours.
//! - [`pull::condition`] is the table of everything that can go wrong: reason, retry, audience.
//!   [`pull::report`] and [`events`] tell it.
//!
//! # From Git to the stores
//!
//! ```text
//!  API server                                     Flux, a Git server, a directory
//!      │ objects, sources                                 │ files
//!      ▼                                                  ▼
//!  push::source::definitions ─► push::index ─► queue ─► push::reconcile ─► push::source ─► Snapshot
//!  one watch for each kind      objects ⇄      one run    is anything                          │
//!  of source that there is      sources        per object   new?                               ▼
//!                                                                             entries ◄── push::build
//!  stores ◄── jasm_providers::Sink ◄── push::write ◄── push::plan ◄─────────────┘      decrypt, kustomize,
//!             a list, then what        several at      new, changed,                   parse, route, name
//!             has changed              once            the same, gone?
//! ```
//!
//! - [`push::crd`] are the object's types, from which its CRD is made. [`push::index`] knows which objects
//!   refer to which source; what says nothing new wakes nobody.
//! - [`push::source`] makes a [`Snapshot`](push::source::Snapshot) of a source: artifacts of Flux by
//!   their digest, one commit over HTTP, a directory. Everything is a [`push::tree`] in memory, under caps.
//! - [`push::build`] is the way from files to entries: `jasm_sops` decrypts what is read,
//!   [`push::kustomize`] builds, [`push::layout`] finds the files, [`push::files`] parses them,
//!   [`push::route`] says which store, [`push::names`] and [`push::limits`] what it takes,
//!   [`push::entries`] puts it together.
//! - [`push::destination`] settles the stores and the identity by the operator's file, [`push::sinks`] are
//!   their connections, [`push::key_service`] asks for keys under the same rules.
//! - [`push::write`] brings one store to what the source says by [`push::plan`]; [`push::keyring`] holds the
//!   key by which values are compared without being read.
//! - [`push::condition`] is the table of reasons, [`push::outcome`] makes a status of them,
//!   [`push::objects`] writes it.
//!
//! # Around both
//!
//! [`args`] and [`settings`] are what an operator says, [`configuration`] keeps the last
//! good of it in force, [`stores`] are the stores it names, each with a lane for every identity that reads it,
//! [`identity`] finds ServiceAccounts and has tokens of theirs made, [`client`] are the connections to the
//! API server, [`app`] wires all parts, [`server`], [`metrics`] and [`telemetry`] show how they do.
//!
//! Beside the controller: [`cli`] has the other commands; they use the parts above, most of them
//! without a cluster. [`manifests`] reads what makes pods, [`lint`] checks it with the controller's
//! own parser, [`diagnostic`] shows a problem with its place.
//!
//! Pure, without I/O: `annotation`, `asked`, `index`, `plan`, `shares`, `merge`, `render`, `request`,
//! `reference`, `condition`, `policy`, `settings`, `yaml`, `manifests`, `lint`, `diagnostic`; of `push`:
//! `crd`, `index`, `tree`, `archive`, `layout`, `files`, `route`, `names`, `limits`, `entries`,
//! `kustomize`, `destination`, `plan`, `condition`, `outcome`, and of its sources all but `artifact`,
//! `git` and `directory`.
//! Only `watch`, `apply`, `workload`, `events`, `identity`, of `push` `objects`, `keyring` and `secret`,
//! `jasm explain pod` and `jasm doctor` speak to the API server.

pub mod app;
pub mod args;
pub mod cli;
pub mod client;
pub mod configuration;
pub mod diagnostic;
pub mod events;
pub mod identity;
pub mod lint;
pub mod manifests;
pub mod metrics;
pub mod policy;
pub mod pull;
pub mod push;
pub mod queue;
pub mod server;
pub mod settings;
pub mod stores;
pub mod telemetry;
pub mod watch;
pub mod yaml;
