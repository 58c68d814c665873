//! A file by HTTP, resumed with a range where the server takes one.

use std::time::Duration;

use ureq::{
    Agent,
    http::{StatusCode, header},
};

use crate::{Error, pull::Part};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Until the answer's head; a body may take long, but not stand still.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);
const STALL_TIMEOUT: Duration = Duration::from_mins(1);
const REDIRECTS_MAX: u32 = 5;

/// Appends the file at `url` from where `part` ends.
pub(crate) fn fetch(url: &str, part: &mut Part<'_>) -> Result<(), Error> {
    let refuse = |what: String| Error::Source { source_name: url.to_owned(), what };
    let agent: Agent = Agent::config_builder()
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(RESPONSE_TIMEOUT))
        .timeout_per_read(Some(STALL_TIMEOUT))
        .max_redirects(REDIRECTS_MAX)
        .http_status_as_error(false)
        .build()
        .into();
    let mut request = agent.get(url);
    if part.len() > 0 {
        request = request.header(header::RANGE, format!("bytes={}-", part.len()));
    }
    let mut response = request.call().map_err(|e| refuse(e.to_string()))?;
    match response.status() {
        StatusCode::PARTIAL_CONTENT if starts_at(&response, part.len()) => {}
        StatusCode::OK => part.clear()?,
        // Nothing is left to send, or the part is not of this file: the hash will tell, and a wrong part is removed.
        StatusCode::RANGE_NOT_SATISFIABLE if part.total == Some(part.len()) => return Ok(()),
        StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT => {
            part.clear()?;
            return fetch(url, part);
        }
        status => return Err(refuse(format!("HTTP status {status}"))),
    }
    let announced = response.body().content_length();
    if part.total.is_none() {
        part.total = announced.map(|n| n + part.len());
    }
    let before = part.len();
    part.append(&mut response.body_mut().as_reader(), url)?;
    match announced {
        Some(n) if part.len() - before != n => Err(refuse(format!("{} of {n} bytes came", part.len() - before))),
        _ => Ok(()),
    }
}

fn starts_at(response: &ureq::http::Response<ureq::Body>, at: u64) -> bool {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|v| v.to_str().ok());
    range.is_some_and(|r| r.trim_start_matches("bytes ").split('-').next() == Some(at.to_string().as_str()))
}
