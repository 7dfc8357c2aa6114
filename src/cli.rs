//! Commands that check and explain files, without a cluster.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

pub mod input;
pub mod lint;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing is wrong.
    Fine,
    /// The input was read, and something in it is wrong.
    Problems,
    /// The call is wrong, or an input cannot be read.
    Unusable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Problems => 1,
            Exit::Unusable => 2,
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

/// <https://no-color.org>: any value but the empty one says no.
fn color() -> bool {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stdout().is_terminal() && !no && !dumb
}
