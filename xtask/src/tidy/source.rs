//! Rules on Rust sources: sizes, names, `unsafe`, leftovers.

use super::{
    code::{Code, is_name, line_of},
    tree::File,
};

const FILE_LINES_MAX: usize = 1000;
const FUNCTION_LINES_MAX: usize = 100;
/// A comment with these words allows the offence and says why: in the first 20 lines of the file, or up to 8 lines
/// above the function.
const LONG_FILE: &str = "tidy: long file,";
const LONG_FUNCTION: &str = "tidy: long function,";

/// The files that may contain `unsafe`.
const UNSAFE: &[&str] = &[
    "crates/gguf/src/map.rs",
    "crates/gguf/src/map/fault.rs",
    "crates/kernels/src/isa.rs",
    "crates/kernels/src/matmul/table.rs",
    "crates/kernels/src/activation.rs",
    "crates/kernels/src/bits/room.rs",
    "crates/kernels/src/bits/table.rs",
    "crates/kernels/src/attention/tile.rs",
    "crates/kernels/src/attention/weigh.rs",
    "crates/kernels/src/coarse/dot.rs",
    "crates/kernels/src/machine/x86.rs",
    "crates/kernels/src/pool.rs",
    "crates/kernels/src/pool/sync.rs",
    "crates/kernels/src/pool/workers.rs",
    "crates/kernels/loom/src/sync.rs",
    "crates/kernels/src/simd/half.rs",
    "crates/kernels/src/simd/neon.rs",
    "crates/kernels/src/simd/neon_dotprod.rs",
    "crates/kernels/src/simd/neon_i8mm.rs",
    "crates/kernels/src/simd/prefetch.rs",
    "crates/kernels/src/simd/relaxed.rs",
    "crates/kernels/src/tests_in_wasm.rs",
    // Calls of a page, by addresses.
    "crates/web/src/exports.rs",
    // Allocators that count.
    "crates/model/tests/it/allocations.rs",
];

const BANNED_FILE_NAMES: &[&str] = &["util", "utils", "helper", "helpers", "common", "misc", "manager", "mod"];

/// All offences of all Rust files, and entries of the lists above that allow nothing.
pub(crate) fn check(rust: &[(&File, Code)]) -> Vec<String> {
    check_with(rust, UNSAFE)
}

fn check_with(rust: &[(&File, Code)], may_be_unsafe: &[&str]) -> Vec<String> {
    let mut offences = Vec::new();
    let mut are_unsafe = Vec::new();
    for (file, code) in rust {
        sizes(file, code, &mut offences);
        names(file, &mut offences);
        leftovers(file, code, &mut offences);
        let lines = code.text.lines().zip(1..);
        let has_word = |line: &str| line.split(|c| !is_name(c)).any(|w| w == "unsafe");
        let found: Vec<usize> = lines.filter(|(line, _)| has_word(line)).map(|(_, number)| number).collect();
        if !found.is_empty() {
            are_unsafe.push(file.path.as_str());
        }
        if !may_be_unsafe.contains(&file.path.as_str()) {
            let offence = |number| format!("{}:{number}: unsafe outside the files that may hold it", file.path);
            offences.extend(found.into_iter().map(offence));
        }
    }
    let idle = may_be_unsafe.iter().filter(|path| !are_unsafe.contains(path));
    offences.extend(idle.map(|path| format!("{path}: may hold unsafe and does not (xtask/src/tidy/source.rs)")));
    offences
}

fn sizes(file: &File, code: &Code, offences: &mut Vec<String>) {
    let n_lines = file.text.lines().count();
    let says = |words: &str, from: usize, to: usize| {
        code.comments.iter().any(|c| (from..to).contains(&c.line) && c.text.contains(words))
    };
    match (n_lines > FILE_LINES_MAX, says(LONG_FILE, 1, 21)) {
        (true, false) => offences.push(format!("{}: {n_lines} lines, the limit is {FILE_LINES_MAX}", file.path)),
        (false, true) => offences.push(format!("{}: says that it is long and is not", file.path)),
        _ => {}
    }
    let mut n_long = 0;
    for (start, n_lines) in functions(&code.text) {
        let is_long = n_lines > FUNCTION_LINES_MAX;
        if is_long && says(LONG_FUNCTION, start.saturating_sub(8), start) {
            n_long += 1;
        } else if is_long {
            let limit = FUNCTION_LINES_MAX;
            offences.push(format!("{}:{start}: a function of {n_lines} lines, the limit is {limit}", file.path));
        }
    }
    let n_allowed = code.comments.iter().filter(|c| c.text.contains(LONG_FUNCTION)).count();
    if n_allowed > n_long {
        offences.push(format!("{}: {n_allowed} functions said to be long, {n_long} are", file.path));
    }
}

/// Line and number of lines of each function that has a body.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let mut functions = Vec::new();
    for (start, _) in text.match_indices("fn ") {
        if text.get(..start).and_then(|before| before.chars().next_back()).is_some_and(is_name) {
            continue;
        }
        let (mut depth, mut body) = (0_i32, None);
        for (i, c) in text.get(start..).unwrap_or_default().char_indices() {
            match c {
                '{' if depth == 0 && body.is_none() => (depth, body) = (1, Some(i)),
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if depth < 0 || depth == 0 && body.is_none() && matches!(c, ';' | ',' | '=') {
                // A declaration, or the type of a function.
                break;
            }
            if depth == 0 && body.is_some() {
                let (first, last) = (line_of(text, start), line_of(text, start + i));
                functions.push((first, last - first + 1));
                break;
            }
        }
    }
    functions
}

