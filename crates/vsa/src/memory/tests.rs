use super::*;
use crate::{Bipolar, Bundler, Seed, Space, Ternary, experiment};
use testkit::Rng;

/// The plain loop that every search must equal.
fn plainly<V: Code>(items: &[(ItemId, V)], query: &V, k: usize) -> Vec<(i64, ItemId)> {
    let mut all: Vec<_> =
        items.iter().map(|(id, v)| (i64::from(v.dot(query).expect("same dimensions")), *id)).collect();
    all.sort_by_key(|(dot, id)| (std::cmp::Reverse(*dot), *id));
    all.truncate(k);
    all
}

fn hits(found: &Found) -> Vec<(i64, ItemId)> {
    found.hits.iter().map(|hit| (hit.dot, hit.id)).collect()
}

fn flipped(v: &Bipolar, probability: f64, rng: &mut Rng) -> Bipolar {
    v.bind(&experiment::flips(v.dim(), probability, || rng.bits())).expect("same dimensions")
}

fn changed(v: &Ternary, probability: f64, rng: &mut Rng) -> Ternary {
    let other = |x: i8, rng: &mut Rng| (x + 2 + rng.below(2) as i8) % 3 - 1;
    let mut value = |x| if f64::from(rng.unit()) < probability { other(x, rng) } else { x };
    let values: Vec<i8> = v.to_values().into_iter().map(&mut value).collect();
    Ternary::from_values(v.dim(), &values).expect("trits")
}

/// Items, of which some are equal and some were removed; queries near items, at random, and zero.
fn check<V: Code>(dim: u32, n: usize, mut item: impl FnMut(usize) -> V, near: impl Fn(&V, f64, &mut Rng) -> V) {
    let dim = Dim::new(dim).expect("in range");
    let mut memory = ItemMemory::new(dim);
    let mut items = Vec::new();
    for i in 0..n {
        let v = if i % 7 == 6 { item(i - 3) } else { item(i) };
        items.push((memory.add(&v).expect("room"), v));
    }
    let mut rng = Rng::new(u64::from(dim.to_u32()));
    for gone in (0..n).step_by(11) {
        assert!(memory.remove(ItemId(gone as u32)) && !memory.remove(ItemId(gone as u32)));
    }
    items.retain(|(id, _)| id.0 % 11 != 0);
    assert_eq!(memory.len(), items.len());
    let mut queries: Vec<V> = (0..9).map(|i| item(n + i)).collect();
    for (i, (_, v)) in items.iter().enumerate().step_by(n / 6) {
        queries.push(near(v, 0.05 * (i % 9) as f64, &mut rng));
    }
    for k in [0, 1, 2, 10, n + 5] {
        let found = memory.top_k_many(&queries, k, Scan::Exact).expect("same dimensions");
        for (query, found) in queries.iter().zip(&found) {
            assert_eq!(hits(found), plainly(&items, query, k));
            assert_eq!(found.certificate, Certificate::Exact);
            let alone = memory.top_k(query, k, Scan::Exact).expect("same dimensions");
            assert_eq!((&alone.hits, alone.p_chance), (&found.hits, found.p_chance));
        }
    }
}

#[test]
fn a_search_gives_what_the_plain_loop_gives() {
    for (dim, n) in [(64, 40), (500, 300), (512, 90), (2_100, 600), (4_096, 1_100)] {
        let space = Space::new(Dim::new(dim).expect("in range"), Seed(7));
        check(dim, n, |i| space.item(&i.to_le_bytes()), flipped);
        let nonzero = |i: usize| dim / 2 + (i as u32 * 13) % (dim / 3);
        check(dim, n, |i| space.sparse(&i.to_le_bytes(), nonzero(i)).expect("fewer than positions"), changed);
    }
}

#[test]
fn an_item_is_given_back_as_it_was() {
    let space = Space::new(Dim::new(2_600).expect("in range"), Seed(1));
    let mut memory = ItemMemory::new(space.dim());
    let items: Vec<Bipolar> = (0..5u8).map(|i| space.item(&[i])).collect();
    let ids: Vec<ItemId> = items.iter().map(|v| memory.add(v).expect("room")).collect();
    for (id, v) in ids.iter().zip(&items) {
        assert_eq!(memory.item(*id).as_ref(), Some(v));
    }
    memory.remove(ids[2]);
    assert_eq!((memory.item(ids[2]), memory.item(ItemId(9)), memory.len()), (None, None, 4));
    let other = Space::new(Dim::new(2_560).expect("in range"), Seed(1)).item(b"x");
    assert_eq!(memory.add(&other), Err(Error::DimsDiffer { left: 2_600, right: 2_560 }));
    assert_eq!(memory.top_k(&other, 1, Scan::Exact), Err(Error::DimsDiffer { left: 2_600, right: 2_560 }));
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let space = Space::new(Dim::new(1_024).expect("in range"), Seed(1));
    let memory = ItemMemory::<Bipolar>::new(space.dim());
    for how in [Scan::Exact, Scan::Screened { cosine_min: 0.5, miss_max: 1e-6 }] {
        let found = memory.top_k(&space.item(b"a"), 3, how).expect("same dimensions");
        assert_eq!(found, Found::nothing());
    }
    assert!(memory.is_empty());
}

