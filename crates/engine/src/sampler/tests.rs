//! Each sampler on its own against a small exact distribution; the chain against its frequencies.

use super::*;

/// Probabilities 0.5, 0.25, 0.125, 0.0625, 0.0625, in this order of ids.
const PROBABILITIES: [f64; 5] = [0.5, 0.25, 0.125, 0.0625, 0.0625];

fn five() -> Candidates {
    let mut candidates = Candidates::default();
    candidates.fill(&PROBABILITIES.map(|p| p.ln() as f32));
    candidates
}

/// Ids and normalised probabilities, by id.
fn distribution(candidates: &Candidates) -> Vec<(u32, f64)> {
    let (max, sum) = (candidates.logit_max(), candidates.weight_sum());
    let mut list: Vec<_> =
        candidates.as_slice().iter().map(|c| (c.id.0, candidates::weight(c.logit, max) / sum)).collect();
    list.sort_by_key(|(id, _)| *id);
    list
}

fn check(candidates: &Candidates, expected: &[(u32, f64)]) {
    let got = distribution(candidates);
    assert_eq!(got.len(), expected.len(), "{got:?}");
    for (got, expected) in got.iter().zip(expected) {
        assert!(got.0 == expected.0 && (got.1 - expected.1).abs() < 1e-6, "got {got:?}, expected {expected:?}");
    }
}

#[test]
fn top_k_keeps_the_best() {
    let mut c = five();
    top_k::apply(&mut c, 2);
    check(&c, &[(0, 2.0 / 3.0), (1, 1.0 / 3.0)]);
    let mut c = five();
    top_k::apply(&mut c, 4);
    assert_eq!(c.as_slice().last().unwrap().id, TokenId(3), "the lower id of equals stays");
    top_k::apply(&mut c, 0);
    assert_eq!(c.as_slice().len(), 4);
}

#[test]
fn top_p_keeps_the_nucleus() {
    for (p, n) in [(0.0, 1), (0.4, 1), (0.6, 2), (0.8, 3), (0.9, 4), (1.0, 5)] {
        let mut c = five();
        top_p::apply(&mut c, p);
        assert_eq!(c.as_slice().len(), n, "p = {p}");
    }
    let mut c = five();
    top_p::apply(&mut c, 0.6);
    check(&c, &[(0, 2.0 / 3.0), (1, 1.0 / 3.0)]);
}

#[test]
fn top_p_agrees_with_a_full_sort_on_a_large_vocabulary() {
    let logits: Vec<f32> = (0..5000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32 / 1000.0).collect();
    let mut c = Candidates::default();
    c.fill(&logits);
    let (max, total) = (c.logit_max(), c.weight_sum());
    let mut sorted = logits.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let mut sum = 0.0;
    let expected = 1 + sorted
        .iter()
        .take_while(|x| {
            sum += candidates::weight(**x, max);
            sum < 0.9f32 as f64 * total
        })
        .count();
    top_p::apply(&mut c, 0.9);
    assert_eq!(c.as_slice().len(), expected);
}

#[test]
fn min_p_drops_the_unlikely() {
    let mut c = five();
    min_p::apply(&mut c, 0.2);
    check(&c, &[(0, 4.0 / 7.0), (1, 2.0 / 7.0), (2, 1.0 / 7.0)]);
    let mut c = five();
    min_p::apply(&mut c, 0.0);
    assert_eq!(c.as_slice().len(), 5);
}

#[test]
fn typical_prefers_the_expected_surprise() {
    // Entropy is 1.875 bits: 2 bits (0.25) is closest, then 1 bit (0.5), then 3 bits.
    for (p, ids) in [(0.2, &[1][..]), (0.5, &[0, 1]), (0.8, &[0, 1, 2]), (1.0, &[0, 1, 2, 3, 4])] {
        let mut c = five();
        typical::apply(&mut c, p);
        let got: Vec<u32> = distribution(&c).iter().map(|(id, _)| *id).collect();
        assert_eq!(got, ids, "p = {p}");
    }
}

