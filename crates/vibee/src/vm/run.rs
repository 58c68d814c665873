//! The loop that runs instructions, whatever they do. What is frequent and usual, [`super::quick`] has done before it
//! comes here; what is on objects as a whole are calls of [`bulk::run`].
#![allow(clippy::inline_always, reason = "registers are reached three times an instruction")]
#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "not less is what the instruction is for: true of NaN")]
#![allow(clippy::semicolon_if_nothing_returned, reason = "a set register is an arm's last word")]
#![allow(clippy::single_match_else, reason = "the fast way first, beside the general one")]

use super::{
    Frame, STACK_WORDS_MAX, Vm,
    bulk::{self, Words},
    heap::{INLINE, inline_text},
    load::NARROW,
    quick::{At, Quick},
};
use crate::{
    bytecode::Opcode,
    order::{canonical, canonical_f32},
    value::Fault,
};

/// How registers are reached.
pub(super) trait Width {
    /// Whether a function may need a larger window than the one that calls it in its place.
    const MAY_GROW: bool;
    type Window: ?Sized;
    fn open(stack: &mut [u64], base: usize) -> Option<&mut Self::Window>;
    fn get(window: &Self::Window, register: u16) -> u64;
    fn set(window: &mut Self::Window, register: u16, word: u64);
}

/// For programs whose functions have at most 256 registers: a byte is always within the window.
pub(super) struct Narrow;

impl Width for Narrow {
    const MAY_GROW: bool = false;
    type Window = [u64; NARROW];

    #[inline(always)]
    fn open(stack: &mut [u64], base: usize) -> Option<&mut Self::Window> {
        stack.get_mut(base..)?.first_chunk_mut()
    }

    #[inline(always)]
    fn get(window: &Self::Window, register: u16) -> u64 {
        window[usize::from(register as u8)]
    }

    #[inline(always)]
    fn set(window: &mut Self::Window, register: u16, word: u64) {
        window[usize::from(register as u8)] = word;
    }
}

/// For all other programs.
pub(super) struct Wide;

impl Width for Wide {
    const MAY_GROW: bool = true;
    type Window = [u64];

    fn open(stack: &mut [u64], base: usize) -> Option<&mut Self::Window> {
        stack.get_mut(base..)
    }

    fn get(window: &Self::Window, register: u16) -> u64 {
        window.get(usize::from(register)).copied().unwrap_or(0)
    }

    fn set(window: &mut Self::Window, register: u16, word: u64) {
        if let Some(place) = window.get_mut(usize::from(register)) {
            *place = word;
        }
    }
}

/// Makes the stack reach to `end`.
#[cold]
fn grow(stack: &mut Vec<u64>, end: usize) -> Result<(), Fault> {
    if end > STACK_WORDS_MAX {
        return Err(Fault::Memory);
    }
    stack.resize((2 * end).min(STACK_WORDS_MAX), 0);
    Ok(())
}

