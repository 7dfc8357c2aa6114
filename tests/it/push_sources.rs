//! Where configuration comes from: artifacts as Flux offers them, commits as Argo CD syncs them, and the
//! objects of both in a real API server, by their own CRDs.

pub(crate) mod artifacts;
mod commits;
mod kinds;
