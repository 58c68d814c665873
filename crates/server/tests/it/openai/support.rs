//! A server with the small models, and requests to it.

use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use chat::{OutputFormat, Template};
use engine::{EngineOptions, Handle, SamplingDefaults, grammar::GrammarCompiler};
use gguf::Container;
use kernels::Kernels;
use model::{LoadOptions, Model, Pooling};
use prompt::Guard;
use serde_json::{Value, json};
use server::{
    ServerOptions,
    models::{KnownModel, LoadFailure, LoadedModel, Loader, ModelDetails, ModelNames, Models, ModelsOptions},
};
use tokenizer::Tokenizer;

use crate::loopback::{Answer, Loopback};

pub(crate) const STORIES: &str = "stories260k";
pub(crate) const SMOLLM2: &str = "smollm2:135m";
/// Name of [`STORIES`] with tokens for fill-in-the-middle prompts, which mean nothing to it.
pub(crate) const FILLS: &str = "fills";

/// Names of [`STORIES`] as if its file said how embeddings are pooled.
pub(crate) const POOLED: [(&str, Pooling); 4] = [
    ("unpooled", Pooling::None),
    ("cls-pooled", Pooling::First),
    ("last-pooled", Pooling::Last),
    ("ranker", Pooling::Rank),
];

fn pooling_of(id: &str) -> Option<Pooling> {
    POOLED.iter().find(|(name, _)| *name == id).map(|(_, pooling)| *pooling)
}

/// A loader of the two models that tests have.
pub(crate) struct TestLoader {
    pub(crate) known: Vec<&'static str>,
    pub(crate) n_loads: Arc<AtomicUsize>,
    pub(crate) context_len: usize,
    /// Number of sequences that run, and number of those that wait.
    pub(crate) room: (usize, usize),
    /// Sampling that the model or the operator prefers.
    pub(crate) sampling: SamplingDefaults,
}

impl TestLoader {
    pub(crate) fn of(known: &[&'static str]) -> Self {
        Self {
            known: known.to_vec(),
            n_loads: Arc::default(),
            context_len: 512,
            room: (64, 1024),
            sampling: SamplingDefaults::default(),
        }
    }

    fn path(id: &str) -> PathBuf {
        match id {
            SMOLLM2 => testkit::smollm2_path(),
            _ => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/stories260k/stories260K-f32.gguf")),
        }
    }
}

impl Loader for TestLoader {
    fn known(&self) -> Vec<KnownModel> {
        let known = |id: &&'static str| KnownModel {
            id: (*id).to_owned(),
            aliases: vec![format!("{id}-alias")],
            created: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            bytes: 1000,
            is_pinned: false,
        };
        self.known.iter().map(known).collect()
    }

    fn load(&self, id: &str) -> Result<LoadedModel, LoadFailure> {
        self.n_loads.fetch_add(1, Ordering::SeqCst);
        if id == "broken" {
            return Err(LoadFailure { message: "as the test asks".to_owned() });
        }
        let container = Container::open(&Self::path(id)).unwrap();
        let mut metadata = container.metadata().clone();
        if id == FILLS {
            spell_fill_tokens(&mut metadata);
        }
        let tokenizer = Arc::new(Tokenizer::from_gguf(&metadata).unwrap());
        let options = LoadOptions {
            context_len_max: Some(self.context_len),
            kv_positions: Some(4 * self.context_len),
            step_rows_max: 128,
            ..LoadOptions::DEFAULT
        };
        let model = Model::load(&container, Kernels::new(None, 1).unwrap(), &options).unwrap();
        let width = model.spec().width;
        let template = container.metadata().str("tokenizer.chat_template").unwrap().map(|s| Template::new(s).unwrap());
        let (n_running_max, n_queued_max) = self.room;
        let options = EngineOptions { n_running_max, n_queued_max, ..EngineOptions::default() };
        let handle = Handle::spawn(id, Box::new(model), Arc::clone(&tokenizer), options).unwrap();
        Ok(LoadedModel {
            id: id.to_owned(),
            format: OutputFormat::detect(template.as_ref()),
            guard: Guard::new(&tokenizer),
            grammars: GrammarCompiler::new(&tokenizer).unwrap(),
            template,
            template_error: None,
            handle,
            pooling: pooling_of(id),
            sampling: self.sampling,
            details: ModelDetails { memory_bytes: 1000, width, ..ModelDetails::default() },
        })
    }
}

