//! What grammars cost: `cargo run --release -p engine --example grammar_speed`.
//!
//! One line per vocabulary (time to build the compiler), then one per source over it: time to compile, to begin a
//! completion, and per token to fill the mask and to accept, mean and worst over a completion of real text.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program")]

use engine::grammar::{GrammarCompiler, GrammarSource, TokenMask};
use gguf::Container;
use serde_json::json;
use std::{sync::Arc, time::Instant};
use tokenizer::{ControlTokens, TokenId, Tokenizer};

const JSON_GBNF: &str = r#"
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [0-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
"#;

const TEXT: &str = r#"{"name": "Ada Lovelace", "age": 36, "address": {"street": "12 St James's Square", "city": "London", "zip": "SW1Y 4JH"}, "tags": ["mathematics", "poetry"], "active": true}"#;

fn sources() -> Vec<(&'static str, GrammarSource)> {
    let address = json!({
        "type": "object", "required": ["street", "city"], "additionalProperties": false,
        "properties": {"street": {"type": "string"}, "city": {"type": "string"}, "zip": {"type": "string", "maxLength": 12}},
    });
    let person = json!({
        "type": "object", "required": ["name", "age", "address"], "additionalProperties": false,
        "properties": {
            "name": {"type": "string", "maxLength": 80}, "age": {"type": "integer", "minimum": 0, "maximum": 150}, "address": address,
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 8}, "active": {"type": "boolean"},
        },
    });
    vec![
        ("schema", GrammarSource::JsonSchema(person)),
        ("any object", GrammarSource::JsonObject),
        ("gbnf", GrammarSource::Gbnf(JSON_GBNF.into())),
        ("regex", GrammarSource::Regex(r#"\{("[a-z]+": [^\n]{1,400},? ?)+\}"#.into())),
    ]
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

fn report(name: &str, tokenizer: &Arc<Tokenizer>) {
    let start = Instant::now();
    let compiler = GrammarCompiler::new(tokenizer).unwrap();
    println!("{name}: {} tokens, compiler built in {:.1} ms", tokenizer.n_vocab(), micros(start) / 1e3);
    let mut ids = Vec::new();
    tokenizer.encode(TEXT, ControlTokens::AsText, false, &mut ids);
    for (name, source) in sources() {
        let start = Instant::now();
        let grammar = match compiler.compile(&source) {
            Ok(grammar) => grammar,
            Err(error) => {
                println!("  {name}: {error}");
                continue;
            }
        };
        let compile = micros(start);
        let start = Instant::now();
        let mut matcher = grammar.start();
        let begin = micros(start);
        let (mut fill, mut accept, mut worst) = (0.0, 0.0, 0f64);
        let mut mask = TokenMask::new();
        for &id in &ids {
            let start = Instant::now();
            matcher.fill_mask(&mut mask).unwrap();
            let one = micros(start);
            (fill, worst) = (fill + one, worst.max(one));
            let start = Instant::now();
            matcher.accept(id).unwrap_or_else(|error| panic!("{:?}: {error}", tokenizer.token_bytes(TokenId(id.0))));
            accept += micros(start);
        }
        let n = ids.len() as f64;
        println!(
            "  {name:<10} compile {:.2} ms, begin {begin:.0} us, mask {:.0} us (worst {worst:.0}), accept {:.1} us, {n} tokens",
            compile / 1e3,
            fill / n,
            accept / n
        );
    }
}

fn main() {
    let smollm2 = Container::open(&testkit::smollm2_path()).unwrap();
    report("smollm2", &Arc::new(Tokenizer::from_gguf(smollm2.metadata()).unwrap()));
    for name in ["llama-bpe", "qwen2"] {
        let file = format!("tokenizer-vectors/ggml-vocab-{name}.gguf.gz");
        let container = Container::from_bytes(&file, testkit::read_gz(&file)).unwrap();
        report(name, &Arc::new(Tokenizer::from_gguf(container.metadata()).unwrap()));
    }
}
