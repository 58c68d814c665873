//! The state of a conversation: messages, settings, the model that answers; saved and loaded as JSON.

use std::{fs, io::Write, ops::ControlFlow, path::Path};

use chat::{Message, Template};
use clap::ValueEnum;
use engine::{Completion, FinishReason};
use serde::{Deserialize, Serialize};

use super::super::{
    model_args::Loaded,
    prompt::{self, Think},
    report,
    sampling_args::SamplingArgs,
};
use crate::{
    failure::{Failure, Kind},
    terminal,
};

/// A file of `/save`, for people too.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    /// Says what this file is.
    trinity_chat: u32,
    model: String,
    system: Option<String>,
    messages: Vec<Message>,
}

const SAVED_VERSION: u32 = 1;
/// What helps where nothing more fits.
const FULL_HINT: &str = "/clear forgets the conversation, --context or --attention-window holds a longer one";
/// Longest file that `/load` reads, bytes.
const SAVED_BYTES_MAX: u64 = 8 << 20;

/// One conversation with one model.
pub(super) struct Conversation {
    loaded: Loaded,
    template: Template,
    system: Option<String>,
    think: Option<Think>,
    messages: Vec<Message>,
    sampling: SamplingArgs,
}

impl Conversation {
    /// Refuses a model without a template.
    pub(super) fn new(
        mut loaded: Loaded,
        system: Option<String>,
        think: Option<Think>,
        mut sampling: SamplingArgs,
    ) -> Result<Self, Failure> {
        let template = std::mem::take(&mut loaded.template).into_template(&loaded.name)?;
        think.map_or(Ok(()), |think| think.check(&template))?;
        sampling.settle(loaded.sampling);
        Ok(Self { loaded, template, system, think, messages: Vec::new(), sampling })
    }

    /// For the greeting.
    pub(super) fn model_name(&self) -> &str {
        &self.loaded.name
    }

    /// Answers `text`, printing as it goes. A reply that Ctrl-C stopped stays in the conversation as far as it came;
    /// a message that could not be answered does not.
    pub(super) fn reply(&mut self, text: &str) -> Result<(Completion, u64), Failure> {
        let mut messages: Vec<Message> = self.system.iter().map(Message::system).collect();
        messages.extend(self.messages.iter().cloned());
        messages.push(Message::user(text));
        let ids = prompt::encode_messages(&self.loaded.tokenizer, &self.template, &messages, self.think)?;
        let request = self.sampling.request(ids);
        terminal::take_interrupt();
        let mut reply = String::new();
        let mut printed = Ok(());
        let completion = self.loaded.engine.generate(&request, &mut |event| {
            reply.push_str(event.text);
            printed = terminal::put(event.text);
            if printed.is_err() || terminal::is_interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        terminal::take_interrupt();
        printed?;
        let completion = completion.map_err(|e| {
            let failure = self.loaded.failure(&e);
            let is_full = matches!(e, engine::Error::PromptTooLong { .. });
            if is_full { failure.with_hint(FULL_HINT) } else { failure }
        })?;
        terminal::put("\n")?;
        report::say_repetition(&completion);
        let is_cut = completion.finish_reason == FinishReason::Length;
        if is_cut && request.max_tokens.is_none_or(|n| completion.n_completion < n) {
            terminal::say(&format!("the context is full: {FULL_HINT}\n"));
        }
        self.messages.push(Message::user(text));
        self.messages.push(Message::assistant(reply));
        Ok((completion, request.sampling.seed))
    }

    /// Forgets all messages; the system message and the settings stay.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
    }

    /// Changes one setting; an error leaves all as they were.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        if name == "system" {
            self.system = (!value.is_empty()).then(|| value.to_owned());
            return Ok(());
        }
        if name == "think" {
            let think = Think::from_str(value, true);
            let think = think.map_err(|_| Failure::usage(format!("think {value:?}, expected {}", think_words())))?;
            think.check(&self.template)?;
            self.think = Some(think);
            return Ok(());
        }
        let mut changed = self.sampling.clone();
        changed.set(name, value)?;
        self.sampling = changed;
        Ok(())
    }

    /// All settings, one a line.
    pub(super) fn settings(&self) -> String {
        let system = self.system.as_deref().unwrap_or("(none)");
        let think = self.think.and_then(|think| think.to_possible_value());
        let think = think.as_ref().map_or("(as the template does)", |word| word.get_name());
        format!("system {system}\nthink {think}\n{}", self.sampling.describe())
    }

    /// Writes the conversation; the file appears whole or not at all.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        let (model, messages) = (self.loaded.name.clone(), self.messages.clone());
        let saved = Saved { trinity_chat: SAVED_VERSION, model, system: self.system.clone(), messages };
        let text = serde_json::to_string_pretty(&saved)? + "\n";
        let named = |e: std::io::Error| Failure::new(Kind::Failure, format!("{}: {e}", path.display()));
        let mut new = gguf::NewFile::create(path).map_err(named)?;
        new.file().and_then(|file| file.write_all(text.as_bytes())).and_then(|()| new.commit()).map_err(named)?;
        terminal::say(&format!("saved {} messages to {}\n", self.messages.len(), path.display()));
        Ok(())
    }

    /// Replaces the conversation by a saved one; an error leaves it as it was.
    pub(super) fn load(&mut self, path: &Path) -> Result<(), Failure> {
        let named = |e: &dyn std::fmt::Display| Failure::new(Kind::Failure, format!("{}: {e}", path.display()));
        let bytes = fs::metadata(path).map_err(|e| named(&e))?.len();
        if bytes > SAVED_BYTES_MAX {
            return Err(named(&format!("{bytes} bytes, at most {SAVED_BYTES_MAX} can be a conversation")));
        }
        let text = fs::read_to_string(path).map_err(|e| named(&e))?;
        let saved: Saved = serde_json::from_str(&text).map_err(|e| named(&e))?;
        if saved.trinity_chat != SAVED_VERSION {
            return Err(named(&format!(
                "version {} of a saved conversation, this program reads {SAVED_VERSION}",
                saved.trinity_chat
            )));
        }
        self.system = saved.system;
        self.messages = saved.messages;
        terminal::say(&format!("loaded {} messages\n", self.messages.len()));
        Ok(())
    }
}

/// What `/set think` takes.
fn think_words() -> String {
    let words = Think::value_variants().iter().filter_map(Think::to_possible_value);
    words.map(|word| word.get_name().to_owned()).collect::<Vec<_>>().join(", ")
}
