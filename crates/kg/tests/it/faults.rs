//! The disk fails at any call, once or for good, or is full: errors are typed, nothing panics, nothing acknowledged is
//! lost.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};

use kg::Error;

use crate::disk::{Disk, Failure};
use crate::facts::all;
use crate::program::{Acknowledged, open, run};

/// Runs the program with a failure; whether it came to the end. `whole` is what it acknowledges without one.
fn fail(seed: u64, failure: Failure, whole: &[Acknowledged]) -> Result<bool, Error> {
    let (disk, mut done) = (Disk::default(), Vec::new());
    disk.with(|disk| disk.failure = Some(failure));
    let run = catch_unwind(AssertUnwindSafe(|| run(&disk, seed, &mut done)));
    let run = run.unwrap_or_else(|_| panic!("a panic, seed {seed}, {failure:?}"));
    if let Err(error) = &run {
        let is_typed = matches!(error, Error::Storage { .. } | Error::GaveUp { .. } | Error::Damaged(_));
        assert!(is_typed, "{error:?}, seed {seed}, {failure:?}");
    }
    disk.with(|disk| disk.failure = None);
    let image = disk.with(|disk| disk.image.clone());
    match open(&Disk::of(image)) {
        Ok(store) => {
            let found = all(&store.snapshot()?)?;
            // One commit may have reached the disk though its acknowledgement did not reach the program.
            let n_done = done.len().max(1);
            let known = &whole[n_done - 1..whole.len().min(n_done + 1)];
            assert!(
                known.iter().any(|commit| commit.facts == found),
                "seed {seed}, {failure:?}: {} facts",
                found.len()
            );
            assert!(store.verify().is_ok());
        }
        Err(error) => assert!(done.is_empty(), "{error:?}, seed {seed}, {failure:?}"),
    }
    Ok(run.is_ok())
}

/// `KG_FAULTS_ALL` asks for the long form: every call fails.
#[test]
fn a_disk_that_fails_at_any_call_loses_nothing_that_was_acknowledged() -> Result<(), Error> {
    let (disk, mut done) = (Disk::default(), Vec::new());
    run(&disk, 3, &mut done)?;
    let n_calls = disk.with(|disk| disk.n_calls);
    let mut n_failed = 0;
    let step = if std::env::var_os("KG_FAULTS_ALL").is_some() { 1 } else { n_calls / 12 };
    for at in (0..n_calls).step_by(step) {
        for (lasts, kind) in [(false, ErrorKind::Other), (true, ErrorKind::Other), (true, ErrorKind::StorageFull)] {
            n_failed += usize::from(!fail(3, Failure { at, lasts, kind }, &done)?);
        }
    }
    assert!(n_failed > 20, "{n_failed} programs failed");
    Ok(())
}
