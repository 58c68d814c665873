//! [`Thinking`]: whether a model thinks before it answers, as its template is told.

use serde_json::{Map, Value};

/// Whether a model thinks before it answers, or how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thinking {
    /// The model answers at once.
    Off,
    /// The model thinks as its template makes it by itself.
    On,
    /// The model thinks little: `reasoning_effort` is `low`.
    Low,
    /// The model thinks more: `reasoning_effort` is `medium`.
    Medium,
    /// The model thinks much: `reasoning_effort` is `high`.
    High,
}

impl Thinking {
    /// The amount of thinking that the word of `reasoning_effort` stands for.
    pub fn from_effort(word: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High].into_iter().find(|thinking| thinking.effort() == Some(word))
    }

    fn effort(self) -> Option<&'static str> {
        match self {
            Self::Off | Self::On => None,
            Self::Low => Some("low"),
            Self::Medium => Some("medium"),
            Self::High => Some("high"),
        }
    }

    /// The variables from which templates read whether to think.
    pub fn variables(self) -> Map<String, Value> {
        let mut variables = Map::new();
        variables.insert("enable_thinking".to_owned(), (self != Self::Off).into());
        if let Some(effort) = self.effort() {
            variables.insert("reasoning_effort".to_owned(), effort.into());
        }
        variables
    }
}
