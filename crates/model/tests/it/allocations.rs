//! After the first step of its kind, a decode step allocates nothing.
#![allow(unsafe_code, reason = "a global allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use model::{Forward, Logits, LogitsWanted, Step, StepSpan};

use crate::session::{load, pages, tokens};

struct Counting;

thread_local! {
    static N_ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more.
    let _ = N_ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: every call goes to the system's allocator unchanged; counting touches only a thread-local integer.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, n_bytes: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(pointer, layout, n_bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_decode_step_allocates_nothing() {
    let manifest = testkit::read_json("golden/manifest.json");
    for name in ["llama", "qwen3moe", "gemma3", "bitnet", "olmo2", "llama-256-Q4_1", "llama-256-Q6_K"] {
        let entry = manifest.as_array().unwrap().iter().find(|e| e["name"] == name).unwrap();
        let prompt = tokens(&entry["tokens"]);
        // One thread, so that all work is counted here.
        let mut model = load(&testkit::shared(&format!("golden/{name}.gguf")), None, 1);
        let (table, mut logits) = (pages(0, 64), Logits::default());
        let span =
            |tokens, position_first| StepSpan { tokens, position_first, pages: &table, logits: LogitsWanted::Last };
        model.forward(&Step { spans: &[span(&prompt[..40], 0)] }, &mut logits);
        model.forward(&Step { spans: &[span(&prompt[40..41], 40)] }, &mut logits);
        let before = N_ALLOCATIONS.get();
        for position in 41..48 {
            model.forward(&Step { spans: &[span(&prompt[position..=position], position)] }, &mut logits);
        }
        assert_eq!(N_ALLOCATIONS.get() - before, 0, "{name}: allocations in seven decode steps");
    }
}
