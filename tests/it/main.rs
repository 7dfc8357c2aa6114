//! JASM from outside: the real binary under its real rights, against a real API server, kubelet
//! and garbage collector, the moto server, OpenBao, fakes of the clouds that have no emulator, a
//! directory, and stores that misbehave.
//!
//! One cluster serves all tests; each has namespaces, an account and a process of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod support;

mod admission;
mod audit;
mod burst;
mod cli_config;
mod cli_doctor;
mod cli_explain;
mod cli_policy;
mod cli_push;
mod cli_render;
mod docs;
mod e2e;
mod forms;
mod identity;
mod kinds;
mod late;
mod lint;
mod manifests;
mod objects;
mod observe;
mod process;
mod push;
mod push_kustomize;
mod push_sources;
mod refusals;
mod restart;
mod rollout;
mod rotation;
mod samples;
mod secrecy;
mod setup;
mod store_faults;
mod tiers;
mod tokens;
mod watch;
mod workloads;
