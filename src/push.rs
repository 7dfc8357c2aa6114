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
pub mod archive;
pub mod crd;
pub mod index;
pub mod secret;
pub mod source;
pub mod tree;
pub mod write;
