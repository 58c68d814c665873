//! The kernels of this machine, as `TRINITY_ISA` and `--threads` ask for them.

use kernels::{Isa, Kernels};

use crate::failure::{Failure, Kind};

/// Number of threads that `--threads` asks for; without it as many as affinity and the cgroup quota allow.
pub(super) fn n_threads(threads: Option<u16>) -> usize {
    threads.map_or_else(kernels::default_threads, usize::from)
}

/// Kernels on [`n_threads`] threads, which the system may still move between cores, and the number of threads.
pub(super) fn kernels(threads: Option<u16>) -> Result<(Kernels, usize), Failure> {
    let n_threads = n_threads(threads);
    let configuration = |message: String| Failure::new(Kind::Configuration, format!("TRINITY_ISA: {message}"));
    let isa = match std::env::var("TRINITY_ISA") {
        Ok(name) => Some(Isa::from_name(&name).ok_or_else(|| configuration(format!("no level is called {name:?}")))?),
        Err(_) => None,
    };
    Ok((Kernels::new(isa, n_threads).map_err(|e| configuration(e.to_string()))?, n_threads))
}

/// Name of the instruction set that models are computed with.
pub(super) fn isa_name() -> Result<&'static str, Failure> {
    Ok(kernels(Some(1))?.0.isa().name())
}
