//! Templates that ask for a little more than they may: each ends in its typed error, soon, on a small stack, in bounded
//! memory.

use std::time::{Duration, Instant};

use chat::{DateTime, Error, Inputs, Limit, Message, Template, limits};

/// Stack of a thread that renders: three quarters of what Rust gives a thread, in a build without optimisation.
const STACK_BYTES: usize = 1536 * 1024;

fn run(source: String) -> Result<String, Error> {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let messages = [Message::user("Hello, you".repeat(100))];
        Template::new(&source)?.render(&Inputs::new(&messages, DateTime::constant(2026, 1, 15, 12, 0, 0, 0)))
    });
    thread.unwrap().join().expect("no panic")
}

#[track_caller]
fn assert_limit(source: impl Into<String>, limits: &[Limit]) {
    let source = source.into();
    let name: String = source.chars().take(120).collect();
    let start = Instant::now();
    let got = run(source);
    assert!(start.elapsed() < Duration::from_secs(10), "{name}: took {:?}", start.elapsed());
    match got {
        Err(Error::Limit { limit, line }) => {
            assert!(limits.contains(&limit), "{name}: stopped by {limit:?}, not {limits:?}");
            assert!(line > 0, "{name}: no line");
        }
        other => panic!("{name}: {:?} instead of {limits:?}", other.map(|text| text.len())),
    }
}

#[test]
fn source_size() {
    let fits = format!("{{# {} #}}x", "a".repeat(limits::TEMPLATE_BYTES_MAX - 7));
    assert_eq!(fits.len(), limits::TEMPLATE_BYTES_MAX);
    assert_eq!(run(fits.clone()).unwrap(), "x");
    assert_limit(fits + "y", &[Limit::TemplateBytes]);
}

#[test]
fn nesting() {
    let n = 2 * limits::NESTING_MAX;
    let deep = [
        format!("{{{{ {}1{} }}}}", "(".repeat(n), ")".repeat(n)),
        format!("{{{{ {}1{} }}}}", "[".repeat(n), "]".repeat(n)),
        format!("{{{{ {}1{} }}}}", "{1:".repeat(n), "}".repeat(n)),
        format!("{{{{ {}1 }}}}", "not ".repeat(n)),
        format!("{{{{ {}1 }}}}", "-".repeat(n)),
        format!("{{{{ {}1 }}}}", "1 if 1 else ".repeat(n)),
        format!("{{{{ 1{} }}}}", " if 1".repeat(n)),
        format!("{{{{ {}1{} }}}}", "a(".repeat(n), ")".repeat(n)),
        format!("{{{{ {}1{} }}}}", "a[".repeat(n), "]".repeat(n)),
        format!("{{{{ 1{}{} }}}}", "|f(1".repeat(n), ")".repeat(n)),
        format!("{{{{ 1{}{} }}}}", " is f(1".repeat(n), ")".repeat(n)),
        format!("{}{}", "{% if 1 %}".repeat(n), "{% endif %}".repeat(n)),
        format!("{}{}", "{% for x in y %}".repeat(n), "{% endfor %}".repeat(n)),
        format!("{}{}", "{% macro m() %}".repeat(n), "{% endmacro %}".repeat(n)),
        format!("{{% set {}a{} = 1 %}}", "(".repeat(n), ")".repeat(n)),
        format!("{{{{ {}1{} }}}}", "(a or b and not c == d + e ~ f * ".repeat(n), ")".repeat(n)),
    ];
    for source in deep {
        assert_limit(source, &[Limit::Nesting]);
    }
}

#[test]
fn what_is_long_but_flat_is_no_nesting() {
    let n = 4 * limits::NESTING_MAX;
    for (source, text) in [
        (format!("{{{{ 0{} }}}}", "+1".repeat(n)), n.to_string()),
        (format!("{{{{ ''{} }}}}", " ~ 'a'".repeat(n)), "a".repeat(n)),
        (format!("{{{{ x{} }}}}", " or x".repeat(n)), String::new()),
        (format!("{{{{ 'a'{} }}}}", "|upper".repeat(n)), "A".to_owned()),
        (format!("{{% if x %}}{}{{% endif %}}", "{% elif x %}".repeat(n)), String::new()),
        ("{{ ".to_owned() + &"(".repeat(100) + "1" + &")".repeat(100) + " }}", "1".to_owned()),
    ] {
        assert_eq!(run(source).unwrap(), text);
    }
}

