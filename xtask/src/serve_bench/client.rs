//! A small HTTP client that measures streams: blocking sockets, one connection a request, so that it takes next to
//! nothing from the server it measures.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Longest time that an answer may take.
const TIMEOUT: Duration = Duration::from_mins(10);
/// Longest answer, in bytes.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// A stream of a completion, as its client saw it.
#[derive(Clone, Debug)]
pub(crate) struct Streamed {
    /// Time at which the request was sent.
    pub(crate) sent: Instant,
    /// Time of each event with text.
    pub(crate) arrivals: Vec<Instant>,
    /// All text of the stream.
    pub(crate) text: String,
    /// Number of tokens of the answer by the server's own account, where it gives one.
    pub(crate) n_completion: Option<u64>,
    /// Index of the request that it answers.
    pub(crate) request: usize,
}

impl Streamed {
    /// Seconds to the first text.
    pub(crate) fn ttft(&self) -> f64 {
        self.arrivals.first().map_or(f64::NAN, |first| (*first - self.sent).as_secs_f64())
    }

    /// Returns the seconds between events, each with the time at which it ended.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = (Instant, f64)> + '_ {
        self.arrivals.windows(2).map(|pair| (pair[1], (pair[1] - pair[0]).as_secs_f64()))
    }

    /// Number of tokens written: what the server counted, or the events.
    pub(crate) fn n_tokens(&self) -> u64 {
        self.n_completion.unwrap_or(self.arrivals.len() as u64)
    }
}

/// Sends a `GET`; returns status and text.
pub(crate) fn get(address: &str, path: &str) -> Result<(u16, String), String> {
    Caller { address, key: None }.get(path)
}

/// Sends `POST /v1/completions` with `stream`, and reads it event by event.
pub(crate) fn stream(address: &str, body: &Value) -> Result<Streamed, String> {
    Caller { address, key: None }.stream(body)
}

/// A client of a server: its address, and the key it asks with.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'a> {
    /// Address of the server, `127.0.0.1:PORT`.
    pub(crate) address: &'a str,
    /// API key of the client.
    pub(crate) key: Option<&'a str>,
}

impl Caller<'_> {
    /// Sends a `GET`; returns status and text.
    pub(crate) fn get(self, path: &str) -> Result<(u16, String), String> {
        let mut answer = send(self, "GET", path, None)?;
        let text = answer.text().map_err(|e| format!("GET {path}: {e}"))?;
        Ok((answer.status, text))
    }

    /// Sends a `POST`; returns status and text.
    pub(crate) fn post(self, path: &str, body: &Value) -> Result<(u16, String), String> {
        let mut answer = send(self, "POST", path, Some(&body.to_string()))?;
        let text = answer.text().map_err(|e| format!("POST {path}: {e}"))?;
        Ok((answer.status, text))
    }

    /// Sends a `POST`, and leaves as soon as `n_bytes` of the answer have come, or `patience` is over.
    pub(crate) fn leave(self, path: &str, body: &Value, n_bytes: usize, patience: Duration) -> Result<(), String> {
        let at = |e: std::io::Error| format!("POST {path}: {e}");
        let body = body.to_string();
        let mut socket = TcpStream::connect(self.address).map_err(at)?;
        socket.write_all((self.head("POST", path, body.len()) + &body).as_bytes()).map_err(at)?;
        socket.set_read_timeout(Some(patience)).map_err(at)?;
        let mut bytes = vec![0; n_bytes];
        // Whether they came, the patience ended or the server refused: the caller is gone.
        let _ = socket.read_exact(&mut bytes);
        Ok(())
    }

    /// Sends `POST /v1/completions` with `stream`, and reads it event by event.
    pub(crate) fn stream(self, body: &Value) -> Result<Streamed, String> {
        let path = "/v1/completions";
        let sent = Instant::now();
        let mut answer = send(self, "POST", path, Some(&body.to_string()))?;
        if answer.status != 200 {
            let text = answer.text().unwrap_or_default();
            return Err(format!("POST {path}: {}: {text}", answer.status));
        }
        let mut streamed = Streamed { sent, arrivals: Vec::new(), text: String::new(), n_completion: None, request: 0 };
        let mut line = String::new();
        loop {
            line.clear();
            if answer.body.read_line(&mut line).map_err(|e| format!("POST {path}: {e}"))? == 0 {
                return Err(format!("POST {path}: the stream ended without [DONE] after {:?}", streamed.text));
            }
            let Some(data) = line.trim_end().strip_prefix("data: ") else { continue };
            if data == "[DONE]" {
                return Ok(streamed);
            }
            let event: Value = serde_json::from_str(data).map_err(|e| format!("POST {path}: {e}: {data}"))?;
            if let Some(error) = event.get("error") {
                return Err(format!("POST {path}: in the stream: {error}"));
            }
            if let Some(n) = event["usage"]["completion_tokens"].as_u64() {
                streamed.n_completion = Some(n);
            }
            if let Some(text) = event["choices"][0]["text"].as_str().filter(|text| !text.is_empty()) {
                streamed.arrivals.push(Instant::now());
                streamed.text.push_str(text);
            }
        }
    }

    fn head(self, method: &str, path: &str, length: usize) -> String {
        let address = self.address;
        let key = self.key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{key}content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
    }
}

