//! [`trace`]: greedy steps with a hash of all their logits, by which a module is compared with the native program.

use gguf::Container;
use kernels::Kernels;
use model::{Forward, KvTypes, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, PageId, Step, StepSpan, TokenId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokenizer::Tokenizer;

use crate::{Error, ErrorKind};

/// Largest number of steps, and of tokens of the prompt.
const STEPS_MAX: usize = 1024;

/// Computes `prompt` and then `n` tokens, each the likeliest, by a model of its own over the same weights. The hash is
/// SHA-256 over the `n` rows of logits, each number as four bytes, the lowest first.
pub(crate) fn trace(
    container: &Container,
    tokenizer: &Tokenizer,
    prompt: &str,
    n: usize,
    kv_types: KvTypes,
) -> Result<Value, Error> {
    let mut ids = prompt::encode_text(tokenizer, prompt);
    if ids.is_empty() {
        return Err(Error::from(engine::Error::EmptyPrompt));
    }
    if n == 0 || n > STEPS_MAX || ids.len() > STEPS_MAX {
        return Err(Error::range("n", n, format_args!("1 to {STEPS_MAX}, and a prompt of as many tokens at most")));
    }
    let own = model::context_len(container).map_err(Error::input)?;
    let context_len = ids.len() + n;
    if context_len > own {
        let what = format!("{context_len} tokens, but the context holds {own}");
        return Err(Error::new(ErrorKind::Capacity, what).with("context_length", own));
    }
    let options = LoadOptions {
        context_len_max: Some(own),
        kv_positions: Some(context_len.next_multiple_of(PAGE_LEN)),
        step_rows_max: ids.len(),
        kv_types,
        pack_bytes_max: 0,
        ..LoadOptions::DEFAULT
    };
    let kernels = Kernels::new(None, 1).map_err(Error::input)?;
    let mut model = Model::load(container, kernels, &options).map_err(Error::input)?;
    if model.is_encoder() {
        return Err(Error::input(engine::Error::GeneratesNothing));
    }
    let pages: Vec<PageId> = (0..model.n_pages() as u32).map(PageId).collect();
    let (mut position_first, mut logits) = (0, Logits::default());
    let (mut tokens, mut hash) = (Vec::with_capacity(n), Sha256::new());
    while tokens.len() < n {
        let span = StepSpan::new(&ids, position_first, &pages).wanting(LogitsWanted::Last);
        model.forward(&Step::new(&[span]), &mut logits);
        position_first += ids.len();
        let row = logits.row(0);
        row.iter().for_each(|logit| hash.update(logit.to_le_bytes()));
        let Some(token) = model::best_token(row) else { break };
        tokens.push(token.0);
        ids = vec![TokenId(token.0)];
    }
    let sha256: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(json!({"tokens": tokens, "sha256": sha256}))
}
