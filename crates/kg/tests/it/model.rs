//! Random programs of a store and of a plain set give the same answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kg::{BulkOptions, Error, Options, Order, Pattern, Quad, Snapshot, SourceId, Store, TermId};
use proptest::prelude::*;

use crate::facts::{all, change, fact, piece};

#[derive(Debug, Clone)]
enum Step {
    /// Changes of one transaction, committed or not.
    Transaction(Vec<(bool, u64)>, bool),
    /// Pieces of so many facts each, from a number on in steps.
    Bulk(Vec<(u64, u64, u64)>, usize),
    FromSource(Vec<u64>, u64),
    RemoveSource(u64),
    Merge,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let n = prop_oneof![0..300_u64, 0..60_000_u64];
    let changes = prop::collection::vec((prop::bool::weighted(0.7), n.clone()), 0..40);
    let pieces = prop::collection::vec((0..60_000_u64, 1..500_u64, 1..9_u64), 0..4);
    prop_oneof![
        6 => (changes, prop::bool::weighted(0.8)).prop_map(|(changes, is)| Step::Transaction(changes, is)),
        2 => (pieces, prop_oneof![Just(0_usize), Just(1 << 30)]).prop_map(|(pieces, max)| Step::Bulk(pieces, max)),
        2 => (prop::collection::vec(n, 1..9), 0..3_u64).prop_map(|(facts, source)| Step::FromSource(facts, source)),
        1 => (0..3_u64).prop_map(Step::RemoveSource),
        2 => Just(Step::Merge),
        1 => Just(Step::Reopen),
    ]
}

/// The plain set, with the sources of its facts.
type Model = BTreeMap<String, BTreeSet<u64>>;

fn texts(model: &Model) -> Vec<String> {
    model.keys().cloned().collect()
}

/// Every way of reading agrees with a plain filter over everything.
fn check_reads(snapshot: &Snapshot, model: &Model, salt: u64) -> Result<(), Error> {
    assert_eq!(all(snapshot)?, texts(model));
    assert_eq!(snapshot.len(), model.len() as u64);
    let quads: Vec<Quad> = snapshot.matching(Pattern::all()).collect::<Result<_, _>>()?;
    assert!(quads.iter().collect::<BTreeSet<_>>().len() == quads.len());
    for order in snapshot.orders() {
        let rows: Vec<_> = snapshot.scan(order, &[])?.collect::<Result<_, _>>()?;
        assert!(rows.is_sorted() && rows.len() == quads.len(), "{order:?}");
        let mut scan = snapshot.scan(order, &[])?;
        let mut read = Vec::new();
        scan.read(rows.len() / 2, &mut read)?;
        assert_eq!(read, rows[..rows.len() / 2]);
        // Seeking finds what a plain search finds.
        let mut at = rows.len() / 2;
        while at < rows.len() {
            let target = rows[(at + 1 + (salt as usize + at) % 97).min(rows.len() - 1)];
            let prefix = &target[..=(salt as usize % 4)];
            scan.seek(prefix)?;
            at = at.max(rows.partition_point(|row| row[..prefix.len()] < *prefix));
            assert_eq!(scan.peek()?, rows.get(at).copied(), "{order:?}");
            scan.next();
            at += 1;
        }
    }
    let Some(some) = quads.get(salt as usize % quads.len().max(1)).copied() else { return Ok(()) };
    for which in 0..16 {
        let given = |bit: u32, term: TermId| (which >> bit & 1 == 1).then_some(term);
        let pattern = Pattern {
            subject: given(0, some.subject),
            predicate: given(1, some.predicate),
            object: given(2, some.object),
            graph: given(3, some.graph),
        };
        let expected: BTreeSet<Quad> = quads.iter().filter(|quad| pattern.admits(quad)).copied().collect();
        let found: Vec<Quad> = snapshot.matching(pattern).collect::<Result<_, _>>()?;
        assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), expected, "{pattern:?}");
        assert_eq!(found.len(), expected.len(), "{pattern:?}");
        let estimate = snapshot.estimate(pattern)?;
        let is_exact = pattern.graph.is_none() || which == 15;
        assert!(estimate == found.len() as u64 || !is_exact && estimate > found.len() as u64, "{pattern:?}");
    }
    for quad in quads.iter().step_by(1 + quads.len() / 20) {
        assert!(snapshot.contains(quad)?);
        let text = snapshot.quad(*quad)?;
        assert_eq!(snapshot.id(text.object.as_ref())?, Some(quad.object));
        let sources: BTreeSet<u64> = snapshot.sources(quad)?.into_iter().map(|SourceId(id)| id).collect();
        assert_eq!(sources, model[&text.to_string()]);
    }
    let statistics = snapshot.statistics();
    if snapshot.count(Order::Spog, &[])? == statistics.quads() {
        for (predicate, of) in &statistics.predicates {
            let count = snapshot.count(Order::Psog, &[*predicate])?;
            assert!(of.subjects <= of.quads && of.objects <= of.quads && count <= of.quads.max(count));
        }
    }
    Ok(())
}

