//! [`Think`]: whether a model thinks before it answers, and the prompt of a conversation in which it does.

use chat::{Message, OutputFormat, Template};
use clap::ValueEnum;
use prompt::Thinking;
use tokenizer::{TokenId, Tokenizer};

use crate::{
    failure::{Failure, Kind},
    terminal,
};

/// Spelling of [`Thinking`] on the command line and in a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Think {
    /// As the template does where nothing is said
    On,
    /// Answer at once
    Off,
    /// Little, for models that know how much
    Low,
    /// More
    Medium,
    /// Much
    High,
}

impl Think {
    /// Refuses what a model with this template cannot do.
    pub(super) fn check(self, template: &Template) -> Result<(), Failure> {
        if self == Self::Off || OutputFormat::detect(Some(template)).has_reasoning() {
            return Ok(());
        }
        let word = self.to_possible_value().map_or_else(String::new, |word| word.get_name().to_owned());
        Err(Failure::usage(format!("think {word}: the model's chat template knows no thinking")))
    }
}

impl From<Think> for Thinking {
    fn from(think: Think) -> Self {
        match think {
            Think::On => Self::On,
            Think::Off => Self::Off,
            Think::Low => Self::Low,
            Think::Medium => Self::Medium,
            Think::High => Self::High,
        }
    }
}

/// The messages rendered by `template`, ready for the reply. What the messages hold stays text, whatever it spells.
pub(super) fn encode_messages(
    tokenizer: &Tokenizer,
    template: &Template,
    messages: &[Message],
    think: Option<Think>,
) -> Result<Vec<TokenId>, Failure> {
    let variables = think.map(|think| Thinking::from(think).variables());
    prompt::encode_messages(tokenizer, template, messages, variables.as_ref(), terminal::now())
        .map_err(|e| Failure::new(Kind::Failure, format!("chat template: {e}")))
}
