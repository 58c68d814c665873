//! Every ternary container: the same weights give the same logits bit for bit, what goes through any of them comes back
//! byte for byte, and the bytes of one are not taken for another.

use std::{fs, path::Path};

use convert::{
    Freedom, GgufSource, Plan, Target,
    synth::{SHAPES, Shape, Synth},
};
use gguf::{Container, TypeId};
use kernels::{Isa, Kernels};
use model::{
    Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, PageId, Step, StepSpan, TokenId,
};
use quant::Format;
use tempfile::tempdir;

use crate::support::{open, write};

/// A shape whose rows 256 does not divide, like those of BitNet 3B.
const NARROW: Shape = Shape { name: "narrow", width: 320, feed_forward: 1344, ..SHAPES[0] };

fn containers() -> impl Iterator<Item = Format> {
    Format::ALL.iter().copied().filter(|f| f.is_ternary() && *f != Format::I2_S_ARM)
}

fn logits(path: &Path, isa: Option<Isa>, n_threads: usize) -> Result<Vec<f32>, String> {
    let container = Container::open(path).map_err(|e| e.to_string())?;
    let kv_types = KvTypes::both(KvType::F32);
    let options = LoadOptions { kv_types, kv_positions: Some(64), step_rows_max: 32, ..LoadOptions::DEFAULT };
    let kernels = Kernels::new(isa, n_threads).unwrap();
    let mut model = Model::load(&container, kernels, &options).map_err(|e| e.to_string())?;
    let tokens: Vec<TokenId> = (0..13).map(|i| TokenId(i * 37 % 512)).collect();
    let pages: Vec<PageId> = (0..).take(64 / PAGE_LEN).map(PageId).collect();
    let (mut all, mut out) = (Vec::new(), Logits::default());
    // A prompt, then tokens one by one: kernels for many tokens and for one.
    for (first, n) in [(0, 11), (11, 1), (12, 1)] {
        let tokens = &tokens[first..first + n];
        let span = StepSpan::new(tokens, first, &pages).wanting(LogitsWanted::All);
        model.forward(&Step::new(&[span]), &mut out);
        (0..out.n_rows()).for_each(|row| all.extend_from_slice(out.row(row)));
    }
    Ok(all)
}

fn same_logits(shape: &Shape, architecture: &str) -> usize {
    let folder = tempdir().unwrap();
    let synth = Synth::new(shape, architecture, 5).unwrap();
    let mut expected: Option<Vec<f32>> = None;
    let mut n = 0;
    for format in containers() {
        let Ok(plan) = synth.plan(format, Format::F16) else { continue };
        let path = folder.path().join(format!("{}.gguf", format.name()));
        assert!(write(&synth, &plan, &path).unwrap().is_exact(), "{format:?}");
        let got = logits(&path, None, 2).unwrap();
        assert!(got.iter().all(|x| x.is_finite()));
        let expected = expected.get_or_insert_with(|| got.clone());
        testkit::assert_same_f32(format.name(), &got, expected);
        if n % 4 == 0 {
            testkit::assert_same_f32(
                &format!("{}, scalar", format.name()),
                &logits(&path, Some(Isa::Scalar), 1).unwrap(),
                expected,
            );
        }
        n += 1;
    }
    n
}

#[test]
fn all_containers_of_the_same_weights_give_the_same_logits() {
    assert_eq!(same_logits(&SHAPES[0], "bitnet-b1.58"), containers().count());
    // TQ1_0, TQ2_0, blocks of 128 and more and groups of 128 and 256 cannot hold such rows.
    assert_eq!(same_logits(&NARROW, "bitnet"), 8 + 3 + 8);
}

#[test]
fn through_any_container_and_back_every_byte_is_the_same() {
    let folder = tempdir().unwrap();
    let synth = Synth::new(&SHAPES[0], "bitnet", 9).unwrap();
    let of = |name: String| folder.path().join(name);
    let convert = |from: &Path, format: Format, to: &Path| {
        let source = open(from);
        let plan = convert::retyped(&source, Target::Format(format), Freedom::Exact, 2).unwrap();
        assert!(write(&source, &plan, to).unwrap().is_exact(), "{} to {format:?}", from.display());
    };
    let all: Vec<Format> = containers().chain([Format::F16, Format::F32]).collect();
    let direct: Vec<_> = all.iter().map(|f| of(format!("{}.gguf", f.name()))).collect();
    for (format, path) in all.iter().zip(&direct) {
        write(&synth, &synth.plan(*format, Format::Q8_0).unwrap(), path).unwrap();
    }
    let data = |path: &Path| {
        let container = Container::open(path).unwrap();
        container.tensors().iter().map(|t| (t.name.clone(), t.type_id, container.bytes(t).to_vec())).collect::<Vec<_>>()
    };
    // Each into its neighbour in the list, and that back: a chain through all of them.
    for i in 0..all.len() {
        let next = (i + 1) % all.len();
        let (there, back) = (of(format!("{i}-there.gguf")), of(format!("{i}-back.gguf")));
        convert(&direct[i], all[next], &there);
        assert!(data(&there) == data(&direct[next]), "{:?} to {:?}", all[i], all[next]);
        convert(&there, all[i], &back);
        assert!(data(&back) == data(&direct[i]), "{:?} to {:?} and back", all[i], all[next]);
        fs::remove_file(there).unwrap();
        fs::remove_file(back).unwrap();
    }
}

