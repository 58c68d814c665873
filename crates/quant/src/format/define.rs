//! `formats!`: what is made of the rows of `table.rs`.

/// A number, or `-` where there is none.
macro_rules! number {
    (-) => {
        None
    };
    ($number:literal) => {
        Some($number)
    };
}

/// Makes `Format`, the list of its plain variants, `Format::row`, and the two macros that go from a format to the type
/// of its blocks.
macro_rules! formats {
    (
        // Stands for `$` in the macros that this one writes.
        $d:tt
        floats {
            $($f:ident | - | $f_unit:literal | $f_ids:tt | $f_file:tt | $f_doc:literal;)*
        }
        $(
            blocks {
                $($b:ident | $($b_type:ident)::+ | $b_unit:literal | $b_ids:tt | $b_file:tt | $b_doc:literal;)*
            }
            ternary {
                $($t:ident | $($t_type:ident)::+ | $t_unit:literal | $t_ids:tt | $t_file:tt | $t_doc:literal;)*
            }
        )*
    ) => {
        /// A block format, named as ggml names it. What an id in a file means is `gguf::TypeId`'s business.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        #[allow(non_camel_case_types, reason = "the field's names: Q4_K, TQ2_0")]
        pub enum Format {
            $(#[doc = $f_doc] $f,)*
            $(
                $(#[doc = $b_doc] $b,)*
                $(#[doc = $t_doc] $t,)*
            )*
            /// Ternary rows, scales behind them (`.tri`).
            TriRows(TriRows),
            /// Blocks of ternary weights with a scale (`.tri`).
            TriBlocks(TriBlocks),
        }

        /// The formats without parameters.
        pub(super) const FORMATS: &[Format] = &[
            $(Format::$f,)*
            $($(Format::$b,)* $(Format::$t,)*)*
        ];

        impl Format {
            /// What the table says of the format.
            pub(super) const fn row(self) -> Row {
                match self {
                    $(Self::$f => row!($f, $f_unit, $f_ids, $f_file),)*
                    $(
                        $(Self::$b => row!($b, $b_unit, $b_ids, $b_file),)*
                        $(Self::$t => row!($t, $t_unit, $t_ids, $t_file),)*
                    )*
                    Self::TriRows(rows) => Row::of_tri(rows.name()),
                    Self::TriBlocks(blocks) => Row::of_tri(blocks.name()),
                }
            }
        }

        /// The only `match` from a format to the type of its blocks: runs `$body` with `$block` bound to it, and
        /// `$other` for formats without blocks.
        macro_rules! with_block {
            ($d format:expr, $d block:ident => $d body:expr, $d($d other:pat => $d result:expr),+ $d(,)?) => {
                match $d format {
                    $(
                        $(Format::$b => { type $d block = crate::$($b_type)::+; $d body })*
                        $(Format::$t => { type $d block = crate::$($t_type)::+; $d body })*
                    )*
                    Format::TriBlocks(blocks) => crate::ternary::tri::with_tri_block!(blocks, $d block => $d body),
                    $d($d other => $d result,)+
                }
            };
        }

        /// The `match` from a ternary format to the type of its blocks: runs `$body` with `$block` bound to it, and
        /// `$other` for ternary formats without blocks and for all others.
        macro_rules! with_ternary {
            ($d format:expr, $d block:ident => $d body:expr, $d($d other:pat => $d result:expr),+ $d(,)?) => {
                match $d format {
                    $($(Format::$t => { type $d block = crate::$($t_type)::+; $d body })*)*
                    Format::TriBlocks(blocks) => crate::ternary::tri::with_tri_block!(blocks, $d block => $d body),
                    $d($d other => $d result,)+
                }
            };
        }
    };
}

/// The `Row` of a format.
macro_rules! row {
    ($format:ident, $unit:literal, $ids:tt, $file:tt) => {
        Row {
            ggml_name: stringify!($format),
            name: {
                const LOWER: [u8; stringify!($format).len()] = lower(stringify!($format));
                match std::str::from_utf8(&LOWER) {
                    Ok(name) => name,
                    Err(_) => panic!("not ASCII"),
                }
            },
            unit_len: $unit,
            type_ids: &$ids,
            file_type: number!($file),
        }
    };
}
