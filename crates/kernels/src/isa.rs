//! Instruction-set levels and the one way to run code compiled for them.
//!
//! [`Level`] is the proof that this CPU has an [`Isa`]: only detection makes one, so every `unsafe` call of a
//! `target_feature` function points here. `multiversion!` compiles one plain function for every level: IEEE arithmetic
//! gives the same bits whatever the vector width.

/// Instruction-set level, of one architecture lowest first. `Scalar` runs everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Isa {
    /// Plain Rust: the specification of every other variant.
    Scalar,
    /// x86-64 with AVX2, FMA and F16C.
    Avx2,
    /// AVX-VNNI: the byte products of VNNI on 256-bit vectors without AVX-512 (and all of `Avx2`).
    AvxVnni,
    /// AVX-512 F, BW, VL, DQ, VNNI (and all of `Avx2`).
    Avx512,
    /// All of `Avx512`, and VBMI: Ice Lake, Zen 4 and later.
    Avx512Vbmi,
    /// All of `Avx512Vbmi`, and VPOPCNTDQ and BITALG, which count bits: Ice Lake, Zen 4 and later (Cannon Lake has VBMI
    /// without them).
    Avx512Popcnt,
    /// aarch64 as every such CPU is.
    Neon,
    /// Four byte products added to each 32-bit lane (and all of `Neon`).
    NeonDotprod,
    /// Products of 2 × 8 and 8 × 2 bytes (and all of `NeonDotprod`).
    NeonI8mm,
    /// wasm32 with 128-bit vectors: known when the module is built, as a module that holds them does not load
    /// elsewhere.
    Simd128,
    /// wasm32 with relaxed SIMD whose multiply-adds round once (and all of `Simd128`), as they do where the CPU has
    /// such an instruction. The standard has each engine settle its way once and for all, so that trying it says. Known
    /// when the module is built, too: `cargo xtask web` makes one with these instructions and one without.
    RelaxedSimd,
}

impl Isa {
    /// Every level, of each architecture lowest first.
    pub const ALL: [Self; 11] = [
        Self::Scalar,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512,
        Self::Avx512Vbmi,
        Self::Avx512Popcnt,
        Self::Neon,
        Self::NeonDotprod,
        Self::NeonI8mm,
        Self::Simd128,
        Self::RelaxedSimd,
    ];

    /// Name of the level, as `TRINITY_ISA` and [`from_name`](Self::from_name) spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512 => "avx512",
            Self::Avx512Vbmi => "avx512vbmi",
            Self::Avx512Popcnt => "avx512popcnt",
            Self::Neon => "neon",
            Self::NeonDotprod => "neon-dotprod",
            Self::NeonI8mm => "neon-i8mm",
            Self::Simd128 => "simd128",
            Self::RelaxedSimd => "relaxed-simd",
        }
    }

    /// The level called `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|isa| isa.name() == name)
    }

    /// Does this CPU have the level? (A cached answer.)
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => Self::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vbmi => Self::Avx512.is_available() && is_x86_feature_detected!("avx512vbmi"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Popcnt => {
                Self::Avx512Vbmi.is_available()
                    && is_x86_feature_detected!("avx512vpopcntdq")
                    && is_x86_feature_detected!("avx512bitalg")
            }
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonDotprod => Self::Neon.is_available() && std::arch::is_aarch64_feature_detected!("dotprod"),
            #[cfg(target_arch = "aarch64")]
            Self::NeonI8mm => Self::NeonDotprod.is_available() && std::arch::is_aarch64_feature_detected!("i8mm"),
            Self::Simd128 => cfg!(all(target_arch = "wasm32", target_feature = "simd128")),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Self::RelaxedSimd => crate::simd::relaxed::is_right(),
            #[allow(unreachable_patterns, reason = "what is left depends on the architecture")]
            _ => false,
        }
    }

    /// The levels of this CPU, lowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|isa| isa.is_available())
    }

    /// The highest level of this CPU.
    pub fn best() -> Self {
        Self::available().last().unwrap_or(Self::Scalar)
    }
}

/// An [`Isa`] that this CPU has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Level(Isa);

impl Level {
    /// `None` if this CPU lacks `isa`.
    pub(crate) fn detect(isa: Isa) -> Option<Self> {
        isa.is_available().then_some(Self(isa))
    }

    pub(crate) fn isa(self) -> Isa {
        self.0
    }
}

/// Compiles a function once per width of vectors and adds the leading argument `level: Level`, by which it chooses.
///
/// The body is plain Rust over arrays of fixed length, which the compiler turns into vectors; it never reorders float
/// arithmetic, so all versions give the same bits. AVX-VNNI adds integer products alone, so its version is that of
/// AVX2; where 128-bit vectors are part of what every function is compiled for (aarch64, wasm32 with SIMD128), the body
/// itself is the version.
macro_rules! multiversion {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[allow(unsafe_code, reason = "calls functions compiled for the level that `Level` proves")]
        #[allow(clippy::too_many_arguments, reason = "kernels take plain arguments")]
        $vis fn $name(level: $crate::isa::Level, $($arg: $ty),*) {
            #[inline(always)]
            #[allow(clippy::inline_always, clippy::too_many_arguments, reason = "must be compiled inside each version")]
            fn body($($arg: $ty),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,f16c")]
                #[allow(clippy::too_many_arguments, reason = "kernels take plain arguments")]
                fn avx2($($arg: $ty),*) {
                    body($($arg),*);
                }
                #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
                #[allow(clippy::too_many_arguments, reason = "kernels take plain arguments")]
                fn avx512($($arg: $ty),*) {
                    body($($arg),*);
                }
                match level.isa() {
                    // SAFETY: a `Level` exists only for an instruction set that this CPU has.
                    $crate::isa::Isa::Avx512 | $crate::isa::Isa::Avx512Vbmi | $crate::isa::Isa::Avx512Popcnt => unsafe {
                        avx512($($arg),*)
                    },
                    // SAFETY: as above.
                    $crate::isa::Isa::Avx2 | $crate::isa::Isa::AvxVnni => unsafe { avx2($($arg),*) },
                    _ => body($($arg),*),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            {
                let _ = level;
                body($($arg),*);
            }
        }
    };
}
pub(crate) use multiversion;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_the_best_level_is_available() {
        for isa in Isa::ALL {
            assert_eq!(Isa::from_name(isa.name()), Some(isa));
            assert_eq!(Level::detect(isa).is_some(), isa.is_available());
        }
        assert_eq!(Isa::from_name("AVX2"), None);
        assert!(Isa::best().is_available());
        assert_eq!(Isa::available().next(), Some(Isa::Scalar));
    }

    /// Tests walk over the levels that are there: `cargo xtask aarch64` says which one must be.
    #[test]
    fn the_best_level_is_the_expected_one() {
        if let Ok(name) = std::env::var("TRINITY_BEST_ISA") {
            assert_eq!(Isa::best().name(), name);
        }
    }
}
