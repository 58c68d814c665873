//! libFuzzer over one check of crate `fuzzed`, which `FUZZ_TARGET` names: one program, so that all is linked once.
#![no_main]

use std::sync::LazyLock;

use fuzzed::Check;

static CHECK: LazyLock<Check> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    fuzzed::check(&name).unwrap_or_else(|| panic!("FUZZ_TARGET={name} is none of fuzz/targets.txt"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| CHECK(data));
