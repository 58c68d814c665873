use super::*;
use crate::Bundler;

fn collection(kind: usize, dims: u32, n: u8, named: bool) -> Collection {
    let dim = Dim::new(dims).expect("in range");
    let space = Space::new(dim, Seed(5));
    let sums = |i: u8| {
        let mut bundler = Bundler::new(dim);
        (0..=i).for_each(|j| bundler.add(&space.item(&[j])).expect("room"));
        bundler.sums()
    };
    let rows = match kind {
        0 => Rows::Bipolar((0..n).map(|i| space.item(&[i])).collect()),
        1 => Rows::Ternary((0..n).map(|i| space.sparse(&[i], dims / 3).expect("fewer than positions")).collect()),
        _ => Rows::Sums((0..n).map(sums).collect()),
    };
    let names = if named { (0..n).map(|i| format!("näme {i}")).collect() } else { Vec::new() };
    Collection { dim, space: (n % 2 == 1).then(|| (space.seed(), space.digest())), rows, names }
}

/// Bytes with the digest that they then should have.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - DIGEST;
    let digest = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(digest.as_bytes());
    bytes
}

#[test]
fn what_was_written_is_read() {
    for kind in 0..3 {
        for (dims, n) in [(64, 0), (64, 1), (500, 7), (10_240, 4), (1_001, 9)] {
            for named in [false, true] {
                let collection = collection(kind, dims, n, named);
                let bytes = collection.to_bytes().expect("fits");
                assert!(bytes.len() % 64 == 32, "a digest behind a multiple of 64");
                assert_eq!(Collection::from_bytes(&bytes).as_ref(), Ok(&collection));
            }
        }
    }
}

#[test]
fn trits_take_a_byte_for_five() {
    let bytes = collection(1, 10_240, 10, false).to_bytes().expect("fits");
    assert_eq!(bytes.len(), 64 + 10 * 2_048 + 32);
}

#[test]
fn every_cut_and_every_changed_byte_is_refused() {
    for kind in 0..3 {
        let bytes = collection(kind, 100, 3, true).to_bytes().expect("fits");
        for end in 0..bytes.len() {
            assert!(Collection::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x40;
            assert!(Collection::from_bytes(&bytes).is_err(), "byte {at} changed");
        }
    }
}

/// A wrong number under a right digest is found for what it is.
#[test]
fn lies_of_a_sealed_file_are_named() {
    let good = |kind| collection(kind, 101, 3, true).to_bytes().expect("fits");
    let with = |kind, at: usize, to: &[u8]| {
        let mut bytes = good(kind);
        bytes[at..at + to.len()].copy_from_slice(to);
        Collection::from_bytes(&sealed(bytes)).expect_err("a lie").to_string()
    };
    assert!(with(0, 4, &[9, 0]).contains("version 9"));
    assert!(with(0, 6, &[7]).contains("kind is 7"));
    assert!(with(0, 7, &[2]).contains("packing is 2"));
    assert!(with(0, 8, &[3, 0, 0, 0]).contains("dimensions is 3"));
    assert!(with(0, 12, &[2, 0]).contains("names is 2"));
    assert!(with(0, 16, &u64::MAX.to_le_bytes()).contains("longer than any file"));
    assert!(with(0, 16, &9u64.to_le_bytes()).contains("9 rows of 101 dimensions"));
    assert!(with(0, 48, &64u64.to_le_bytes()).contains("start of the names"));
    assert!(with(0, 56, &1u64.to_le_bytes()).contains("says 1"));
    assert!(with(0, 64 + 63, &[1]).contains("behind the end"));
    assert!(with(1, 64, &[243]).contains("243"));
    assert!(with(1, 64 + 20, &[242]).contains("behind the last dimension"));
    assert!(with(1, 64 + 63, &[1]).contains("lies between parts"));
    assert!(with(2, 64 + 8, &i32::MIN.to_le_bytes()).contains("row 0"));
    let names_at = 64 + 3 * 64;
    assert!(with(0, names_at, &u32::MAX.to_le_bytes()).contains("name 0: cut"));
    assert!(with(0, names_at + 5, &[0xff]).contains("UTF-8"));
}

#[test]
fn what_does_not_fit_together_is_not_written() {
    let mut named = collection(0, 100, 3, true);
    named.names.pop();
    assert_eq!(named.to_bytes(), Err(HvError::Names { names: 2, rows: 3 }));
    let mut mixed = collection(0, 100, 3, false);
    mixed.dim = Dim::new(128).expect("in range");
    assert_eq!(mixed.to_bytes(), Err(HvError::Dims { row: 0, got: 100, expected: 128 }));
}

#[test]
fn vectors_of_another_space_are_refused() {
    let collection = collection(0, 100, 3, false);
    assert_eq!(collection.check_space(&Space::new(collection.dim, Seed(5))), Ok(()));
    let refused = collection.check_space(&Space::new(collection.dim, Seed(6)));
    assert_eq!(refused, Err(HvError::OtherSpace { file: 5, asked: 6 }));
}
