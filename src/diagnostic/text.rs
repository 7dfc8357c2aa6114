//! For people: message, place, the line with the place underlined, the mend.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthChar as _;

use super::{Diagnostic, Place, Severity, Source, visible};

/// So many characters of a line are shown; a longer one is cut around the place.
const WIDTH: usize = 140;
/// So many of them stand before the place if the line is cut there.
const BEFORE: usize = 40;

pub(super) fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        // Writing to a `String` cannot fail.
        let _ = one(&mut text, diagnostic, color);
    }
    text
}

fn one(out: &mut String, diagnostic: &Diagnostic, color: bool) -> std::fmt::Result {
    let when = |style: Style| if color { style } else { Style::new() };
    let level = when(match diagnostic.severity {
        Severity::Error => AnsiColor::BrightRed.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Note => AnsiColor::BrightGreen.on_default().bold(),
    });
    let bold = when(Style::new().bold());
    let frame = when(AnsiColor::BrightBlue.on_default().bold());
    let word = diagnostic.severity.as_str();
    let rule = diagnostic.rule.id;
    let message = shown(&diagnostic.message);
    writeln!(
        out,
        "{level}{word}[{rule}]{level:#}{bold}: {message}{bold:#}"
    )?;
    let number = diagnostic.place.map(|place| place.line.to_string());
    let gutter = " ".repeat(number.as_ref().map_or(1, String::len));
    write!(out, "{gutter}{frame}-->{frame:#} ")?;
    out.push_str(&shown(diagnostic.source.name()));
    match (diagnostic.place, number) {
        (Some(place), Some(number)) => {
            writeln!(out, ":{number}:{}", place.column)?;
            // The line may hold a value, and what is printed here ends in the log of a pipeline.
            if !diagnostic.source.in_secret(place.line) {
                let window = window(&diagnostic.source, place);
                writeln!(out, "{gutter} {frame}|{frame:#}")?;
                writeln!(
                    out,
                    "{}",
                    format!("{frame}{number} |{frame:#} {}", window.text).trim_end()
                )?;
                writeln!(
                    out,
                    "{gutter} {frame}|{frame:#} {}{level}{}{level:#}",
                    " ".repeat(window.before),
                    "^".repeat(window.length)
                )?;
            }
        }
        _ => writeln!(out)?,
    }
    if let Some(help) = &diagnostic.help {
        writeln!(out, "{gutter} {frame}|{frame:#}")?;
        let help = shown(help);
        writeln!(out, "{gutter} {frame}={frame:#} {bold}help{bold:#}: {help}")?;
    }
    writeln!(out)
}

fn shown(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// The part of a line that is shown, and where the place is in it, in columns of a terminal.
struct Window {
    text: String,
    before: usize,
    length: usize,
}

fn window(source: &Source, place: Place) -> Window {
    let column = place.column.saturating_sub(1);
    let first = if source.rest(place.line, WIDTH + 1).is_empty() {
        0
    } else {
        column.saturating_sub(BEFORE)
    };
    let mut window = Window {
        text: String::new(),
        before: 0,
        length: 0,
    };
    if first > 0 {
        window.text.push('…');
        window.before += 1;
    }
    let mut rest = source.rest(place.line, first + 1).chars();
    for (index, c) in (first..).zip(rest.by_ref().take(WIDTH)) {
        let width = if c == '\t' {
            window.text.push_str("    ");
            4
        } else {
            let c = visible(c);
            window.text.push(c);
            c.width().unwrap_or(0)
        };
        if index < column {
            window.before += width;
        } else if index < column + place.length {
            window.length += width;
        }
    }
    if rest.next().is_some() {
        window.text.push('…');
    }
    // A place behind the line's end, or under a character that has no width of its own.
    window.length = window.length.max(1);
    window
}
