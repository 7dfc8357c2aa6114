//! The push half: configuration from Git to the stores.

pub mod crd;
pub mod tree;
