use super::{oracle, oracle::without_places, parse_expr, parse_table, parse_type, print, random::Random, whole};
use crate::{ast::ExprKind, diagnostic::Diagnostic, source::FileId};

fn expr_messages(text: &str) -> Vec<String> {
    let mut diagnostics = Vec::new();
    parse_expr(&whole(FileId(0), text), &mut diagnostics);
    shown(text, &diagnostics)
}

/// `code at "marked text": message`
fn shown(text: &str, diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics
        .iter()
        .map(|d| {
            let marked = text.get(d.primary.span.start as usize..d.primary.span.end as usize);
            format!("{} {:?}: {}", d.code, marked.unwrap_or("?!"), d.message)
        })
        .collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(expr_messages(text), expected, "of {text}");
}

#[test]
fn reads_what_the_design_shows() {
    for text in [
        "match unit { \"h\" => Some(3600.0), \"us\" or \"µs\" => Some(1e-6), _ => None }",
        "if text.is_empty() { Ok(so_far) } else {\n  let digits = text.take_while(c => c.is_digit() or c == \".\");\n  let rest = text.drop(digits.len()); # a comment\n  \
         match (digits.parse_float(), unit(rest)) {\n (None, _) => Err(BadDuration.no_number),\n (_, None) => Err(BadDuration.no_unit(unit = unit)),\n (Some(n), Some(s)) => f(rest.drop(1), so_far + n * s)\n }\n}",
        "of_text(h.show() ++ \"h\") == Ok(KeepAlive.for(seconds = float(h * 3600 + m * 60)))",
        "phase != Phase.starting or running == 0",
        "all x in 1..9 where x mod 2 == 0 { x in list }",
        "tryte<4>(i) + t.0.1 with (a = 1, b = -2)",
        "xs.fold(0, (sum, x) => sum + x)",
        "count + map.get(sum)",
        "-9223372036854775808 <= 0x7f and 0b101 == 1_000 implies not 0t+-0 == nan",
        "xs.map(() => 1)",
        "match n { a if b => 1, _ if (b) => 2 }",
        "match n { 1..9 if n > 2 => 1, -1 => 2, [a, (b, _)] => 3, m.Type.case(x = 1 or 2) => 4, None => 5, }",
    ] {
        check(text, &[]);
    }
}

