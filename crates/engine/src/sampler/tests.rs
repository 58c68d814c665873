//! Each step against a small exact distribution; the draw against the distribution it is given; the order of the chain.

use super::*;

/// Returns the probabilities `[V]` that a chain with `sampling` gives to the next token after `history`, from what is
/// left when it draws.
fn distribution(sampling: &Sampling, logits: &[f32], history: &[u32]) -> Vec<f64> {
    let mut sampler = Sampler::new(sampling, logits.len(), 1000).unwrap();
    history.iter().for_each(|&id| sampler.accept(TokenId(id)));
    let chosen = sampler.sample(logits).unwrap();
    let mut probabilities = vec![0.0; logits.len()];
    if sampling.temperature == 0.0 {
        probabilities[chosen.0 as usize] = 1.0;
        return probabilities;
    }
    let max = sampler.candidates.max();
    let total = sampler.candidates.total_weight(max);
    for candidate in sampler.candidates.as_slice() {
        probabilities[candidate.id.0 as usize] = candidate.weight(max) / total;
    }
    probabilities
}

/// Largest error of a probability: f32 logits carry about seven digits.
const TOLERANCE: f64 = 1e-6;

/// Checks that the chain draws from `expected` where a model gives `probabilities` to tokens 0, 1, ….
fn check(sampling: &Sampling, probabilities: &[f64], history: &[u32], expected: &[f64]) {
    // Any constant may be added to logits.
    let logits: Vec<f32> = probabilities.iter().map(|p| (p.ln() + 3.0) as f32).collect();
    let got = distribution(sampling, &logits, history);
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!(
            (g - e).abs() < TOLERANCE,
            "token {i}: got {g}, expected {e}\n{sampling:?}\ngot      {got:?}\nexpected {expected:?}"
        );
    }
}

fn unchanged() -> Sampling {
    Sampling::unchanged()
}

const HALVES: [f64; 5] = [0.0625, 0.5, 0.0625, 0.25, 0.125];

#[test]
fn nothing_asked_nothing_changed() {
    check(&unchanged(), &HALVES, &[1, 1, 3], &HALVES);
}

#[test]
fn top_k_keeps_the_likeliest() {
    let top_k = |k| Sampling { top_k: k, ..unchanged() };
    check(&top_k(1), &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    check(&top_k(2), &HALVES, &[], &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]);
    // Of equals the lower id stays.
    check(&top_k(4), &HALVES, &[], &[1.0 / 15.0, 8.0 / 15.0, 0.0, 4.0 / 15.0, 2.0 / 15.0]);
    check(&top_k(5), &HALVES, &[], &HALVES);
    check(&top_k(100), &HALVES, &[], &HALVES);
}

#[test]
fn top_p_keeps_the_token_that_reaches_p() {
    let top_p = |p| Sampling { top_p: p, ..unchanged() };
    check(&top_p(0.0), &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    check(&top_p(0.49), &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    check(&top_p(0.51), &HALVES, &[], &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]);
    check(&top_p(0.8), &HALVES, &[], &[0.0, 4.0 / 7.0, 0.0, 2.0 / 7.0, 1.0 / 7.0]);
    check(&top_p(1.0), &HALVES, &[], &HALVES);
    // Sums that are exact: the token that just reaches p is the last, and of equals the lower ids come first.
    check(&top_p(0.5), &[0.5, 0.5], &[], &[1.0, 0.0]);
    check(&top_p(0.25), &[0.25; 4], &[], &[1.0, 0.0, 0.0, 0.0]);
    check(&top_p(0.5), &[0.25; 4], &[], &[0.5, 0.5, 0.0, 0.0]);
    check(&top_p(0.75), &[0.25; 4], &[], &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0]);
}

