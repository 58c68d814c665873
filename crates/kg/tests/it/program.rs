//! A program of commits, for tests of what disks do: what was acknowledged is known at every moment.

use kg::{BulkOptions, Error, Options, SourceId, Store};

use crate::disk::Disk;
use crate::facts::{all, change, fact, piece};

/// What the program had done when a commit was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    /// The number of the disk's changes by then.
    pub(crate) n_ops: usize,
    pub(crate) facts: Vec<String>,
}

pub(crate) const OPTIONS: Options =
    Options { create: true, cache_bytes: 1 << 20, decoded_bytes: 1 << 20, changes_max: 100_000 };

pub(crate) fn open(disk: &Disk) -> Result<Store, Error> {
    Store::on_backend(disk.clone(), OPTIONS)
}

fn acknowledge(store: &Store, disk: &Disk, done: &mut Vec<Acknowledged>) -> Result<(), Error> {
    let n_ops = disk.with(|disk| disk.log.len());
    done.push(Acknowledged { n_ops, facts: all(&store.snapshot()?)? });
    Ok(())
}

/// Transactions, bulks, merges, a reopening and a compacting, from a seed; what is acknowledged goes to `done`.
pub(crate) fn run(disk: &Disk, seed: u64, done: &mut Vec<Acknowledged>) -> Result<(), Error> {
    let mut store = open(disk)?;
    acknowledge(&store, disk, done)?;
    for round in 0..8_u64 {
        let from = seed.wrapping_mul(7919).wrapping_add(round * 613) % 50_000;
        match (seed + round) % 4 {
            0 => {
                let mut bulk = store.bulk(BulkOptions::default())?;
                bulk.push(&piece((0..200).map(|i| fact(from + 3 * i)))?)?;
                bulk.finish()?;
            }
            1 | 2 => {
                let mut transaction = store.begin()?;
                for i in 0..20 {
                    change(&mut transaction, &fact(from + i), i % 4 != 3)?;
                }
                transaction.add_from(fact(from + 30).as_ref(), SourceId(round))?;
                transaction.set("round", Some(&round.to_le_bytes()));
                transaction.commit()?;
            }
            _ => {
                store.merge()?;
                acknowledge(&store, disk, done)?;
                let mut transaction = store.begin()?;
                let known = store.snapshot()?;
                for quad in known.matching(kg::Pattern::all()).step_by(3) {
                    transaction.remove_ids(&quad?)?;
                }
                transaction.commit()?;
            }
        }
        acknowledge(&store, disk, done)?;
        if round == 4 {
            drop(store);
            store = open(disk)?.compact()?;
        }
    }
    store.verify().map_err(|damages| damages[0].clone())?;
    Ok(())
}
