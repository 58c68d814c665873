//! Rows of CSV and TSV: fields, quotes, and the lines on which they begin.

use std::io::{BufRead, BufReader, Read};

use super::LINE_BYTES_MAX;

/// A row as it stands in the document.
#[derive(Debug, Default)]
pub struct Record {
    /// The line on which it begins.
    pub line: u64,
    /// The bytes of the row, with its quotes and line ends.
    pub raw: Vec<u8>,
}

/// Why a row has no fields.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "lines and columns")]
pub enum Broken {
    /// A quote that is not closed, with the line and column where it opens.
    #[error("the quote that opens here is not closed")]
    Unclosed { line: u64, column: u64 },
    /// Text between a closing quote and the next delimiter.
    #[error("text stands between a closing quote and the next column")]
    BehindQuote { line: u64, column: u64 },
    /// Bytes that are no UTF-8.
    #[error("the row is no UTF-8")]
    Encoding,
    /// More bytes than a row may have.
    #[error("the row is longer than {LINE_BYTES_MAX} bytes (LINE_BYTES_MAX)")]
    TooLong,
}

impl Broken {
    /// Line and column of the fault, if it has a place of its own in the row.
    pub fn place(&self) -> Option<(u64, u64)> {
        match *self {
            Self::Unclosed { line, column } | Self::BehindQuote { line, column } => Some((line, column)),
            Self::Encoding | Self::TooLong => None,
        }
    }
}

/// Reads one row of a table after another.
pub struct Records<R: Read> {
    reader: BufReader<R>,
    delimiter: u8,
    pub(super) with_quotes: bool,
    next_line: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    Bare,
    Quoted,
    /// Behind a quote within quotes, which closes them or is the first of two.
    Quote,
}

/// Follows a row byte by byte; its fields are made at the end.
struct Cutter {
    state: State,
    opened: (u64, u64),
    behind: Option<(u64, u64)>,
}

impl Cutter {
    fn new() -> Self {
        Self { state: State::Start, opened: (0, 0), behind: None }
    }

    /// The next byte, which stands at `place`; what of it belongs to the field: nothing, the byte, or the field's end.
    fn step(&mut self, byte: u8, delimiter: u8, with_quotes: bool, place: (u64, u64)) -> Part {
        match (self.state, byte) {
            (State::Start, b'"') if with_quotes => {
                (self.state, self.opened) = (State::Quoted, place);
                Part::Nothing
            }
            (State::Quoted, b'"') => {
                self.state = State::Quote;
                Part::Nothing
            }
            (State::Quoted, _) => Part::Byte,
            (State::Quote, b'"') => {
                self.state = State::Quoted;
                Part::Byte
            }
            (_, _) if byte == delimiter => {
                self.state = State::Start;
                Part::End
            }
            (State::Quote, b'\r') => Part::Nothing,
            (State::Quote, _) => {
                self.behind.get_or_insert(place);
                Part::Nothing
            }
            (State::Start | State::Bare, _) => {
                self.state = State::Bare;
                Part::Byte
            }
        }
    }
}

enum Part {
    Nothing,
    Byte,
    End,
}

impl<R: Read> Records<R> {
    /// Rows whose fields are apart by `delimiter`, and may stand in double quotes.
    pub fn new(reader: R, delimiter: u8) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, reader), delimiter, with_quotes: true, next_line: 1 }
    }

    /// The line behind the row that was read last.
    pub fn next_line(&self) -> u64 {
        self.next_line
    }

    /// Reads the next row that is not empty into `record` and cuts it; none at the end.
    pub fn next(&mut self, record: &mut Record) -> std::io::Result<Option<Result<Vec<String>, Broken>>> {
        record.raw.clear();
        record.line = self.next_line;
        let mut cutter = Cutter::new();
        let (mut fields, mut field) = (Vec::new(), Vec::new());
        loop {
            let start = record.raw.len();
            let room = (LINE_BYTES_MAX + 1).saturating_sub(start) as u64;
            self.reader.by_ref().take(room).read_until(b'\n', &mut record.raw)?;
            let line = record.raw.get(start..).unwrap_or_default();
            if line.is_empty() {
                return Ok(match cutter.state {
                    State::Quoted => {
                        let (line, column) = cutter.opened;
                        Some(Err(Broken::Unclosed { line, column }))
                    }
                    _ => None,
                });
            }
            if record.raw.len() > LINE_BYTES_MAX {
                self.pass_over()?;
                return Ok(Some(Err(Broken::TooLong)));
            }
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            let is_empty = start == 0 && text.iter().all(|&byte| byte == b'\r');
            for (i, &byte) in text.iter().enumerate() {
                let is_end_of_line = byte == b'\r' && i + 1 == text.len() && cutter.state != State::Quoted;
                let place = (self.next_line, i as u64 + 1);
                match cutter.step(byte, self.delimiter, self.with_quotes, place) {
                    Part::Byte if !is_end_of_line => field.push(byte),
                    Part::Byte | Part::Nothing => {}
                    Part::End => fields.push(std::mem::take(&mut field)),
                }
            }
            self.next_line += 1;
            if is_empty {
                record.raw.clear();
                record.line = self.next_line;
                cutter = Cutter::new();
            } else if cutter.state == State::Quoted {
                field.push(b'\n');
            } else {
                break;
            }
        }
        fields.push(field);
        if let Some((line, column)) = cutter.behind {
            return Ok(Some(Err(Broken::BehindQuote { line, column })));
        }
        let text: Result<Vec<String>, _> = fields.into_iter().map(String::from_utf8).collect();
        Ok(Some(text.map_err(|_| Broken::Encoding)))
    }

    /// Reads to the end of a line without keeping it.
    fn pass_over(&mut self) -> std::io::Result<()> {
        self.next_line += 1;
        self.reader.skip_until(b'\n').map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rows = Vec<(u64, Result<Vec<String>, Broken>)>;

    fn rows(text: &str) -> Rows {
        let mut records = Records::new(text.as_bytes(), b',');
        let (mut record, mut rows) = (Record::default(), Vec::new());
        while let Some(fields) = records.next(&mut record).expect("bytes in memory") {
            rows.push((record.line, fields));
        }
        rows
    }

    fn fields(line: u64, fields: &[&str]) -> (u64, Result<Vec<String>, Broken>) {
        (line, Ok(fields.iter().map(|field| (*field).to_owned()).collect()))
    }

    #[test]
    fn quotes_line_ends_and_empty_lines_are_read() {
        let text = "a,b\r\n\n\"x,\"\"y\"\"\",\"1\r\n2\"\r\n5\" pipe,\n,last";
        let expected = [
            fields(1, &["a", "b"]),
            fields(3, &["x,\"y\"", "1\r\n2"]),
            fields(5, &["5\" pipe", ""]),
            fields(6, &["", "last"]),
        ];
        assert_eq!(rows(text), expected);
    }

    #[test]
    fn an_unclosed_quote_is_told_where_it_opens() {
        let text = "a,b\n1,\"open\n2,3\n4,5\n";
        assert_eq!(rows(text)[1], (2, Err(Broken::Unclosed { line: 2, column: 3 })));
        assert_eq!(rows("\"a\"b,c\n")[0], (1, Err(Broken::BehindQuote { line: 1, column: 4 })));
    }
}