/// The smallest type of `.tri` for scales of each kind, and the proof of a `.tri` file by its hashes.
#[test]
fn tri_takes_the_smallest_type_that_is_exact() {
    let folder = tempdir().unwrap();
    let synth = Synth::new(&SHAPES[0], "bitnet", 4).unwrap();
    for (name, first) in [("tri1", "tri1_tensor_f16"), ("tri2", "tri2_tensor_f16")] {
        let path = folder.path().join(format!("{name}.tri"));
        let plan = convert::retyped(&synth, Target::from_name(name).unwrap(), Freedom::Exact, 2);
        write(&synth, &plan.unwrap(), &path).unwrap();
        let container = Container::open(&path).unwrap();
        assert_eq!(container.tensor("blk.0.ffn_up.weight").unwrap().type_name(), first);
        assert!(container.verify(&mut |_| {}).unwrap());
    }
}

/// Every container's file with every other's type numbers: refused when it is opened or loaded, each time.
#[test]
fn bytes_under_another_label_are_never_accepted() {
    let folder = tempdir().unwrap();
    let synth = Synth::new(&SHAPES[0], "bitnet", 6).unwrap();
    let path = folder.path().join("model.gguf");
    let (mut n, mut silent) = (0, Vec::new());
    for from in containers() {
        write(&synth, &synth.plan(from, Format::F16).unwrap(), &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let container = Container::from_bytes("model", bytes.clone()).unwrap();
        let own = TypeId::of(from).unwrap();
        let places = places(&container, &bytes, own);
        for to in containers().filter(|&to| to != from) {
            let mut changed = bytes.clone();
            for at in &places {
                changed[*at..*at + 4].copy_from_slice(&TypeId::of(to).unwrap().0.to_le_bytes());
            }
            fs::write(&path, &changed).unwrap();
            n += 1;
            if logits(&path, None, 2).is_ok() {
                silent.push((from.name(), to.name()));
            }
            fs::remove_file(&path).unwrap();
        }
    }
    // A Q2_0 whose blocks are those of PQ2_0 is what Q2_0 once was, and is read as that.
    silent.retain(|pair| *pair != ("pq2_0", "q2_0"));
    assert_eq!(silent, [], "of {n} labels");
    assert!(n > 900, "{n}");
}

/// Q2_0 as it once was has the bytes of PQ2_0, was never rotated and says nothing of that; PQ2_0 that says nothing is
/// not touched.
#[test]
fn older_q2_0_is_converted_and_unsaid_pq2_0_is_not() {
    let folder = tempdir().unwrap();
    let synth = Synth::new(&SHAPES[0], "bitnet", 6).unwrap();
    let path = folder.path().join("model.gguf");
    write(&synth, &synth.plan(Format::PQ2_0, Format::F16).unwrap(), &path).unwrap();
    let expected = logits(&path, None, 2).unwrap();
    let mut metadata = Container::open(&path).unwrap().metadata().clone();
    assert!(metadata.remove("trinity.hadamard.folded"));
    let unsaid = folder.path().join("unsaid.gguf");
    gguf::rewrite_metadata(&path, &metadata, &unsaid).unwrap();
    let error = GgufSource::open(&unsaid).err().unwrap().to_string();
    assert!(error.contains("PQ2_0 are usually rotated"), "{error}");
    let mut bytes = fs::read(&unsaid).unwrap();
    for at in places(&Container::open(&unsaid).unwrap(), &bytes, TypeId(142)) {
        bytes[at..at + 4].copy_from_slice(&42u32.to_le_bytes());
    }
    let (old, new) = (folder.path().join("old.gguf"), folder.path().join("new.gguf"));
    fs::write(&old, bytes).unwrap();
    testkit::assert_same_f32("older Q2_0", &logits(&old, None, 2).unwrap(), &expected);
    let source = open(&old);
    write(&source, &Plan::keep(&source).unwrap(), &new).unwrap();
    testkit::assert_same_f32("as PQ2_0", &logits(&new, None, 2).unwrap(), &expected);
}

/// Returns where the type numbers of the tensors of type `id` stand in the header.
fn places(container: &Container, bytes: &[u8], id: TypeId) -> Vec<usize> {
    let mut at = 0;
    let mut places = Vec::new();
    for tensor in container.tensors() {
        let name = [&(tensor.name.len() as u64).to_le_bytes(), tensor.name.as_bytes()].concat();
        let found = bytes[at..].windows(name.len()).position(|w| w == name).unwrap();
        at += found + name.len() + 4 + 8 * tensor.dims.len();
        if tensor.type_id == id {
            assert_eq!(bytes[at..at + 4], id.0.to_le_bytes());
            places.push(at);
        }
    }
    places
}

#[test]
fn a_kept_file_keeps_its_containers() {
    let folder = tempdir().unwrap();
    let synth = Synth::new(&SHAPES[0], "bitnet", 8).unwrap();
    for format in containers() {
        let (one, two) = (folder.path().join("one.gguf"), folder.path().join("two.gguf"));
        write(&synth, &synth.plan(format, Format::F16).unwrap(), &one).unwrap();
        let source = GgufSource::open(&one).unwrap();
        write(&source, &Plan::keep(&source).unwrap(), &two).unwrap();
        assert!(fs::read(&one).unwrap() == fs::read(&two).unwrap(), "{format:?}");
        fs::remove_file(one).unwrap();
        fs::remove_file(two).unwrap();
    }
}
