//! Sums are exact, whoever added what when, and become vectors by rules that are written down.

use super::{DIMS, Drawn, at_every_level};
use testkit::Rng;
use vsa::{Bipolar, Bundler, Code, Dim, Sums, Ternary, Ties};

/// The sums of all positions, in their order.
fn in_order(sums: &Sums) -> Vec<i32> {
    (0..sums.dim().to_usize()).map(|i| sums.at(i).unwrap()).collect()
}

fn sum(dim: Dim, values: &[Vec<i8>]) -> Vec<i32> {
    (0..dim.to_usize()).map(|i| values.iter().map(|v| i32::from(v[i])).sum()).collect()
}

/// Sums of random vectors, so many that counters are emptied and vectors are left over.
fn sums_are_exact<C: Drawn>(dim: Dim, n: usize) {
    let rng = &mut Rng::new(n as u64);
    let vectors: Vec<C> = (0..n).map(|_| C::draw(rng, dim)).collect();
    let mut all = Bundler::new(dim);
    vectors.iter().for_each(|v| all.add(v).unwrap());
    let all = all.sums();
    assert_eq!(in_order(&all), sum(dim, &vectors.iter().map(Code::to_values).collect::<Vec<_>>()));
    assert_eq!(all.added(), n as i64);
    assert_eq!(all.values().iter().map(|v| i64::from(*v)).sum::<i64>(), all.dot(&C::ones(dim)).unwrap());

    let mut at_once = Bundler::new(dim);
    at_once.add_all(&vectors[..n / 4]).unwrap();
    at_once.add_all(&vectors[n / 4..]).unwrap();
    assert_eq!(at_once.sums(), all);

    // In two parts, each from the end, some of them twice and once removed.
    let (first, second) = vectors.split_at(n / 3);
    let mut parts = [first, second].map(|part| {
        let mut bundler = Bundler::new(dim);
        part.iter().rev().for_each(|v| bundler.add(v).unwrap());
        part.iter().step_by(2).for_each(|v| bundler.add(v).unwrap());
        part.iter().step_by(2).for_each(|v| bundler.remove(v).unwrap());
        bundler
    });
    let [first, second] = &mut parts;
    first.merge(second.clone()).unwrap();
    assert_eq!(first.clone().sums(), all);
    assert_eq!(Sums::from_values(dim, all.added(), all.values()), Ok(all.clone()));

    // Binding, rotating and products do to sums what they do to each vector.
    let key = C::draw(rng, dim);
    let mut bound = Bundler::new(dim);
    vectors.iter().for_each(|v| bound.add(&v.bind(&key).unwrap()).unwrap());
    assert_eq!(bound.sums(), all.bind(&key).unwrap());
    let dots: i64 = vectors.iter().map(|v| i64::from(v.dot(&key).unwrap())).sum();
    assert_eq!(all.dot(&key), Ok(dots));
    if dim.rotates() {
        let mut rotated = Bundler::new(dim);
        vectors.iter().for_each(|v| rotated.add(&v.rotate(77).unwrap()).unwrap());
        assert_eq!(rotated.sums(), all.rotate(77).unwrap());
    }
}

#[test]
fn sums_are_exact_in_any_order_and_partition() {
    at_every_level(|_| {
        for dim in DIMS.into_iter().filter(|dim| *dim < 10_240) {
            let dim = Dim::new(dim).unwrap();
            for n in [0, 1, 7, 8, 33] {
                sums_are_exact::<Bipolar>(dim, n);
                sums_are_exact::<Ternary>(dim, n);
            }
        }
        for n in [255, 530] {
            let dim = Dim::new(704).unwrap();
            sums_are_exact::<Bipolar>(dim, n);
            sums_are_exact::<Ternary>(dim, n);
        }
    });
}

#[test]
fn both_kinds_of_vectors_add_up_in_one_bundler() {
    at_every_level(|_| {
        let (dim, rng) = (Dim::new(1029).unwrap(), &mut Rng::new(4));
        let (signs, trits) = (Bipolar::draw(rng, dim), Ternary::draw(rng, dim));
        let mut bundler = Bundler::new(dim);
        for _ in 0..9 {
            bundler.add(&signs).unwrap();
            bundler.add(&trits).unwrap();
        }
        bundler.remove(&trits).unwrap();
        let (signs, trits) = (signs.to_values(), trits.to_values());
        let expected: Vec<i32> = signs.iter().zip(&trits).map(|(s, t)| 9 * i32::from(*s) + 8 * i32::from(*t)).collect();
        assert_eq!(in_order(&bundler.sums()), expected);
    });
}

