//! The table of matrix kernels. A kernel that is not in it does not exist; the equality test walks it
//! (`tests.rs::every_kernel_equals_the_scalar_one`).
#![allow(unsafe_code, reason = "the call through the table")]

#[cfg(target_arch = "x86_64")]
use super::packed;
use super::{MatmulArgs, Matrix, PackedMatrix, float, integer, ternary};
use crate::Isa;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use crate::simd::{relaxed::Fused, simd128::Normal};
use quant::Format;
#[cfg(any(target_arch = "x86_64", all(target_arch = "wasm32", target_feature = "simd128")))]
use quant::tri::Packing;

/// What weights a kernel reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weights {
    /// One format, unpacked by the kernel itself.
    Of(Format),
    /// One format, in panels of a [`PackedMatrix`].
    Packed(Format),
    /// Any block format whose scales span this many weights, through its scalar decoder.
    Units(usize),
    /// Any block format, through its scalar decoder.
    Blocks,
    /// F32, F16 and BF16.
    Floats,
    /// One ternary format, each row under one scale.
    Ternary(Format),
    /// Any ternary format, each row under one scale, through its scalar decoder.
    TernaryRows,
}

/// What the rows of `x` must be quantised to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Activation {
    /// f32, as they are.
    F32,
    /// int8 in blocks of 32.
    Int8,
    /// int8 rows, whose products add up in integers.
    Int8Rows,
    /// int8 rows, in the order of the format's planes as well.
    Int8Planes,
}

/// A row of the kernel table: how to multiply by some weights on some instruction set.
pub struct MatmulKernel {
    /// Weights it reads.
    pub weights: Weights,
    /// Activations it takes.
    pub activation: Activation,
    /// Instruction set it needs.
    pub isa: Isa,
    /// Matrix rows of one pass of its inner loop.
    pub rows: usize,
    /// Fewest tokens for which it is chosen.
    pub tokens_min: usize,
    run: unsafe fn(&mut MatmulArgs<'_, '_>),
}

impl Weights {
    /// Do these include the weights of `w`?
    pub fn include(self, w: &Matrix<'_>) -> bool {
        let (format, is_float) = (w.format, w.format.is_float());
        let is_ternary = w.is_ternary();
        match self {
            Self::Ternary(own) => is_ternary && own == ternary::representative(format),
            Self::TernaryRows => is_ternary,
            _ if is_ternary => false,
            Self::Of(own) => own == format,
            Self::Packed(own) => own == format && w.packed.is_some_and(PackedMatrix::is_panels),
            Self::Units(len) => !is_float && format.unit_len() == len,
            Self::Blocks => !is_float,
            Self::Floats => is_float,
        }
    }
}

impl MatmulKernel {
    /// `out[t, m] = Σ_k w[m, k] · x[t, k]` for the rows and tokens of `args`.
    pub(crate) fn call(&self, args: &mut MatmulArgs<'_, '_>) {
        assert!(self.weights.include(&args.w), "kernel for {:?} called with {:?}", self.weights, args.w.format);
        assert!(self.isa.is_available(), "this CPU lacks {}", self.isa.name());
        // SAFETY: the CPU has `self.isa` (line above), the only requirement of a target_feature function.
        unsafe { (self.run)(args) }
    }
}

