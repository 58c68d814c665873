use std::path::Path;

use oxrdf::NamedNode;

use super::*;
use crate::block;
use crate::dictionary::fences::RowFences;
use crate::error::Error;
use crate::order::Order;
use crate::quad::Pattern;
use crate::store::Options;

fn filled(path: &Path) -> Result<Store, Error> {
    let store = Store::open(path, Options::default())?;
    let mut bulk = store.bulk(BulkOptions::default())?;
    let mut piece = Piece::new();
    for n in 0..9000_u32 {
        let mut term =
            |name: &str, n: u32| piece.term(NamedNode::new_unchecked(format!("http://a/{name}{n}")).as_ref().into());
        let (subject, predicate, object) = (term("s", n / 3)?, term("p", n % 3)?, term("o", n * 7 % 901)?);
        piece.quad(subject, predicate, object, None)?;
    }
    bulk.push(&piece)?;
    bulk.finish()?;
    Ok(store)
}

fn facts(store: &Store) -> Result<Vec<String>, Error> {
    let snapshot = store.snapshot()?;
    let mut facts = Vec::new();
    for quad in snapshot.matching(Pattern::all()) {
        facts.push(snapshot.quad(quad?)?.to_string());
    }
    facts.sort();
    Ok(facts)
}

/// The file with a byte changed in each of these blocks.
fn damage(store: Store, path: &Path, blocks: &[(Order, usize)]) -> Result<(), Error> {
    let state = store.state();
    let mut written = Vec::new();
    for &(order, block) in blocks {
        let mut bytes = Vec::new();
        block::encode(&state.rows_of_file(order, state.fences(order)?, block)?, &mut bytes);
        written.push(bytes);
    }
    // A file that is not closed goes back to the commit before when it is opened and a page is not what it was.
    drop((state, store));
    let mut file = std::fs::read(path).expect("a file");
    for bytes in written {
        // Pages that are free again may hold it, too.
        let places: Vec<usize> = memchr::memmem::find_iter(&file, &bytes).collect();
        assert!(!places.is_empty(), "the block as it was written");
        places.into_iter().for_each(|at| file[at + bytes.len() / 2] ^= 1);
    }
    std::fs::write(path, file).expect("a file");
    Ok(())
}

#[test]
fn a_damaged_block_is_made_anew_from_other_orders() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("facts.kg");
    let store = filled(&path)?;
    let truth = facts(&store)?;
    damage(store, &path, &[(Order::Spog, 1), (Order::Posg, 1)])?;
    let store = Store::open(&path, Options::default())?;
    assert!(matches!(facts(&store), Err(Error::Damaged(_))), "the damage is met");
    let report = store.repair()?;
    assert_eq!((report.repaired, report.quads), (2, truth.len() as u64));
    assert!(store.verify().is_ok());
    assert_eq!(facts(&store)?, truth);
    assert_eq!(store.repair()?.repaired, 0);
    Ok(())
}

#[test]
fn what_no_order_has_any_more_is_not_repaired() -> Result<(), Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("facts.kg");
    let store = filled(&path)?;
    let state = store.state();
    let mut all = Vec::new();
    for order in Order::ALL {
        all.extend((0..state.fences(order).map_or(0, RowFences::n_blocks)).map(|block| (order, block)));
    }
    drop(state);
    damage(store, &path, &all)?;
    let store = Store::open(&path, Options::default())?;
    assert!(matches!(store.repair(), Err(Error::Damaged(_))));
    Ok(())
}
