//! The tests of this crate in an engine of WebAssembly, which has no arguments, output or threads: whoever instantiates
//! the module calls `main`, then asks for each test's name and runs it (`xtask/src/wasm/tests.mjs`).
#![allow(unsafe_code, reason = "what a module exports is called by code that the compiler does not see")]

extern crate test;

use std::sync::{Mutex, OnceLock, PoisonError};
use test::{ShouldPanic, TestDescAndFn, TestFn};

struct Test {
    name: &'static str,
    /// `None` if it is not for this machine, or is to panic.
    run: Option<fn() -> Result<(), String>>,
}

static TESTS: OnceLock<Vec<Test>> = OnceLock::new();

/// Why the last test panicked.
static MESSAGE: Mutex<String> = Mutex::new(String::new());

/// What `main` calls with all tests.
pub(crate) fn keep(tests: &'static [&'static TestDescAndFn]) {
    std::panic::set_hook(Box::new(|info| {
        *MESSAGE.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let tests = tests.iter().map(|test| {
        let is_for_here = !test.desc.ignore && test.desc.should_panic == ShouldPanic::No;
        let run = match test.testfn {
            TestFn::StaticTestFn(run) if is_for_here => Some(run),
            _ => None,
        };
        Test { name: test.desc.name.as_slice(), run }
    });
    let _ = TESTS.set(tests.collect());
}

fn test(index: usize) -> Option<&'static Test> {
    TESTS.get()?.get(index)
}

/// Address and length, one in each half.
fn place(text: &str) -> u64 {
    (text.as_ptr() as u64) << 32 | text.len() as u64
}

#[unsafe(no_mangle)]
extern "C" fn n_tests() -> usize {
    TESTS.get().map_or(0, Vec::len)
}

/// Where the name of a test stands.
#[unsafe(no_mangle)]
extern "C" fn name(index: usize) -> u64 {
    test(index).map_or(0, |test| place(test.name))
}

/// Runs a test: 0 if it passed, 1 if it is not run here, 2 if it failed. A panic is a trap.
#[unsafe(no_mangle)]
extern "C" fn run(index: usize) -> u32 {
    match test(index).map(|test| test.run) {
        Some(Some(run)) => u32::from(run().is_err()) * 2,
        Some(None) => 1,
        None => 2,
    }
}

/// Where the message of the last panic stands.
#[unsafe(no_mangle)]
extern "C" fn message() -> u64 {
    place(&MESSAGE.lock().unwrap_or_else(PoisonError::into_inner))
}
