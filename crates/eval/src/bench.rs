//! Speed of prompt processing and generation, measured as llama-bench does: `ppN` is one prompt of N tokens, `tgN` is N
//! tokens generated one by one, `@ dN` behind N tokens that are cached already, `xN` in N sequences at once; `embedN`
//! is a text of N tokens that an encoder sees whole. One run of each is not counted.

use std::{ops::ControlFlow, time::Instant};

use model::{Forward, Logits, LogitsWanted, PAGE_LEN, PageId, StateId, Step, StepSpan, TokenId};
use serde::Serialize;

use crate::Error;

/// The way in which the tokens of a test reach the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// All tokens come together, as a prompt does.
    Prompt,
    /// Tokens come one after the other, as generated ones do.
    Generation,
    /// All tokens come together and see each other, as those of an encoder's text do; nothing is before them.
    Text,
}

/// A speed to measure: each of `n_sequences` (at least 1) that are computed together holds `depth` tokens already and
/// gets `n_tokens` more, as `phase` says.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Test {
    pub phase: Phase,
    pub n_tokens: usize,
    pub depth: usize,
    pub n_sequences: usize,
}

impl Test {
    /// Makes a test of one prompt of `n_tokens`.
    pub fn prompt(n_tokens: usize) -> Self {
        Self { phase: Phase::Prompt, n_tokens, depth: 0, n_sequences: 1 }
    }

    /// Makes a test that generates `n_tokens`.
    pub fn generation(n_tokens: usize) -> Self {
        Self { phase: Phase::Generation, ..Self::prompt(n_tokens) }
    }

    /// Returns llama-bench's name of the test: `pp512`, `tg128 @ d1024`.
    pub fn name(self) -> String {
        let phase = match self.phase {
            Phase::Prompt => "pp",
            Phase::Generation => "tg",
            Phase::Text => "embed",
        };
        let depth = if self.depth > 0 { format!(" @ d{}", self.depth) } else { String::new() };
        let sequences = if self.n_sequences > 1 { format!(" x{}", self.n_sequences) } else { String::new() };
        format!("{phase}{}{depth}{sequences}", self.n_tokens)
    }

    /// Number of positions that each sequence takes.
    pub fn context_len(self) -> usize {
        self.depth.saturating_add(self.n_tokens)
    }
}

/// A row of the bench table: `test` is its name (`pp512`, `tg128`), `tokens_per_second` and `deviation` are mean and
/// standard deviation of `samples`, one a repetition. `n_tokens` are the tokens of a repetition, of all sequences, and
/// `n_threads` the compute threads.
#[allow(missing_docs, reason = "the comment says what each field is")]
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct Row {
    pub test: String,
    pub tokens_per_second: f64,
    pub deviation: f64,
    pub samples: Vec<f64>,
    pub n_tokens: usize,
    pub n_threads: usize,
}

/// Runs `test` once uncounted and `n_repetitions` times counted; `progress` is called after each.
pub fn measure(
    model: &mut (dyn Forward + Send),
    test: Test,
    n_repetitions: usize,
    n_threads: usize,
    progress: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Row, Error> {
    for (parameter, value) in
        [("tokens", test.n_tokens), ("repetitions", n_repetitions), ("sequences", test.n_sequences)]
    {
        if value == 0 {
            return Err(Error::Parameter { parameter, value, expected: "at least 1" });
        }
    }
    let mut sequences = Sequences::new(model, test)?;
    let tokens = sequences.tokens(test.context_len());
    let (before, tokens) = tokens.split_at(test.depth);
    sequences.prefill(before);
    let n_tokens = test.n_tokens * test.n_sequences;
    let mut samples = Vec::with_capacity(n_repetitions);
    for repetition in 0..=n_repetitions {
        sequences.go_back(before);
        let start = Instant::now();
        match test.phase {
            Phase::Prompt => sequences.prefill(tokens),
            Phase::Generation => sequences.generate(tokens),
            Phase::Text => sequences.embed(tokens),
        }
        let seconds = start.elapsed().as_secs_f64();
        if repetition > 0 {
            samples.push(n_tokens as f64 / seconds);
        }
        if progress().is_break() {
            return Err(Error::Cancelled);
        }
    }
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    let squares: f64 = samples.iter().map(|s| (s - mean).powi(2)).sum();
    let deviation = if samples.len() > 1 { (squares / (samples.len() - 1) as f64).sqrt() } else { 0.0 };
    Ok(Row { test: test.name(), tokens_per_second: mean, deviation, samples, n_tokens, n_threads })
}

/// Sequences of equal length that share the KV arena of a model evenly.
pub(crate) struct Sequences<'a> {
    model: &'a mut (dyn Forward + Send),
    tables: Vec<Vec<PageId>>,
    pub(crate) position: usize,
    logits: Logits,
}

