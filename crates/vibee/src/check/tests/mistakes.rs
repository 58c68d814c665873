//! Each mistake has its code at its place, and no other message.

use super::{HEAD, checked};

/// Checks what stands under `types:` and `functions:`; messages as `CODE text marked`.
fn messages(types: &str, functions: &str) -> Vec<String> {
    let indented = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
    let types = if types.is_empty() { String::new() } else { format!("types:\n{}", indented(types)) };
    let text = format!("{HEAD}{types}functions:\n{}", indented(functions));
    let (sources, _, diagnostics) = checked(&[&text]);
    diagnostics.iter().map(|d| format!("{} {}", d.code, sources.text(d.primary.span))).collect()
}

/// Messages of a body of `f(i: Int, x: Float, s: String, u: U64, b: Bool, t: Trit, xs: List<Int>)`.
fn body(returns: &str, body: &str) -> Vec<String> {
    let params = "{ _i: Int, _x: Float, _s: String, _u: U64, _b: Bool, _t: Trit, _xs: List<Int>, _o: Option<Int> }";
    let names = ["i", "x", "s", "u", "b", "t", "xs", "o"];
    let mut text = String::new();
    let mut word = String::new();
    // Parameters that a body does not read begin with `_`, so the body's `i` is `_i`.
    for letter in body.chars().chain(['\n']) {
        if letter.is_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        if names.contains(&word.as_str()) {
            text.push('_');
        }
        text.push_str(&word);
        word.clear();
        text.push(letter);
    }
    let text = text.trim_end().replace('\n', "\n    ");
    messages("", &format!("- name: f\n  params: {params}\n  returns: {returns}\n  body: |\n    {text}\n"))
}

#[test]
fn types_that_differ() {
    for (returns, text, expected) in [
        ("Int", "x", "E0311 _x"),
        ("Float", "i", "E0311 _i"),
        ("Float", "1", "E0311 1"),
        ("Int", "i + x", "E0311 +"),
        ("Bool", "x < i", "E0311 <"),
        ("Bool", "1 < x", "E0311 1"),
        ("Int", "s", "E0310 _s"),
        ("Int", "i + s", "E0310 +"),
        ("U64", "i", "E0310 _i"),
        ("U64", "u + i", "E0310 +"),
        ("Int", "i / 2", "E0312 /"),
        ("U64", "u / 2", "E0312 /"),
        ("Float", "x div 2.0", "E0310 div"),
        ("String", "s + s", "E0310 +"),
        ("Int", "i ++ i", "E0310 ++"),
        ("U64", "-u", "E0310 _u"),
        ("Bool", "not i", "E0310 _i"),
        ("Bool", "i and b", "E0310 _i"),
        ("Bool", "b and t", "E0310 and"),
        ("Bool", "b and i", "E0310 _i"),
        ("Bool", "xs < xs", "E0310 _xs < _xs"),
        ("Bool", "i == s", "E0310 =="),
        ("Int", "if i { 1 } else { 2 }", "E0310 _i"),
        ("Int", "if b { 1 } else { s }", "E0310 _s"),
        ("Int", "match i { 0 => 1, _ => s }", "E0310 _s"),
        ("Int", "match i { \"a\" => 1, _ => 2 }", "E0310 \"a\""),
        ("Int", "match o { Ok(n) => n, _ => 2 }", "E0310 Ok(n)"),
        ("List<Int>", "[1, s]", "E0310 _s"),
        ("Int", "xs[s]", "E0310 _s"),
        ("Int", "i[0]", "E0310 _i"),
        ("Int", "i.len()", "E0310 _i"),
        ("Int", "xs.len(1)", "E0310 _xs.len(1)"),
        ("Int", "xs.len", "E0310 len"),
        ("Int", "(i, s).2", "E0310 2"),
        ("Int", "i.0", "E0310 0"),
        ("Int", "i.width", "E0310 width"),
        ("Int", "i with (a = 1)", "E0310 _i"),
        ("Bool", "i in i", "E0310 _i"),
        ("Int", "sum c in xs { c == 1 }", "E0310 c == 1"),
        ("Bool", "all n in i { n > 0 }", "E0310 _i"),
        ("List<Int>", "xs.map(n => n.show())", "E0310 n.show()"),
        ("List<Int>", "xs.map((n, m) => n)", "E0310 (n, m) => n"),
        ("List<Int>", "xs.map(i)", "E0310 _i"),
        ("List<Int>", "xs.map(starts_with)", "E0310 starts_with"),
        ("Set<Float>", "set_of([x])", "E0310 Set<Float>"),
        ("Int", "set_of([x]).len()", "E0310 set_of([_x])"),
        ("Tryte<4>", "tryte<5>(i)", "E0310 tryte<5>(_i)"),
        ("Int", "len<4>(xs)", "E0310 len<4>(_xs)"),
        ("Int", "len", "E0310 len"),
        ("Int", "Some(1, 2)", "E0310 Some(1, 2)"),
    ] {
        let mut found = body(returns, text);
        // A declared `Set<Float>` is said where it stands and where one is made.
        found.truncate(if returns == "Set<Float>" { 1 } else { 9 });
        assert_eq!(found, [expected], "{text}");
    }
}

