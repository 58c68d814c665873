//! Multiple choice by likelihood: which of several endings a model finds most probable.
//!
//! A text is tokenised whole; its ending is what follows the tokens that the context alone has. The score of an ending
//! is the sum of the log-probabilities of its tokens. A beginning token goes in front where the model wants one, and
//! where there is no context: the first token of a sentence is predicted from something.

mod parse;
mod tally;

use model::{Forward, TokenId, best_token};
use serde::{Deserialize, Serialize};
use tokenizer::{ControlTokens, Tokenizer};

pub use parse::{Format, ParseError, Question, parse};
pub use tally::{Accuracy, Tally};

use crate::{Error, session::Session, softmax};

/// A question as the model gets it: the token ids of each of its choices.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Choices, one for each ending.
    choices: Vec<Choice>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Choice {
    tokens: Vec<TokenId>,
    /// Index of the first token whose probability counts; at least 1.
    scored_from: usize,
}

/// The model's judgement of one ending.
#[derive(Clone, Copy, PartialEq, Serialize, Deserialize, Debug)]
pub struct Score {
    /// Sum of the log-probabilities of the ending's tokens, in nats; 32 bits, so that it survives writing and reading.
    pub log_probability: f32,
    /// Number of tokens of the ending.
    pub n_tokens: u32,
    /// Whether each token of the ending is the most probable one at its place.
    pub is_greedy: bool,
}

impl Item {
    /// Tokenises `question` with each of its endings.
    pub fn new(tokenizer: &Tokenizer, question: &Question) -> Self {
        let encode = |text: &str| {
            let first = match tokenizer.added_first() {
                None if question.context.is_empty() => tokenizer.bos().or(tokenizer.eos()),
                added => added,
            };
            let mut tokens: Vec<TokenId> = first.into_iter().collect();
            tokenizer.encode(text, ControlTokens::AsText, false, &mut tokens);
            tokens
        };
        let context = encode(&question.context);
        let choice = |ending: &String| {
            let tokens = encode(&format!("{}{ending}", question.context));
            let n_shared = tokens.iter().zip(&context).take_while(|(a, b)| a == b).count();
            // Where an ending melts into the context's last token, that one is scored.
            let scored_from = n_shared.min(tokens.len().saturating_sub(1)).max(1);
            Choice { tokens, scored_from }
        };
        Self { choices: question.endings.iter().map(choice).collect() }
    }

    /// Number of positions that the longest choice takes.
    pub fn context_len(&self) -> usize {
        self.choices.iter().map(|choice| choice.tokens.len()).max().unwrap_or(0)
    }

    /// Number of tokens that all choices begin with and that none of them scores.
    fn n_shared(&self) -> usize {
        let Some((first, others)) = self.choices.split_first() else { return 0 };
        let shared = |n: usize, other: &Choice| {
            let same = first.tokens.iter().zip(&other.tokens).take_while(|(a, b)| a == b).count();
            n.min(same).min(other.scored_from)
        };
        others.iter().fold(first.scored_from.min(first.tokens.len()), shared)
    }
}

/// Scores questions one after the other on one model.
pub struct Scorer<'a> {
    session: Session<'a>,
}

impl<'a> Scorer<'a> {
    /// Makes a scorer that uses the whole KV arena of `model`.
    pub fn new(model: &'a mut (dyn Forward + Send)) -> Self {
        Self { session: Session::new(model) }
    }

    /// Returns a score for each ending of `item`.
    pub fn score(&mut self, item: &Item) -> Result<Vec<Score>, Error> {
        self.session.check("a question", item.context_len())?;
        self.session.clear();
        // What all have in common is computed once; its last token again with each, for the logits behind it.
        let n_shared = item.n_shared().saturating_sub(1);
        if let Some(choice) = item.choices.first() {
            self.session.check_ids(&choice.tokens)?;
            self.session.compute(&choice.tokens[..n_shared], n_shared, &mut |_, _| Ok(()))?;
        }
        item.choices.iter().map(|choice| self.choice(choice, n_shared)).collect()
    }

    fn choice(&mut self, choice: &Choice, n_shared: usize) -> Result<Score, Error> {
        let Choice { tokens, scored_from } = choice;
        self.session.check_ids(tokens)?;
        self.session.rewind(n_shared);
        let (mut sum, mut n_tokens, mut is_greedy) = (0.0, 0, true);
        let fed = tokens.len().saturating_sub(1).max(n_shared);
        self.session.compute(&tokens[n_shared..fed], scored_from - 1, &mut |position, logits| {
            if let Some(next) = tokens.get(position + 1) {
                sum += softmax::log_probability(logits, *next);
                n_tokens += 1;
                is_greedy &= best_token(logits) == Some(*next);
            }
            Ok(())
        })?;
        Ok(Score { log_probability: sum as f32, n_tokens, is_greedy })
    }
}
