//! [`Session`]: a file that is read in, the model in it, and its requests; every call of the module is one of its
//! methods.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use gguf::Container;
use serde::Deserialize;
use serde_json::{Value, json};
use tokenizer::TokenId;

use crate::{
    Error,
    loaded::Loaded,
    options::Options,
    plan::{self, Planned},
    read::read,
    request::{Texts, TokenizeWire, Wire},
    trace,
    weights::{FILE_BYTES_MAX, Weights},
};

/// Version of the calls and of what they take and give.
pub(crate) const ABI: i32 = 1;

/// The outcome of a call of [`Session::step`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stepped {
    /// There is nothing to compute, and nothing to tell.
    Idle,
    /// There is more to compute.
    More,
    /// There are events; they are to be taken before anything else is computed.
    Events,
}

/// A file that is whole.
struct File {
    container: Container,
    sha256: String,
}

/// One model, from its first bytes to its last event.
pub struct Session {
    clock: fn() -> Duration,
    memory: fn() -> u64,
    reading: Option<Weights>,
    /// Bytes that are there and were not looked at yet, with their hash.
    read: Option<(Vec<u8>, String)>,
    file: Option<File>,
    loaded: Option<Loaded>,
    kv_bytes: u64,
    scratch_bytes: u64,
    n_ids: u32,
    seed: Option<u64>,
}

/// The texts of `embed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbedWire {
    input: Texts,
}

/// The tokens of `detokenize`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DetokenizeWire {
    tokens: Vec<u32>,
    #[serde(default)]
    special: bool,
}

/// The steps of `trace`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TraceWire {
    prompt: String,
    n: usize,
}

impl Session {
    /// An empty session. `clock` tells the time since some moment and never goes back; `memory` tells how many bytes of
    /// memory the program has.
    pub fn new(clock: fn() -> Duration, memory: fn() -> u64) -> Self {
        Self {
            clock,
            memory,
            reading: None,
            read: None,
            file: None,
            loaded: None,
            kv_bytes: 0,
            scratch_bytes: 0,
            n_ids: 0,
            seed: None,
        }
    }

    /// The plan for a file of `file_bytes`, by its first bytes.
    pub fn plan(&self, head: &[u8], file_bytes: u64, options: &[u8]) -> Result<Value, Error> {
        plan::plan(head, file_bytes, &read(options)?)
    }

    /// Makes room for a file of `n_bytes`, to be filled; what was read or loaded before is dropped.
    pub fn weights_begin(&mut self, n_bytes: u64) -> Result<&mut [u8], Error> {
        self.reset();
        let weights = self.reading.insert(Weights::begin(n_bytes, (self.memory)())?);
        Ok(weights.room())
    }

    /// Takes the news that everything below `upto` is there.
    pub fn weights_filled(&mut self, upto: u64) -> Result<(), Error> {
        self.reading.as_mut().ok_or_else(not_begun)?.filled(upto)
    }

    /// Ends the reading of a file whose SHA-256 is `expected`, in hex, if that is known.
    pub fn weights_end(&mut self, expected: &[u8]) -> Result<Value, Error> {
        let expected = std::str::from_utf8(expected).map_err(|e| Error::field("sha256", &e.to_string()))?;
        let weights = self.reading.take().ok_or_else(not_begun)?;
        let n_bytes = weights.len();
        let (bytes, sha256) = weights.end(expected.trim())?;
        let told = json!({"sha256": sha256, "bytes": n_bytes});
        self.read = Some((bytes, sha256));
        Ok(told)
    }

    /// Loads the model that was read in; again, by other options, if one is loaded.
    pub fn load(&mut self, options: &[u8]) -> Result<Value, Error> {
        let options: Options = read(options)?;
        options.check()?;
        if let Some((bytes, sha256)) = self.read.take() {
            let name = options.name.as_deref().unwrap_or("model");
            let container = Container::from_bytes(name, bytes).map_err(Error::input)?;
            self.file = Some(File { container, sha256 });
        }
        let File { container, sha256 } = self.file.as_ref().ok_or_else(not_begun)?;
        self.loaded = None;
        (self.kv_bytes, self.scratch_bytes) = (0, 0);
        let planned = Planned::new(container, container.file_bytes(), &options)?;
        reserve(&planned, self.memory)?;
        let loaded = Loaded::new(container, &options, (&planned, sha256), self.clock)?;
        (self.kv_bytes, self.scratch_bytes) = (planned.kv_bytes(), planned.scratch_bytes());
        self.seed = options.seed;
        let info = loaded.info().clone();
        self.loaded = Some(loaded);
        Ok(info)
    }

    /// Drops model, weights and requests.
    pub fn reset(&mut self) {
        (self.reading, self.read, self.loaded, self.file) = (None, None, None, None);
        (self.kv_bytes, self.scratch_bytes) = (0, 0);
    }

    fn loaded(&mut self) -> Result<&mut Loaded, Error> {
        self.loaded.as_mut().ok_or_else(Error::closed)
    }

    /// What the loaded model is.
    pub fn info(&mut self) -> Result<Value, Error> {
        Ok(self.loaded()?.info().clone())
    }

    /// The tokens of a text.
    pub fn tokenize(&mut self, request: &[u8]) -> Result<Value, Error> {
        let wire: TokenizeWire = read(request)?;
        Ok(json!({"tokens": numbers(&wire.ids(&self.loaded()?.tokenizer))}))
    }

