use super::*;
use crate::isa::Isa;
use testkit::{Rng, assert_same_f32};

fn layout(kv_type: KvType) -> KvLayout {
    KvLayout { n_layers: 3, n_kv_heads: 2, key_dim: 64, value_dim: 32, kv_type }
}

/// Writes rows at scattered positions and reads them back on every level.
fn check(kv_type: KvType, error_max: f32) {
    let layout = layout(kv_type);
    let pages = [PageId(4), PageId(0), PageId(2)];
    let mut rng = Rng::new(11);
    let n_rows = 70;
    let k = rng.normals(n_rows * layout.n_kv_heads * layout.key_dim);
    let v = rng.normals(n_rows * layout.n_kv_heads * layout.value_dim);
    let mut first: Option<Vec<f32>> = None;
    for isa in Isa::available() {
        let level = Level::detect(isa).expect("available");
        let mut kv = KvPages::new(layout, 5).expect("small");
        let span = Span { row_first: 0, n_rows, position_first: 5, pages: &pages };
        kv.write(level, 1, &[span], &k, &v);
        let mut all = Vec::new();
        for row in 0..n_rows {
            let position = 5 + row;
            for head in 0..layout.n_kv_heads {
                let mut keys = vec![0.0; layout.key_dim * PAGE_LEN];
                let mut values = vec![0.0; layout.value_dim * PAGE_LEN];
                kv.read_keys(level, span.page(position), 1, head, &mut keys);
                kv.read_values(level, span.page(position), 1, head, &mut values);
                let slot = position % PAGE_LEN;
                let keys = (0..layout.key_dim).map(|d| keys[d * PAGE_LEN + slot]);
                let values = values[slot * layout.value_dim..][..layout.value_dim].iter().copied();
                let index = row * layout.n_kv_heads + head;
                let exact = k[index * layout.key_dim..][..layout.key_dim].iter();
                let exact = exact.chain(&v[index * layout.value_dim..][..layout.value_dim]);
                for (got, &exact) in keys.chain(values).zip(exact) {
                    assert!(
                        (got - exact).abs() <= error_max * exact.abs().max(1.0),
                        "{kv_type:?}: {got}, wrote {exact}"
                    );
                    all.push(got);
                }
            }
        }
        assert_same_f32(isa.name(), &all, first.get_or_insert_with(|| all.clone()));
        assert!(kv.block(PageId(1), 1, 0, false).iter().all(|&b| b == 0), "a page of another sequence was touched");
        assert!(kv.block(PageId(4), 0, 0, false).iter().all(|&b| b == 0), "another layer was touched");
    }
}

#[test]
fn what_is_written_is_read() {
    check(KvType::F32, 0.0);
    check(KvType::F16, 1.0 / 2048.0);
    check(KvType::Q8_0, 0.02);
}

#[test]
fn q8_0_keeps_extremes_in_range() {
    for x in [[1e4; 32], [-1e4; 32], [1e-7; 32], [0.0; 32], [6e-8; 32]] {
        let mut block = vec![0; 34 * PAGE_LEN];
        block::write(Level::detect(Isa::Scalar).expect("always"), KvType::Q8_0, Side::Values, 0, &x, &mut block);
        let mut out = vec![0.0; 32 * PAGE_LEN];
        block::read(Level::detect(Isa::Scalar).expect("always"), KvType::Q8_0, Side::Values, &block, 32, &mut out);
        assert!((out[0] - x[0]).abs() <= (x[0].abs() * 0.01).max(1e-5), "{} for {}", out[0], x[0]);
    }
}

#[test]
fn sizes_are_stated_and_bounded() {
    let bytes = |kv_type| KvPages::bytes_of(layout(kv_type), 10).expect("small");
    assert_eq!(bytes(KvType::F32), 10 * 3 * 2 * (64 + 32) * 32 * 4);
    assert_eq!(bytes(KvType::F16), bytes(KvType::F32) / 2);
    assert_eq!(bytes(KvType::Q8_0), bytes(KvType::F32) / 128 * 34);
    assert_eq!(KvPages::bytes_of(layout(KvType::F32), usize::MAX), None);
    let error = KvPages::new(layout(KvType::F32), usize::MAX / 100_000).err().expect("too large");
    assert!(error.contains("bytes"), "{error}");
    let odd = KvLayout { key_dim: 40, ..layout(KvType::Q8_0) };
    let error = KvPages::new(odd, 1).err().expect("40 is no multiple of 32");
    assert!(error.contains("40") && error.contains("32"), "{error}");
}
