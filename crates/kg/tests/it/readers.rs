//! One writer and sixteen readers: every read equals some commit, and no reader sees time go back.

use std::sync::atomic::{AtomicBool, Ordering};

use kg::{BulkOptions, Error, Order, Pattern, Store};

use crate::facts::{fact, piece};

const READERS: usize = 16;
const COMMITS: u64 = 20;

#[test]
fn readers_see_whole_commits_while_one_writes() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&folder.path().join("facts.kg"), kg::Options::default())?;
    let is_over = AtomicBool::new(false);
    // Commit n holds the facts 10·n to 10·n + 9 and no others, so that half of one would be seen.
    let read = |last: &mut u64| -> Result<(), Error> {
        let snapshot = store.snapshot()?;
        let seq = snapshot.seq().0;
        assert!(seq >= *last, "commit {seq} after {last}");
        *last = seq;
        let mut found = Vec::new();
        for quad in snapshot.matching(Pattern::all()) {
            found.push(snapshot.quad(quad?)?.to_string());
        }
        found.sort();
        let holds = |n: u64| {
            let mut facts: Vec<String> = (10 * n..10 * n + 10).map(|n| fact(n).to_string()).collect();
            facts.sort();
            facts.dedup();
            found == facts
        };
        assert!(found.is_empty() || (0..COMMITS).any(holds), "commit {seq} has {} facts", found.len());
        assert_eq!(snapshot.count(Order::Posg, &[])?, found.len() as u64);
        Ok(())
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| -> Result<u64, Error> {
                    let (mut last, mut n_reads) = (0, 0);
                    while !is_over.load(Ordering::Relaxed) {
                        read(&mut last)?;
                        n_reads += 1;
                    }
                    Ok(n_reads)
                })
            })
            .collect();
        let written = (0..COMMITS).try_for_each(|n| {
            let mut transaction = store.begin()?;
            let before = store.snapshot()?;
            for quad in before.matching(Pattern::all()) {
                transaction.remove_ids(&quad?)?;
            }
            for n in 10 * n..10 * n + 10 {
                transaction.add(fact(n).as_ref())?;
            }
            transaction.commit()?;
            if n % 10 == 5 {
                store.merge()?;
                let mut bulk = store.bulk(BulkOptions::default())?;
                bulk.push(&piece((10 * n..10 * n + 10).map(fact))?)?;
                bulk.finish()?;
            }
            Ok::<(), Error>(())
        });
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().expect("a reader that does not panic")? > 0);
        }
        written
    })
}
