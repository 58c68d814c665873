//! JSON-LD and RDF/XML, through `oxjsonld` and `oxrdfxml`: a document is read whole or not at all.
//!
//! JSON-LD asks for contexts by their IRIs; only those that the caller gives are read, never the network's. RDF/XML
//! comes with its language tags in lower case, since oxrdfxml 0.2.5 gives no other.

use std::io::Read;

use oxjsonld::{JsonLdParseError, JsonLdParser, JsonLdRemoteDocument};
use oxrdfio::{RdfFormat, RdfParseError, RdfParser};

use super::blanks::Ordinals;
use super::out::{Halt, Out, Step, fault_under};
use super::problem::{Problem, Reason};
use super::terse::give;
use super::{Context, IriRule, LoadError};

/// What stands before an IRI in the message on a context that is not given.
const REMOTE: &str = "it is on the network, which is not read";

fn problem(document: &str, place: Option<(u64, u64)>, message: String) -> Halt {
    let (line, column) = place.unwrap_or_default();
    let is_remote = message.contains(REMOTE);
    let problem = Problem {
        document: document.to_owned(),
        line,
        column,
        excerpt: String::new(),
        reason: Reason::of_message(&message),
        message,
        hint: is_remote.then(|| "give the context as a file".to_owned()),
    };
    Halt::Error(LoadError::Invalid(Box::new(problem)))
}

/// Reads a document of JSON-LD with the contexts that the caller gives.
pub(super) fn read_json(
    reader: impl Read,
    base: Option<&str>,
    contexts: &[Context],
    out: &mut Out<'_, '_>,
    learnt: &mut Vec<(String, String)>,
    broken: impl Fn(std::io::Error) -> LoadError,
) -> Step {
    let mut parser = JsonLdParser::new();
    if let Some(base) = base {
        let bad_base = |e| LoadError::Base { base: base.to_owned(), why: format!("{e}") };
        parser = parser.with_base_iri(base).map_err(bad_base)?;
    }
    // A parser that is not lenient leaves out facts with invalid terms without a word, and lowers language tags.
    parser = parser.lenient();
    let contexts = contexts.to_vec();
    let mut parser = parser.for_reader(reader).with_load_document_callback(move |iri, _| {
        let found = contexts.iter().find(|context| context.iri == iri);
        let context = found.ok_or_else(|| format!("the context <{iri}> is not given, and {REMOTE}"))?;
        Ok(JsonLdRemoteDocument { document: context.json.clone(), document_url: iri.to_owned() })
    });
    let mut ordinals = [Ordinals::default()];
    for quad in parser.by_ref() {
        let quad = quad.map_err(|e| match e {
            JsonLdParseError::Io(e) => Halt::Error(broken(e)),
            JsonLdParseError::Syntax(e) => {
                let place = e.location().map(|place| (place.start.line + 1, place.start.column + 1));
                problem(out.document, place, e.to_string())
            }
        })?;
        if let Some((_, message)) = fault_under(out.iri, quad.as_ref()) {
            return Err(problem(out.document, None, message));
        }
        give(quad.as_ref(), &mut ordinals, out)?;
        out.boundary(0)?;
    }
    learnt.extend(parser.prefixes().map(|(name, iri)| (name.to_owned(), iri.to_owned())));
    Ok(())
}

/// Reads a document of RDF/XML.
pub(super) fn read_xml(
    reader: impl Read,
    base: Option<&str>,
    out: &mut Out<'_, '_>,
    broken: impl Fn(std::io::Error) -> LoadError,
) -> Step {
    let mut parser = RdfParser::from_format(RdfFormat::RdfXml);
    if let Some(base) = base {
        let bad_base = |e| LoadError::Base { base: base.to_owned(), why: format!("{e}") };
        parser = parser.with_base_iri(base).map_err(bad_base)?;
    }
    if out.iri == IriRule::Keep {
        parser = parser.lenient();
    }
    let mut ordinals = [Ordinals::default()];
    for quad in parser.for_reader(reader) {
        let quad = quad.map_err(|e| match e {
            RdfParseError::Io(e) => Halt::Error(broken(e)),
            RdfParseError::Syntax(e) => {
                let place = e.location().map(|place| (place.start.line + 1, place.start.column + 1));
                problem(out.document, place, e.to_string())
            }
        })?;
        if let Some((_, message)) = fault_under(IriRule::Keep, quad.as_ref()).filter(|_| out.iri == IriRule::Keep) {
            return Err(problem(out.document, None, message));
        }
        give(quad.as_ref(), &mut ordinals, out)?;
        out.boundary(0)?;
    }
    Ok(())
}
