//! Chores of the repository: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask help`.
//!
//! Each chore is a module with one public function; `test` calls the others in the order that CI needs.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the terminal")]

mod aarch64;
mod beside;
mod browser;
mod checkout;
mod clients;
mod command;
mod figures;
mod firebird;
mod firebird_bench;
mod first_command;
mod fuzz;
mod generated;
mod install;
mod kg_bench;
mod load;
mod models;
mod mutants;
mod peers;
mod pictures;
mod relax;
mod serve_bench;
mod siege;
mod specs;
mod test;
mod tidy;
mod vibee_bench;
mod vsa_bench;
mod wasm;
mod web;
mod web_bench;
mod web_pages;

use std::process::ExitCode;

type Outcome = Result<(), String>;

const HELP: &str = "cargo xtask CHORE

  test [quick|extra|stages|STAGE …]
                  all stages that need only Rust, a C and C++ compiler and Python; quick: those that take minutes, without the slowest tests;
                  extra: those that need a browser, other toolchains, other people's packages; stages lists them; names choose some
  tidy            the repository's own rules: arrows, sizes, banned words, documents
  models          the models that the tests run on, downloaded once into target/models
  clients [PYTEST ARGUMENTS]
                  the Python packages that people use, against a real server; also the crowds, the kills and the router
  fuzz [SECONDS]  each fuzz target for that long (default 20)
  load [--quick] [--receipt]
                  time to the first token and peak memory of random models in every ternary container
  peers [--rounds N] [--only TEXT] [--list]
                  speeds beside those of other engines (benches/peers/README.md)
  serve-bench [--list] [--only ROW,…] [--clients N,…] [--rounds N] [--receipt] [--no-peer|--peer-only] [--model FILE] [--trinity PROGRAM]
                  what clients of the server see, beside llama.cpp's server where PEER_PYTHON has it
  siege [--list] [--only ROW,…] [--quick] [--baseline PROGRAM] [--receipt]
                  clients that flood, leave, stay silent and hold places, and what the others see of them (an hour; --quick: minutes)
  specs [--counts]
                  the specifications of specs/, by themselves and on the code that they judge; --counts writes down how many cases there are
  generated       what vibee generates from the specifications in TypeScript and Rust, compiled strictly and tested (needs Node.js and npm)
  vibee-bench [--receipt | --only ROW]
                  VIBEE beside rhai, Lua, CEL, Python and Node.js (benches/vibee)
  kg-train FOLDER PRESET [KEY=VALUE …]
                  link prediction on a benchmark (crates/kg/examples/train.rs): filtered ranks, calibration and the rules beside them
  kg-similar FOLDER [DIM [ENTITIES]]
                  recall and speed of likeness by sketch, by lists, and by comparing with every entity
  kg-bench [--receipt] [--ten-million]
                  loads, sizes and queries of the knowledge graph beside oxigraph (benches/kg)
  firebird-bench [--quick|--receipt [coverage|cost]]
                  what fingerprinting libraries and probes see of a browser with the extension (--quick: minutes; --receipt: an hour)
  vsa-bench [--receipt]
                  hypervectors beside numpy, torchhd, faiss and usearch (benches/vsa)
  chart RECEIPT   the README's picture from a stored measurement
  figures         the speeds in README.md and docs/speed.md, from their receipts
  pictures        what README shows of the page and the terminal, into docs/pictures
  aarch64         the kernels' tests on three aarch64 CPUs, emulated
  loom            the thread pool's synchronisation in every order of its threads
  browser [WORD …]
                  the chat page's tests in a real Chromium; with words, only tests whose names hold one
  firebird [test [WORD …]]
                  the browser extension FIREBIRD, for Chromium and Firefox, into web/firebird/dist; test: tries it in both
  mutants [SINCE [ARGUMENTS]]
                  wrong lines where code changed since a commit (default: the last but one), and whether a test notices;
                  arguments go to cargo mutants
  wasm            checks what a page needs to run a model or a specification for wasm32; the kernels' tests in node
  web-pages [WORD …]
                  the tests of the package @trinity/web in a real Chromium, Firefox and Node.js; with words, only tests whose names hold one
  web-bench [--receipt | --rounds N]
                  the package in headless Chromium beside @wllama/wllama (benches/web)
  web [--test] [--optimise]
                  the module for pages, its scripts and a page, into web/package/dist; --test: also its tests in Node.js;
                  --optimise: through wasm-opt
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let outcome = match arguments.first().map(String::as_str) {
        Some("test") => test::run(rest),
        Some("tidy") => tidy::run(),
        Some("models") => models::fetch().map(drop),
        Some("clients") => clients(rest),
        Some("kg-train") => kg_bench::train(rest),
        Some("kg-bench") => kg_bench::run(rest),
        Some("kg-similar") => kg_bench::similar(rest),
        Some("load") => load::run(rest),
        Some("fuzz") => fuzz::run(rest.first().map(String::as_str)).map(drop),
        Some("serve-bench") => serve_bench::run(&serve_bench::SUITE, rest),
        Some("specs") => specs::run(rest).map(drop),
        Some("generated") => generated::run().map(drop),
        Some("siege") => serve_bench::run(&siege::SUITE, rest),
        Some("vibee-bench") => vibee_bench::run(rest),
        Some("firebird-bench") => firebird_bench::run(rest),
        Some("vsa-bench") => vsa_bench::run(rest),
        Some("peers") => peers::run(rest),
        Some("chart") => peers::draw(rest),
        Some("figures") => figures::run(),
        Some("pictures") => pictures::run(),
        Some("aarch64") => aarch64::run(),
        Some("loom") => test::loom(&mut test::Totals::default()),
        Some("browser") => browser::run(rest, |_| ()),
        Some("firebird") => firebird::run(rest),
        Some("mutants") => mutants::run(rest),
        Some("wasm") => wasm::run(|_| ()),
        Some(wasm::RUNNER) => wasm::run_in_node(rest),
        Some("web") => web::run(rest),
        Some("web-pages") => web_pages::run(rest, |_| ()),
        Some("web-bench") => web_bench::run(rest),
        Some("help" | "--help" | "-h") | None => {
            print!("{HELP}");
            Ok(())
        }
        Some(other) => Err(format!("unknown chore {other:?}\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn clients(arguments: &[String]) -> Outcome {
    let counts = clients::run(arguments)?;
    if counts.failed == 0 { Ok(()) } else { Err(format!("{} tests failed", counts.failed)) }
}
