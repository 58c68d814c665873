//! Random schemas, regular expressions and grammars, and completions that pick at random among the allowed tokens:
//! whatever is picked, the text is valid.

use super::support::{Loaded, load};
use engine::grammar::{Grammar, GrammarError, GrammarSource, TokenMask};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use testkit::Rng;
use tokenizer::TokenId;

const SEED: u64 = 5;
/// Largest number of tokens of a completion; the number after which it tries to come to its end follows.
const TOKENS_MAX: usize = 600;
const TOKENS_FREE: usize = 24;

/// Names of vocabularies that can spell any text, and of one that is asked for simple ones only.
const VOCABULARIES: &[&str] = &["smollm2", "stories", "llama-spm", "bytes"];

/// A pattern, and whether a text has it.
type Pattern = (&'static str, fn(&str) -> bool);
const PATTERNS: &[Pattern] = &[
    ("^[a-f]{2,5}$", |text| (2..=5).contains(&text.len()) && text.bytes().all(|b| (b'a'..=b'f').contains(&b))),
    ("^\\d+-x?$", |text| {
        let digits = text.strip_suffix('x').unwrap_or(text).strip_suffix('-');
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    }),
    ("q", |text| text.contains('q')),
    ("^(ab|c)*$", |text| text.replace("ab", "c").bytes().all(|b| b == b'c')),
];

struct Generator<'a> {
    rng: &'a mut Rng,
}

