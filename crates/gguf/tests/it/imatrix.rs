//! Importance matrices: what is written is read, and what no tool could have collected is refused.

use std::collections::BTreeMap;

use gguf::{Container, Importance, ImportanceMatrix, TypeId, Value};
use proptest::prelude::*;

fn sample() -> ImportanceMatrix {
    let tensors = BTreeMap::from([
        ("blk.0.attn_q.weight".to_owned(), Importance::new(vec![2.0, 4.0, 0.0], vec![4.0]).unwrap()),
        ("blk.0.ffn_up_exps.weight".to_owned(), Importance::new(vec![1.0, 3.0, 0.0, 0.0], vec![2.0, 0.0]).unwrap()),
    ]);
    ImportanceMatrix { datasets: vec!["a.txt".to_owned()], chunk_count: 3, chunk_size: 512, tensors }
}

fn bytes(matrix: &ImportanceMatrix) -> Vec<u8> {
    let mut bytes = Vec::new();
    matrix.write(&mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_written_is_read() {
    let matrix = sample();
    let container = Container::from_bytes("i.gguf", bytes(&matrix)).unwrap();
    assert_eq!(container.metadata().get("imatrix.chunk_count"), Some(&Value::U32(3)));
    let sums = container.tensor("blk.0.ffn_up_exps.weight.in_sum2").unwrap();
    assert_eq!((sums.dims.as_slice(), sums.type_id), ([2, 2].as_slice(), TypeId(0)));
    assert_eq!(container.tensor("blk.0.ffn_up_exps.weight.counts").unwrap().dims, [1, 2]);
    let read = ImportanceMatrix::read(&container).unwrap();
    assert_eq!(read, matrix);
    let experts = &read.tensors["blk.0.ffn_up_exps.weight"];
    assert_eq!((experts.n_matrices(), experts.n_cols()), (2, 2));
    assert_eq!(
        (experts.mean_squares(0), experts.mean_squares(1), experts.mean_squares(2)),
        (Some(vec![0.5, 1.5]), None, None)
    );
}

#[test]
fn numbers_that_are_none_are_refused() {
    let check = |sums: &[f32], counts: &[f32], word: &str| {
        let error = Importance::new(sums.to_vec(), counts.to_vec()).unwrap_err();
        assert!(error.contains(word), "{error}");
    };
    check(&[1.0, f32::NAN], &[1.0], "sum 1 is NaN");
    check(&[1.0, f32::INFINITY], &[1.0], "sum 1 is inf");
    check(&[-1.0, 1.0], &[1.0], "sum 0 is -1");
    check(&[1.0], &[0.0], "counts are 0");
    check(&[1.0], &[-1.0], "count 0 is -1");
    check(&[1.0], &[f32::NAN], "count 0 is NaN");
    check(&[1.0, 1.0], &[1.0, 0.0], "matrix 1");
    check(&[1.0, 1.0, 1.0], &[1.0, 1.0], "3 sums for 2");
    check(&[], &[1.0], "0 sums");
    check(&[1.0], &[], "0 matrices");
}

#[test]
fn files_that_are_none_are_refused() {
    let whole = bytes(&sample());
    // Names and values are replaced in place by others of the same length.
    let check = |from: &[u8], to: &[u8], word: &str| {
        let mut bytes = whole.clone();
        let at = bytes.windows(from.len()).rposition(|w| w == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        let container = Container::from_bytes("i.gguf", bytes).unwrap();
        let error = ImportanceMatrix::read(&container).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("i.gguf"), "{error}");
    };
    check(b"imatrix\x10", b"imatriy\x10", "imatriy");
    check(b"exps.weight.counts", b"exps.weight.countz", "there is no");
    check(b"exps.weight.in_sum2", b"exps.weight.in_sumz", "in_sum2");
    check(b"imatrix.chunk_size", b"imatrix.chunk_sizz", "chunk_size");
    check(&3.0f32.to_le_bytes(), &f32::NAN.to_le_bytes(), "NaN");
    let model = Container::open(&testkit::data("tiny-models/stories260K-f32.gguf")).unwrap();
    assert!(ImportanceMatrix::read(&model).unwrap_err().to_string().contains("general.type"));
}

proptest! {
    #[test]
    fn damage_is_refused_or_harmless(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = bytes(&sample());
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(container) = Container::from_bytes("i.gguf", bytes)
            && let Ok(matrix) = ImportanceMatrix::read(&container)
        {
            for importance in matrix.tensors.values() {
                let means = (0..importance.n_matrices()).filter_map(|i| importance.mean_squares(i)).flatten();
                prop_assert!(means.into_iter().all(|mean| mean >= 0.0));
            }
        }
    }
}
