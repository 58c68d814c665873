//! Broken files of every ternary type are refused or give numbers; never a panic, never more than the file has bytes
//! for.

use gguf::{Container, I2sOrder, Metadata, Q2_0_BLOCK_LEN, TensorSpec, TypeId, Value, Writer, seal};
use proptest::{collection::vec, prelude::*, sample::select};
use quant::{Format, TernaryEncoder, TernaryRows};
use testkit::Rng;

const NAME: &str = "weights";
const COLS: usize = 256;
const ROWS: usize = 4;

/// Dimensions at which something may overflow, divide by zero or run on.
const DIMS: &[u64] =
    &[0, 1, 2, 4, 20, 64, 128, 255, 256, 257, 1280, 1 << 31, 1 << 32, 1 << 60, (1 << 62) + 64, u64::MAX];

/// Makes a file of one tensor `[COLS, ROWS]`, with what its type needs in the header.
fn file(format: Format, type_id: TypeId) -> Vec<u8> {
    let mut rng = Rng::new(u64::from(type_id.0));
    let codes = rng.bytes(ROWS * COLS).iter().map(|b| (b % 3) as i8 - 1).collect();
    let rows = TernaryRows { cols: COLS, span: COLS, codes, scales: vec![0.5; ROWS] };
    let mut encoder = TernaryEncoder::new(format, ROWS, COLS).unwrap();
    let mut data = Vec::new();
    encoder.rows(&rows, &mut data).unwrap();
    encoder.finish(&mut data);
    let mut metadata = Metadata::default();
    if type_id.layout().unwrap().is_tri() {
        seal::prepare(&mut metadata, 1);
    }
    if format == Format::Q2_0 {
        metadata.set(Q2_0_BLOCK_LEN, Value::U32(64));
    }
    let dims = vec![COLS as u64, ROWS as u64];
    let spec = TensorSpec { name: NAME.to_owned(), dims, type_id };
    let mut writer = Writer::new(Vec::new(), &metadata, vec![spec]).unwrap();
    writer.tensor(&data).unwrap();
    writer.finish().unwrap()
}

fn files() -> Vec<Vec<u8>> {
    let formats = Format::ALL.iter().filter(|format| format.is_ternary());
    formats.filter_map(|&format| Some(file(format, TypeId::of(format)?))).collect()
}

/// Checks that a file is refused, or that every way to read the weights gives as many as there are.
fn check(bytes: Vec<u8>) {
    let Ok(container) = Container::from_bytes("test", bytes) else { return };
    read(&container);
    for order in I2sOrder::ALL {
        let mut container = container.clone();
        if container.set_i2_s_order(order).is_ok() {
            read(&container);
        }
    }
}

fn read(container: &Container) {
    for tensor in container.tensors() {
        let bytes = container.bytes(tensor);
        let Ok(stored) = model::stored_matrix(container, tensor, &bytes) else { continue };
        let (rows, cols) = (tensor.n_rows(), tensor.cols());
        assert_eq!((stored.n_rows(), stored.cols()), (rows, cols), "{}", tensor.type_name());
        let mut values = vec![0.0; rows * cols];
        stored.decode(0, &mut values);
        assert!(stored.row_scales(0..rows).is_none_or(|scales| scales.len() == rows));
        if let Some(ternary) = stored.ternary(0, rows) {
            testkit::assert_same_f32(tensor.type_name(), &ternary.values(), &values);
        }
    }
}

#[test]
fn whole_files_are_read() {
    for bytes in files() {
        let container = Container::from_bytes("test", bytes.clone()).unwrap();
        let tensor = container.tensor(NAME).unwrap();
        model::stored_matrix(&container, tensor, &container.bytes(tensor)).unwrap();
        check(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn broken_bytes_never_panic(
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        for mut bytes in files() {
            for (at, byte) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            check(bytes.clone());
            bytes.truncate(cut.index(bytes.len()));
            check(bytes);
        }
    }

    #[test]
    fn other_shapes_and_types_never_panic(
        cols in select(DIMS),
        rows in select(DIMS),
        other in any::<prop::sample::Index>(),
    ) {
        let ids: Vec<TypeId> = Format::ALL.iter().filter_map(|&format| TypeId::of(format)).collect();
        for mut bytes in files() {
            let at = bytes.windows(NAME.len()).position(|w| w == NAME.as_bytes()).unwrap() + NAME.len() + 4;
            bytes[at..at + 8].copy_from_slice(&cols.to_le_bytes());
            bytes[at + 8..at + 16].copy_from_slice(&rows.to_le_bytes());
            check(bytes.clone());
            bytes[at + 16..at + 20].copy_from_slice(&other.get(&ids).0.to_le_bytes());
            check(bytes);
        }
    }
}
