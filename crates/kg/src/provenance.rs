//! Where facts come from, told in the words of PROV-O (W3C, 2013).
//!
//! A source is a `prov:Entity` `urn:kg:source:ID`: its document is the `rdfs:label`, the sentence the `prov:value`, the
//! time the `prov:generatedAtTime`. What read it out of a sentence is a `prov:SoftwareAgent` that it is attributed to.
//! A fact that has a source is an `rdf:Statement` that `prov:wasDerivedFrom` each of them. What PROV-O has no word for
//! has one in `urn:kg:`: a span's first byte and the byte behind it, a confidence, digests, the graph of a fact.

use oxrdf::vocab::{rdf, rdfs, xsd};
use oxrdf::{BlankNode, GraphName, Literal, NamedNode, NamedNodeRef, NamedOrBlankNode, Quad, Term};

use crate::error::Error;
use crate::order::Order;
use crate::prefixes::NAMESPACE;
use crate::snapshot::Snapshot;
use crate::source::{Source, SourceError};
use crate::store::SourceId;

const PROV: &str = "http://www.w3.org/ns/prov#";

/// All sources, then all facts that have one, as quads of the default graph; a source's facts are held meanwhile.
///
/// # Errors
/// A source that is not readable, and what the store says.
pub fn quads(snapshot: &Snapshot) -> Result<impl Iterator<Item = Result<Quad, Error>>, SourceError> {
    let sources = Source::all(snapshot)?;
    let ids: Vec<SourceId> = sources.iter().map(|(id, _)| *id).collect();
    let told = sources.into_iter().flat_map(|(id, source)| about(id, &source)).map(Ok);
    let snapshot = snapshot.clone();
    let facts = ids.into_iter().flat_map(move |id| {
        let snapshot = snapshot.clone();
        let (quads, failed) = match snapshot.of_source(id) {
            Ok(quads) => (quads, None),
            Err(error) => (Vec::new(), Some(Err(error))),
        };
        let told = quads.into_iter().flat_map(move |quad| match derived(&snapshot, &quad, id) {
            Ok(quads) => quads.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        failed.into_iter().chain(told)
    });
    Ok(told.chain(facts))
}

fn prov(name: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{PROV}{name}"))
}

fn own(name: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{NAMESPACE}{name}"))
}

fn node(id: SourceId) -> NamedNode {
    own(&format!("source:{:016x}", id.0))
}

fn text(value: &str) -> Term {
    Literal::new_simple_literal(value).into()
}

fn typed(value: &dyn std::fmt::Display, datatype: NamedNodeRef<'_>) -> Term {
    Literal::new_typed_literal(value.to_string(), datatype).into()
}

/// What is known of a source.
fn about(id: SourceId, source: &Source) -> Vec<Quad> {
    let mut quads = Vec::new();
    let mut say = |subject: &NamedNode, predicate: NamedNode, object: Term| {
        quads.push(Quad::new(subject.clone(), predicate, object, GraphName::DefaultGraph));
    };
    let subject = node(id);
    say(&subject, rdf::TYPE.into_owned(), prov("Entity").into());
    say(&subject, rdfs::LABEL.into_owned(), text(&source.document));
    if let Some(sentence) = &source.sentence {
        say(&subject, prov("value"), text(sentence));
    }
    if let Some((start, end)) = source.span {
        say(&subject, own("spanStart"), typed(&start, xsd::INTEGER));
        say(&subject, own("spanEnd"), typed(&end, xsd::INTEGER));
    }
    if let Some(at) = &source.added_at {
        say(&subject, prov("generatedAtTime"), typed(at, xsd::DATE_TIME));
    }
    if let Some(confidence) = source.confidence {
        say(&subject, own("confidence"), typed(&confidence, xsd::DECIMAL));
    }
    if let Some(extractor) = &source.extractor {
        let agent = own(&format!("source:{:016x}:extractor", id.0));
        say(&subject, prov("wasAttributedTo"), agent.clone().into());
        say(&agent, rdf::TYPE.into_owned(), prov("SoftwareAgent").into());
        for (name, digest) in
            [("model", &extractor.model), ("prompt", &extractor.prompt), ("grammar", &extractor.grammar)]
        {
            say(&agent, own(name), text(digest));
        }
    }
    quads
}

/// That a fact comes from a source; with its first one also which fact it is.
fn derived(snapshot: &Snapshot, quad: &crate::quad::Quad, id: SourceId) -> Result<Vec<Quad>, Error> {
    let name: String = Order::Spog.row(quad).iter().map(|term| format!("{:016x}", term.to_bits())).collect();
    let statement = BlankNode::new_unchecked(format!("f{name}"));
    let mut quads = Vec::new();
    let mut say = |predicate: NamedNode, object: Term| {
        quads.push(Quad::new(statement.clone(), predicate, object, GraphName::DefaultGraph));
    };
    if snapshot.sources(quad)?.first() == Some(&id) {
        let fact = snapshot.quad(*quad)?;
        say(rdf::TYPE.into_owned(), rdf::STATEMENT.into_owned().into());
        say(rdf::SUBJECT.into_owned(), term(fact.subject));
        say(rdf::PREDICATE.into_owned(), fact.predicate.into());
        say(rdf::OBJECT.into_owned(), fact.object);
        match fact.graph_name {
            GraphName::DefaultGraph => {}
            GraphName::NamedNode(graph) => say(own("graph"), graph.into()),
            GraphName::BlankNode(graph) => say(own("graph"), graph.into()),
        }
    }
    say(prov("wasDerivedFrom"), node(id).into());
    Ok(quads)
}

fn term(node: NamedOrBlankNode) -> Term {
    match node {
        NamedOrBlankNode::NamedNode(node) => node.into(),
        NamedOrBlankNode::BlankNode(node) => node.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{self, Answer};
    use crate::store::Store;

    #[test]
    fn sources_and_the_facts_that_have_one_are_told_in_the_words_of_prov_o() -> Result<(), SourceError> {
        let store = Store::in_memory();
        let iri = |name: &str| NamedNode::new_unchecked(format!("http://a/{name}"));
        let fact = |object: &str, graph: GraphName| Quad::new(iri("s"), iri("p"), iri(object), graph);
        let paper = crate::source::tests::paper();
        let mut writer = store.begin()?;
        let ids = [paper.keep(&mut writer)?, Source::document("ann").keep(&mut writer)?];
        let (one, two) = (fact("1", GraphName::DefaultGraph), fact("2", iri("g").into()));
        writer.add_from(one.as_ref(), ids[0])?;
        writer.add_from(one.as_ref(), ids[1])?;
        writer.add_from(two.as_ref(), ids[1])?;
        writer.add(fact("3", GraphName::DefaultGraph).as_ref())?;
        writer.commit()?;
        // They are facts that can be asked.
        let told = Store::in_memory();
        let mut writer = told.begin()?;
        let mut n = 0;
        for quad in quads(&store.snapshot()?)? {
            assert!(writer.add(quad?.as_ref())?, "told twice");
            n += 1;
        }
        writer.commit()?;
        assert_eq!(n, (12 + 2) + (4 + 2) + (5 + 1));
        let prefixes = "PREFIX prov: <http://www.w3.org/ns/prov#> PREFIX k: <urn:kg:> PREFIX rdf: \
            <http://www.w3.org/1999/02/22-rdf-syntax-ns#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> ";
        for (question, expected) in [
            ("?f rdf:object <http://a/1> ; prov:wasDerivedFrom ?a , ?b FILTER(?a != ?b)", true),
            ("?f rdf:object <http://a/2> ; k:graph <http://a/g> ; prov:wasDerivedFrom [ rdfs:label 'ann' ]", true),
            ("?f rdf:object <http://a/3>", false),
            ("?s prov:value 'It is so.' ; k:spanStart 3 ; k:spanEnd 9 ; k:confidence 0.25", true),
            ("?s prov:generatedAtTime ?at FILTER(YEAR(?at) = 2026)", true),
            ("?s prov:wasAttributedTo [ a prov:SoftwareAgent ; k:model 'm' ; k:prompt 'p' ; k:grammar 'g' ]", true),
        ] {
            let text = format!("{prefixes} ASK {{ {question} }}");
            let answer = query::answer(&told.snapshot()?, &text, &query::Options::default()).expect(question);
            assert!(matches!(answer, Answer::Truth(truth) if truth == expected), "{question}: {answer:?}");
        }
        Ok(())
    }
}
