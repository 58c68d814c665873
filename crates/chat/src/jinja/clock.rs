//! `strftime_now(format)`: the time is given, never read.

use jiff::civil::DateTime;

use super::Result;
use crate::error::Error;

/// Characters of a format; no date needs more.
const FORMAT_CHARS_MAX: usize = 256;

/// `now` by a `strftime` format.
pub(crate) fn strftime(now: DateTime, format: &str) -> Result<String> {
    if format.len() > FORMAT_CHARS_MAX {
        return Err(Error::render(format!("strftime_now: a format of more than {FORMAT_CHARS_MAX} bytes")));
    }
    jiff::fmt::strtime::format(format, now).map_err(|e| Error::render(format!("strftime_now: {e}")))
}
