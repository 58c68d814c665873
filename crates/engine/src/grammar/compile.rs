//! From a source to an automaton.

use super::{
    GrammarError, Matcher, TokenMask,
    error::one_line,
    gbnf, lark,
    limits::{BUILD_FUEL, COMPILE_STACK_BYTES, ROW_ITEMS_MAX, STATES_MAX, STEP_FUEL, STEP_ITEMS_MAX, SYMBOLS_MAX},
    regex,
    schema::{self, Loosened},
    vocabulary::Vocabulary,
};
use crate::beside;
use llguidance::{
    ParserFactory,
    api::{GrammarInit, ParserLimits, TopLevelGrammar},
    earley::SlicedBiasComputer,
    panic_utils::catch_unwind,
    toktrie::{InferenceCapabilities, TokEnv},
};
use serde_json::Value;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
};
use tokenizer::Tokenizer;

/// Name of the rule that a Lark grammar begins with.
const START: &str = "start";

/// A source of a grammar: what the output must match.
#[derive(Clone, PartialEq, Debug)]
pub enum GrammarSource {
    /// A JSON value that is valid under this schema. Keywords that are not enforced are refused.
    JsonSchema(Value),
    /// Any JSON object.
    JsonObject,
    /// The whole output matches this regular expression, in the syntax of the Rust crate `regex`.
    Regex(String),
    /// A grammar in llguidance's dialect of Lark, with `%json { schema }` in it where wanted. The only source that may
    /// name control tokens, as `<|name|>` or `<[id]>`.
    Lark(String),
    /// A grammar in llama.cpp's language.
    Gbnf(String),
    /// Exactly one of these texts.
    Choice(Vec<String>),
}

impl GrammarSource {
    /// Returns Lark rules, one of which is `name`, that say what the source says, to be part of a larger grammar;
    /// `None` for grammars, whose rules have names of their own.
    pub fn as_rules(&self, name: &str) -> Result<Option<String>, GrammarError> {
        match self {
            Self::JsonSchema(schema) => Ok(Some(format!("{name}: %json {schema}\n"))),
            Self::JsonObject => Ok(Some(format!("{name}: %json {{\"type\": \"object\"}}\n"))),
            Self::Regex(regex) => regex::to_lark(regex, name).map(Some),
            Self::Choice(choices) => regex::choice_to_lark(choices, name).map(Some),
            Self::Lark(_) | Self::Gbnf(_) => Ok(None),
        }
    }
}

/// A compiler of grammars for one tokenizer.
pub struct GrammarCompiler {
    tokenizer: Arc<Tokenizer>,
    built: OnceLock<Result<Built, GrammarError>>,
}

/// The parts of a compiler that take a while to build for a large vocabulary.
struct Built {
    factory: ParserFactory,
    vocabulary: Arc<Vocabulary>,
}

/// A compiled grammar; a clone shares it.
#[derive(Clone)]
pub struct Grammar {
    /// Matcher that is never moved on, so that every completion begins alike.
    start: Arc<Matcher>,
}

impl GrammarCompiler {
    /// Makes a compiler, which costs nothing: trees of the vocabulary's bytes, about a tenth of a second for 49,152
    /// tokens (`examples/grammar_speed.rs` prints it), are built for the first grammar, or by [`Self::prepare`].
    pub fn new(tokenizer: &Arc<Tokenizer>) -> Result<Self, GrammarError> {
        if tokenizer.n_vocab() == 0 {
            return Err(GrammarError::Vocabulary("it has no tokens".into()));
        }
        Ok(Self { tokenizer: Arc::clone(tokenizer), built: OnceLock::new() })
    }

    /// Builds what the first grammar would wait for.
    pub fn prepare(&self) -> Result<(), GrammarError> {
        self.built().map(|_| ())
    }

    fn built(&self) -> Result<&Built, GrammarError> {
        self.built.get_or_init(|| Built::new(&self.tokenizer)).as_ref().map_err(Clone::clone)
    }

    /// Compiles a grammar. Takes up to a second, so it must not be called between two steps of a model.
    pub fn compile(&self, source: &GrammarSource) -> Result<Grammar, GrammarError> {
        let built = self.built()?;
        on_large_stack(|| built.compile(source))?
    }

    /// Leaves out of each schema what cannot be enforced, for schemas that are only described to the model. The error
    /// says that no grammar can be compiled at all.
    pub fn loosen(&self, schemas: &[&Value]) -> Result<Vec<Loosened>, GrammarError> {
        let built = self.built()?;
        on_large_stack(|| schemas.iter().map(|schema| built.loosen(schema)).collect())
    }
}

/// Runs `work` on a large stack: the automata's crate recurses along the grammar, and the caller's stack may be small.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, GrammarError> {
    match beside::on_stack("grammar", COMPILE_STACK_BYTES, work) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(GrammarError::TooComplex("the compiler failed".into())),
        Err(error) => Err(GrammarError::TooComplex(format!("no thread to compile on: {error}"))),
    }
}

