//! The fuzzer's oracle over mutated and recombined templates: a bounded, seeded run that any machine repeats.

use std::time::{Duration, Instant};

/// Pieces that meet each other in every order.
const PIECES: [&str; 66] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "-",
    "+",
    "'",
    "\"",
    "\\",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "|",
    "~",
    "*",
    "**",
    "//",
    "%",
    ".",
    "=",
    "==",
    " in ",
    " is ",
    " not ",
    " if ",
    " else ",
    " and ",
    "for x in ",
    "endfor",
    "endif",
    "if ",
    "set x = ",
    "set ns.x = ",
    "ns",
    "endset",
    "macro m(x)",
    "endmacro",
    "m(",
    "loop",
    "recursive",
    "break",
    "raw",
    "endraw",
    "messages",
    "range(",
    "namespace(",
    "9999999999",
    "-1",
    "0",
    "1.5",
    "none",
    "'{:>9}'.format(",
    "x|tojson",
    "|map('",
    "|join",
    ".split(",
    ".items()",
    "[::-1]",
    "é🙂",
];

#[test]
fn no_input_panics_or_hangs() {
    let goldens = testkit::read_json("chat-templates/goldens.json");
    let mut seeds: Vec<Vec<u8>> = goldens["results"]
        .as_object()
        .unwrap()
        .keys()
        .map(|name| testkit::read_text(&format!("chat-templates/jinja/{name}")).into_bytes())
        .collect();
    let cases: serde_json::Value = testkit::read_json("jinja2/jinja2_cases.json");
    seeds.extend(cases["cases"].as_object().unwrap().keys().map(|source| source.clone().into_bytes()));
    let conversations: Vec<String> =
        goldens["cases"].as_object().unwrap().values().map(|case| case["messages"].to_string()).collect();

    let mut rng = testkit::Rng::new(0x7e3a);
    let start = Instant::now();
    let mut runs = 0;
    while runs < 20_000 && start.elapsed() < Duration::from_secs(20) {
        let mut data = seeds[rng.below(seeds.len())].clone();
        for _ in 0..rng.below(6) {
            let at = rng.below(data.len() + 1);
            match rng.below(5) {
                0 => data.truncate(at),
                1 => {
                    let to = (at + rng.below(40)).min(data.len());
                    data.drain(at..to);
                }
                2 => {
                    let other = &seeds[rng.below(seeds.len())];
                    let from = rng.below(other.len() + 1);
                    let to = (from + rng.below(200)).min(other.len());
                    data.splice(at..at, other[from..to].iter().copied());
                }
                3 => drop(data.splice(at..at, rng.bytes(1))),
                _ => drop(data.splice(at..at, PIECES[rng.below(PIECES.len())].bytes())),
            }
        }
        if rng.below(4) == 0 {
            data = (0..rng.below(40)).flat_map(|_| PIECES[rng.below(PIECES.len())].bytes()).collect();
        }
        data.push(0);
        data.extend_from_slice(conversations[rng.below(conversations.len())].as_bytes());
        let before = Instant::now();
        chat::oracle(&data);
        assert!(before.elapsed() < Duration::from_secs(10), "{:?}: {}", before.elapsed(), data.escape_ascii());
        runs += 1;
    }
    assert!(runs >= 2000, "only {runs} runs in {:?}", start.elapsed());
}
