//! The fakes as a program, for whoever does not link them: see `jasm-fakes --help`.

use std::process::ExitCode;

use clap::Parser;
use jasm_fakes::program::{Options, run};

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why.to_string()),
    }
}

#[allow(clippy::print_stderr, reason = "there is no log")]
fn fail(why: &str) -> ExitCode {
    eprintln!("jasm-fakes: {why}");
    ExitCode::FAILURE
}
