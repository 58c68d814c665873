//! Which hosts this server answers for, and which pages in browsers may read what it answers.
//!
//! A page anywhere can make a browser send requests here, and by DNS rebinding even under a name of its own; most
//! servers on loopback ask for no key, so that nothing else would stop it. Three rules do:
//!
//! - On a loopback address only names are answered that no stranger's DNS can hold (`Hosts::is_ours`).
//! - CORS headers go to the pages of this machine, to apps and extensions that its user installed, and to origins that
//!   the operator lists (`Origins::may_read`). None of these can be claimed by a page from elsewhere: a browser writes
//!   the `Origin`, and the schemes other than `http` and `https` belong to programs. `null` is never among them: any
//!   page can have it, by a sandboxed frame.
//! - What changes or computes something is refused where it comes from another page (`Origins::check_page`): CORS keeps
//!   such a page from reading the answer, not from asking.

use core::net::IpAddr;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version, header},
    response::Response,
};

use crate::error::{ApiError, ErrorKind};

/// The methods that a page may use.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS");
const EXPOSED: HeaderValue = HeaderValue::from_static("x-request-id, request-id, retry-after");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// The hosts that a server answers for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Hosts {
    /// Every host: a server that is reached from elsewhere does not know its names.
    #[default]
    Any,
    /// The hosts of these names, in lower case, without ports; an IPv6 address in brackets.
    Only(Vec<String>),
}

/// Ends of names that the public DNS never has: `localhost` (RFC 6761), `local` (RFC 6762, answered by multicast on the
/// local network) and `internal` (reserved by ICANN for private use; Docker's `host.docker.internal` and Podman's
/// `host.containers.internal` are such names, by which containers reach the machine they run on). Somebody on the same
/// network can claim a name under `local`, which is the price of answering for this machine's own; Ollama pays it too.
const PRIVATE_ENDS: [&str; 3] = [".localhost", ".local", ".internal"];

/// Schemes of pages that came with a program: desktop apps, views of editors, extensions of browsers.
const APP_SCHEMES: [&str; 9] = [
    "app",
    "file",
    "tauri",
    "vscode-webview",
    "vscode-file",
    "chrome-extension",
    "moz-extension",
    "safari-web-extension",
    "ms-browser-extension",
];

impl Hosts {
    /// The hosts of loopback and those of the given names.
    pub fn loopback_and(names: impl IntoIterator<Item = String>) -> Self {
        Self::Only(names.into_iter().map(|n| n.to_ascii_lowercase()).chain(["localhost".to_owned()]).collect())
    }

    /// Whether `name`, in lower case and without a port, is this server. An address is no name, so nobody can make it
    /// mean us who does not route our packets; addresses of this machine and of private networks are ours, as
    /// containers and proxies use them.
    fn is_ours(&self, name: &str) -> bool {
        let Self::Only(names) = self else { return true };
        let is_private_address = || address(name).is_some_and(is_loopback_or_private);
        let is_private_name = || PRIVATE_ENDS.iter().any(|end| name.len() > end.len() && name.ends_with(end));
        names.iter().any(|known| known == name) || is_private_address() || is_private_name()
    }
}

/// The address of a host that is an address and no name: `127.0.0.1`, `[::1]`.
fn address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

fn is_loopback_or_private(address: IpAddr) -> bool {
    let is_private = match address {
        IpAddr::V4(v4) => v4.is_private(),
        IpAddr::V6(v6) => v6.is_unique_local(),
    };
    is_private || is_this_machine(address)
}

/// Whether an address is of this machine. The unspecified one is: connections to it reach the machine that they come
/// from.
fn is_this_machine(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

/// The hosts that this server answers for, and the pages that may read what it answers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origins {
    /// The hosts that this server answers for.
    pub hosts: Hosts,
    /// Origins whose pages may ask, beside those of this machine: `https://app.example`, each compared as a whole; or
    /// `*`, to which no credentials are ever allowed.
    pub cors: Vec<String>,
}

