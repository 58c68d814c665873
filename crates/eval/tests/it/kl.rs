//! KL divergence from a base: in memory and by way of a file.

use std::ops::ControlFlow;

use eval::{
    Error,
    kl::{self, Base, Options, Origin},
    perplexity,
};
use gguf::Container;
use kernels::Kernels;
use model::{KvType, KvTypes, LoadOptions, Model, TokenId};

use crate::{GO_ON, stories, text};

const OPTIONS: Options = Options { window_len: 64, n_chunks: Some(4), first: Some(TokenId(1)) };

fn origin() -> Origin {
    Origin { model: "stories".to_owned(), text_sha256: [1; 32], vocabulary_sha256: [2; 32] }
}

fn quantised() -> Model {
    let container = Container::open(&testkit::data("tiny-models/stories260K-q4_0.gguf")).unwrap();
    let options = LoadOptions { kv_types: KvTypes::both(KvType::F32), step_rows_max: 100, ..LoadOptions::DEFAULT };
    Model::load(&container, Kernels::new(None, 2).unwrap(), &options).unwrap()
}

#[test]
fn a_model_agrees_with_itself_and_less_with_its_quantised_copy() {
    let (mut model, tokenizer) = stories(100);
    let tokens = text(&tokenizer);
    let perplexity = perplexity::measure(&mut model, &tokens, &OPTIONS, &mut |_, _| GO_ON).unwrap();
    let base = Base::collect(&mut model, &tokens, &OPTIONS, origin(), &mut |_, _| GO_ON).unwrap();
    let same = kl::measure(&mut model, &tokens, &base, &mut |_, _| GO_ON).unwrap();
    assert!(same.max < 1e-7, "{same:?}");
    assert_eq!((same.top1_agreement, same.n_scored, same.n_chunks), (1.0, 4 * 31, 4));
    assert_eq!(same.perplexity, perplexity.perplexity);
    assert!((same.base_perplexity / perplexity.perplexity - 1.0).abs() < 1e-6 && same.ln_ratio.abs() < 1e-6);
    let other = kl::measure(&mut quantised(), &tokens, &base, &mut |_, _| GO_ON).unwrap();
    assert!(other.mean > 1e-3 && other.error < other.mean && other.top1_agreement < 1.0, "{other:?}");
    assert!(other.median <= other.percentile_90 && other.percentile_90 <= other.percentile_99);
    assert!(other.percentile_99 <= other.max);
    assert!((other.ln_ratio - (other.perplexity / other.base_perplexity).ln()).abs() < 1e-9);
}

#[test]
fn a_saved_base_gives_what_one_in_memory_gives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.kld");
    let (mut model, tokenizer) = stories(100);
    let tokens = text(&tokenizer);
    let in_memory = Base::collect(&mut model, &tokens, &OPTIONS, origin(), &mut |_, _| GO_ON).unwrap();
    Base::save(&mut model, &tokens, &OPTIONS, origin(), &path, &mut |_, _| GO_ON).unwrap();
    let saved = Base::open(&path).unwrap();
    assert_eq!((saved.origin(), saved.options(), saved.tokens()), (&origin(), &OPTIONS, in_memory.tokens()));
    let mut model = quantised();
    let expected = kl::measure(&mut model, &tokens, &in_memory, &mut |_, _| GO_ON).unwrap();
    // Twice: reading leaves no trace.
    for _ in 0..2 {
        assert_eq!(kl::measure(&mut model, &tokens, &saved, &mut |_, _| GO_ON).unwrap(), expected);
    }
    let cancelled = Base::save(&mut model, &tokens, &OPTIONS, origin(), &path, &mut |_, _| ControlFlow::Break(()));
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written");
    Base::open(&path).unwrap();
    std::fs::write(&path, &std::fs::read(&path).unwrap()[..1000]).unwrap();
    assert!(Base::open(&path).unwrap_err().to_string().contains("1000 bytes"));
}

#[test]
fn what_does_not_belong_together_is_refused_with_both_values() {
    let (mut model, tokenizer) = stories(100);
    let tokens = text(&tokenizer);
    let base = Base::collect(&mut model, &tokens, &OPTIONS, origin(), &mut |_, _| GO_ON).unwrap();
    let mut other = tokens.clone();
    other[70] = TokenId(other[70].0 ^ 1);
    let error = kl::measure(&mut model, &other, &base, &mut |_, _| GO_ON).unwrap_err().to_string();
    assert!(error.contains(&format!("token 70 is {}", tokens[70].0)) && error.contains(&other[70].0.to_string()));
    let error = kl::measure(&mut model, &tokens[..100], &base, &mut |_, _| GO_ON).unwrap_err().to_string();
    assert!(error.contains("256") && error.contains("100"), "{error}");
    let error = base.check_vocabulary(7).unwrap_err().to_string();
    assert!(error.contains("512") && error.contains('7'), "{error}");
    let error = base.check_origin(&[2; 32], 32, OPTIONS.first).unwrap_err().to_string();
    assert!(error.contains("64") && error.contains("32"), "{error}");
    let error = base.check_origin(&[3; 32], 64, OPTIONS.first).unwrap_err().to_string();
    assert!(error.contains("0202") && error.contains("0303"), "{error}");
    for (first, name) in [(Some(TokenId(2)), "2"), (Some(TokenId(0)), "0"), (None, "none")] {
        let error = base.check_origin(&[2; 32], 64, first).unwrap_err().to_string();
        assert!(error.contains("first token of a window") && error.contains(name), "{error}");
    }
    base.check_origin(&[2; 32], 64, OPTIONS.first).unwrap();
}
