//! What happens where a mapped file loses bytes while it is read: one line that names it, and exit code 1.
//!
//! A read beyond the end of a file that was cut off raises SIGBUS. Its handler walks a list that is never freed and
//! takes no lock, writes bytes that were made before, and ends the process; any other SIGBUS goes to whoever had it
//! before.
#![allow(unsafe_code, reason = "a signal handler: the kernel's own words, see the argument at each block")]

use std::{
    ffi::{c_int, c_void},
    mem, ptr,
    sync::{
        Mutex, Once, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A mapped file as the handler finds it.
struct Region {
    begin: AtomicUsize,
    /// The address behind it; 0 while nothing is mapped.
    end: AtomicUsize,
    line: Box<[u8]>,
    next: OnceLock<&'static Region>,
}

static FIRST: OnceLock<&'static Region> = OnceLock::new();

/// Held by who changes the list; the handler only reads it.
static CHANGES: Mutex<()> = Mutex::new(());

/// Who had the signal before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// A mapped file that is watched while this lives.
pub(super) struct Watched(&'static Region);

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.end.store(0, Ordering::SeqCst);
    }
}

/// Watches the bytes that `file` is mapped to, until the result is dropped, which must be before they are unmapped.
pub(super) fn watch(file: &str, bytes: &[u8]) -> Watched {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(install);
    let (name, n_bytes) = (crate::escape(file), bytes.len());
    let line = format!("error: {name}: cut off or unreadable while in use: {n_bytes} bytes of it were mapped\n");
    let region = region(line.as_bytes());
    let begin = bytes.as_ptr().addr();
    region.begin.store(begin, Ordering::SeqCst);
    region.end.store(begin + n_bytes, Ordering::SeqCst);
    Watched(region)
}

/// A region with this line that is not in use, one of before if there is one: whoever loads a model again and again
/// takes no more of them.
fn region(line: &[u8]) -> &'static Region {
    let _changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut place = &FIRST;
    while let Some(region) = place.get().copied() {
        if *region.line == *line && region.end.load(Ordering::SeqCst) == 0 {
            // Taken before the lock is given back; nothing is at this address.
            region.begin.store(usize::MAX, Ordering::SeqCst);
            region.end.store(usize::MAX, Ordering::SeqCst);
            return region;
        }
        place = &region.next;
    }
    let (begin, end) = (AtomicUsize::new(usize::MAX), AtomicUsize::new(usize::MAX));
    let new = Box::leak(Box::new(Region { begin, end, line: line.into(), next: OnceLock::new() }));
    // The last place is empty, and the lock is held.
    place.get_or_init(|| new)
}

/// The line of the file that is mapped at `address`.
fn line_at(address: usize) -> Option<&'static [u8]> {
    let mut place = &FIRST;
    while let Some(region) = place.get().copied() {
        let (begin, end) = (region.begin.load(Ordering::SeqCst), region.end.load(Ordering::SeqCst));
        if (begin..end).contains(&address) {
            return Some(&region.line);
        }
        place = &region.next;
    }
    None
}

/// Takes the signal. If the system does not let us, a file that is cut off ends the process without a line.
fn install() {
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = on_fault;
    // SAFETY: all fields of the struct are numbers and pointers, for which zero is a value.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler as usize;
    // On the alternative stack that each thread of Rust's library has: the thread's own may be what is at its end.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: as above.
    let mut before: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: both point to structs of this function, and the handler does only what a handler may.
    let is_set = unsafe { libc::sigaction(libc::SIGBUS, &raw const action, &raw mut before) } == 0;
    if is_set {
        let _ = BEFORE.set(before);
    }
}

extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, _context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a pointer to a siginfo_t that is valid while the handler runs.
    let info = unsafe { &*info };
    // Zero and less: somebody sent it, and there is no address.
    let is_sent = info.si_code <= 0;
    // SAFETY: the kernel fills in the address for a SIGBUS that is its own, and only then it is looked at.
    let address = (!is_sent).then(|| unsafe { info.si_addr() }.addr());
    if let Some(line) = address.and_then(line_at) {
        // SAFETY: `write` may be called in a handler, and the bytes are never freed.
        unsafe { libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len()) };
        // SAFETY: `_exit` may be called in a handler. Nothing is unwound or flushed: whoever reads the file cannot go
        // on.
        unsafe { libc::_exit(1) };
    }
    // Another's: when this returns, what failed is done again and fails for them.
    if let Some(before) = BEFORE.get() {
        // SAFETY: `sigaction` may be called in a handler, with what it gave itself.
        unsafe { libc::sigaction(signal, ptr::from_ref(before), ptr::null_mut()) };
    }
    if is_sent {
        // SAFETY: `raise` may be called in a handler; the signal comes when this returns.
        unsafe { libc::raise(signal) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_an_address_is_there_while_it_is_watched() {
        let (bytes, others) = ([0_u8; 64], [0_u8; 64]);
        let at = |bytes: &[u8], i: usize| line_at(bytes.as_ptr().addr() + i);
        let watched = watch("a\u{202e}.gguf", &bytes);
        let line = std::str::from_utf8(at(&bytes, 63).unwrap()).unwrap();
        assert!(line.contains("a\\u{202e}.gguf: cut off") && line.ends_with("64 bytes of it were mapped\n"), "{line}");
        let again = watch("a\u{202e}.gguf", &others);
        assert!(at(&bytes, 0).is_some() && at(&others, 0).is_some());
        let first = ptr::from_ref(watched.0);
        drop(watched);
        assert!(at(&bytes, 0).is_none() && at(&others, 0).is_some());
        drop(again);
        // A place is used again, so that who loads for years needs no more memory for it.
        assert!(ptr::eq(watch("a\u{202e}.gguf", &bytes).0, first));
    }
}
