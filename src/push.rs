//! The push half: configuration from Git to the stores.

pub mod condition;
pub mod crd;
pub mod destination;
pub mod keyring;
pub mod outcome;
pub mod plan;
pub mod kustomize;
pub mod entries;
pub mod files;
pub mod layout;
pub mod limits;
pub mod names;
pub mod route;
pub mod tree;
pub mod write;