impl Vm<'_> {
    /// Runs from an instruction on, to the end of the outermost function.
    #[inline(never)]
    pub(super) fn run<W: Width>(&mut self, at: At) -> Result<u64, Fault> {
        let code = self.loaded.code.as_slice();
        let quick = self.loaded.quick.as_slice();
        let types = self.loaded.types.as_slice();
        let entries = self.loaded.entries.as_slice();
        let consts = self.consts.as_slice();
        let layouts = &self.layouts;
        let (heap, stack, frames) = (&mut self.heap, &mut self.stack, &mut self.frames);
        let depth_max = self.limits.depth as usize;
        let At { mut pc, mut fuel, mut base, mut width } = at;
        let Some(mut w) = W::open(stack, base) else { return Err(Fault::Memory) };
        let mut scratch: Vec<u64> = Vec::new();

        let result = 'run: loop {
            macro_rules! fail {
                ($fault:expr) => {
                    break 'run Err($fault)
                };
            }
            macro_rules! attempt {
                ($result:expr) => {
                    match $result {
                        Ok(value) => value,
                        Err(fault) => break 'run Err(fault),
                    }
                };
            }
            if quick.get(pc).is_some_and(|step| step.is_quick()) {
                let mut now = At { pc, base, fuel, width };
                let quick = Quick { code: quick, consts, entries, heap, stack, frames, depth_max };
                let result = quick.run(&mut now);
                At { pc, fuel, base, width } = now;
                if let Some(word) = result {
                    break 'run Ok(word);
                }
                let Some(window) = W::open(stack, base) else { fail!(Fault::Memory) };
                w = window;
            }
            let Some(i) = code.get(pc).copied() else { fail!(Fault::Fuel) };
            pc += 1;
            macro_rules! get {
                ($register:expr) => {
                    W::get(w, $register)
                };
            }
            macro_rules! int {
                ($register:expr) => {
                    W::get(w, $register) as i64
                };
            }
            macro_rules! float {
                ($register:expr) => {
                    f64::from_bits(W::get(w, $register))
                };
            }
            macro_rules! single {
                ($register:expr) => {
                    f32::from_bits(W::get(w, $register) as u32)
                };
            }
            macro_rules! set {
                ($word:expr) => {{
                    let word = $word;
                    W::set(w, i.a, word)
                }};
            }
            macro_rules! checked {
                ($result:expr) => {{
                    let (x, is_over) = $result;
                    if is_over {
                        fail!(Fault::Overflow)
                    }
                    set!(x as u64)
                }};
            }
            macro_rules! charge {
                () => {{
                    fuel -= i64::from(i.f);
                    if fuel < 0 {
                        fail!(Fault::Fuel)
                    }
                }};
            }
            macro_rules! jump_if {
                ($holds:expr) => {{
                    let holds = $holds;
                    charge!();
                    if holds {
                        pc = pc.wrapping_add_signed(isize::from(i.c as i16));
                    }
                }};
            }
            // Takes the words that `args` name, at most three in the common case.
            macro_rules! args {
                ($n:expr, $words:ident => $then:expr) => {{
                    let n: usize = $n;
                    if n <= 3 {
                        let g = if n == 0 { i } else { code.get(pc).copied().unwrap_or(i) };
                        let three = [get!(g.a), get!(g.b), get!(g.c)];
                        pc += usize::from(n != 0);
                        let $words: &[u64] = three.get(..n).unwrap_or_default();
                        $then
                    } else {
                        scratch.clear();
                        for at in 0..n {
                            let g = code.get(pc + at / 3).copied().unwrap_or(i);
                            scratch.push(get!([g.a, g.b, g.c][at % 3]));
                        }
                        pc += n.div_ceil(3);
                        let $words: &[u64] = &scratch;
                        $then
                    }
                }};
            }
            macro_rules! bulk {
                () => {
                    bulk!(words => bulk::run(heap, layouts, i, words))
                };
                ($words:ident => $run:expr) => {{
                    let (a_type, b_type) = types.get(pc - 1).copied().unwrap_or_default();
                    let $words = Words { a: get!(i.a), b: get!(i.b), c: get!(i.c), a_type, b_type };
                    let word = attempt!($run);
                    fuel -= std::mem::take(&mut heap.charge) as i64;
                    if fuel < 0 {
                        fail!(Fault::Fuel)
                    }
                    set!(word)
                }};
            }
            macro_rules! texts_equal {
                ($one:expr, $other:expr) => {{
                    let equal = heap.texts_equal($one, $other);
                    fuel -= std::mem::take(&mut heap.charge) as i64;
                    equal
                }};
            }
            match i.op {
                Opcode::Mov | Opcode::Take => set!(get!(i.b)),
                Opcode::Copy => {
                    let word = get!(i.b);
                    heap.retain(word);
                    set!(word);
                }
                Opcode::Drop => heap.release(get!(i.a), layouts),
                Opcode::Const => {
                    let word = consts.get(i.bc() as usize).copied().unwrap_or(0);
                    if layouts.is_heap(types.get(pc - 1).map_or(0, |types| types.0)) {
                        heap.retain(word);
                    }
                    set!(word);
                }
                Opcode::Imm => set!(i64::from(i.bc() as i32) as u64),
                Opcode::Args => {}
                Opcode::Fuel => charge!(),

                Opcode::IAdd => checked!(int!(i.b).overflowing_add(int!(i.c))),
                Opcode::ISub => checked!(int!(i.b).overflowing_sub(int!(i.c))),
                Opcode::IMul => checked!(int!(i.b).overflowing_mul(int!(i.c))),
                Opcode::INeg => checked!(int!(i.b).overflowing_neg()),
                Opcode::IMod => match int!(i.c) {
                    0 => fail!(Fault::DivZero),
                    by => set!(int!(i.b).wrapping_rem_euclid(by) as u64),
                },
                Opcode::IDiv => set!(attempt!(bulk::int_div(int!(i.b), int!(i.c))) as u64),
                Opcode::IWAdd | Opcode::UAdd => set!(get!(i.b).wrapping_add(get!(i.c))),
                Opcode::IWSub | Opcode::USub => set!(get!(i.b).wrapping_sub(get!(i.c))),
                Opcode::IWMul | Opcode::UMul => set!(get!(i.b).wrapping_mul(get!(i.c))),
                Opcode::ISAdd => set!(int!(i.b).saturating_add(int!(i.c)) as u64),
                Opcode::ISSub => set!(int!(i.b).saturating_sub(int!(i.c)) as u64),
                Opcode::ISMul => set!(int!(i.b).saturating_mul(int!(i.c)) as u64),
                Opcode::IAddK => checked!(int!(i.b).overflowing_add(i64::from(i.c as i16))),
                Opcode::IMulK => checked!(int!(i.b).overflowing_mul(i64::from(i.c as i16))),
                Opcode::IDivK => match i.c as i16 {
                    // The common case without a division: what a shift gives is what Euclid's quotient by 2 is.
                    2 => set!((int!(i.b) >> 1) as u64),
                    by => set!(attempt!(bulk::int_div(int!(i.b), by.into())) as u64),
                },
                Opcode::IModK => match i.c as i16 {
                    0 => fail!(Fault::DivZero),
                    2 => set!(get!(i.b) & 1),
                    by => set!(int!(i.b).wrapping_rem_euclid(by.into()) as u64),
                },
                Opcode::In => {
                    let bound = |at: u16| consts.get(usize::from(at)).copied().unwrap_or(0) as i64;
                    if !(bound(i.b)..=bound(i.c)).contains(&int!(i.a)) {
                        fail!(Fault::Range)
                    }
                }
                Opcode::InK => {
                    if !(i64::from(i.b as i16)..=i64::from(i.c as i16)).contains(&int!(i.a)) {
                        fail!(Fault::Range)
                    }
                }
                Opcode::UAnd => set!(get!(i.b) & get!(i.c)),
                Opcode::UOr => set!(get!(i.b) | get!(i.c)),
                Opcode::UXor => set!(get!(i.b) ^ get!(i.c)),
                Opcode::UNot => set!(!get!(i.b)),
                Opcode::UShlK if i.c < 64 => set!(get!(i.b) << (i.c & 63)),
                Opcode::UShrK if i.c < 64 => set!(get!(i.b) >> (i.c & 63)),
                Opcode::UPop => set!(get!(i.b).count_ones().into()),
                Opcode::UOfInt | Opcode::UToInt => {
                    let word = get!(i.b);
                    if word as i64 >= 0 { set!(word) } else { fail!(Fault::Range) }
                }
                Opcode::UOfBits | Opcode::UToBits | Opcode::TToInt | Opcode::YToInt | Opcode::FBits | Opcode::GBits => {
                    set!(get!(i.b))
                }
                Opcode::FOfBits => set!(canonical(float!(i.b)).to_bits()),
                Opcode::FAdd => set!(canonical(float!(i.b) + float!(i.c)).to_bits()),
                Opcode::FSub => set!(canonical(float!(i.b) - float!(i.c)).to_bits()),
                Opcode::FMul => set!(canonical(float!(i.b) * float!(i.c)).to_bits()),
                Opcode::FDiv => set!(canonical(float!(i.b) / float!(i.c)).to_bits()),
                Opcode::FNeg => set!(canonical(-float!(i.b)).to_bits()),
                Opcode::FAbs => set!(canonical(float!(i.b).abs()).to_bits()),
                Opcode::FRoundInt => set!((int!(i.b) as f64).to_bits()),
                Opcode::GAdd => set!(canonical_f32(single!(i.b) + single!(i.c)).to_bits().into()),
                Opcode::GSub => set!(canonical_f32(single!(i.b) - single!(i.c)).to_bits().into()),
                Opcode::GMul => set!(canonical_f32(single!(i.b) * single!(i.c)).to_bits().into()),
                Opcode::GDiv => set!(canonical_f32(single!(i.b) / single!(i.c)).to_bits().into()),
                Opcode::GNeg => set!(canonical_f32(-single!(i.b)).to_bits().into()),
                Opcode::GAbs => set!(canonical_f32(single!(i.b).abs()).to_bits().into()),

                Opcode::IEq => set!((get!(i.b) == get!(i.c)).into()),
                Opcode::ILt => set!((int!(i.b) < int!(i.c)).into()),
                Opcode::ILe => set!((int!(i.b) <= int!(i.c)).into()),
                Opcode::ULt => set!((get!(i.b) < get!(i.c)).into()),
                Opcode::ULe => set!((get!(i.b) <= get!(i.c)).into()),
                Opcode::FEq => set!((float!(i.b) == float!(i.c)).into()),
                Opcode::FLt => set!((float!(i.b) < float!(i.c)).into()),
                Opcode::FLe => set!((float!(i.b) <= float!(i.c)).into()),
                Opcode::GEq => set!((single!(i.b) == single!(i.c)).into()),
                Opcode::GLt => set!((single!(i.b) < single!(i.c)).into()),
                Opcode::GLe => set!((single!(i.b) <= single!(i.c)).into()),
                Opcode::Not => set!(get!(i.b) ^ 1),

                Opcode::TNot | Opcode::YNeg => set!(int!(i.b).wrapping_neg() as u64),
                Opcode::TMin => set!(int!(i.b).min(int!(i.c)) as u64),
                Opcode::TMax => set!(int!(i.b).max(int!(i.c)) as u64),
                Opcode::TXor => {
                    let (x, y) = (int!(i.b), int!(i.c));
                    set!(x.max(y).min(x.min(y).wrapping_neg()) as u64)
                }
                Opcode::TMul => set!(int!(i.b).wrapping_mul(int!(i.c)) as u64),
                Opcode::TSum => {
                    let sum = int!(i.b).wrapping_add(int!(i.c));
                    set!((sum.wrapping_sub(3 * (i64::from(sum > 1) - i64::from(sum < -1)))) as u64)
                }
                Opcode::TCarry => {
                    let sum = int!(i.b).wrapping_add(int!(i.c));
                    set!((i64::from(sum > 1) - i64::from(sum < -1)) as u64)
                }
                Opcode::TCons => {
                    let (x, y) = (get!(i.b), get!(i.c));
                    set!(if x == y { x } else { 0 })
                }
                Opcode::TOfBool => set!((2 * int!(i.b)).wrapping_sub(1) as u64),
                Opcode::TOfInt => {
                    let x = int!(i.b);
                    if (-1..=1).contains(&x) { set!(x as u64) } else { fail!(Fault::Range) }
                }

                Opcode::Jmp => {
                    charge!();
                    pc = pc.wrapping_add_signed(isize::from(i.a as i16));
                }
                Opcode::Jif => {
                    charge!();
                    if get!(i.a) != 0 {
                        pc = pc.wrapping_add_signed(isize::from(i.b as i16));
                    }
                }
                Opcode::Jifn => {
                    charge!();
                    if get!(i.a) == 0 {
                        pc = pc.wrapping_add_signed(isize::from(i.b as i16));
                    }
                }
                Opcode::Jieq => jump_if!(get!(i.a) == get!(i.b)),
                Opcode::Jine => jump_if!(get!(i.a) != get!(i.b)),
                Opcode::Jilt => jump_if!(int!(i.a) < int!(i.b)),
                Opcode::Jile => jump_if!(int!(i.a) <= int!(i.b)),
                Opcode::JieqK => jump_if!(int!(i.a) == i64::from(i.b as i16)),
                Opcode::JineK => jump_if!(int!(i.a) != i64::from(i.b as i16)),
                Opcode::JiltK => jump_if!(int!(i.a) < i64::from(i.b as i16)),
                Opcode::JileK => jump_if!(int!(i.a) <= i64::from(i.b as i16)),
                Opcode::JigtK => jump_if!(int!(i.a) > i64::from(i.b as i16)),
                Opcode::JigeK => jump_if!(int!(i.a) >= i64::from(i.b as i16)),
                Opcode::Jult => jump_if!(get!(i.a) < get!(i.b)),
                Opcode::Jule => jump_if!(get!(i.a) <= get!(i.b)),
                Opcode::Jflt => jump_if!(float!(i.a) < float!(i.b)),
                Opcode::Jfnlt => jump_if!(!(float!(i.a) < float!(i.b))),
                Opcode::Jfle => jump_if!(float!(i.a) <= float!(i.b)),
                Opcode::Jfnle => jump_if!(!(float!(i.a) <= float!(i.b))),
                Opcode::Jseq => jump_if!(texts_equal!(get!(i.a), get!(i.b))),
                Opcode::Jsne => jump_if!(!texts_equal!(get!(i.a), get!(i.b))),
                Opcode::JseqK => {
                    jump_if!(texts_equal!(get!(i.a), consts.get(usize::from(i.b)).copied().unwrap_or(0)));
                }
                Opcode::JsneK => {
                    jump_if!(!texts_equal!(get!(i.a), consts.get(usize::from(i.b)).copied().unwrap_or(0)));
                }
                Opcode::Jtagn => jump_if!(heap.case(get!(i.a), layouts) != i.b),
                Opcode::Rnext => {
                    let (x, last) = (int!(i.a), int!(i.b));
                    charge!();
                    if x < last {
                        set!((x + 1) as u64);
                        pc = pc.wrapping_add_signed(isize::from(i.c as i16));
                    }
                }
                Opcode::Lfirst | Opcode::Lnext | Opcode::Tfirst | Opcode::Tnext => {
                    charge!();
                    let at = get!(i.b.wrapping_add(1));
                    let next = heap.words(get!(i.b)).get(at as usize).copied();
                    let is_first = matches!(i.op, Opcode::Lfirst | Opcode::Tfirst);
                    if let Some(word) = next {
                        if types.get(pc - 1).is_some_and(|types| types.0 != 0) {
                            heap.retain(word);
                        }
                        W::set(w, i.b.wrapping_add(1), at.wrapping_add(1));
                        set!(word);
                    }
                    if next.is_some() != is_first {
                        pc = pc.wrapping_add_signed(isize::from(i.c as i16));
                    }
                }
                Opcode::Mfirst | Opcode::Mnext => {
                    charge!();
                    let at = get!(i.b.wrapping_add(1));
                    let entry = match heap.words(get!(i.b)).get(at as usize..) {
                        Some([key, of, ..]) => Some([*key, *of]),
                        _ => None,
                    };
                    if let Some(entry) = entry {
                        let shape = types.get(pc - 1).map_or(0, |types| types.0);
                        heap.retain_parts(&entry, shape, layouts);
                        let word = attempt!(heap.of_parts(shape, layouts, &entry));
                        W::set(w, i.b.wrapping_add(1), at.wrapping_add(2));
                        set!(word);
                    }
                    if entry.is_some() != (i.op == Opcode::Mfirst) {
                        pc = pc.wrapping_add_signed(isize::from(i.c as i16));
                    }
                }
                Opcode::Sfirst | Opcode::Snext => {
                    charge!();
                    let at = get!(i.b.wrapping_add(1)) as usize;
                    let mut buffer = [0; 8];
                    let rest = heap.str(get!(i.b), &mut buffer).as_bytes().get(at..).unwrap_or_default();
                    let n = match rest.first() {
                        None => 0,
                        Some(0..0x80) => 1,
                        Some(first) => first.leading_ones() as usize,
                    };
                    let word = rest.get(..n).and_then(inline_text).unwrap_or(INLINE);
                    if n > 0 {
                        W::set(w, i.b.wrapping_add(1), (at + n) as u64);
                        set!(word);
                    }
                    if (n > 0) != (i.op == Opcode::Sfirst) {
                        pc = pc.wrapping_add_signed(isize::from(i.c as i16));
                    }
                }
                Opcode::Bfirst | Opcode::Bnext => {
                    charge!();
                    let at = get!(i.b.wrapping_add(1));
                    let next = heap.bytes(get!(i.b)).get(at as usize).copied();
                    if let Some(byte) = next {
                        W::set(w, i.b.wrapping_add(1), at.wrapping_add(1));
                        set!(byte.into());
                    }
                    if next.is_some() != (i.op == Opcode::Bfirst) {
                        pc = pc.wrapping_add_signed(isize::from(i.c as i16));
                    }
                }

                Opcode::Call => {
                    charge!();
                    let Some(entry) = entries.get(i.bc() as usize) else { fail!(Fault::Range) };
                    if frames.len() + 1 >= depth_max {
                        fail!(Fault::Depth)
                    }
                    let to = base + width;
                    let end = to + (entry.n_registers as usize).max(NARROW);
                    args!(usize::from(entry.n_params), words => {
                        if end > stack.len() {
                            attempt!(grow(stack, end));
                        }
                        let Some(window) = W::open(stack, to) else { fail!(Fault::Memory) };
                        w = window;
                        for (at, word) in words.iter().enumerate() {
                            W::set(w, at as u16, *word);
                        }
                    });
                    frames.push(Frame { pc: pc as u32, base: base as u32, dest: i.a });
                    (base, width, pc) = (to, entry.n_registers as usize, entry.pc as usize);
                }
                Opcode::Tail => {
                    charge!();
                    let Some(entry) = entries.get(i.ab() as usize) else { fail!(Fault::Range) };
                    let end = base + (entry.n_registers as usize).max(NARROW);
                    args!(usize::from(entry.n_params), words => {
                        if W::MAY_GROW {
                            if end > stack.len() {
                                attempt!(grow(stack, end));
                            }
                            let Some(window) = W::open(stack, base) else { fail!(Fault::Memory) };
                            w = window;
                        }
                        for (at, word) in words.iter().enumerate() {
                            W::set(w, at as u16, *word);
                        }
                    });
                    (width, pc) = (entry.n_registers as usize, entry.pc as usize);
                }
                Opcode::Ret => {
                    charge!();
                    let word = get!(i.a);
                    let Some(frame) = frames.pop() else { break 'run Ok(word) };
                    width = base - frame.base as usize;
                    (base, pc) = (frame.base as usize, frame.pc as usize);
                    let Some(window) = W::open(stack, base) else { fail!(Fault::Memory) };
                    w = window;
                    W::set(w, frame.dest, word);
                }
                Opcode::Fault => {
                    fuel -= i64::from(i.f);
                    fail!(Fault::ALL.get(usize::from(i.a)).map_or(Fault::Range, |(fault, _)| *fault))
                }
                Opcode::Cover => {
                    if let Some(count) = self.reached.get_mut(i.ab() as usize) {
                        *count += 1;
                    }
                }

                Opcode::Rec => {
                    let shape = types.get(pc - 1).map_or(0, |types| types.0);
                    let word = args!(usize::from(i.b), words => attempt!(heap.of_parts(shape, layouts, words)));
                    set!(word);
                }
                Opcode::Variant => {
                    let shape = types.get(pc - 1).map_or(0, |types| types.0) + u32::from(i.b);
                    let word = args!(usize::from(i.c), words => attempt!(heap.of_parts(shape, layouts, words)));
                    set!(word);
                }
                Opcode::Lnew => {
                    let shape = types.get(pc - 1).map_or(0, |types| types.0);
                    let n = usize::from(i.b);
                    let word = args!(n, words => attempt!(heap.of_words(shape, words.to_vec())));
                    fuel -= n as i64 / 8;
                    set!(word);
                }
                Opcode::Field => {
                    let word = heap.words(get!(i.b)).get(usize::from(i.c)).copied().unwrap_or(0);
                    if i.f != 0 {
                        heap.retain(word);
                    }
                    set!(word);
                }
                Opcode::Payload => {
                    let of = get!(i.b);
                    if heap.case(of, layouts) != i.c {
                        fail!(Fault::Unwrap)
                    }
                    let word = heap.carried(of, usize::from(i.f >> 1));
                    if i.f & 1 != 0 {
                        heap.retain(word);
                    }
                    set!(word);
                }
                Opcode::Llen | Opcode::Tlen => set!(heap.words(get!(i.b)).len() as u64),
                Opcode::Mlen => set!(heap.words(get!(i.b)).len() as u64 / 2),
                Opcode::Lget => {
                    let words = heap.words(get!(i.b));
                    let at = get!(i.c);
                    let word = if at < words.len() as u64 { words.get(at as usize).copied() } else { None };
                    let Some(word) = word else { fail!(Fault::Index) };
                    if i.f != 0 {
                        heap.retain(word);
                    }
                    set!(word);
                }
                Opcode::Lpush => match heap.unique(get!(i.a)) {
                    Some(words) => {
                        words.push(get!(i.b));
                        attempt!(heap.grew(1));
                    }
                    None => bulk!(),
                },
                Opcode::Lset if i.f == 0 => {
                    let at = get!(i.b);
                    let place = heap.unique(get!(i.a)).filter(|words| at < words.len() as u64);
                    match place.and_then(|words| words.get_mut(at as usize)) {
                        Some(place) => *place = get!(i.c),
                        None => bulk!(),
                    }
                }
                Opcode::Mget => bulk!(words => bulk::map_get(heap, layouts, words)),
                Opcode::Mput => bulk!(words => bulk::map_put(heap, layouts, words)),
                Opcode::Slen => set!(heap.n_scalars(get!(i.b)) as u64),
                Opcode::Blen => set!(heap.bytes(get!(i.b)).len() as u64),
                _ => bulk!(),
            }
        };
        self.fuel = fuel;
        self.pc = pc;
        result
    }
}
