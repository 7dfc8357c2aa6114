//! The commands besides `run`: each reads, says what it found, and ends with a documented code.
//!
//! Results go to standard output; what is wrong with the input of a command whose result is for a
//! machine goes to standard error. No command starts a runtime before it has to speak to somebody.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::args::{Cli, Command, Run};
use crate::diagnostic::{self, Diagnostic};

pub mod completions;
pub mod config;
pub mod doctor;
pub mod explain;
pub mod input;
pub mod lint;
pub mod man;
pub mod policy;
pub mod push;
pub mod render;

mod account;
mod cluster;
mod operator;
mod settled;
mod workloads;

/// What the exit codes mean, for `--help`.
pub const EXIT_CODES: &str = "Exit codes: 0 nothing is wrong; 1 something is wrong or refused; \
2 the call is wrong or something cannot be read.";

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing is wrong.
    Fine,
    /// The input was read, and something in it is wrong.
    Problems,
    /// Nothing is wrong, something would change, and that was asked for as a code of its own.
    Changes,
    /// The call is wrong, or an input cannot be read.
    Unusable,
}

impl Exit {
    /// Fine if that holds, else there are problems.
    #[must_use]
    pub fn of(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Problems }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Problems => 1,
            Exit::Unusable => 2,
            Exit::Changes => 3,
        })
    }
}

/// Where a command reads and writes.
#[allow(missing_debug_implementations, reason = "streams have nothing to show")]
pub struct Streams<'a> {
    /// Standard input.
    pub input: &'a mut dyn io::Read,
    /// Standard output: what was asked for.
    pub output: &'a mut dyn Write,
    /// Standard error: what is said besides.
    pub error: &'a mut dyn Write,
    /// The output is for a person at a terminal who has nothing against colour.
    pub color: bool,
}

impl Streams<'_> {
    /// Writes diagnostics for people to standard error.
    fn complain(&mut self, diagnostics: &[Diagnostic]) -> io::Result<()> {
        let color = io::stderr().is_terminal() && wants_color();
        let text = diagnostic::render(diagnostics, diagnostic::Format::Text, color);
        // In order, where both are one terminal.
        self.output.flush()?;
        self.error.write_all(text.as_bytes())
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub enum Stop {
    /// One sentence for whoever called it.
    Unusable(String),
    /// What is wrong with an input.
    Input(Box<Diagnostic>),
    /// It was said already.
    Told,
    /// What it says cannot be written.
    Write(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<String> for Stop {
    fn from(sentence: String) -> Self {
        Self::Unusable(sentence)
    }
}

impl From<Diagnostic> for Stop {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Input(Box::new(diagnostic))
    }
}

/// How a command ended, or why it could not do its work.
pub type Outcome = Result<Exit, Stop>;

/// The command line as this process was called: as `jasm`, or as kubectl's plugin.
#[must_use]
pub fn command() -> clap::Command {
    let called = std::env::args_os().next().map(std::path::PathBuf::from);
    let plugin = called
        .as_deref()
        .and_then(|path| path.file_stem())
        .is_some_and(|name| name == "kubectl-jasm");
    let command = plain(Cli::command());
    if plugin {
        command
            .display_name("kubectl jasm")
            .bin_name("kubectl jasm")
    } else {
        command
    }
}

/// Without the values of environment variables: they are nobody's business in a help or a manual.
fn plain(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| arg.hide_env_values(true))
        .mut_subcommands(plain)
}

/// Reads the flags of this process; what is wrong with them is told, and the process ended.
#[must_use]
pub fn parse() -> Cli {
    let matches = command().get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// Carries out a command; `run` starts the controller.
pub fn dispatch(command: Command, run: impl FnOnce(Run) -> ExitCode) -> ExitCode {
    match command {
        Command::Run(args) => run(args),
        Command::Lint(args) => on_terminal(|streams| lint::run(&args, streams)),
        Command::Explain(args) => telling(|streams| explain::run(*args, streams)),
        Command::Render(args) => telling(|streams| render::run(&args, streams)),
        Command::Policy(args) => telling(|streams| policy::run(args, streams)),
        Command::Push(args) => telling(|streams| push::run(&args, streams)),
        Command::Doctor(args) => telling(|streams| doctor::run(*args, streams)),
        Command::Config(args) => telling(|streams| config::run(args, streams)),
        Command::Completions(args) => telling(|streams| completions::run(&args, streams)),
        Command::Man(args) => telling(|streams| man::run(&args, streams)),
    }
}

/// Runs a command and tells why it could not do its work.
fn telling(command: impl FnOnce(&mut Streams<'_>) -> Outcome) -> ExitCode {
    on_terminal(|streams| match command(streams) {
        Ok(exit) => Ok(exit),
        Err(Stop::Write(error)) => Err(error),
        Err(Stop::Told) => Ok(Exit::Unusable),
        Err(Stop::Input(diagnostic)) => {
            streams.complain(&[*diagnostic])?;
            Ok(Exit::Unusable)
        }
        Err(Stop::Unusable(sentence)) => {
            // What was found before it is worth reading too.
            streams.output.flush()?;
            writeln!(streams.error, "jasm: {sentence}")?;
            Ok(Exit::Unusable)
        }
    })
}

/// Runs a command on the process's own streams. A reader that goes away (`jasm … | head`) ends it
/// quietly.
pub fn on_terminal(command: impl FnOnce(&mut Streams<'_>) -> io::Result<Exit>) -> ExitCode {
    let mut error = Quiet(io::stderr().lock());
    let mut output = io::BufWriter::new(Quiet(io::stdout().lock()));
    let mut streams = Streams {
        input: &mut io::stdin().lock(),
        output: &mut output,
        error: &mut error,
        color: color(),
    };
    let exit = command(&mut streams);
    let flushed = output.flush();
    match exit.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit.into(),
        Err(why) => {
            // Nobody is left to be told if this fails too.
            let _ = writeln!(error, "jasm: the output cannot be written: {}", why.kind());
            Exit::Unusable.into()
        }
    }
}

/// A writer that takes no notice of a reader that went away: the exit code is as if it had read on.
struct Quiet<W>(W);

impl<W: Write> Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(why) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

/// Whether the output is for a person who has nothing against colour.
fn color() -> bool {
    io::stdout().is_terminal() && wants_color()
}

/// <https://no-color.org>: any value but the empty one says no.
fn wants_color() -> bool {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    !no && !dumb
}
