//! What goes in comes out: bytes that stay, weights that every container of one seed shares, files that appear whole or
//! not at all.

use std::{fs, ops::ControlFlow, path::Path};

use convert::{
    Action, Error, Freedom, Plan, PlannedTensor, Source, Target, WriteOptions,
    synth::{SHAPES, Synth},
};
use proptest::prelude::*;
use quant::{Format, ternarise::Mode};
use tempfile::tempdir;
use testkit::Rng;

use crate::support::{Values, open, values, write};

fn entries(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

fn tiny(seed: u64) -> Synth {
    Synth::new(&SHAPES[0], "bitnet", seed).unwrap()
}

/// Returns the ternary containers that a file can tell from others.
fn ternary_formats() -> impl Iterator<Item = Format> {
    Format::ALL.iter().copied().filter(|f| f.is_ternary() && *f != Format::I2_S_ARM)
}

/// Drops the signs of zeros, which negative block scales make.
fn unsigned(values: Vec<f32>) -> Vec<f32> {
    values.into_iter().map(|x| x + 0.0).collect()
}

#[test]
fn every_container_of_a_seed_holds_the_same_weights() {
    let folder = tempdir().unwrap();
    let synth = tiny(7);
    let expected: Vec<_> = synth.tensors().iter().map(|t| unsigned(values(&synth, &t.name))).collect();
    let embeddings = [Format::F32, Format::F16, Format::BF16, Format::Q8_0];
    let matrices = ternary_formats().chain([Format::F16, Format::BF16, Format::F32]);
    for (format, embedding) in matrices.zip(embeddings.into_iter().cycle()) {
        let path = folder.path().join(format!("{}.gguf", format.name()));
        let proof = write(&synth, &synth.plan(format, embedding).unwrap(), &path).unwrap();
        assert!(proof.is_exact(), "{proof:?}");
        let file = open(&path);
        for (tensor, expected) in synth.tensors().iter().zip(&expected) {
            let what = format!("{} {}", format.name(), tensor.name);
            testkit::assert_same_f32(&what, &unsigned(values(&file, &tensor.name)), expected);
        }
    }
}

#[test]
fn any_container_becomes_any_other_and_back() {
    let folder = tempdir().unwrap();
    let synth = tiny(9);
    let first = folder.path().join("first.gguf");
    write(&synth, &synth.plan(Format::TQ2_0, Format::F16).unwrap(), &first).unwrap();
    let mut source = open(&first);
    let mut last = first.clone();
    for (i, format) in ternary_formats().chain([Format::F16, Format::TQ2_0]).enumerate() {
        let path = folder.path().join(format!("{i}.gguf"));
        let plan = convert::retyped(&source, Target::Format(format), Freedom::Exact, 2).unwrap();
        let proof = write(&source, &plan, &path).unwrap();
        assert!(proof.is_exact(), "{}: {proof:?}", format.name());
        source = open(&path);
        last = path;
    }
    let (first, last) = (open(&first), open(&last));
    assert_eq!(first.tensors(), last.tensors());
    for i in 0..first.tensors().len() {
        assert_eq!(last.raw_type(i), first.raw_type(i));
        let n_bytes = first.raw_type(i).unwrap().bytes_of(&first.tensors()[i].dims).unwrap();
        assert!(first.read_raw(i, 0..n_bytes).unwrap() == last.read_raw(i, 0..n_bytes).unwrap(), "tensor {i}");
    }
}

#[test]
fn other_seeds_and_rows_are_other_weights() {
    let name = "blk.0.attn_q.weight";
    let (a, b) = (values(&tiny(1), name), values(&tiny(2), name));
    assert_ne!(a, b);
    assert!(a.chunks_exact(256).zip(a.chunks_exact(256).skip(1)).all(|(one, next)| one != next));
    let zeros = a.iter().filter(|&&x| x == 0.0).count() as f64 / a.len() as f64;
    assert!((zeros - 1.0 / 3.0).abs() < 0.01, "{zeros}");
}

#[test]
fn a_file_kept_as_it_is_keeps_every_byte() {
    let source = open(&testkit::data("tiny-models/stories260K-q4_0.gguf"));
    let folder = tempdir().unwrap();
    let path = folder.path().join("same.gguf");
    let proof = write(&source, &Plan::keep(&source).unwrap(), &path).unwrap();
    assert!(proof.is_exact());
    let copy = open(&path);
    assert_eq!(copy.metadata(), source.metadata());
    assert_eq!(copy.tensors(), source.tensors());
    for i in 0..source.tensors().len() {
        assert_eq!(copy.raw_type(i), source.raw_type(i));
        let n_bytes = values(&source, &source.tensors()[i].name).len() as u64 / 2;
        assert_eq!(copy.read_raw(i, 0..n_bytes).unwrap(), source.read_raw(i, 0..n_bytes).unwrap());
    }
}

#[test]
fn parts_become_one_file() {
    let folder = tempdir().unwrap();
    let one = folder.path().join("one.gguf");
    let synth = tiny(3);
    write(&synth, &synth.plan(Format::TQ2_0, Format::Q8_0).unwrap(), &one).unwrap();
    let parts = split(&one, folder.path());
    let joined = folder.path().join("joined.gguf");
    let source = open(&parts[0]);
    write(&source, &Plan::keep(&source).unwrap(), &joined).unwrap();
    assert_eq!(fs::read(&one).unwrap(), fs::read(&joined).unwrap());
    let error = write(&source, &Plan::keep(&source).unwrap(), &parts[1]).unwrap_err();
    assert!(error.to_string().contains("is the source itself"), "{error}");
}

/// Returns tensors, bytes and metadata of a model, whatever files it is in.
fn whole(path: &Path) -> Vec<(String, Vec<u8>)> {
    let source = open(path);
    let bytes = |(i, t): (usize, &convert::SourceTensor)| {
        let n_bytes = source.raw_type(i).unwrap().bytes_of(&t.dims).unwrap();
        (t.name.clone(), source.read_raw(i, 0..n_bytes).unwrap())
    };
    source.tensors().iter().enumerate().map(bytes).collect()
}

#[test]
fn one_file_becomes_parts_and_one_file_again() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let synth = tiny(3);
    // Q2_0 is a type with two meanings, of which one is named in the first part only.
    for format in [Format::TQ2_0, Format::Q2_0] {
        let (one, joined) = (path("one.gguf"), path("joined.gguf"));
        write(&synth, &synth.plan(format, Format::Q8_0).unwrap(), &one).unwrap();
        let source = open(&one);
        let tensor_bytes: Vec<u64> = whole(&one).iter().map(|(_, bytes)| bytes.len() as u64).collect();
        let largest = tensor_bytes.iter().max().unwrap().next_multiple_of(32);
        let options = WriteOptions { n_threads: 2, may_replace: false, split_bytes: Some(largest) };
        let plan = Plan::keep(&source).unwrap();
        let write_parts =
            |options, to: &str| convert::write(&source, &plan, &path(to), options, &|_| ControlFlow::Continue(()));
        let proof = write_parts(options, "parts.gguf").unwrap();
        let n = proof.files.len();
        assert!(n > 2 && proof.is_exact());
        for (i, file) in proof.files.iter().enumerate() {
            assert_eq!(*file, path(&format!("parts-{:05}-of-{n:05}.gguf", i + 1)));
            let part = gguf::Container::from_bytes("part", fs::read(file).unwrap()).unwrap();
            assert!(part.tensors().iter().map(|t| t.n_bytes.next_multiple_of(32)).sum::<u64>() <= largest);
            assert_eq!(part.metadata().get("tokenizer.ggml.tokens").is_some(), i == 0);
        }
        assert_eq!(proof.file_bytes, proof.files.iter().map(|f| f.metadata().unwrap().len()).sum::<u64>());
        let again = open(&proof.files[0]);
        assert_eq!(whole(&one), whole(&proof.files[0]));
        write(&again, &Plan::keep(&again).unwrap(), &joined).unwrap();
        assert_eq!(fs::read(&one).unwrap(), fs::read(&joined).unwrap());
        // Not over them, nor over their source; and nothing is left of what is refused.
        let before = entries(folder.path()).len();
        assert!(write_parts(options, "parts.gguf").unwrap_err().to_string().contains("exists already"));
        assert!(write_parts(options, "parts-00001-of-00009.gguf").unwrap_err().to_string().contains("NAME.gguf"));
        let small = WriteOptions { split_bytes: Some(largest - 1), ..options };
        let error = write_parts(small, "small.gguf").unwrap_err().to_string();
        assert!(error.contains(&format!("{largest} bytes, but a part may have {}", largest - 1)), "{error}");
        let error = write_parts(options, "sealed.tri").unwrap_err().to_string();
        assert!(error.contains("sealed.tri") && error.contains("cannot be split"), "{error}");
        assert_eq!(entries(folder.path()).len(), before);
        write_parts(WriteOptions { may_replace: true, ..options }, "parts.gguf").unwrap();
        for file in entries(folder.path()) {
            fs::remove_file(path(&file)).unwrap();
        }
    }
}