    /// The text of tokens.
    pub fn detokenize(&mut self, request: &[u8]) -> Result<Value, Error> {
        let wire: DetokenizeWire = read(request)?;
        let tokenizer = &self.loaded()?.tokenizer;
        let n_vocab = tokenizer.n_vocab();
        if let Some(id) = wire.tokens.iter().find(|id| **id as usize >= n_vocab) {
            return Err(Error::range("tokens", id, format_args!("less than {n_vocab}, the model's tokens")));
        }
        let ids: Vec<TokenId> = wire.tokens.into_iter().map(TokenId).collect();
        let bytes = tokenizer.decode(&ids, wire.special);
        Ok(json!({"content": String::from_utf8_lossy(&bytes)}))
    }

    /// The number of tokens of a request's prompt.
    pub fn count_tokens(&mut self, request: &[u8]) -> Result<Value, Error> {
        let now = (self.clock)();
        let (_, ids) = read::<Wire>(request)?.render(self.loaded()?, now)?;
        Ok(json!({"n_tokens": ids.len()}))
    }

    /// A request's prompt as text and tokens.
    pub fn render(&mut self, request: &[u8]) -> Result<Value, Error> {
        let now = (self.clock)();
        let (text, ids) = read::<Wire>(request)?.render(self.loaded()?, now)?;
        Ok(json!({"prompt": text, "tokens": numbers(&ids)}))
    }

    /// Submits a request for completions, and returns its name.
    pub fn submit(&mut self, request: &[u8]) -> Result<i32, Error> {
        let now = (self.clock)();
        let (id, wire) = (self.next_id(), read(request)?);
        let seed = self.seed.unwrap_or_else(|| drawn(now, id));
        self.loaded()?.submit(id, wire, seed, now)?;
        Ok(id.cast_signed())
    }

    /// Submits texts of which embeddings are wanted, and returns their name.
    pub fn embed(&mut self, request: &[u8]) -> Result<i32, Error> {
        let (id, EmbedWire { input }) = (self.next_id(), read(request)?);
        self.loaded()?.embed(id, input)?;
        Ok(id.cast_signed())
    }

    fn next_id(&mut self) -> u32 {
        // They begin again after two billion, and are above zero.
        self.n_ids = self.n_ids % i32::MAX.cast_unsigned() + 1;
        self.n_ids
    }

    /// Computes one step of all requests, unless there are events to be taken.
    pub fn step(&mut self) -> Result<Stepped, Error> {
        let loaded = self.loaded()?;
        if loaded.has_events() {
            return Ok(Stepped::Events);
        }
        let has_more = loaded.step();
        Ok(match (loaded.has_events(), has_more) {
            (true, _) => Stepped::Events,
            (false, true) => Stepped::More,
            (false, false) => Stepped::Idle,
        })
    }

    /// The events since the last call, one JSON object a line, and how many there are.
    pub fn events(&mut self) -> Result<(String, i32), Error> {
        Ok(self.loaded()?.events())
    }

    /// Cancels what is called `id`; its end comes as an event. Returns whether it ran.
    pub fn cancel(&mut self, id: u32) -> Result<bool, Error> {
        Ok(self.loaded()?.cancel(id))
    }

    /// Counters and gauges of the engine.
    pub fn stats(&mut self) -> Result<Value, Error> {
        Ok(self.loaded()?.stats())
    }

    /// Where memory is.
    pub fn memory(&self) -> Value {
        let weight_bytes = match (&self.reading, &self.read, &self.file) {
            (Some(weights), ..) => weights.len() as u64,
            (_, Some((bytes, _)), _) => bytes.len() as u64,
            (_, _, Some(file)) => file.container.file_bytes(),
            _ => 0,
        };
        json!({
            "module_bytes": (self.memory)(),
            "weight_bytes": weight_bytes,
            "kv_bytes": self.kv_bytes,
            "scratch_bytes": self.scratch_bytes,
            "limit_bytes": FILE_BYTES_MAX,
        })
    }

    /// Greedy steps and a hash of their logits, by which a module is compared with the native program; for these steps
    /// the model has a second cache.
    pub fn trace(&mut self, request: &[u8]) -> Result<Value, Error> {
        let TraceWire { prompt, n } = read(request)?;
        let loaded = self.loaded.as_ref().ok_or_else(Error::closed)?;
        let file = self.file.as_ref().ok_or_else(Error::closed)?;
        trace::trace(&file.container, &loaded.tokenizer, &prompt, n, loaded.kv_types)
    }

    /// Whether nothing runs and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.loaded.as_ref().is_none_or(Loaded::is_idle)
    }
}

fn not_begun() -> Error {
    Error::input("no file was read in: weights_begin, weights_filled and weights_end come first")
}

/// Sees that there is memory for what `planned` needs beside the weights, so that loading does not end the module.
fn reserve(planned: &Planned, memory: fn() -> u64) -> Result<(), Error> {
    let refuse = || planned.refusal(memory());
    let n = usize::try_from(planned.beside_weights()).map_err(|_| refuse())?;
    let mut room: Vec<u8> = Vec::new();
    room.try_reserve_exact(n).map_err(|_| refuse())?;
    // Memory that was asked for and given back stays with the module.
    std::hint::black_box(&mut room);
    Ok(())
}

fn numbers(ids: &[TokenId]) -> Vec<u32> {
    ids.iter().map(|id| id.0).collect()
}

/// A seed that differs from request to request.
fn drawn(now: Duration, id: u32) -> u64 {
    let mut hasher = DefaultHasher::new();
    (now, id).hash(&mut hasher);
    hasher.finish()
}
