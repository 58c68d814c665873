//! The state of a conversation: messages, settings, the model that answers; saved and loaded as JSON.

use std::{fs, io::Write, ops::ControlFlow, path::Path};

use chat::{Content, Message, Role, Template};
use clap::ValueEnum;
use engine::{Completion, FinishReason};
use serde::{Deserialize, Serialize};
use tokenizer::TokenId;

use super::{
    super::{
        loaded::Loaded,
        report,
        sampling_args::SamplingArgs,
        think::{self, Think},
    },
    slash::think_words,
    wrap::Wrap,
};
use crate::{
    failure::{Failure, Kind},
    terminal,
};

/// The conversation as `/save` writes it to a file, which people can read, too.
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
/// Hint where the context has no room for a message.
const FULL_HINT: &str = "/clear forgets the conversation, --context or --attention-window holds a longer one";
/// Longest file that `/load` reads, bytes.
const SAVED_BYTES_MAX: u64 = 8 << 20;

/// Longest file that `/read` reads, bytes.
const READ_BYTES_MAX: u64 = 8 << 20;
/// From this share of the context on a reply is followed by how full it is: three quarters.
const USED_SHOWN: (usize, usize) = (3, 4);

/// One conversation with one model.
pub(super) struct Conversation {
    loaded: Loaded,
    template: Template,
    system: Option<String>,
    think: Option<Think>,
    messages: Vec<Message>,
    sampling: SamplingArgs,
    /// Files that go with the next message, as they stand in it.
    attached: String,
    /// The last message: the files in it, and what was typed.
    last: Option<(String, String)>,
    /// Replies that the last message got before.
    n_regenerated: u64,
    /// Tokens of the context that the last reply left taken.
    n_used: usize,
    /// The last reply ended for want of room.
    is_cut: bool,
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
        Ok(Self {
            loaded,
            template,
            system,
            think,
            messages: Vec::new(),
            sampling,
            attached: String::new(),
            last: None,
            n_regenerated: 0,
            n_used: 0,
            is_cut: false,
        })
    }

    /// Answers what was typed, files that were read before it; see [`answer`](Self::answer).
    pub(super) fn reply(&mut self, typed: &str) -> Result<Said, Failure> {
        let files = self.attached.clone();
        let said = self.answer(&files, typed, 0)?;
        self.attached.clear();
        Ok(said)
    }

    /// Answers the last message anew: as it was typed, or as `typed`. The old reply stays where no new one begins.
    pub(super) fn reply_again(&mut self, typed: Option<&str>) -> Result<Said, Failure> {
        let Some((files, old)) = self.last.clone() else { return Err(nothing_said()) };
        let kept = self.messages.split_off(self.messages.len().saturating_sub(2));
        let n_regenerated = if typed.is_none() { self.n_regenerated + 1 } else { 0 };
        let said = self.answer(&files, typed.unwrap_or(&old), n_regenerated);
        if said.is_err() {
            self.messages.extend(kept);
        }
        said
    }

    /// Answers a message, printing as it goes. A reply that Ctrl-C stopped stays in the conversation as far as it came;
    /// a message that could not be answered does not.
    fn answer(&mut self, files: &str, typed: &str, n_regenerated: u64) -> Result<Said, Failure> {
        let text = format!("{files}{typed}");
        let mut request = self.sampling.request(self.encode(&self.messages, &text)?);
        // The same seed would give the same reply.
        request.sampling.seed = request.sampling.seed.wrapping_add(n_regenerated);
        terminal::take_interrupt();
        let hidden = terminal::HiddenTyping::begin();
        let (mut reply, mut screen) = (String::new(), Screen::default());
        let mut printed = Ok(());
        let completion = self.loaded.engine.generate(&request, &mut |event| {
            reply.push_str(event.text);
            printed = screen.put(event.text);
            if printed.is_err() || terminal::is_interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        drop(hidden);
        terminal::take_interrupt();
        printed?;
        let completion = completion.map_err(|e| {
            let failure = self.loaded.failure(&e);
            let is_full = matches!(e, engine::Error::PromptTooLong { .. });
            if is_full { failure.with_hint(FULL_HINT) } else { failure }
        })?;
        terminal::put("\n")?;
        report::say_repetition(&completion);
        self.messages.push(Message::user(text));
        self.messages.push(Message::assistant(reply));
        self.last = Some((files.to_owned(), typed.to_owned()));
        self.n_regenerated = n_regenerated;
        self.n_used = completion.n_prompt + completion.n_completion;
        let is_length = completion.finish_reason == FinishReason::Length;
        self.is_cut = is_length && request.max_tokens.is_none_or(|n| completion.n_completion < n);
        self.say_room();
        Ok(Said { completion, seed: request.sampling.seed })
    }

    /// The prompt of `messages` and one more of the user's.
    fn encode(&self, messages: &[Message], text: &str) -> Result<Vec<TokenId>, Failure> {
        let mut all: Vec<Message> = self.system.iter().map(Message::system).collect();
        all.extend(messages.iter().cloned());
        all.push(Message::user(text));
        think::encode_messages(&self.loaded.tokenizer, &self.template, &all, self.think)
    }

    /// Says that the reply ended for want of room, or how full the context is, where that begins to matter.
    fn say_room(&self) {
        let (part, whole) = USED_SHOWN;
        if self.is_cut {
            terminal::say(&format!("the context is full: {FULL_HINT}\n"));
        } else if self.n_used.saturating_mul(whole) >= self.loaded.engine.context_len_max().saturating_mul(part) {
            terminal::say(&format!("{}\n", self.room_line()));
        }
    }

    fn room_line(&self) -> String {
        let max = self.loaded.engine.context_len_max();
        let (used, free) = (self.n_used, max.saturating_sub(self.n_used));
        format!("context {used} of {max} tokens used, {free} free")
    }

    /// Returns whether something must be left out for `typed` to be answered: it does not fit, or the last reply was
    /// cut off.
    pub(super) fn needs_room(&self, typed: &str) -> Result<bool, Failure> {
        if self.messages.is_empty() {
            return Ok(false);
        }
        let (text, max) = (format!("{}{typed}", self.attached), self.loaded.engine.context_len_max());
        // What has no room alone is refused, and costs no turn.
        let is_too_much = self.encode(&[], &text)?.len() >= max;
        Ok(!is_too_much && (self.is_cut || self.encode(&self.messages, &text)?.len() >= max))
    }

    /// Leaves out as many of the oldest turns as must be, so that `typed` and a reply of a quarter of the context have
    /// room; all of them where even that is too little.
    pub(super) fn make_room(&mut self, typed: &str) -> Result<(), Failure> {
        let max = self.loaded.engine.context_len_max();
        let (text, n_turns) = (format!("{}{typed}", self.attached), self.messages.len() / 2);
        let fits = |n_left_out: usize| -> Result<bool, Failure> {
            let kept = self.messages.get(2 * n_left_out..).unwrap_or_default();
            Ok(self.encode(kept, &text)?.len() <= max - max / 4)
        };
        let (mut low, mut high) = (1, n_turns);
        while low < high {
            let middle = usize::midpoint(low, high);
            if fits(middle)? { high = middle } else { low = middle + 1 }
        }
        self.messages.drain(..2 * high);
        self.is_cut = false;
        let turns = if high == 1 { "the oldest turn is".to_owned() } else { format!("the {high} oldest turns are") };
        terminal::say(&format!("{turns} left out\n"));
        Ok(())
    }

    /// What the user typed last.
    pub(super) fn last_typed(&self) -> Result<&str, Failure> {
        self.last.as_ref().map(|(_, typed)| typed.as_str()).ok_or_else(nothing_said)
    }

    /// Reads a text file, which goes before the next message.
    pub(super) fn attach(&mut self, path: &Path) -> Result<(), Failure> {
        let text = read(path, READ_BYTES_MAX, "can be read")?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        // A fence that nothing in the text closes.
        let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let end = if text.ends_with('\n') { "" } else { "\n" };
        let block = format!("{name}:\n{fence}\n{text}{end}{fence}\n\n");
        let n_tokens = prompt::encode_text(&self.loaded.tokenizer, &block).len();
        let max = self.loaded.engine.context_len_max();
        if n_tokens >= max {
            let message = format!("{}: {n_tokens} tokens, but the context holds {max}", path.display());
            return Err(Failure::new(Kind::Failure, message));
        }
        self.attached.push_str(&block);
        terminal::say(&format!("{}: {n_tokens} tokens, which go with the next message\n", path.display()));
        Ok(())
    }

    /// Forgets all messages; the system message and the settings stay.
    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.attached.clear();
        self.last = None;
        (self.n_used, self.is_cut) = (0, false);
    }

    /// Changes one setting; an error leaves all as they were.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Failure> {
        if name == "system" {
            self.system = (!value.is_empty()).then(|| value.to_owned());
            return Ok(());
        }
        if name == "think" {
            let think = Think::from_str(value, true);
            let words = || think_words().join(", ");
            let think = think.map_err(|_| Failure::usage(format!("think {value:?}, expected {}", words())))?;
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
        let think = self.think.and_then(|think| think.to_possible_value());
        let think = think.as_ref().map_or("(as the template does)", |word| word.get_name());
        let (system, room) = (self.system_line(), self.room_line());
        format!("{system}think {think}\n{}{room}\n", self.sampling.describe())
    }

    /// The names of the settings, for Tab.
    pub(super) fn setting_names(&self) -> Vec<String> {
        let names = self.sampling.describe();
        let names = names.lines().filter_map(|line| line.split(' ').next());
        ["system", "think"].into_iter().chain(names).map(str::to_owned).collect()
    }

    /// The system message.
    pub(super) fn system_line(&self) -> String {
        format!("system {}\n", self.system.as_deref().unwrap_or("(none)"))
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
        let text = read(path, SAVED_BYTES_MAX, "can be a conversation")?;
        let saved: Saved = serde_json::from_str(&text).map_err(|e| named(&e))?;
        if saved.trinity_chat != SAVED_VERSION {
            return Err(named(&format!(
                "version {} of a saved conversation, this program reads {SAVED_VERSION}",
                saved.trinity_chat
            )));
        }
        self.clear();
        self.system = saved.system;
        self.messages = saved.messages;
        if let [.., Message { role: Role::User, content: Content::Text(typed) }, _] = self.messages.as_slice() {
            self.last = Some((String::new(), typed.clone()));
        }
        terminal::say(&format!("loaded {} messages\n", self.messages.len()));
        Ok(())
    }
}

