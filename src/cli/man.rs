//! `jasm man`: one manual page per command.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
use clap_mangen::Man;

use super::{Exit, Outcome, Stop, Streams};

/// Flags of `man`.
#[derive(Debug, Args)]
pub struct Pages {
    /// The directory to write them to; it is made if it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Writes the pages.
///
/// # Errors
/// A page cannot be written.
pub fn run(args: &Pages, streams: &mut Streams<'_>) -> Outcome {
    let cannot = |path: &Path, error: std::io::Error| {
        Stop::Unusable(format!(
            "{} cannot be written: {}",
            path.display(),
            error.kind()
        ))
    };
    std::fs::create_dir_all(&args.dir).map_err(|error| cannot(&args.dir, error))?;
    let mut command = super::plain(crate::args::Cli::command());
    // Sets the whole name of each command below.
    command.build();
    let mut pages = Vec::new();
    collect(command, "jasm", &mut pages);
    for (name, page) in pages {
        let path = args.dir.join(name);
        std::fs::write(&path, page).map_err(|error| cannot(&path, error))?;
        writeln!(streams.output, "{}", path.display())?;
    }
    Ok(Exit::Fine)
}

fn collect(command: clap::Command, name: &str, pages: &mut Vec<(String, Vec<u8>)>) {
    let below: Vec<_> = command
        .get_subcommands()
        .filter(|below| below.get_name() != "help")
        .cloned()
        .collect();
    for below in below {
        let name = format!("{name}-{}", below.get_name());
        collect(below, &name, pages);
    }
    // The version and the date would change every page at every release.
    let unversioned = command.version(None::<&'static str>);
    let mut page = Vec::new();
    // Writing to memory cannot fail.
    let _ = Man::new(unversioned)
        .title(name.to_uppercase())
        .manual("JASM")
        .source("")
        .date("")
        .render(&mut page);
    pages.push((format!("{name}.1"), page));
}
