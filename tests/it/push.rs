//! The push half from outside: the real controller between Flux's and Argo CD's own objects in a real API
//! server and the stores.

mod admission;
mod bad_input;
mod clouds;
mod killed;
mod late;
mod r#loop;
mod ownership;
mod policy;
mod runs;
mod stage;
mod taking_out;