fn grouped(expr: &crate::ast::Expr) -> String {
    match &expr.kind {
        ExprKind::Binary(op, _, a, b) => format!("({} {} {})", grouped(a), op.text(), grouped(b)),
        ExprKind::Unary(op, a) => format!("({op:?} {})", grouped(a)),
        ExprKind::Call { callee, .. } => format!("{}()", grouped(callee)),
        ExprKind::Field(of, name) => format!("{}.{}", grouped(of), name.name),
        ExprKind::With(of, _) => format!("{{{} with}}", grouped(of)),
        ExprKind::Name(name) => name.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn binds_as_the_grammar_says() {
    let of = |text: &str| {
        let mut diagnostics = Vec::new();
        let expr = parse_expr(&whole(FileId(0), text), &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        grouped(&expr)
    };
    assert_eq!(of("a implies b implies c"), "(a implies (b implies c))");
    assert_eq!(of("a or b xor c and d"), "(a or (b xor (c and d)))");
    assert_eq!(of("not a == b and c"), "((Not (a == b)) and c)");
    assert_eq!(of("a - b - c * d"), "((a - b) - (c * d))");
    assert_eq!(of("a in b..c + d"), "(a in (b .. (c + d)))");
    assert_eq!(of("-a.b() * c"), "((Neg a.b()) * c)");
    assert_eq!(of("-a with (x = 1)"), "(Neg {a with})");
}

#[test]
fn tells_mistakes() {
    check("a < b < c", &["E0313 \"<\": comparisons do not chain"]);
    check(
        "a && b || !c",
        &[
            "E0154 \"&&\": `&&` is not an operator of VIBEE",
            "E0154 \"||\": `||` is not an operator of VIBEE",
            "E0154 \"!\": `!` is not an operator of VIBEE",
        ],
    );
    check("a = b", &["E0154 \"=\": `=` gives a name a value; values are compared by `==`"]);
    check("f(a, (b + c", &["E0151 \"(\": this `(` is not closed"]);
    check(
        "f(1 +, g(2 3), *)",
        &[
            "E0150 \",\": expected an expression, found `,`",
            "E0150 \"3\": expected `,` or `)`, found `3`",
            "E0150 \"*\": expected an expression, found `*`",
        ],
    );
    check("return a", &["E0154 \"return\": `return` is not a word of VIBEE"]);
    check("c ? a : b", &["E0154 \"?\": there is no operator `?`"]);
    check("let f = x => x; f(1)", &["E0341 \"x => x\": a function without a name stands only as an argument"]);
    check("{ a }", &["E0154 \"{\": braces stand behind `if`, `else` and a quantifier, nowhere else"]);
    check("{ a: 1 }", &["E0150 \"{\": expected an expression, found `{`"]);
    check("5m", &["E0153 \"5m\": `5m` is not a number"]);
    check("\"a\\q\"", &["E0152 \"\\\\q\": `\\q` stands for no character"]);
    check("\"abc", &["E0152 \"\\\"\": this text has no closing `\"`"]);
    check("a + if b { 1 } else { 2 }", &["E0155 \"if b { 1 } else { 2 }\": `if` as an operand needs parentheses"]);
    check("if a { 1 }", &["E0150 \"\": expected `else`, found the end"]);
    check("a)", &["E0151 \")\": this `)` closes nothing"]);
    check("", &["E0150 \"\": expected an expression, found nothing"]);
    check(
        "if a { let b = 1; } else { 2; }",
        &[
            "E0150 \"}\": expected an expression, found `}`",
            "E0154 \";\": `;` stands between a `let` and what sees its name, not at an end",
        ],
    );
}

#[test]
fn ends_at_the_limit_of_depth() {
    let deep = [
        "(".repeat(100_000),
        "-".repeat(100_000),
        "not ".repeat(100_000),
        "a implies ".repeat(100_000),
        format!("a{}", " + a".repeat(100_000)),
        format!("a{}", ".b".repeat(100_000)),
        format!("a{}", "()".repeat(100_000)),
        "f(x => ".repeat(100_000),
        "if a { ".repeat(100_000),
        "let a = 1; ".repeat(100_000),
        format!("match a {{ {}", "Some(".repeat(100_000)),
    ];
    for text in deep {
        let messages = expr_messages(&text);
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(messages[0].starts_with("E0140"), "{messages:?}");
    }
    check(&format!("a{}", " + a".repeat(126)), &[]);
}

#[test]
fn reads_types() {
    let of = |text: &str| {
        let mut diagnostics = Vec::new();
        parse_type(&whole(FileId(0), text), &mut diagnostics);
        shown(text, &diagnostics)
    };
    for text in ["Int(-5..9)", "Map<String, List<Option<(Int, m.T)>>>", "Tryte<4>", "std.rand.State"] {
        assert_eq!(of(text), [""; 0], "of {text}");
    }
    assert_eq!(of("Map<String"), ["E0151 \"<\": this `<` is not closed"]);
    assert_eq!(of("String[64]"), ["E0150 \"[\": expected the end of the type, found `[`"]);
    assert_eq!(of("[Int]"), ["E0150 \"[\": expected a type, found `[`"]);
    assert_eq!(
        of("Int(0..99999999999999999999)"),
        ["E0330 \"99999999999999999999\": this number is too large for any type of whole numbers"]
    );
}

#[test]
fn reads_tables() {
    let of = |text: &str| {
        let mut diagnostics = Vec::new();
        let table = parse_table(&whole(FileId(0), text), &mut diagnostics);
        let shape =
            table.map(|table| (table.header.len(), table.rows.iter().map(|row| row.cells.len()).collect::<Vec<_>>()));
        (shape, shown(text, &diagnostics))
    };
    let good = "text | n | result within 2 ulp\n# a comment\n\"a|b\" | f(1) | fault(range)\n[1, 2] | 2 | Ok(1) # why\n";
    assert_eq!(of(good), (Some((3, vec![3, 3])), Vec::new()));
    let (shape, messages) = of("a | result\n| 1 | 2 |\n--- | ---\n1 | 2 | 3\n1 | (2\n");
    assert_eq!(shape, Some((2, vec![2, 2])));
    assert_eq!(
        messages,
        [
            "E0156 \"| 1 | 2 |\": `|` stands between cells, not around a row",
            "E0156 \"--- | ---\": no rule stands below the names",
            "E0151 \"(\": this `(` is not closed",
            "E0403 \"1 | 2 | 3\": this row has 3 cells, the table 2 columns",
        ]
    );
}

/// One mistake in the header is one message.
#[test]
fn a_header_that_fits_no_row_is_told_once() {
    let of = |text: &str| {
        let scalar = whole(FileId(0), text);
        let mut diagnostics = Vec::new();
        parse_table(&scalar, &mut diagnostics);
        diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(of("a | b | result\n1 | 2\n3 | 4\n"), ["the table has 3 columns, its rows have 2 cells"]);
    assert_eq!(of("a | result\n1 | 2\n3\n4\n").len(), 2);
    assert_eq!(of("a | result\n1\n"), ["this row has 1 cell, the table 2 columns"]);
    assert_eq!(of("a | result\n"), ["this table has no rows"]);
}

#[test]
fn what_is_printed_reads_back() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let made = random.expr(6);
        let text = print::expr(&made);
        let mut diagnostics = Vec::new();
        let read = parse_expr(&whole(FileId(0), &text), &mut diagnostics);
        assert_eq!(shown(&text, &diagnostics), [""; 0], "seed {seed}: {text}");
        assert_eq!(without_places(&read), without_places(&made), "seed {seed}: {text}");
        assert_eq!(print::expr(&read), text, "seed {seed}");
        let made = random.type_expr(4);
        let text = print::type_expr(&made);
        let read = parse_type(&whole(FileId(0), &text), &mut diagnostics);
        assert!(diagnostics.is_empty(), "seed {seed}: {text}: {diagnostics:?}");
        assert_eq!(without_places(&read), without_places(&made), "seed {seed}: {text}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let parts = [
        "a",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        ".",
        "..",
        "=",
        "==",
        "=>",
        "<",
        ">",
        "-",
        "not ",
        "if ",
        "else ",
        "let ",
        "match ",
        "or ",
        "with ",
        "all x in ",
        "where ",
        "\"",
        "\\",
        "\"a\"",
        "1",
        "1.5",
        "0t+",
        "0x",
        "5m",
        "|",
        "?",
        ":",
        "&&",
        "!",
        "é",
        "'",
        "# c\n",
        "\n",
        " ",
        "_",
        "old",
        "fault(a)",
        "return ",
        "b\"0",
        "%",
        "µ",
        "\u{200b}",
    ];
    for seed in 0..1_500 {
        let mut random = Random(seed);
        let n = 1 + random.below(20);
        let text: String = (0..n).map(|_| random.one_of(&parts)).collect();
        for kind in 0..3 {
            oracle(&[&[kind], text.as_bytes()].concat());
        }
    }
}
