//! What grammars cost: `cargo run --release -p engine --example grammar_speed`.
//!
//! One line per vocabulary (time to build the compiler), then one per source over it: time to compile, to begin a
//! completion, and per token to fill the mask and to accept, mean and worst over a completion of real text; each the
//! best of five runs, which repeat the same work.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program")]

use engine::grammar::{GrammarCompiler, GrammarSource, TokenMask};
use gguf::Container;
use serde_json::json;
use std::{sync::Arc, time::Instant};
use tokenizer::{ControlTokens, Tokenizer};

const N_RUNS: usize = 5;

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

fn best(mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        micros(start)
    };
    (0..N_RUNS).map(|_| once(&mut run)).fold(f64::INFINITY, f64::min)
}

fn report(name: &str, tokenizer: &Arc<Tokenizer>) {
    let build = best(|| GrammarCompiler::new(tokenizer).unwrap().prepare().unwrap());
    println!("{name}: {} tokens, compiler built in {:.1} ms", tokenizer.n_vocab(), build / 1e3);
    let compiler = GrammarCompiler::new(tokenizer).unwrap();
    let mut ids = Vec::new();
    tokenizer.encode(TEXT, ControlTokens::AsText, false, &mut ids);
    for (name, source) in sources() {
        let compile = best(|| drop(compiler.compile(&source).unwrap()));
        let grammar = compiler.compile(&source).unwrap();
        let begin = best(|| drop(grammar.start()));
        let mut times = vec![(f64::INFINITY, f64::INFINITY); ids.len()];
        let mut mask = TokenMask::new();
        for _ in 0..N_RUNS {
            let mut matcher = grammar.start();
            for (id, (fill, accept)) in ids.iter().zip(&mut times) {
                let start = Instant::now();
                matcher.fill_mask(&mut mask).unwrap();
                *fill = fill.min(micros(start));
                let start = Instant::now();
                matcher.accept(*id).unwrap_or_else(|error| panic!("{:?}: {error}", tokenizer.token_bytes(*id)));
                *accept = accept.min(micros(start));
            }
        }
        let n = ids.len() as f64;
        println!(
            "  {name:<10} compile {:.2} ms, begin {begin:.0} us, mask {:.0} us (worst {:.0}), accept {:.1} us, {n} tokens",
            compile / 1e3,
            times.iter().map(|time| time.0).sum::<f64>() / n,
            times.iter().map(|time| time.0).fold(0.0, f64::max),
            times.iter().map(|time| time.1).sum::<f64>() / n
        );
    }
}

fn main() {
    let smollm2 = Container::open(&testkit::smollm2_path()).unwrap();
    report("smollm2", &Arc::new(Tokenizer::from_gguf(smollm2.metadata()).unwrap()));
    for name in ["llama-bpe", "qwen2"] {
        let file = format!("tokenizer-vectors/ggml-vocab-{name}.gguf");
        let container = Container::from_bytes(&file, testkit::read_bytes(&file)).unwrap();
        report(name, &Arc::new(Tokenizer::from_gguf(container.metadata()).unwrap()));
    }
}
