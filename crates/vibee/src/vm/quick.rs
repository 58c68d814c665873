//! The quick loop: what scalars, jumps and calls do where nothing is unusual.
//!
//! It has no calls and so keeps its state in registers. Whatever else an instruction may do, a fault, the last fuel, an
//! object that ends, is left to [`super::run`]: the quick loop stops before that instruction, with everything as it
//! would be there. A step may stand for the instructions behind it, too, which keep their places: so a jump to one of
//! them finds it, and what is charged for each stays what it was.
#![allow(clippy::neg_cmp_op_on_partial_ord, reason = "not less is what the instruction is for: true of NaN")]
#![allow(clippy::semicolon_if_nothing_returned, reason = "a set register is an arm's last word")]

mod steps;

use self::steps::{Op, steps};
pub(super) use self::steps::{Step, fuse};
use super::{
    Frame,
    heap::{Heap, INLINE, case_of_inline, inline_case},
    load::{Entry, NARROW},
};

/// Where a run is.
#[derive(Clone, Copy)]
pub(super) struct At {
    /// The instruction to run next.
    pub pc: usize,
    /// Where the window begins.
    pub base: usize,
    pub fuel: i64,
    /// How many registers the function has.
    pub width: usize,
}

/// What the quick loop works on.
pub(super) struct Quick<'r> {
    pub code: &'r [Step],
    pub consts: &'r [u64],
    pub entries: &'r [Entry],
    pub heap: &'r mut Heap,
    pub stack: &'r mut [u64],
    pub frames: &'r mut Vec<Frame>,
    pub depth_max: usize,
}

