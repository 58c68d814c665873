//! Names of other servers for what we count, so that their dashboards and routers work.

/// Whose names `/metrics` speaks in addition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compat {
    /// `vllm:…`
    Vllm,
    /// `llamacpp:…`
    LlamaCpp,
}
