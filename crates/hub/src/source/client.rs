//! One GET: proxies, certificates, timeouts, redirects.
//!
//! Redirects are followed here rather than by the library: each hop is checked, a token stays with the server it is
//! for, https does not become http, and the first answer's headers, where Hugging Face states the hash, are kept.

use std::fs;

use ureq::{
    Agent, Body, Proxy,
    http::{HeaderMap, HeaderName, Response, header},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{Error, Settings};

use super::address::Address;

const REDIRECTS_MAX: usize = 8;
const USER_AGENT: &str = concat!("trinity/", env!("CARGO_PKG_VERSION"));

/// The last answer to a GET, and the headers of the first, before any redirect.
pub(super) struct Answer {
    pub(super) first_headers: HeaderMap,
    pub(super) response: Response<Body>,
}

/// Sends a GET to `address` and follows redirects; `token` goes to that address's server alone.
pub(super) fn get(
    settings: &Settings,
    address: &Address,
    token: Option<&str>,
    headers: &[(HeaderName, String)],
) -> Result<Answer, Error> {
    let start = address;
    let mut address = address.clone();
    let mut first_headers = None;
    for _ in 0..=REDIRECTS_MAX {
        let failed = |why: String| Error::Network { url: address.public(), why };
        let mut request = agent(settings, &address)?.get(address.as_uri()).header(header::USER_AGENT, USER_AGENT);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(token) = token.filter(|_| address.is_safe() && address.is_same_origin(start)) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.call().map_err(|e| failed(explain(&e, settings)))?;
        let first_headers = first_headers.get_or_insert_with(|| response.headers().clone());
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(Answer { first_headers: std::mem::take(first_headers), response });
        }
        let location = response.headers().get(header::LOCATION).and_then(|v| v.to_str().ok());
        let location = location.ok_or_else(|| refused(&address, "a redirect without a location"))?;
        let next = address.join(location).map_err(|why| refused(&address, &format!("a redirect: {why}")))?;
        if address.is_https() && !next.is_https() {
            return Err(refused(&address, "a redirect from https to http"));
        }
        // A public server must not send us looking around on this machine.
        if next.is_loopback() && !address.is_loopback() {
            return Err(refused(&address, "a redirect to this machine"));
        }
        address = next;
    }
    Err(refused(start, &format!("more than {REDIRECTS_MAX} redirects")))
}

/// Makes the error of an answer that another attempt would not change.
fn refused(address: &Address, why: &str) -> Error {
    Error::BadName { text: address.public(), why: why.to_owned() }
}

fn agent(settings: &Settings, address: &Address) -> Result<Agent, Error> {
    let proxy = match proxy_of(settings, address) {
        None => None,
        Some(url) => {
            let why = "the proxy of the environment is no http proxy".to_owned();
            Some(Proxy::new(url).map_err(|_| Error::Network { url: address.public(), why })?)
        }
    };
    let mut tls = TlsConfig::builder();
    if let Some(path) = settings.certificates.as_ref().filter(|_| address.is_https()) {
        let pem = fs::read(path).map_err(Error::io(path))?;
        let certificates: Vec<_> = parse_pem(&pem)
            .filter_map(|item| if let Ok(PemItem::Certificate(certificate)) = item { Some(certificate) } else { None })
            .collect();
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
    }
    let config = Agent::config_builder()
        .proxy(proxy)
        .tls_config(tls.build())
        .timeout_resolve(Some(settings.connect_timeout))
        .timeout_connect(Some(settings.connect_timeout))
        .timeout_recv_response(Some(settings.stall_timeout))
        .timeout_per_read(Some(settings.stall_timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false);
    Ok(config.build().into())
}

fn proxy_of<'a>(settings: &'a Settings, address: &Address) -> Option<&'a str> {
    let proxies = &settings.proxies;
    let host = address.host().to_ascii_lowercase();
    let is_excepted = proxies.except.iter().any(|except| {
        let domain = except.trim_start_matches('.');
        except == "*" || host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
    });
    if is_excepted || address.is_loopback() {
        return None;
    }
    if address.is_https() { proxies.https.as_deref() } else { proxies.http.as_deref() }
}

/// Says in words of the user why a request failed.
fn explain(error: &ureq::Error, settings: &Settings) -> String {
    match error {
        ureq::Error::HostNotFound => "host not found".to_owned(),
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            format!("no connection within {:?}", settings.connect_timeout)
        }
        ureq::Error::Timeout(_) => silence(settings),
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Says in words of the user why the body of an answer could not be read.
pub(super) fn explain_read(error: &std::io::Error, settings: &Settings) -> String {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<ureq::Error>());
    match inner {
        Some(ureq::Error::Timeout(_)) => silence(settings),
        _ if error.kind() == std::io::ErrorKind::TimedOut => silence(settings),
        _ => error.to_string(),
    }
}

fn silence(settings: &Settings) -> String {
    format!("the server was silent for {:?}", settings.stall_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_chosen_by_scheme_and_host() {
        let mut settings = Settings::new("/nowhere");
        settings.proxies.http = Some("http://p".to_owned());
        settings.proxies.https = Some("http://q".to_owned());
        settings.proxies.except = vec!["a.example".to_owned(), ".b.example".to_owned()];
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(proxy_of(&settings, &Address::parse(url).unwrap()), expected, "{url}");
        };
        check("http://x.example/", Some("http://p"));
        check("https://x.example/", Some("http://q"));
        check("https://a.example/", None);
        check("https://deep.a.example/", None);
        check("https://nota.example/", Some("http://q"));
        check("https://c.B.example/", None);
        check("http://127.0.0.1:9/", None);
    }
}