/// A little more than `FUEL_MAX` steps each.
#[test]
fn much_work() {
    for source in [
        "{% for a in range(1100) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
        "{% for a in range(110) %}{% for b in range(100) %}{% for c in range(100) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}",
        "{% macro m(n) %}{% for i in range(10) %}{{ m(n - 1) if n }}{% endfor %}{% endmacro %}{{ m(5) }}",
        "{% for i in range(99999) %}{% set x = messages[0].content.count('o') %}{% endfor %}",
        "{{ range(100000)|map('string')|map('string')|map('string')|map('string')|map('string')|map('string')|list|length }}",
        "{{ (range(100000)|list)|sort(reverse=true)|unique|list|length }}",
        "{% set ns = namespace(x='ab') %}{% for i in range(20000) %}{% set ns.x = ns.x.replace('a', 'ab') %}{% endfor %}",
        "{% for i in range(100) %}{% set x = range(100000)|list %}{% endfor %}",
        "{% for i in range(1100) %}{% for c in messages[0].content %}{% endfor %}{% endfor %}",
    ] {
        assert_limit(source, &[Limit::Fuel, Limit::Memory]);
    }
}

/// A little more than `MEMORY_BYTES_MAX` each.
#[test]
fn much_memory() {
    for source in [
        "{{ 'a' * 100000000 }}",
        "{{ ('a' * 100000000)|length }}",
        "{{ 100000000 * 'a' }}",
        "{{ [1] * 10000000 }}",
        "{{ ([[1] * 1000000] * 10) ~ '' }}",
        "{{ (1, 2) * 5000000 }}",
        "{{ 'a'.center(200000000) }}",
        "{{ 'a'.zfill(100000000) }}",
        "{{ 'a\\tb'.expandtabs(100000000) }}",
        "{{ 'a'|center(200000000) }}",
        "{{ 'a\\nb'|indent(100000000) }}",
        "{{ 'a'|tojson(indent=100000000) }}",
        "{{ '%100000000d' % 1 }}",
        "{{ '%*d' % (100000000, 1) }}",
        "{{ '{:100000000}'.format(1) }}",
        "{{ '{:>{}}'.format(1, 100000000) }}",
        "{{ [1]|batch(10000000, 0)|list }}",
        "{{ [1]|slice(2000000)|list }}",
        "{{ ('a' * 1000).replace('a', 'b' * 100000) }}",
        "{{ ('a' * 1000).replace('', 'b' * 100000) }}",
        "{{ ('b' * 1000).join('a' * 100000) }}",
        "{{ ('a' * 100000)|join('b' * 1000) }}",
        "{% set ns = namespace(x='a') %}{% for i in range(27) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x|length }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(23) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x|length }}",
        "{% for i in range(1000) %}{% set x %}{{ messages[0].content * 100 }}{% endset %}{% endfor %}",
        "{{ ('<' * 5000000)|e|e|e|length }}",
        "{{ ('\\n' * 5000000).split('\\n')|length }}",
        "{{ ('a' * 9999999)|list|length }}",
        "{{ ('[' + '0,' * 9999999 + '0]')|from_json|length }}",
        "{{ ('[' + '0,' * 999999 + '0]')|from_json|length }}",
    ] {
        assert_limit(source, &[Limit::Memory, Limit::Fuel]);
    }
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak_kib = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        let peak_kib: u64 = peak_kib.unwrap_or_else(|| panic!("{status}")).parse().unwrap();
        assert!(peak_kib < 1024 * 1024, "the tests so far held {peak_kib} KiB");
    }
}

