//! How matrices in TL1 and TL2 are cut into tiles: known for the shapes of published models, else said by the user.

use std::{collections::HashSet, path::Path};

use quant::{LookupLayout, LookupMatrix, LookupTiling};
use serde::Deserialize;

use crate::{Error, json};

/// The tiles of one shape, as a program of microsoft/BitNet chose them.
struct Published {
    layout: LookupLayout,
    /// Shape of the matrix, `[rows, cols]`.
    shape: [usize; 2],
    /// Tiling `[bm, bk, bmm]`, as `kernel_config.ini` names them.
    tiling: [usize; 3],
    /// Place of the table in microsoft/BitNet.
    source: &'static str,
}

const LARGE: &str = "preset_kernels/bitnet_b1_58-large";
const LARGE_3B: &str = "preset_kernels/bitnet_b1_58-3B";
const LLAMA3: &str = "preset_kernels/Llama3-8B-1.58-100B-tokens";
const SETUP: &str = "setup_env.py for Llama3-8B and Falcon3";

const fn tl1(shape: [usize; 2], tiling: [usize; 3], source: &'static str) -> Published {
    Published { layout: LookupLayout::Tl1, shape, tiling, source }
}

const fn tl2(shape: [usize; 2], tiling: [usize; 3], source: &'static str) -> Published {
    Published { layout: LookupLayout::Tl2, shape, tiling, source }
}

/// Tiles of the shapes of published models. The ini of the large model says bmm 64 for its last TL2 shape, which the
/// converter refuses: it must be 32.
const PUBLISHED: &[Published] = &[
    tl1([1536, 4096], [256, 128, 32], LARGE),
    tl1([1536, 1536], [128, 64, 64], LARGE),
    tl1([4096, 1536], [256, 128, 32], LARGE),
    tl1([3200, 8640], [160, 64, 32], LARGE_3B),
    tl1([3200, 3200], [320, 128, 64], LARGE_3B),
    tl1([8640, 3200], [320, 64, 32], LARGE_3B),
    tl1([14336, 4096], [256, 128, 64], LLAMA3),
    tl1([4096, 14336], [256, 128, 32], LLAMA3),
    tl1([1024, 4096], [128, 64, 64], LLAMA3),
    tl1([4096, 4096], [128, 64, 32], LLAMA3),
    tl1([14336, 4096], [256, 128, 32], SETUP),
    tl1([4096, 14336], [128, 64, 64], SETUP),
    tl1([1024, 4096], [256, 128, 32], SETUP),
    tl1([4096, 4096], [128, 64, 64], SETUP),
    tl2([1536, 4096], [256, 96, 32], LARGE),
    tl2([1536, 1536], [128, 192, 32], LARGE),
    tl2([4096, 1536], [256, 96, 32], LARGE),
    tl2([3200, 8640], [160, 96, 32], LARGE_3B),
    tl2([3200, 3200], [320, 96, 32], LARGE_3B),
    tl2([8640, 3200], [320, 96, 32], LARGE_3B),
    tl2([14336, 4096], [256, 96, 32], LLAMA3),
    tl2([4096, 14336], [128, 96, 32], LLAMA3),
    tl2([1024, 4096], [256, 96, 32], LLAMA3),
    tl2([4096, 4096], [128, 96, 32], LLAMA3),
];

/// Tiles of the shapes of published models, and those that a user names, which come first.
#[derive(Clone, Default, Debug)]
pub struct LookupTables {
    own: Vec<Table>,
}

/// A shape in a file of tables, in the words of bitnet.cpp's `kernel_config.ini`.
#[derive(Clone, Copy, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Table {
    rows: usize,
    cols: usize,
    bm: usize,
    bk: usize,
    bmm: usize,
}

fn tiling([tile_rows, tile_cols, strip_rows]: [usize; 3]) -> LookupTiling {
    LookupTiling { tile_rows, tile_cols, strip_rows }
}

impl LookupTables {
    /// Reads a JSON list of `{"rows": …, "cols": …, "bm": …, "bk": …, "bmm": …}`, no shape twice.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let missing = || json::invalid(path, "there is no such file");
        let own: Vec<Table> = json::read(path)?.ok_or_else(missing)?;
        let mut seen = HashSet::new();
        if let Some(Table { rows, cols, .. }) = own.iter().find(|t| !seen.insert((t.rows, t.cols))) {
            return Err(json::invalid(path, format!("{rows} rows of {cols} stand twice")));
        }
        Ok(Self { own })
    }

    /// Returns the tiles of a matrix of `rows` × `cols`; the error says why they are not known.
    pub(crate) fn tiling(&self, layout: LookupLayout, rows: usize, cols: usize) -> Result<LookupTiling, String> {
        let own = self.own.iter().find(|t| (t.rows, t.cols) == (rows, cols));
        let published: Vec<&Published> =
            PUBLISHED.iter().filter(|p| p.layout == layout && p.shape == [rows, cols]).collect();
        let name = layout.name();
        let found = match (own, published.as_slice()) {
            (Some(own), _) => tiling([own.bm, own.bk, own.bmm]),
            (None, [one]) => tiling(one.tiling),
            (None, []) => {
                return Err(format!(
                    "{name} is made for one shape by tables that the file does not hold, and for {rows} rows of {cols} none is published; \
                     --tl-tables names a file that has them"
                ));
            }
            (None, several) => {
                let one = |p: &&Published| {
                    let [bm, bk, bmm] = p.tiling;
                    format!("bm {bm}, bk {bk}, bmm {bmm} ({})", p.source)
                };
                let all = several.iter().map(one).collect::<Vec<_>>().join(" or ");
                return Err(format!(
                    "{name} of {rows} rows of {cols} may be made by the tables {all}; --tl-tables names a file that says which"
                ));
            }
        };
        LookupMatrix::check_tiling(layout, found, rows, cols).map_err(|e| e.to_string())?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_table_can_be_and_most_are_the_only_one() {
        for Published { layout, shape: [rows, cols], tiling: sizes, source } in PUBLISHED {
            LookupMatrix::check_tiling(*layout, tiling(*sizes), *rows, *cols)
                .unwrap_or_else(|e| panic!("{source}: {e}"));
        }
        let tables = LookupTables::default();
        let check = |layout, rows, cols| tables.tiling(layout, rows, cols).map(|t| t.tile_cols);
        assert_eq!(check(LookupLayout::Tl2, 3200, 8640), Ok(96));
        assert_eq!(check(LookupLayout::Tl1, 1536, 1536), Ok(64));
        let both = check(LookupLayout::Tl1, 1024, 4096).unwrap_err();
        assert!(both.contains("bm 128, bk 64, bmm 64 (preset_kernels/Llama3"), "{both}");
        assert!(both.contains("or bm 256, bk 128, bmm 32 (setup_env.py"), "{both}");
        let none = check(LookupLayout::Tl2, 2560, 6912).unwrap_err();
        assert!(none.contains("2560 rows of 6912") && none.contains("--tl-tables"), "{none}");
    }
}
