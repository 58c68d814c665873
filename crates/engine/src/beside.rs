//! Work beside the caller: on threads of its own or, where a target has none (wasm32), on the caller's, one piece after
//! the other.
//!
//! The rest of the crate does not ask for the target, except that `lib.rs` leaves [`Handle`](crate::Handle) and
//! [`Engine`](crate::Engine) out there, which own a thread or read the system's clock, and `memory.rs` the cache
//! folder.

#[cfg(not(target_family = "wasm"))]
mod threads {
    use std::{io, thread};

    /// Runs `other` on a thread while the caller runs `own`; returns when both have ended.
    pub(crate) fn meanwhile<T>(other: impl FnOnce() + Send, own: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            scope.spawn(other);
            own()
        })
    }

    /// Runs `work` on a stack of `stack_bytes`, and waits for it. The error says that there is no such stack; within it
    /// is that of a `work` that panicked.
    pub(crate) fn on_stack<T: Send>(
        name: &str,
        stack_bytes: usize,
        work: impl FnOnce() -> T + Send,
    ) -> io::Result<thread::Result<T>> {
        thread::scope(|scope| {
            let thread = thread::Builder::new().name(name.to_owned()).stack_size(stack_bytes);
            thread.spawn_scoped(scope, work).map(thread::ScopedJoinHandle::join)
        })
    }
}

#[cfg(target_family = "wasm")]
mod threads {
    use std::{io, thread};

    /// Runs `other`, then `own`: there is no second thread.
    pub(crate) fn meanwhile<T>(other: impl FnOnce() + Send, own: impl FnOnce() -> T) -> T {
        other();
        own()
    }

    /// Runs `work` on the caller's stack, which must be made large enough when the module is linked.
    pub(crate) fn on_stack<T: Send>(
        _name: &str,
        _stack_bytes: usize,
        work: impl FnOnce() -> T + Send,
    ) -> io::Result<thread::Result<T>> {
        Ok(Ok(work()))
    }
}

pub(crate) use threads::{meanwhile, on_stack};