#[test]
fn min_p_keeps_what_is_not_much_less_likely_than_the_best() {
    let min_p = |p| Sampling { min_p: p, ..unchanged() };
    check(&min_p(0.6), &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    check(&min_p(0.3), &HALVES, &[], &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]);
    check(&min_p(0.1), &HALVES, &[], &HALVES);
    check(&min_p(1.0), &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
}

#[test]
fn typical_prefers_surprise_near_the_entropy() {
    let typical = |p| Sampling { typical_p: p, ..unchanged() };
    // Entropy of HALVES: 0.5·1 + 0.25·2 + 0.125·3 + 2·0.0625·4 = 1.875 bits; distances by token: 2.125, 0.875, 2.125,
    // 0.125, 1.125.
    check(&typical(0.2), &HALVES, &[], &[0.0, 0.0, 0.0, 1.0, 0.0]);
    check(&typical(0.7), &HALVES, &[], &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]);
    check(&typical(0.8), &HALVES, &[], &[0.0, 4.0 / 7.0, 0.0, 2.0 / 7.0, 1.0 / 7.0]);
    check(&typical(1.0), &HALVES, &[], &HALVES);
    // Sums that are exact: here the last is the one that passes p, as in llama.cpp.
    check(&typical(0.25), &[0.25; 4], &[], &[0.5, 0.5, 0.0, 0.0]);
    check(&typical(0.5), &[0.25; 4], &[], &[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0]);
}

