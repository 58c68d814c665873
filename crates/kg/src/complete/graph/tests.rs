use oxrdf::{BlankNode, GraphName, Literal, NamedNode, NamedOrBlankNode, Quad};

use super::*;
use crate::complete::calibrate::Calibration;
use crate::complete::rules::Rules;
use crate::complete::settings::Settings;
use crate::complete::trainer::Trainer;
use crate::store::Store;

fn node(name: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("http://a/{name}"))
}

fn store(n: usize) -> Store {
    let store = Store::in_memory();
    let mut writer = store.begin().expect("nobody writes");
    let mut add = |subject: NamedOrBlankNode, predicate: &str, object: Term, graph: GraphName| {
        writer.add(Quad::new(subject, node(predicate), object, graph).as_ref()).expect("a fact");
    };
    for i in 0..n {
        let (subject, object) = (node(&format!("s{}", i % 10)), node(&format!("o{}", i / 10)));
        add(subject.clone().into(), "p", object.clone().into(), GraphName::DefaultGraph);
        add(subject.clone().into(), "p", object.into(), node("graph").into());
        add(subject.into(), "name", Literal::new_simple_literal("s").into(), GraphName::DefaultGraph);
    }
    let blank = BlankNode::new_unchecked("b1");
    add(blank.into(), "p", node("o0").into(), GraphName::DefaultGraph);
    writer.commit().expect("committed");
    store
}

#[test]
fn facts_between_entities_are_learnt_from_once_and_literals_are_counted() {
    let snapshot = store(149).snapshot().expect("a snapshot");
    let read = GraphTriples::read(&snapshot, 1).expect("enough triples");
    let (triples, entities) = (&read.named.triples, &read.named.entities);
    let [train, valid] =
        [super::super::Split::Train, super::super::Split::Valid].map(|split| triples.split(split).len());
    assert_eq!((train + valid, valid, read.n_literals, read.seq), (150, 7, 10, Seq(1)));
    assert_eq!((triples.n_entities(), triples.n_relations()), (10 + 15 + 1, 1));
    assert!(entities.number("<http://a/s3>").is_some() && entities.names().any(|name| name.starts_with("_:")));
    assert_eq!(read, GraphTriples::read(&snapshot, 1).expect("enough triples"));
    assert_ne!(read, GraphTriples::read(&snapshot, 2).expect("enough triples"), "another seed holds out others");
    // What is held out has other facts: nothing that is asked about was never seen.
    let mut seen = vec![false; triples.n_entities()];
    for triple in triples.split(super::super::Split::Train) {
        (seen[triple.subject as usize], seen[triple.object as usize]) = (true, true);
    }
    assert!(seen.iter().all(|seen| *seen));
}

#[test]
fn a_graph_too_small_is_refused_with_the_reason() {
    let refused = GraphTriples::read(&store(98).snapshot().expect("a snapshot"), 1).expect_err("99 triples");
    let expected = "99 triples to train on, but fewer than 100 teach nothing that would hold: add facts";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn facts_of_a_question_are_those_of_the_store_now() {
    let store = store(120);
    let read = GraphTriples::read(&store.snapshot().expect("a snapshot"), 1).expect("enough triples");
    let trainer = Trainer::new(&read.named.triples, &Settings { dim: 16, ..Settings::default() }, u64::MAX);
    let trained = Trained {
        model: trainer.expect("little memory").model(),
        entities: read.named.entities,
        relations: read.named.relations,
        seq: read.seq,
        calibration: Calibration::default(),
        rules: Rules::default(),
    };
    let number = |name: &str| trained.entities.number(name).expect("a name");
    let ask = |relation| Question { entity: number("<http://a/o0>"), relation };
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(facts(&trained, &snapshot, ask(1)).expect("read").len(), 11, "ten subjects and a blank node");
    assert_eq!(facts(&trained, &snapshot, ask(0)).expect("read"), Vec::<u32>::new());
    let mut writer = store.begin().expect("nobody writes");
    let fact = |object: &str| Quad::new(node("o0"), node("p"), node(object), GraphName::DefaultGraph);
    writer.add(fact("s4").as_ref()).expect("added");
    writer.add(fact("new").as_ref()).expect("added");
    writer.commit().expect("committed");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(
        facts(&trained, &snapshot, ask(0)).expect("read"),
        [number("<http://a/s4>")],
        "what is new has no number"
    );
}
