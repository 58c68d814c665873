//! Pages that are copied, taken away and brought back; early exit; hidden states.

use model::{
    Forward, KvType, KvTypes, Logits, LogitsWanted, Model, PAGE_LEN, PageArena, PageId, Step, StepSpan, TokenId,
};
use testkit::assert_same_f32;

use crate::session::{golden_prompt, load, load_with, logits, pages};

fn path(name: &str) -> std::path::PathBuf {
    testkit::data(&format!("golden/{name}.gguf"))
}

fn page(model: &Model, id: u32) -> Vec<u8> {
    let mut bytes = vec![0; model.page_bytes()];
    model.read_page(PageId(id), &mut bytes);
    bytes
}

/// Computes the logits of all rows of `tokens` after `cached` positions in `table`.
fn continued(
    model: &mut Model,
    tokens: &[TokenId],
    cached: usize,
    table: &[PageId],
    n_layers: Option<usize>,
) -> Vec<f32> {
    let mut out = Logits::default();
    let span = StepSpan::new(tokens, cached, table).wanting(LogitsWanted::All);
    model.forward(&Step { n_layers, ..Step::new(&[span]) }, &mut out);
    (0..out.n_rows()).flat_map(|row| out.row(row).to_vec()).collect()
}

/// Returns keys and values of every type, rotated and not.
fn kv_types() -> impl Iterator<Item = KvTypes> {
    KvType::ALL.into_iter().flat_map(|t| [false, true].map(|is_rotated| KvTypes { is_rotated, ..t.into() }))
}

#[test]
fn a_copied_page_and_one_brought_back_read_as_the_first() {
    for types in kv_types() {
        let (mut model, prompt) = (load_with(&path("llama-mha-hd32"), None, 2, types), golden_prompt("llama-mha-hd32"));
        // 40 positions: one page full, one begun.
        let (before, after) = prompt.split_at(40);
        logits(&mut model, before, 0, 64);
        let expected = continued(&mut model, after, 40, &pages(0, 48), None);
        // The begun page again, without what `after` wrote to it.
        logits(&mut model, before, 0, 64);
        model.copy_page(PageId(0), PageId(9));
        model.copy_page(PageId(1), PageId(4));
        let kept = [page(&model, 0), page(&model, 1)];
        let got = continued(&mut model, after, 40, &[PageId(9), PageId(4)], None);
        assert_same_f32(&format!("{types:?}, copied"), &got, &expected);
        assert_eq!(page(&model, 1), kept[1], "{types:?}: writing to the copy left the first alone");
        // Another model of the same file, which never saw the prompt.
        let mut other = load_with(&path("llama-mha-hd32"), None, 1, types);
        other.write_page(PageId(5), &kept[0]);
        other.write_page(PageId(2), &kept[1]);
        let got = continued(&mut other, after, 40, &[PageId(5), PageId(2)], None);
        assert_same_f32(&format!("{types:?}, brought back"), &got, &expected);
        assert_eq!(model.page_bytes() as u64, model.kv_position_bytes() * PAGE_LEN as u64);
    }
}

#[test]
fn early_exit_is_a_prefix_of_the_whole_pass() {
    for name in ["llama", "gemma3", "qwen3moe", "bitnet"] {
        let (mut model, prompt) = (load(&path(name), None, 2), golden_prompt(name));
        let (table, n_layers) = (pages(0, 48), model.n_layers());
        assert!(n_layers >= 2, "{name}: {n_layers} layers");
        let whole = continued(&mut model, &prompt, 0, &table, None);
        assert_same_f32(name, &continued(&mut model, &prompt, 0, &table, Some(n_layers)), &whole);
        let (kept, layer_bytes) = (page(&model, 0), model.page_bytes() / n_layers);
        for n in 1..n_layers {
            // Into a page that holds other things.
            model.write_page(PageId(0), &vec![0; model.page_bytes()]);
            let early = continued(&mut model, &prompt, 0, &table, Some(n));
            assert_ne!(early, whole, "{name}: {n} of {n_layers} layers");
            let written = page(&model, 0);
            assert!(written[..n * layer_bytes] == kept[..n * layer_bytes], "{name}: keys and values of {n} layers");
            assert!(written[n * layer_bytes..].iter().all(|b| *b == 0), "{name}: the other layers are left alone");
        }
    }
}