#[test]
fn names_that_are_unknown_hidden_or_unused() {
    for (text, expected) in [
        ("ii + nothing_like_it", vec!["E0301 ii", "E0301 nothing_like_it"]),
        ("i + lenn(xs)", vec!["E0301 lenn"]),
        ("xs.lenn()", vec!["E0301 lenn"]),
        ("other.f(i)", vec!["E0301 other"]),
        ("let i = 1; i", vec!["E0302 _i"]),
        ("let a = i; let c = a; let a = c; a", vec!["E0302 a"]),
        ("match o { Some(a) => 0, None => 1 }", vec!["W0350 a"]),
        ("let a = i; 1", vec!["W0350 a"]),
        ("xs.map(a => 1).len()", vec!["W0350 a"]),
        ("old.i", vec!["E0301 _i"]),
        ("fault(range)", vec!["E0310 fault(range)"]),
    ] {
        assert_eq!(body("Int", text), expected, "{text}");
    }
    assert_eq!(
        messages("", "- { name: f, params: { a: Int }, returns: Int, body: 1 }"),
        ["W0350 a"],
        "a parameter that nothing reads"
    );
    assert_eq!(messages("", "- { name: f, params: { a: Intt }, returns: Int, body: a }"), ["E0301 Intt"]);
    assert_eq!(
        messages(
            "",
            "- { name: f, params: { a: Int }, returns: Int, body: a }\n- { name: f, params: { a: Int }, returns: Int, body: a }"
        ),
        ["E0322 f"]
    );
}

#[test]
fn matches_that_forget_or_repeat() {
    for (text, expected) in [
        ("match o { Some(n) => n }", vec!["E0320 _o"]),
        ("match (o, b) { (Some(n), _) => n, (None, true) => 0 }", vec!["E0320 (_o, _b)"]),
        ("match i { 0 => 1, 1..9 => 2 }", vec!["E0320 _i"]),
        ("match s { \"\" => 1, \"a\" => 2 }", vec!["E0320 _s"]),
        ("match xs { [] => 1, [a] => a, [_, _] => 2 }", vec!["E0320 _xs"]),
        ("match o { Some(n) if n > 0 => n, None => 0 }", vec!["E0320 _o"]),
        ("match i mod 3 { 0 => 1, 2 => 2 }", vec!["E0320 _i mod 3"]),
        ("let Some(n) = o; n", vec!["E0320 _o"]),
        ("match o { _ => 1, None => 2 }", vec!["W0321 None"]),
        ("match i { 0..9 => 1, 3 or 4 => 2, _ => 3 }", vec!["W0321 3 or 4"]),
        ("match b { true => 1, false => 2, _ => 3 }", vec!["W0321 _"]),
        ("match t { 0t+ => 1, 0t0 => 2 }", vec!["E0320 _t"]),
        ("match i { 9..0 => 1, _ => 2 }", vec!["E0330 9..0"]),
        ("match o { Some(a) or None => 1 }", vec!["E0310 None"]),
        ("match (o, o) { (Some(a), _) or (_, Some(q)) => a, _ => 1 }", vec!["E0310 q"]),
    ] {
        let mut found = body("Int", text);
        found.sort();
        assert_eq!(
            found.iter().filter(|m| !m.ends_with("(_, Some(b))")).cloned().collect::<Vec<_>>(),
            expected,
            "{text}"
        );
    }
}

