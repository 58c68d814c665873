//! The power fails at any moment: what was acknowledged is there, what was not is there whole or not at all.
//!
//! Of the writes since the last sync the disk may have kept any, in any order, each whole or in sectors of 512 bytes.

use kg::Error;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::disk::{Disk, Op, apply};
use crate::facts::all;
use crate::program::{Acknowledged, open, run};

const SECTOR: usize = 512;

/// What the disk did with the writes that it had not synced.
fn lose(image: &mut Vec<u8>, unsynced: &[Op], random: &mut Xoshiro256PlusPlus) {
    let mut order: Vec<usize> = (0..unsynced.len()).collect();
    let how = random.next_u64() % 8;
    if how >= 4 {
        for i in (1..order.len()).rev() {
            order.swap(i, random.next_u64() as usize % (i + 1));
        }
    }
    // Lengths first: a write beyond the end makes the file longer, which keeps more than a disk would.
    for i in order {
        match (&unsynced[i], how) {
            (_, 1) | (Op::Sync, _) => {}
            (op, 0) | (op @ Op::SetLen(_), _) => apply(image, op),
            (op @ Op::Write(offset, bytes), _) => match random.next_u64() % 3 {
                0 => apply(image, op),
                1 => {}
                _ => {
                    for (sector, part) in bytes.chunks(SECTOR).enumerate() {
                        if random.next_u64().is_multiple_of(2) {
                            apply(image, &Op::Write(offset + sector * SECTOR, part.to_vec()));
                        }
                    }
                }
            },
        }
    }
}

/// The facts after a cut are those of the last acknowledged commit, or of the one that was under way.
fn check(image: Vec<u8>, n_ops: usize, done: &[Acknowledged], what: &str) -> Result<(), Error> {
    let last = done.iter().rposition(|commit| commit.n_ops <= n_ops);
    let store = match open(&Disk::of(image)) {
        Ok(store) => store,
        // Before the first acknowledgement there may be no store yet.
        Err(_) if last.is_none() => return Ok(()),
        Err(error) => panic!("{what}: {error:?}"),
    };
    let found = all(&store.snapshot()?)?;
    let expected = last.map_or(0, |last| last)..done.len().min(last.map_or(1, |last| last + 2));
    let is_known = done[expected].iter().any(|commit| commit.facts == found);
    assert!(is_known, "{what}: {} facts, {:?} acknowledged", found.len(), last.map(|last| done[last].facts.len()));
    if let Err(damages) = store.verify() {
        panic!("{what}: {}", damages[0]);
    }
    let mut transaction = store.begin()?;
    transaction.add(crate::facts::fact(59_999).as_ref())?;
    transaction.commit()?;
    Ok(())
}

/// Cuts the power `per_moment` times at every moment of a program, or at every `step`-th.
fn cut(seed: u64, step: usize, per_moment: usize) -> Result<usize, Error> {
    let (disk, mut done, mut n_states) = (Disk::default(), Vec::new(), 0);
    run(&disk, seed, &mut done)?;
    let log = disk.with(|disk| std::mem::take(&mut disk.log));
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut synced, mut first_unsynced) = (Vec::new(), 0);
    for n_ops in 0..=log.len() {
        if (n_ops + seed as usize).is_multiple_of(step) {
            for state in 0..per_moment {
                let mut image = synced.clone();
                lose(&mut image, &log[first_unsynced..n_ops], &mut random);
                check(image, n_ops, &done, &format!("seed {seed}, {n_ops} changes of the disk, state {state}"))?;
                n_states += 1;
            }
        }
        if let Some(Op::Sync) = log.get(n_ops) {
            log[first_unsynced..n_ops].iter().for_each(|op| apply(&mut synced, op));
            first_unsynced = n_ops + 1;
        }
    }
    Ok(n_states)
}

/// `KG_POWER_CUTS` asks for the long form: at least so many states.
#[test]
fn what_was_acknowledged_survives_a_cut_of_power_at_any_moment() -> Result<(), Error> {
    let n_wanted = std::env::var("KG_POWER_CUTS").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let (mut n_states, mut seed) = (cut(1, 2, 1)?, 2);
    while n_states < n_wanted {
        n_states += cut(seed, 1, 6)?;
        seed += 1;
    }
    assert!(n_states > 60, "{n_states} states");
    Ok(())
}
