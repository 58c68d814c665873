//! Addresses that may be dialled: http and https with a host and no password.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ureq::http::Uri;

/// Characters that are encoded in a path: all but the unreserved ones (RFC 3986) and the slash between segments.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Encodes the name of a file as the path of an address: `a b+c` → `a%20b%2Bc`.
pub(crate) fn encode_path(path: &str) -> String {
    utf8_percent_encode(path, IN_PATH).to_string()
}

/// Decodes the path of an address into the name of a file: `a%20b+c` → `a b+c`.
pub(crate) fn decode_path(path: &str) -> Result<String, String> {
    let decoded = percent_decode_str(path).decode_utf8();
    decoded.map(Into::into).map_err(|_| format!("{path:?} is no UTF-8 once % is decoded"))
}

/// A URL that was checked: http or https, a host, no password.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Address(Uri);

impl Address {
    /// Parses a URL. Spaces and letters beyond ASCII may stand as they are: they are encoded.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        if url.chars().any(char::is_control) {
            return Err("a URL holds no control characters".to_owned());
        }
        let url = utf8_percent_encode(url, const { &CONTROLS.add(b' ') }).to_string();
        let uri: Uri = url.parse().map_err(|e| format!("no URL: {e}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("a URL begins with https:// (or http://)".to_owned());
        }
        match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => Err("a URL holds no user and password".to_owned()),
            Some(authority) if !authority.host().is_empty() => Ok(Self(uri)),
            _ => Err("a URL names a host".to_owned()),
        }
    }

    pub(crate) fn as_uri(&self) -> &Uri {
        &self.0
    }

    pub(crate) fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether the host is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether nobody on the way can read or change what is sent.
    pub(crate) fn is_safe(&self) -> bool {
        self.is_https() || self.is_loopback()
    }

    /// Returns scheme, host and path, without the query, which may hold keys.
    pub(crate) fn public(&self) -> String {
        let authority = self.0.authority().map_or("", |a| a.as_str());
        format!("{}://{authority}{}", self.0.scheme_str().unwrap_or_default(), self.0.path())
    }

    /// Whether both addresses have the same scheme, host and port.
    pub(crate) fn is_same_origin(&self, other: &Self) -> bool {
        self.0.scheme() == other.0.scheme() && self.0.authority() == other.0.authority()
    }

    /// Returns the address that `reference` means here (RFC 3986 section 5.2, without `..`).
    pub(crate) fn join(&self, reference: &str) -> Result<Self, String> {
        let reference = reference.split('#').next().unwrap_or_default();
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map_or("", |a| a.as_str());
        let has_scheme = reference.split(['/', '?']).next().is_some_and(|start| start.contains(':'));
        if has_scheme {
            return Self::parse(reference);
        }
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        if reference.starts_with('/') {
            return Self::parse(&format!("{scheme}://{authority}{reference}"));
        }
        let path = self.0.path();
        if reference.starts_with('?') {
            return Self::parse(&format!("{scheme}://{authority}{path}{reference}"));
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self::parse(&format!("{scheme}://{authority}{folder}/{reference}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_resolved() {
        let check = |reference: &str, expected: &str| {
            let base = Address::parse("https://h.example:8/a/b?q=1").unwrap();
            assert_eq!(base.join(reference).unwrap().0.to_string(), expected, "{reference}");
        };
        check("https://o.example/x", "https://o.example/x");
        check("//o.example/x", "https://o.example/x");
        check("/x/y?z=1#f", "https://h.example:8/x/y?z=1");
        check("c?u=http://x", "https://h.example:8/a/c?u=http://x");
        check("/x y/é?q=a b", "https://h.example:8/x%20y/%C3%A9?q=a%20b");
        check("?r=2", "https://h.example:8/a/b?r=2");
        assert!(Address::parse("https://h/a").unwrap().join("file:///etc/passwd").is_err());
        assert!(Address::parse("https://h/a").unwrap().join("javascript:x").is_err());
    }

    #[test]
    fn safe_addresses_and_public_forms() {
        let check = |url: &str, is_safe: bool, public: &str| {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.is_safe(), address.public().as_str()), (is_safe, public), "{url}");
        };
        check("https://h/a?key=secret", true, "https://h/a");
        check("http://h/a", false, "http://h/a");
        check("http://127.0.0.1:80/a", true, "http://127.0.0.1:80/a");
        check("http://[::1]/a", true, "http://[::1]/a");
        check("http://localhost.example/a", false, "http://localhost.example/a");
    }
}
