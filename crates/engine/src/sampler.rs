//! Picking a token from logits: a chain of samplers, then a draw.
//!
//! Tokens that the model's file suppresses are banned from the beginning. Then:
//!
//! 1. logit bias 2. penalties (repeat, frequency, presence) 3. grammar mask 4. top-k 5. typical 6. top-p 7. min-p 8.
//!    temperature
//! 9. draw
//!
//! The order is llama.cpp's default; a request may have another of its own from 4 to 8, where penalties can stand too.
//! Temperature 0 takes the most likely token after 1 to 3, and after infill where that is in the chain. One random
//! stream per request, keyed by its seed: the same logits give the same tokens, whatever else runs.

mod candidates;
mod defaults;
#[doc(hidden)]
pub mod for_specs;
mod infill;
mod logit_bias;
mod min_p;
mod penalties;
mod temperature;
mod top_k;
mod top_p;
mod typical;

use std::{borrow::Cow, sync::Arc};

use model::TokenId;
use rand_xoshiro::{
    Xoshiro256PlusPlus,
    rand_core::{Rng, SeedableRng},
};
use tokenizer::Tokenizer;

use crate::{
    Error,
    grammar::TokenMask,
    limits::{LOGIT_BIAS_MAX, PENALTY, PROBABILITY, REPEAT_PENALTY, Range, SAMPLERS_MAX, TEMPERATURE},
};
pub(crate) use candidates::Candidates;
pub use defaults::SamplingDefaults;
use penalties::Penalties;

/// Largest number of candidates for which it pays to compute no other logits.
const N_BEST_MAX: usize = 128;

/// Distance of the seeds of a request's completions: 2^64 over the golden ratio.
const STREAM_STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sampler that has a place in the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SamplerKind {
    /// Penalties: repeat, frequency and presence.
    Penalties,
    /// Top-k: keeps the k best tokens.
    TopK,
    /// Typical: keeps the tokens of typical surprise.
    Typical,
    /// Top-p: keeps the best tokens that reach a sum.
    TopP,
    /// Min-p: keeps the tokens that are not much less likely than the best.
    MinP,
    /// Infill: ends where it can, for gaps in code.
    Infill,
    /// Temperature: sharpens or flattens the distribution.
    Temperature,
}

impl SamplerKind {
    /// Chain that is used where the request names none.
    pub const CHAIN: &'static [Self] =
        &[Self::Penalties, Self::TopK, Self::Typical, Self::TopP, Self::MinP, Self::Temperature];
}

/// The settings by which tokens are picked; names and defaults as in llama.cpp.
#[derive(Clone, PartialEq, Debug)]
pub struct Sampling {
    /// Divides logits; 0 picks the most likely token.
    pub temperature: f32,
    /// Keeps this many best tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps the best tokens whose probabilities reach this sum; 1 keeps all.
    pub top_p: f32,
    /// Drops tokens less likely than this fraction of the best; 0 keeps all.
    pub min_p: f32,
    /// Keeps the tokens of most typical surprise whose probabilities reach this sum; 1 keeps all (Meister et al. 2022,
    /// arXiv 2202.00666).
    pub typical_p: f32,
    /// Divides (or, below zero, multiplies) the logits of recent tokens; 1 does nothing.
    pub repeat_penalty: f32,
    /// Number subtracted from the logit for every recent occurrence.
    pub frequency_penalty: f32,
    /// Number subtracted once from the logits of recent tokens.
    pub presence_penalty: f32,
    /// Number of last tokens that are recent.
    pub repeat_last_n: usize,
    /// Numbers added to the logits of single tokens.
    pub logit_bias: Vec<(TokenId, f32)>,
    /// Seed of the random stream.
    pub seed: u64,
    /// Samplers that are used, in this order.
    pub chain: Cow<'static, [SamplerKind]>,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 40,
            top_p: 0.95,
            min_p: 0.05,
            typical_p: 1.0,
            repeat_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
            repeat_last_n: 64,
            logit_bias: Vec::new(),
            seed: 0,
            chain: Cow::Borrowed(SamplerKind::CHAIN),
        }
    }
}

impl Sampling {
    /// Returns settings that always take the most likely token.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }

    /// Returns settings that draw from the model's own distribution: temperature 1, nothing cut off.
    pub fn unchanged() -> Self {
        Self { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, ..Self::default() }
    }

