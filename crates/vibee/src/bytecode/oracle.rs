//! What fuzzing asks of bytecode: any bytes are refused or run within their limits, and a value leaves nothing behind.

use super::{read, verify, write};
use crate::{compile::compile, limits::Limits, testing, typed::FunctionId, vm::Vm};

const LIMITS: Limits = Limits { fuel: 20_000, memory_bytes: 1 << 20, depth: 50 };
const HASH_BYTES: usize = 32;
const PROGRAM_SIZE: u32 = 40;

/// Takes bytes as a file, or, where they do not begin like one, as a program's seed and changes of its file: four bytes
/// each, the place and the byte that stands there then.
///
/// # Panics
///
/// If bytecode that the verifier accepts loses objects, or does not read back as it was written.
#[doc(hidden)]
pub fn oracle(data: &[u8]) {
    let file = if data.starts_with(b"VBC3") { Some(data.to_vec()) } else { changed(data) };
    let Some(Ok(bytecode)) = file.map(|file| read(&signed(file))) else { return };
    assert_eq!(read(&write(&bytecode)).as_ref(), Ok(&bytecode), "a file reads back as it was written");
    if verify(&bytecode).is_err() {
        return;
    }
    let Ok(mut vm) = Vm::new(&bytecode, LIMITS) else { return };
    for (at, code) in bytecode.functions.iter().enumerate().filter(|(_, code)| code.n_params == 0) {
        let outcome = vm.call(FunctionId(at as u32), &[]);
        assert!(outcome.is_err() || vm.memory_used() == 0, "{} lost objects", code.name);
    }
}

fn changed(data: &[u8]) -> Option<Vec<u8>> {
    let (seed, changes) = data.split_first_chunk::<2>()?;
    let program = testing::programs::program(u16::from_le_bytes(*seed).into(), PROGRAM_SIZE);
    let mut file = write(&compile(&program).ok()?);
    for change in changes.as_chunks::<4>().0 {
        let [low, middle, high, byte] = *change;
        let at = u32::from_le_bytes([low, middle, high, 0]) as usize % file.len().max(1);
        if let Some(place) = file.get_mut(at) {
            *place = byte;
        }
    }
    Some(file)
}

/// The bytes with the checksum that they ask for: a wrong one would end everything at once.
fn signed(mut file: Vec<u8>) -> Vec<u8> {
    file.truncate(file.len().saturating_sub(HASH_BYTES));
    let hash = blake3::hash(&file);
    file.extend_from_slice(hash.as_bytes());
    file
}
