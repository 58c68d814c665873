//! [`Constraint`]: a grammar that a completion follows.

use model::TokenId;

use crate::grammar::{Grammar, GrammarError, Matcher, TokenMask};

/// The place of a completion in its grammar, and the tokens that may come next.
pub(crate) struct Constraint {
    matcher: Matcher,
    mask: TokenMask,
    /// Whether the mask is that of the next token.
    is_filled: bool,
}

impl Constraint {
    pub(crate) fn new(grammar: &Grammar) -> Self {
        Self { matcher: grammar.start(), mask: TokenMask::new(), is_filled: false }
    }

    /// Whether the mask of the next token is still to be computed.
    pub(crate) fn wants_mask(&self) -> bool {
        !self.is_filled
    }

    /// Returns the tokens that may come next. May be called beforehand, while the logits are computed.
    pub(crate) fn mask(&mut self) -> Result<&TokenMask, GrammarError> {
        if !self.is_filled {
            self.matcher.fill_mask(&mut self.mask)?;
            self.is_filled = true;
        }
        Ok(&self.mask)
    }

    /// Goes on by a token that the mask allows; returns whether nothing can follow it.
    pub(crate) fn accept(&mut self, token: TokenId) -> Result<bool, GrammarError> {
        self.is_filled = false;
        self.matcher.accept(token)?;
        Ok(self.matcher.is_finished())
    }

    /// Appends tokens that are sure to follow, as they are most likely spelled.
    pub(crate) fn forced(&mut self, out: &mut Vec<TokenId>) {
        self.matcher.forced(out);
    }
}
