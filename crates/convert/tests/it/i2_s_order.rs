//! I2_S tensors in foreign orders as a source: any rows are what they are in the order of x86, and their bytes are not
//! passed on.

use convert::{GgufSource, Rows, Source};
use gguf::{Container, I2sOrder, Metadata, TensorSpec, TypeId, Writer};
use testkit::Rng;

const ROWS: usize = 12;
const COLS: usize = 256;

/// Makes a source of codes 0 to 2 in `order`.
fn source(order: I2sOrder, codes: &[u8]) -> GgufSource {
    let mut bytes = vec![0; ROWS * COLS / 4];
    for (at, code) in codes.iter().enumerate() {
        let (row, col) = (at / COLS, at % COLS);
        let (byte, shift) = match order {
            I2sOrder::X86 => (at / 128 * 32 + col % 32, 6 - 2 * (col % 128 / 32)),
            I2sOrder::Arm => (at / 64 * 16 + col % 16, 6 - 2 * (col % 64 / 16)),
            I2sOrder::Rows4 => (row / 4 * COLS + col, 6 - 2 * (row % 4)),
        };
        bytes[byte] |= code << shift;
    }
    bytes.extend(0.5f32.to_le_bytes());
    bytes.extend([0; 28]);
    let spec = TensorSpec { name: "a".to_owned(), dims: vec![COLS as u64, ROWS as u64], type_id: TypeId(36) };
    let mut writer = Writer::new(Vec::new(), &Metadata::default(), vec![spec]).unwrap();
    writer.tensor(&bytes).unwrap();
    let container = Container::from_bytes("test", writer.finish().unwrap()).unwrap();
    GgufSource::from_container(container).with_i2_s_order(order).unwrap()
}

#[test]
fn any_rows_can_be_read_in_any_order() {
    let codes: Vec<u8> =
        Rng::new(1).normals(ROWS * COLS).iter().map(|x| (x + 1.0).round().clamp(0.0, 2.0) as u8).collect();
    for order in I2sOrder::ALL {
        let source = source(order, &codes);
        assert_eq!(source.raw_type(0), (order == I2sOrder::X86).then_some(TypeId(36)), "{order:?}");
        for rows in [0..ROWS, 0..1, 3..4, 3..9, 4..8, 7..12] {
            let Rows::Ternary(read) = source.read(0, rows.clone()).unwrap() else { panic!("{order:?} is ternary") };
            let expected: Vec<i8> =
                codes[rows.start * COLS..rows.end * COLS].iter().map(|code| *code as i8 - 1).collect();
            assert!(read.codes == expected, "{order:?}, rows {rows:?}");
            assert_eq!(read.scales, vec![0.5; rows.len()]);
        }
    }
}
