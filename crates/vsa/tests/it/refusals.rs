//! Bad input is refused with what disagrees.

use vsa::{Bipolar, Bundler, Code, Dim, Error, Line, Seed, Space, Sums, Ternary};

fn dim(dim: u32) -> Dim {
    Dim::new(dim).unwrap()
}

#[test]
fn vectors_of_other_dimensions_are_refused_with_both() {
    let (a, b) = (Bipolar::ones(dim(128)), Bipolar::ones(dim(192)));
    let differ = Error::DimsDiffer { left: 128, right: 192 };
    assert_eq!(a.bind(&b), Err(differ.clone()));
    assert_eq!(a.unbind(&b), Err(differ.clone()));
    assert_eq!(a.bind_into(&a, &mut b.clone()), Err(differ.clone()));
    assert_eq!(a.rotate_into(1, &mut b.clone()), Err(differ.clone()));
    assert_eq!(a.dot(&b), Err(differ.clone()));
    assert_eq!(a.cosine(&b), Err(differ.clone()));
    assert_eq!(a.differing(&b), Err(differ.clone()));
    let mut bundler = Bundler::new(dim(128));
    assert_eq!(bundler.add(&b), Err(differ.clone()));
    assert_eq!(bundler.remove(&Ternary::zero(dim(192))), Err(differ.clone()));
    assert_eq!(bundler.merge(Bundler::new(dim(192))), Err(differ.clone()));
    let sums = bundler.sums();
    assert_eq!(sums.dot(&b), Err(differ.clone()));
    assert_eq!(sums.bind(&b), Err(differ.clone()));
    assert_eq!(sums.cosine(&b), Err(differ));
    assert_eq!(Error::DimsDiffer { left: 128, right: 192 }.to_string(), "vectors of 128 and of 192 dimensions");
}

#[test]
fn planes_that_contradict_are_refused_with_the_first_bad_bit() {
    let d = dim(100);
    let refused = |sign: &[u64], nonzero: &[u64]| Ternary::from_planes(d, sign, nonzero).unwrap_err();
    assert_eq!(refused(&[0, 6], &[0, 2]), Error::SignOfZero { word: 1, bit: 2 });
    assert_eq!(refused(&[0], &[0, 0]), Error::Words { dim: 100, expected: 2, got: 1 });
    assert_eq!(refused(&[0, 0], &[0, 1 << 40]), Error::BehindEnd { word: 1, bit: 40, dim: 100 });
    assert_eq!(Bipolar::from_words(d, &[0, 1 << 36]).unwrap_err(), Error::BehindEnd { word: 1, bit: 36, dim: 100 });
    let mut line = Line::default();
    line.0[5] = 8;
    assert_eq!(Bipolar::from_lines(d, vec![line]).unwrap_err(), Error::BehindEnd { word: 5, bit: 3, dim: 100 });
    assert_eq!(Bipolar::from_lines(d, vec![]).unwrap_err(), Error::Lines { dim: 100, expected: 1, got: 0 });
    let (mut sign, nonzero) = (Line::default(), Line::default());
    sign.0[0] = 4;
    assert_eq!(Ternary::from_lines(d, vec![sign, nonzero]).unwrap_err(), Error::SignOfZero { word: 0, bit: 2 });
}

#[test]
fn values_that_such_a_vector_does_not_hold_are_refused_with_their_place() {
    let d = dim(64);
    let mut values = [1i8; 64];
    values[7] = 0;
    assert!(matches!(Bipolar::from_values(d, &values), Err(Error::Value { index: 7, value: 0, .. })));
    assert!(Ternary::from_values(d, &values).is_ok());
    values[9] = -2;
    assert!(matches!(Ternary::from_values(d, &values), Err(Error::Value { index: 9, value: -2, .. })));
    assert_eq!(Ternary::from_values(d, &values[1..]).unwrap_err(), Error::Values { dim: 64, got: 63 });
    let mut sums = [0; 64];
    assert_eq!(Sums::from_values(d, 0, &[0; 65]).unwrap_err(), Error::Values { dim: 64, got: 65 });
    sums[3] = i32::MIN;
    assert!(matches!(Sums::from_values(d, 1, &sums), Err(Error::Value { index: 3, .. })));
}

#[test]
fn sums_that_could_run_over_are_refused_and_stay_as_they_were() {
    let d = dim(64);
    let mut bundler = Bundler::new(d);
    bundler.add_times(&Bipolar::ones(d), i32::MAX).unwrap();
    let full = |more| Error::Full { added: i32::MAX as u64, more, max: i32::MAX as u64 };
    assert_eq!(bundler.add(&Bipolar::ones(d)), Err(full(1)));
    assert_eq!(bundler.add_times(&Bipolar::ones(d), i32::MIN), Err(full(1 << 31)));
    let mut other = Bundler::new(d);
    other.add(&Ternary::ones(d)).unwrap();
    assert_eq!(bundler.merge(other), Err(full(1)));
    assert_eq!(bundler.added(), i64::from(i32::MAX));
    // What was taken out makes room again.
    bundler.add_times(&Ternary::ones(d), -5).unwrap_err();
    let negated = Bipolar::ones(d).negated();
    assert_eq!(bundler.clone().sums().at(0), Some(i32::MAX));
    let mut bundler = Bundler::new(d);
    for _ in 0..3 {
        bundler.add_times(&negated, (1 << 30) - 1).unwrap();
        bundler.add_times(&negated, 1 - (1 << 30)).unwrap();
    }
    assert_eq!(bundler.sums(), Bundler::new(d).sums());
}

#[test]
fn levels_and_sparse_vectors_beyond_the_dimensions_are_refused() {
    let space = Space::new(dim(64), Seed(1));
    assert_eq!(space.sparse(b"a", 65).unwrap_err(), Error::Nonzero { nonzero: 65, dim: 64 });
    assert_eq!(space.sparse(b"a", 64).unwrap().nonzero(), 64);
    assert_eq!(space.levels(b"a", 34).unwrap_err(), Error::Levels { n: 34, dim: 64, max: 33 });
    assert_eq!(space.levels(b"a", 1).unwrap_err(), Error::Levels { n: 1, dim: 64, max: 33 });
    assert_eq!(space.circle(b"a", 33).unwrap_err(), Error::Levels { n: 33, dim: 64, max: 32 });
    assert_eq!(space.levels(b"a", 4).unwrap().level(4).unwrap_err(), Error::Level { level: 4, n: 4 });
}