#[test]
fn temperature_takes_powers_of_probabilities() {
    let mut c = five();
    temperature::apply(&mut c, 0.5);
    let sum: f64 = PROBABILITIES.iter().map(|p| p * p).sum();
    let expected: Vec<_> = (0..).zip(PROBABILITIES).map(|(id, p)| (id, p * p / sum)).collect();
    check(&c, &expected);
}

#[test]
fn logit_bias_shifts_and_bans() {
    let mut c = five();
    logit_bias::apply(&mut c, &[(TokenId(0), f32::NEG_INFINITY), (TokenId(4), 2f32.ln()), (TokenId(99), 1.0)]);
    check(&c, &[(0, 0.0), (1, 4.0 / 9.0), (2, 2.0 / 9.0), (3, 1.0 / 9.0), (4, 2.0 / 9.0)]);
}

#[test]
fn penalties_follow_their_formulas_and_forget() {
    let sampling = Sampling {
        repeat_penalty: 2.0,
        frequency_penalty: 0.5,
        presence_penalty: 0.25,
        repeat_last_n: 3,
        ..Sampling::default()
    };
    let mut penalties = Penalties::new(&sampling);
    [0, 1, 2, 1].into_iter().for_each(|id| penalties.accept(TokenId(id)));
    let mut c = Candidates::default();
    c.fill(&[1.0, 1.0, -1.0, 1.0]);
    penalties.apply(&mut c);
    let logits: Vec<f32> = c.as_slice().iter().map(|c| c.logit).collect();
    // 0 is forgotten; 1 occurs twice; 2 once, below zero; 3 never.
    assert_eq!(logits, [1.0, 0.5 - 1.0 - 0.25, -2.0 - 0.5 - 0.25, 1.0]);
}

#[test]
fn temperature_zero_is_greedy_after_penalties() {
    let mut sampler = Sampler::new(&Sampling { presence_penalty: 2.0, ..Sampling::greedy() }).unwrap();
    let logits = [1.0, 2.0, 1.5];
    assert_eq!(sampler.sample(&logits), TokenId(1));
    sampler.accept(TokenId(1));
    assert_eq!(sampler.sample(&logits), TokenId(2));
}

#[test]
fn draws_follow_the_distribution_and_the_seed() {
    let logits = PROBABILITIES.map(|p| p.ln() as f32);
    let sampling = Sampling { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 1, ..Sampling::default() };
    let draw = |seed, n: usize| {
        let mut sampler = Sampler::new(&Sampling { seed, ..sampling.clone() }).unwrap();
        (0..n).map(|_| sampler.sample(&logits).0).collect::<Vec<_>>()
    };
    assert_eq!(draw(1, 100), draw(1, 100));
    assert_ne!(draw(1, 100), draw(2, 100));
    let n = 40_000;
    let drawn = draw(3, n);
    for (id, p) in (0..).zip(PROBABILITIES) {
        let count = drawn.iter().filter(|d| **d == id).count() as f64;
        let (expected, deviation) = (p * n as f64, (p * (1.0 - p) * n as f64).sqrt());
        assert!((count - expected).abs() < 4.0 * deviation, "token {id}: {count} of {expected}");
    }
}

#[test]
fn parameters_out_of_range_are_named() {
    for (sampling, name) in [
        (Sampling { temperature: -1.0, ..Sampling::default() }, "temperature"),
        (Sampling { temperature: f32::NAN, ..Sampling::default() }, "temperature"),
        (Sampling { top_p: 1.5, ..Sampling::default() }, "top_p"),
        (Sampling { min_p: -0.1, ..Sampling::default() }, "min_p"),
        (Sampling { typical_p: 2.0, ..Sampling::default() }, "typical_p"),
        (Sampling { repeat_penalty: 0.0, ..Sampling::default() }, "repeat_penalty"),
        (Sampling { logit_bias: vec![(TokenId(0), f32::NAN)], ..Sampling::default() }, "logit_bias"),
    ] {
        let error = sampling.check().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