/// Makes control tokens of three tokens that no text of tests needs.
fn spell_fill_tokens(metadata: &mut gguf::Metadata) {
    const CONTROL: i64 = 3;
    let mut pieces = metadata.strings("tokenizer.ggml.tokens").unwrap().unwrap().to_vec();
    let mut kinds = metadata.i64s("tokenizer.ggml.token_type").unwrap().unwrap();
    for (id, piece) in [(3, "<fim_prefix>"), (4, "<fim_suffix>"), (5, "<fim_middle>")] {
        piece.clone_into(&mut pieces[id]);
        kinds[id] = CONTROL;
    }
    let kinds = kinds.into_iter().map(|kind| i32::try_from(kind).unwrap()).collect();
    metadata.set("tokenizer.ggml.tokens", gguf::Value::Array(gguf::Array::String(pieces)));
    metadata.set("tokenizer.ggml.token_type", gguf::Value::Array(gguf::Array::I32(kinds)));
}

/// Starts a server with these models, the first being the default: for requests without a name, or with one that is
/// unknown.
pub(crate) fn server(known: &[&'static str]) -> Loopback {
    server_of(TestLoader::of(known), ModelsOptions { names: ModelNames::AnyForFirst, ..ModelsOptions::default() })
}

/// Starts a server that takes no other names than these.
pub(crate) fn strict(known: &[&'static str]) -> Loopback {
    server_of(TestLoader::of(known), ModelsOptions { names: ModelNames::Strict, ..ModelsOptions::default() })
}

pub(crate) fn server_of(loader: TestLoader, options: ModelsOptions) -> Loopback {
    Loopback::with_models(ServerOptions::default(), Models::new(Box::new(loader), options))
}

/// Returns a server with SmolLM2 for all tests that need no other: it is loaded once.
pub(crate) fn smollm2() -> &'static Loopback {
    static SERVER: OnceLock<Loopback> = OnceLock::new();
    SERVER.get_or_init(|| server(&[SMOLLM2]))
}

impl Loopback {
    /// Sends a POST of JSON.
    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(post_bytes(path, body))
    }

    /// Sends a POST of JSON; returns the answer, which must be good.
    pub(crate) fn ok(&self, path: &str, body: &Value) -> Value {
        let answer = self.post_json(path, body);
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        answer.json()
    }

    /// Sends a POST of JSON; returns the error object, which must be a 400 that names `param`.
    pub(crate) fn refused(&self, path: &str, body: &Value, param: &str) -> Value {
        let answer = self.post_json(path, body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let error = answer.json().get("error").cloned().unwrap();
        assert_eq!(error["param"], param, "{body}: {error}");
        assert_eq!(error["type"], "invalid_request_error", "{error}");
        error
    }

    /// Returns the events of a streamed answer, with `[DONE]` checked and left out.
    pub(crate) fn stream(&self, path: &str, body: &Value) -> Vec<Value> {
        let answer = self.post_json(path, &with(body, &json!({"stream": true})));
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        let text = answer.text().to_owned();
        let mut data: Vec<&str> = text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
        assert_eq!(data.pop(), Some("[DONE]"), "{text}");
        data.into_iter().map(|d| serde_json::from_str(d).unwrap_or_else(|e| panic!("{e}: {d}"))).collect()
    }

    /// Waits until the engines compute nothing and the server answers nobody.
    pub(crate) fn wait_until_idle(&self) {
        let start = Instant::now();
        loop {
            let n_active: u64 = self.app.models().loaded().iter().map(|m| m.handle.stats().n_active).sum();
            if n_active == 0 && self.app.metrics().n_active() == 0 && self.app.metrics().n_streams() == 0 {
                return;
            }
            assert!(start.elapsed() < crate::loopback::PATIENCE, "{n_active} requests are still active");
            std::thread::yield_now();
        }
    }
}

pub(crate) fn post_bytes(path: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Adds fields to `body`.
pub(crate) fn with(body: &Value, more: &Value) -> Value {
    let mut body = body.clone();
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}