#[test]
fn declared_types_that_make_no_sense() {
    let f = "- { name: f, params: { a: Int }, returns: Int, body: a }";
    for (types, expected) in [
        ("A: Int(9..0)", vec!["E0330 Int(9..0)"]),
        ("A: { enum: [] }", vec!["E0330 []"]),
        ("A: A", vec!["E0330 A"]),
        ("A: B\nB: List<A>", vec!["E0330 A"]),
        ("A: { fields: { a: A } }", vec!["E0330 A"]),
        ("A: { enum: [{ b: { a: A } }] }", vec!["E0330 A"]),
        ("A: { fields: { a: Option<A> } }", vec![]),
        ("A: { enum: [b, c, b] }", vec!["E0322 b"]),
        ("A: { enum: [b, { c: { d: Int } }], ordered: true }", vec!["E0310 c"]),
        ("A: Tryte<41>", vec!["E0330 Tryte<41>"]),
        ("A: Tryte", vec!["E0310 Tryte"]),
        ("A: List", vec!["E0310 List"]),
        ("A: Int<Int>", vec!["E0310 Int<Int>"]),
        ("A: Set<F>\nF: { fields: { x: Float } }", vec!["E0310 Set<F>"]),
        ("Int: Bool", vec!["E0302 Int"]),
        ("A: { base: Int, where: value > 0.0 }", vec!["E0311 >"]),
        ("A: { base: Int, where: value }", vec!["E0310 value"]),
    ] {
        assert_eq!(messages(types, f), expected, "{types}");
    }
}

#[test]
fn a_type_that_doubles_in_each_alias_is_refused() {
    let mut types = String::from("A0: (Int, Int)\n");
    for n in 1..70 {
        types.push_str(&format!("A{n}: (A{0}, A{0})\n", n - 1));
    }
    let found = messages(&types, "- { name: f, params: { a: A69 }, returns: Int, body: a.0.0 }");
    assert!(found.iter().any(|message| message.starts_with("E0140 A")), "{found:?}");
    let lets: String = (1..100).map(|n| format!("let a{n} = (a{0}, a{0}); ", n - 1)).collect();
    let found = body("Int", &format!("let a0 = i; {lets}1"));
    assert!(found.iter().any(|message| message.starts_with("E0140")), "{found:?}");
}

#[test]
fn long_chains_of_types_are_refused_or_walked_without_recursion() {
    let n = 3_000;
    let f = "- { name: f, params: { a: Int }, returns: Int, body: a }";
    let chain = |of: &dyn Fn(usize) -> String| (0..n).map(|i| format!("A{i}: {}\n", of(i))).collect::<String>();
    let up = format!("{}A{n}: Int\n", chain(&|i| format!("A{}", i + 1)));
    assert!(messages(&up, f).iter().all(|message| message.starts_with("E0140 A")), "each names the next");
    let down = chain(&|i| if i == 0 { "Int".into() } else { format!("A{}", i - 1) });
    assert!(messages(&down, f).iter().all(|message| message.starts_with("E0140 A")), "each names the one before");
    assert!(!messages(&down, f).is_empty());
    let records = format!("{}A{n}: Float\nK: Set<A0>\n", chain(&|i| format!("{{ fields: {{ a: A{} }} }}", i + 1)));
    assert_eq!(messages(&records, f), ["E0310 Set<A0>"]);
}

#[test]
fn constructors_with_too_few_or_strange_fields() {
    let types = "P: { fields: { x: Int, y: Int(0..9) } }\nE: { enum: [bare, { full: { n: Int } }] }";
    for (text, expected) in [
        ("P(x = 1)", "E0310 P(x = 1)"),
        ("P(x = 1, y = 2, z = 3)", "E0301 z"),
        ("P(x = 1, x = 2, y = 3)", "E0322 2"),
        ("P(1, 2, 3)", "E0310 P(1, 2, 3)"),
        ("P(x = 1, y = 10)", "E0330 10"),
        ("E.full", "E0310 E.full"),
        ("E.bar", "E0301 bar"),
        ("E.full(m = 1)", "E0301 m"),
        ("E(1)", "E0310 E(1)"),
        ("E", "E0310 E"),
        ("bare", "E0301 bare"),
        ("(a with (z = 1)).x", "E0301 z"),
        ("a.z", "E0301 z"),
    ] {
        let function =
            format!("- name: f\n  params: {{ a: P }}\n  returns: Int\n  body: |\n    let _p = a; let _v = {text}; 1");
        assert_eq!(messages(types, &function), [expected], "{text}");
    }
}

