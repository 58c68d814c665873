//! The table of instructions. Encoder, verifier, `dis` and `asm` read it; the compiler and the VM name its rows.
//!
//! A row's signature says what its operands `a`, `b`, `c` are, in that order:
//!
//! | text | is |
//! | --- | --- |
//! | `=T` | a register that the instruction writes; one of a heap type must be empty before |
//! | `T` | a register that it reads |
//! | `-T` | a register that it reads; one of a heap type is empty afterwards |
//! | `&T` | a register that it reads and writes |
//! | `i16` `i32` | a number; `i32` takes the place of two operands |
//! | `$` `$16` | a constant, of the type of the register before it; `$` takes the place of two operands |
//! | `@` | an instruction of the function, to jump to |
//! | `fn` | a function, by two operands; `args` follow |
//! | `fault` | a fault, by number |
//! | `cover` | a place that coverage counts, by two operands |
//! | `n` | how many registers follow in `args` |
//! | `field` `tag` | the number of a field, of a case |
//!
//! Types are written as in [`crate::intrinsic`], without spaces. A letter is any type, the same one wherever it stands:
//! of the letters, `W` is one whose values are words that are equal where their bits are (Int, U64, Bool, Trit, Tryte,
//! an enum whose cases carry nothing), `I` one of these whose order is that of signed numbers, `X` any type that needs
//! no heap, `H` any that does. `Iter<C>` is a collection's register, behind which an Int register counts.

use std::sync::LazyLock;

/// A row of the table.
#[allow(missing_docs, reason = "fields that their names and types say")]
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub op: Opcode,
    /// What `dis` prints.
    pub name: &'static str,
    pub signature: &'static str,
    /// What it does, for the reference.
    pub doc: &'static str,
}

macro_rules! table {
    ($($code:literal $op:ident $name:literal $signature:literal $doc:literal)*) => {
        /// An instruction's operation; its number is the byte in a file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = $doc] $op = $code,)*
        }

        /// All instructions, by opcode.
        pub const TABLE: &[Row] = &[
            $(Row { op: Opcode::$op, name: $name, signature: $signature, doc: $doc },)*
        ];
    };
}

/// What may stand in a place of a signature that holds a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A type without parts, by its name.
    Exact(&'static str),
    /// Any type, or any of a class: the same one wherever the letter stands.
    Letter(u8),
    /// A type with parts, by its name.
    Of(&'static str, Vec<Pattern>),
}

/// What an operand is.
#[allow(missing_docs, reason = "cases that their names and types say")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A register that is written.
    Write(Pattern),
    /// A register that is read.
    Read(Pattern),
    /// A register that is read and left empty.
    Take(Pattern),
    /// A register that is read and written.
    Both(Pattern),
    /// A number of 16 bits.
    I16,
    /// A number of 32 bits.
    I32,
    /// A constant, by 32 bits.
    Const,
    /// A constant, by 16 bits.
    Const16,
    /// An instruction of the function.
    Target,
    /// A function, by 32 bits.
    Function,
    Fault,
    /// A place that coverage counts, by 32 bits.
    Cover,
    /// How many registers follow.
    Count,
    /// A field's number.
    Field,
    /// A case's number.
    Tag,
}

impl Operand {
    /// Whether it takes the place of two.
    pub fn is_wide(&self) -> bool {
        matches!(self, Self::I32 | Self::Const | Self::Function | Self::Cover)
    }

    /// The pattern of a register.
    pub fn pattern(&self) -> Option<&Pattern> {
        match self {
            Self::Write(p) | Self::Read(p) | Self::Take(p) | Self::Both(p) => Some(p),
            _ => None,
        }
    }
}

fn pattern(text: &'static str) -> Pattern {
    if let Some((name, rest)) = text.split_once('<') {
        let inner = rest.strip_suffix('>').unwrap_or(rest);
        let mut depth = 0;
        let parts = inner.split(move |c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            c == ',' && depth == 0
        });
        return Pattern::Of(name, parts.map(pattern).collect());
    }
    match text.as_bytes() {
        [letter] => Pattern::Letter(*letter),
        _ => Pattern::Exact(text),
    }
}

