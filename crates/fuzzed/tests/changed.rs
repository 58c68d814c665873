//! Every check with inputs that are changed a little: what coverage finds in hours, this may find in seconds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test")]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    time::{Duration, Instant},
};

use testkit::Rng;

/// Time for each check. Its inputs are the same each time; how many of them fit depends on the machine.
const TIME: Duration = Duration::from_secs(3);
const INPUT_BYTES_MAX: usize = 1 << 14;

/// Lines of the list: name and folder.
fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../../../fuzz/targets.txt").lines().map(|line| line.split_once(' ').unwrap())
}

/// Contents of all files below a folder that are no longer than an input may be.
fn inputs(folder: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut inputs = Vec::new();
    for path in paths {
        if path.is_dir() {
            inputs.extend(self::inputs(&path));
        } else {
            inputs.push(fs::read(&path).unwrap());
        }
    }
    inputs.retain(|input| input.len() <= INPUT_BYTES_MAX);
    inputs
}

/// One of the inputs with one to eight changes, each at a random place: a byte, a part left out, repeated or taken from
/// another input, the rest cut off.
fn changed(inputs: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = inputs[rng.below(inputs.len())].clone();
    for _ in 0..=rng.below(8) {
        let start = rng.below(input.len() + 1);
        let end = start + rng.below((input.len() - start).min(64) + 1);
        match rng.below(6) {
            0 if start < input.len() => input[start] ^= 1 << rng.below(8),
            1 if start < input.len() => input[start] = rng.below(256) as u8,
            2 => drop(input.drain(start..end)),
            3 => {
                let part = input[start..end].to_vec();
                input.splice(start..start, part.repeat(1 + rng.below(3)));
            }
            4 => {
                let other = &inputs[rng.below(inputs.len())];
                let from = rng.below(other.len() + 1);
                let part = other[from..other.len().min(from + 64)].to_vec();
                input.splice(start..end, part);
            }
            5 if rng.below(4) == 0 => input.truncate(start),
            _ => {}
        }
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn run(name: &str) {
    let (_, place) = listed().find(|(known, _)| *known == name).unwrap();
    let inputs = inputs(&testkit::inputs(place));
    assert!(!inputs.is_empty(), "{place} has no inputs");
    let check = fuzzed::check(name).unwrap();
    let mut rng = Rng::new(20);
    let (start, mut n) = (Instant::now(), 0_usize);
    // One that is changed at least, however busy the machine is.
    while n <= inputs.len() || start.elapsed() < TIME {
        let input = if n < inputs.len() { inputs[n].clone() } else { changed(&inputs, &mut rng) };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&input))) {
            eprintln!("{name}, input {n}: {:?}", String::from_utf8_lossy(&input));
            resume_unwind(panic);
        }
        n += 1;
    }
    eprintln!("{name}: {n} inputs, {} of them as they are", inputs.len());
    assert!(n > inputs.len(), "{name}: only what is there was tried");
}

#[test]
fn every_check_is_listed_and_run_here() {
    let listed: Vec<&str> = listed().map(|(name, _)| name).collect();
    let known: Vec<&str> = fuzzed::CHECKS.iter().map(|(name, _)| *name).collect();
    assert_eq!((listed.as_slice(), known.as_slice()), (TESTED, TESTED));
}

macro_rules! tests {
    ($($name:ident)*) => {
        const TESTED: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*
    };
}

tests! {
    gguf_reader tokenizer_loader chat_template chat_output safetensors grammar
    kg_document kg_question kg_stored
    vibee_reader vibee_expression vibee_protocol vibee_bytecode
}
