//! `jasm completions`: what a shell completes.

use clap::Args;
use clap_complete::Shell;

use super::{Exit, Outcome, Streams};

/// Flags of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints the script for a shell.
///
/// # Errors
/// The script cannot be written.
pub fn run(args: &Completions, streams: &mut Streams<'_>) -> Outcome {
    // A buffer between, as the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "jasm", &mut script);
    streams.output.write_all(&script)?;
    Ok(Exit::Fine)
}
