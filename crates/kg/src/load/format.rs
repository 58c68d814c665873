//! The formats that facts are written in: their names, the ends of their files' names, their media types, how their
//! text begins.

use std::fmt;

/// A way to write facts down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// One triple a line.
    NTriples,
    /// One quad a line.
    NQuads,
    /// Triples with prefixes and abbreviations.
    Turtle,
    /// Turtle with named graphs.
    TriG,
    /// Triples in XML.
    RdfXml,
    /// Quads in JSON, with local contexts only.
    JsonLd,
    /// Rows with commas.
    Csv,
    /// Rows with tabs.
    Tsv,
    /// One JSON object a line.
    JsonLines,
}

/// What there is to know of a format.
struct Row {
    format: Format,
    name: &'static str,
    extensions: &'static [&'static str],
    media_types: &'static [&'static str],
    has_graphs: bool,
}

const ROWS: &[Row] = &[
    Row {
        format: Format::NTriples,
        name: "N-Triples",
        extensions: &["nt"],
        media_types: &["application/n-triples", "text/plain"],
        has_graphs: false,
    },
    Row {
        format: Format::NQuads,
        name: "N-Quads",
        extensions: &["nq"],
        media_types: &["application/n-quads", "text/x-nquads"],
        has_graphs: true,
    },
    Row {
        format: Format::Turtle,
        name: "Turtle",
        extensions: &["ttl", "turtle"],
        media_types: &["text/turtle", "application/x-turtle", "application/turtle"],
        has_graphs: false,
    },
    Row {
        format: Format::TriG,
        name: "TriG",
        extensions: &["trig"],
        media_types: &["application/trig", "application/x-trig"],
        has_graphs: true,
    },
    Row {
        format: Format::RdfXml,
        name: "RDF/XML",
        extensions: &["rdf", "owl", "xml"],
        media_types: &["application/rdf+xml", "application/xml", "text/xml"],
        has_graphs: false,
    },
    Row {
        format: Format::JsonLd,
        name: "JSON-LD",
        extensions: &["jsonld", "json"],
        media_types: &["application/ld+json", "application/json"],
        has_graphs: true,
    },
    Row { format: Format::Csv, name: "CSV", extensions: &["csv"], media_types: &["text/csv"], has_graphs: false },
    Row {
        format: Format::Tsv,
        name: "TSV",
        extensions: &["tsv", "tab"],
        media_types: &["text/tab-separated-values"],
        has_graphs: false,
    },
    Row {
        format: Format::JsonLines,
        name: "JSON lines",
        extensions: &["jsonl", "ndjson"],
        media_types: &["application/x-ndjson"],
        has_graphs: false,
    },
];

/// How many bytes of a document are looked at to tell its format.
pub(super) const SNIFF_BYTES: usize = 4096;

impl Format {
    /// Every format, in the order of the documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(|row| row.format)
    }

    fn row(self) -> &'static Row {
        ROWS.iter().find(|row| row.format == self).unwrap_or(&ROWS[0])
    }

    /// The name that its specification gives it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The ends of its files' names, without the dot, the usual one first.
    pub fn extensions(self) -> &'static [&'static str] {
        self.row().extensions
    }

    /// Its media types, the registered one first; what is general (`text/plain`) comes last.
    pub fn media_types(self) -> &'static [&'static str] {
        self.row().media_types
    }

    /// The format of a media type without parameters, written in any case.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        let row = ROWS.iter().find(|row| row.media_types.iter().any(|known| known.eq_ignore_ascii_case(media_type)));
        row.map(|row| row.format)
    }

    /// Whether its documents can name graphs.
    pub fn has_graphs(self) -> bool {
        self.row().has_graphs
    }

    /// The format of an extension, written in any case.
    pub fn from_extension(extension: &str) -> Option<Self> {
        let row = ROWS.iter().find(|row| row.extensions.iter().any(|known| known.eq_ignore_ascii_case(extension)));
        row.map(|row| row.format)
    }

    /// The format that the end of a file's name says; `.gz` behind it is passed over.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut parts = name.rsplit('.');
        let mut last = parts.next()?;
        if last.eq_ignore_ascii_case("gz") {
            last = parts.next()?;
        }
        parts.next().and_then(|_| Self::from_extension(last))
    }

    /// The format that the first bytes of a document look like; of two that are alike the one that accepts more.
    pub(super) fn from_content(start: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(start);
        let is_comment = |line: &&str| line.is_empty() || line.starts_with('#');
        let line = text.lines().map(str::trim).find(|line| !is_comment(line))?;
        let starts = |with: &str| line.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
        if starts("{") || starts("[") {
            let row = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line);
            return Some(match row {
                Ok(row) if !row.keys().any(|key| key.starts_with('@')) => Self::JsonLines,
                _ => Self::JsonLd,
            });
        }
        if ["<?xml", "<!--", "<!doctype", "<rdf:"].into_iter().any(starts) {
            return Some(Self::RdfXml);
        }
        if ["@prefix", "@base", "prefix ", "base ", "@version", "version "].into_iter().any(starts) {
            return Some(Self::TriG);
        }
        if starts("<") || starts("_:") {
            let is_line = oxttl::NQuadsParser::new().for_slice(line.as_bytes()).all(|quad| quad.is_ok());
            return Some(if is_line { Self::NQuads } else { Self::TriG });
        }
        match (line.contains('\t'), line.contains(',')) {
            (true, _) => Some(Self::Tsv),
            (false, true) => Some(Self::Csv),
            (false, false) => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_told_by_its_extensions() {
        for format in Format::all() {
            for extension in format.extensions() {
                assert_eq!(Format::from_name(&format!("a.b.{extension}")), Some(format));
                assert_eq!(Format::from_name(&format!("a.{}.GZ", extension.to_uppercase())), Some(format));
            }
        }
        assert_eq!(Format::from_name("nt"), None);
        assert_eq!(Format::from_name("a.gz"), None);
    }

    #[test]
    fn every_format_is_told_by_its_media_types_and_no_two_have_one() {
        for format in Format::all() {
            for media_type in format.media_types() {
                assert_eq!(Format::from_media_type(&media_type.to_uppercase()), Some(format));
            }
        }
        assert_eq!(Format::from_media_type("text/html"), None);
    }

    #[test]
    fn a_document_without_an_extension_is_told_by_its_first_line() {
        let check = |text: &str, format| assert_eq!(Format::from_content(text.as_bytes()), format, "{text}");
        check("# note\n\n<http://a/b> <http://a/c> _:d .\n<", Some(Format::NQuads));
        check("<http://a/b> <http://a/c> _:d ;\n", Some(Format::TriG));
        check("@prefix a: <http://a> .", Some(Format::TriG));
        check("PREFIX a: <http://a>", Some(Format::TriG));
        check("<?xml version=\"1.0\"?>", Some(Format::RdfXml));
        check("{\n \"@id\": \"http://a\"}", Some(Format::JsonLd));
        check("{\"@id\": \"http://a\"}", Some(Format::JsonLd));
        check("{\"id\": \"http://a\"}\n{", Some(Format::JsonLines));
        check("id,name\n", Some(Format::Csv));
        check("id\tname, long\n", Some(Format::Tsv));
        check("hello", None);
        check("", None);
    }
}
