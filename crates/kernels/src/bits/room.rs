//! Memory of long streams of lines, which the system is asked to give in huge pages: a scan then misses fewer
//! translations of addresses, and what fetches ahead is not stopped by their ends.
#![allow(unsafe_code, reason = "advice takes a pointer")]

use super::Line;

/// Bytes of a huge page on most systems; less is not worth asking.
#[cfg(target_os = "linux")]
const HUGE: usize = 2 << 20;

/// Makes room for `more` lines behind `lines`, and for as many again as there are, so that few calls have to.
pub fn reserve(lines: &mut Vec<Line>, more: usize) {
    if lines.capacity() - lines.len() >= more {
        return;
    }
    // Not by `Vec::reserve`: advice helps memory that was not written to yet.
    let mut moved = Vec::with_capacity(lines.len().saturating_add(more.max(lines.len())));
    ask_for_huge_pages(&mut moved);
    moved.extend_from_slice(lines);
    *lines = moved;
}

/// Asks for huge pages in all of the memory of `lines`. A system that refuses loses speed, no more.
#[cfg(target_os = "linux")]
fn ask_for_huge_pages(lines: &mut Vec<Line>) {
    use rustix::mm::{Advice, madvise};
    let memory = lines.spare_capacity_mut();
    let (bytes, start) = (size_of_val(memory), memory.as_mut_ptr().cast::<u8>());
    let before = start.align_offset(HUGE);
    let whole = bytes.saturating_sub(before) / HUGE * HUGE;
    if whole > 0 {
        // SAFETY: the pages belong to `lines` alone, and how large they are changes nothing that can be read in them.
        let _ = unsafe { madvise(start.wrapping_add(before).cast(), whole, Advice::LinuxHugepage) };
    }
}

/// Elsewhere there is no way to ask.
#[cfg(not(target_os = "linux"))]
fn ask_for_huge_pages(_: &mut Vec<Line>) {}