impl Generator<'_> {
    fn schema(&mut self, depth: usize) -> Value {
        let n = if depth == 0 { 6 } else { 12 };
        match self.rng.below(n) {
            0 => json!({"type": "boolean"}),
            1 => self.integer(),
            2 => json!({"type": "number", "minimum": -5, "maximum": 1000.5}),
            3 => self.string(),
            4 => json!({"enum": ["red", "gr\"een", 3, -7, null, true]}),
            5 => json!({"const": {"k": ["é\n", 1]}}),
            6 | 7 => self.array(depth),
            8..=10 => self.object(depth),
            _ => {
                let options: Vec<Value> = (0..=self.rng.below(3)).map(|_| self.schema(depth - 1)).collect();
                json!({"anyOf": options, "description": "one of these"})
            }
        }
    }

    fn integer(&mut self) -> Value {
        let low = self.rng.below(200) as i64 - 100;
        match self.rng.below(3) {
            0 => json!({"type": "integer"}),
            1 => json!({"type": ["integer", "null"], "minimum": low, "maximum": low + self.rng.below(1000) as i64}),
            _ => json!({"allOf": [{"type": "integer", "exclusiveMinimum": low}, {"maximum": low + 20}]}),
        }
    }

    fn string(&mut self) -> Value {
        match self.rng.below(4) {
            0 => json!({"type": "string"}),
            1 => json!({"type": "string", "minLength": self.rng.below(4), "maxLength": 4 + self.rng.below(5)}),
            2 => json!({"type": "string", "format": "date"}),
            _ => json!({"type": "string", "pattern": PATTERNS[self.rng.below(PATTERNS.len())].0}),
        }
    }

    fn array(&mut self, depth: usize) -> Value {
        let items = self.schema(depth - 1);
        match self.rng.below(3) {
            0 => json!({"type": "array", "items": items}),
            1 => json!({"type": "array", "items": items, "minItems": self.rng.below(3), "maxItems": 3}),
            _ => {
                json!({"type": "array", "prefixItems": [items, self.schema(depth - 1)], "items": false, "minItems": self.rng.below(3)})
            }
        }
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for name in ["a", "name", "x y", "é\""] {
            if self.rng.below(2) == 0 {
                let schema =
                    if self.rng.below(6) == 0 { json!({"$ref": "#/$defs/tree"}) } else { self.schema(depth - 1) };
                properties.insert(name.into(), schema);
                if self.rng.below(2) == 0 {
                    required.push(name);
                }
            }
        }
        let additional = if self.rng.below(3) == 0 { self.schema(0) } else { json!(false) };
        json!({"type": "object", "properties": properties, "required": required, "additionalProperties": additional})
    }

    fn document(&mut self) -> Value {
        let mut schema = self.schema(3);
        let tree = json!({"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}, "n": {"type": "integer"}}, "additionalProperties": false});
        schema["$defs"] = json!({"tree": tree});
        schema
    }
}

/// Checks that `value` obeys what the generator writes; the error says what it does not.
fn validate(schema: &Value, value: &Value, root: &Value) -> Result<(), String> {
    let fail = |what: &str| Err(format!("{what}: {value} under {schema}"));
    if schema == &json!(false) {
        return fail("nothing is valid");
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        validate(root.pointer(reference.trim_start_matches('#')).unwrap(), value, root)?;
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        validate(part, value, root)?;
    }
    if let Some(options) = schema.get("anyOf").and_then(Value::as_array)
        && !options.iter().any(|option| validate(option, value, root).is_ok())
    {
        return fail("anyOf");
    }
    if schema.get("const").is_some_and(|constant| constant != value) {
        return fail("const");
    }
    if schema.get("enum").and_then(Value::as_array).is_some_and(|values| !values.contains(value)) {
        return fail("enum");
    }
    let is_type = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    match schema.get("type") {
        Some(Value::Array(names)) if !names.iter().any(is_type) => return fail("type"),
        Some(name @ Value::String(_)) if !is_type(name) => return fail("type"),
        _ => {}
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
    let within = |n: f64, low: &str, high: &str| {
        bound(low).is_none_or(|low| n >= low) && bound(high).is_none_or(|high| n <= high)
    };
    match value {
        Value::Number(number) => {
            let number = number.as_f64().unwrap();
            if !within(number, "minimum", "maximum") || bound("exclusiveMinimum").is_some_and(|low| number <= low) {
                return fail("range");
            }
        }
        Value::String(text) => {
            if !within(text.chars().count() as f64, "minLength", "maxLength") {
                return fail("length");
            }
            if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
                && !PATTERNS.iter().find(|(known, _)| *known == pattern).unwrap().1(text)
            {
                return fail("pattern");
            }
            let is_date = || {
                text.len() == 10
                    && text
                        .bytes()
                        .enumerate()
                        .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() })
            };
            if schema.get("format").is_some() && !is_date() {
                return fail("format");
            }
        }
        Value::Array(items) => {
            if !within(items.len() as f64, "minItems", "maxItems") {
                return fail("number of items");
            }
            let first = schema.get("prefixItems").and_then(Value::as_array);
            for (index, item) in items.iter().enumerate() {
                let own = first.and_then(|first| first.get(index)).or(schema.get("items"));
                own.map_or(Ok(()), |own| validate(own, item, root))?;
            }
        }
        Value::Object(members) => {
            for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                if !members.contains_key(name.as_str().unwrap()) {
                    return fail("required");
                }
            }
            for (name, member) in members {
                let own = schema.get("properties").and_then(|all| all.get(name)).or(schema.get("additionalProperties"));
                own.map_or(Ok(()), |own| validate(own, member, root))?;
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    Ok(())
}

/// Returns the text of a completion that came to its end; `None` if it did not within [`TOKENS_MAX`].
fn complete(grammar: &Grammar, loaded: &Loaded, rng: &mut Rng) -> Result<Option<String>, GrammarError> {
    let tokenizer = &loaded.tokenizer;
    let mut matcher = grammar.start();
    let mut mask = TokenMask::new();
    let mut text = Vec::new();
    let ends: HashSet<TokenId> = tokenizer.end_of_generation().collect();
    for step in 0..TOKENS_MAX {
        if matcher.is_finished() {
            break;
        }
        matcher.fill_mask(&mut mask)?;
        assert!(!mask.is_empty(), "no token after {:?}", String::from_utf8_lossy(&text));
        assert!(mask.iter().all(|id| ends.contains(&id) || !tokenizer.is_control(id)), "a control token");
        let may_end = matcher.may_end();
        assert!(
            ends.iter().all(|end| mask.allows(*end) == may_end),
            "the end after {:?}",
            String::from_utf8_lossy(&text)
        );
        let allowed: Vec<TokenId> = mask.iter().collect();
        let mut token = allowed[rng.below(allowed.len())];
        if step > TOKENS_FREE {
            if may_end && !ends.is_empty() {
                break;
            }
            // What closes comes first.
            let closes =
                |id: &&TokenId| matches!(tokenizer.token_bytes(**id).as_ref(), b"\"" | b"}" | b"]" | b",\"" | b"\"}");
            let closing: Vec<&TokenId> = allowed.iter().filter(closes).collect();
            if !closing.is_empty() && rng.below(8) > 0 {
                token = *closing[rng.below(closing.len())];
            }
        }
        matcher.accept(token).unwrap();
        if !ends.contains(&token) {
            text.extend_from_slice(&tokenizer.token_bytes(token));
        }
    }
    Ok(matcher.may_end().then(|| String::from_utf8(text).expect("whole characters")))
}

#[test]
fn whatever_is_picked_is_valid_json() {
    let mut rng = Rng::new(SEED);
    println!("seed {SEED}");
    let (mut n_all, mut n_done) = (0, 0);
    for case in 0..120 {
        let loaded = load(VOCABULARIES[case % VOCABULARIES.len()]);
        let schema = Generator { rng: &mut rng }.document();
        let grammar = loaded.compiler.compile(&GrammarSource::JsonSchema(schema.clone()));
        let grammar = grammar.unwrap_or_else(|error| panic!("case {case}: {error}: {schema}"));
        for _ in 0..3 {
            n_all += 1;
            let text =
                complete(&grammar, &loaded, &mut rng).unwrap_or_else(|error| panic!("case {case}: {error}: {schema}"));
            let Some(text) = text else { continue };
            n_done += 1;
            let value: Value = serde_json::from_str(&text)
                .unwrap_or_else(|error| panic!("case {case}: {error}: {text:?} under {schema}"));
            validate(&schema, &value, &schema)
                .unwrap_or_else(|error| panic!("case {case}: {error}: {text:?} under {schema}"));
        }
    }
    println!("{n_done} of {n_all} completions came to their end");
    assert!(n_done * 10 >= n_all * 8, "{n_done} of {n_all} completions came to their end");
}

#[test]
fn the_validator_sees_what_is_wrong() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "maximum": 3}}, "required": ["a"], "additionalProperties": false});
    for bad in [json!({}), json!({"a": 4}), json!({"a": "x"}), json!({"a": 1, "b": 1}), json!([1])] {
        assert!(validate(&schema, &bad, &schema).is_err(), "{bad}");
    }
    assert!(validate(&schema, &json!({"a": 3}), &schema).is_ok());
}

