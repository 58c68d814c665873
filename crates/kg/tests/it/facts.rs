//! Facts by number, for tests.

use kg::{Error, Parts, Pattern, Piece, Snapshot, Transaction};
use oxrdf::{BlankNode, GraphName, Literal, NamedNode, NamedOrBlankNode, Quad, Term};

fn node(prefix: &str, n: u64) -> NamedNode {
    NamedNode::new_unchecked(format!("http://example.org/{prefix}{n}"))
}

/// One of about 60,000 facts with terms of every kind.
pub(crate) fn fact(n: u64) -> Quad {
    let subject = match n % 7 {
        6 => NamedOrBlankNode::from(BlankNode::new_unchecked(format!("b{}", n % 11))),
        n => node("subject/", n).into(),
    };
    let m = n / 7;
    let object: Term = match m % 9 {
        0 => node("subject/", m % 5).into(),
        1 => Literal::new_simple_literal(format!("text {m}")).into(),
        2 => Literal::from((m % 50) as i64).into(),
        3 => Literal::new_typed_literal(format!("0{}", m % 20), oxrdf::vocab::xsd::INTEGER.into_owned()).into(),
        4 => Literal::new_language_tagged_literal_unchecked(format!("mot {m}"), "fr-CA").into(),
        5 => Literal::new_simple_literal(format!("{}", m % 100)).into(),
        6 => Literal::new_typed_literal("x", node("type", m % 3)).into(),
        7 => BlankNode::new_unchecked(format!("b{}", m % 11)).into(),
        _ => Literal::from(true).into(),
    };
    let graph = match m % 13 {
        0 => GraphName::from(node("graph", m % 3)),
        1 => BlankNode::new_unchecked("g").into(),
        _ => GraphName::DefaultGraph,
    };
    Quad::new(subject, node("predicate", m % 4), object, graph)
}

/// The pieces of some facts.
pub(crate) fn piece(facts: impl IntoIterator<Item = Quad>) -> Result<Piece, Error> {
    let mut piece = Piece::new();
    for fact in facts {
        let subject = piece.term(Term::from(fact.subject).as_ref())?;
        let predicate = piece.parts(Parts::Iri(fact.predicate.as_str()))?;
        let object = piece.term(fact.object.as_ref())?;
        let graph = match &fact.graph_name {
            GraphName::DefaultGraph => None,
            GraphName::NamedNode(node) => Some(piece.parts(Parts::Iri(node.as_str()))?),
            GraphName::BlankNode(node) => Some(piece.parts(Parts::Blank(node.as_str()))?),
        };
        piece.quad(subject, predicate, object, graph)?;
    }
    Ok(piece)
}

/// All facts of a snapshot, as text, sorted.
pub(crate) fn all(snapshot: &Snapshot) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for quad in snapshot.matching(Pattern::all()) {
        found.push(snapshot.quad(quad?)?.to_string());
    }
    found.sort();
    Ok(found)
}

/// Adds or removes a fact.
pub(crate) fn change(transaction: &mut Transaction<'_>, fact: &Quad, is_added: bool) -> Result<bool, Error> {
    if is_added { transaction.add(fact.as_ref()) } else { transaction.remove(fact.as_ref()) }
}
