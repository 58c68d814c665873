//! The fuzzer's oracle over mutated and recombined sources: a bounded, seeded run that any machine repeats.

use engine::grammar::oracle;
use testkit::Rng;

/// Sources that compile, one kind after another as the oracle numbers them.
const SEEDS: &[&[&str]] = &[
    &[
        r##"{"type":"object","properties":{"a":{"type":"integer","minimum":-3},"b":{"$ref":"#/$defs/s"}},"required":["a"],"$defs":{"s":{"type":"string","maxLength":4}}}"##,
        r#"{"anyOf":[{"type":"array","items":{"enum":[1,"x",null]},"maxItems":3},{"type":"string","pattern":"^a+b?$"}]}"#,
        r#"{"oneOf":[{"type":"number","multipleOf":0.5},{"type":"string","format":"date"}],"allOf":[{"maximum":9}]}"#,
    ],
    &["(a|b)*c{2,3}", r"\d+[^x-z]?(?i:q)\.", "^a.b$|é"],
    &[
        "start: a+ B\na: \"x\" | \"(\" a \")\"\nB: /[0-9]{1,3}/\n%ignore / +/",
        "start: %json {\"type\":\"object\"} | c\nc[max_tokens=3]: /.*/",
        "start: \"a\"{2,3} (\"b\" | c)* C & ~D\nc: </s>\nC: /c/\nD: \"d\"",
    ],
    &[
        "root ::= a | \"(\" root \")\" # x\na ::= [a-z^\\]]* \"b\"{1,3}",
        "root ::= item (\",\" item)*\nitem ::= \"\\\"\" [^\"\\\\]+ \"\\\"\" | [0-9]+ (\".\" [0-9]+)? | \"[\" root? \"]\"",
    ],
    &["yes\nno\nmay be", "a\nab\nabc"],
];

/// Pieces that meet each other in every order.
const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "{1,2}",
    "{0,99999}",
    "{2,1}",
    "*",
    "+",
    "?",
    "|",
    "\"",
    "\\",
    "/",
    "^",
    "$",
    ".",
    "&",
    "~",
    "-",
    ":",
    "::=",
    "#",
    "//",
    "\n",
    " ",
    ",",
    "<",
    ">",
    "<[1]>",
    "</s>",
    "<[0-9]>",
    "%json",
    "%lark",
    "%regex",
    "%llguidance {}",
    "%ignore",
    "%import common.INT",
    "start",
    "root",
    "a",
    "B",
    "\\x",
    "\\u",
    "\\n",
    "\\d",
    "\\p{L}",
    "(?P<stop>",
    "(?i)",
    "(?=",
    "\\b",
    "é",
    "\u{0}",
    "\u{10FFFF}",
    "99999999999999999999",
    "-1",
    "1e999",
    "\"type\":",
    "\"object\"",
    "\"properties\":",
    "\"items\":",
    "\"$ref\":\"#\"",
    "\"allOf\":[",
    "\"not\":{}",
    "\"enum\":[",
    "\"const\":",
    "null",
    "true",
    "\"pattern\":\"(a\"",
    "\"multipleOf\":",
    "\"minimum\":",
    "\"maximum\":1e15",
    "\"minItems\":3",
    "[max_tokens=2]",
    "[suffix=\"x\"]",
    "[lazy]",
];

const N_CASES: usize = 1500;
const SEED: u64 = 20_261_124;

#[test]
fn mutated_sources_keep_what_the_oracle_demands() {
    let mut rng = Rng::new(SEED);
    println!("seed {SEED}");
    for case in 0..N_CASES {
        let kind = rng.below(SEEDS.len());
        let mut text = SEEDS[kind][rng.below(SEEDS[kind].len())].to_owned();
        for _ in 0..rng.below(5) {
            mutate(&mut text, &mut rng);
        }
        let mut data = vec![kind as u8, rng.below(256) as u8];
        data.extend_from_slice(text.as_bytes());
        let result = std::panic::catch_unwind(|| oracle(&data));
        assert!(result.is_ok(), "case {case}: kind {kind}, pick {}, {text:?}", data[1]);
    }
}

fn mutate(text: &mut String, rng: &mut Rng) {
    let bounds: Vec<usize> = text.char_indices().map(|(index, _)| index).chain([text.len()]).collect();
    let from = rng.below(bounds.len());
    let to = from + rng.below((bounds.len() - from).min(12));
    let (from, to) = (bounds[from], bounds[to]);
    match rng.below(5) {
        0 => text.insert_str(from, PIECES[rng.below(PIECES.len())]),
        1 => text.replace_range(from..to, ""),
        2 => {
            let part = text.get(from..to).unwrap().to_owned();
            text.insert_str(from, &part);
        }
        3 => text.replace_range(from..to, PIECES[rng.below(PIECES.len())]),
        _ => {
            let other = SEEDS[rng.below(SEEDS.len())];
            text.insert_str(to, other[rng.below(other.len())]);
        }
    }
}

#[test]
fn short_inputs() {
    for data in [&b""[..], b"a", b"\0a", b"\0a{}", b"\x01a(", b"\x02astart: \"", b"\x03aroot", b"\x04a"] {
        oracle(data);
    }
}
