//! What was found out, for people.

use std::io::Write;

use super::{Report, State};

pub(super) fn write(report: &Report, out: &mut dyn Write) -> std::io::Result<()> {
    let of = match &report.workload {
        Some(workload) => format!(" of {workload}"),
        None => String::new(),
    };
    writeln!(
        out,
        "Pod {} in {}{of}: {}",
        report.pod, report.namespace, report.phase
    )?;
    for why in &report.waits {
        writeln!(out, "  {why}")?;
    }
    for problem in &report.problems {
        writeln!(out, "  not understood: {problem}")?;
    }
    for object in &report.objects {
        writeln!(out)?;
        object.asked.write(out)?;
        match &object.state {
            State::Hidden => writeln!(out, "    whether it is there cannot be seen")?,
            State::Missing => writeln!(out, "    it is not there")?,
            State::There {
                ours,
                r#type,
                keys,
                versions,
                owners,
                changed,
            } => {
                let whose = if *ours { "JASM's" } else { "not JASM's" };
                let kind = r#type.as_ref().map(|kind| format!(", of type {kind}"));
                let changed = changed.as_ref().map(|time| format!(", changed {time}"));
                writeln!(
                    out,
                    "    it is there and {whose}{}{}",
                    kind.unwrap_or_default(),
                    changed.unwrap_or_default()
                )?;
                writeln!(out, "      keys: {}", keys.join(", "))?;
                for (source, version) in versions {
                    writeln!(out, "      {source} at version {version}")?;
                }
                if !owners.is_empty() {
                    writeln!(out, "      owned by {}", owners.join(", "))?;
                }
            }
        }
    }
    if !report.events.is_empty() {
        writeln!(out, "\nEvents")?;
    }
    for said in &report.events {
        writeln!(
            out,
            "  {} {} {} ({}): {}",
            said.time, said.reason, said.about, said.by, said.note
        )?;
    }
    if !report.unseen.is_empty() {
        writeln!(out, "\nNot seen")?;
    }
    for unseen in &report.unseen {
        writeln!(out, "  {unseen}")?;
    }
    writeln!(out, "\nNext: {}", report.next)
}
