//! A bit of the file is another one: what is read is what was written, or an error that says where; nothing panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kg::{Error, Pattern};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

use crate::disk::Disk;
use crate::facts::all;
use crate::program::{open, run};

fn read(disk: &Disk) -> Result<Vec<String>, Error> {
    let store = open(disk)?;
    let snapshot = store.snapshot()?;
    let found = all(&snapshot)?;
    for quad in snapshot.matching(Pattern::all()).step_by(40) {
        let quad = quad?;
        let pattern = Pattern { object: Some(quad.object), ..Pattern::all() };
        let n = snapshot.matching(pattern).collect::<Result<Vec<_>, _>>()?.len() as u64;
        assert_eq!(n, snapshot.estimate(pattern)?);
    }
    Ok(found)
}

/// `KG_FLIPS` asks for so many flips.
#[test]
fn a_flipped_bit_is_named_or_harmless() -> Result<(), Error> {
    let (disk, mut done) = (Disk::default(), Vec::new());
    run(&disk, 2, &mut done)?;
    let image = disk.with(|disk| disk.image.clone());
    let truth = done.last().map(|commit| commit.facts.clone()).unwrap_or_default();
    assert_eq!(read(&Disk::of(image.clone()))?, truth);
    let n_wanted = std::env::var("KG_FLIPS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    let (mut n_named, mut n_harmless) = (0, 0);
    // Only bytes that are something: most of a small file is empty.
    let full: Vec<usize> = (0..image.len()).filter(|&i| image[i] != 0).collect();
    for flip in 0..n_wanted {
        let at = full[random.next_u64() as usize % full.len()];
        let mut image = image.clone();
        image[at] ^= 1 << (random.next_u64() % 8);
        let result = catch_unwind(AssertUnwindSafe(|| read(&Disk::of(image.clone()))));
        match result.unwrap_or_else(|_| panic!("flip {flip} of byte {at}: a panic")) {
            Ok(found) => {
                assert!(found == truth, "flip {flip} of byte {at}: {} facts of {}", found.len(), truth.len());
                n_harmless += 1;
            }
            Err(error) => {
                n_named += 1;
                if let (Error::Damaged(_), Ok(store)) = (&error, open(&Disk::of(image))) {
                    assert!(store.verify().is_err(), "flip {flip} of byte {at}: {error}, and verify finds nothing");
                    // Four orders hold each fact; terms are held once.
                    if store.repair().is_ok() {
                        assert!(store.verify().is_ok(), "flip {flip} of byte {at} is damage that is left");
                        assert_eq!(all(&store.snapshot()?)?, truth, "flip {flip} of byte {at}, repaired");
                    }
                }
            }
        }
    }
    assert!(n_named > 0 && n_harmless > 0, "{n_named} named, {n_harmless} harmless");
    Ok(())
}