fn run(steps: &[Step], path: Option<&Path>) -> Result<(), Error> {
    let open = || match path {
        Some(path) => Store::open(path, Options { decoded_bytes: 1 << 20, ..Options::default() }),
        None => Ok(Store::in_memory()),
    };
    let (mut store, mut model, mut seq) = (open()?, Model::new(), 0);
    for (salt, step) in (0..).zip(steps) {
        let (before, texts_before) = (store.snapshot()?, texts(&model));
        match step {
            Step::Transaction(changes, is_committed) => {
                let mut transaction = store.begin()?;
                let mut changed = model.clone();
                for &(is_added, n) in changes {
                    let (quad, text) = (fact(n), fact(n).to_string());
                    let did = change(&mut transaction, &quad, is_added)?;
                    let expected = if is_added {
                        let is_new = !changed.contains_key(&text);
                        changed.entry(text).or_default();
                        is_new
                    } else {
                        changed.remove(&text).is_some()
                    };
                    assert_eq!(did, expected, "{quad} added: {is_added}");
                }
                assert_eq!(all(&transaction.snapshot()?)?, texts(&changed));
                if *is_committed {
                    transaction.commit()?;
                    (model, seq) = (changed, seq + 1);
                }
            }
            Step::Bulk(pieces, memory_max) => {
                let mut bulk = store.bulk(BulkOptions { memory_max: *memory_max })?;
                let (mut n_given, n_before) = (0, model.len() as u64);
                for &(from, n, by) in pieces {
                    let known: BTreeSet<String> = model.keys().cloned().collect();
                    let facts = || (0..n).map(|i| fact(from + i * by));
                    bulk.push(&piece(facts())?)?;
                    n_given += n;
                    model.extend(
                        facts().map(|fact| (fact.to_string(), BTreeSet::new())).filter(|(t, _)| !known.contains(t)),
                    );
                }
                let report = bulk.finish()?;
                let added = model.len() as u64 - n_before;
                assert_eq!((report.added, report.already), (added, n_given - added));
                seq += 1;
            }
            Step::FromSource(facts, source) => {
                let mut transaction = store.begin()?;
                for &n in facts {
                    transaction.add_from(fact(n).as_ref(), SourceId(*source))?;
                    model.entry(fact(n).to_string()).or_default().insert(*source);
                }
                transaction.commit()?;
                seq += 1;
            }
            Step::RemoveSource(source) => {
                let mut transaction = store.begin()?;
                let only = BTreeSet::from([*source]);
                let n = model.values().filter(|sources| **sources == only).count() as u64;
                assert_eq!(transaction.remove_source(SourceId(*source))?, n);
                model.retain(|_, sources| *sources != only);
                model.values_mut().for_each(|sources| sources.retain(|of| of != source));
                transaction.commit()?;
                seq += 1;
            }
            Step::Merge => {
                let merged = store.merge()?;
                assert_eq!(merged.quads, model.len() as u64);
                seq = merged.seq.0;
            }
            Step::Reopen if path.is_some() => {
                drop(before);
                drop(store);
                store = open()?;
                assert_eq!(all(&store.snapshot()?)?, texts(&model));
                continue;
            }
            Step::Reopen => {}
        }
        assert_eq!(all(&before)?, texts_before, "a snapshot changed");
        let after = store.snapshot()?;
        assert_eq!(after.seq().0, seq);
        check_reads(&after, &model, salt)?;
    }
    store.verify().map_err(|damages| damages[0].clone())?;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn a_store_in_a_file_answers_as_a_plain_set_does(steps in prop::collection::vec(step(), 1..14)) {
        let folder = tempfile::tempdir()?;
        run(&steps, Some(&folder.path().join("facts.kg")))?;
    }

    #[test]
    fn a_store_in_memory_answers_as_a_plain_set_does(steps in prop::collection::vec(step(), 1..14)) {
        run(&steps, None)?;
    }
}
