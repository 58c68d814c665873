use oxrdf::{GraphName, NamedNode, Quad};

use super::*;
use crate::store::Store;

/// Relations 0 and 1; entities `0..n` with some of 40 others at the other end, seeded.
fn triples(n: u32) -> Vec<Triple> {
    let mut state = 7u32;
    let mut draw = |n: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % n
    };
    let mut out = Vec::new();
    for subject in 0..n {
        for _ in 0..12 {
            // Neighbours of numbers share much.
            let object = n + (subject / 4 + draw(14)) % 40;
            out.push(Triple { subject, relation: draw(2), object });
        }
    }
    out
}

fn features(n: u32, dim: u32) -> Features {
    let dim = vsa::Dim::new(dim).expect("a dim");
    Features::of(&triples(n), n as usize + 40, 2, dim, vsa::Seed(3)).expect("an index")
}

#[test]
fn weights_are_what_features_are_rare() {
    let check = |n, n_with, expected| assert_eq!(weight(n, n_with), expected, "{n_with} of {n}");
    check(1000, 1000, 1);
    check(1024, 1, 20);
    check(1024, 512, 2);
    check(1024, 0, 20);
    check(usize::MAX, 1, WEIGHT_MAX);
}

#[test]
fn lists_find_what_comparing_all_finds() {
    let index = features(80, 512);
    for entity in 0..120 {
        let all = (0..120).filter(|&other| other != entity).map(|other| (other, index.cosine(entity, other)));
        let expected = best(all.filter(|like| like.1 > 0.0).collect(), 10);
        let found = index.by_lists(entity, 10);
        assert_eq!(found.len(), expected.len(), "{entity}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-12, "{entity}: {found:?} {expected:?}");
        }
    }
}

#[test]
fn sketches_find_the_likest() {
    let index = features(400, 4096);
    let (mut found, mut wanted) = (0, 0);
    for entity in 0..400 {
        let by_sketch = index.by_sketch(entity, 10).expect("found");
        let exact = index.by_lists(entity, 10);
        // Who is as like as the last is as good as it.
        let bar = exact.last().map_or(2.0, |like| like.1 - 1e-9);
        wanted += exact.len();
        found += by_sketch.iter().filter(|like| like.1 >= bar).count();
    }
    let recall = f64::from(found as u32) / f64::from(wanted as u32);
    assert!(recall >= 0.95, "{recall}");
    assert_eq!(index.sketch_bytes(), 440 * 512);
}

#[test]
fn sketches_of_many_features_estimate_angles_within_their_error() {
    let (n, n_others) = (30, 600);
    let facts = (0..n).flat_map(|subject| {
        // Numbers near each other share most.
        (0..200).map(move |i| Triple { subject, relation: i % 2, object: n + (subject * 10 + i * i % 211) % n_others })
    });
    let facts: Vec<_> = facts.collect();
    let dim = vsa::Dim::new(4096).expect("a dim");
    let index = Features::of(&facts, (n + n_others) as usize, 2, dim, vsa::Seed(3)).expect("an index");
    let (mut squares, mut n_estimates) = (0.0, 0);
    for entity in 0..n {
        for (_, cosine, estimate) in index.by_sketch(entity, 29).expect("found") {
            squares += (cosine.acos() - estimate.acos()).powi(2);
            n_estimates += 1;
        }
    }
    let (error, bound) = ((squares / f64::from(n_estimates)).sqrt(), index.angle_error());
    assert!(n_estimates > 200 && error < 1.3 * bound && error > 0.3 * bound, "{error} of {bound} in {n_estimates}");
}

#[test]
fn an_answer_says_where_the_index_stood_and_is_checked_in_the_store() {
    let node = |name: &str| NamedNode::new_unchecked(format!("http://a/{name}"));
    let quad =
        |subject: &str, object: &str| Quad::new(node(subject), node("in"), node(object), GraphName::DefaultGraph);
    let store = Store::in_memory();
    let mut writer = store.begin().expect("nobody writes");
    for (subject, object) in [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"), ("c", "x"), ("d", "z")] {
        writer.add(quad(subject, object).as_ref()).expect("added");
    }
    writer.commit().expect("committed");
    let snapshot = store.snapshot().expect("a snapshot");
    let dim = vsa::Dim::new(1024).expect("a dim");
    let index = Neighbours::of(&snapshot, dim, vsa::Seed(1)).expect("an index");
    let names = |similar: &Similar| similar.likes.iter().map(|like| like.name.clone()).collect::<Vec<_>>();
    for how in [Search::Lists, Search::Sketch] {
        let similar = index.similar(&snapshot, "<http://a/a>", 5, how).expect("a name");
        assert_eq!((similar.index_at, similar.checked_at), (Seq(1), Seq(1)));
        assert_eq!(names(&similar), ["<http://a/b>", "<http://a/c>"], "{how:?}");
        assert!((similar.likes[0].cosine - 1.0).abs() < 1e-12 && similar.likes[1].cosine < 0.9);
        assert_eq!(similar.likes[0].estimate.is_some(), how == Search::Sketch);
    }
    let mut writer = store.begin().expect("nobody writes");
    writer.remove(quad("b", "x").as_ref()).expect("removed");
    writer.remove(quad("b", "y").as_ref()).expect("removed");
    writer.commit().expect("committed");
    let now = store.snapshot().expect("a snapshot");
    let similar = index.similar(&now, "<http://a/a>", 5, Search::Sketch).expect("a name");
    assert_eq!((similar.index_at, similar.checked_at), (Seq(1), Seq(2)));
    assert_eq!(names(&similar), ["<http://a/c>"], "what shares nothing any more is not shown");
    let missing = index.similar(&now, "<http://a/e>", 5, Search::Lists).expect_err("no such name").to_string();
    assert_eq!(missing, "entity <http://a/e> is not in the index (made at seq 1)");
}