#[test]
fn recursion_needs_a_measure() {
    assert_eq!(messages("", "- { name: f, params: { a: Int }, returns: Int, body: f(a) }"), ["E0340 f"]);
    let both = "- { name: f, params: { a: Int }, returns: Int, body: g(a) }\n\
                - { name: g, params: { a: Int }, returns: Int, body: f(a), decreases: a }";
    assert_eq!(messages("", both), ["E0340 f"]);
    let shapes = "- { name: f, params: { a: Int }, returns: Int, body: g(a), decreases: a }\n\
                  - { name: g, params: { a: Int }, returns: Int, body: f(a), decreases: \"(a, a)\" }";
    assert_eq!(messages("", shapes), ["E0340 (a, a)"]);
    assert_eq!(
        messages("", "- { name: f, params: { a: Int }, returns: Int, body: f(a), decreases: a > 0 }"),
        ["E0310 a > 0"]
    );
}

#[test]
fn tables_that_do_not_fit_or_contradict() {
    let of = |table: &str| {
        let table = table.replace('\n', "\n      ");
        messages(
            "",
            &format!(
                "- name: f\n  params: {{ a: Int(0..9), b: Int }}\n  returns: Int\n  body: a + b\n  examples: |\n      {table}"
            ),
        )
    };
    assert_eq!(of("a | c | result\n1 | 2 | 3"), ["E0403 c"]);
    assert_eq!(of("a | result\n1 | 3"), ["E0403 a"]);
    assert_eq!(of("a | b | a | result\n1 | 2 | 1 | 3"), ["E0403 a"]);
    assert_eq!(of("a | b | result\n1 | 2 | 3\n1 | 2 | 4"), ["E0401 1 | 2 | 4"]);
    assert_eq!(of("a | b | result\n1 | 2 | \"3\""), ["E0310 \"3\""]);
    assert_eq!(of("a | b | result\n10 | 2 | 12"), ["E0330 10"]);
    assert_eq!(of("a | b | result\n10 | 2 | fault(range)"), Vec::<String>::new());
    assert_eq!(of("a | b | result\n1 | 2 | fault(rang)"), ["E0301 rang"]);
    assert_eq!(of("a | b | result within 2 ulp\n1 | 2 | 3"), ["E0403 result"]);
}

#[test]
fn lambdas_and_domains() {
    assert_eq!(body("Int", "[x => x].len()"), ["E0341 _x => _x"]);
    assert_eq!(body("Bool", "all n in Int { n > 0 }"), ["E0342 Int"]);
    assert_eq!(body("Bool", "any n in String { n == s }"), ["E0342 String"]);
    assert_eq!(body("Bool", "all n in Int(0..i) { n >= 0 }"), Vec::<String>::new());
}

#[test]
fn literals_out_of_range() {
    assert_eq!(body("Int", "9223372036854775808"), ["E0330 9223372036854775808"]);
    assert_eq!(body("Int", "-9223372036854775809"), ["E0330 9223372036854775809"]);
    assert_eq!(body("Int(0..9)", "10"), ["E0330 10"]);
    assert_eq!(body("List<Option<Int(0..9)>>", "[None, Some(10)]"), ["E0330 10"]);
    assert_eq!(body("Int", "if true { 1 } else { 2 }"), ["W0352 true"]);
}

#[test]
fn constants_that_have_no_value() {
    let of = |constants: &str| {
        let (sources, _, diagnostics) =
            checked(&[&format!("{HEAD}constants:\n  {}\n", constants.replace('\n', "\n  "))]);
        diagnostics.iter().map(|d| format!("{} {}", d.code, sources.text(d.primary.span))).collect::<Vec<_>>()
    };
    assert_eq!(of("A: 1 div 0"), ["E0330 1 div 0"]);
    assert_eq!(of("A: 1\nB: match 2 { A => 3, _ => 4 }"), ["E0302 A"]);
    assert_eq!(of("A: B + 1\nB: 9223372036854775807"), ["E0330 B + 1"]);
    assert_eq!(of("A: B\nB: A"), ["E0330 A"]);
    assert_eq!(of("A: { type: Int, value: B }\nB: { type: Int, value: A }"), ["E0330 A"]);
    assert_eq!(of("A: { type: Int(0..9), value: 10 }"), ["E0330 10"]);
    assert_eq!(of("A: { type: Int(0..9), value: 9 + 1 }"), ["E0330 9 + 1"]);
    assert_eq!(of("A: { type: Int, value: x => 1 }"), ["E0341 x => 1"]);
}
