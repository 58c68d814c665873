//! Words that only some places may hold: instruction sets, maps, threads, clocks, the environment, the network.

use std::collections::BTreeSet;

use super::{
    code::{Code, is_name, line_of},
    tree::File,
};

/// Paths or words, and the files and folders whose product code may hold them.
struct Confined<'a> {
    words: &'a [&'a str],
    places: &'a [&'a str],
    why: &'a str,
}

const CONFINED: &[Confined<'_>] = &[
    Confined {
        words: &["target_arch"],
        places: &["crates/kernels/", "crates/gguf/src/"],
        why: "only kernels names an instruction set",
    },
    Confined { words: &["target_feature"], places: &["crates/kernels/"], why: "only kernels names an instruction set" },
    Confined { words: &["memmap2"], places: &["crates/gguf/src/map.rs"], why: "only gguf::map maps a file" },
    Confined {
        words: &["std::thread::spawn", "std::thread::Builder", "std::thread::scope"],
        places: &[
            "crates/convert/src/parallel.rs",
            "crates/engine/src/beside.rs",
            "crates/engine/src/memory/disk/threads.rs",
            "crates/engine/src/service.rs",
            "crates/hub/",
            "crates/kernels/benches/",
            "crates/kernels/src/pool/sync.rs",
            "crates/kg/src/load/parallel.rs",
            "crates/server/src/models.rs",
            "crates/testkit/",
            "crates/vibee_cli/src/implementation.rs",
            "xtask/",
        ],
        why: "only the pool starts compute threads, and only these others",
    },
    Confined {
        words: &["std::time"],
        places: &[
            "crates/engine/examples/",
            "crates/engine/src/clock.rs",
            "crates/engine/src/generate.rs",
            "crates/engine/src/memory.rs",
            "crates/engine/src/memory/",
            "crates/engine/src/options.rs",
            "crates/engine/src/request.rs",
            "crates/engine/src/runner.rs",
            "crates/engine/src/runner/",
            "crates/engine/src/service.rs",
            "crates/eval/",
            "crates/hub/",
            "crates/kernels/benches/",
            "crates/kernels/examples/",
            "crates/kg/examples/",
            "crates/kg_http/src/",
            "crates/server/src/",
            "crates/testkit/",
            "crates/tokenizer/examples/",
            "crates/trinity/",
            "crates/vibee/examples/",
            "crates/vibee_cli/",
            "crates/web/src/",
            "xtask/",
        ],
        why: "clocks are arguments below the engine",
    },
    Confined {
        words: &["std::env"],
        places: &[
            "crates/engine/examples/",
            "crates/hub/",
            "crates/kernels/examples/",
            "crates/kg/examples/",
            "crates/testkit/",
            "crates/tokenizer/examples/",
            "crates/trinity/",
            "crates/vibee/examples/",
            "crates/vibee_cli/",
            "xtask/",
        ],
        why: "the environment is read by the binaries and the hub",
    },
    Confined {
        words: &["std::net"],
        places: &[
            "crates/hub/",
            "crates/server/src/serve.rs",
            "crates/server/src/gate.rs",
            "crates/server/src/transport/",
            "crates/testkit/",
            "crates/trinity/",
            "xtask/src/serve_bench/",
            "xtask/src/siege/",
        ],
        why: "only the hub and the server use the network",
    },
];

/// Words in other places, and places that hold none.
pub(crate) fn check(rust: &[(&File, Code)]) -> Vec<String> {
    check_with(rust, CONFINED)
}