/// Two lists of 21 levels, each of which holds the next one twice: two million items to whoever walks over them.
#[test]
fn shared_parts_cost_what_they_look_like() {
    let doubled = "{% set ns = namespace(x=[0], y=[0]) %}{% for i in range(21) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}";
    for end in [
        "{{ ns.x }}",
        "{{ ns.x ~ '' }}",
        "{{ ns.x|string }}",
        "{{ ns.x == ns.y }}",
        "{{ ns.x in [ns.y] }}",
        "{{ ns.x < ns.y }}",
        "{{ [ns.x, ns.y]|sort }}",
        "{{ ns.x|tojson }}",
        "{{ '%s' % [ns.x] }}",
        "{{ '{}'.format(ns.x) }}",
        "{{ [ns.x]|join }}",
        "{{ ns }}",
        "{{ {'a': ns.x} == {'a': ns.y} }}",
        "{{ [ns.x]|select('eq', ns.y)|list|length }}",
        "{{ [1]|groupby(0) if ns.x == ns.y }}",
    ] {
        assert_limit(doubled.to_owned() + end, &[Limit::Memory, Limit::Fuel, Limit::Output]);
    }
}

#[test]
fn deep_values() {
    let n = limits::VALUE_DEPTH_MAX + 1;
    for (first, next) in [
        ("[]", "[ns.x]"),
        ("{}", "{'a': ns.x}"),
        ("()", "(ns.x,)"),
        ("[]", "[ns.x].count"),
        ("[]", "cycler(ns.x)"),
        ("[]", "[ns.x]|map('list')"),
        ("[]", "{'a': ns.x}.items()"),
        ("[]", "dict(a=ns.x)"),
        ("[]", "[ns.x]|batch(1)|list"),
    ] {
        let source = |n: usize| {
            format!(
                "{{% set ns = namespace(x={first}) %}}{{% for i in range({n}) %}}{{% set ns.x = {next} %}}{{% endfor %}}"
            )
        };
        assert_limit(source(n), &[Limit::ValueDepth]);
    }
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    let fits = nested(limits::VALUE_DEPTH_MAX - 2);
    let source = format!("{{% set x = '{fits}'|from_json %}}{{{{ x }}}}{{{{ x == x }}}}{{{{ x|tojson|length }}}}");
    assert_eq!(run(source).unwrap(), format!("{fits}True{}", fits.len()));
    assert!(run(format!("{{{{ '{}'|from_json }}}}", nested(n))).is_err());
}

#[test]
fn deep_recursion() {
    let n = limits::DEPTH_MAX;
    for source in [
        "{% macro m(n) %}{{ m(n - 1) if n }}{% endmacro %}{{ m(N) }}",
        "{% macro m(n, x) %}{{ m(n - 1, [x]) if n }}{% endmacro %}{{ m(N, 1) }}",
        "{% macro m(n) %}{{ caller() }}{% if n %}{% call m(n - 1) %}x{% endcall %}{% endif %}{% endmacro %}{% call m(N) %}{% endcall %}",
        "{% macro a(n) %}{{ b(n - 1) if n }}{% endmacro %}{% macro b(n) %}{{ a(n) }}{% endmacro %}{{ a(N) }}",
        "{% for n in [N] recursive %}{{ loop([n - 1]) if n }}{% endfor %}",
        "{% macro m(n) %}{% for x in [1] %}{% if n %}{% with %}{% set y %}{{ (((m(n - 1)))) }}{% endset %}{% endwith %}{% endif %}{% endfor %}{% endmacro %}{{ m(N) }}",
        "{% macro m(n) %}{% filter upper %}{{ [{'a': (1 + m(n - 1)|length)}] if n }}{% endfilter %}{% endmacro %}{{ m(N) }}",
    ] {
        assert_limit(source.replace('N', &n.to_string()), &[Limit::Depth]);
    }
    // What real templates do fits: a schema of twenty levels.
    let levels = "{% macro m(n) %}{% if n > 0 %}{% for i in [1] %}{{ '<' + m(n - 1) + '>' }}{% endfor %}{% endif %}{% endmacro %}{{ m(20) }}";
    assert_eq!(run(levels.into()).unwrap(), "<".repeat(20) + &">".repeat(20));
}

