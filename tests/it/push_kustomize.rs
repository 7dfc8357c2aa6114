//! Kustomizations: what is built natively is what `kustomize build` gives, byte for byte, and what
//! kustomize refuses is refused.

mod cases;
mod corpus;
mod oracle;
mod stricter;
