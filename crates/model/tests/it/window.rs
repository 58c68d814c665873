//! Sliding window with attention sinks: against its definition, far past the context, in an arena no larger than the
//! window.

mod streaming;

use gguf::{Container, Value};
use kernels::{Isa, Kernels};
use model::{
    AttentionWindow, Forward, KvType, KvTypes, LoadError, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN,
    POSITIONS_MAX, PageArena, PageId, Step, StepSpan, TokenId, memory_plan_with,
};
use quant::ternarise::Mode;
use streaming::Reference;
use testkit::{Rng, assert_same_f32, nmse};

use crate::{
    edit::Edit,
    session::{golden_prompt, logits},
};

/// Largest error where only the order of additions differs, and f32 from f64.
const NMSE_EXACT: f64 = 1e-10;

fn window(len: usize, sinks: usize) -> AttentionWindow {
    AttentionWindow { len, sinks }
}

fn options(attention_window: AttentionWindow) -> LoadOptions {
    LoadOptions {
        attention_window: Some(attention_window),
        kv_types: KvTypes::both(KvType::F32),
        step_rows_max: 64,
        ..LoadOptions::DEFAULT
    }
}

fn load(container: &Container, options: &LoadOptions) -> Model {
    Model::load(container, Kernels::new(None, 2).unwrap(), options).unwrap()
}

fn golden(name: &str, window: AttentionWindow) -> Model {
    load(&Edit::golden(name).container(), &options(window))
}

/// Draws tokens of the golden models, which have a vocabulary of 128.
fn random_tokens(n: usize) -> Vec<TokenId> {
    let mut rng = Rng::new(31);
    (0..n).map(|_| TokenId(rng.below(128) as u32)).collect()
}

/// A sequence that gives pages back as soon as its window has passed them.
struct Stream {
    window: AttentionWindow,
    table: Vec<PageId>,
    position: usize,
    free: Vec<PageId>,
}

impl Stream {
    fn new(window: AttentionWindow, pages: std::ops::Range<u32>) -> Self {
        Self { window, table: Vec::new(), position: 0, free: pages.map(PageId).collect() }
    }

    /// Frees pages that are seen no more, and spoils them; takes pages for `n` rows.
    fn reserve(&mut self, model: &mut Model, n: usize) {
        const GONE: PageId = PageId(u32::MAX);
        for (index, page) in self.table.iter_mut().enumerate() {
            if !self.window.is_seen(index, self.position) && *page != GONE {
                // All ones is NaN in every float type.
                model.write_page(*page, &vec![0xff; model.page_bytes()]);
                self.free.push(std::mem::replace(page, GONE));
            }
        }
        while self.table.len() * PAGE_LEN < self.position + n {
            self.table.push(self.free.remove(0));
        }
        let used = self.table.iter().filter(|page| **page != GONE).count();
        assert!(used <= self.window.pages_max(n), "{used} pages for {n} rows of {:?}", self.window);
    }

    /// Computes the logits of all rows of `tokens`.
    fn feed(&mut self, model: &mut Model, tokens: &[TokenId], chunk: usize) -> Vec<f32> {
        let (mut all, mut out) = (Vec::new(), Logits::default());
        for tokens in tokens.chunks(chunk) {
            self.reserve(model, tokens.len());
            let span = StepSpan::new(tokens, self.position, &self.table).wanting(LogitsWanted::All);
            model.forward(&Step::new(&[span]), &mut out);
            self.position += tokens.len();
            (0..out.n_rows()).for_each(|row| all.extend_from_slice(out.row(row)));
        }
        all
    }
}

/// Computes the logits of all rows of one sequence that has the whole arena.
fn stream(model: &mut Model, tokens: &[TokenId], chunk: usize) -> Vec<f32> {
    let window = model.attention_window().unwrap();
    Stream::new(window, 0..model.n_pages() as u32).feed(model, tokens, chunk)
}

#[test]
fn thousands_of_positions_are_the_definition() {
    for (window, n) in [(window(48, 4), 3000), (window(37, 33), 500), (window(20, 0), 300), (window(1, 1), 100)] {
        let tokens = random_tokens(n);
        let mut model = golden("llama", window);
        // The model was made for 512 positions; the arena has room for the window and a step.
        assert_eq!((model.context_len_max(), model.n_pages()), (POSITIONS_MAX, window.pages_max(64)));
        assert_eq!(model.attention_window(), Some(window));
        let got = stream(&mut model, &tokens, 64);
        let expected = Reference::new(Edit::golden("llama").container(), window).logits(&tokens);
        // Each stretch by itself, so that an error far out is not hidden by thousands of good rows.
        for (i, (got, expected)) in got.chunks(100 * 128).zip(expected.chunks(100 * 128)).enumerate() {
            let error = nmse(got, expected);
            assert!(error < NMSE_EXACT, "{window:?}, from row {}: NMSE {error:e}", i * 100);
        }
    }
}