fn names(file: &File, offences: &mut Vec<String>) {
    let stem = file.path.rsplit('/').next().and_then(|n| n.strip_suffix(".rs")).unwrap_or_default();
    if BANNED_FILE_NAMES.contains(&stem) {
        offences.push(format!("{}: a file name that says nothing", file.path));
    }
}

/// Tests that do not run, stubs, and work for later without an issue; tests may have none of them either.
fn leftovers(file: &File, code: &Code, offences: &mut Vec<String>) {
    for (line, number) in code.text.lines().zip(1..) {
        for word in ["todo!", "unimplemented!"] {
            if line.contains(word) {
                offences.push(format!("{}:{number}: {word}: no stubs", file.path));
            }
        }
        let attribute = line.trim_start().strip_prefix("#[").unwrap_or_default();
        let is_skip = attribute.starts_with("ignore") || attribute.starts_with("cfg_attr") && has(attribute, "ignore");
        if is_skip {
            offences.push(format!("{}:{number}: #[ignore]: no skipped tests", file.path));
        }
    }
    for comment in &code.comments {
        if comment.text.replace("TODO(#", "").contains("TODO") {
            offences.push(format!("{}:{}: TODO without an issue number", file.path, comment.line));
        }
    }
}

/// Whether `word` stands in `text` as a whole word.
fn has(text: &str, word: &str) -> bool {
    text.split(|c| !is_name(c)).any(|w| w == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    /// The offences of one file at `path`, where `crates/a/src/raw.rs` alone may be unsafe.
    fn check(path: &str, text: &str) -> usize {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned(), n_bytes: 0 };
        let files = vec![file(path, text), file("crates/a/src/raw.rs", "unsafe fn a() {}")];
        check_with(&Tree { files }.rust(), &["crates/a/src/raw.rs"]).len()
    }

    #[test]
    fn unsafe_stands_where_it_may() {
        assert_eq!(
            check("crates/a/src/lib.rs", "// unsafe\nfn not_unsafe() { \"unsafe\"; }\n#![deny(unsafe_code)]"),
            0
        );
        assert_eq!(check("crates/a/src/lib.rs", "fn a() {\n    unsafe { b() }\n}"), 1);
        assert_eq!(check("crates/a/src/lib.rs", "#[cfg(test)]\nmod tests { unsafe fn b() {} }"), 1, "in tests, too");
        assert_eq!(check_with(&[], &["crates/a/src/raw.rs"]).len(), 1, "an entry that allows nothing");
    }

    #[test]
    fn files_and_functions_are_short_or_say_why() {
        let long = |n: usize, head: &str| format!("{head}fn a() {{\n{}}}\n", "    b();\n".repeat(n));
        assert_eq!(check("crates/a/src/b.rs", &long(98, "")), 0, "100 lines");
        assert_eq!(check("crates/a/src/b.rs", &long(99, "")), 1);
        assert_eq!(check("crates/a/src/b.rs", &long(99, "// tidy: long function, a table.\n")), 0);
        assert_eq!(check("crates/a/src/b.rs", &long(98, "// tidy: long function, a table.\n")), 1, "needless");
        assert_eq!(check("crates/a/src/b.rs", &long(99, "#[cfg(test)]\nmod tests;\n")), 1, "behind a module of tests");
        assert_eq!(check("crates/a/src/b.rs", &long(99, "fn b(\n    c: D,\n) -> E;\n")), 1, "behind a declaration");
        assert_eq!(check("crates/a/src/b.rs", &"a();\n".repeat(FILE_LINES_MAX)), 0);
        assert_eq!(check("crates/a/src/b.rs", &"a();\n".repeat(FILE_LINES_MAX + 1)), 1);
        let table = format!("//! tidy: long file, a table.\n{}", "a();\n".repeat(FILE_LINES_MAX));
        assert_eq!(check("crates/a/src/b.rs", &table), 0);
        assert_eq!(check("crates/a/src/b.rs", "//! tidy: long file, a table.\n"), 1, "needless");
    }

    #[test]
    fn functions_end_where_they_end() {
        assert_eq!(functions("fn a() {\n  {}\n}\nfn b(c: fn(u8) -> u8) -> [u8; 2]\nwhere\n{\n}"), [(1, 3), (4, 4)]);
        assert_eq!(functions("trait A { fn a(); fn b() { c() } }\nstruct A {\n  a: fn(),\n}"), [(1, 1)]);
    }

    #[test]
    fn file_names_say_something() {
        assert_eq!(check("crates/a/src/queue.rs", ""), 0);
        assert_eq!(check("crates/a/src/util.rs", ""), 1);
        assert_eq!(check("crates/a/src/a/mod.rs", ""), 1);
    }

    #[test]
    fn nothing_is_skipped_or_left_for_later() {
        assert_eq!(check("crates/a/src/lib.rs", "// TODO(#12): b\nfn ignore() {} // #[ignore]\n#[must_use]\nx"), 0);
        for skipped in ["#[ignore]", "#[ignore = \"slow\"]", "    #[cfg_attr(miri, ignore)]"] {
            let text = format!("#[cfg(test)]\nmod tests {{\n#[test]\n{skipped}\nfn a() {{}}\n}}\n");
            assert_eq!(check("crates/a/src/lib.rs", &text), 1, "{skipped}");
            assert_eq!(check("crates/a/tests/it/b.rs", &text), 1, "{skipped}");
        }
        assert_eq!(check("crates/a/src/lib.rs", "fn a() { todo!() }\nfn b() { unimplemented!(\"c\") }"), 2);
        assert_eq!(check("crates/a/src/lib.rs", "// TODO: b"), 1);
        assert_eq!(check("crates/a/tests/it/b.rs", "// TODO(#12): b TODO"), 1);
    }
}
