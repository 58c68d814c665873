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
    fn damage_is_refused_or_harmless(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
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

/// An entry of a `.dat` file, its numbers as given.
fn entry(name: &[u8], n_calls: i32, values: &[f32]) -> Vec<u8> {
    let numbers = |n: i32| n.to_le_bytes().to_vec();
    let values_bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    [numbers(name.len() as i32), name.to_vec(), numbers(n_calls), numbers(values.len() as i32), values_bytes].concat()
}

/// Two entries, the second for two matrices, 30 chunks of a text.
fn dat() -> Vec<u8> {
    let head = 2i32.to_le_bytes().to_vec();
    let tail = [30i32.to_le_bytes().to_vec(), 5i32.to_le_bytes().to_vec(), b"a.txt".to_vec()].concat();
    [head, entry(b"one", 4, &[2.0, 4.0, 0.0]), entry(b"stack", 2, &[1.0, 3.0, 5.0, 7.0]), tail].concat()
}

#[test]
fn the_older_form_means_the_same() {
    let matrix = ImportanceMatrix::from_dat("i.dat", &dat()).unwrap();
    assert_eq!((matrix.datasets, matrix.chunk_count, matrix.chunk_size), (vec!["a.txt".to_owned()], 30, 0));
    assert_eq!(matrix.tensors["one"].of_shape(1, 3), Ok(vec![0.5, 1.0, 0.0]));
    // The file does not say that these are two matrices.
    assert_eq!(matrix.tensors["stack"].of_shape(2, 2), Ok(vec![0.5, 1.5, 2.5, 3.5]));
    assert_eq!(matrix.tensors["stack"].of_shape(1, 4), Ok(vec![0.5, 1.5, 2.5, 3.5]));
    assert_eq!(matrix.tensors["stack"].of_shape(1, 3), Err("4 columns".to_owned()));
    assert_eq!(sample().tensors["blk.0.ffn_up_exps.weight"].of_shape(2, 2), Ok(vec![0.5, 1.5, 1.0, 1.0]));
    assert_eq!(sample().tensors["blk.0.ffn_up_exps.weight"].of_shape(1, 4), Err("2 columns of 2 matrices".to_owned()));
    // Files from before texts were named end behind the entries; a count of no calls leaves values as they are.
    let early = [1i32.to_le_bytes().to_vec(), entry(b"one", 0, &[2.0, 4.0])].concat();
    let matrix = ImportanceMatrix::from_dat("i.dat", &early).unwrap();
    assert_eq!((matrix.chunk_count, matrix.tensors["one"].of_shape(1, 2)), (0, Ok(vec![2.0, 4.0])));
}

#[test]
fn older_files_that_are_none_are_refused() {
    let whole = dat();
    let check = |bytes: &[u8], words: &[&str]| {
        let error = ImportanceMatrix::from_dat("i.dat", bytes).unwrap_err().to_string();
        assert!(error.starts_with("i.dat: ") && words.iter().all(|word| error.contains(word)), "{error}");
    };
    // Where a number stands: what it is replaced by, and what is then said.
    let changed = |at: usize, n: i32, words: &[&str]| {
        let mut bytes = whole.clone();
        bytes[at..at + 4].copy_from_slice(&n.to_le_bytes());
        check(&bytes, words);
    };
    changed(0, -1, &["n_entries is -1, expected 1 to 65536", "neither GGUF"]);
    changed(0, i32::MAX, &["n_entries is 2147483647, expected 1 to 65536"]);
    changed(0, 3, &["name of entry 2: 30 bytes expected at byte", "but 9 are left"]);
    changed(4, i32::MAX, &["length of the name of entry 0 is 2147483647, expected 1 to 64"]);
    changed(4, -5, &["length of the name of entry 0 is -5"]);
    changed(11, -4, &["ncall of entry 0 (one) is -4, expected 0 to 2147483647"]);
    changed(15, -3, &["nval of entry 0 (one) is -3"]);
    changed(15, i32::MAX, &["values of entry 0 (one): 8589934588 bytes expected at byte 19, but", "are left"]);
    changed(19, f32::NAN.to_bits() as i32, &["values of entry 0 (one)", "sum 0 is NaN"]);
    changed(19, (-1.0f32).to_bits() as i32, &["values of entry 0 (one)", "sum 0 is -1"]);
    check(&[whole.clone(), vec![0; 3]].concat(), &["3 bytes behind the end"]);
    check(b"Once upon a time", &["n_entries is 1701015119", "neither GGUF"]);
    let twice = [2i32.to_le_bytes().to_vec(), entry(b"one", 1, &[1.0]), entry(b"one", 1, &[1.0])].concat();
    check(&twice, &["entry 1: the name one a second time"]);
    check(&[1i32.to_le_bytes().to_vec(), entry(b"\xff", 1, &[1.0])].concat(), &["name of entry 0: no UTF-8"]);
    // Cut off anywhere but where a file of an earlier version ends.
    let ends = [whole.len() - 5 - 4 - 4, whole.len() - 5 - 4];
    for n in (0..whole.len()).filter(|n| !ends.contains(n)) {
        check(&whole[..n], &["bytes expected at byte", "left"]);
    }
}

proptest! {
    #[test]
    fn damage_of_older_files_is_refused_or_harmless(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = dat();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(matrix) = ImportanceMatrix::from_dat("i.dat", &bytes) {
            for importance in matrix.tensors.values() {
                let means = importance.of_shape(1, importance.n_cols()).unwrap();
                prop_assert!(means.into_iter().all(|mean| mean >= 0.0));
            }
        }
    }
}
