//! Random models of every family: their tensors are those of the published models, and small ones of them are loaded
//! and computed.

use std::path::Path;

use convert::{
    Source, SourceTensor,
    quantise::Mix,
    synth::{AttentionLayers, DeltaHeads, SHAPES, Shape, Synth, architectures},
};
use gguf::Container;
use kernels::Kernels;
use model::{Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, Model, PageId, Step, StepSpan, TokenId};
use quant::Format;
use tempfile::tempdir;
use tokenizer::{ControlTokens, Tokenizer};

use crate::support::write;

/// What other weights and activations of 8 bits in place of floats may change. What has nothing in common differs by 2.
const ROUNDED: f64 = 0.1;
/// What they may change where some tokens get another expert, because two were about as good.
const OTHER_EXPERTS: f64 = 1.0;

fn shape(name: &str) -> Shape {
    *SHAPES.iter().find(|shape| shape.name == name).unwrap_or_else(|| panic!("no shape {name}"))
}

/// Returns each shape with few layers and rows, and what is peculiar to its family left as it is.
fn small() -> Vec<Shape> {
    let scaled = |shape: &Shape| Shape {
        n_layers: 4,
        width: 256,
        n_heads: 4,
        n_kv_heads: if shape.n_kv_heads == shape.n_heads { 4 } else { 2 },
        head_dim: shape.head_dim,
        feed_forward: 256,
        n_vocab: 512,
        context_len: 512,
        n_experts: shape.n_experts.min(6),
        n_experts_used: shape.n_experts_used.min(2),
        attention: if let AttentionLayers::At(_) = shape.attention {
            AttentionLayers::At(&[1, 2])
        } else {
            shape.attention
        },
        delta: DeltaHeads { n_keys: shape.delta.n_keys.min(1), n_values: shape.delta.n_values.min(2), ..shape.delta },
        ..*shape
    };
    SHAPES.iter().map(scaled).collect()
}

/// Returns logits, or the hidden states of an encoder, of 40 tokens in one step.
fn computed(path: &Path) -> Vec<f32> {
    let container = Container::open(path).unwrap();
    let options = LoadOptions { kv_types: KvTypes::both(KvType::F32), step_rows_max: 64, ..LoadOptions::DEFAULT };
    let mut model = Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap();
    let tokens: Vec<TokenId> = (0..40).map(|i| TokenId(i * 37 % 512)).collect();
    let (pages, mut out) = ([PageId(0), PageId(1)], Logits::default());
    let wanted = if model.is_encoder() { LogitsWanted::Hidden } else { LogitsWanted::All };
    model.forward(&Step::new(&[StepSpan::new(&tokens, 0, &pages).wanting(wanted)]), &mut out);
    if model.is_encoder() {
        return (0..out.n_hidden_rows()).flat_map(|row| out.hidden_row(row).to_vec()).collect();
    }
    (0..out.n_rows()).flat_map(|row| out.row(row).to_vec()).collect()
}

#[test]
fn a_small_model_of_every_family_is_computed_in_every_type() {
    let folder = tempdir().unwrap();
    let mut seen = Vec::new();
    for shape in small() {
        for architecture in shape.architectures {
            let synth = Synth::new(&shape, architecture, 3).unwrap();
            let mix = |name| synth.quantised(Mix::from_name(name).unwrap(), &[]).unwrap();
            let plans = [
                synth.plan(Format::F16, Format::F32).unwrap(),
                synth.plan(Format::TQ2_0, Format::Q8_0).unwrap(),
                mix("q4_k_m"),
                mix("q8_0"),
                mix("mxfp4_moe"),
            ];
            let results: Vec<Vec<f32>> = plans
                .iter()
                .enumerate()
                .map(|(i, plan)| {
                    let path = folder.path().join(format!("{}-{architecture}-{i}.gguf", shape.name));
                    write(&synth, plan, &path).unwrap();
                    computed(&path)
                })
                .collect();
            let what = format!("{} {architecture}", shape.name);
            let (first, n) = (&results[0], results[0].len() / 40);
            assert!(first.iter().all(|x| x.is_finite()), "{what}");
            assert_ne!(first[..n], first[39 * n..], "{what}: the last token is as the first");
            for (i, result) in results.iter().enumerate() {
                let (nmse, bound) =
                    (testkit::nmse(result, first), if shape.n_experts > 0 { OTHER_EXPERTS } else { ROUNDED });
                assert!(nmse < bound, "{what}, plan {i}: NMSE {nmse:e}");
            }
            seen.push(*architecture);
        }
    }
    assert!(architectures().all(|architecture| seen.contains(&architecture)), "{seen:?}");
}

#[test]
fn keys_have_the_types_that_are_documented() {
    for shape in SHAPES {
        let synth = Synth::new(shape, shape.architectures[0], 1).unwrap();
        for (key, value) in synth.metadata().iter() {
            let Some(types) = gguf::documented_types(key) else { continue };
            let is_documented = types.iter().any(|t| t.is_like(value.value_type()));
            assert!(is_documented, "{key} is {}, but {types:?}", value.value_type());
        }
    }
}

#[test]
fn every_vocabulary_spells_text() {
    let folder = tempdir().unwrap();
    for (name, n_tokens) in [("lfm2-350m", 24), ("bert-base", 18)] {
        let shape = Shape { n_layers: 0, width: 32, attention: AttentionLayers::All, ..shape(name) };
        let synth = Synth::new(&shape, shape.architectures[0], 1).unwrap();
        let path = folder.path().join(name);
        write(&synth, &synth.plan(Format::F16, Format::F16).unwrap(), &path).unwrap();
        let tokenizer = Tokenizer::from_gguf(Container::open(&path).unwrap().metadata()).unwrap();
        let mut ids = Vec::new();
        tokenizer.encode("Once upon a time, it was", ControlTokens::AsText, true, &mut ids);
        assert!(ids.len() > n_tokens, "{name}: {ids:?}");
    }
}

/// Numbers of weights as published, of gpt-oss with all its layers.
#[test]
fn shapes_have_as_many_weights_as_the_models() {
    let check = |shape: Shape, expected: u64| {
        let synth = Synth::new(&shape, shape.architectures[0], 1).unwrap();
        assert_eq!(synth.tensors().iter().map(SourceTensor::n_weights).sum::<u64>(), expected, "{}", shape.name);
    };
    check(shape("lfm2-350m"), 354_483_968);
    check(Shape { n_layers: 24, ..shape("gpt-oss-20b-6l") }, 20_914_757_184);
    // Without the pooler, a matrix of 768 with its bias.
    check(shape("bert-base"), 109_482_240 - 768 * 769);
    check(shape("qwen3.5-4b"), 4_205_751_296);
}

#[test]
fn a_shape_has_its_own_architectures_only() {
    let error = Synth::new(&shape("lfm2-350m"), "bitnet", 1).err().unwrap().to_string();
    assert!(error.contains("\"bitnet\", shape lfm2-350m is of lfm2"), "{error}");
}