#[test]
fn chunks_threads_and_levels_do_not_show() {
    let lsq = KvType::T2(Mode::LeastSquares);
    for (name, kv_types) in [
        ("llama", KvTypes::both(KvType::F16)),
        ("gemma3", KvType::Q8_0.into()),
        ("olmo2", KvType::F32.into()),
        ("smollm3", KvType::F16.into()),
        ("golden2/hunyuan-dense", KvType::F32.into()),
        ("golden2/mistral3", KvType::F32.into()),
        ("golden2/gpt-oss", KvType::F16.into()),
        ("golden2/cohere2", KvType::F16.into()),
        ("golden2/deepseek2", KvType::F16.into()),
        ("bitnet", KvTypes { keys: KvType::F16, values: lsq, is_rotated: true }),
    ] {
        let container = Edit::golden(name).container();
        let options = LoadOptions { kv_types, ..options(window(40, 5)) };
        let tokens = random_tokens(300);
        let run = |isa, n_threads, chunk| {
            let mut model = Model::load(&container, Kernels::new(Some(isa), n_threads).unwrap(), &options).unwrap();
            stream(&mut model, &tokens, chunk)
        };
        let expected = run(Isa::Scalar, 1, 64);
        for isa in Isa::available() {
            for (n_threads, chunk) in [(1, 1), (2, 64), (3, 33), (2, 7)] {
                let what = format!("{name} on {isa:?}, {n_threads} threads, chunks of {chunk}");
                assert_same_f32(&what, &run(isa, n_threads, chunk), &expected);
            }
        }
    }
}

#[test]
fn neighbours_do_not_show() {
    let window = window(40, 4);
    let tokens = random_tokens(250);
    let mut lone = golden("llama", window);
    let expected = stream(&mut lone, &tokens, 64);
    let options = LoadOptions { kv_positions: Some(20 * PAGE_LEN), ..options(window) };
    let mut model = load(&Edit::golden("llama").container(), &options);
    // One has outgrown its window long ago, one does so in this step, one is young.
    let streams = [(200, 0..6), (35, 6..12), (5, 12..18)].map(|(n, pages)| {
        let mut stream = Stream::new(window, pages);
        stream.feed(&mut model, &tokens[..n], 64);
        stream.reserve(&mut model, 20);
        stream
    });
    let spans = streams.each_ref().map(|stream| {
        StepSpan::new(&tokens[stream.position..stream.position + 20], stream.position, &stream.table)
            .wanting(LogitsWanted::All)
    });
    let mut out = Logits::default();
    model.forward(&Step::new(&spans), &mut out);
    for (i, span) in spans.iter().enumerate() {
        for row in 0..20 {
            let alone = &expected[(span.position_first + row) * 128..][..128];
            assert_same_f32(&format!("sequence {i}, row {row}"), out.row(i * 20 + row), alone);
        }
    }
}

#[test]
fn until_it_outgrows_its_window_a_sequence_has_the_bytes_of_full_attention() {
    for name in [
        "llama",
        "gemma3",
        "qwen3moe",
        "smollm3",
        "golden2/hunyuan-dense",
        "golden2/mistral3",
        "golden2/gpt-oss",
        "golden2/deepseek2",
    ] {
        let tokens = random_tokens(100);
        let container = Edit::golden(name).container();
        let full = LoadOptions { attention_window: None, ..options(window(1, 0)) };
        let n_vocab = 128;
        let expected = logits(&mut load(&container, &full), &tokens, 0, 64);
        let got = stream(&mut golden(name, window(60, 7)), &tokens, 64);
        assert_same_f32(name, &got[..67 * n_vocab], &expected[..67 * n_vocab]);
        assert_ne!(got[67 * n_vocab..68 * n_vocab], expected[67 * n_vocab..68 * n_vocab], "{name}");
    }
}