/// Returns -1, 0, 1 in turn.
fn all_ternary(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 3) as f32 - 1.0).collect()
}

/// Splits the model in `path` into two parts.
fn split(path: &Path, folder: &Path) -> Vec<std::path::PathBuf> {
    use gguf::{Metadata, TensorSpec, Value, Writer};
    let container = gguf::Container::open(path).unwrap();
    let half = container.tensors().len() / 2;
    let pieces = [&container.tensors()[..half], &container.tensors()[half..]];
    let write = |(i, tensors): (usize, &&[gguf::TensorInfo])| {
        let mut metadata = if i == 0 { container.metadata().clone() } else { Metadata::default() };
        metadata.set("split.no", Value::U16(i as u16));
        metadata.set("split.count", Value::U16(2));
        let name = folder.join(format!("split-{:05}-of-00002.gguf", i + 1));
        let specs =
            tensors.iter().map(|t| TensorSpec { name: t.name.clone(), dims: t.dims.clone(), type_id: t.type_id });
        let mut writer = Writer::new(fs::File::create(&name).unwrap(), &metadata, specs.collect()).unwrap();
        tensors.iter().for_each(|t| writer.tensor(&container.bytes(t)).unwrap());
        writer.finish().unwrap();
        name
    };
    pieces.iter().enumerate().map(write).collect()
}

