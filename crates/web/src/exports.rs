//! The calls of the module: numbers and pointers of a page → methods of one [`Session`]. What each takes and gives is
//! written down in `web/package/ABI.md`.
//!
//! A module has one thread. A panic ends it: what it said is kept for `panic_message`, the only call that may follow.
#![allow(
    unsafe_code,
    reason = "exported names, imports, and text at addresses that the page got from `alloc`: see the argument at each"
)]

use std::{
    alloc::{Layout, alloc, dealloc},
    panic::PanicHookInfo,
    sync::{Mutex, MutexGuard, Once, PoisonError},
    time::Duration,
};

use serde_json::Value;

use crate::{Error, Session, Stepped, session::ABI};

#[link(wasm_import_module = "trinity")]
unsafe extern "C" {
    /// Milliseconds since some moment, which never go back.
    safe fn now_ms() -> f64;
    /// Shows a line to whoever develops the page.
    fn log(text: *const u8, len: u32);
}

/// The clock by which grammars are bounded; the crate `llguidance` calls it so.
// SAFETY: no other symbol of the module is called so, and the one who calls it expects this type.
#[unsafe(no_mangle)]
extern "C" fn now() -> f64 {
    now_ms()
}

static SESSION: Mutex<Option<Session>> = Mutex::new(None);
static OUTPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static LAST_ERROR: Mutex<Option<String>> = Mutex::new(None);
static PANIC: Mutex<String> = Mutex::new(String::new());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn clock() -> Duration {
    Duration::try_from_secs_f64(now_ms() / 1000.0).unwrap_or_default()
}

fn memory_bytes() -> u64 {
    (std::arch::wasm32::memory_size(0) as u64) << 16
}

/// Keeps what a panic says, and shows it.
fn note_panic(info: &PanicHookInfo<'_>) {
    let text = info.to_string();
    // SAFETY: the text outlives the call, which only reads it.
    unsafe { log(text.as_ptr(), text.len() as u32) };
    *lock(&PANIC) = text;
}

/// What a call gives.
enum Given {
    Json(Value),
    Text(String, i32),
    Number(i32),
}

fn put(text: String) {
    *lock(&OUTPUT) = text.into_bytes();
}

fn refuse(error: &Error) -> i32 {
    let text = error.to_json().to_string();
    *lock(&LAST_ERROR) = Some(text.clone());
    put(text);
    -1
}

/// Calls `work` with the session, which the first call makes; returns its status.
fn call(work: impl FnOnce(&mut Session) -> Result<Given, Error>) -> i32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(note_panic)));
    let mut session = lock(&SESSION);
    let session = session.get_or_insert_with(|| Session::new(clock, memory_bytes));
    match work(session) {
        Ok(Given::Json(json)) => {
            put(json.to_string());
            0
        }
        Ok(Given::Text(text, status)) => {
            put(text);
            status
        }
        Ok(Given::Number(status)) => status,
        Err(error) => refuse(&error),
    }
}

/// The bytes at an address of the page.
///
/// # Safety
/// `len` bytes from `ptr` are of one block of `alloc`, which is not freed or written to while the slice is in use: the
/// page does neither within a call.
unsafe fn bytes<'a>(ptr: *const u8, len: u32) -> &'a [u8] {
    if len == 0 || ptr.is_null() {
        return &[];
    }
    // SAFETY: by this function's own condition.
    unsafe { std::slice::from_raw_parts(ptr, len as usize) }
}

fn whole(lo: u32, hi: u32) -> u64 {
    u64::from(hi) << 32 | u64::from(lo)
}