impl<'a> Sequences<'a> {
    pub(crate) fn new(model: &'a mut (dyn Forward + Send), test: Test) -> Result<Self, Error> {
        let pages: Vec<PageId> = (0..model.n_pages() as u32).map(PageId).collect();
        let pages_each = pages.len() / test.n_sequences;
        let context_len_max = model.context_len_max().min(pages_each * PAGE_LEN);
        let n = test.context_len();
        if n > context_len_max {
            return Err(Error::Context { what: "a test", n, context_len_max });
        }
        let n_states = model.n_states();
        if n_states > 0 && test.n_sequences > n_states {
            return Err(Error::Parameter { parameter: "sequences", value: test.n_sequences, expected: "one a state" });
        }
        let step_rows_max = model.step_rows_max();
        if test.n_sequences > step_rows_max {
            return Err(Error::Context { what: "a step", n: test.n_sequences, context_len_max: step_rows_max });
        }
        let tables = pages.chunks_exact(pages_each.max(1)).take(test.n_sequences).map(<[_]>::to_vec).collect();
        Ok(Self { model, tables, position: 0, logits: Logits::default() })
    }

    /// Makes `n` token ids. Speed does not depend on which; they differ, so that no row of the embedding is favoured.
    pub(crate) fn tokens(&self, n: usize) -> Vec<TokenId> {
        let n_vocab = self.model.n_vocab() as u32;
        (0..n as u32).map(|i| TokenId(i.wrapping_mul(2_654_435_761) % n_vocab)).collect()
    }

    /// Goes back to where every sequence held `tokens` and no more. A state cannot go back: it is computed again.
    pub(crate) fn go_back(&mut self, tokens: &[TokenId]) {
        if self.model.n_states() > 0 && self.position != tokens.len() {
            self.position = 0;
            self.prefill(tokens);
        }
        self.position = tokens.len();
    }

    /// Feeds `tokens` to every sequence, in steps as large as the model takes; asks for the logits of the last.
    pub(crate) fn prefill(&mut self, tokens: &[TokenId]) {
        let chunks = tokens.chunks((self.model.step_rows_max() / self.tables.len()).max(1));
        let n_chunks = chunks.len();
        for (i, chunk) in chunks.enumerate() {
            let wanted = if i + 1 == n_chunks { LogitsWanted::Last } else { LogitsWanted::None };
            let chunks = vec![chunk; self.tables.len()];
            self.step(&chunks, wanted);
        }
    }

    /// Makes as many greedy steps as there are tokens: the first feeds the first token, others the best of the logits
    /// before.
    pub(crate) fn generate(&mut self, tokens: &[TokenId]) {
        let mut next = vec![tokens[..1].to_vec(); self.tables.len()];
        for _ in tokens {
            let spans: Vec<&[TokenId]> = next.iter().map(Vec::as_slice).collect();
            self.step(&spans, LogitsWanted::Best(1));
            for (i, next) in next.iter_mut().enumerate() {
                next[0] = model::best_token(self.logits.row(i)).unwrap_or(TokenId(0));
            }
        }
    }

    /// Gives every sequence `tokens` as a whole text, as many texts in a step as it has room for; asks for the hidden
    /// states of all.
    fn embed(&mut self, tokens: &[TokenId]) {
        let n_together = (self.model.step_rows_max() / tokens.len().max(1)).max(1);
        for tables in self.tables.chunks(n_together) {
            let spans: Vec<StepSpan<'_>> =
                tables.iter().map(|pages| StepSpan::new(tokens, 0, pages).wanting(LogitsWanted::Hidden)).collect();
            self.model.forward(&Step::new(&spans), &mut self.logits);
        }
    }

    fn step(&mut self, tokens: &[&[TokenId]], logits: LogitsWanted) {
        let spans: Vec<StepSpan<'_>> = (0..)
            .map(StateId)
            .zip(tokens.iter().zip(&self.tables))
            .map(|(state, (tokens, pages))| {
                StepSpan::new(tokens, self.position, pages).wanting(logits).with_state(state)
            })
            .collect();
        self.model.forward(&Step::new(&spans), &mut self.logits);
        self.position += tokens.first().map_or(0, |tokens| tokens.len());
    }
}