#[test]
fn what_is_alike_is_no_chance_and_what_is_not_may_be() {
    let space = Space::new(Dim::new(4_096).expect("in range"), Seed(3));
    let mut memory = ItemMemory::new(space.dim());
    for i in 0..500u32 {
        memory.add(&space.item(&i.to_le_bytes())).expect("room");
    }
    let mut rng = Rng::new(5);
    let near = flipped(&space.item(&77u32.to_le_bytes()), 0.3, &mut rng);
    let found = memory.top_k(&near, 1, Scan::Exact).expect("same dimensions");
    assert_eq!(found.hits[0].id, ItemId(77));
    assert!(found.p_chance < 1e-20 && (found.hits[0].cosine - 0.4).abs() < 0.06, "{found:?}");
    let mean: f64 = (0..200u32)
        .map(|i| memory.top_k(&space.item(&[i as u8, 1]), 1, Scan::Exact).expect("same dimensions").p_chance)
        .sum::<f64>()
        / 200.0;
    assert!((mean - 0.5).abs() < 0.1, "for queries of no item the chance is uniform, its mean {mean}");
}

#[test]
fn a_screened_search_reads_little_and_misses_no_more_than_it_says() {
    let space = Space::new(Dim::new(10_240).expect("in range"), Seed(11));
    let mut memory = ItemMemory::new(space.dim());
    for i in 0..2_000u32 {
        memory.add(&space.item(&i.to_le_bytes())).expect("room");
    }
    let mut rng = Rng::new(2);
    let how = Scan::Screened { cosine_min: 0.4, miss_max: 1e-12 };
    for i in (0..2_000u32).step_by(97) {
        let near = flipped(&space.item(&i.to_le_bytes()), 0.27, &mut rng);
        let found = memory.top_k(&near, 3, how).expect("same dimensions");
        assert_eq!((found.hits[0].id, found.certificate), (ItemId(i), Certificate::MissAtMost(1e-12)));
        assert!(found.bytes_read * 4 < memory.bytes(), "{} of {} bytes", found.bytes_read, memory.bytes());
        let exact = memory.top_k(&near, 1, Scan::Exact).expect("same dimensions");
        assert!(exact.bytes_read < memory.bytes() && exact.bytes_read > found.bytes_read);
    }
    // Nothing can be told from so little: then all is read, and nothing missed.
    let unclear = Scan::Screened { cosine_min: 0.01, miss_max: 1e-12 };
    let found = memory.top_k(&space.item(b"none"), 3, unclear).expect("same dimensions");
    assert_eq!(found.certificate, Certificate::Exact);
}

/// With a bound so loose that misses are seen, they stay below it: a hundred thousand trials.
#[test]
fn misses_stay_below_the_bound_where_it_is_reached() {
    let (miss_max, trials) = (0.05, 100_000);
    let dim = Dim::new(1_024).expect("in range");
    let space = Space::new(dim, Seed(4));
    let mut rng = Rng::new(8);
    let mut memory = ItemMemory::new(dim);
    let item = space.item(b"item");
    memory.add(&item).expect("room");
    let cosine_min = 0.3;
    let (mut alike, mut missed) = (0, 0);
    for _ in 0..trials / 64 {
        let queries: Vec<Bipolar> = (0..64).map(|_| flipped(&item, 0.34, &mut rng)).collect();
        let found = memory.top_k_many(&queries, 1, Scan::Screened { cosine_min, miss_max }).expect("same dimensions");
        for (query, found) in queries.iter().zip(found) {
            if f64::from(query.cosine(&item).expect("same dimensions")) >= cosine_min {
                alike += 1;
                missed += u64::from(found.hits.is_empty());
            }
        }
    }
    let (_, most) = theory::interval(miss_max, alike);
    assert!(alike > trials / 2 && missed > 0, "{missed} of {alike} missed: the bound was not tried");
    assert!(missed as f64 / alike as f64 <= most, "{missed} of {alike} missed, at most {miss_max} may be");
}

#[test]
fn a_bundle_that_was_not_rounded_finds_what_the_plain_loop_finds() {
    for dim in [100, 512, 3_072] {
        let space = Space::new(Dim::new(dim).expect("in range"), Seed(6));
        let (mut signs, mut trits) = (ItemMemory::new(space.dim()), ItemMemory::new(space.dim()));
        let mut bundler = Bundler::new(space.dim());
        for i in 0..150u8 {
            let (sign, trit) = (space.item(&[i]), space.sparse(&[i], dim / 3).expect("fewer than positions"));
            signs.add(&sign).expect("room");
            trits.add(&trit).expect("room");
            bundler.add_times(&sign, i32::from(i % 5) * 70 - 100).expect("room");
        }
        signs.remove(ItemId(4));
        let sums = bundler.sums();
        let mut expected: Vec<_> =
            (0..150u8).map(|i| (sums.dot(&space.item(&[i])).expect("same dimensions"), ItemId(i.into()))).collect();
        expected.retain(|(_, id)| id.0 != 4);
        expected.sort_by_key(|(dot, id)| (std::cmp::Reverse(*dot), *id));
        let found = signs.top_k_sums(&sums, 149).expect("same dimensions");
        assert_eq!(hits(&found), expected);
        let found = trits.top_k_sums(&sums, 3).expect("same dimensions");
        for hit in &found.hits {
            let trit = space.sparse(&[hit.id.0 as u8], dim / 3).expect("fewer than positions");
            assert_eq!(hit.dot, sums.dot(&trit).expect("same dimensions"));
        }
        assert!(signs.top_k_sums(&sums, 0).expect("same dimensions").hits.is_empty());
    }
}