fn check_with(rust: &[(&File, Code)], rows: &[Confined<'_>]) -> Vec<String> {
    let for_tests = modules_of_tests(rust);
    let mut offences = Vec::new();
    // Row and place.
    let mut used = BTreeSet::new();
    for (file, code) in rust {
        let is_test = file.path.contains("/tests/")
            || file.path.ends_with("/tests.rs")
            || ["benches/vibee/", "fuzz/", "crates/kernels/loom/"].iter().any(|folder| file.path.starts_with(folder))
            || for_tests.iter().any(|module| is_at(&file.path, module));
        if is_test {
            continue;
        }
        let product = code.product();
        let uses = Code::uses(&product);
        for (i, row) in rows.iter().enumerate() {
            let found = row
                .words
                .iter()
                .flat_map(|word| places(&product, &uses, word).into_iter().map(move |line| (line, word)));
            let found: BTreeSet<(usize, &&str)> = found.collect();
            let allowing: Vec<&&str> = row.places.iter().filter(|place| file.path.starts_with(**place)).collect();
            if !found.is_empty() {
                used.extend(allowing.iter().map(|place| (i, **place)));
            }
            if allowing.is_empty() {
                offences.extend(found.iter().map(|(line, word)| format!("{}:{line}: {word}: {}", file.path, row.why)));
            }
        }
    }
    for (i, row) in rows.iter().enumerate() {
        let idle = row.places.iter().filter(|place| !used.contains(&(i, **place)));
        offences.extend(idle.map(|place| {
            format!("{place}: may hold {} and does not (xtask/src/tidy/confined.rs)", row.words.join(", "))
        }));
    }
    offences
}

/// The lines of `product` that name `word`: in full, through a `use`, or by its last two names behind a `use` of its
/// module.
fn places(product: &str, uses: &[(usize, String)], word: &str) -> Vec<usize> {
    let imported = uses.iter().filter(|(_, path)| begins(path, word)).map(|(line, _)| *line);
    let mut lines: Vec<usize> = imported.collect();
    let short = word.strip_prefix("std::").filter(|short| short.contains("::"));
    for written in [Some(word), short].into_iter().flatten() {
        let is_word = |start: usize| {
            let before = product.get(..start).unwrap_or_default();
            let after = product.get(start + written.len()..).unwrap_or_default();
            !before.ends_with(is_name) && !before.ends_with("::") && !after.starts_with(is_name)
        };
        let found = product.match_indices(written).filter(|(start, _)| is_word(*start));
        lines.extend(found.map(|(start, _)| line_of(product, start)));
    }
    lines
}

/// Whether `path` is `word` or lies below it, or takes everything that is beside it.
fn begins(path: &str, word: &str) -> bool {
    let is_below = path.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    is_below || path.strip_suffix("*").is_some_and(|module| module.len() > 2 && word.starts_with(module))
}

/// Modules that are declared for tests alone: their paths without `.rs`.
fn modules_of_tests(rust: &[(&File, Code)]) -> Vec<String> {
    let modules = rust.iter().flat_map(|(file, code)| {
        let folder = match file.path.rsplit_once('/') {
            Some((folder, "lib.rs" | "main.rs")) => folder.to_owned(),
            _ => file.path.trim_end_matches(".rs").to_owned(),
        };
        code.test_modules().into_iter().map(move |name| format!("{folder}/{name}"))
    });
    modules.collect()
}

/// Whether the file at `path` is `module`, or lies below it.
fn is_at(path: &str, module: &str) -> bool {
    path.strip_prefix(module).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::Tree;

    const ROWS: &[Confined<'_>] = &[
        Confined { words: &["std::thread::spawn", "std::thread::Builder"], places: &["crates/pool/"], why: "" },
        Confined { words: &["std::time"], places: &["crates/pool/"], why: "" },
        Confined { words: &["std::env"], places: &["crates/pool/"], why: "" },
        Confined { words: &["target_arch"], places: &["crates/pool/"], why: "" },
    ];
    /// A use of each.
    const POOL: &str = "use std::{env, time, thread::Builder};\n#[cfg(target_arch = \"x\")]\nfn a() {}";

    fn offences(files: &[(&str, &str)]) -> Vec<String> {
        let file = |&(path, text): &(&str, &str)| File { path: path.to_owned(), text: text.to_owned(), n_bytes: 0 };
        let files = files.iter().chain([&("crates/pool/src/lib.rs", POOL)]).map(file).collect();
        check_with(&Tree { files }.rust(), ROWS)
    }

    fn check(text: &str) -> usize {
        offences(&[("crates/a/src/b.rs", text)]).len()
    }

    #[test]
    fn words_are_found_however_they_are_written() {
        assert_eq!(
            check("use std::{fmt, collections::BTreeMap};\n// std::time, target_arch\nlet a = \"std::env\";"),
            0
        );
        assert_eq!(check("fn a(time: u64, env: &Env) { time::now(); my::thread::spawn(); thread::spawned() }"), 0);
        for offence in [
            "use std::time::Instant;",
            "use std::{\n    fmt,\n    time::{Duration, Instant},\n};",
            "use std::{env};",
            "use std::{env as surroundings, fmt};",
            "fn a() -> bool { std::env::var(\"A\").is_ok() }",
            "use std::thread; fn a() { thread::spawn(b); }",
            "use std::thread;\nfn a() {\n    thread::Builder::new()\n}",
            "use std::thread::spawn;",
            "#[cfg(target_arch = \"x86_64\")]\nfn a() {}",
            "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\nuse std::env;",
            "#[cfg(test)]\nuse a::b;\nuse std::env;",
        ] {
            assert_eq!(check(offence), 1, "{offence}");
        }
        assert_eq!(check("use std::thread::*;"), 2, "both words");
    }

    #[test]
    fn tests_may_hold_every_word() {
        assert_eq!(check("#[cfg(test)]\nmod tests {\n    use std::{env, time::Instant};\n}"), 0);
        for path in ["crates/a/tests/it/b.rs", "crates/a/src/b/tests.rs", "fuzz/main.rs"] {
            assert_eq!(offences(&[(path, "use std::env;")]), [""; 0], "{path}");
        }
        let declared = ("crates/a/src/lib.rs", "#[cfg(test)]\nmod oracle;");
        assert_eq!(offences(&[declared, ("crates/a/src/oracle.rs", "use std::env;")]), [""; 0]);
        assert_eq!(offences(&[declared, ("crates/a/src/oracle/b.rs", "use std::env;")]), [""; 0]);
        assert_eq!(offences(&[declared, ("crates/a/src/oracles.rs", "use std::env;")]).len(), 1);
    }

    #[test]
    fn a_place_that_holds_nothing_is_taken_off_the_list() {
        let pool = File { path: "crates/pool/src/lib.rs".to_owned(), text: "use std::env;".to_owned(), n_bytes: 0 };
        assert_eq!(check_with(&Tree { files: vec![pool] }.rust(), ROWS).len(), 3);
    }
}
