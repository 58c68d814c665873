use super::*;
use crate::isa::Isa;
use quant::ternarise::Mode;
use testkit::{Rng, assert_same_f32, nmse};

const HEADS: KvHeads = KvHeads { n_kv_heads: 2, key_dim: 64, value_dim: 32, are_values_in_keys: false };

fn layout(types: impl Into<KvTypes>) -> KvLayout {
    layout_of(HEADS, types)
}

/// Three layers, of which the one that is written has `heads`: the others are of other widths.
fn layout_of(heads: KvHeads, types: impl Into<KvTypes>) -> KvLayout {
    let first = KvHeads { n_kv_heads: 1, key_dim: 32, value_dim: 96, are_values_in_keys: false };
    let last = KvHeads { n_kv_heads: 3, key_dim: 96, value_dim: 64, are_values_in_keys: true };
    KvLayout { layers: vec![first, heads, last], types: types.into() }
}

fn scalar() -> Level {
    Level::detect(Isa::Scalar).expect("always")
}

/// The span that every test writes.
const PAGES: [PageId; 3] = [PageId(4), PageId(0), PageId(2)];
const N_ROWS: usize = 70;
const SPAN: Span<'_> = Span { row_first: 0, n_rows: N_ROWS, position_first: 5, pages: &PAGES };

/// What the cache holds of the rows of [`SPAN`]: `[T, G, Dk]` and `[T, G, Dv]`.
fn read_back(kv: &KvPages, level: Level) -> [Vec<f32>; 2] {
    let KvHeads { n_kv_heads, key_dim, value_dim, .. } = kv.heads(1);
    let (mut all_keys, mut all_values) = (Vec::new(), Vec::new());
    for position in SPAN.position_first..SPAN.position_first + N_ROWS {
        for head in 0..n_kv_heads {
            let (mut keys, mut values) = (vec![0.0; key_dim * PAGE_LEN], vec![0.0; value_dim * PAGE_LEN]);
            kv.read_keys(level, SPAN.page(position), 1, head, &mut keys);
            kv.read_values(level, (SPAN.page(position), 1, head), &keys, &mut values);
            let slot = position % PAGE_LEN;
            all_keys.extend((0..key_dim).map(|d| keys[d * PAGE_LEN + slot]));
            all_values.extend_from_slice(&values[slot * value_dim..][..value_dim]);
        }
    }
    [all_keys, all_values]
}

/// Writes rows at scattered positions and reads them back on every level.
fn check(layout: &KvLayout, error_max: f64) {
    let mut rng = Rng::new(11);
    let heads = layout.layers[1];
    let mut exact = [heads.key_dim, heads.value_dim].map(|dim| rng.normals(N_ROWS * heads.n_kv_heads * dim));
    if heads.are_values_in_keys {
        exact[1] = exact[0].chunks(heads.key_dim).flat_map(|key| key[..heads.value_dim].to_vec()).collect();
    }
    let mut first: Option<[Vec<f32>; 2]> = None;
    for level in Isa::available().filter_map(Level::detect) {
        let mut kv = KvPages::new(layout.clone(), 5).expect("small");
        // A page may have held something else before.
        let other = [&exact[0], &exact[1]].map(|x| x.iter().map(|x| 3.0 - x).collect::<Vec<_>>());
        kv.write(level, 1, &[SPAN], &other[0], &other[1]);
        kv.write(level, 1, &[SPAN], &exact[0], &exact[1]);
        let got = read_back(&kv, level);
        let first = first.get_or_insert_with(|| got.clone());
        for (i, side) in [Side::Keys, Side::Values].into_iter().enumerate() {
            let dim = heads.dim(side);
            let what = format!("{:?} on {:?}", layout.types, level.isa());
            assert_same_f32(&what, &got[i], &first[i]);
            let mut got = got[i].clone();
            if layout.types.is_rotated {
                hadamard::rotate(level, heads.rotated_dim(side), &mut got);
            }
            let error = nmse(&got, &exact[i]);
            assert!(error <= error_max, "{what}, heads of {dim}: NMSE {error:e}");
        }
        let is_zero = |bytes: &[u8]| bytes.iter().all(|&b| b == 0);
        assert!(is_zero(kv.block(PageId(1), 1, 0, Side::Keys)), "a page of another sequence was touched");
        assert!(is_zero(kv.block(PageId(4), 0, 0, Side::Values)), "the layer before was touched");
        assert!(is_zero(kv.block(PageId(4), 2, 0, Side::Keys)), "the layer behind was touched");
    }
}

