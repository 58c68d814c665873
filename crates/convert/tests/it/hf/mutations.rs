//! Broken bytes are refused or harmless; never a panic.

use convert::{Source, safetensors::oracle};
use proptest::prelude::*;

use super::support::{Tensor, safetensors};

fn sample() -> Vec<u8> {
    safetensors(&[
        Tensor::f32("model.norm.weight", &[3], &[1.0, 2.0, 3.0]),
        Tensor { name: "codes".to_owned(), dtype: "U8", shape: vec![2, 4], bytes: vec![1; 8] },
        Tensor::f32("scalar", &[], &[0.5]),
    ])
}

proptest! {
    #[test]
    fn mutated_files_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sample();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        oracle(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        oracle(&bytes);
    }

    /// Digits and brackets change what a header means more often than other bytes do.
    #[test]
    fn other_numbers_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..12), 1..8),
    ) {
        let mut bytes = sample();
        for (at, digit) in &changes {
            let digits: Vec<usize> =
                (8..bytes.len()).filter(|&i| bytes[i].is_ascii_digit() || bytes[i] == b',').collect();
            bytes[digits[at.index(digits.len())]] = b"0123456789,-"[*digit];
        }
        oracle(&bytes);
    }

    #[test]
    fn noise_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        oracle(&bytes);
        bytes.splice(0..0, [(bytes.len() as u64).to_le_bytes().as_slice(), b"{"].concat());
        oracle(&bytes);
    }
}

#[test]
fn the_unbroken_file_passes() {
    oracle(&sample());
    oracle(b"\x02\0\0\0\0\0\0\0{}");
}

/// Files of a small model with bytes changed are refused or read; whatever is read can be read to the end.
fn check_folder(file: &str, change: impl Fn(&mut Vec<u8>)) {
    let folder = super::tokenizers::small_folder();
    folder.write();
    let mut bytes = std::fs::read(folder.file(file)).unwrap();
    change(&mut bytes);
    std::fs::write(folder.file(file), bytes).unwrap();
    let Ok(source) = convert::hf::open(folder.path(), &convert::hf::HfOptions::default()) else { return };
    for (i, t) in source.tensors().iter().enumerate() {
        let _ = source.read(i, 0..t.n_rows());
    }
    let _ = tokenizer::Tokenizer::from_gguf(source.metadata());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn mutated_folders_never_panic(
        file in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..20), 1..4),
    ) {
        let file = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"][file];
        check_folder(file, |bytes| {
            for (at, new) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = b"0123456789-.,[]{}\"\\ "[*new];
            }
        });
    }
}