/// A regular expression as a tree, which matches by trying everything.
enum Tree {
    Letter(char),
    Sequence(Vec<Tree>),
    Choice(Vec<Tree>),
    Repeat(Box<Tree>, usize, usize),
}

impl Tree {
    fn random(rng: &mut Rng, depth: usize) -> Self {
        let some = |rng: &mut Rng| (0..=rng.below(3)).map(|_| Self::random(rng, depth - 1)).collect();
        match if depth == 0 { 0 } else { rng.below(4) } {
            0 => Self::Letter(['a', 'b', 'é'][rng.below(3)]),
            1 => Self::Sequence(some(rng)),
            2 => Self::Choice(some(rng)),
            _ => {
                let min = rng.below(2);
                Self::Repeat(Box::new(Self::random(rng, depth - 1)), min, min + rng.below(3))
            }
        }
    }

    fn write(&self, gbnf: bool) -> String {
        let group = if gbnf { "(" } else { "(?:" };
        match self {
            Self::Letter(letter) if gbnf => format!("\"{letter}\""),
            Self::Letter(letter) => letter.to_string(),
            Self::Sequence(parts) => {
                parts.iter().map(|part| part.write(gbnf)).collect::<Vec<_>>().join(if gbnf { " " } else { "" })
            }
            Self::Choice(parts) => {
                format!("{group}{})", parts.iter().map(|part| part.write(gbnf)).collect::<Vec<_>>().join("|"))
            }
            Self::Repeat(part, min, max) => format!("{group}{}){{{min},{max}}}", part.write(gbnf)),
        }
    }

