//! Vectors made from names: their geometry, and that they are the same everywhere.

use super::DIMS;
use vsa::{Bipolar, Code, Dim, Seed, Space};

fn space(dim: u32) -> Space {
    Space::new(Dim::new(dim).unwrap(), Seed(42))
}

#[test]
fn names_seeds_and_dimensions_make_vectors_that_have_nothing_in_common() {
    let space_of = |seed| Space::new(Dim::new(10_240).unwrap(), Seed(seed));
    let vectors = [space_of(1).item(b"a"), space_of(1).item(b"b"), space_of(1).item(b""), space_of(2).item(b"a")];
    for (i, a) in vectors.iter().enumerate() {
        assert_eq!(a.cosine(a), Ok(1.0));
        // Five standard deviations.
        assert!(vectors[..i].iter().all(|b| a.cosine(b).unwrap().abs() < 5.0 / 10_240f32.sqrt()));
    }
    assert_eq!(space_of(1).item(b"a"), vectors[0]);
    let digests = [space_of(1).digest(), space_of(2).digest(), space(64).digest(), space(65).digest()];
    assert_eq!(digests.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
}

#[test]
fn sparse_vectors_have_as_many_positions_as_asked_for() {
    for dim in DIMS {
        for nonzero in [0, 1, dim / 10, dim] {
            assert_eq!(space(dim).sparse(b"a", nonzero).unwrap().nonzero(), nonzero);
        }
    }
    let v = space(10_240).sparse(b"a", 5000).unwrap();
    let minus = v.to_values().iter().filter(|v| **v < 0).count();
    assert!(minus.abs_diff(2500) < 200, "{minus} of 5000");
    assert_ne!(space(10_240).sparse(b"b", 5000).unwrap(), v);
}

#[test]
fn cosines_of_levels_fall_evenly_with_their_distance() {
    for dim in DIMS {
        for n in [2, 3, 10, 33] {
            let levels = space(dim).levels(b"size", n).unwrap();
            let vectors: Vec<Bipolar> = (0..n).map(|level| levels.level(level).unwrap()).collect();
            for (i, a) in vectors.iter().enumerate() {
                for (j, b) in vectors.iter().enumerate() {
                    let exact = f64::from(dim / 2) * i.abs_diff(j) as f64 / f64::from(n - 1);
                    let differing = f64::from(a.differing(b).unwrap());
                    assert!((differing - exact).abs() <= 1.0, "{dim}, {n}: {i} and {j}: {differing}, {exact}");
                }
            }
        }
        for n in [2, 3, 7, 24] {
            let circle = space(dim).circle(b"hour", n).unwrap();
            let vectors: Vec<Bipolar> = (0..n).map(|level| circle.level(level).unwrap()).collect();
            for (i, a) in vectors.iter().enumerate() {
                for (j, b) in vectors.iter().enumerate() {
                    let steps = i.abs_diff(j).min(n as usize - i.abs_diff(j)) as f64;
                    let exact = 2.0 * f64::from(dim / 4 * 2) * steps / f64::from(n);
                    let differing = f64::from(a.differing(b).unwrap());
                    assert!((differing - exact).abs() <= 2.0, "{dim}, {n}: {i} and {j}: {differing}, {exact}");
                }
            }
        }
    }
}

/// What `testdata/vectors.txt` holds: a line for each vector, its name and its lines in hexadecimal digits.
fn stored() -> String {
    let mut text = String::new();
    let mut put = |name: String, lines: &[vsa::Line]| {
        let words: Vec<String> = lines.iter().flat_map(|line| line.0).map(|word| format!("{word:016x}")).collect();
        text += &format!("{}\n", format!("{name} {}", words.join(" ")).trim_end());
    };
    for (dim, seed) in [(64, 0), (100, 1), (512, 2), (704, u64::MAX)] {
        let space = Space::new(Dim::new(dim).unwrap(), Seed(seed));
        for name in ["", "a", "größe"] {
            put(format!("item {dim} {seed} '{name}'"), space.item(name.as_bytes()).lines());
            let sparse = space.sparse(name.as_bytes(), dim / 5).unwrap();
            put(format!("sparse {dim} {seed} '{name}' {}", dim / 5), sparse.lines());
        }
        for level in 0..3 {
            put(
                format!("levels {dim} {seed} 'x' {level} of 3"),
                space.levels(b"x", 3).unwrap().level(level).unwrap().lines(),
            );
            put(
                format!("circle {dim} {seed} 'x' {level} of 3"),
                space.circle(b"x", 3).unwrap().level(level).unwrap().lines(),
            );
        }
        let ties = vsa::Bundler::new(space.dim()).sums().sign(vsa::Ties::Keyed(seed));
        put(format!("ties {dim} {seed}"), ties.lines());
        let digest: String = space.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        put(format!("digest {dim} {seed} {digest}"), &[]);
    }
    text
}

/// Files hold names instead of vectors, so the vectors of a name must never change.
#[test]
fn vectors_of_names_are_those_that_are_stored() {
    let expected = include_str!("../../testdata/vectors.txt");
    let got = stored();
    for (expected, got) in expected.lines().zip(got.lines()) {
        assert_eq!(expected, got);
    }
    assert_eq!(expected.lines().count(), got.lines().count());
}
