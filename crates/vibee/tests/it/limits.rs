//! Limits of a file, each named with its value, and texts made to take long.

use vibee::{
    diagnostic::Diagnostic,
    limits::{FILE_BYTES_MAX, ITEMS_MAX, LINE_BYTES_MAX, MESSAGES_MAX, NESTING_MAX},
    reader,
    render::{Style, render, sort},
    source::Sources,
};

fn read(text: &str) -> (Sources, Vec<Diagnostic>) {
    let mut sources = Sources::default();
    let file = sources.add("a.vibee", text);
    let (_, diagnostics) = reader::read(&sources, file);
    (sources, diagnostics)
}

/// The only message of a text.
fn only(text: &str) -> String {
    let (_, diagnostics) = read(text);
    let [diagnostic] = diagnostics.as_slice() else { panic!("{} messages", diagnostics.len()) };
    assert_eq!(diagnostic.code, "E0140", "{}", diagnostic.message);
    diagnostic.message.clone()
}

#[test]
fn each_limit_is_named_with_its_value() {
    let just = format!("vibee: 3\nx-a: {}\n", "a".repeat(LINE_BYTES_MAX - 5));
    assert!(read(&just).1.is_empty());
    assert!(only(&just.replace("x-a", "x-ab")).ends_with(&format!("LINE_BYTES_MAX = {LINE_BYTES_MAX}")));

    let list = |n: usize| format!("vibee: 3\nx-a: [{}]\nx-b:\n{}", "1,\n ".repeat(n), "  - 1\n".repeat(ITEMS_MAX));
    assert!(read(&list(ITEMS_MAX)).1.is_empty());
    assert!(only(&list(ITEMS_MAX + 1)).contains(&format!("ITEMS_MAX = {ITEMS_MAX}")));

    // The map at the top is one level.
    let deep = |n: usize| format!("vibee: 3\nx-a: {}1{}\n", "[".repeat(n), "]".repeat(n));
    assert!(read(&deep(NESTING_MAX - 1)).1.is_empty());
    assert!(only(&deep(NESTING_MAX)).contains(&format!("NESTING_MAX = {NESTING_MAX}")));
    let dashes = |n: usize| format!("vibee: 3\nx-a:\n  {}1\n", "- ".repeat(n));
    assert!(read(&dashes(NESTING_MAX - 2)).1.is_empty());
    assert!(only(&dashes(NESTING_MAX)).contains("NESTING_MAX"));

    let large = "vibee: 3\n".to_owned() + &"# comment\n".repeat(FILE_BYTES_MAX / 10);
    assert!(only(&large).contains(&format!("FILE_BYTES_MAX = {FILE_BYTES_MAX}")));
    let (_, refused) = reader::add_bytes(&mut Sources::default(), "a.vibee", large.as_bytes());
    assert!(refused.unwrap().message.contains("FILE_BYTES_MAX"));

    let (_, messages) = read(&("vibee: 3\n".to_owned() + &"no colon\n".repeat(MESSAGES_MAX + 20)));
    assert_eq!(messages.len(), MESSAGES_MAX + 1);
    assert!(messages.last().unwrap().message.starts_with("20 messages more"));
}

#[test]
fn texts_made_to_take_long_take_linear_time() {
    // Each is 16 KiB: where a piece is read for ever or again and again, this test shows it by its time.
    let pieces = [
        "\"\n",
        "a: \"\n",
        "a: '\n  \"\n",
        "a: [\n",
        "a: {\n  ",
        "[",
        "{",
        "- ",
        "-\n",
        "? \n",
        "a\n",
        " a: b\n",
        "\n",
        " \n",
        "a: |\n",
        "a: >\n \n",
        "# c\n",
        "a: b # c\n",
        "&a ",
        "!t\n",
        "*a\n",
        "a: b: c\n",
        "\t\n",
        "\ta\n",
        "a: x\n  y\n\n",
        "'",
        "\"",
        "\\",
        "a:\n",
        "1. x\n",
        "a = b\n",
        "[a, ",
        "{a: ",
        "a: [b\n  # c\n",
        "---\n",
        "a: \"\\\n  ",
        "é",
        "\u{FEFF}",
        "\r",
        "a: b\r\n",
        "  ",
        ": ",
        ", ",
        "]\n",
    ];
    for head in ["vibee: 3\n", "a: b\n", "a:\n  "] {
        for piece in pieces {
            let text = head.to_owned() + &piece.repeat((1 << 14) / piece.len());
            let (sources, mut diagnostics) = read(&text);
            sort(&mut diagnostics);
            diagnostics.truncate(20);
            let _ = render(&diagnostics, &sources, Style::Plain);
        }
    }
}