    /// Returns where a match that begins at each of `from` may end.
    fn ends(&self, text: &str, from: &HashSet<usize>) -> HashSet<usize> {
        match self {
            Self::Letter(letter) => from
                .iter()
                .filter(|at| text.get(**at..).unwrap().starts_with(*letter))
                .map(|at| at + letter.len_utf8())
                .collect(),
            Self::Sequence(parts) => parts.iter().fold(from.clone(), |from, part| part.ends(text, &from)),
            Self::Choice(parts) => parts.iter().flat_map(|part| part.ends(text, from)).collect(),
            Self::Repeat(part, min, max) => {
                let mut all = if *min == 0 { from.clone() } else { HashSet::new() };
                let mut from = from.clone();
                for n in 1..=*max {
                    from = part.ends(text, &from);
                    if n >= *min {
                        all.extend(&from);
                    }
                }
                all
            }
        }
    }

    fn matches(&self, text: &str) -> bool {
        self.ends(text, &HashSet::from([0])).contains(&text.len())
    }
}

#[test]
fn whatever_is_picked_matches_the_expression() {
    let mut rng = Rng::new(SEED + 1);
    let (mut n_done, mut n_matched) = (0, 0);
    for case in 0..150 {
        let tree = Tree::random(&mut rng, 4);
        let loaded = load(VOCABULARIES[case % VOCABULARIES.len()]);
        // The same as a regular expression, as a grammar that is regular, and within a recursive one.
        let sources = [
            GrammarSource::Regex(tree.write(false)),
            GrammarSource::Gbnf(format!("root ::= {}", tree.write(true))),
            GrammarSource::Gbnf(format!(
                "root ::= \"<\" inner \">\"\ninner ::= \"[\" inner \"]\" | {}",
                tree.write(true)
            )),
        ];
        for (kind, source) in sources.iter().enumerate() {
            let grammar =
                loaded.compiler.compile(source).unwrap_or_else(|error| panic!("case {case}: {error}: {source:?}"));
            let text = complete(&grammar, &loaded, &mut rng).unwrap();
            let Some(text) = text else { continue };
            let inner =
                if kind == 2 { text.trim_start_matches(['<', '[']).trim_end_matches([']', '>']) } else { &text };
            assert!(tree.matches(inner), "case {case}: {text:?} does not match {source:?}");
            n_done += 1;
        }
        // And the other way round: what matches is accepted, what does not is not.
        if case % 3 == 0 {
            let bytes = load("bytes");
            for source in &sources[..2] {
                let grammar = bytes.compiler.compile(source).unwrap();
                for _ in 0..12 {
                    let text: String = (0..rng.below(5)).map(|_| ['a', 'b', 'é'][rng.below(3)]).collect();
                    let is_match = tree.matches(&text);
                    let got = super::support::matches(&grammar, &text);
                    assert_eq!(got, is_match, "case {case}: {text:?} of {source:?}");
                    n_matched += usize::from(is_match);
                }
            }
        }
    }
    assert!(n_done * 10 >= 450 * 9, "{n_done} of 450 completions came to their end");
    assert!((1..50 * 2 * 12).contains(&n_matched), "{n_matched} of 1200 texts match");
}