/// The kernel for `n_tokens` rows of activations: of those that `isa` allows the highest level, then the most special
/// (for packed weights above all), then the widest tile that the tokens fill.
pub(super) fn select(w: &Matrix<'_>, isa: Isa, n_tokens: usize) -> &'static MatmulKernel {
    let fits = |k: &&MatmulKernel| k.isa <= isa && k.tokens_min <= n_tokens && k.weights.include(w);
    let rank = |k: &&MatmulKernel| {
        let special = match k.weights {
            Weights::Packed(_) => 2,
            Weights::Of(_) | Weights::Ternary(_) => 1,
            _ => 0,
        };
        (k.isa, special, k.tokens_min)
    };
    MATMUL_KERNELS.iter().filter(fits).max_by_key(rank).unwrap_or(&SCALAR)
}

const SCALAR: MatmulKernel = MatmulKernel {
    weights: Weights::Blocks,
    activation: Activation::Int8,
    isa: Isa::Scalar,
    rows: 1,
    tokens_min: 1,
    run: integer::scalar::run,
};

const TERNARY: MatmulKernel = MatmulKernel {
    weights: Weights::TernaryRows,
    activation: Activation::Int8Rows,
    isa: Isa::Scalar,
    rows: 1,
    tokens_min: 1,
    run: ternary::scalar::run,
};

const FLOAT: MatmulKernel = MatmulKernel {
    weights: Weights::Floats,
    activation: Activation::F32,
    isa: Isa::Scalar,
    rows: 1,
    tokens_min: 1,
    run: float::scalar::run,
};

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
/// All matrix kernels.
pub static MATMUL_KERNELS: &[MatmulKernel] = &[SCALAR, TERNARY, FLOAT];

/// Tokens from which a panel pays for being packed.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
const PANEL_TOKENS_MIN: usize = 8;

/// Tokens from which a ternary panel pays for being unpacked: without and with strips.
#[cfg(target_arch = "x86_64")]
const TERNARY_TOKENS_MIN: [usize; 2] = [5, 10];

/// Tokens from which it pays to convert float rows once.
#[cfg(target_arch = "x86_64")]
const FLOAT_TOKENS_MIN: usize = 5;

#[cfg(target_arch = "x86_64")]
macro_rules! formats {
    (
        floats: $($float:expr => $float_module:ident),*;
        ternary: $($ternary:expr => $packing:ident),*;
        ternary_vbmi: $($by_table:expr => $by_table_packing:ident),*;
        ternary_long: $long:expr => $long_packing:ident;
        packed: $($packed:expr => $packed_name:ident),*;
        blocks: $($weights:expr => $module:ident),* $(,)?
    ) => {
        /// All matrix kernels.
        pub static MATMUL_KERNELS: &[MatmulKernel] = &[
            SCALAR,
            TERNARY,
            FLOAT,
            $(
                float($float, Isa::Avx2, 1, 1, float::x86::avx2::$float_module::gemv),
                float(
                    $float, Isa::Avx2, float::x86::GEMM_ROWS, FLOAT_TOKENS_MIN,
                    float::x86::avx2::$float_module::gemm
                ),
                float($float, Isa::Avx512, 1, 1, float::x86::avx512::$float_module::gemv),
                float(
                    $float, Isa::Avx512, float::x86::GEMM_ROWS, FLOAT_TOKENS_MIN,
                    float::x86::avx512::$float_module::gemm
                ),
            )*
            $(
                int8($weights, Isa::Avx2, 1, 1, integer::x86::$module::avx2::gemv),
                int8($weights, Isa::Avx2, integer::PANEL_ROWS, PANEL_TOKENS_MIN, integer::x86::$module::avx2::gemm),
                int8($weights, Isa::AvxVnni, 1, 1, integer::x86::$module::avxvnni::gemv),
                int8(
                    $weights, Isa::AvxVnni, integer::PANEL_ROWS, PANEL_TOKENS_MIN,
                    integer::x86::$module::avxvnni::gemm
                ),
                int8($weights, Isa::Avx512, 1, 1, integer::x86::$module::avx512::gemv),
                int8($weights, Isa::Avx512, integer::PANEL_ROWS, PANEL_TOKENS_MIN, integer::x86::$module::avx512::gemm),
            )*
            $(int8(Weights::Packed($packed), Isa::Avx512, integer::PANEL_ROWS, 1, packed::avx512::$packed_name),)*
            ternary_decoded(Isa::Avx2, ternary::x86::avx2::decoded),
            ternary_decoded(Isa::Avx512, ternary::x86::avx512::decoded),
            $(
                ternary_gemv($ternary, Isa::Avx2, ternary::x86::avx2::gemv::<ternary::$packing>),
                ternary_gemm($ternary, Isa::Avx2, ternary::x86::avx2::gemm::<ternary::$packing>),
                ternary_strips($ternary, Isa::Avx512, ternary::x86::avx512::strips::<ternary::$packing>),
                ternary_gemv($ternary, Isa::Avx512, ternary::x86::avx512::gemv::<ternary::$packing>),
                ternary_gemm($ternary, Isa::Avx512, ternary::x86::avx512::gemm::<ternary::$packing>),
            )*
            $(
                ternary_strips(
                    $by_table, Isa::Avx512Vbmi,
                    ternary::x86::avx512_vbmi::strips::<ternary::$by_table_packing>
                ),
                ternary_gemv($by_table, Isa::Avx512Vbmi, ternary::x86::avx512_vbmi::gemv::<ternary::$by_table_packing>),
                ternary_gemm($by_table, Isa::Avx512Vbmi, ternary::x86::avx512_vbmi::gemm::<ternary::$by_table_packing>),
            )*
            ternary_gemv($long, Isa::Avx2, ternary::x86::avx2::gemv::<ternary::$long_packing>),
            ternary_gemv($long, Isa::Avx512, ternary::x86::avx512::gemv::<ternary::$long_packing>),
            ternary_gemv($long, Isa::Avx512Vbmi, ternary::x86::avx512_vbmi::gemv::<ternary::$long_packing>),
            ternary_gemm_from(
                $long, Isa::Avx2, TERNARY_TOKENS_MIN[0],
                ternary::x86::avx2::gemm::<ternary::$long_packing>
            ),
            ternary_gemm_from(
                $long, Isa::Avx512, TERNARY_TOKENS_MIN[0],
                ternary::x86::avx512::gemm::<ternary::$long_packing>
            ),
            ternary_gemm_from(
                $long, Isa::Avx512Vbmi, TERNARY_TOKENS_MIN[0],
                ternary::x86::avx512_vbmi::gemm::<ternary::$long_packing>
            ),
        ];
    };
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
const fn int8(
    weights: Weights,
    isa: Isa,
    rows: usize,
    tokens_min: usize,
    run: unsafe fn(&mut MatmulArgs<'_, '_>),
) -> MatmulKernel {
    MatmulKernel { weights, activation: Activation::Int8, isa, rows, tokens_min, run }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
const fn ternary_planes(format: Format, isa: Isa, run: unsafe fn(&mut MatmulArgs<'_, '_>)) -> MatmulKernel {
    let (weights, activation) = (Weights::Ternary(format), Activation::Int8Planes);
    MatmulKernel { weights, activation, isa, rows: 1, tokens_min: 1, run }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
const fn ternary_rows(
    weights: Weights,
    isa: Isa,
    tokens_min: usize,
    run: unsafe fn(&mut MatmulArgs<'_, '_>),
) -> MatmulKernel {
    MatmulKernel { weights, isa, rows: integer::PANEL_ROWS, tokens_min, run, ..TERNARY }
}

#[cfg(target_arch = "x86_64")]
const fn ternary_gemv(format: Format, isa: Isa, run: unsafe fn(&mut MatmulArgs<'_, '_>)) -> MatmulKernel {
    MatmulKernel {
        weights: Weights::Ternary(format),
        activation: Activation::Int8Planes,
        isa,
        rows: 1,
        tokens_min: 1,
        run,
    }
}

#[cfg(target_arch = "x86_64")]
const fn ternary_strips(format: Format, isa: Isa, run: unsafe fn(&mut MatmulArgs<'_, '_>)) -> MatmulKernel {
    MatmulKernel {
        weights: Weights::Ternary(format),
        activation: Activation::Int8Rows,
        isa,
        rows: 1,
        tokens_min: 2,
        run,
    }
}

#[cfg(target_arch = "x86_64")]
const fn ternary_decoded(isa: Isa, run: unsafe fn(&mut MatmulArgs<'_, '_>)) -> MatmulKernel {
    MatmulKernel { weights: Weights::TernaryRows, activation: Activation::Int8Rows, isa, rows: 1, tokens_min: 1, run }
}

#[cfg(target_arch = "x86_64")]
const fn ternary_gemm(format: Format, isa: Isa, run: unsafe fn(&mut MatmulArgs<'_, '_>)) -> MatmulKernel {
    let tokens_min = if matches!(isa, Isa::Avx2) { TERNARY_TOKENS_MIN[0] } else { TERNARY_TOKENS_MIN[1] };
    ternary_gemm_from(format, isa, tokens_min, run)
}

#[cfg(target_arch = "x86_64")]
const fn ternary_gemm_from(
    format: Format,
    isa: Isa,
    tokens_min: usize,
    run: unsafe fn(&mut MatmulArgs<'_, '_>),
) -> MatmulKernel {
    let rows = ternary::x86::PANEL_ROWS;
    MatmulKernel { weights: Weights::Ternary(format), activation: Activation::Int8Rows, isa, rows, tokens_min, run }
}

#[cfg(target_arch = "x86_64")]
const fn float(
    format: Format,
    isa: Isa,
    rows: usize,
    tokens_min: usize,
    run: unsafe fn(&mut MatmulArgs<'_, '_>),
) -> MatmulKernel {
    MatmulKernel { weights: Weights::Of(format), activation: Activation::F32, isa, rows, tokens_min, run }
}

#[cfg(target_arch = "x86_64")]
formats! {
    floats: Format::F32 => of_f32, Format::F16 => of_f16, Format::BF16 => of_bf16;
    ternary:
    Format::TQ1_0 => Tq1_0,
    Format::TQ2_0 => Tq2_0,
    Format::I2_S => I2S,
    Format::IQ2_BN => Iq2Bn,
    Format::I2_S_ARM => I2SArm,
    ternary::tri(Packing::TwoBits) => Tri2;
    ternary_vbmi: Format::TQ1_0 => Tq1_0;
    ternary_long: ternary::tri(Packing::Base3) => Tri1;
    packed:
    Format::Q4_0 => q4_0,
    Format::Q4_1 => q4_1,
    Format::Q5_0 => q5_0,
    Format::Q5_1 => q5_1,
    Format::Q8_0 => q8_0;
    blocks:
    Weights::Units(16) => expanded_halves,
    Weights::Units(32) => expanded_blocks,
    Weights::Of(Format::Q8_0) => q8_0,
    Weights::Of(Format::Q4_0) => q4_0,
    Weights::Of(Format::Q4_1) => q4_1,
    Weights::Of(Format::Q5_0) => q5_0,
    Weights::Of(Format::Q5_1) => q5_1,
    Weights::Of(Format::Q2_K) => q2_k,
    Weights::Of(Format::Q3_K) => q3_k,
    Weights::Of(Format::Q4_K) => q4_k,
    Weights::Of(Format::Q5_K) => q5_k,
    Weights::Of(Format::Q6_K) => q6_k,
    Weights::Of(Format::IQ4_NL) => iq4_nl,
    Weights::Of(Format::IQ4_XS) => iq4_xs,
    Weights::Of(Format::MXFP4) => mxfp4,
    Weights::Of(Format::NVFP4) => nvfp4,
    Weights::Of(Format::TQ2_0) => tq2_0,
    Weights::Of(Format::Q2_0) => q2_0,
    Weights::Of(Format::PQ2_0) => pq2_0,
    Weights::Of(Format::PTQ1_0) => ptq1_0,
}

#[cfg(target_arch = "aarch64")]
macro_rules! neon_formats {
    ($($weights:expr => $unpack:ident),* $(,)?) => {
        /// All matrix kernels.
        pub static MATMUL_KERNELS: &[MatmulKernel] = &[
            SCALAR,
            TERNARY,
            FLOAT,
            $(
                int8($weights, Isa::Neon, 1, 1, narrow::neon::gemv::<narrow::$unpack>),
                int8($weights, Isa::Neon, integer::PANEL_ROWS, PANEL_TOKENS_MIN, narrow::neon::gemm::<narrow::$unpack>),
                int8($weights, Isa::NeonDotprod, 1, 1, narrow::neon_dotprod::gemv::<narrow::$unpack>),
                int8(
                    $weights, Isa::NeonDotprod, integer::PANEL_ROWS, PANEL_TOKENS_MIN,
                    narrow::neon_dotprod::gemm::<narrow::$unpack>
                ),
                int8(
                    $weights, Isa::NeonI8mm, integer::PANEL_ROWS, PANEL_TOKENS_MIN,
                    narrow::gemm_i8mm::<narrow::$unpack>
                ),
            )*
        ];
    };
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
macro_rules! simd128_formats {
    ($($weights:expr => $unpack:ident),* $(,)?) => {
        simd128_kernels! {
            ternary:
            Format::TQ1_0 => Tq1_0,
            Format::TQ2_0 => Tq2_0,
            Format::I2_S => I2S,
            Format::IQ2_BN => Iq2Bn,
            Format::I2_S_ARM => I2SArm,
            ternary::tri(Packing::TwoBits) => Tri2,
            ternary::tri(Packing::Base3) => Tri1;
            blocks: $($weights => $unpack),*
        }
    };
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
macro_rules! simd128_kernels {
    (ternary: $($ternary:expr => $packing:ident),*; blocks: $($weights:expr => $unpack:ident),*) => {
        /// All matrix kernels.
        pub static MATMUL_KERNELS: &[MatmulKernel] = &[
            SCALAR,
            TERNARY,
            FLOAT,
            MatmulKernel { isa: Isa::Simd128, run: float::simd128::run::<Normal>, ..FLOAT },
            MatmulKernel { isa: Isa::RelaxedSimd, run: float::simd128::run::<Fused>, ..FLOAT },
            ternary_rows(Weights::TernaryRows, Isa::Simd128, 1, ternary::simd128::gemm::<Normal>),
            ternary_rows(Weights::TernaryRows, Isa::RelaxedSimd, 1, ternary::simd128::gemm::<Fused>),
            $(
                ternary_planes(
                    $ternary, Isa::Simd128,
                    ternary::simd128::gemv::<ternary::$packing, ternary::simd128::Widened>
                ),
                ternary_planes($ternary, Isa::RelaxedSimd, ternary::simd128::gemv::<ternary::$packing, Fused>),
                ternary_rows(
                    Weights::Ternary($ternary), Isa::Simd128, PANEL_TOKENS_MIN,
                    ternary::simd128::gemm::<Normal>
                ),
                ternary_rows(
                    Weights::Ternary($ternary), Isa::RelaxedSimd, PANEL_TOKENS_MIN,
                    ternary::simd128::gemm::<Fused>
                ),
            )*
            $(
                int8($weights, Isa::Simd128, narrow::ROWS, 1, narrow::simd128::gemv::<narrow::$unpack, Normal>),
                int8(
                    $weights, Isa::Simd128, integer::PANEL_ROWS, PANEL_TOKENS_MIN,
                    narrow::simd128::gemm::<narrow::$unpack, Normal>
                ),
                int8($weights, Isa::RelaxedSimd, narrow::ROWS, 1, narrow::simd128::gemv::<narrow::$unpack, Fused>),
                int8(
                    $weights, Isa::RelaxedSimd, integer::PANEL_ROWS, PANEL_TOKENS_MIN,
                    narrow::simd128::gemm::<narrow::$unpack, Fused>
                ),
            )*
        ];
    };
}

/// Hands the formats of the 128-bit kernels to a macro.
#[cfg(any(target_arch = "aarch64", all(target_arch = "wasm32", target_feature = "simd128")))]
macro_rules! narrow_formats {
    ($formats:ident) => {
        use super::integer::narrow;

        $formats! {
            Weights::Units(16) => ExpandedHalves,
            Weights::Units(32) => ExpandedBlocks,
            Weights::Of(Format::Q8_0) => Q8_0,
            Weights::Of(Format::Q4_0) => Q4_0,
            Weights::Of(Format::Q4_1) => Q4_1,
            Weights::Of(Format::Q5_0) => Q5_0,
            Weights::Of(Format::Q5_1) => Q5_1,
            Weights::Of(Format::Q2_K) => Q2K,
            Weights::Of(Format::Q4_K) => Q4K,
            Weights::Of(Format::Q5_K) => Q5K,
            Weights::Of(Format::Q6_K) => Q6K,
            Weights::Of(Format::IQ4_NL) => Iq4Nl,
            Weights::Of(Format::TQ2_0) => Tq2_0,
        }
    };
}

#[cfg(target_arch = "aarch64")]
narrow_formats!(neon_formats);
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
narrow_formats!(simd128_formats);