/// Most normalised error of normal rows: what codes of 4 or 2 bits can do for them, a little rounded up.
fn error_max(kv_type: KvType) -> f64 {
    use quant::ternarise::Mode;
    match kv_type {
        KvType::F32 => 1e-13,
        KvType::F16 => 1e-7,
        KvType::Q8_0 => 1e-4,
        KvType::Q4_0 => 0.01,
        KvType::T2(Mode::LeastSquares | Mode::Rms) => 0.21,
        KvType::T2(Mode::AbsMean) => 0.28,
        KvType::T2(Mode::Max) => 0.7,
    }
}

#[test]
fn what_is_written_is_read() {
    for kv_type in KvType::ALL {
        let rotated = KvTypes { is_rotated: true, ..kv_type.into() };
        check(&layout(kv_type), error_max(kv_type));
        check(&layout(rotated), error_max(kv_type));
        check(&layout(KvTypes { keys: kv_type, values: KvType::F16, is_rotated: false }), error_max(kv_type).max(1e-7));
        check(&layout(KvTypes { keys: KvType::F32, values: kv_type, is_rotated: true }), error_max(kv_type));
        let within = KvHeads { n_kv_heads: 1, key_dim: 96, value_dim: 48, are_values_in_keys: true };
        for types in [kv_type.into(), rotated] {
            check(&layout_of(within, types), error_max(kv_type));
        }
        if !matches!(kv_type, KvType::Q8_0 | KvType::Q4_0) {
            check(&layout_of(KvHeads { key_dim: 7, value_dim: 10, ..HEADS }, kv_type), error_max(kv_type));
        }
    }
}

#[test]
fn types_have_names_of_their_own() {
    let mut names = KvType::ALL.map(KvType::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KvType::ALL.len(), "{names:?}");
}

#[test]
fn ternary_rows_are_what_quant_says() {
    use quant::ternarise::{Mode, ternarise};
    let mut rng = Rng::new(3);
    let rows = [rng.normals(N_ROWS * 2 * 64), rng.normals(N_ROWS * 2 * 32)];
    for mode in Mode::ALL {
        let mut kv = KvPages::new(layout(KvType::T2(mode)), 5).expect("small");
        kv.write(scalar(), 1, &[SPAN], &rows[0], &rows[1]);
        for ((got, x), dim) in read_back(&kv, scalar()).iter().zip(&rows).zip([64, 32]) {
            let mut expected = Vec::new();
            for x in x.chunks(dim) {
                let mut codes = vec![0; dim];
                let scale = half::f16::from_f32(ternarise(mode, x, &mut codes, &mut Vec::new())).to_f32();
                expected.extend(codes.iter().map(|&code| f32::from(code) * scale));
            }
            assert_same_f32(mode.name(), got, &expected);
        }
    }
}

#[test]
fn a_broken_row_is_no_number_in_any_type() {
    for kv_type in KvType::ALL {
        for is_rotated in [false, true] {
            let layout = layout(KvTypes { is_rotated, ..kv_type.into() });
            for level in Isa::available().filter_map(Level::detect) {
                let mut kv = KvPages::new(layout.clone(), 5).expect("small");
                // As `model` marks a broken row.
                let [k, v] = [HEADS.key_dim, HEADS.value_dim].map(|dim| vec![f32::INFINITY; N_ROWS * 2 * dim]);
                kv.write(level, 1, &[SPAN], &k, &v);
                for x in read_back(&kv, level).concat() {
                    assert!(!x.is_finite(), "{:?} on {:?} reads {x}", layout.types, level.isa());
                }
            }
        }
    }
}

