//! Words of the command line as terms, prefixes of a graph, and terms as people read them.

use kg::{Prefixes, Snapshot, prefixes::NAMESPACE};
use oxrdf::{BlankNode, Literal, NamedNode, Term, TermRef, vocab::xsd};

use crate::failure::Failure;

/// The prefixes that a graph has learnt, and the common ones; that of its own names is empty.
pub(super) fn prefixes(snapshot: &Snapshot) -> Result<Prefixes, Failure> {
    let mut prefixes = Prefixes::of(snapshot)?;
    prefixes.learn("", NAMESPACE);
    Ok(prefixes)
}

/// The term that a word of the command line stands for.
///
/// `<IRI>`, `prefix:name`, `_:node`, `"text"` with `@language` or `^^type` behind it, a number, `true`, `false`; any
/// other word is a name of this graph.
pub(super) fn term(word: &str, prefixes: &Prefixes) -> Result<Term, Failure> {
    let refused = |why: &str| Failure::usage(format!("{word:?} is no term: {why}"));
    if word.is_empty() {
        return Err(refused("it is empty"));
    }
    if word.starts_with(['<', '"', '_']) && (word.starts_with(['<', '"']) || word.starts_with("_:")) {
        if let Some(rest) = literal_of_prefixed_type(word, prefixes) {
            return Ok(rest);
        }
        return word.parse::<Term>().map_err(|why| refused(&why.to_string()));
    }
    if let Some(number) = number(word) {
        return Ok(number.into());
    }
    if let Some((prefix, _)) = word.split_once(':').filter(|(prefix, _)| is_prefix(prefix)) {
        return match prefixes.expand(word) {
            Some(iri) => NamedNode::new(iri).map(Term::from).map_err(|why| refused(&why.to_string())),
            None => Err(refused(&format!("the prefix {prefix} is not known; write <IRI> in full"))),
        };
    }
    NamedNode::new(format!("{NAMESPACE}{}", word.replace(' ', "_")))
        .map(Term::from)
        .map_err(|why| refused(&why.to_string()))
}

/// The predicate that a word stands for: `a` is the one of classes.
pub(super) fn predicate(word: &str, prefixes: &Prefixes) -> Result<NamedNode, Failure> {
    if word == "a" {
        return Ok(oxrdf::vocab::rdf::TYPE.into_owned());
    }
    match term(word, prefixes)? {
        Term::NamedNode(node) => Ok(node),
        _ => Err(Failure::usage(format!("{word:?} cannot be a predicate: only names can"))),
    }
}

fn is_prefix(word: &str) -> bool {
    word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-' || c == '.')
}

/// `"text"^^prefix:name`, which the grammar of N-Triples lacks.
fn literal_of_prefixed_type(word: &str, prefixes: &Prefixes) -> Option<Term> {
    let (text, datatype) = word.rsplit_once("\"^^")?;
    let iri = prefixes.expand(datatype)?;
    format!("{text}\"^^<{iri}>").parse().ok()
}

fn number(word: &str) -> Option<Literal> {
    let digits = word.trim_start_matches(['+', '-']);
    let datatype = match word {
        "true" | "false" => xsd::BOOLEAN,
        _ if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => xsd::INTEGER,
        _ if digits.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok() => {
            if word.contains(['e', 'E']) { xsd::DOUBLE } else { xsd::DECIMAL }
        }
        _ => return None,
    };
    Some(Literal::new_typed_literal(word, datatype))
}

/// A term as short as it can be told: names by prefix, texts in quotes, numbers as they are.
pub(super) fn shown(term: TermRef<'_>, prefixes: &Prefixes) -> String {
    let name = |iri: &str| match prefixes.shorten(iri) {
        Some(name) => name.strip_prefix(':').map_or(name.clone(), ToOwned::to_owned),
        None => format!("<{iri}>"),
    };
    match term {
        TermRef::NamedNode(node) => name(node.as_str()),
        TermRef::BlankNode(node) => BlankNode::to_string(&node.into_owned()),
        TermRef::Literal(literal) => {
            let is_number = [xsd::INTEGER, xsd::DECIMAL, xsd::DOUBLE, xsd::BOOLEAN].contains(&literal.datatype());
            if is_number && number(literal.value()).is_some_and(|n| n.as_ref() == literal) {
                return literal.value().to_owned();
            }
            if literal.language().is_some() || literal.datatype() == xsd::STRING {
                return literal.to_string();
            }
            let text = Literal::new_simple_literal(literal.value());
            format!("{text}^^{}", name(literal.datatype().as_str()))
        }
    }
}