fn operand(text: &'static str) -> Operand {
    match text {
        "i16" => Operand::I16,
        "i32" => Operand::I32,
        "$" => Operand::Const,
        "$16" => Operand::Const16,
        "@" => Operand::Target,
        "fn" => Operand::Function,
        "fault" => Operand::Fault,
        "cover" => Operand::Cover,
        "n" => Operand::Count,
        "field" => Operand::Field,
        "tag" => Operand::Tag,
        _ => match (text.strip_prefix('='), text.strip_prefix('-'), text.strip_prefix('&')) {
            (Some(rest), ..) => Operand::Write(pattern(rest)),
            (_, Some(rest), _) => Operand::Take(pattern(rest)),
            (.., Some(rest)) => Operand::Both(pattern(rest)),
            _ => Operand::Read(pattern(text)),
        },
    }
}

static OPERANDS: LazyLock<Vec<Vec<Operand>>> =
    LazyLock::new(|| TABLE.iter().map(|row| row.signature.split_whitespace().map(operand).collect()).collect());

const INDEX: [Option<u8>; 256] = {
    let mut index = [None; 256];
    let mut at = 0;
    while at < TABLE.len() {
        index[TABLE[at].op as usize] = Some(at as u8);
        at += 1;
    }
    index
};

impl Opcode {
    /// The operation of a byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        INDEX[byte as usize].map(|at| TABLE[at as usize].op)
    }

    /// Gives the row of the table.
    pub fn row(self) -> &'static Row {
        &TABLE[INDEX[self as usize].map_or(0, usize::from)]
    }

    /// Its operands, in the order `a`, `b`, `c`.
    pub fn operands(self) -> &'static [Operand] {
        &OPERANDS[INDEX[self as usize].map_or(0, usize::from)]
    }

    /// The operation with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.op)
    }

    /// Whether nothing runs on behind it.
    pub fn is_end(self) -> bool {
        matches!(self, Self::Jmp | Self::Ret | Self::Tail | Self::Fault)
    }

    /// Whether fuel is charged at it: it ends a stretch of instructions.
    pub fn is_charged(self) -> bool {
        self.is_end() || matches!(self, Self::Call | Self::Fuel) || self.operands().contains(&Operand::Target)
    }

    /// Whether `args` follow.
    pub fn has_args(self) -> bool {
        matches!(self, Self::Call | Self::Tail | Self::Rec | Self::Variant | Self::Lnew)
    }
}

