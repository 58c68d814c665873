use std::ops::ControlFlow;

use kernels::Kernels;

use super::*;
use crate::complete::predict::calibrate;
use crate::complete::rules::MineSettings;
use crate::complete::trainer::train;
use crate::complete::triples::Triple;

fn vocabulary(prefix: &str, n: usize) -> Vocabulary {
    let mut names = Vocabulary::default();
    for i in 0..n {
        names.number_or_new(&format!("{prefix}{i}"));
    }
    names
}

fn trained(weights: EntityWeights) -> Trained {
    let fact = |i: u32| Triple { subject: i % 20, relation: i % 3, object: (i * 7 + i % 3) % 20 };
    let triples = Triples::new(20, 3, (0..120).map(fact).collect(), (120..150).map(fact).collect(), vec![]);
    let triples = triples.expect("numbers in range");
    let settings = Settings { dim: 16, epochs: 2, entities: weights, ..Settings::default() };
    let kernels = Kernels::new(None, 1).expect("a level of this CPU");
    let model = train(&kernels, &triples, &settings, u64::MAX, &mut |_| ControlFlow::Continue(())).expect("trained");
    Trained {
        calibration: calibrate(&kernels, &model, &triples),
        rules: Rules::mine(&triples, &MineSettings::default()),
        model,
        entities: vocabulary("e", 20),
        relations: vocabulary("r", 3),
        seq: Seq(7),
    }
}

fn bytes(trained: &Trained) -> Vec<u8> {
    let mut out = Vec::new();
    trained.write(&mut out).expect("memory takes it");
    out
}

fn read(bytes: &[u8]) -> Result<Trained, ModelFileError> {
    Trained::read(&mut &*bytes, 1 << 20)
}

/// The bytes with the digest that belongs to them.
fn signed(mut bytes: Vec<u8>) -> Vec<u8> {
    let n = bytes.len() - DIGEST_BYTES;
    let digest = blake3::hash(&bytes[..n]);
    bytes[n..].copy_from_slice(digest.as_bytes());
    bytes
}

#[test]
fn what_is_written_is_read_back() {
    for weights in WEIGHTS {
        let trained = trained(weights);
        assert!(!trained.rules.all().is_empty() && !trained.calibration.steps().is_empty());
        assert_eq!(read(&bytes(&trained)).expect("what was written"), trained, "{weights:?}");
    }
}

#[test]
fn a_model_that_is_cut_off_or_changed_anywhere_is_refused_by_name() {
    let whole = bytes(&trained(EntityWeights::Ternary));
    for n in 0..whole.len() {
        let error = read(&whole[..n]).expect_err("cut off");
        let expected = match n {
            0..8 => "this is no model",
            8..12 => "the model's version is 4, but must be at most",
            _ => "the model is damaged: its digest",
        };
        assert!(error.to_string().starts_with(expected), "{n}: {error}");
    }
    for at in (0..whole.len()).step_by(13) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(read(&changed).is_err(), "a bit at {at}");
    }
    assert!(matches!(Trained::read(&mut &whole[..], 100), Err(ModelFileError::TooLarge { max: 100 })));
}

#[test]
fn bytes_under_a_right_digest_are_still_checked() {
    let whole = bytes(&trained(EntityWeights::Ternary));
    let check = |at: usize, value: [u8; 4], expected: &str| {
        let mut changed = whole.clone();
        changed[at..at + 4].copy_from_slice(&value);
        let error = read(&signed(changed)).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    };
    check(8, [2, 0, 0, 0], "format version 2, but this program reads version 1");
    check(12, [2, 0, 0, 0], "scorer is 2, but must be 0 to 1");
    check(16, [3, 0, 0, 0], "weights is 3, but must be 0 to 2");
    check(20, [17, 0, 0, 0], "dim is 17, but must be even for ComplEx");
    check(24, [0xff, 0xff, 0xff, 0x7f], "number of entities is 2147483647");
    check(24, [0xff, 0xff, 0xff, 0x3f], "must be at most");
    check(28, [0, 0, 0, 0], "number of relations is 0");
    check(32, [0xff, 0xff, 0xff, 0xff], "must be");
    check(36, [0xff, 0xff, 0xff, 0xff], "must be");
    // Anything may be wrong anywhere: an error or a model, never a panic.
    let step = (whole.len() / 400).max(1);
    for at in (8..whole.len() - DIGEST_BYTES).step_by(step) {
        for value in [0x00, 0x7f, 0xff] {
            let mut changed = whole.clone();
            changed[at] = value;
            drop(read(&signed(changed)));
        }
        let mut cut = whole[..at].to_vec();
        cut.extend([0; DIGEST_BYTES]);
        assert!(read(&signed(cut)).is_err(), "cut at {at}");
    }
}