#[test]
fn a_whole_pass_over_a_draft_is_exact() {
    for types in [KvTypes::both(KvType::F16), KvTypes { is_rotated: true, ..KvType::Q4_0.into() }] {
        let (mut model, prompt) = (load_with(&path("llama-mha-hd32"), None, 2, types), golden_prompt("llama-mha-hd32"));
        let expected = logits(&mut model, &prompt, 0, 64);
        let n_vocab = model.n_vocab();
        let table = pages(0, 48);
        logits(&mut model, &prompt[..30], 0, 64);
        // Four wrong tokens by one layer, then the right ones by all.
        let wrong: Vec<_> = prompt[30..34].iter().map(|t| TokenId((t.0 + 1) % n_vocab as u32)).collect();
        for (i, token) in wrong.iter().enumerate() {
            continued(&mut model, &[*token], 30 + i, &table, Some(1));
        }
        let verified = continued(&mut model, &prompt[30..34], 30, &table, None);
        assert_same_f32(&format!("{types:?}"), &verified, &expected[30 * n_vocab..34 * n_vocab]);
        let later = continued(&mut model, &prompt[34..], 34, &table, None);
        assert_same_f32(&format!("{types:?}, later"), &later, &expected[34 * n_vocab..]);
    }
}

#[test]
#[should_panic(expected = "0 layers of a model that has")]
fn a_step_through_no_layer_is_a_bug() {
    let mut model = load(&path("llama"), None, 1);
    continued(&mut model, &[TokenId(1)], 0, &pages(0, 1), Some(0));
}

/// Computes the hidden states of the prompt in chunks, each step with a neighbour that wants logits; those are the
/// second value.
fn hidden(model: &mut Model, prompt: &[TokenId], chunk: usize, neighbour: Option<TokenId>) -> (Vec<f32>, Vec<f32>) {
    let (table, other) = (pages(0, prompt.len()), pages(8, 1));
    let (mut states, mut beside, mut out) = (Vec::new(), Vec::new(), Logits::default());
    for (i, tokens) in prompt.chunks(chunk).enumerate() {
        let mut spans = vec![StepSpan::new(tokens, i * chunk, &table).wanting(LogitsWanted::Hidden)];
        let lone = neighbour.as_ref().map(std::slice::from_ref);
        let span = |tokens| StepSpan::new(tokens, 0, &other).wanting(LogitsWanted::Last);
        spans.splice(0..0, lone.map(span));
        model.forward(&Step::new(&spans), &mut out);
        assert_eq!((out.n_hidden_rows(), out.n_rows()), (tokens.len(), lone.map_or(0, <[_]>::len)));
        (0..tokens.len()).for_each(|row| states.extend_from_slice(out.hidden_row(row)));
        if out.n_rows() > 0 {
            beside = out.row(0).to_vec();
        }
    }
    (states, beside)
}

#[test]
fn hidden_states_depend_on_the_row_alone() {
    for name in ["llama", "gemma3", "bitnet"] {
        let (mut model, prompt) = (load(&path(name), None, 2), golden_prompt(name));
        let (whole, none) = hidden(&mut model, &prompt, 64, None);
        assert_eq!((whole.len(), none.len()), (prompt.len() * model.width(), 0));
        let lone = logits(&mut model, &[TokenId(3)], 0, 1);
        for chunk in [1, 7, 33, 48] {
            let (states, beside) = hidden(&mut model, &prompt, chunk, Some(TokenId(3)));
            assert_same_f32(&format!("{name} in chunks of {chunk}"), &states, &whole);
            assert_same_f32(&format!("{name}, the neighbour's logits"), &beside, &lone);
        }
    }
}

#[test]
fn the_head_of_a_hidden_state_is_the_logits() {
    // Weights in f32 throughout: the head is one product.
    let (mut model, prompt) = (load(&path("llama"), None, 1), golden_prompt("llama"));
    let container = gguf::Container::open(&path("llama")).unwrap();
    let head = container.tensors().iter().find(|t| t.name == "output.weight").unwrap();
    let mut weights = vec![0.0; model.width() * model.n_vocab()];
    head.format().unwrap().decode(&container.bytes(head), &mut weights);
    let (states, _) = hidden(&mut model, &prompt, 64, None);
    let all = logits(&mut model, &prompt, 0, 64);
    let (width, n_vocab) = (model.width(), model.n_vocab());
    let mut products = vec![0.0f32; prompt.len() * n_vocab];
    for (token, row) in weights.chunks_exact(width).enumerate() {
        for (t, state) in states.chunks_exact(width).enumerate() {
            products[t * n_vocab + token] =
                row.iter().zip(state).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>() as f32;
        }
    }
    let error = testkit::nmse(&products, &all);
    assert!(error < 1e-4, "NMSE {error:e}");
}

#[test]
fn a_hidden_state_that_is_no_number_is_named() {
    let mut out = Logits::default();
    out.resize_hidden(3, 5).fill(1.0);
    assert_eq!(out.first_non_finite_hidden(), None);
    out.resize_hidden(3, 5)[7] = f32::NEG_INFINITY;
    assert_eq!(out.first_non_finite_hidden(), Some((1, 2, f32::NEG_INFINITY)));
}
