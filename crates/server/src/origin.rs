//! Which hosts this server answers for, and which pages in browsers may read what it answers.
//!
//! A page anywhere can make a browser send requests here, and by DNS rebinding even under a name of its own; so on a loopback address only
//! the names of loopback are answered, and CORS headers go to listed origins alone.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header},
    response::Response,
};

use crate::error::{ApiError, ErrorKind};

/// What a page may send.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, x-api-key, api-key, anthropic-version, anthropic-beta, x-request-id, openai-organization, \
     openai-project, x-stainless-arch, x-stainless-lang, x-stainless-os, x-stainless-package-version, x-stainless-retry-count, \
     x-stainless-runtime, x-stainless-runtime-version, x-stainless-timeout, x-stainless-helper-method",
);
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, request-id, retry-after");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// Which hosts are ours.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Hosts {
    /// Whatever the client calls us: reached from elsewhere, a server does not know its names.
    #[default]
    Any,
    /// These names, in lower case, without ports; an IPv6 address in brackets.
    Only(Vec<String>),
}

impl Hosts {
    /// The names of loopback and those given.
    pub fn loopback_and(names: impl IntoIterator<Item = String>) -> Self {
        let loopback = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        Self::Only(loopback.into_iter().chain(names.into_iter().map(|n| n.to_ascii_lowercase())).collect())
    }
}

/// Hosts and origins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origins {
    /// Which hosts are ours.
    pub hosts: Hosts,
    /// Origins whose pages may ask: `https://app.example`, each compared as a whole; or `*`, to which no credentials are ever allowed.
    pub cors: Vec<String>,
}

impl Origins {
    /// An origin as `--cors-origin` takes it: scheme, host, perhaps a port, nothing after; or `*`.
    pub fn check_origin(text: &str) -> Result<(), String> {
        let is_origin = text.split_once("://").is_some_and(|(scheme, host)| {
            matches!(
                scheme,
                "http" | "https" | "chrome-extension" | "moz-extension" | "tauri" | "app" | "vscode-webview"
            ) && !host.is_empty()
                && host.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-:[]_".contains(&b))
        });
        if is_origin || text == "*" {
            return Ok(());
        }
        Err(format!("{text:?} is no origin: scheme://host[:port] in lower case, without a path; or *"))
    }

    /// Refuses a request for a host that is not ours.
    pub(crate) fn check_host(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut given = headers.get_all(header::HOST).iter();
        let host = given.next();
        if given.next().is_some() {
            return Err(ApiError::new(ErrorKind::Invalid, "host: there twice"));
        }
        if host.is_none() && version > Version::HTTP_10 {
            return Err(ApiError::new(ErrorKind::Invalid, "host: missing"));
        }
        let Hosts::Only(names) = &self.hosts else { return Ok(()) };
        let host = host.map(|v| v.to_str().unwrap_or_default());
        // A request line with a whole URL names a host too, and either could be what a handler or a log believes.
        for host in host.into_iter().chain(uri.authority().map(axum::http::uri::Authority::as_str)) {
            let name = without_port(host).to_ascii_lowercase();
            if !names.contains(&name) {
                let message = format!("host: {name:?} is not a name of this server (see --allowed-host)");
                return Err(ApiError::new(ErrorKind::Misdirected, message).with_code("host_not_allowed"));
            }
        }
        Ok(())
    }

    /// What `Access-Control-Allow-Origin` says to this request, if anything.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
        if self.cors.iter().any(|o| o == origin) {
            return HeaderValue::from_str(origin).ok();
        }
        self.cors.iter().any(|o| o == "*").then(|| HeaderValue::from_static("*"))
    }

    /// The answer to a browser's question before the request; None if it is none.
    pub(crate) fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<Response> {
        let is_question = method == Method::OPTIONS
            && request.contains_key(header::ORIGIN)
            && request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_question {
            return None;
        }
        let mut response = Response::new(Body::empty());
        let is_allowed = self.allowed(request).is_some();
        *response.status_mut() = if is_allowed { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
        if is_allowed {
            let headers = response.headers_mut();
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
        Some(response)
    }

    /// Lets the page read the answer, if its origin is on the list.
    pub(crate) fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if self.cors.is_empty() {
            return;
        }
        // Also where it is refused: a cache must not give one origin's answer to another.
        response.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(value) = self.allowed(request) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// `[::1]:80` → `[::1]`, `localhost:80` → `localhost`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn check(host: &str, is_ours: bool) {
        let origins = Origins { hosts: Hosts::loopback_and(["Box.lan".to_owned()]), cors: vec![] };
        let given = headers(&[(header::HOST, host)]);
        let result = origins.check_host(Version::HTTP_11, &Uri::from_static("/"), &given);
        assert_eq!(result.is_ok(), is_ours, "{host}: {result:?}");
    }

    #[test]
    fn only_our_names_are_answered() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]", "[::1]:8080", "box.lan", "localhost:"] {
            check(host, true);
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:80",
            "",
            "localhost:80:80x",
            "user@localhost",
            "::1",
        ] {
            check(host, false);
        }
        let origins = Origins { hosts: Hosts::loopback_and([]), cors: vec![] };
        let given = headers(&[(header::HOST, "localhost")]);
        let foreign = Uri::from_static("http://evil.example/v1/models");
        assert!(origins.check_host(Version::HTTP_11, &foreign, &given).is_err());
        assert!(origins.check_host(Version::HTTP_11, &Uri::from_static("/"), &HeaderMap::new()).is_err());
        assert!(origins.check_host(Version::HTTP_10, &Uri::from_static("/"), &HeaderMap::new()).is_ok());
    }

    #[test]
    fn origins_are_compared_whole_and_never_echoed() {
        let origins = Origins { hosts: Hosts::Any, cors: vec!["https://app.example".to_owned()] };
        let answer = |origin: &str| {
            let mut response = HeaderMap::new();
            origins.allow(&headers(&[(header::ORIGIN, origin)]), &mut response);
            assert!(!response.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
            assert_eq!(response[header::VARY], "origin");
            response.get(header::ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
        };
        assert_eq!(answer("https://app.example").unwrap(), "https://app.example");
        for origin in ["http://app.example", "https://app.example.evil", "https://app.example:444", "null", "*"] {
            assert_eq!(answer(origin), None, "{origin}");
        }
        let mut closed = HeaderMap::new();
        Origins::default().allow(&headers(&[(header::ORIGIN, "https://app.example")]), &mut closed);
        assert!(closed.is_empty());
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for good in ["https://app.example", "http://localhost:3000", "http://[::1]:80", "*"] {
            assert_eq!(Origins::check_origin(good), Ok(()));
        }
        for bad in
            ["app.example", "https://app.example/", "https://", "https://*.example", "https://App.example", "null"]
        {
            assert!(Origins::check_origin(bad).is_err(), "{bad}");
        }
    }
}
