//! The program: crypto provider, flags, run, exit code.

use std::process::ExitCode;

use jasm::args::Run;
use jasm::cli;

/// After a burst glibc's keeps most of what the burst needed; settings in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Two TLS users in one process must not each choose a provider of their own.
    if rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .is_err()
    {
        return fail("the TLS provider was chosen twice");
    }
    cli::dispatch(cli::parse().command, run)
}

/// The controller.
fn run(args: Run) -> ExitCode {
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
