//! [`Params`]: the parameters of a URL or a form; and what a request's content type says.

use axum::http::{HeaderMap, header};
use kg::query::Dataset;
use oxrdf::NamedNode;
use percent_encoding::percent_decode;
use server::error::{ApiError, ErrorKind};

/// Parameters in the order in which they came.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `a=b&c=d`; text that is no UTF-8 is refused rather than replaced.
    pub(crate) fn read(text: &[u8]) -> Result<Self, ApiError> {
        let decode = |part: &[u8]| -> Result<String, ApiError> {
            let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
            let bytes: Vec<u8> = percent_decode(&spaced).collect();
            String::from_utf8(bytes).map_err(|_| ApiError::new(ErrorKind::Invalid, "a parameter is no UTF-8"))
        };
        let parts = text.split(|byte| *byte == b'&').filter(|part| !part.is_empty());
        let pair = |part: &[u8]| {
            let mut halves = part.splitn(2, |byte| *byte == b'=');
            let (name, value) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
            Ok((decode(name)?, decode(value)?))
        };
        parts.map(pair).collect::<Result<_, _>>().map(Self)
    }

    /// Puts the parameters of a form behind those of the URL.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// All values of a name.
    pub(crate) fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The value of a name that may stand there once.
    pub(crate) fn once<'p>(&'p self, name: &'p str) -> Result<Option<&'p str>, ApiError> {
        let mut values = self.all(name);
        let first = values.next();
        match values.count() {
            0 => Ok(first),
            n => Err(ApiError::invalid(name, format!("{name}: there {} times, at most once is understood", n + 1))),
        }
    }

    /// The graphs that these parameters name, if they name any.
    pub(crate) fn dataset(&self, default: &str, named: &str) -> Result<Option<Dataset>, ApiError> {
        let nodes = |name| self.all(name).map(|value| iri(name, value)).collect::<Result<Vec<_>, _>>();
        let dataset = Dataset { default: nodes(default)?, named: nodes(named)? };
        Ok((dataset != Dataset::default()).then_some(dataset))
    }
}

/// An absolute IRI that a parameter says.
pub(crate) fn iri(name: &str, value: &str) -> Result<NamedNode, ApiError> {
    let message = |why| format!("{name}: {value:?} is no absolute IRI: {why}");
    NamedNode::new(value).map_err(|why| ApiError::invalid(name, message(why)))
}

/// The media type of the body, in lower case and without parameters; empty where nothing says it. Text in another
/// encoding than UTF-8 is refused.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<String, ApiError> {
    let given = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let given = given.unwrap_or_default().to_ascii_lowercase();
    let mut parts = given.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_owned();
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|name| name.trim_matches('"').to_owned());
    match charset {
        Some(charset) if !matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii") => {
            let message = format!("content-type: charset {charset:?}, expected utf-8");
            Err(ApiError::new(ErrorKind::UnsupportedMedia, message))
        }
        _ => Ok(essence),
    }
}

/// Refuses a body whose media type is not among those that a route reads.
pub(crate) fn unsupported(given: &str, expected: &str) -> ApiError {
    let given = if given.is_empty() { "missing".to_owned() } else { format!("{given:?}") };
    ApiError::new(ErrorKind::UnsupportedMedia, format!("content-type: {given}, expected {expected}"))
}

/// The text of a body.
pub(crate) fn text(bytes: Vec<u8>) -> Result<String, ApiError> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        ApiError::new(ErrorKind::Invalid, format!("the body: no UTF-8 at byte {at}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_counted() {
        let params = Params::read(b"query=a+b%20%C3%A9%26&x&&y==1&x=2").unwrap();
        assert_eq!(params.once("query").unwrap(), Some("a b \u{e9}&"));
        assert_eq!(params.all("x").collect::<Vec<_>>(), ["", "2"]);
        assert_eq!((params.once("y").unwrap(), params.once("z").unwrap()), (Some("=1"), None));
        assert!(params.once("x").unwrap_err().message.contains("there 2 times"));
        assert!(Params::read(b"query=%FF").is_err());
        assert!(iri("graph", "relative").unwrap_err().message.contains("relative"));
    }

    #[test]
    fn only_utf8_is_read() {
        let of = |value: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, value.parse().unwrap())]);
            media_type(&headers).ok()
        };
        assert_eq!(of("Text/Turtle; Charset=\"UTF-8\"").as_deref(), Some("text/turtle"));
        assert_eq!(of("application/sparql-query;charset=utf-16"), None);
        assert_eq!(media_type(&HeaderMap::new()).unwrap(), "");
    }
}