/// Calls that take text, or nothing, and give what a method of the session gives.
macro_rules! calls {
    ($($(#[$meta:meta])* $name:ident($($text:ident)?) => $method:expr;)*) => {
        $(
            $(#[$meta])*
            // SAFETY: no other symbol of the module is called so.
            #[unsafe(export_name = stringify!($name))]
            extern "C" fn $name($(ptr: *const u8, $text: u32)?) -> i32 {
                $(
                    // SAFETY: the page passes text that lies in a block of `alloc`.
                    let $text = unsafe { bytes(ptr, $text) };
                )?
                let method: fn(&mut Session $(, calls!(@slice $text))?) -> Result<Given, Error> = $method;
                call(|session| method(session $(, $text)?))
            }
        )*
    };
    (@slice $text:ident) => { &[u8] };
}

calls! {
    /// Loads the model that was read in.
    load(text) => |session, text| session.load(text).map(Given::Json);
    /// What the loaded model is.
    info() => |session| session.info().map(Given::Json);
    /// Drops model, weights and requests.
    reset() => |session| {
        session.reset();
        Ok(Given::Number(0))
    };
    /// The tokens of a text.
    tokenize(text) => |session, text| session.tokenize(text).map(Given::Json);
    /// The text of tokens.
    detokenize(text) => |session, text| session.detokenize(text).map(Given::Json);
    /// The number of tokens of a request's prompt.
    count_tokens(text) => |session, text| session.count_tokens(text).map(Given::Json);
    /// A request's prompt.
    render(text) => |session, text| session.render(text).map(Given::Json);
    /// Submits a request for completions.
    submit(text) => |session, text| session.submit(text).map(Given::Number);
    /// Submits texts of which embeddings are wanted.
    embed(text) => |session, text| session.embed(text).map(Given::Number);
    /// Computes a step.
    step() => |session| {
        session.step().map(|stepped| {
            Given::Number(match stepped {
                Stepped::Idle => 0,
                Stepped::More => 1,
                Stepped::Events => 2,
            })
        })
    };
    /// The events since the last call.
    events() => |session| session.events().map(|(lines, n)| Given::Text(lines, n));
    /// Counters and gauges.
    stats() => |session| session.stats().map(Given::Json);
    /// Where memory is.
    memory_use() => |session| Ok(Given::Json(session.memory()));
    /// Greedy steps with a hash of their logits.
    trace(text) => |session, text| session.trace(text).map(Given::Json);
}

/// The version of the calls.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "abi")]
extern "C" fn abi() -> i32 {
    ABI
}

/// A block of so many bytes; null if there is no memory.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "alloc")]
extern "C" fn alloc_block(len: u32) -> *mut u8 {
    let Ok(layout) = Layout::array::<u8>(len.max(1) as usize) else { return std::ptr::null_mut() };
    // SAFETY: the layout has at least one byte.
    unsafe { alloc(layout) }
}

/// Gives back a block of `alloc`.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "free")]
extern "C" fn free_block(ptr: *mut u8, len: u32) {
    let Ok(layout) = Layout::array::<u8>(len.max(1) as usize) else { return };
    if !ptr.is_null() {
        // SAFETY: the page passes what `alloc` gave for this length, once.
        unsafe { dealloc(ptr, layout) };
    }
}

/// The place of the output.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "output_ptr")]
extern "C" fn output_ptr() -> *const u8 {
    lock(&OUTPUT).as_ptr()
}

/// The length of the output.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "output_len")]
extern "C" fn output_len() -> u32 {
    lock(&OUTPUT).len() as u32
}

/// The last error, again.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "last_error")]
extern "C" fn last_error() -> i32 {
    put(lock(&LAST_ERROR).clone().unwrap_or_else(|| "null".to_owned()));
    0
}

/// The plan for a file, by its first bytes.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "plan")]
extern "C" fn plan(
    head: *const u8,
    head_len: u32,
    size_lo: u32,
    size_hi: u32,
    options: *const u8,
    options_len: u32,
) -> i32 {
    // SAFETY: the page passes bytes that lie in a block of `alloc`.
    let head = unsafe { bytes(head, head_len) };
    // SAFETY: the page passes text that lies in a block of `alloc`.
    let options = unsafe { bytes(options, options_len) };
    call(|session| session.plan(head, whole(size_lo, size_hi), options).map(Given::Json))
}

/// Makes room for a file.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "weights_begin")]
extern "C" fn weights_begin(len_lo: u32, len_hi: u32) -> *mut u8 {
    let mut place = std::ptr::null_mut();
    call(|session| {
        place = session.weights_begin(whole(len_lo, len_hi))?.as_mut_ptr();
        Ok(Given::Number(0))
    });
    place
}

/// Takes the news that everything below `upto` is there.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "weights_filled")]
extern "C" fn weights_filled(upto_lo: u32, upto_hi: u32) -> i32 {
    call(|session| session.weights_filled(whole(upto_lo, upto_hi)).map(|()| Given::Number(0)))
}

/// Ends the reading of a file.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "weights_end")]
extern "C" fn weights_end(sha: *const u8, sha_len: u32) -> i32 {
    // SAFETY: the page passes text that lies in a block of `alloc`.
    let sha = unsafe { bytes(sha, sha_len) };
    call(|session| session.weights_end(sha).map(Given::Json))
}

/// Cancels a request.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "cancel")]
extern "C" fn cancel(id: u32) -> i32 {
    call(|session| session.cancel(id).map(|ran| Given::Number(i32::from(ran))))
}

/// What the panic said that ended the module.
// SAFETY: no other symbol of the module is called so.
#[unsafe(export_name = "panic_message")]
extern "C" fn panic_message() -> i32 {
    put(lock(&PANIC).clone());
    0
}