#[test]
fn n_additions_are_one_of_n() {
    fn check<C: Drawn>(dim: Dim) {
        let (a, b) = (C::draw(&mut Rng::new(1), dim), C::draw(&mut Rng::new(2), dim));
        for n in [-1000, -40, -3, 0, 1, 5, 31, 32, 33, 300] {
            let mut once = Bundler::new(dim);
            once.add(&b).unwrap();
            let mut often = once.clone();
            once.add_times(&a, n).unwrap();
            for _ in 0..n.abs() {
                if n > 0 { often.add(&a) } else { often.remove(&a) }.unwrap();
            }
            assert_eq!(once.added(), 1 + i64::from(n));
            assert_eq!(once.sums(), often.sums(), "{n} times");
        }
    }
    at_every_level(|_| {
        check::<Bipolar>(Dim::new(1000).unwrap());
        check::<Ternary>(Dim::new(1000).unwrap());
    });
}

#[test]
fn signs_of_sums_break_ties_by_key_or_by_place() {
    for dim in DIMS {
        let dim = Dim::new(dim).unwrap();
        let rng = &mut Rng::new(5);
        let mut bundler = Bundler::new(dim);
        (0..4).for_each(|_| bundler.add(&Ternary::draw(rng, dim)).unwrap());
        let sums = bundler.sums();
        let expected = |tie: &dyn Fn(usize) -> i8| {
            let sign = |(i, sum): (usize, i32)| if sum == 0 { tie(i) } else { sum.signum() as i8 };
            in_order(&sums).into_iter().enumerate().map(sign).collect::<Vec<i8>>()
        };
        assert_eq!(sums.sign(Ties::Even).to_values(), expected(&|i| if i % 2 == 0 { 1 } else { -1 }));
        let (one, other) = (Ties::Keyed(1), Ties::Keyed(2));
        let drawn = Bundler::new(dim).sums().sign(one).to_values();
        assert_eq!(sums.sign(one).to_values(), expected(&|i| drawn[i]));
        assert_ne!(sums.sign(one), sums.sign(other));
    }
}

#[test]
fn a_threshold_keeps_what_is_above_it_and_the_best_one_keeps_most_of_the_direction() {
    let (dim, rng) = (Dim::new(2048).unwrap(), &mut Rng::new(6));
    let mut bundler = Bundler::new(dim);
    (0..400).for_each(|_| bundler.add(&Bipolar::draw(rng, dim)).unwrap());
    let sums = bundler.sums();
    for threshold in [0, 1, 12, 40, u32::MAX] {
        let value = |sum: i32| if sum.unsigned_abs() > threshold { sum.signum() as i8 } else { 0 };
        let expected: Vec<i8> = in_order(&sums).into_iter().map(value).collect();
        assert_eq!(sums.threshold(threshold).to_values(), expected);
    }
    let best = sums.best_threshold();
    let quality = |threshold: u32| sums.cosine(&sums.threshold(threshold)).unwrap();
    assert!((0..80).all(|threshold| quality(threshold) <= quality(best)), "{best}");
    // 0.612 σ, σ = √400.
    assert!((9..=15).contains(&best), "{best}");
    assert!((quality(best).powi(2) - 0.81).abs() < 0.02 && (quality(0).powi(2) - 0.637).abs() < 0.02);
    let nothing = Bundler::new(dim).sums();
    assert_eq!((nothing.best_threshold(), nothing.threshold(0)), (0, Ternary::zero(dim)));
    assert_eq!(nothing.cosine(&Bipolar::ones(dim)), Ok(0.0));
    assert_eq!(sums.cosine(&Ternary::zero(dim)), Ok(0.0));
    assert_eq!(sums.norm_squared(), in_order(&sums).iter().map(|v| (v * v) as u128).sum());
}
