//! TL1 and TL2, packed as bitnet.cpp does and read back.

use quant::{LookupError, LookupLayout, LookupMatrix, LookupTiling};
use testkit::{Rng, Tiled};

const SCALE: f32 = 0.75;

fn random_codes(rows: usize, cols: usize) -> Vec<i8> {
    Rng::new((rows * 31 + cols) as u64)
        .normals(rows * cols)
        .iter()
        .map(|x| (x * 1.2).round().clamp(-1.0, 1.0) as i8)
        .collect()
}

fn tiling([tile_rows, tile_cols, strip_rows]: [usize; 3]) -> LookupTiling {
    LookupTiling { tile_rows, tile_cols, strip_rows }
}

/// The tensor in `layout` under [`SCALE`].
fn pack(layout: LookupLayout, [rows, cols]: [usize; 2], [bm, bk, bmm]: [usize; 3], codes: &[i8]) -> Vec<u8> {
    let tiled = Tiled { codes, rows, cols, bm, bk, bmm };
    if layout == LookupLayout::Tl1 { tiled.tl1(SCALE) } else { tiled.tl2(SCALE) }
}

/// All rows at once and one by one are what was packed.
fn check(layout: LookupLayout, shape: [usize; 2], sizes: [usize; 3]) {
    let [rows, cols] = shape;
    let codes = random_codes(rows, cols);
    let bytes = pack(layout, shape, sizes, &codes);
    assert_eq!(Some(bytes.len()), layout.tensor_bytes(rows, cols));
    let matrix = LookupMatrix::new(layout, tiling(sizes), rows, cols, &bytes).unwrap();
    let all = matrix.ternary(0..rows).unwrap();
    let first_bad = all.codes.iter().zip(&codes).position(|(a, b)| a != b);
    assert_eq!(first_bad.map(|at| (at / cols, at % cols)), None, "{layout:?} {shape:?} {sizes:?}");
    assert_eq!((all.span, all.scales), (cols, vec![SCALE; rows]));
    for row in [0, rows / 3, rows - 1] {
        assert_eq!(matrix.ternary(row..row + 1).unwrap().codes, codes[row * cols..][..cols], "row {row}");
    }
}

#[test]
fn what_is_packed_in_tl1_is_read() {
    for (shape, sizes) in [
        ([256, 256], [256, 128, 32]),
        ([512, 384], [256, 128, 32]),
        ([256, 192], [128, 64, 64]),
        ([320, 256], [160, 64, 32]),
        ([640, 256], [320, 128, 64]),
    ] {
        check(LookupLayout::Tl1, shape, sizes);
    }
}

#[test]
fn what_is_packed_in_tl2_is_read_left_over_columns_too() {
    for (shape, sizes) in [
        ([256, 384], [256, 96, 32]),
        ([256, 1536], [128, 192, 32]),
        // 32, 64, 128 and 256 columns in pairs.
        ([320, 512], [320, 96, 32]),
        ([320, 640], [160, 96, 32]),
        ([256, 512], [128, 192, 32]),
        ([128, 640], [128, 384, 32]),
    ] {
        check(LookupLayout::Tl2, shape, sizes);
    }
}

#[test]
fn tiles_that_cannot_be_and_bytes_that_no_converter_leaves_are_refused() {
    let refused = |layout, [rows, cols]: [usize; 2], sizes| {
        LookupMatrix::check_tiling(layout, tiling(sizes), rows, cols).unwrap_err().to_string()
    };
    let tl1 = refused(LookupLayout::Tl1, [100, 256], [64, 64, 32]);
    assert_eq!(
        tl1,
        "TL1 of 100 rows of 256 weights cannot be in tiles of bm 64, bk 64, bmm 32: tiles must divide the rows"
    );
    let rules = [
        (LookupLayout::Tl1, [256, 256], [256, 96, 32], "tiles must divide the columns"),
        (LookupLayout::Tl1, [256, 256], [256, 64, 16], "bmm must be 32 or 64"),
        (LookupLayout::Tl1, [256, 256], [96, 64, 64], "tiles must divide the rows"),
        (LookupLayout::Tl1, [256, 256], [0, 64, 64], "nothing may be 0"),
        (LookupLayout::Tl2, [256, 384], [256, 96, 64], "bmm must be 32"),
        (LookupLayout::Tl2, [256, 384], [256, 100, 32], "bk must be a multiple of 24"),
        (LookupLayout::Tl2, [256, 400], [256, 96, 32], "the columns left over"),
        (LookupLayout::Tl2, [256, 96], [256, 96, 32], "room for all sections"),
    ];
    for (layout, shape, sizes, rule) in rules {
        let text = refused(layout, shape, sizes);
        assert!(text.contains(rule), "{text}");
    }

    let (shape, sizes) = ([256, 384], [256, 96, 32]);
    let bytes = pack(LookupLayout::Tl2, shape, sizes, &random_codes(256, 384));
    let read = |layout, sizes, bytes: &[u8]| {
        LookupMatrix::new(layout, tiling(sizes), 256, 384, bytes).and_then(|matrix| matrix.ternary(0..256))
    };
    assert!(read(LookupLayout::Tl2, sizes, &bytes).is_ok());
    let short = read(LookupLayout::Tl2, sizes, &bytes[1..]).unwrap_err();
    assert!(matches!(short, LookupError::Bytes { got, .. } if got == bytes.len() - 1), "{short}");
    let mut broken = bytes.clone();
    broken[0] |= 0xE0;
    let index = read(LookupLayout::Tl2, sizes, &broken).unwrap_err();
    assert!(matches!(index, LookupError::Index { row: 0, col: 0, .. }), "{index}");
    let mut broken = bytes.clone();
    let at = broken.len() - 32;
    broken[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(matches!(read(LookupLayout::Tl2, sizes, &broken), Err(LookupError::Scale { .. })));
    // Bits of a sign where the index is 0.
    let zeros = vec![0; 256 * 384];
    let mut broken = pack(LookupLayout::Tl2, shape, sizes, &zeros);
    broken[256 * 384 / 6 + 1] |= 0x80;
    assert!(matches!(read(LookupLayout::Tl2, sizes, &broken), Err(LookupError::Index { row: 0, col: 0, .. })));
    let mut broken = pack(LookupLayout::Tl1, shape, [256, 128, 32], &zeros);
    broken[0] = 0x90;
    let index = read(LookupLayout::Tl1, [256, 128, 32], &broken).unwrap_err().to_string();
    assert_eq!(index, "row 0, column 0 has index 9, which TL1 never holds in tiles of bm 256, bk 128, bmm 32");
}
