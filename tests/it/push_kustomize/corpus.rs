//! Kustomizations made by chance.