/// The completion that a reply is, and the seed that would give it again.
pub(super) struct Said {
    pub(super) completion: Completion,
    pub(super) seed: u64,
}

/// Where a reply is printed.
enum Screen {
    Wrapped(Wrap),
    /// A pipe or a file: the text as it is.
    Plain,
}

impl Default for Screen {
    fn default() -> Self {
        if terminal::stdout_is_screen() { Self::Wrapped(Wrap::default()) } else { Self::Plain }
    }
}

impl Screen {
    fn put(&mut self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Wrapped(wrap) => terminal::put(&wrap.push(text, terminal::columns())),
            Self::Plain => terminal::put(text),
        }
    }
}

fn nothing_said() -> Failure {
    Failure::usage("nothing was said yet")
}

/// A text file of at most so many bytes.
fn read(path: &Path, bytes_max: u64, what: &str) -> Result<String, Failure> {
    let named = |e: &dyn std::fmt::Display| Failure::new(Kind::Failure, format!("{}: {e}", path.display()));
    let about = fs::metadata(path).map_err(|e| named(&e))?;
    if !about.is_file() {
        return Err(named(&"no file"));
    }
    if about.len() > bytes_max {
        return Err(named(&format!("{} bytes, at most {bytes_max} {what}", about.len())));
    }
    terminal::read_text(&path.display().to_string(), fs::File::open(path).map_err(|e| named(&e))?)
}
