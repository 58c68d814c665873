//! One sequence on one model, for tests.

use std::path::{Path, PathBuf};

use gguf::Container;
use kernels::{Isa, Kernels};
use model::{
    Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, PageId, Step, StepSpan, TokenId,
};

/// Loads the model at `path`, with keys and values kept in f32.
pub(crate) fn load(path: &Path, isa: Option<Isa>, n_threads: usize) -> Model {
    load_with(path, isa, n_threads, KvTypes::both(KvType::F32))
}

/// Loads the model at `path`, with a cache of `kv_types`.
pub(crate) fn load_with(path: &Path, isa: Option<Isa>, n_threads: usize, kv_types: KvTypes) -> Model {
    let container = Container::open(path).unwrap();
    let options =
        LoadOptions { kv_types, kv_positions: Some(1024), n_states: 3, step_rows_max: 64, ..LoadOptions::DEFAULT };
    Model::load(&container, Kernels::new(isa, n_threads).unwrap(), &options).unwrap()
}

/// Returns pages `first..` for `n` positions.
pub(crate) fn pages(first: u32, n: usize) -> Vec<PageId> {
    (first..).take(n.div_ceil(PAGE_LEN)).map(PageId).collect()
}

/// Reads the token ids of a JSON list.
pub(crate) fn tokens(list: &serde_json::Value) -> Vec<TokenId> {
    list.as_array().unwrap().iter().map(|t| TokenId(t.as_u64().unwrap() as u32)).collect()
}

/// Computes the logits of all positions, fed in chunks of at most `chunk`, after `cached` tokens that are already
/// there.
pub(crate) fn logits(model: &mut Model, tokens: &[TokenId], cached: usize, chunk: usize) -> Vec<f32> {
    let pages = pages(0, cached + tokens.len());
    let (mut all, mut out) = (Vec::new(), Logits::default());
    for (i, tokens) in tokens.chunks(chunk).enumerate() {
        let span = StepSpan::new(tokens, cached + i * chunk, &pages).wanting(LogitsWanted::All);
        model.forward(&Step::new(&[span]), &mut out);
        (0..out.n_rows()).for_each(|row| all.extend_from_slice(out.row(row)));
    }
    all
}

/// Returns the index of the largest logit; the first of equals.
pub(crate) fn argmax(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.map_or(0, |(i, _)| i as u32)
}

/// Returns `n` ids that follow the prompt greedily.
pub(crate) fn greedy(model: &mut Model, prompt: &[TokenId], n: usize) -> Vec<TokenId> {
    let mut last = logits(model, prompt, 0, 64);
    let mut ids = Vec::new();
    for i in 0..n {
        let next = TokenId(argmax(&last[last.len() - model.n_vocab()..]));
        ids.push(next);
        last = logits(model, &[next], prompt.len() + i, 1);
    }
    ids
}

/// Returns folder and name of a golden file: `golden2/NAME`, or `NAME` in `golden`.
fn place(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("golden", name))
}

/// Returns the path of a golden model.
pub(crate) fn golden_path(name: &str) -> PathBuf {
    let (folder, name) = place(name);
    testkit::data(&format!("{folder}/{name}.gguf"))
}

/// Reads the prompt of a golden file.
pub(crate) fn golden_prompt(name: &str) -> Vec<TokenId> {
    let (folder, name) = place(name);
    let manifest = testkit::read_json(&format!("{folder}/manifest.json"));
    let entry = manifest.as_array().unwrap().iter().find(|e| e["name"] == name).unwrap();
    tokens(&entry["tokens"])
}