#[test]
fn temperature_divides_the_logits() {
    let temperature = |t| Sampling { temperature: t, ..unchanged() };
    // p^(1/2) of 1/2, 1/8, 3/8
    let roots = [0.5f64.sqrt(), 0.125f64.sqrt(), 0.375f64.sqrt()];
    let sum: f64 = roots.iter().sum();
    check(&temperature(2.0), &[0.5, 0.125, 0.375], &[], &roots.map(|r| r / sum));
    // p² of the same: 16, 1, 9 of 26
    check(&temperature(0.5), &[0.5, 0.125, 0.375], &[], &[16.0 / 26.0, 1.0 / 26.0, 9.0 / 26.0]);
    check(&temperature(1e-40), &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    check(&temperature(0.0), &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    // Greedy: of equals the first.
    check(&temperature(0.0), &[0.1, 0.45, 0.45], &[], &[0.0, 1.0, 0.0]);
}

#[test]
fn logit_bias_is_added_and_forbids() {
    let bias = |bias: &[(u32, f32)]| Sampling {
        logit_bias: bias.iter().map(|&(id, b)| (TokenId(id), b)).collect(),
        ..unchanged()
    };
    check(&bias(&[(0, 2f32.ln()), (1, 0.5f32.ln())]), &[0.25, 0.5, 0.25], &[], &[0.5, 0.25, 0.25]);
    check(&bias(&[(1, f32::NEG_INFINITY)]), &[0.25, 0.5, 0.25], &[], &[0.5, 0.0, 0.5]);
    let greedy = Sampling { temperature: 0.0, ..bias(&[(1, f32::NEG_INFINITY)]) };
    check(&greedy, &[0.25, 0.5, 0.25], &[], &[1.0, 0.0, 0.0]);
    // The bias comes before top_k.
    check(&Sampling { top_k: 1, ..bias(&[(2, 100.0)]) }, &[0.25, 0.5, 0.25], &[], &[0.0, 0.0, 1.0]);
}

/// Checks the logits after penalties: the repeat penalty depends on where 0 is, so these are no probabilities.
fn check_penalties(sampling: &Sampling, logits: &[f32], history: &[u32], expected_logits: &[f32]) {
    let got = distribution(sampling, logits, history);
    let expected = testkit::log_softmax(expected_logits);
    for (i, (g, e)) in got.iter().zip(&expected).enumerate() {
        assert!(
            (g - e.exp()).abs() < TOLERANCE,
            "token {i}: got {g}, expected {}: {sampling:?} after {history:?}",
            e.exp()
        );
    }
}

#[test]
fn penalties_push_down_what_occurred_in_the_window() {
    let logits = [2.0, -1.0, 0.5, 1.0];
    let repeat = Sampling { repeat_penalty: 2.0, ..unchanged() };
    check_penalties(&repeat, &logits, &[], &logits);
    check_penalties(&repeat, &logits, &[0, 1, 0], &[1.0, -2.0, 0.5, 1.0]);
    let presence = Sampling { presence_penalty: 0.5, ..unchanged() };
    check_penalties(&presence, &logits, &[0, 3, 0], &[1.5, -1.0, 0.5, 0.5]);
    let frequency = Sampling { frequency_penalty: 0.25, ..unchanged() };
    check_penalties(&frequency, &logits, &[0, 3, 0], &[1.5, -1.0, 0.5, 0.75]);
    // Repeat first, then the two that subtract.
    let all = Sampling { repeat_penalty: 2.0, presence_penalty: 0.5, frequency_penalty: 0.25, ..unchanged() };
    check_penalties(&all, &logits, &[0, 0], &[0.0, -1.0, 0.5, 1.0]);
    // Only the last two count.
    check_penalties(&Sampling { repeat_last_n: 2, ..repeat.clone() }, &logits, &[0, 3, 3], &[2.0, -1.0, 0.5, 0.5]);
    check_penalties(&Sampling { repeat_last_n: 2, ..frequency }, &logits, &[3, 3, 3, 0], &[1.75, -1.0, 0.5, 0.75]);
    check_penalties(&Sampling { repeat_last_n: 0, ..repeat.clone() }, &logits, &[0, 1, 2, 3], &logits);
    let all = [vec![0], vec![3; 900]].concat();
    check_penalties(&Sampling { repeat_last_n: usize::MAX, ..repeat }, &logits, &all, &[1.0, -1.0, 0.5, 0.5]);
    let greedy = Sampling { presence_penalty: 2.0, ..Sampling::greedy() };
    assert_eq!(distribution(&greedy, &[1.0, 2.0, 1.5], &[]), [0.0, 1.0, 0.0]);
    assert_eq!(distribution(&greedy, &[1.0, 2.0, 1.5], &[1]), [0.0, 0.0, 1.0]);
}

#[test]
fn the_order_is_that_of_llama_cpp() {
    // top_k before top_p: of the two that stay, the first has 2/3, which reaches 0.6. The other way round both would
    // stay.
    check(&Sampling { top_k: 2, top_p: 0.6, ..unchanged() }, &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    // Truncation before temperature: at temperature 10 the first would not reach 0.49.
    check(&Sampling { top_p: 0.49, temperature: 10.0, ..unchanged() }, &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    check(&Sampling { min_p: 0.6, temperature: 10.0, ..unchanged() }, &HALVES, &[], &[0.0, 1.0, 0.0, 0.0, 0.0]);
    // typical before min_p: it keeps only token 3, which min_p then measures against itself.
    check(&Sampling { typical_p: 0.2, min_p: 0.9, ..unchanged() }, &HALVES, &[], &[0.0, 0.0, 0.0, 1.0, 0.0]);
    // Penalties before top_k: logits 3 + ln p, the first divided by 10.
    check(&Sampling { repeat_penalty: 10.0, top_k: 1, ..unchanged() }, &HALVES, &[1], &[0.0, 0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn a_request_may_have_another_order() {
    use SamplerKind::{MinP, Penalties, Temperature, TopK, TopP};
    let chain = |chain: &[SamplerKind]| chain.to_vec().into();
    // top_p before top_k: what reaches 0.6 of all are two, and both stay.
    let both = Sampling { top_k: 2, top_p: 0.6, chain: chain(&[TopP, TopK]), ..unchanged() };
    check(&both, &HALVES, &[], &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0]);
    // Temperature before top_p: flattened, the first is much less than 0.49, and so are the first two.
    let flat = Sampling { top_p: 0.49, temperature: 100.0, chain: chain(&[Temperature, TopP]), ..unchanged() };
    let flattened = [0.0, 0.5, 0.0, 0.25, 0.125].map(|p: f64| p.powf(0.01));
    let sum: f64 = flattened.iter().sum();
    check(&flat, &HALVES, &[], &flattened.map(|p| p / sum));
    // Twice is twice.
    let twice = Sampling { temperature: 0.5, chain: chain(&[Temperature, Temperature]), ..unchanged() };
    let fourth: Vec<f64> = HALVES.iter().map(|p| p.powi(4)).collect();
    let sum: f64 = fourth.iter().sum();
    check(&twice, &HALVES, &[], &fourth.iter().map(|p| p / sum).collect::<Vec<_>>());
    // Penalties behind top_k: the best is kept, and penalised where it stands. Logits are 3 + ln p.
    let late = Sampling { repeat_penalty: 10.0, top_k: 2, chain: chain(&[TopK, Penalties]), ..unchanged() };
    let (first, second) = (((3.0 + 0.5f64.ln()) / 10.0).exp(), (3.0 + 0.25f64.ln()).exp());
    check(&late, &HALVES, &[1], &[0.0, first / (first + second), 0.0, second / (first + second), 0.0]);
    let first_k = Sampling { chain: chain(&[Penalties, TopK]), top_k: 1, repeat_penalty: 10.0, ..unchanged() };
    check(&first_k, &HALVES, &[1], &[0.0, 0.0, 0.0, 1.0, 0.0]);
    // What is not in the chain is off.
    let none = Sampling { top_k: 1, min_p: 0.9, repeat_penalty: 10.0, chain: chain(&[]), ..unchanged() };
    check(&none, &HALVES, &[1], &HALVES);
    check(
        &Sampling { min_p: 0.3, chain: chain(&[MinP]), ..none },
        &HALVES,
        &[1],
        &[0.0, 2.0 / 3.0, 0.0, 1.0 / 3.0, 0.0],
    );
    // Only where top_k comes first are other logits not needed.
    let n_best = |sampling: &Sampling| Sampler::new(sampling, 1000, 10).unwrap().n_best();
    assert_eq!(n_best(&Sampling { top_k: 40, ..Sampling::default() }), Some(40));
    assert_eq!(n_best(&Sampling { chain: chain(&[TopP, TopK]), ..Sampling::default() }), None);
    assert_eq!(n_best(&Sampling { chain: chain(&[]), ..Sampling::default() }), None);
    assert_eq!(n_best(&Sampling::greedy()), Some(1));
}

/// Every step that selects is compared with sorting everything, on a vocabulary too large for its first sorted prefix.
#[test]
fn partial_selection_equals_sorting_the_vocabulary() {
    let mut rng = testkit::Rng::new(11);
    for round in 0..20 {
        // Rounded, so that there are ties.
        let logits: Vec<f32> = rng.normals(2000).iter().map(|x| (x * 8.0).round() / 8.0).collect();
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
        let p = testkit::log_softmax(&logits);
        let kept = |sampling: &Sampling| -> Vec<usize> {
            let got = distribution(sampling, &logits, &[]);
            (0..got.len()).filter(|&i| got[i] > 0.0).collect()
        };
        let first = |order: &[usize], n: usize| {
            let mut ids = order[..n].to_vec();
            ids.sort_unstable();
            ids
        };
        for k in [1, 2, 63, 64, 65, 700, 1999] {
            assert_eq!(kept(&Sampling { top_k: k, ..unchanged() }), first(&order, k), "round {round}: top_k {k}");
        }
        let reach = |order: &[usize], target: f64| {
            let mut sum = 0.0;
            order
                .iter()
                .position(|&i| {
                    sum += p[i].exp();
                    sum >= target
                })
                .map_or(order.len(), |n| n + 1)
        };
        let entropy: f64 = -p.iter().map(|x| x.exp() * x).sum::<f64>();
        let mut typical = order.clone();
        typical.sort_by(|&a, &b| (p[a] + entropy).abs().total_cmp(&(p[b] + entropy).abs()));
        for target in [0.013, 0.31, 0.77, 0.93] {
            assert_eq!(
                kept(&Sampling { top_p: target as f32, ..unchanged() }),
                first(&order, reach(&order, target)),
                "round {round}: top_p {target}"
            );
            // Ties in distance may be broken either way: compare what is kept by its distance.
            let distances = |ids: &[usize]| {
                let mut d: Vec<f64> = ids.iter().map(|&i| (p[i] + entropy).abs()).collect();
                d.sort_by(f64::total_cmp);
                d
            };
            let got = distances(&kept(&Sampling { typical_p: target as f32, ..unchanged() }));
            let expected = distances(&first(&typical, reach(&typical, target)));
            assert!(
                got.len().abs_diff(expected.len()) <= 1,
                "round {round}: typical {target}: {} {}",
                got.len(),
                expected.len()
            );
            let n = got.len().min(expected.len());
            assert!(
                got[..n].iter().zip(&expected).all(|(g, e)| (g - e).abs() < 1e-5),
                "round {round}: typical {target}"
            );
        }
    }
}

/// Returns χ² of `n` draws with one seed against `expected`.
fn chi_squared(sampling: &Sampling, logits: &[f32], expected: &[f64], n: usize) -> f64 {
    let mut sampler = Sampler::new(sampling, logits.len(), 1000).unwrap();
    let mut counts = vec![0usize; logits.len()];
    for _ in 0..n {
        counts[sampler.sample(logits).unwrap().0 as usize] += 1;
    }
    let terms = counts.iter().zip(expected).map(|(&count, &p)| {
        assert!(p > 0.0 || count == 0, "an impossible token was drawn");
        if p > 0.0 { (count as f64 - p * n as f64).powi(2) / (p * n as f64) } else { 0.0 }
    });
    terms.sum()
}

#[test]
fn draws_follow_the_distribution() {
    let logits: Vec<f32> = HALVES.iter().map(|p| p.ln() as f32).collect();
    for seed in 0..20 {
        // Four degrees of freedom: above 27 with probability 2e-5.
        let chi = chi_squared(&Sampling { seed, ..unchanged() }, &logits, &HALVES, 20_000);
        assert!(chi < 27.0, "seed {seed}: χ² = {chi}");
        let kept = [0.0, 4.0 / 7.0, 0.0, 2.0 / 7.0, 1.0 / 7.0];
        let chi = chi_squared(&Sampling { seed, top_p: 0.8, ..unchanged() }, &logits, &kept, 20_000);
        assert!(chi < 27.0, "seed {seed}, top_p: χ² = {chi}");
    }
}

#[test]
fn a_seed_is_a_stream() {
    let logits = testkit::Rng::new(3).normals(100);
    let draws = |seed| -> Vec<u32> {
        let mut sampler = Sampler::new(&Sampling { seed, ..Sampling::default() }, 100, 1000).unwrap();
        (0..50).map(|_| sampler.sample(&logits).unwrap().0).collect()
    };
    assert_eq!(draws(42), draws(42));
    assert_ne!(draws(42), draws(43));
}

#[test]
fn parameters_out_of_range_are_named() {
    let refused =
        |sampling: Sampling| Sampler::new(&sampling, 10, 100).err().map(|e| e.to_string()).unwrap_or_default();
    let d = Sampling::default;
    assert_eq!(refused(Sampling { temperature: -1.0, ..d() }), "temperature -1, expected 0 to 100");
    assert_eq!(refused(Sampling { temperature: f32::NAN, ..d() }), "temperature NaN, expected 0 to 100");
    assert_eq!(refused(Sampling { top_p: 1.5, ..d() }), "top_p 1.5, expected 0 to 1");
    assert_eq!(refused(Sampling { min_p: -0.5, ..d() }), "min_p -0.5, expected 0 to 1");
    assert_eq!(refused(Sampling { typical_p: 2.0, ..d() }), "typical_p 2, expected 0 to 1");
    assert_eq!(refused(Sampling { repeat_penalty: 0.0, ..d() }), "repeat_penalty 0, expected 0.01 to 100");
    assert_eq!(refused(Sampling { frequency_penalty: 3.0, ..d() }), "frequency_penalty 3, expected -2 to 2");
    assert_eq!(refused(Sampling { presence_penalty: f32::INFINITY, ..d() }), "presence_penalty inf, expected -2 to 2");
    let bias = |bias| Sampling { logit_bias: bias, ..d() };
    assert_eq!(refused(bias(vec![(TokenId(0), f32::NAN)])), "logit_bias NaN, expected a number or -inf");
    assert_eq!(refused(bias(vec![(TokenId(10), 1.0)])), "logit_bias of token id 10: the vocabulary has 10");
    let chain = vec![SamplerKind::TopK; 33].into();
    assert_eq!(refused(Sampling { chain, ..d() }), "chain with 33 samplers, expected at most 32");
    assert_eq!(refused(bias(vec![(TokenId(1), 0.0); 4097])), "logit_bias with 4097 entries, expected at most 4096");
}

#[test]
fn nothing_is_picked_where_everything_is_banned() {
    for sampling in [Sampling::greedy(), Sampling::default(), unchanged()] {
        let logit_bias = (0..3).map(|id| (TokenId(id), f32::NEG_INFINITY)).collect();
        let mut sampler = Sampler::new(&Sampling { logit_bias, ..sampling }, 3, 100).unwrap();
        assert_eq!(sampler.sample(&[0.0; 3]), None);
    }
}

#[test]
fn finite_logits_are_enough_however_large() {
    for sampling in [Sampling::greedy(), Sampling::default(), Sampling { typical_p: 0.5, ..unchanged() }] {
        let mut sampler = Sampler::new(&sampling, 3, 100).unwrap();
        assert_eq!(sampler.sample(&[f32::MIN, f32::MAX, 0.0]), Some(TokenId(1)), "{sampling:?}");
    }
}