    /// Checks that every parameter is within its range; the error names the first that is not.
    pub fn check(&self) -> Result<(), Error> {
        let in_range = |parameter, value: f32, range: Range<f64>| {
            if range.single().contains(value) {
                Ok(())
            } else {
                Err(Error::Parameter { parameter, value: value.to_string(), expected: range.to_string() })
            }
        };
        in_range("temperature", self.temperature, TEMPERATURE)?;
        in_range("top_p", self.top_p, PROBABILITY)?;
        in_range("min_p", self.min_p, PROBABILITY)?;
        in_range("typical_p", self.typical_p, PROBABILITY)?;
        in_range("repeat_penalty", self.repeat_penalty, REPEAT_PENALTY)?;
        in_range("frequency_penalty", self.frequency_penalty, PENALTY)?;
        in_range("presence_penalty", self.presence_penalty, PENALTY)?;
        let at_most = |parameter, n: usize, things, max: usize| {
            if n <= max {
                return Ok(());
            }
            Err(Error::Parameter { parameter, value: format!("with {n} {things}"), expected: format!("at most {max}") })
        };
        at_most("chain", self.chain.len(), "samplers", SAMPLERS_MAX)?;
        at_most("logit_bias", self.logit_bias.len(), "entries", LOGIT_BIAS_MAX)?;
        for (_, bias) in &self.logit_bias {
            // -inf bans a token.
            if bias.is_nan() || *bias == f32::INFINITY {
                return Err(Error::Parameter {
                    parameter: "logit_bias",
                    value: bias.to_string(),
                    expected: "a number or -inf".to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// What is left of all tokens before the draw.
enum Narrowed {
    /// The most likely token, and no sampler was asked; `None` if every token is banned.
    ToBest(Option<TokenId>),
    /// The sampler's candidates.
    ToCandidates,
}

/// The chain of one request. After construction nothing allocates, and no sampler sorts the vocabulary.
pub struct Sampler {
    sampling: Sampling,
    /// Steps of the chain that do anything, without penalties that come first.
    steps: Vec<SamplerKind>,
    penalties: Option<Penalties>,
    /// Whether penalties come before everything else.
    penalises_first: bool,
    /// Tokenizer that infill looks at, and that knows which tokens are never said.
    tokenizer: Option<Arc<Tokenizer>>,
    n_vocab: usize,
    /// Logits `[V]` with bias and penalties, where there are any.
    adjusted: Vec<f32>,
    candidates: Candidates,
    random: Xoshiro256PlusPlus,
}

impl Sampler {
    /// Makes the chain of a request. Refuses parameters out of range, and biases of tokens that a vocabulary of
    /// `n_vocab` does not have.
    pub fn new(sampling: &Sampling, n_vocab: usize, context_len_max: usize) -> Result<Self, Error> {
        Self::for_choice(sampling, 0, n_vocab, context_len_max)
    }

    /// Makes the chain of one of several completions of a request: each draws from a random stream of its own, the
    /// first from that of a lone one.
    pub fn for_choice(
        sampling: &Sampling,
        index: usize,
        n_vocab: usize,
        context_len_max: usize,
    ) -> Result<Self, Error> {
        Self::check(sampling, n_vocab)?;
        let is_in_chain = |kind| sampling.chain.contains(&kind);
        let penalties = Penalties::new(sampling, context_len_max).filter(|_| is_in_chain(SamplerKind::Penalties));
        let is_on = |kind: &SamplerKind| match kind {
            SamplerKind::Penalties => penalties.is_some(),
            SamplerKind::TopK => top_k::is_on(n_vocab, sampling.top_k),
            SamplerKind::Typical => sampling.typical_p < 1.0,
            SamplerKind::TopP => sampling.top_p < 1.0,
            SamplerKind::MinP => sampling.min_p > 0.0,
            SamplerKind::Infill => true,
            SamplerKind::Temperature => sampling.temperature > 0.0,
        };
        let mut steps: Vec<SamplerKind> = sampling.chain.iter().copied().filter(is_on).collect();
        let is_greedy = sampling.temperature == 0.0 && !is_in_chain(SamplerKind::Infill);
        let penalises_first = is_greedy || steps.first() == Some(&SamplerKind::Penalties);
        if is_greedy {
            steps.clear();
        } else if penalises_first {
            steps.remove(0);
        }
        let is_adjusted = penalties.is_some() || !sampling.logit_bias.is_empty();
        let n_candidates = match steps.first() {
            _ if is_greedy => 0,
            Some(SamplerKind::TopK) => top_k::buffer_len(sampling.top_k),
            _ => n_vocab,
        };
        Ok(Self {
            steps,
            penalties,
            penalises_first,
            tokenizer: None,
            n_vocab,
            adjusted: Vec::with_capacity(if is_adjusted { n_vocab } else { 0 }),
            candidates: Candidates::with_capacity(n_candidates),
            random: Xoshiro256PlusPlus::seed_from_u64(sampling.seed ^ (index as u64).wrapping_mul(STREAM_STRIDE)),
            sampling: sampling.clone(),
        })
    }

    /// Refuses the settings that [`new`](Self::new) refuses.
    pub(crate) fn check(sampling: &Sampling, n_vocab: usize) -> Result<(), Error> {
        sampling.check()?;
        match sampling.logit_bias.iter().find(|(id, _)| id.0 as usize >= n_vocab) {
            Some((unknown, _)) => Err(Error::UnknownBias { id: unknown.0, n_vocab }),
            None => Ok(()),
        }
    }

    /// Number of the largest logits that decide, equals of the least included; `None` if all may matter.
    pub(crate) fn n_best(&self) -> Option<usize> {
        let is_adjusted = self.penalties.is_some() || !self.sampling.logit_bias.is_empty();
        let n_best = match self.steps.first() {
            _ if self.is_greedy() => 1,
            Some(SamplerKind::TopK) => self.sampling.top_k,
            _ => return None,
        };
        // All that are suppressed may be among the best.
        let n_best = (n_best > 0).then(|| n_best.saturating_add(self.n_suppressed()))?;
        (!is_adjusted && n_best <= N_BEST_MAX).then_some(n_best)
    }

    /// Adds the vocabulary that infill looks at, which does nothing without it, and whose suppressed tokens are banned.
    pub(crate) fn with_tokenizer(mut self, tokenizer: Arc<Tokenizer>) -> Self {
        self.tokenizer = Some(tokenizer);
        if self.n_suppressed() > 0 {
            self.adjusted.reserve_exact(self.n_vocab);
        }
        self
    }

    /// Number of tokens that are never said.
    fn n_suppressed(&self) -> usize {
        self.tokenizer.as_ref().map_or(0, |tokenizer| tokenizer.suppressed().len())
    }

    /// Whether the most likely token is taken and no sampler asked.
    fn is_greedy(&self) -> bool {
        self.sampling.temperature == 0.0 && !self.sampling.chain.contains(&SamplerKind::Infill)
    }

    /// Notes a token of the prompt or of the completion, for the penalties.
    pub fn accept(&mut self, token: TokenId) {
        if let Some(penalties) = &mut self.penalties {
            penalties.accept(token);
        }
    }

    /// Picks a token by `logits` `[V]`, all finite; `None` if every token is banned. The caller then
    /// [`accept`](Self::accept)s it.
    pub fn sample(&mut self, logits: &[f32]) -> Option<TokenId> {
        self.sample_of(logits, None)
    }

    /// Picks a token among those of `mask`.
    pub fn sample_of(&mut self, logits: &[f32], mask: Option<&TokenMask>) -> Option<TokenId> {
        if let Narrowed::ToBest(token) = self.narrow(logits, mask) {
            return token;
        }
        // 53 bits: every f64 in [0, 1) of that grid is equally likely.
        let unit = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        self.candidates.draw(unit)
    }

    /// Goes through the chain up to the draw.
    fn narrow(&mut self, logits: &[f32], mask: Option<&TokenMask>) -> Narrowed {
        let (is_greedy, has_suppressed) = (self.is_greedy(), self.n_suppressed() > 0);
        let Self { sampling, steps, penalties, penalises_first, tokenizer, adjusted, candidates, .. } = self;
        let first_penalties = penalties.as_ref().filter(|_| *penalises_first);
        let is_adjusted = first_penalties.is_some() || !sampling.logit_bias.is_empty() || mask.is_some();
        let logits = if is_adjusted || has_suppressed {
            adjusted.clear();
            adjusted.extend_from_slice(logits);
            logit_bias::apply(adjusted, &sampling.logit_bias);
            if let Some(penalties) = first_penalties {
                penalties.apply(adjusted);
            }
            if let Some(mask) = mask {
                mask.apply(adjusted);
            }
            // The model may have fewer logits than there are tokens.
            for id in tokenizer.iter().flat_map(|tokenizer| tokenizer.suppressed()) {
                adjusted.get_mut(id.0 as usize).into_iter().for_each(|logit| *logit = f32::NEG_INFINITY);
            }
            adjusted
        } else {
            logits
        };
        if is_greedy {
            return Narrowed::ToBest(model::best_token(logits));
        }
        let mut steps = steps.iter();
        if steps.as_slice().first() == Some(&SamplerKind::TopK) {
            steps.next();
            top_k::fill(candidates, logits, sampling.top_k);
        } else {
            candidates.fill(logits);
        }
        for kind in steps {
            match kind {
                SamplerKind::Penalties => penalties.iter().for_each(|penalties| penalties.apply_to(candidates)),
                SamplerKind::TopK => top_k::apply(candidates, sampling.top_k),
                SamplerKind::Typical => typical::apply(candidates, sampling.typical_p),
                SamplerKind::TopP => top_p::apply(candidates, sampling.top_p),
                SamplerKind::MinP => min_p::apply(candidates, sampling.min_p),
                SamplerKind::Infill => tokenizer.iter().for_each(|tokenizer| infill::apply(candidates, &**tokenizer)),
                SamplerKind::Temperature => temperature::apply(candidates, sampling.temperature),
            }
        }
        if sampling.temperature == 0.0 {
            candidates.keep_likeliest(1);
        }
        Narrowed::ToCandidates
    }
}

#[cfg(test)]
mod tests;