#[test]
fn a_destination_is_not_replaced_unless_asked() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("there.gguf");
    fs::write(&path, "something else").unwrap();
    let synth = tiny(1);
    let plan = synth.plan(Format::TQ2_0, Format::F16).unwrap();
    let error = write(&synth, &plan, &path).unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"something else");
    let options = WriteOptions { n_threads: 1, may_replace: true, split_bytes: None };
    convert::write(&synth, &plan, &path, options, &|_| ControlFlow::Continue(())).unwrap();
    assert_eq!(open(&path).tensors().len(), synth.tensors().len());
}

#[test]
fn a_stopped_conversion_leaves_nothing() {
    let folder = tempdir().unwrap();
    let synth = tiny(1);
    let plan = synth.plan(Format::TQ2_0, Format::F16).unwrap();
    let options = WriteOptions { n_threads: 2, may_replace: false, split_bytes: None };
    let n_calls = std::sync::atomic::AtomicU32::new(0);
    for n_before in [0, 5, 40] {
        n_calls.store(0, std::sync::atomic::Ordering::SeqCst);
        let progress = |_: u64| {
            let n = n_calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if n < n_before { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let error = convert::write(&synth, &plan, &folder.path().join("x.gguf"), options, &progress).unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{error}");
        assert_eq!(entries(folder.path()), [""; 0]);
    }
}

#[test]
fn what_may_not_lose_is_refused_with_its_error() {
    let folder = tempdir().unwrap();
    // One scale for 128 weights, another for the next: no scale for 256 says both.
    let weight = |i: usize| [-1.0, 0.0, 1.0][i % 3] * if (i / 128).is_multiple_of(2) { 1.0 } else { 0.5 };
    let row: Vec<f32> = (0..512 * 8).map(weight).collect();
    let source = Values::new().with("blk.0.ffn_up.weight", &[512, 8], row);
    let plan = |format, freedom| {
        let mut plan = Plan::keep(&source).unwrap();
        plan.tensors = vec![PlannedTensor::new(Action::Encode { format, freedom })];
        plan
    };
    let path = folder.path().join("x.gguf");
    let error = write(&source, &plan(Format::TQ2_0, Freedom::Exact), &path).unwrap_err();
    let text = error.to_string();
    assert!(
        ["blk.0.ffn_up.weight", "tq2_0", "column 128 has scale 0.5", "of 4096 weights change", "RMSE"]
            .iter()
            .all(|w| text.contains(w)),
        "{text}"
    );
    assert_eq!(entries(folder.path()), [""; 0]);
    assert!(write(&source, &plan(Format::Q2_0, Freedom::Exact), &path).unwrap().is_exact());
    let lossy = write(&source, &plan(Format::TQ2_0, Freedom::Nearest), &folder.path().join("y.gguf")).unwrap();
    assert!(!lossy.is_exact() && lossy.loss().relative_rmse() > 0.1, "{lossy:?}");
}

#[test]
fn a_matrix_is_made_ternary_under_the_scales_that_a_container_has() {
    let folder = tempdir().unwrap();
    let (cols, rows) = (512, 6);
    let source = Values::new().with("m.weight", &[cols, rows], Rng::new(4).normals((cols * rows) as usize));
    let error = |format: Format, mode| {
        let mut plan = Plan::keep(&source).unwrap();
        plan.tensors = vec![PlannedTensor::new(Action::Encode { format, freedom: Freedom::Ternarise(mode) })];
        let path = folder.path().join(format!("{}-{}.gguf", format.name(), mode.name()));
        write(&source, &plan, &path).unwrap().loss().relative_rmse()
    };
    let format = |name| Format::from_name(name).unwrap();
    for mode in Mode::ALL {
        // More scales, less error.
        let names = ["i2_s", "tri1_row_f32", "tq2_0", "tri2_g64_f16", "tri1_g32_f32"];
        let errors = names.map(|name| error(format(name), mode));
        assert!(mode != Mode::LeastSquares || errors.is_sorted_by(|a, b| a > b), "{errors:?}");
        assert!(errors.iter().all(|e| (0.3..1.0).contains(e)), "{} {errors:?}", mode.name());
    }
}

#[test]
fn a_matrix_that_is_ternary_stays_so_whatever_is_allowed() {
    let folder = tempdir().unwrap();
    let synth = tiny(2);
    for (i, freedom) in Mode::ALL.map(Freedom::Ternarise).into_iter().chain([Freedom::Nearest]).enumerate() {
        let mut plan = synth.plan(Format::TQ1_0, Format::F16).unwrap();
        for tensor in &mut plan.tensors {
            if let Action::Encode { format: Format::TQ1_0, freedom: old } = &mut tensor.action {
                *old = freedom;
            }
        }
        let proof = write(&synth, &plan, &folder.path().join(format!("{i}.gguf"))).unwrap();
        assert!(proof.is_exact(), "{freedom:?}: {proof:?}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    let folder = tempdir().unwrap();
    let mut row = vec![0.5; 256];
    row[200] = f32::NAN;
    let source = Values::new().with("blk.0.ffn_up.weight", &[256, 1], row);
    let mut plan = Plan::keep(&source).unwrap();
    plan.tensors = vec![PlannedTensor::new(Action::Encode { format: Format::Q4_K, freedom: Freedom::Nearest })];
    let error = write(&source, &plan, &folder.path().join("x.gguf")).unwrap_err().to_string();
    assert!(error.contains("blk.0.ffn_up.weight") && error.contains("NaN"), "{error}");
    assert_eq!(entries(folder.path()), [""; 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A container holds ternary weights exactly, or says why not.
    #[test]
    fn ternary_weights_are_exact_or_refused(
        seed: u64,
        rows in 1..9_u64,
        span in 0..4usize,
        format in 0..ternary_formats().count(),
    ) {
        let format = ternary_formats().nth(format).unwrap();
        let (cols, span) = (512, [32, 128, 256, 512][span]);
        let mut rng = Rng::new(seed);
        let mut scale = 1.0;
        let all: Vec<f32> = (0..cols * rows as usize)
            .map(|i| {
                if i % span == 0 {
                    scale = [0.25, 0.5, 0.75][rng.below(3)];
                }
                (rng.below(3) as f32 - 1.0) * scale
            })
            .collect();
        // Neighbours that keep this one file from being read in two ways.
        let source = Values::new().with("m.weight", &[cols as u64, rows], all.clone()).with("n.weight", &[1024, 64], all_ternary(1024 * 64));
        let mut plan = Plan::keep(&source).unwrap();
        plan.tensors.iter_mut().for_each(|t| t.action = Action::Encode { format, freedom: Freedom::Exact });
        let folder = tempdir().unwrap();
        let path = folder.path().join("x.gguf");
        match write(&source, &plan, &path) {
            Ok(proof) => {
                prop_assert!(proof.is_exact());
                prop_assert_eq!(unsigned(values(&open(&path), "m.weight")), unsigned(all));
            }
            Err(Error::Lossy { why, loss, .. }) => {
                prop_assert!(why.contains("scale") && loss.n_changed > 0, "{} {}", why, loss);
                prop_assert!(entries(folder.path()).is_empty());
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    /// However rows are cut into chunks, the bytes are those of the whole tensor encoded at once; the proof's error is
    /// that of these bytes.
    #[test]
    fn chunks_and_threads_do_not_show(
        seed: u64,
        rows in 1..40_u64,
        matrices in 1..4_u64,
        blocks in 1..40_u64,
        format in 0..6usize,
    ) {
        let format = [Format::Q4_0, Format::Q8_0, Format::IQ4_NL, Format::F16, Format::Q4_K, Format::Q6_K][format];
        let cols = blocks * 256;
        let all = Rng::new(seed).normals((cols * rows * matrices) as usize);
        let mut whole = vec![0; format.row_bytes(all.len()).unwrap()];
        format.encode(&all, None, &mut whole).unwrap();
        let mut decoded = vec![0.0; all.len()];
        format.decode(&whole, &mut decoded);
        let loss = convert::Loss::between(&all, &decoded);
        let source = Values::new().with("m.weight", &[cols, rows, matrices], all);
        let mut plan = Plan::keep(&source).unwrap();
        plan.tensors = vec![PlannedTensor::new(Action::Encode { format, freedom: Freedom::Nearest })];
        let folder = tempdir().unwrap();
        let path = folder.path().join("x.gguf");
        let proof = write(&source, &plan, &path).unwrap();
        prop_assert_eq!(open(&path).read_raw(0, 0..whole.len() as u64).unwrap(), whole);
        prop_assert_eq!(proof.loss().n_changed, loss.n_changed);
        prop_assert_eq!(proof.loss().error_max, loss.error_max);
    }
}
