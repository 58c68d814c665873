//! [`Thinking`]: whether a model thinks before it answers, as its template is told.

use serde_json::{Map, Value};

/// Whether, or how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Thinking {
    /// Not at all.
    Off,
    /// As the template does by itself.
    On,
    /// Little.
    Low,
    /// More.
    Medium,
    /// Much.
    High,
}

impl Thinking {
    /// How much, by its word.
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

    /// The variables that templates read it from.
    pub fn variables(self) -> Map<String, Value> {
        let mut variables = Map::new();
        variables.insert("enable_thinking".to_owned(), (self != Self::Off).into());
        if let Some(effort) = self.effort() {
            variables.insert("reasoning_effort".to_owned(), effort.into());
        }
        variables
    }
}
