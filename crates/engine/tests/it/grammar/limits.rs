//! What means harm: each limit one over, and sources that would cost too much, refused or compiled soon and in bounded
//! memory.

use super::support::{check_error, compile, load};
use engine::grammar::{Grammar, GrammarError, GrammarSource, TokenMask, limits::*};
use serde_json::{Value, json};
use std::{process::Command, time::Duration};

fn schema(value: Value) -> GrammarSource {
    GrammarSource::JsonSchema(value)
}

fn assert_limit(fits: &GrammarSource, over: &GrammarSource, what: &str, max: usize) {
    if let Err(GrammarError::Limit { what, got, max, .. }) = compile(fits) {
        panic!("at the limit: {what} {got} of {max}");
    }
    match compile(over) {
        Err(GrammarError::Limit { what: named, got, max: limit, .. }) => {
            assert!(named.contains(what) && limit == max && got > max, "{named} {got} {limit}, not {what} {max}");
        }
        other => panic!("{what} over {max}: {other:?}"),
    }
}

/// Makes `depth` schemas within schemas.
fn nested(depth: usize) -> Value {
    (1..depth).fold(json!({"type": "integer"}), |inner, _| json!({"type": "array", "items": inner}))
}

#[test]
fn each_limit_one_over() {
    let bytes = |n: usize| schema(json!({"const": "x".repeat(n - r#"{"const":""}"#.len())}));
    assert_limit(&bytes(SCHEMA_BYTES_MAX), &bytes(SCHEMA_BYTES_MAX + 1), "bytes", SCHEMA_BYTES_MAX);
    let depth = |n| schema(nested(n));
    assert_limit(&depth(SCHEMA_DEPTH_MAX), &depth(SCHEMA_DEPTH_MAX + 1), "levels of schemas", SCHEMA_DEPTH_MAX);
    let nodes = |n: usize| schema(json!({"enum": (0..n - 1).collect::<Vec<_>>()}));
    assert_limit(&nodes(SCHEMA_NODES_MAX), &nodes(SCHEMA_NODES_MAX + 1), "schemas and constants", SCHEMA_NODES_MAX);
    let patterns = |n: usize| {
        schema(
            json!({"prefixItems": (0..n).map(|i| json!({"type": "string", "pattern": format!("^a{i}$")})).collect::<Vec<_>>()}),
        )
    };
    assert_limit(
        &patterns(SCHEMA_PATTERNS_MAX),
        &patterns(SCHEMA_PATTERNS_MAX + 1),
        "regular expressions",
        SCHEMA_PATTERNS_MAX,
    );
    let keys = |n: usize| {
        schema(
            json!({"type": "object", "patternProperties": Value::Object((0..n).map(|i| (format!("^a{i}$"), json!({}))).collect())}),
        )
    };
    assert_limit(&keys(PATTERN_PROPERTIES_MAX), &keys(PATTERN_PROPERTIES_MAX + 1), "patterns", PATTERN_PROPERTIES_MAX);
    let length = |n: usize| schema(json!({"type": "string", "maxLength": n}));
    assert_limit(&length(LENGTH_MAX), &length(LENGTH_MAX + 1), "length", LENGTH_MAX);
    let regex = |n: usize| GrammarSource::Regex("a".repeat(n));
    assert_limit(&regex(REGEX_BYTES_MAX), &regex(REGEX_BYTES_MAX + 1), "bytes", REGEX_BYTES_MAX);
    let pattern = |n: usize| schema(json!({"type": "string", "pattern": "a".repeat(n)}));
    assert_limit(&pattern(REGEX_BYTES_MAX), &pattern(REGEX_BYTES_MAX + 1), "bytes", REGEX_BYTES_MAX);
    let lark = |n: usize| GrammarSource::Lark(format!("start: \"a\"{}", " ".repeat(n - 10)));
    assert_limit(&lark(GRAMMAR_BYTES_MAX), &lark(GRAMMAR_BYTES_MAX + 1), "bytes", GRAMMAR_BYTES_MAX);
    let gbnf = |n: usize| GrammarSource::Gbnf(format!("root ::= \"a\"{}", " ".repeat(n - 12)));
    assert_limit(&gbnf(GRAMMAR_BYTES_MAX), &gbnf(GRAMMAR_BYTES_MAX + 1), "bytes", GRAMMAR_BYTES_MAX);
    let groups = |n: usize| GrammarSource::Gbnf(format!("root ::= {}\"a\"{}", "(".repeat(n - 1), ")".repeat(n - 1)));
    assert_limit(&groups(NESTING_MAX), &groups(NESTING_MAX + 1), "levels", NESTING_MAX);
    let chain = |n: usize| -> String { (1..n).map(|i| format!("\nr{i}: r{}", i + 1)).collect() };
    let rules = |n: usize| GrammarSource::Lark(format!("start: r1{}\nr{}: \"a\"", chain(n - 1), n - 1));
    assert_limit(&rules(NESTING_MAX), &rules(NESTING_MAX + 1), "levels", NESTING_MAX);
    let definitions = |n: usize| {
        let link =
            |i: usize| (format!("d{i}"), json!({"type": "array", "items": {"$ref": format!("#/$defs/d{}", i + 1)}}));
        let mut all: serde_json::Map<String, Value> = (0..n).map(link).collect();
        all.insert(format!("d{n}"), json!({"type": "null"}));
        schema(json!({"$ref": "#/$defs/d0", "$defs": all}))
    };
    let n = (NESTING_MAX - 2) / 2;
    assert_limit(&definitions(n), &definitions(n + 1), "levels", NESTING_MAX);
    let parts =
        |n: usize| GrammarSource::Lark(format!("start: A\nA:{}\nB:{}\nC: \"c\"", " B".repeat(100), " C".repeat(n)));
    assert_limit(&parts(98), &parts(99), "parts of a terminal", TERMINAL_PARTS_MAX);
    let repetitions = |n: usize| GrammarSource::Gbnf(format!("root ::= \"a\"{{0,{n}}}"));
    assert_limit(&repetitions(REPETITIONS_MAX), &repetitions(REPETITIONS_MAX + 1), "repetitions", REPETITIONS_MAX);
    let choices = |n: usize| GrammarSource::Choice((0..n).map(|i| i.to_string()).collect());
    assert_limit(&choices(CHOICES_MAX), &choices(CHOICES_MAX + 1), "texts", CHOICES_MAX);
    let choice = |n: usize| GrammarSource::Choice(vec!["a".repeat(n)]);
    assert_limit(&choice(CHOICE_BYTES_MAX), &choice(CHOICE_BYTES_MAX + 1), "bytes", CHOICE_BYTES_MAX);
    let integer = |n: u64| schema(json!({"type": "integer", "maximum": n}));
    compile(&integer(INTEGER_MAX)).unwrap();
    assert!(compile(&integer(INTEGER_MAX + 1)).is_err());
    // Whoever adds one adds its case above.
    assert_eq!(TABLE.len(), 14);
    check_error(
        &schema(json!({"maxItems": u64::from(u32::MAX)})),
        "schema.maxItems: length 4294967295, at most 2147483647 are allowed",
    );
    check_error(&schema(json!({"maxItems": i64::MIN})), "schema.maxItems: expected a whole number");
}

/// Makes a schema that doubles at each of `n` levels: 2^`n` uses of the last definition.
fn doubling(operator: &str, n: usize) -> Value {
    let mut all = serde_json::Map::new();
    for i in 0..n {
        let next = json!({"$ref": format!("#/$defs/d{}", i + 1)});
        let body = match operator {
            "properties" => json!({"type": "object", "properties": {"a": next, "b": next}, "required": ["a", "b"]}),
            _ => json!({operator: [next, {"type": "object", "properties": {"x": next}}]}),
        };
        all.insert(format!("d{i}"), body);
    }
    all.insert(format!("d{n}"), json!({"type": "object"}));
    json!({"$ref": "#/$defs/d0", "$defs": all})
}

/// Number of levels of which each doubles a schema: with it there are more uses than [`SCHEMA_NODES_MAX`].
const DOUBLINGS: usize = SCHEMA_NODES_MAX.ilog2() as usize + 1;
/// A number of repetitions that is taken alone, and of which two within each other are more than [`REPETITIONS_MAX`].
const REPEATS: usize = REPETITIONS_MAX.isqrt() + 1;

/// Sources that cost more than they look like, with their names. Each goes a little over what is taken, so that it
/// harms no other program either.
type Harmful = Vec<(&'static str, GrammarSource)>;

fn harmful_schemas() -> Harmful {
    let any_of = |n: usize| json!({"anyOf": (0..n).map(|i| json!({"type": "object", "properties": {format!("p{i}"): {"type": "integer"}}})).collect::<Vec<_>>()});
    vec![
        ("exponential references", schema(doubling("properties", DOUBLINGS))),
        ("exponential allOf", schema(doubling("allOf", DOUBLINGS))),
        ("exponential anyOf", schema(doubling("anyOf", DOUBLINGS))),
        ("exponential oneOf", schema(doubling("oneOf", DOUBLINGS))),
        ("products of anyOf", schema(json!({"allOf": [any_of(40), any_of(40), any_of(40)]}))),
        ("products of anyOf with many", schema(json!({"allOf": [any_of(200), any_of(200)]}))),
        (
            "references in a circle through allOf",
            schema(
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}, {"type": "object"}]}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}}),
            ),
        ),
        ("a reference beside keywords, to itself", schema(json!({"type": "object", "$ref": "#"}))),
        (
            "merging two recursive trees",
            schema(
                json!({"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], "$defs": {"a": {"type": "object", "properties": {"c": {"$ref": "#/$defs/a"}}}, "b": {"type": "object", "properties": {"c": {"$ref": "#/$defs/b"}}}}}),
            ),
        ),
        (
            "many characters",
            schema(json!({"type": "string", "minLength": REPETITIONS_MAX + 1, "maxLength": REPETITIONS_MAX + 1})),
        ),
        (
            "items of items",
            schema(json!({"type": "array", "items": {"type": "array", "minItems": REPEATS}, "minItems": REPEATS})),
        ),
        (
            "items of a pattern",
            schema(
                json!({"type": "array", "items": {"type": "string", "pattern": "^(a|b)*c$", "minLength": REPEATS}, "maxItems": REPEATS}),
            ),
        ),
        (
            "a deep product",
            schema(
                (0..28)
                    .fold(json!({"allOf": [any_of(40), any_of(40), any_of(40)]}), |inner, _| json!({"items": inner})),
            ),
        ),
        ("many properties that are not named", schema(json!({"type": "object", "minProperties": REPETITIONS_MAX + 1}))),
        (
            "many properties",
            schema(
                json!({"type": "object", "properties": Value::Object((0..2000).map(|i| (format!("p{i}"), json!({"type": "string"}))).collect())}),
            ),
        ),
        ("a large enum", schema(json!({"enum": (0..4000).map(|i| format!("v{i}")).collect::<Vec<_>>()}))),
        (
            "many branches of oneOf",
            schema(json!({"oneOf": (0..2000).map(|i| json!({"const": format!("v{i}")})).collect::<Vec<_>>()})),
        ),
        (
            "large multiples",
            schema(json!({"type": "number", "multipleOf": 0.0000123, "minimum": -1e15, "maximum": 1e15})),
        ),
        (
            "many merged multiples",
            schema(json!({"allOf": [{"multipleOf": 999983}, {"multipleOf": 999979}, {"multipleOf": 3.7}]})),
        ),
        ("tiny and huge numbers", schema(json!({"type": "number", "minimum": 1e-300, "maximum": 1e300}))),
        ("the deepest schema", schema(nested(SCHEMA_DEPTH_MAX))),
    ]
}

fn harmful_regexes() -> Harmful {
    let regex = |text: &str| GrammarSource::Regex(text.into());
    vec![
        ("nested repeats", regex(&format!("((a{{{REPEATS}}}){{{REPEATS}}}b){{2}}"))),
        ("nested optional repeats", regex(&format!("((a{{0,{REPEATS}}}){{0,{REPEATS}}}b){{0,2}}"))),
        ("nested stars", regex("((((a*)*)*)*)*b")),
        ("repeats of sets", regex(&format!(r"(\w{{1,{REPEATS}}}\d{{1,{REPEATS}}}){{1,{REPEATS}}}"))),
        ("a state for every subset", regex("(a|b)*a(a|b){17}")),
        ("a state for every subset of a pattern", schema(json!({"type": "string", "pattern": "^(.*a.{17}){3}$"}))),
        ("unicode classes", regex(r"(\p{L}|\p{N}){100}[\p{Han}\p{Greek}]{1,300}(?i)x+")),
        ("empty loops in a regex", regex("(|a|)*(()*)*()+")),
        ("nested groups", regex(&format!("{}a{}", "(".repeat(511), ")".repeat(511)))),
        ("look-ahead", regex("(?=a)a")),
        ("a leading quantifier", regex("*a")),
        ("back-references", regex(r"(a)\1")),
    ]
}

fn harmful_grammars() -> Harmful {
    let lark = |text: String| GrammarSource::Lark(text);
    let gbnf = |text: String| GrammarSource::Gbnf(text);
    vec![
        ("groups in Lark", lark(format!("start: {}", "(\"a\")".repeat(CHOICES_MAX)))),
        ("nested groups in Lark", lark(format!("start: {}\"a\"{}", "(".repeat(NESTING_MAX), ")".repeat(NESTING_MAX)))),
        ("groups in GBNF", gbnf(format!("root ::= {}", "(\"a\")".repeat(CHOICES_MAX)))),
        ("groups in GBNF that recur", gbnf(format!("root ::= \"x\" root? {}", "(\"a\")".repeat(CHOICES_MAX)))),
        ("left recursion in Lark", lark("start: start \"a\" | \"b\"".into())),
        ("hidden left recursion in Lark", lark("start: e start \"a\" | \"b\"\ne: \"\" | e e".into())),
        ("a rule that is itself", lark("start: start".into())),
        ("empty loops in Lark", lark("start: (e*)* \"a\"\ne: (\"\" | \"b\"?)*".into())),
        ("empty loops in GBNF", gbnf("root ::= ((\"\" | \"a\"?)*)* (root \"b\")? \"c\"".into())),
        ("left recursion in GBNF", gbnf("root ::= root \"a\" | \"b\"".into())),
        (
            "exponential rules in Lark",
            lark(
                (0..DOUBLINGS).map(|i| format!("R{i}: R{} R{}\n", i + 1, i + 1)).collect::<String>()
                    + &format!("R{DOUBLINGS}: \"a\"\nstart: R0"),
            ),
        ),
        (
            "exponential rules in GBNF",
            gbnf(
                "root ::= r0 root?\n".to_owned()
                    + &(0..DOUBLINGS).map(|i| format!("r{i} ::= r{} r{}\n", i + 1, i + 1)).collect::<String>()
                    + &format!("r{DOUBLINGS} ::= \"a\""),
            ),
        ),
        (
            "ambiguous sums",
            gbnf("root ::= \"1\" tail*\ntail ::= \"+\" root | \"*\" root | tail2 tail2\ntail2 ::= \"-\" root".into()),
        ),
        (
            "nested repetitions in GBNF",
            gbnf(format!("root ::= ((\"a\"{{0,{REPEATS}}}){{0,{REPEATS}}} root? \"b\"){{1,2}}")),
        ),
        (
            "many rules",
            gbnf(
                "root ::= a0 root | \"x\"\n".to_owned()
                    + &(0..2000).map(|i| format!("a{i} ::= \"a{i}\" root?\n")).collect::<String>(),
            ),
        ),
        (
            "many alternatives",
            gbnf(
                "root ::= (\"x\" root)? (".to_owned()
                    + &(0..3000).map(|i| format!("\"w{i}\" | ")).collect::<String>()
                    + "\"y\")*",
            ),
        ),
        ("repetitions in Lark", lark(format!("start: (\"a\"{{0,{REPEATS}}}){{0,{REPEATS}}}"))),
        ("nested Lark", lark("start: ".to_owned() + &"%lark { start: ".repeat(300) + "\"a\"" + &"}".repeat(300))),
        ("many schemas in Lark", lark("start: \"a\"".to_owned() + &" %json {\"type\":\"object\"}".repeat(300))),
        ("substrings", lark(format!("start: %regex {{\"substring_chars\": \"{}\"}}", "ab".repeat(20_000)))),
        ("long choices", GrammarSource::Choice((0..60).map(|i| "ab".repeat(500) + &i.to_string()).collect())),
    ]
}

/// Takes some steps of a completion, each by the middle of what is allowed.
fn follow(grammar: &Grammar) -> Result<(), GrammarError> {
    let mut matcher = grammar.start();
    let mut mask = TokenMask::new();
    for _ in 0..40 {
        if matcher.is_finished() {
            break;
        }
        matcher.fill_mask(&mut mask)?;
        let token = mask.iter().nth(mask.len() / 2).unwrap();
        matcher.accept(token)?;
    }
    Ok(())
}

/// Variable that marks the process of its own, whose memory is nobody else's.
const CHILD: &str = "TRINITY_TEST_HARMFUL_GRAMMARS";

/// Longest time of a processor for one source in a build with little optimisation: ten times the promise.
const SECONDS_MAX: u64 = 10;
const PEAK_BYTES_MAX: u64 = 64 << 20;

#[test]
fn harmful_sources_cost_little() {
    if std::env::var_os(CHILD).is_none() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "grammar::limits::harmful_sources_cost_little", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout) + String::from_utf8_lossy(&child.stderr);
        println!("{text}");
        assert!(child.status.success() && text.contains("1 passed"), "{}", child.status);
        return;
    }
    let compiler = &load("stories").compiler;
    let smollm2 = &load("smollm2").compiler;
    let mut failures = Vec::new();
    for (name, source) in harmful_schemas().into_iter().chain(harmful_regexes()).chain(harmful_grammars()) {
        for compiler in [compiler, smollm2] {
            let before = reset_peak();
            let start = cpu_time();
            let compiled = compiler.compile(&source);
            let compile_time = cpu_time().saturating_sub(start);
            let outcome = match &compiled {
                Err(error) => format!("refused: {error}"),
                Ok(grammar) => match follow(grammar) {
                    Err(error) => format!("compiled, then: {error}"),
                    Ok(()) => "compiled".into(),
                },
            };
            let total = cpu_time().saturating_sub(start);
            let peak = peak().saturating_sub(before);
            println!("{name}: {outcome} ({compile_time:.1?}, {total:.1?} in all, {} KiB)", peak >> 10);
            if compile_time > Duration::from_secs(SECONDS_MAX) || peak > PEAK_BYTES_MAX || outcome.contains("panic") {
                failures.push(format!("{name}: {outcome}, {compile_time:.1?}, {peak} bytes"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Returns the processor time of this process, in steps of 10 ms: a busy machine does not count.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name, which may hold spaces: fields 14 and 15 are time in user and system mode, 100 a second.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Begins to measure the peak anew; returns what is in use now.
fn reset_peak() -> u64 {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    status("VmRSS:")
}

fn peak() -> u64 {
    status("VmHWM:")
}
