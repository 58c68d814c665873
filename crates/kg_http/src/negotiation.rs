//! In which form an answer is written: what the client takes (`Accept`), and what there is.

use axum::http::{HeaderMap, header};
use kg::{load::Format, query::QueryResultsFormat};
use server::error::{ApiError, ErrorKind};

/// A form that can be had: its media type, and what writes it. Of equal ones the first is preferred.
pub(crate) type Offer<T> = (&'static str, T);

/// Forms of rows and truths.
pub(crate) const RESULTS: [Offer<QueryResultsFormat>; 7] = [
    ("application/sparql-results+json", QueryResultsFormat::Json),
    ("application/json", QueryResultsFormat::Json),
    ("application/sparql-results+xml", QueryResultsFormat::Xml),
    ("application/xml", QueryResultsFormat::Xml),
    ("text/csv", QueryResultsFormat::Csv),
    ("text/tab-separated-values", QueryResultsFormat::Tsv),
    ("text/xml", QueryResultsFormat::Xml),
];

/// Formats of RDF, those of one graph first.
pub(crate) const GRAPHS: [Format; 6] =
    [Format::Turtle, Format::NTriples, Format::RdfXml, Format::JsonLd, Format::TriG, Format::NQuads];

/// Forms of one graph.
pub(crate) fn triples() -> Vec<Offer<Format>> {
    offers(&GRAPHS)
}

/// Forms of several graphs.
pub(crate) fn quads() -> Vec<Offer<Format>> {
    offers(&[Format::NQuads, Format::TriG, Format::JsonLd])
}

/// Every format under its registered name, then under its others.
fn offers(formats: &[Format]) -> Vec<Offer<Format>> {
    let named = |format: &Format| format.media_types().iter().map(|name| (*name, *format)).collect::<Vec<_>>();
    let all: Vec<Vec<Offer<Format>>> = formats.iter().map(named).collect();
    let registered = all.iter().filter_map(|names| names.first());
    registered.chain(all.iter().flat_map(|names| names.iter().skip(1))).copied().collect()
}

/// How far a client wants a form: quality in thousandths, how exactly it names it, how early.
type Wish = (u32, u8, usize);

/// The form that the client wants most of those there are.
pub(crate) fn choose<T: Copy>(headers: &HeaderMap, offers: &[Offer<T>]) -> Result<Offer<T>, ApiError> {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = lines.collect::<Vec<_>>().join(",");
    let ranges: Vec<(String, u32)> = accept.split(',').filter_map(range).collect();
    let mut best: Option<(Wish, Offer<T>)> = None;
    for offer in offers {
        let wish = if ranges.is_empty() { (1000, 0, 0) } else { wish(&ranges, offer.0) };
        if wish.0 > 0 && best.is_none_or(|(found, _)| wish > found) {
            best = Some((wish, *offer));
        }
    }
    best.map(|(_, offer)| offer).ok_or_else(|| {
        let names: Vec<&str> = offers.iter().map(|(name, _)| *name).collect();
        let message = format!("accept: {accept:?} has none of the forms of this answer: {}", names.join(", "));
        ApiError::new(ErrorKind::NotAcceptable, message)
    })
}

/// `text/*;q=0.5` → its range in lower case, and its quality in thousandths.
fn range(text: &str) -> Option<(String, u32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| name.contains('/'))?.to_ascii_lowercase();
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let quality = quality.and_then(|quality| quality.trim().parse::<f32>().ok()).unwrap_or(1.0);
    Some((name, (quality.clamp(0.0, 1.0) * 1000.0).round() as u32))
}

/// What the most exact range that fits says of a media type.
fn wish(ranges: &[(String, u32)], media_type: &str) -> Wish {
    let exactness = |range: &str| {
        let is_of_kind = || {
            let kind = range.strip_suffix("/*")?;
            media_type.strip_prefix(kind).filter(|rest| rest.starts_with('/'))
        };
        match range {
            "*/*" => 1,
            range if range == media_type => 3,
            _ if is_of_kind().is_some() => 2,
            _ => 0,
        }
    };
    let fitting = ranges.iter().enumerate().map(|(at, (range, quality))| (exactness(range), usize::MAX - at, *quality));
    let found = fitting.filter(|(exactness, ..)| *exactness > 0).max();
    found.map_or((0, 0, 0), |(exactness, earliness, quality)| (quality, exactness, earliness))
}

/// The content type of an answer in a form.
pub(crate) fn content_type(media_type: &str) -> String {
    if media_type.starts_with("text/") { format!("{media_type}; charset=utf-8") } else { media_type.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<T: Copy>(accept: &str, offers: &[Offer<T>]) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
        choose(&headers, offers).ok().map(|(name, _)| name)
    }

    #[test]
    fn the_best_form_is_chosen() {
        let check = |accept: &str, expected: Option<&str>| assert_eq!(chosen(accept, &RESULTS), expected, "{accept}");
        check("*/*", Some("application/sparql-results+json"));
        check("", Some("application/sparql-results+json"));
        check("text/*", Some("text/csv"));
        check("text/csv", Some("text/csv"));
        check("Text/CSV; header=present, application/json", Some("text/csv"));
        check("text/csv;q=0.5, application/xml;q=0.9, */*;q=0.1", Some("application/xml"));
        check("application/json;q=0, application/sparql-results+json;q=0, */*", Some("application/sparql-results+xml"));
        check("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Some("application/xml"));
        check("text/html", None);
        check("text/csv;q=0", None);
        assert_eq!(chosen("application/*", &triples()), Some("application/n-triples"));
        assert_eq!(chosen("text/plain", &triples()), Some("text/plain"));
        assert_eq!(chosen("text/turtle", &quads()), None);
        assert_eq!(choose(&HeaderMap::new(), &triples()).ok().map(|(name, _)| name), Some("text/turtle"));
    }

    #[test]
    fn the_description_of_routes_has_every_form() {
        let document: serde_json::Value = serde_json::from_str(include_str!("openapi.json")).unwrap();
        let of = |path: &str, method: &str, field: &str| -> Vec<String> {
            let list = &document["paths"][path][method][field];
            list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let of_graphs: Vec<&str> = GRAPHS.iter().filter_map(|format| format.media_types().first().copied()).collect();
        let mut all: Vec<&str> = Vec::new();
        for (name, format) in RESULTS {
            // Under the first name that it has.
            if RESULTS.iter().find(|(_, other)| *other == format).is_some_and(|(first, _)| *first == name) {
                all.push(name);
            }
        }
        all.extend(&of_graphs);
        for (path, method, field, expected) in [
            ("/kg/{name}/sparql", "get", "gives", &all),
            ("/kg/{name}/sparql", "post", "gives", &all),
            ("/kg/{name}/data", "get", "gives", &of_graphs),
            ("/kg/{name}/data", "put", "takes", &of_graphs),
            ("/kg/{name}/data", "post", "takes", &of_graphs),
        ] {
            assert_eq!(&of(path, method, field), expected, "{method} {path}");
        }
    }
}