#[test]
fn extremes_stay_in_range() {
    for kv_type in [KvType::Q8_0, KvType::Q4_0, KvType::T2(Mode::LeastSquares)] {
        for x in [1e4f32, -1e4, 1e-7, 0.0, 6e-8, 60000.0] {
            let mut kv = KvPages::new(layout(kv_type), 5).expect("small");
            kv.write(scalar(), 1, &[SPAN], &vec![x; N_ROWS * 2 * 64], &vec![x; N_ROWS * 2 * 32]);
            for got in read_back(&kv, scalar()).concat() {
                assert!((got - x).abs() <= (x.abs() * 0.01).max(1e-5), "{kv_type:?}: {got} for {x}");
            }
        }
        let mut kv = KvPages::new(layout(kv_type), 5).expect("small");
        kv.write(scalar(), 1, &[SPAN], &vec![1e6; N_ROWS * 2 * 64], &vec![-1e6; N_ROWS * 2 * 32]);
        let all = read_back(&kv, scalar()).concat();
        assert!(all.iter().all(|x| x.is_finite() && x.abs() > 6e4), "{kv_type:?} at the end of its range");
    }
}

#[test]
fn sizes_are_stated_and_bounded() {
    let layout = |types| KvLayout { layers: vec![HEADS; 3], types };
    let bytes = |types: KvTypes| KvPages::bytes_of(&layout(types), 10).expect("small");
    let f32 = bytes(KvType::F32.into());
    assert_eq!(f32, 10 * 3 * 2 * (64 + 32) * 32 * 4);
    assert_eq!(bytes(KvType::F16.into()), f32 / 2);
    assert_eq!(bytes(KvType::Q8_0.into()), f32 / 128 * 34);
    assert_eq!(bytes(KvType::Q4_0.into()), f32 / 128 * 18);
    let t2 = KvType::T2(Mode::LeastSquares);
    assert_eq!(bytes(t2.into()), 10 * 3 * 2 * (16 + 2 + 8 + 2) * 32);
    assert_eq!(bytes(KvTypes { values: t2, ..KvType::F16.into() }), 10 * 3 * 2 * (128 + 8 + 2) * 32);
    assert_eq!(layout(t2.into()).position_bytes(), Some(3 * 2 * (16 + 2 + 8 + 2)));
    let mixed = layout_of(HEADS, KvTypes { values: t2, ..KvType::F16.into() });
    let expected = (2 * 32 + 24 + 2) + 2 * (2 * 64 + 8 + 2) + 3 * 2 * 96;
    assert_eq!(mixed.position_bytes(), Some(expected), "heads of each layer, values within keys once");
    assert_eq!(KvPages::bytes_of(&mixed, 10), Some(10 * 32 * expected));
    assert_eq!(KvPages::bytes_of(&layout(KvType::F32.into()), usize::MAX), None);
    let error = KvPages::new(layout(KvType::F32.into()), usize::MAX / 100_000).err().expect("too large").to_string();
    assert!(error.contains("bytes"), "{error}");
    for kv_type in [KvType::Q8_0, KvType::Q4_0] {
        let types = KvTypes { keys: kv_type, ..KvType::F16.into() };
        let odd = KvLayout { layers: vec![HEADS, KvHeads { key_dim: 40, ..HEADS }], types };
        let error = KvPages::new(odd, 1).err().expect("40 is no multiple of 32").to_string();
        let expected = format!("key heads of 40 elements, but a {} cache needs a multiple of 32", kv_type.name());
        assert_eq!(error, expected);
    }
}