#[test]
fn output_and_ranges() {
    let full = format!("{{{{ 'a' * {} }}}}", limits::OUTPUT_BYTES_MAX);
    assert_eq!(run(full.clone()).unwrap().len(), limits::OUTPUT_BYTES_MAX);
    assert_limit(full + "b", &[Limit::Output]);
    assert_eq!(run(format!("{{{{ range({})|length }}}}", limits::RANGE_MAX)).unwrap(), limits::RANGE_MAX.to_string());
    for source in [
        "{{ range(100001) }}",
        "{{ range(-50000, 50001) }}",
        "{{ range(0, -100001, -1) }}",
        "{{ range(0, 200001, 2) }}",
    ] {
        assert_limit(source, &[Limit::Range]);
    }
    assert_eq!(run("{{ range(0, 200000, 2)|length }}".into()).unwrap(), "100000");
}

#[test]
fn errors_are_one_line_and_name_the_place() {
    let long = "x".repeat(5000);
    for (source, expected) in [
        ("a\n{{ 1 + 'b' }}", "chat template line 2: unsupported operand types for +: 'int' and 'str'"),
        ("{{ raise_exception('a\\nb\\x1b[31m') }}", "the chat template refuses this conversation: a\\nb\\u{1b}[31m"),
        ("\n\n{% oops %}", "chat template line 3: unknown tag \"oops\""),
        ("{{ 'a' * 10**8 }}", "chat template line 1: more than 67108864 bytes of memory (MEMORY_BYTES_MAX)"),
        ("{{ messages.append(1) }}", "chat template line 1: access to attribute 'append' of 'list' object is unsafe"),
        (
            "{{ ''.__class__.__mro__ }}",
            "chat template line 1: access to attribute '__class__' of 'str' object is unsafe",
        ),
    ] {
        assert_eq!(run(source.into()).unwrap_err().to_string(), expected);
    }
    let error = run(format!("{{{{ raise_exception('{long}') }}}}")).unwrap_err().to_string();
    assert!(error.len() < 500, "{} bytes", error.len());
}

/// As in jinja2: an `if` may ask for what does not exist, if it is not reached.
#[test]
fn unknown_names_are_errors_of_the_template_but_in_a_condition() {
    for (source, expected) in [
        ("a\n{{ 1|nope }}", "chat template line 2: no filter is called 'nope'"),
        ("{% for i in [] %}{{ i|nope.way(1) }}{% endfor %}", "chat template line 1: no filter is called 'nope.way'"),
        ("{% filter nope %}{% endfilter %}", "chat template line 1: no filter is called 'nope'"),
        ("{% set x | nope %}{% endset %}", "chat template line 1: no filter is called 'nope'"),
        ("{% macro m() %}{{ 1 is not nope(2) }}{% endmacro %}", "chat template line 1: no test is called 'nope'"),
        ("{{ 1|nope }}{% if true %}{{ 1|other }}{% endif %}", "chat template line 1: no filter is called 'nope'"),
        ("{% if true %}{{ 1|other }}{% endif %}\n{{ 1|nope }}", "chat template line 2: no filter is called 'nope'"),
    ] {
        assert_eq!(Template::new(source).unwrap_err().to_string(), expected, "{source}");
    }
    for (source, expected) in [
        ("{% if 'nope' is filter %}{{ 1|nope }}{% else %}none{% endif %}", Ok("none")),
        ("{{ (1|nope) if 'nope' is filter else 'none' }}", Ok("none")),
        ("{% if false %}{% elif 1 is nope %}{% endif %}", Err("chat template line 1: no test is called 'nope'")),
        ("{% if true %}\n{{ 1|nope }}{% endif %}", Err("chat template line 2: no filter is called 'nope'")),
        ("{{ [1]|map('nope')|list }}", Err("chat template line 1: no filter is called 'nope'")),
        ("{{ [1]|select('nope')|list }}", Err("chat template line 1: no test is called 'nope'")),
        ("{{ []|map('nope')|list }}", Ok("[]")),
    ] {
        let got = run(source.into()).map_err(|e| e.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), expected, "{source}");
    }
}