impl Built {
    fn new(tokenizer: &Arc<Tokenizer>) -> Result<Self, GrammarError> {
        let vocabulary = Arc::new(Vocabulary::new(tokenizer)?);
        let environment: TokEnv = Arc::<Vocabulary>::clone(&vocabulary);
        let capabilities = InferenceCapabilities::default();
        let factory = catch_unwind(AssertUnwindSafe(|| {
            ParserFactory::new(&environment, capabilities, &SlicedBiasComputer::general_slices())
        }));
        let mut factory = factory.map_err(|error| GrammarError::Vocabulary(one_line(&error.to_string())))?;
        factory.quiet();
        *factory.limits_mut() = limits();
        Ok(Self { factory, vocabulary })
    }

    fn compile(&self, source: &GrammarSource) -> Result<Grammar, GrammarError> {
        let mut control = None;
        let (field, text) = match source {
            GrammarSource::JsonSchema(schema) => return self.compile_schema(schema),
            GrammarSource::JsonObject => return self.compile_schema(&serde_json::json!({"type": "object"})),
            GrammarSource::Regex(regex) => ("regex", regex::to_lark(regex, START)?),
            GrammarSource::Choice(choices) => ("choice", regex::choice_to_lark(choices, START)?),
            GrammarSource::Gbnf(text) => ("gbnf", gbnf::to_lark(text)?),
            GrammarSource::Lark(text) => {
                let checked = lark::check(text, &self.vocabulary, &|schema, path| self.lower(schema, path))?;
                control = Some(checked.control);
                ("lark", checked.text)
            }
        };
        let refused = |message| GrammarError::Syntax { field, message };
        let init = self.build(TopLevelGrammar::from_lark(text)).map_err(refused)?;
        self.start(init, control.as_ref()).map_err(|error| error.into_error(refused))
    }

    fn compile_schema(&self, schema: &Value) -> Result<Grammar, GrammarError> {
        let lowered = self.lower(schema, "schema")?;
        let refused = |message| GrammarError::Schema { path: "schema".into(), message };
        let init = self.build(TopLevelGrammar::from_json_schema(lowered)).map_err(refused)?;
        self.start(init, None).map_err(|error| error.into_error(refused))
    }

    /// Writes a schema in the form that the automata's crate understands in full, tried out on its own.
    fn lower(&self, schema: &Value, path: &str) -> Result<Value, GrammarError> {
        schema::lower(schema, path, &|lowered| self.build(TopLevelGrammar::from_json_schema(lowered)).map(|_| ()))
    }

    fn loosen(&self, schema: &Value) -> Loosened {
        schema::loosen(schema, &|lowered| self.build(TopLevelGrammar::from_json_schema(lowered)).map(|_| ()))
    }

    fn build(&self, grammar: TopLevelGrammar) -> Result<GrammarInit, String> {
        let environment = self.factory.tok_env().clone();
        let built = catch_unwind(AssertUnwindSafe(|| {
            GrammarInit::Serialized(grammar).to_internal(Some(environment), self.factory.limits().clone())
        }));
        let (grammar, lexer) = built.map_err(|error| one_line(&error.to_string()))?;
        // What would be approximated.
        if let Some((warning, _)) = lexer.grammar_warnings.first() {
            return Err(one_line(warning));
        }
        Ok(GrammarInit::Internal(grammar, lexer))
    }

    /// Starts the automaton; `control` are the control tokens that may come.
    fn start(&self, init: GrammarInit, control: Option<&TokenMask>) -> Result<Grammar, StartError> {
        let parser = self.factory.create_parser_from_init_default(init);
        let automaton = llguidance::Matcher::new(parser);
        if let Some(message) = automaton.get_error() {
            return Err(StartError::Message(one_line(&message)));
        }
        let mut banned = self.vocabulary.not_text.clone();
        if let Some(control) = control {
            banned.subtract(control);
        }
        let start = Matcher::new(automaton, Arc::clone(&self.vocabulary), Arc::new(banned));
        // Tells whether there is any output at all, and fills the caches that completions begin with.
        let mut first = start.share();
        if !first.may_end() {
            first.fill_mask(&mut TokenMask::new()).map_err(StartError::Error)?;
        }
        Ok(Grammar { start: Arc::new(start) })
    }
}

enum StartError {
    Message(String),
    Error(GrammarError),
}

impl StartError {
    fn into_error(self, refused: impl FnOnce(String) -> GrammarError) -> GrammarError {
        match self {
            Self::Message(message) => refused(message),
            Self::Error(GrammarError::NoToken) => refused("there is no text that matches".into()),
            Self::Error(error) => error,
        }
    }
}

impl Grammar {
    /// Returns a matcher at the beginning of a completion.
    pub fn start(&self) -> Matcher {
        Matcher::clone(&self.start)
    }
}

impl std::fmt::Debug for Grammar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grammar").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for GrammarCompiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrammarCompiler").field("n_vocab", &self.tokenizer.n_vocab()).finish_non_exhaustive()
    }
}

fn limits() -> ParserLimits {
    ParserLimits {
        initial_lexer_fuel: BUILD_FUEL,
        step_lexer_fuel: STEP_FUEL,
        step_max_items: STEP_ITEMS_MAX,
        max_items_in_row: ROW_ITEMS_MAX,
        max_lexer_states: STATES_MAX,
        max_grammar_size: SYMBOLS_MAX,
        verbose_errors: false,
        ..ParserLimits::default()
    }
}
