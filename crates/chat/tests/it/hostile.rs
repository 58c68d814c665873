//! Templates that never end, grow without bound or nest without end are stopped, quickly and with an error.

use std::time::{Duration, Instant};

use chat::{Error, Inputs, Message, Template};
use jiff::civil::date;

/// Far more than any of them takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn run(source: &str) -> Result<String, Error> {
    let start = Instant::now();
    let inputs = Inputs::new(&[Message::new("user", "hello")], "<s>", "</s>", date(2026, 1, 15).at(12, 0, 0, 0));
    let result = Template::new(source).and_then(|t| t.render(&inputs));
    let head: String = source.chars().take(60).collect();
    assert!(start.elapsed() < PATIENCE, "{head:?} took {:?}", start.elapsed());
    result
}

#[test]
fn hostile_templates_are_stopped() {
    let nested_if = "{% if true %}".repeat(5000) + &"{% endif %}".repeat(5000);
    let parentheses = format!("{{{{ {}1{} }}}}", "(".repeat(20_000), ")".repeat(20_000));
    let nots = format!("{{{{ {}true }}}}", "not ".repeat(20_000));
    let minuses = format!("{{{{ {}1 }}}}", "-".repeat(20_000));
    let long = "a".repeat(300 << 10);
    for source in [
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
        "{{ 'a' * 10000000000 }}",
        "{% set ns = namespace(s='a') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ range(1000000000) | list | length }}",
        "{% for i in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }}{% endfor %}",
        nested_if.as_str(),
        parentheses.as_str(),
        nots.as_str(),
        minuses.as_str(),
        long.as_str(),
    ] {
        let result = run(source);
        let head: String = source.chars().take(60).collect();
        assert!(result.is_err(), "{head:?} gave {} bytes", result.map_or(0, |t| t.len()));
    }
}

#[test]
fn a_template_sees_nothing_but_its_inputs() {
    assert_eq!(run("{{ messages.__class__ }}").unwrap(), "");
    assert!(run("{% include '/etc/passwd' %}").is_err());
    assert!(run("{{ messages[0].__init__.__globals__ }}").is_err());
}

#[test]
fn a_refusal_says_why() {
    assert_eq!(run("{{ raise_exception('no such role') }}"), Err(Error::Refused("no such role".to_owned())));
}

#[test]
fn mutated_templates_do_not_panic() {
    let sources = ["Qwen3-Coder", "Mistral-Small-3.2-24B-Instruct-2506", "openai-gpt-oss-120b"]
        .map(|name| testkit::read_text(&format!("chat-templates/jinja/{name}.jinja")));
    let mut rng = testkit::Rng::new(1);
    for round in 0..60 {
        let mut bytes = sources[round % sources.len()].clone().into_bytes();
        for _ in 0..=rng.below(8) {
            let (at, n) = (rng.below(bytes.len()), rng.below(40));
            let end = bytes.len().min(at + n);
            if rng.below(2) == 0 {
                let (piece, to) = (bytes[at..end].to_vec(), rng.below(bytes.len()));
                bytes.splice(to..to, piece);
            } else {
                bytes.drain(at..end);
            }
        }
        chat::oracle(&bytes);
    }
}
