//! The push half: configuration from Git to the stores.

pub mod archive;
pub mod build;
pub mod condition;
pub mod crd;
pub mod destination;
pub mod directories;
pub mod entries;
pub mod files;
pub mod index;
pub mod key_service;
pub mod keyring;
pub mod kustomize;
pub mod layout;
pub mod limits;
pub mod names;
pub mod objects;
pub mod outcome;
pub mod plan;
pub mod reconcile;
pub mod route;
pub mod run;
pub mod secret;
pub mod sinks;
pub mod source;
pub mod tree;
pub mod write;
