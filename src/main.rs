//! The program: flags, the command, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use jasm::args::{Cli, Command, Run};
use jasm::cli;

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Lint(args) => cli::on_terminal(|streams| cli::lint::run(&args, streams)),
    }
}

fn run(args: Run) -> ExitCode {
    // Two TLS users in one process must not each choose a provider of their own.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        return fail("the TLS provider was chosen twice");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return fail("the runtime cannot start");
    };
    match runtime.block_on(jasm::app::run(args.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

#[allow(
    clippy::print_stderr,
    reason = "what ends the program is told even where the log never started"
)]
fn fail(why: &str) -> ExitCode {
    eprintln!("jasm: {why}");
    ExitCode::FAILURE
}