impl Quick<'_> {
    /// Runs until an instruction that is not for it, and says where that is; gives the word of the outermost function,
    /// if it ended.
    // tidy: long function, an arm for each step
    #[inline(never)]
    pub(super) fn run(self, at: &mut At) -> Option<u64> {
        let Self { code, consts, entries, heap, stack, frames, depth_max } = self;
        let At { mut pc, mut fuel, mut base, mut width } = *at;
        let n_words = stack.len();
        let mut w: &mut [u64; NARROW] = stack.get_mut(base..)?.first_chunk_mut()?;
        let result = 'quick: loop {
            macro_rules! next {
                () => {{
                    let Some(step) = code.get(pc) else { break 'quick None };
                    pc += 1;
                    step
                }};
            }
            macro_rules! leave {
                () => {{
                    pc -= 1;
                    break 'quick None;
                }};
            }
            macro_rules! window {
                () => {{
                    let Some(rest) = stack.get_mut(base..) else { break 'quick None };
                    let Some(window) = rest.first_chunk_mut() else { break 'quick None };
                    window
                }};
            }
            macro_rules! get {
                ($register:expr) => {
                    w[usize::from($register as u8)]
                };
            }
            macro_rules! int {
                ($register:expr) => {
                    get!($register) as i64
                };
            }
            macro_rules! float {
                ($register:expr) => {
                    f64::from_bits(get!($register))
                };
            }
            macro_rules! set {
                ($i:ident, $word:expr) => {{
                    let word: u64 = $word;
                    get!($i.a) = word;
                }};
            }
            macro_rules! checked {
                ($i:ident, $result:expr) => {{
                    let Some(x) = $result else { leave!() };
                    set!($i, x as u64)
                }};
            }
            // A NaN, which has to be made the one there is, is unusual: not looked for on the way of other numbers.
            macro_rules! number {
                ($i:ident, $x:expr) => {{
                    let x: f64 = $x;
                    if x.is_nan() {
                        leave!()
                    }
                    set!($i, x.to_bits())
                }};
            }
            macro_rules! charge {
                ($i:ident) => {{
                    let left = fuel - i64::from($i.f);
                    if left < 0 {
                        leave!()
                    }
                    fuel = left;
                }};
            }
            macro_rules! jump {
                ($target:expr) => {{
                    pc = pc.wrapping_add_signed(isize::from($target as i16));
                    continue 'quick;
                }};
            }
            macro_rules! jump_if {
                ($i:ident, $holds:expr) => {{
                    let holds = $holds;
                    charge!($i);
                    if holds {
                        jump!($i.c)
                    }
                }};
            }
            macro_rules! k {
                ($operand:expr) => {
                    i64::from($operand as i16)
                };
            }
            macro_rules! constant {
                ($i:ident) => {
                    consts.get(usize::from($i.b) | usize::from($i.c) << 16).copied().unwrap_or(0)
                };
            }
            macro_rules! horner {
                ($i:ident, $op:tt) => {{
                    let (Some(constant), Some(sum)) = (code.get(pc), code.get(pc + 1)) else { leave!() };
                    let k = constant!(constant);
                    let product = float!($i.b) * float!($i.c);
                    let result = product $op f64::from_bits(k);
                    // Of a product that is NaN, the sum is, too.
                    if result.is_nan() {
                        leave!()
                    }
                    set!($i, product.to_bits());
                    set!(constant, k);
                    set!(sum, result.to_bits());
                    pc += 2;
                }};
            }
            macro_rules! act {
                (Mov, $i:ident) => {
                    set!($i, get!($i.b))
                };
                (Const, $i:ident) => {
                    set!($i, constant!($i))
                };
                (Imm, $i:ident) => {
                    set!($i, i64::from((u32::from($i.b) | u32::from($i.c) << 16) as i32) as u64)
                };
                (Fuel, $i:ident) => {
                    charge!($i)
                };
                (IAdd, $i:ident) => {
                    checked!($i, int!($i.b).checked_add(int!($i.c)))
                };
                (ISub, $i:ident) => {
                    checked!($i, int!($i.b).checked_sub(int!($i.c)))
                };
                (IMul, $i:ident) => {
                    checked!($i, int!($i.b).checked_mul(int!($i.c)))
                };
                (INeg, $i:ident) => {
                    checked!($i, int!($i.b).checked_neg())
                };
                (IMod, $i:ident) => {
                    checked!($i, modulo(int!($i.b), int!($i.c)))
                };
                (IDiv, $i:ident) => {
                    checked!($i, quotient(int!($i.b), int!($i.c)))
                };
                (WAdd, $i:ident) => {
                    set!($i, get!($i.b).wrapping_add(get!($i.c)))
                };
                (WSub, $i:ident) => {
                    set!($i, get!($i.b).wrapping_sub(get!($i.c)))
                };
                (WMul, $i:ident) => {
                    set!($i, get!($i.b).wrapping_mul(get!($i.c)))
                };
                (IAddK, $i:ident) => {
                    checked!($i, int!($i.b).checked_add(k!($i.c)))
                };
                (IMulK, $i:ident) => {
                    checked!($i, int!($i.b).checked_mul(k!($i.c)))
                };
                (IDivK, $i:ident) => {
                    checked!($i, quotient(int!($i.b), k!($i.c)))
                };
                (IModK, $i:ident) => {
                    checked!($i, modulo(int!($i.b), k!($i.c)))
                };
                // What a shift gives is Euclid's quotient by 2.
                (Half, $i:ident) => {
                    set!($i, (int!($i.b) >> 1) as u64)
                };
                (Parity, $i:ident) => {
                    set!($i, get!($i.b) & 1)
                };
                (InK, $i:ident) => {
                    if !(k!($i.b)..=k!($i.c)).contains(&int!($i.a)) {
                        leave!()
                    }
                };
                (UAnd, $i:ident) => {
                    set!($i, get!($i.b) & get!($i.c))
                };
                (UOr, $i:ident) => {
                    set!($i, get!($i.b) | get!($i.c))
                };
                (UXor, $i:ident) => {
                    set!($i, get!($i.b) ^ get!($i.c))
                };
                (UNot, $i:ident) => {
                    set!($i, !get!($i.b))
                };
                (UShlK, $i:ident) => {
                    set!($i, get!($i.b) << ($i.c & 63))
                };
                (UShrK, $i:ident) => {
                    set!($i, get!($i.b) >> ($i.c & 63))
                };
                (UOfInt, $i:ident) => {{
                    let word = get!($i.b);
                    if (word as i64) < 0 {
                        leave!()
                    }
                    set!($i, word)
                }};
                (FAdd, $i:ident) => {
                    number!($i, float!($i.b) + float!($i.c))
                };
                (FSub, $i:ident) => {
                    number!($i, float!($i.b) - float!($i.c))
                };
                (FMul, $i:ident) => {
                    number!($i, float!($i.b) * float!($i.c))
                };
                (FDiv, $i:ident) => {
                    number!($i, float!($i.b) / float!($i.c))
                };
                (FNeg, $i:ident) => {
                    number!($i, -float!($i.b))
                };
                (FAbs, $i:ident) => {
                    number!($i, float!($i.b).abs())
                };
                (FRoundInt, $i:ident) => {
                    set!($i, (int!($i.b) as f64).to_bits())
                };
                (IEq, $i:ident) => {
                    set!($i, (get!($i.b) == get!($i.c)).into())
                };
                (ILt, $i:ident) => {
                    set!($i, (int!($i.b) < int!($i.c)).into())
                };
                (ILe, $i:ident) => {
                    set!($i, (int!($i.b) <= int!($i.c)).into())
                };
                (ULt, $i:ident) => {
                    set!($i, (get!($i.b) < get!($i.c)).into())
                };
                (ULe, $i:ident) => {
                    set!($i, (get!($i.b) <= get!($i.c)).into())
                };
                (FEq, $i:ident) => {
                    set!($i, (float!($i.b) == float!($i.c)).into())
                };
                (FLt, $i:ident) => {
                    set!($i, (float!($i.b) < float!($i.c)).into())
                };
                (FLe, $i:ident) => {
                    set!($i, (float!($i.b) <= float!($i.c)).into())
                };
                (Not, $i:ident) => {
                    set!($i, get!($i.b) ^ 1)
                };
                (TNot, $i:ident) => {
                    set!($i, int!($i.b).wrapping_neg() as u64)
                };
                (TMin, $i:ident) => {
                    set!($i, int!($i.b).min(int!($i.c)) as u64)
                };
                (TMax, $i:ident) => {
                    set!($i, int!($i.b).max(int!($i.c)) as u64)
                };
                (TXor, $i:ident) => {{
                    let (x, y) = (int!($i.b), int!($i.c));
                    set!($i, x.max(y).min(x.min(y).wrapping_neg()) as u64)
                }};
                (TMul, $i:ident) => {
                    set!($i, get!($i.b).wrapping_mul(get!($i.c)))
                };
                (TOfBool, $i:ident) => {
                    set!($i, (2 * int!($i.b)).wrapping_sub(1) as u64)
                };
                (TOfInt, $i:ident) => {{
                    let x = int!($i.b);
                    if !(-1..=1).contains(&x) {
                        leave!()
                    }
                    set!($i, x as u64)
                }};
                (Jmp, $i:ident) => {{
                    charge!($i);
                    jump!($i.a)
                }};
                (Jif, $i:ident) => {{
                    charge!($i);
                    if get!($i.a) != 0 {
                        jump!($i.b)
                    }
                }};
                (Jifn, $i:ident) => {{
                    charge!($i);
                    if get!($i.a) == 0 {
                        jump!($i.b)
                    }
                }};
                (Jieq, $i:ident) => {
                    jump_if!($i, get!($i.a) == get!($i.b))
                };
                (Jine, $i:ident) => {
                    jump_if!($i, get!($i.a) != get!($i.b))
                };
                (Jilt, $i:ident) => {
                    jump_if!($i, int!($i.a) < int!($i.b))
                };
                (Jile, $i:ident) => {
                    jump_if!($i, int!($i.a) <= int!($i.b))
                };
                (JieqK, $i:ident) => {
                    jump_if!($i, int!($i.a) == k!($i.b))
                };
                (JineK, $i:ident) => {
                    jump_if!($i, int!($i.a) != k!($i.b))
                };
                (JiltK, $i:ident) => {
                    jump_if!($i, int!($i.a) < k!($i.b))
                };
                (JileK, $i:ident) => {
                    jump_if!($i, int!($i.a) <= k!($i.b))
                };
                (JigtK, $i:ident) => {
                    jump_if!($i, int!($i.a) > k!($i.b))
                };
                (JigeK, $i:ident) => {
                    jump_if!($i, int!($i.a) >= k!($i.b))
                };
                (Jult, $i:ident) => {
                    jump_if!($i, get!($i.a) < get!($i.b))
                };
                (Jule, $i:ident) => {
                    jump_if!($i, get!($i.a) <= get!($i.b))
                };
                (Jflt, $i:ident) => {
                    jump_if!($i, float!($i.a) < float!($i.b))
                };
                (Jfnlt, $i:ident) => {
                    jump_if!($i, !(float!($i.a) < float!($i.b)))
                };
                (Jfle, $i:ident) => {
                    jump_if!($i, float!($i.a) <= float!($i.b))
                };
                (Jfnle, $i:ident) => {
                    jump_if!($i, !(float!($i.a) <= float!($i.b)))
                };
                (Rnext, $i:ident) => {{
                    let (x, last) = (int!($i.a), int!($i.b));
                    charge!($i);
                    if x < last {
                        set!($i, x.wrapping_add(1) as u64);
                        jump!($i.c)
                    }
                }};
                (Call, $i:ident) => {{
                    let to = base + width;
                    let function = usize::from($i.b) | usize::from($i.c) << 16;
                    let (Some(entry), Some(args)) = (entries.get(function), code.get(pc)) else { leave!() };
                    if frames.len() + 1 >= depth_max || frames.len() == frames.capacity() || to + NARROW > n_words {
                        leave!()
                    }
                    charge!($i);
                    let words = [get!(args.a), get!(args.b), get!(args.c)];
                    frames.push(Frame { pc: pc as u32 + 1, base: base as u32, dest: $i.a });
                    (base, width, pc) = (to, entry.n_registers as usize, entry.pc as usize);
                    w = window!();
                    // Those that are not arguments go where nothing is yet.
                    [w[0], w[1], w[2]] = words;
                    continue 'quick;
                }};
                (Tail, $i:ident) => {{
                    let function = usize::from($i.a) | usize::from($i.b) << 16;
                    let (Some(entry), Some(args)) = (entries.get(function), code.get(pc)) else { leave!() };
                    charge!($i);
                    [w[0], w[1], w[2]] = [get!(args.a), get!(args.b), get!(args.c)];
                    (width, pc) = (entry.n_registers as usize, entry.pc as usize);
                    continue 'quick;
                }};
                (Ret, $i:ident) => {{
                    charge!($i);
                    let word = get!($i.a);
                    let Some(frame) = frames.pop() else { break 'quick Some(word) };
                    width = base - frame.base as usize;
                    (base, pc) = (frame.base as usize, frame.pc as usize);
                    w = window!();
                    get!(frame.dest) = word;
                    continue 'quick;
                }};
                (Llen, $i:ident) => {
                    set!($i, heap.words(get!($i.b)).len() as u64)
                };
                (Lget, $i:ident) => {{
                    let at = usize::try_from(get!($i.c)).unwrap_or(usize::MAX);
                    let Some(word) = heap.words(get!($i.b)).get(at).copied() else { leave!() };
                    if $i.f != 0 {
                        heap.retain(word);
                    }
                    set!($i, word)
                }};
                (Lset, $i:ident) => {{
                    let at = usize::try_from(get!($i.b)).unwrap_or(usize::MAX);
                    let Some(place) = heap.unique(get!($i.a)).and_then(|words| words.get_mut(at)) else { leave!() };
                    *place = get!($i.c);
                }};
                (Lfirst, $i:ident) => {{
                    let at = get!($i.b.wrapping_add(1));
                    let word = heap.words(get!($i.b)).get(at as usize).copied();
                    charge!($i);
                    let Some(word) = word else { jump!($i.c) };
                    get!($i.b.wrapping_add(1)) = at.wrapping_add(1);
                    set!($i, word)
                }};
                (Lnext, $i:ident) => {{
                    let at = get!($i.b.wrapping_add(1));
                    let word = heap.words(get!($i.b)).get(at as usize).copied();
                    charge!($i);
                    if let Some(word) = word {
                        get!($i.b.wrapping_add(1)) = at.wrapping_add(1);
                        set!($i, word);
                        jump!($i.c)
                    }
                }};
                (Field, $i:ident) => {{
                    let word = heap.words(get!($i.b)).get(usize::from($i.c)).copied().unwrap_or(0);
                    if $i.f != 0 {
                        heap.retain(word);
                    }
                    set!($i, word)
                }};
                (Jtagn, $i:ident) => {{
                    let word = get!($i.a);
                    if word & INLINE == 0 {
                        leave!()
                    }
                    jump_if!($i, case_of_inline(word) != $i.b)
                }};
                (Payload, $i:ident) => {{
                    let word = get!($i.b);
                    if word & INLINE == 0 || case_of_inline(word) != $i.c {
                        leave!()
                    }
                    set!($i, heap.carried(word, 0))
                }};
                (Copy, $i:ident) => {{
                    let word = get!($i.b);
                    heap.retain(word);
                    set!($i, word)
                }};
                (Drop, $i:ident) => {
                    if !heap.release_shared(get!($i.a)) {
                        leave!()
                    }
                };
                (Mget, $i:ident) => {{
                    let (map, key) = (get!($i.b), get!($i.c));
                    if $i.f != 0 && key & INLINE == 0 {
                        leave!()
                    }
                    let Some(some) = heap.known(map, key).and_then(|word| inline_case(1, word)) else { leave!() };
                    set!($i, some)
                }};
                (Mput, $i:ident) => {{
                    let (map, key) = (get!($i.a), get!($i.b));
                    if $i.f != 0 && key & INLINE == 0 {
                        leave!()
                    }
                    let Some(place) = heap.known_place(map, key) else { leave!() };
                    *place = get!($i.c);
                }};
                // `get`, addition and `put` of one key, which is searched once. What `GetSome` and the rest write, it
                // writes.
                (Count, $i:ident) => {{
                    let (map, key) = (get!($i.b), get!($i.c));
                    if $i.f != 0 && key & INLINE == 0 {
                        leave!()
                    }
                    let Some([tag, payload, _, sum, jump]) = code.get(pc..).and_then(|rest| rest.first_chunk()) else {
                        leave!()
                    };
                    let left = fuel - i64::from(tag.f) - i64::from(jump.f);
                    let Some(place) = heap.known_place(map, key) else { leave!() };
                    let word = *place;
                    let (Some(some), Some(next)) = (inline_case(1, word), (word as i64).checked_add(k!(sum.c))) else {
                        leave!()
                    };
                    if left < 0 {
                        leave!()
                    }
                    fuel = left;
                    *place = next as u64;
                    set!($i, some);
                    set!(payload, word);
                    set!(sum, next as u64);
                    // Behind the `put`.
                    pc = (pc + 6).wrapping_add_signed(isize::from(jump.a as i16));
                    continue 'quick;
                }};
                (HornerAdd, $i:ident) => {
                    horner!($i, +)
                };
                (HornerSub, $i:ident) => {
                    horner!($i, -)
                };
                (XorShl, $i:ident) => {{
                    let xor = next!();
                    let x = get!($i.b);
                    let shifted = x << ($i.c & 63);
                    set!($i, shifted);
                    set!(xor, x ^ shifted)
                }};
                (XorShr, $i:ident) => {{
                    let xor = next!();
                    let x = get!($i.b);
                    let shifted = x >> ($i.c & 63);
                    set!($i, shifted);
                    set!(xor, x ^ shifted)
                }};
            }
            macro_rules! arms {
                ($i:ident; $($op:ident)*; $($other:ident)*; $($name:ident = $first:ident $($part:ident)*;)*) => {
                    match $i.op {
                        Op::Slow => leave!(),
                        $(Op::$op => act!($op, $i),)*
                        $(Op::$other => act!($other, $i),)*
                        $(Op::$name => {
                            act!($first, $i);
                            $(
                                let i = next!();
                                act!($part, i);
                            )*
                        })*
                    }
                };
            }
            macro_rules! dispatch {
                ($($all:tt)*) => {{
                    let i = next!();
                    arms!(i; $($all)*)
                }};
            }
            steps!(dispatch);
        };
        *at = At { pc, base, fuel, width };
        result
    }
}

/// Euclid's remainder by a number above 0.
#[inline]
fn modulo(x: i64, by: i64) -> Option<i64> {
    (by > 0).then(|| x.rem_euclid(by))
}

/// Euclid's quotient by a number above 0.
#[inline]
fn quotient(x: i64, by: i64) -> Option<i64> {
    (by > 0).then(|| x.div_euclid(by))
}
