//! Which characters and how long lines a file may have.

use super::{Reader, foreign};
use crate::{
    diagnostic::Diagnostic,
    limits::{FILE_BYTES_MAX, LINE_BYTES_MAX},
    source::{FileId, Sources, Span},
};

/// Adds a file's bytes; says what is wrong where they are no text.
///
/// Bytes that are not UTF-8 stand as U+FFFD in the text that is kept, so that a message can show their line. Of a file
/// over the limit nothing is kept.
pub fn add_bytes(sources: &mut Sources, path: &str, bytes: &[u8]) -> (FileId, Option<Diagnostic>) {
    if bytes.len() > FILE_BYTES_MAX {
        let file = sources.add(path, "");
        let message = format!("the file has {} bytes, more than FILE_BYTES_MAX = {FILE_BYTES_MAX}", bytes.len());
        return (file, Some(Diagnostic::new("E0140", Span::new(file, 0, 0), message)));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (sources.add(path, text), None),
        Err(_) if foreign::is_binary(bytes) => {
            let file = sources.add(path, "");
            (file, Some(foreign::binary(file)))
        }
        Err(error) => {
            let at = error.valid_up_to();
            let byte = bytes.get(at).copied().unwrap_or_default();
            let file = sources.add(path, String::from_utf8_lossy(bytes));
            let message = "the file is not UTF-8";
            let label = format!("byte 0x{byte:02X} at offset {at}");
            // What stands there now is U+FFFD, three bytes long.
            (file, Some(Diagnostic::new("E0101", Span::new(file, at, at + 3), message).label(label)))
        }
    }
}

/// So many bytes are looked at together.
const ROW_BYTES: usize = 64;

/// Tells whether no byte of the row begins a character that needs a look. It has no jump for each byte, so that it
/// becomes vector code.
#[allow(clippy::needless_bitwise_bool, reason = "a jump for each byte is what it does without")]
fn is_plain(row: &[u8]) -> bool {
    let is_odd = |b: u8| (b < 0x20 && b != b'\n') | (b == 0x7F) | (b == 0xC2) | (b == 0xEF);
    !row.iter().fold(false, |odd, b| odd | is_odd(*b))
}

impl Reader<'_> {
    /// Reports characters that no file may have and lines over the limit; `false` if reading on has no sense.
    pub(super) fn check_characters(&mut self) -> bool {
        if self.text.starts_with('\u{FEFF}') {
            self.pos = '\u{FEFF}'.len_utf8();
            self.line_start = self.pos;
        }
        let is_long = self.bytes.len() > LINE_BYTES_MAX;
        let mut line_start = 0;
        let mut is_readable = true;
        for (row, from) in self.bytes.chunks(ROW_BYTES).zip((0..).step_by(ROW_BYTES)) {
            let is_plain = is_plain(row);
            if is_plain && !is_long {
                continue;
            }
            for (byte, at) in row.iter().zip(from..) {
                match byte {
                    b'\n' => {
                        self.check_line(line_start, at);
                        line_start = at + 1;
                    }
                    0 => {
                        is_readable = false;
                        self.refuse_character(at, 1, "a NUL");
                    }
                    _ if is_plain => {}
                    byte => self.check_character(*byte, at),
                }
            }
        }
        self.check_line(line_start, self.bytes.len());
        is_readable
    }

    /// Refuses a character that begins with `byte` at `at`, if no file may have it.
    fn check_character(&mut self, byte: u8, at: usize) {
        match byte {
            0x20..=0x7E | 0x80..=0xC1 | 0xC3..=0xEE | 0xF0.. | b'\t' => {}
            b'\r' if self.at(at + 1) == b'\n' => {}
            b'\r' => self.refuse_character(at, 1, "a carriage return without a line feed"),
            ..0x20 | 0x7F => self.refuse_character(at, 1, "a control character"),
            0xC2 if matches!(self.at(at + 1), 0x80..=0x9F) && self.at(at + 1) != 0x85 => {
                self.refuse_character(at, 2, "a control character");
            }
            0xEF if at >= self.pos && self.at(at + 1) == 0xBB && self.at(at + 2) == 0xBF => {
                self.refuse_character(at, 3, "a byte order mark inside the file");
            }
            0xEF if self.at(at + 1) == 0xBF && self.at(at + 2) >= 0xBE => {
                self.refuse_character(at, 3, "a code point that is no character");
            }
            _ => {}
        }
    }

    fn check_line(&mut self, start: usize, end: usize) {
        if end - start > LINE_BYTES_MAX {
            let message = format!("a line has {} bytes, more than LINE_BYTES_MAX = {LINE_BYTES_MAX}", end - start);
            self.say(Diagnostic::new("E0140", self.span(start, start + 1), message));
        }
    }

    fn refuse_character(&mut self, at: usize, n_bytes: usize, what: &str) {
        let label = format!("byte 0x{:02X} at offset {at}", self.at(at));
        self.say(Diagnostic::new("E0101", self.span(at, at + n_bytes), what).label(label));
    }
}