struct Answer {
    status: u16,
    body: BufReader<Box<dyn Read>>,
}

impl Answer {
    fn text(&mut self) -> Result<String, String> {
        let mut text = String::new();
        self.body.by_ref().take(BODY_BYTES_MAX).read_to_string(&mut text).map_err(|e| e.to_string())?;
        Ok(text)
    }
}

fn send(caller: Caller<'_>, method: &str, path: &str, body: Option<&str>) -> Result<Answer, String> {
    let at = |e: std::io::Error| format!("{method} {path}: {e}");
    let mut socket = TcpStream::connect(caller.address).map_err(at)?;
    socket.set_read_timeout(Some(TIMEOUT)).map_err(at)?;
    socket.set_nodelay(true).map_err(at)?;
    let body = body.unwrap_or_default();
    let head = caller.head(method, path, body.len());
    socket.write_all((head + body).as_bytes()).map_err(at)?;
    let mut reader = BufReader::new(socket);
    let mut status = None;
    let (mut is_chunked, mut length) = (false, None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).map_err(at)? == 0 {
            return Err(format!("{method} {path}: the connection was closed before an answer"));
        }
        let line = line.trim_end().to_ascii_lowercase();
        if status.is_none() {
            status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
            if status.is_none() {
                return Err(format!("{method} {path}: not HTTP: {line:?}"));
            }
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse::<u64>().ok();
        } else if let Some(value) = line.strip_prefix("transfer-encoding:") {
            is_chunked = value.trim() == "chunked";
        } else if line.is_empty() {
            break;
        }
    }
    let body: Box<dyn Read> = match length {
        _ if is_chunked => Box::new(Chunked { reader, left: 0, is_over: false }),
        Some(length) => Box::new(reader.take(length)),
        None => Box::new(reader),
    };
    Ok(Answer { status: status.unwrap_or_default(), body: BufReader::new(body) })
}

/// A reader of a chunked body without its frame.
struct Chunked<R> {
    reader: R,
    /// Number of bytes left of the present chunk.
    left: u64,
    is_over: bool,
}

impl<R: BufRead> Read for Chunked<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.is_over {
            return Ok(0);
        }
        if self.left == 0 {
            let mut line = String::new();
            // The end of the chunk before leaves an empty line.
            while line.trim().is_empty() {
                line.clear();
                if self.reader.read_line(&mut line)? == 0 {
                    return Err(std::io::Error::other("the connection was closed within a chunked body"));
                }
            }
            let digits = line.trim().split(';').next().unwrap_or_default();
            self.left = u64::from_str_radix(digits, 16)
                .map_err(|_| std::io::Error::other(format!("not the length of a chunk: {digits:?}")))?;
            if self.left == 0 {
                self.is_over = true;
                return Ok(0);
            }
        }
        let n = self.reader.by_ref().take(self.left).read(out)?;
        if n == 0 {
            return Err(std::io::Error::other("the connection was closed within a chunk"));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let wire = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
        let mut text = String::new();
        Chunked { reader: &wire[..], left: 0, is_over: false }.read_to_string(&mut text).expect("a body");
        assert_eq!(text, "hello world");
    }

    #[test]
    fn a_cut_body_is_an_error() {
        let wire = b"5\r\nhel";
        let mut text = String::new();
        assert!(Chunked { reader: &wire[..], left: 0, is_over: false }.read_to_string(&mut text).is_err());
    }
}
