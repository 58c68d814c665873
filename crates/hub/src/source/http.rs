//! A file by HTTP, resumed with a range where that is safe.
//!
//! A range is asked for only if something proves that both pieces are of one file: the server's validator (`If-Range`),
//! or a hash that the whole must have.

use std::{
    io::{self, Read},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

use ureq::{
    Body,
    http::{HeaderMap, HeaderName, StatusCode, header},
};

use crate::{Error, Settings, part::Part, pull::POLL, store::BUFFER_BYTES};

use super::{
    address::Address,
    client::{self, Answer},
};

/// Number of pieces of a body that are read before they are written.
const PIECES_AHEAD: usize = 8;
/// Largest number of attempts at one file, those included that brought something.
const ATTEMPTS_MAX: u32 = 100;

/// Fills `part` with the file at `address`; broken connections are taken up again.
pub(super) fn fetch(
    settings: &Settings,
    address: &Address,
    token: Option<&str>,
    part: &mut Part<'_>,
) -> Result<(), Error> {
    let source = address.as_uri().to_string();
    let mut validator = part.resume(&source)?.and_then(|mark| mark.validator);
    let (mut in_vain, mut longest) = (0, part.len());
    for _ in 0..ATTEMPTS_MAX {
        let error = match attempt(settings, address, token, &source, &mut validator, part) {
            Ok(()) => return Ok(()),
            Err(error) if error.is_transient() => error,
            Err(error) => return Err(error),
        };
        in_vain = if part.len() > longest { 1 } else { in_vain + 1 };
        longest = longest.max(part.len());
        if in_vain >= settings.attempts_max {
            return Err(error);
        }
        part.pause(settings.retry_delay.saturating_mul(1 << (in_vain - 1).min(6)))?;
    }
    Err(Error::Network { url: address.public(), why: format!("broken off {ATTEMPTS_MAX} times") })
}

/// Makes one connection, and appends to `part` what it brings.
fn attempt(
    settings: &Settings,
    address: &Address,
    token: Option<&str>,
    source: &str,
    validator: &mut Option<String>,
    part: &mut Part<'_>,
) -> Result<(), Error> {
    let broken = |why: String| Error::Network { url: address.public(), why };
    let at = part.len();
    let may_resume = at > 0 && (validator.is_some() || part.expected().sha256.is_some());
    if may_resume && part.expected().bytes == Some(at) {
        return Ok(());
    }
    let mut headers: Vec<(HeaderName, String)> = Vec::new();
    if may_resume {
        headers.push((header::RANGE, format!("bytes={at}-")));
        headers.extend(validator.clone().map(|v| (header::IF_RANGE, v)));
    }
    let Answer { first_headers, response } = client::get(settings, address, token, &headers)?;
    note_announced_hash(&first_headers, part)?;
    if response.status().is_success() && part.lacks_hash() {
        return Err(Error::NotAnnounced { url: address.public() });
    }
    let length = response.body().content_length();
    match response.status() {
        StatusCode::OK => {
            *validator = validator_of(response.headers());
            part.restart(source, validator.clone())?;
            check_length(length, part)?;
        }
        StatusCode::PARTIAL_CONTENT if may_resume => {
            let range = Range::of(response.headers()).filter(|r| r.start == at);
            let Some(range) = range else {
                part.restart(source, None)?;
                return Err(broken("the server sent another range than was asked for".to_owned()));
            };
            if range.total.is_some() {
                check_length(range.total, part)?;
            }
        }
        // The file became shorter, or the part is spoilt.
        StatusCode::RANGE_NOT_SATISFIABLE if may_resume => {
            *validator = None;
            part.restart(source, None)?;
            return Err(broken("the server has no such range".to_owned()));
        }
        // What came earlier can never be completed.
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
            part.discard();
            return Err(Error::Status { url: address.public(), status: status.as_u16() });
        }
        status => return Err(Error::Status { url: address.public(), status: status.as_u16() }),
    }
    append_body(response.into_body(), part, &|e| broken(client::explain_read(e, settings)))?;
    match part.total {
        Some(total) if part.len() < total => Err(broken(format!("{} of {total} bytes came", part.len()))),
        _ => Ok(()),
    }
}

/// Appends all of a body, which is read on a thread of its own: a pull from a silent server can be broken off at once.
fn append_body(body: Body, part: &mut Part<'_>, broken: &dyn Fn(&io::Error) -> Error) -> Result<(), Error> {
    let (send, receive) = mpsc::sync_channel(PIECES_AHEAD);
    thread::spawn(move || {
        let mut reader = body.into_reader();
        loop {
            let mut piece = vec![0; BUFFER_BYTES];
            let read = match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(n) => {
                    piece.truncate(n);
                    Ok(piece)
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Err(e),
            };
            let is_last = read.is_err();
            // Nobody listens any more: the pull was broken off.
            if send.send(read).is_err() || is_last {
                return;
            }
        }
    });
    loop {
        match receive.recv_timeout(POLL) {
            Ok(Ok(piece)) => part.append(&mut piece.as_slice(), broken)?,
            Ok(Err(error)) => return Err(broken(&error)),
            Err(RecvTimeoutError::Timeout) => part.show(0)?,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Refuses a file of the wrong size before it is fetched.
fn check_length(length: Option<u64>, part: &mut Part<'_>) -> Result<(), Error> {
    match (part.expected().bytes, length) {
        (Some(expected), Some(got)) if expected != got => {
            let name = part.file_name();
            part.discard();
            Err(Error::WrongSize { name, expected, got })
        }
        (None, length) => {
            part.total = length;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Notes the SHA-256 that Hugging Face states of large files before it redirects to them.
fn note_announced_hash(headers: &HeaderMap, part: &mut Part<'_>) -> Result<(), Error> {
    let etag = headers.get("x-linked-etag").and_then(|v| v.to_str().ok()).map(|v| v.trim_matches('"'));
    let Some(hash) = etag.filter(|v| v.len() == 64 && v.chars().all(|c| c.is_ascii_hexdigit())) else {
        return Ok(());
    };
    let hash = hash.to_ascii_lowercase();
    if let Some(expected) = part.expected().sha256.clone().filter(|e| *e != hash) {
        return Err(Error::WrongHash { name: part.file_name(), expected, got: hash });
    }
    part.announced = Some(hash);
    Ok(())
}

/// Returns the validator that `If-Range` takes (RFC 9110 section 13.1.5), which is no weak tag.
fn validator_of(headers: &HeaderMap) -> Option<String> {
    let text = |name: HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    let tag = text(header::ETAG).filter(|tag| tag.starts_with('"'));
    tag.or_else(|| text(header::LAST_MODIFIED)).map(str::to_owned)
}

/// A parsed `Content-Range: bytes START-END/TOTAL`.
struct Range {
    start: u64,
    total: Option<u64>,
}

impl Range {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
        let (range, total) = text.split_once('/')?;
        let (start, _) = range.split_once('-')?;
        Some(Self { start: start.trim().parse().ok()?, total: total.trim().parse().ok() })
    }
}