impl Origins {
    /// Checks an origin as `--cors-origin` takes it: scheme, host, perhaps a port, nothing after; or `*`.
    pub fn check_origin(text: &str) -> Result<(), String> {
        let is_origin = text.split_once("://").is_some_and(|(scheme, host)| {
            (matches!(scheme, "http" | "https") || APP_SCHEMES.contains(&scheme))
                && !host.is_empty()
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
        let host = host.map(|v| v.to_str().unwrap_or_default());
        // A request line with a whole URL names a host too, and either could be what a handler or a log believes.
        for host in host.into_iter().chain(uri.authority().map(axum::http::uri::Authority::as_str)) {
            let name = without_port(host).to_ascii_lowercase();
            if !self.hosts.is_ours(&name) {
                let message = format!("host: {name:?} is not a name of this server (see --allowed-host)");
                return Err(ApiError::new(ErrorKind::Misdirected, message).with_code("host_not_allowed"));
            }
        }
        Ok(())
    }

    /// The value of `Access-Control-Allow-Origin` for a request with these headers, if its page may read the answer.
    fn may_read(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let value = headers.get(header::ORIGIN)?;
        let origin = value.to_str().ok()?;
        if is_local_page(origin) || self.cors.iter().any(|o| o == origin) {
            return Some(value.clone());
        }
        self.cors.iter().any(|o| o == "*").then(|| HeaderValue::from_static("*"))
    }

    /// The answer to the question that a browser sends before a request; `None` if the request is no such question.
    pub(crate) fn preflight(&self, method: &Method, request: &HeaderMap) -> Result<Option<Response>, ApiError> {
        let is_question = method == Method::OPTIONS
            && request.contains_key(header::ORIGIN)
            && request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !is_question {
            return Ok(None);
        }
        if self.may_read(request).is_none() {
            return Err(foreign(request));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        // Libraries have dozens of their own; whoever may ask may send what it wants.
        if let Some(wanted) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        Ok(Some(response))
    }

    /// Refuses a request that changes or computes something and comes from a page that may not read the answer.
    pub(crate) fn check_page(&self, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
        let is_reading = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if is_reading || is_from_here(headers) || self.may_read(headers).is_some() {
            return Ok(());
        }
        Err(foreign(headers))
    }

    /// Adds the headers that let the page read the answer, if its origin may.
    pub(crate) fn allow(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if !request.contains_key(header::ORIGIN) && self.cors.is_empty() {
            return;
        }
        // Also where it is refused: a cache must not give one origin's answer to another.
        response.append(header::VARY, HeaderValue::from_static("origin"));
        if let Some(value) = self.may_read(request) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// Whether a request comes from a program or from a page of this server, and not from a page of another site. Browsers
/// put an `Origin` on every request that is not plain reading, and where they trust the connection `Sec-Fetch-Site`, by
/// which a page behind a proxy is known that does not pass on its name. No page can choose either.
pub(crate) fn is_from_here(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        // `none`: the user's doing, not a page's.
        Some(b"same-origin" | b"none") => return true,
        Some(_) => return false,
        None => {}
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let name = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, name)| name);
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    matches!((name, host), (Some(name), Some(host)) if name.eq_ignore_ascii_case(host))
}

/// Whether an origin is that of a page that this machine serves, or of a program on it.
fn is_local_page(origin: &str) -> bool {
    let Some((scheme, host)) = origin.split_once("://") else { return false };
    if !matches!(scheme, "http" | "https") {
        return APP_SCHEMES.contains(&scheme);
    }
    let name = without_port(host);
    name == "localhost" || name.ends_with(".localhost") || address(name).is_some_and(is_this_machine)
}

fn foreign(headers: &HeaderMap) -> ApiError {
    let origin = headers.get(header::ORIGIN).map(|o| String::from_utf8_lossy(o.as_bytes()).into_owned());
    let message = match origin {
        Some(origin) => format!("origin: pages of {origin:?} may not ask this server (see --cors-origin)"),
        None => "sec-fetch-site: pages of other sites may not ask this server (see --cors-origin)".to_owned(),
    };
    ApiError::new(ErrorKind::Forbidden, message).with_code("origin_not_allowed")
}

/// The host without its port: `[::1]:80` → `[::1]`, `localhost:80` → `localhost`.
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
            "host.docker.internal:8080",
            "Host.Containers.Internal",
            "box.local",
            "app.localhost:1",
            "127.5.5.5",
            "0.0.0.0:8080",
            "[::]",
            "192.168.1.7",
            "10.0.0.1:80",
            "172.17.0.1",
            "[fd00::1]:80",
        ] {
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
            ".internal",
            "internal",
            "notlocal",
            "internal.evil.example",
            "8.8.8.8",
            "172.32.0.1",
            "169.254.169.254",
            "[2606:4700::1]",
            "[127.0.0.1]",
            "127.1",
            "0x7f.1",
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
        Origins::default().allow(&HeaderMap::new(), &mut closed);
        assert!(closed.is_empty());
    }

    #[test]
    fn pages_of_this_machine_and_of_programs_may_ask() {
        let may = |origin: &str| Origins::default().may_read(&headers(&[(header::ORIGIN, origin)])).is_some();
        for origin in [
            "http://localhost",
            "http://localhost:3000",
            "https://localhost:5173",
            "http://127.0.0.1:3000",
            "http://[::1]:3000",
            "http://0.0.0.0:3000",
            "http://app.localhost:80",
            "app://obsidian.md",
            "file://",
            "tauri://localhost",
            "vscode-webview://1abc",
            "chrome-extension://abc",
            "moz-extension://0-1",
        ] {
            assert!(may(origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "localhost",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil.example:3000",
            "http://192.168.1.7",
            "http://box.local",
            "http://host.docker.internal",
            "http://evil-localhost",
            "http://.localhost.evil.example",
            "https://app",
            "data://localhost",
            "http+x://localhost",
        ] {
            assert!(!may(origin), "{origin}");
        }
    }

    #[test]
    fn a_page_is_known_by_what_browsers_say_of_it() {
        let site = header::HeaderName::from_static("sec-fetch-site");
        let origin = |value: &'static str| (header::ORIGIN, value);
        let host = (header::HOST, "chat.example");
        let fetch = |value: &'static str| (site.clone(), value);
        for here in [
            &[][..],
            std::slice::from_ref(&host),
            &[host.clone(), origin("https://chat.example")],
            &[host.clone(), origin("http://CHAT.example")],
            &[(header::HOST, "127.0.0.1:8080"), origin("https://chat.example"), fetch("same-origin")],
            &[origin("null"), fetch("same-origin")],
            &[fetch("none")],
        ] {
            assert!(is_from_here(&headers(here)), "{here:?}");
        }
        for away in [
            &[host.clone(), origin("https://evil.example")][..],
            &[host.clone(), origin("https://chat.example:444")],
            &[host.clone(), origin("chat.example")],
            &[host.clone(), origin("null")],
            &[origin("https://chat.example")],
            &[fetch("cross-site")],
            &[fetch("same-site")],
            &[host.clone(), origin("https://chat.example"), fetch("cross-site")],
            &[fetch("anything")],
        ] {
            assert!(!is_from_here(&headers(away)), "{away:?}");
        }
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
