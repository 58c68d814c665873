//! The kernels of this machine, as `TRINITY_ISA` and `--threads` ask for them.

use kernels::{Isa, Kernels, bits::Bits};

use crate::failure::{Failure, Kind};

/// Number of threads that `--threads` asks for; without it as many as affinity and the cgroup quota allow.
pub(super) fn n_threads(threads: Option<u16>) -> usize {
    threads.map_or_else(kernels::default_threads, usize::from)
}

/// The level that `TRINITY_ISA` forces, if it does.
fn forced_isa() -> Result<Option<Isa>, Failure> {
    match std::env::var("TRINITY_ISA") {
        Ok(name) => match Isa::from_name(&name) {
            Some(isa) => Ok(Some(isa)),
            None => Err(configuration(&format!("no level is called {name:?}"))),
        },
        Err(_) => Ok(None),
    }
}

fn configuration(message: &str) -> Failure {
    Failure::new(Kind::Configuration, format!("TRINITY_ISA: {message}"))
}

/// Kernels on [`n_threads`] threads, which the system may still move between cores, and the number of threads.
pub(super) fn kernels(threads: Option<u16>) -> Result<(Kernels, usize), Failure> {
    let n_threads = n_threads(threads);
    let kernels = Kernels::new(forced_isa()?, n_threads).map_err(|e| configuration(&e.to_string()))?;
    Ok((kernels, n_threads))
}

/// Has hypervectors use the level that `TRINITY_ISA` forces.
pub(super) fn choose_bits() -> Result<(), Failure> {
    match forced_isa()? {
        Some(isa) => Bits::use_level(isa).map_err(|e| configuration(&e.to_string())),
        None => Ok(()),
    }
}

/// Name of the instruction set that models are computed with.
pub(super) fn isa_name() -> Result<&'static str, Failure> {
    Ok(kernels(Some(1))?.0.isa().name())
}
