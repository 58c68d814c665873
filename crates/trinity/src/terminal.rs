//! Standard output is data, standard error is talk: printing, progress bars, Ctrl-C, standard input.

mod screen;

use std::{
    io::{self, IsTerminal, Read, Write},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::{Failure, Kind};
pub(crate) use screen::{HiddenTyping, columns, stdout_is_screen};

/// Longest text read from standard input, bytes.
const STDIN_BYTES_MAX: u64 = 64 << 20;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static IS_CAUGHT: AtomicBool = AtomicBool::new(false);

/// Talk: standard error, failures to write ignored.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// A warning on a line of its own, whatever stands in it.
pub(crate) fn warn(text: &str) {
    say(&format!("warning: {}\n", escape(text)));
}

/// Data: standard output, at once.
pub(crate) fn put(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Data that may not be UTF-8.
pub(crate) fn put_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// The prompt before its completion, if both go to a screen.
pub(crate) fn echo_prompt(text: &str) {
    if io::stdout().is_terminal() && io::stderr().is_terminal() {
        say(text);
    }
}

/// Local time, for templates that tell the date.
pub(crate) fn now() -> chat::Now {
    jiff::ZonedDateTime::now().into()
}

/// The local day of a time, as 2026-01-31.
pub(crate) fn day_text(time: SystemTime) -> String {
    let zone = jiff::tz::TimeZone::system();
    jiff::Timestamp::try_from(time).map_or_else(|_| "-".to_owned(), |t| t.to_zoned_datetime(zone).date().to_string())
}

/// An instant in words of this place, to the minute; `None` if it is none.
pub(crate) fn local_time(instant: &str) -> Option<String> {
    let time: jiff::Timestamp = instant.parse().ok()?;
    Some(time.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string())
}

/// The time, as 2026-01-31T12:00:00Z.
pub(crate) fn timestamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A seed that nobody chose.
pub(crate) fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // Keyed by the system's randomness, anew in each process and call.
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// A value as JSON, indented, with a newline.
pub(crate) fn put_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    put(&(serde_json::to_string_pretty(value)? + "\n"))
}

/// Catches Ctrl-C from now on: it sets what [`is_interrupted`] reads; a second one before it was taken ends the
/// program.
pub(crate) fn catch_interrupt() -> Result<(), Failure> {
    if IS_CAUGHT.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let handler = || {
        if INTERRUPTED.swap(true, Ordering::SeqCst) {
            screen::show_typing();
            say("\n");
            #[allow(clippy::exit, reason = "the second Ctrl-C: whatever runs did not stop at the first")]
            std::process::exit(130);
        }
    };
    ctrlc::set_handler(handler).map_err(|e| Failure::new(Kind::Failure, format!("cannot catch Ctrl-C: {e}")))
}

/// Returns whether Ctrl-C was pressed.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}

/// Returns whether Ctrl-C was pressed since the last call, and forgets it.
pub(crate) fn take_interrupt() -> bool {
    INTERRUPTED.swap(false, Ordering::SeqCst)
}

/// Returns whether standard input is a terminal, so that a person types.
pub(crate) fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Returns whether there is a person who can be asked and answer.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns whether a person is before standard input and output, so that a conversation can be held.
pub(crate) fn can_talk() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks; everything but y or yes is no. Of a terminal a line is read at a time: what was typed behind the answer stays.
pub(crate) fn is_agreed(question: &str) -> Result<bool, Failure> {
    say(&format!("{} [y/N] ", escape(question)));
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// All of standard input as UTF-8; an error names the first bad byte.
pub(crate) fn read_stdin() -> Result<String, Failure> {
    read_text("standard input", io::stdin().lock())
}

/// Text from `source`, at most 64 MiB; `name` stands in errors.
pub(crate) fn read_text(name: &str, source: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = source.take(STDIN_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(|e| Failure::new(Kind::Failure, format!("{name}: {e}")))?;
    if bytes.len() as u64 > STDIN_BYTES_MAX {
        return Err(Failure::new(Kind::Failure, format!("{name}: longer than {STDIN_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let byte = e.as_bytes().get(at).copied().unwrap_or_default();
        Failure::new(Kind::Failure, format!("{name}: not UTF-8: byte {at} is 0x{byte:02x}"))
    })
}

/// A progress bar on standard error; invisible when that is no terminal.
pub(crate) fn progress(what: &str, total: u64, is_bytes: bool) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
    let counts = if is_bytes { "{bytes}/{total_bytes} {bytes_per_sec}" } else { "{pos}/{len}" };
    let template = format!("{{prefix}} [{{bar:30}}] {counts} {{eta}} {{msg}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what.to_owned());
    bar
}

/// A spinner for work of unknown length.
pub(crate) fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}") {
        bar.set_style(style);
    }
    bar.set_prefix(what.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Text of a file or a client made safe to print on one line.
pub(crate) use gguf::escape;

/// 98362432 → 98.4 MB
pub(crate) fn bytes_text(n: u64) -> String {
    match n {
        0..1_000 => format!("{n} B"),
        1_000..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.2} GB", n as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_utf8_is_named_by_its_place() {
        let error = read_text("standard input", &b"ab\xffc"[..]).unwrap_err();
        assert!(format!("{error:?}").contains("byte 2 is 0xff"), "{error:?}");
    }
}
