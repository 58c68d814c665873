//! One completion on its way through a grammar.

use super::{GrammarError, TokenMask, error::one_line, vocabulary::Vocabulary};
use llguidance::api::StopReason;
use std::sync::Arc;
use tokenizer::TokenId;

/// A completion on its way through a grammar: a mask before each token, the token after it. A clone goes its own way.
pub struct Matcher {
    automaton: llguidance::Matcher,
    vocabulary: Arc<Vocabulary>,
    /// Control tokens, but for those that the grammar names.
    banned: Arc<TokenMask>,
}

impl Clone for Matcher {
    fn clone(&self) -> Self {
        // A shared cache of lexer states would make the limits, and so the outcome, depend on what others generate.
        Self {
            automaton: self.automaton.deep_clone(),
            vocabulary: Arc::clone(&self.vocabulary),
            banned: Arc::clone(&self.banned),
        }
    }
}

impl Matcher {
    pub(super) fn new(automaton: llguidance::Matcher, vocabulary: Arc<Vocabulary>, banned: Arc<TokenMask>) -> Self {
        Self { automaton, vocabulary, banned }
    }

    /// Returns a clone that shares the lexer's cache, and so fills it.
    pub(super) fn share(&self) -> Self {
        Self {
            automaton: self.automaton.clone(),
            vocabulary: Arc::clone(&self.vocabulary),
            banned: Arc::clone(&self.banned),
        }
    }

    /// Sets `mask` to the tokens that may come next. It is never empty before the end: once the grammar is finished it
    /// holds the ends of generation (none if the vocabulary has none), and where no token fits that is
    /// [`GrammarError::NoToken`].
    pub fn fill_mask(&mut self, mask: &mut TokenMask) -> Result<(), GrammarError> {
        let n_vocab = self.vocabulary.n_vocab();
        match self.automaton.compute_mask_or_eos() {
            Ok(set) => mask.fill_from(set.as_slice(), n_vocab),
            Err(error) => return Err(failure(&error)),
        }
        mask.subtract(&self.banned);
        let may_end = self.may_end();
        if may_end {
            self.vocabulary.ends.iter().for_each(|&id| mask.insert(id));
        }
        if mask.is_empty() && !may_end {
            return Err(GrammarError::NoToken);
        }
        Ok(())
    }

    /// Goes on by `token`. A token that is not allowed is refused, and the matcher stays where it was.
    pub fn accept(&mut self, token: TokenId) -> Result<(), GrammarError> {
        let refused = GrammarError::Token { id: token.0 };
        if token.0 as usize >= self.vocabulary.n_vocab() || self.is_finished() {
            return Err(refused);
        }
        let ends_here = self.vocabulary.ends.contains(&token) && self.may_end();
        if !ends_here && (self.banned.allows(token) || !self.goes_on(token)?) {
            return Err(refused);
        }
        self.automaton.consume_token(token.0).map_err(|error| failure(&error))
    }

    fn goes_on(&mut self, token: TokenId) -> Result<bool, GrammarError> {
        Ok(self.automaton.validate_tokens(&[token.0]).map_err(|error| failure(&error))? > 0)
    }

    /// Whether the completion may end here.
    pub fn may_end(&mut self) -> bool {
        match self.automaton.stop_reason() {
            StopReason::NotStopped => self.automaton.is_accepting().unwrap_or(false),
            StopReason::NoExtension | StopReason::EndOfSentence => true,
            _ => false,
        }
    }

    /// Whether the completion is over: an end was accepted, or nothing but an end can come.
    pub fn is_finished(&self) -> bool {
        self.automaton.is_stopped() && !self.automaton.is_error()
    }

    /// Appends tokens that spell what must come next, if the grammar leaves no choice: good drafts, though a model may
    /// spell the same text by other tokens.
    pub fn forced(&mut self, out: &mut Vec<TokenId>) {
        if self.is_finished() {
            return;
        }
        // Asking moves the automaton over the forced bytes.
        let bytes = self.automaton.clone().compute_ff_bytes();
        if bytes.is_empty() || bytes.contains(&0xFF) {
            return;
        }
        let mut tokens = Vec::new();
        self.vocabulary.spell(&bytes, &mut tokens);
        let ids: Vec<u32> = tokens.iter().map(|id| id.0).collect();
        let mut ahead = self.automaton.clone();
        let n_allowed = ahead.try_consume_tokens(&ids).unwrap_or(0);
        tokens.truncate(n_allowed);
        // The last one may be the beginning of a longer token.
        if tokens.len() > 1 && !ahead.is_stopped() {
            tokens.pop();
        }
        out.append(&mut tokens);
    }
}

/// Returns the automaton's error, after which it answers nothing more.
fn failure(error: &impl ToString) -> GrammarError {
    let message = error.to_string();
    if message.starts_with(&StopReason::NoExtensionBias.to_string()) {
        return GrammarError::NoToken;
    }
    GrammarError::TooComplex(one_line(&message))
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Matcher").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}