table! {
    // Moves
    0x00 Mov "mov" "=X X" "Copies a word."
    0x01 Copy "copy" "=H H" "Makes another reference to an object."
    0x02 Take "take" "=H -H" "Moves a reference."
    0x03 Drop "drop" "-H" "Ends a reference."
    0x04 Const "const" "=T $" "Gives a constant."
    0x05 Imm "imm" "=W i32" "Gives a small number."
    0x06 Args "args" "" "Registers of the instruction before it, three to an instruction."
    0x07 Fuel "fuel" "" "Is charged with the instructions before it, and does nothing else."
    // Int
    0x10 IAdd "iadd" "=Int Int Int" "The sum; fault `overflow`."
    0x11 ISub "isub" "=Int Int Int" "The difference; fault `overflow`."
    0x12 IMul "imul" "=Int Int Int" "The product; fault `overflow`."
    0x13 INeg "ineg" "=Int Int" "The negative; fault `overflow`."
    0x14 IDiv "idiv" "=Int Int Int" "The Euclidean quotient; faults `div_zero`, `overflow`."
    0x15 IMod "imod" "=Int Int Int" "The Euclidean remainder; fault `div_zero`."
    0x16 IQuo "iquo" "=Int Int Int" "The truncated quotient; faults `div_zero`, `overflow`."
    0x17 IRem "irem" "=Int Int Int" "The remainder of `iquo`; fault `div_zero`."
    0x18 IWAdd "iwadd" "=Int Int Int" "The sum modulo 2⁶⁴."
    0x19 IWSub "iwsub" "=Int Int Int" "The difference modulo 2⁶⁴."
    0x1A IWMul "iwmul" "=Int Int Int" "The product modulo 2⁶⁴."
    0x1B ISAdd "isadd" "=Int Int Int" "The sum, or the bound."
    0x1C ISSub "issub" "=Int Int Int" "The difference, or the bound."
    0x1D ISMul "ismul" "=Int Int Int" "The product, or the bound."
    0x1E IAddK "iaddk" "=Int Int i16" "The sum with a number; fault `overflow`."
    0x1F IMulK "imulk" "=Int Int i16" "The product with a number; fault `overflow`."
    0x20 IDivK "idivk" "=Int Int i16" "The Euclidean quotient by a number; faults `div_zero`, `overflow`."
    0x21 IModK "imodk" "=Int Int i16" "The Euclidean remainder by a number; fault `div_zero`."
    0x22 In "in" "Int $16 $16" "Fault `range` unless between two constants, both included."
    0x23 InK "ink" "Int i16 i16" "Fault `range` unless between two numbers, both included."
    // U64
    0x28 UAdd "uadd" "=U64 U64 U64" "The sum modulo 2⁶⁴."
    0x29 USub "usub" "=U64 U64 U64" "The difference modulo 2⁶⁴."
    0x2A UMul "umul" "=U64 U64 U64" "The product modulo 2⁶⁴."
    0x2B UDiv "udiv" "=U64 U64 U64" "The quotient; fault `div_zero`."
    0x2C UMod "umod" "=U64 U64 U64" "The remainder; fault `div_zero`."
    0x2D UAnd "uand" "=U64 U64 U64" "Bits of both."
    0x2E UOr "uor" "=U64 U64 U64" "Bits of either."
    0x2F UXor "uxor" "=U64 U64 U64" "Bits of one."
    0x30 UNot "unot" "=U64 U64" "Other bits."
    0x31 UShl "ushl" "=U64 U64 Int" "Bits moved up; fault `range` below 0."
    0x32 UShr "ushr" "=U64 U64 Int" "Bits moved down; fault `range` below 0."
    0x33 URotl "urotl" "=U64 U64 Int" "Bits turned up."
    0x34 UPop "upop" "=Int U64" "The number of bits set."
    0x35 UOfInt "u_int" "=U64 Int" "The same number; fault `range` below 0."
    0x36 UToInt "int_u" "=Int U64" "The same number; fault `range` above Int's."
    0x37 UOfBits "u_bits" "=U64 Int" "The number modulo 2⁶⁴."
    0x38 UToBits "bits_u" "=Int U64" "The Int of the same bits."
    0x39 UShlK "ushlk" "=U64 U64 i16" "Bits moved up by a number; fault `range` below 0."
    0x3A UShrK "ushrk" "=U64 U64 i16" "Bits moved down by a number; fault `range` below 0."
    // Float and F32
    0x40 FAdd "fadd" "=Float Float Float" "The sum."
    0x41 FSub "fsub" "=Float Float Float" "The difference."
    0x42 FMul "fmul" "=Float Float Float" "The product."
    0x43 FDiv "fdiv" "=Float Float Float" "The quotient."
    0x44 FNeg "fneg" "=Float Float" "The sign turned."
    0x45 FAbs "fabs" "=Float Float" "Without its sign."
    0x46 FSqrt "fsqrt" "=Float Float" "The square root."
    0x47 GAdd "gadd" "=F32 F32 F32" "The sum."
    0x48 GSub "gsub" "=F32 F32 F32" "The difference."
    0x49 GMul "gmul" "=F32 F32 F32" "The product."
    0x4A GDiv "gdiv" "=F32 F32 F32" "The quotient."
    0x4B GNeg "gneg" "=F32 F32" "The sign turned."
    0x4C GAbs "gabs" "=F32 F32" "Without its sign."
    0x4D GSqrt "gsqrt" "=F32 F32" "The square root."
    0x4E FFloor "floor" "=Int Float" "Rounded down; fault `range`."
    0x4F FCeil "ceil" "=Int Float" "Rounded up; fault `range`."
    0x50 FTrunc "trunc" "=Int Float" "Rounded towards zero; fault `range`."
    0x51 FRound "rnde" "=Int Float" "Rounded to nearest, ties to even; fault `range`."
    0x52 FOfInt "i2f" "=Float Int" "The same number; fault `inexact`."
    0x53 FRoundInt "i2f_round" "=Float Int" "The nearest Float."
    0x54 FBits "bits" "=U64 Float" "The bits."
    0x55 FOfBits "unbits" "=Float U64" "The Float of the bits."
    0x56 GOfFloat "f2g" "=F32 Float" "The nearest F32."
    0x57 GToFloat "g2f" "=Float F32" "The same number."
    0x58 GBits "gbits" "=U64 F32" "The bits."
    0x59 GOfBits "gunbits" "=F32 U64" "The F32 of the bits; fault `range` from 2³² on."
    // Comparison
    0x60 IEq "ieq" "=Bool W W" "Whether the words are equal."
    0x61 ILt "ilt" "=Bool I I" "Whether less, as signed numbers."
    0x62 ILe "ile" "=Bool I I" "Whether less or equal, as signed numbers."
    0x63 ULt "ult" "=Bool U64 U64" "Whether less."
    0x64 ULe "ule" "=Bool U64 U64" "Whether less or equal."
    0x65 FEq "feq" "=Bool Float Float" "Whether equal by IEEE."
    0x66 FLt "flt" "=Bool Float Float" "Whether less."
    0x67 FLe "fle" "=Bool Float Float" "Whether less or equal."
    0x68 GEq "geq" "=Bool F32 F32" "Whether equal by IEEE."
    0x69 GLt "glt" "=Bool F32 F32" "Whether less."
    0x6A GLe "gle" "=Bool F32 F32" "Whether less or equal."
    0x6B HEq "heq" "=Bool T T" "Whether equal in structure."
    0x6C HSame "hsame" "=Bool T T" "Whether the same in structure."
    0x6D HCmp "hcmp" "=Int T T" "−1, 0, 1 by the total order."
    0x6E Not "not" "=Bool Bool" "The other one."
    // Trit and Tryte
    0x70 TNot "tnot" "=Trit Trit" "The negative."
    0x71 TMin "tmin" "=Trit Trit Trit" "The smaller: Kleene's and."
    0x72 TMax "tmax" "=Trit Trit Trit" "The greater: Kleene's or."
    0x73 TXor "txor" "=Trit Trit Trit" "Kleene's xor."
    0x74 TMul "tmul" "=Trit Trit Trit" "The product."
    0x75 TSum "tsum" "=Trit Trit Trit" "The digit of the sum."
    0x76 TCarry "tcarry" "=Trit Trit Trit" "The carry of the sum."
    0x77 TCons "tcons" "=Trit Trit Trit" "The one that both are, else 0."
    0x78 TOfBool "t_bool" "=Trit Bool" "+ for true, − for false."
    0x79 TOfInt "t_int" "=Trit Int" "The same number; fault `range`."
    0x7A TToInt "int_t" "=Int Trit" "The same number."
    0x7B YAdd "yadd" "=Tryte Tryte Tryte" "The sum; fault `overflow`."
    0x7C YSub "ysub" "=Tryte Tryte Tryte" "The difference; fault `overflow`."
    0x7D YNeg "yneg" "=Tryte Tryte" "The negative."
    0x7E YWrap "ywrap" "=Tryte Tryte Tryte" "The sum modulo 3ⁿ, centred at 0."
    0x7F YDigits "ydigits" "=List<Trit> Tryte" "The digits, the most significant first."
    0x80 YToInt "int_y" "=Int Tryte" "The same number."
    0x81 YOfInt "y_int" "=Tryte Int" "The same number; fault `range`."
    0x82 YOfDigits "y_digits" "=Tryte List<Trit>" "Of digits; fault `range` unless there are n."
    // Control
    0x88 Jmp "jmp" "@" "Goes on there."
    0x89 Jif "jif" "Bool @" "Goes on there if true."
    0x8A Jifn "jifn" "Bool @" "Goes on there if false."
    0x8B Jieq "jieq" "W W @" "Goes on there if the words are equal."
    0x8C Jine "jine" "W W @" "Goes on there if they are not."
    0x8D Jilt "jilt" "I I @" "Goes on there if less."
    0x8E Jile "jile" "I I @" "Goes on there if less or equal."
    0x8F JieqK "jieqk" "W i16 @" "Goes on there if it is that number."
    0x90 JineK "jinek" "W i16 @" "Goes on there if it is not."
    0x91 JiltK "jiltk" "I i16 @" "Goes on there if less than that number."
    0x92 JileK "jilek" "I i16 @" "Goes on there if less or equal."
    0x93 JigtK "jigtk" "I i16 @" "Goes on there if greater."
    0x94 JigeK "jigek" "I i16 @" "Goes on there if greater or equal."
    0x95 Jult "jult" "U64 U64 @" "Goes on there if less."
    0x96 Jule "jule" "U64 U64 @" "Goes on there if less or equal."
    0x97 Jflt "jflt" "Float Float @" "Goes on there if less."
    0x98 Jfnlt "jfnlt" "Float Float @" "Goes on there if not less."
    0x99 Jfle "jfle" "Float Float @" "Goes on there if less or equal."
    0x9A Jfnle "jfnle" "Float Float @" "Goes on there if not less or equal."
    0x9B Jseq "jseq" "String String @" "Goes on there if the texts are equal."
    0x9C Jsne "jsne" "String String @" "Goes on there if they are not."
    0x9D JseqK "jseqk" "String $16 @" "Goes on there if it is that text."
    0x9E JsneK "jsnek" "String $16 @" "Goes on there if it is not."
    0xA0 Jtagn "jtagn" "H tag @" "Goes on there if it is another case."
    0xA1 Call "call" "=R fn" "Calls a function."
    0xA2 Tail "tail" "fn" "Calls a function in place of this one."
    0xA3 Ret "ret" "-R" "Gives the result."
    0xA4 Fault "fault" "fault" "Ends everything with that fault."
    0xA5 Cover "cover" "cover" "Counts that this place was reached."
    0xA6 Rnext "rnext" "&Int Int @" "If less: one more, and goes on there."
    0xA7 Lfirst "lfirst" "=T Iter<List<T>> @" "The next item; goes on there if there is none."
    0xA8 Lnext "lnext" "=T Iter<List<T>> @" "The next item, and goes on there if there is one."
    0xA9 Tfirst "tfirst" "=T Iter<Set<T>> @" "The next member; goes on there if there is none."
    0xAA Tnext "tnext" "=T Iter<Set<T>> @" "The next member, and goes on there if there is one."
    0xAB Mfirst "mfirst" "=Pair<K,V> Iter<Map<K,V>> @" "The next entry; goes on there if there is none."
    0xAC Mnext "mnext" "=Pair<K,V> Iter<Map<K,V>> @" "The next entry, and goes on there if there is one."
    0xAD Sfirst "sfirst" "=String Iter<String> @" "The next scalar value; goes on there if there is none."
    0xAE Snext "snext" "=String Iter<String> @" "The next scalar value, and goes on there if there is one."
    0xAF Bfirst "bfirst" "=Int Iter<Bytes> @" "The next byte; goes on there if there is none."
    0xB0 Bnext "bnext" "=Int Iter<Bytes> @" "The next byte, and goes on there if there is one."
    // Data
    0xB4 Rec "rec" "=H n" "A record or tuple of registers."
    0xB5 Variant "variant" "=H tag n" "A case with what it carries."
    0xB6 Field "field" "=T H field" "A field of a record or tuple."
    0xB7 Payload "payload" "=T H tag" "What a case carries, the place in `f`; fault `unwrap` if it is another case."
    // List, Set, Map
    0xB8 Lnew "lnew" "=H n" "A list of registers."
    0xB9 Llen "llen" "=Int List<T>" "How many items."
    0xBA Lget "lget" "=T List<T> Int" "The item there; fault `index`."
    0xBB Lpush "lpush" "&List<T> -T" "With one more item."
    0xBC Lset "lset" "&List<T> Int -T" "With another item there; fault `index`."
    0xBD Lcat "lcat" "&List<T> List<T>" "One after the other."
    0xBE Lslice "lslice" "&List<T> Int Int" "Items from there to before there; fault `index`."
    0xBF Lsort "lsort" "&List<T>" "Sorted by `hcmp`, stable."
    0xC0 Lrange "lrange" "=List<Int> Int Int" "Ints from there to there."
    0xC1 Tof "tof" "=Set<T> List<T>" "The members, each once."
    0xC2 Tlen "tlen" "=Int Set<T>" "How many members."
    0xC3 Thas "thas" "=Bool Set<T> T" "Whether it is a member."
    0xC4 Tput "tput" "&Set<T> T" "With that member."
    0xC5 Tdel "tdel" "&Set<T> T" "Without that member."
    0xC6 Titems "titems" "=List<T> Set<T>" "The members in order."
    0xC7 Mof "mof" "=Map<K,V> List<Pair<K,V>>" "Of pairs; of equal keys the last counts."
    0xC8 Mlen "mlen" "=Int Map<K,V>" "How many keys."
    0xC9 Mhas "mhas" "=Bool Map<K,V> K" "Whether it has the key."
    0xCA Mget "mget" "=Option<V> Map<K,V> K" "The key's value, if it has the key."
    0xCB Mat "mat" "=V Map<K,V> K" "The key's value; fault `key`."
    0xCC Mput "mput" "&Map<K,V> K V" "With that value for that key."
    0xCD Mdel "mdel" "&Map<K,V> K" "Without that key."
    0xCE Mkeys "mkeys" "=List<K> Map<K,V>" "The keys in order."
    // String, Bytes
    0xD0 Slen "slen" "=Int String" "How many scalar values."
    0xD1 Sget "sget" "=String String Int" "The scalar value there; fault `index`."
    0xD2 Scat "scat" "&String String" "One after the other."
    0xD3 Sslice "sslice" "&String Int Int" "From there to before there; fault `index`."
    0xD4 Sfind "sfind" "=Option<Int> String String" "The first place of the other text."
    0xD5 Sstarts "sstarts" "=Bool String String" "Whether it begins with the other."
    0xD6 Sends "sends" "=Bool String String" "Whether it ends with the other."
    0xD7 Ssplit "ssplit" "=List<String> String String" "The parts between; fault `range` for an empty separator."
    0xD8 Sjoin "sjoin" "=String List<String> String" "The texts with the other between."
    0xD9 Schars "schars" "=List<String> String" "Its scalar values."
    0xDA Scode "scode" "=Int String" "The number of the only scalar value; fault `index`."
    0xDB Sofcode "s_code" "=String Int" "The text of a scalar value; fault `range`."
    0xDC SparseI "sparse_i" "=Option<Int> String" "The Int it reads as."
    0xDD SparseF "sparse_f" "=Option<Float> String" "The Float it reads as."
    0xDE SshowI "sshow_i" "=String Int" "In decimal."
    0xDF SshowU "sshow_u" "=String U64" "In decimal."
    0xE0 SshowF "sshow_f" "=String Float" "The shortest decimal that reads back."
    0xE1 SshowG "sshow_g" "=String F32" "The shortest decimal that reads back."
    0xE2 Blen "blen" "=Int Bytes" "How many bytes."
    0xE3 Bget "bget" "=Int Bytes Int" "The byte there; fault `index`."
    0xE4 Bcat "bcat" "&Bytes Bytes" "One after the other."
    0xE5 Bslice "bslice" "&Bytes Int Int" "From there to before there; fault `index`."
    0xE6 Bof "bof" "=Bytes List<Int>" "The bytes; fault `range`."
    0xE7 U8enc "u8enc" "=Bytes String" "The text's UTF-8."
    0xE8 U8dec "u8dec" "=Option<String> Bytes" "The text whose UTF-8 it is."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_take_at_most_three_places_and_names_are_distinct() {
        for row in TABLE {
            let places: usize = row.op.operands().iter().map(|operand| 1 + usize::from(operand.is_wide())).sum();
            assert!(places <= 3, "{}: {places} places", row.name);
            assert_eq!(Opcode::from_byte(row.op as u8), Some(row.op));
            assert_eq!(Opcode::from_name(row.name), Some(row.op), "{}", row.name);
        }
    }
}