#[test]
fn layers_with_a_window_of_their_own_keep_it_if_it_is_shorter() {
    let with_own = |own: u32| {
        let mut edit = Edit::golden("llama");
        edit.set("llama.attention.sliding_window", Value::U32(own));
        edit.container()
    };
    let tokens = random_tokens(200);
    let run = |container: &Container, window| stream(&mut load(container, &options(window)), &tokens, 64);
    // All layers of this file have one.
    let plain = LoadOptions { attention_window: None, ..options(window(1, 0)) };
    let own = logits(&mut load(&with_own(30), &plain), &tokens, 0, 64);
    for len in [30, 50] {
        assert_same_f32(&format!("30 behind {len}"), &run(&with_own(30), window(len, 4)), &own);
    }
    let of_full = run(&Edit::golden("llama").container(), window(29, 4));
    assert_same_f32("30 behind 29", &run(&with_own(30), window(29, 4)), &of_full);
    // Gemma 3 has layers of both kinds: each follows its own rule.
    let gemma = |own: u32, period: u32| {
        let mut edit = Edit::golden("gemma3");
        edit.set("gemma3.attention.sliding_window", Value::U32(own));
        edit.set("gemma3.attention.sliding_window_pattern", Value::U32(period));
        edit.container()
    };
    let (mixed, all_full) = (run(&gemma(20, 2), window(40, 4)), run(&gemma(20, 1), window(40, 4)));
    assert!(nmse(&mixed, &all_full) > 1e-6);
    let (longer, long) = (run(&gemma(41, 2), window(40, 4)), run(&gemma(300, 2), window(40, 4)));
    assert_same_f32("own windows that are longer make no difference", &longer, &long);
}

#[test]
fn factors_for_long_contexts_go_by_the_window() {
    let run = |options: &LoadOptions| {
        let mut edit = Edit::golden("phi3");
        edit.set("phi3.rope.scaling.original_context_length", Value::U32(64));
        logits(&mut load(&edit.container(), options), &golden_prompt("phi3"), 0, 64)
    };
    let plain = |context_len_max| LoadOptions { context_len_max, attention_window: None, ..options(window(1, 0)) };
    let (short, long) = (run(&plain(Some(64))), run(&plain(None)));
    assert!(nmse(&short, &long) > 1e-4);
    assert_same_f32("64 distances", &run(&options(window(60, 4))), &short);
    assert_same_f32("65 distances", &run(&options(window(60, 5))), &long);
    let context = LoadOptions { context_len_max: Some(64), ..options(window(60, 5)) };
    assert_same_f32("65 distances that no sequence reaches", &run(&context), &short);
}

#[test]
fn windows_that_cannot_be_are_refused() {
    let container = Edit::golden("llama").container();
    let refused = |options: &LoadOptions| {
        let error = Model::load(&container, Kernels::new(None, 1).unwrap(), options).err().unwrap();
        assert!(matches!(error, LoadError::Option { .. }), "{error:?}");
        assert_eq!(memory_plan_with(&container, options).unwrap_err().to_string(), error.to_string());
        error.to_string()
    };
    let together = "together at most 512, the context that the model was made for";
    for (len, sinks) in [(0, 4), (509, 4), (513, 0), (usize::MAX, 4), (1, usize::MAX)] {
        let message = refused(&options(window(len, sinks)));
        assert!(message.contains(&format!("window of {len} tokens and {sinks} sinks")), "{message}");
        assert!(message.contains(together), "{message}");
    }
    for context in [0, POSITIONS_MAX + 1] {
        let options = LoadOptions { context_len_max: Some(context), ..options(window(508, 4)) };
        let message = refused(&options);
        assert!(
            message.contains(&format!("a context of {context} tokens, expected 1 to {POSITIONS_MAX}")),
            "{message}"
        );
    }
}

#[test]
fn the_arena_is_as_large_as_the_window_needs() {
    let container = Edit::golden("llama").container();
    let plan = |options: &LoadOptions| memory_plan_with(&container, options).unwrap();
    let of_window = plan(&options(window(100, 4)));
    let model = golden("llama", window(100, 4));
    assert_eq!(of_window.kv_bytes, model.kv_position_bytes() * (window(100, 4).pages_max(64) * PAGE_LEN) as u64);
    assert_eq!((of_window.context_len, model.n_pages()), (POSITIONS_MAX, window(100, 4).pages_max(64)));
    // A context that is shorter than that needs no more than itself.
    let short = LoadOptions { context_len_max: Some(64), ..options(window(100, 4)) };
    assert_eq!((load(&container, &short).n_pages(), plan(&short).context_len), (2, 64));
    // Queries that meet sinks are one buffer more, in f32.
    let without = plan(&options(window(100, 0)));
    assert_eq!(of_window.scratch_bytes - without.scratch_bytes, 64 * 4 * 64);
}
