//! Type ids with two meanings: told apart by where tensors lie, refused where that does not tell.

use gguf::{Container, Layout, Metadata, Q2_0_BLOCK_LEN, TensorSpec, TypeId, Value, Writer, seal};
use quant::Format;

/// Tensors `[cols, rows]` of `format`, the first `n_first` rows high, then written under `id` instead of their own.
fn file(format: Format, id: u32, rows: &[u64], cols: u64) -> Vec<u8> {
    file_with(&Metadata::default(), format, id, rows, cols)
}

fn file_with(metadata: &Metadata, format: Format, id: u32, rows: &[u64], cols: u64) -> Vec<u8> {
    let own = TypeId::of(format).unwrap();
    let specs: Vec<TensorSpec> = rows
        .iter()
        .enumerate()
        .map(|(i, &rows)| TensorSpec { name: format!("t{i}"), dims: vec![cols, rows], type_id: own })
        .collect();
    let mut metadata = metadata.clone();
    let is_tri = own.layout().is_some_and(Layout::is_tri);
    if is_tri {
        seal::prepare(&mut metadata, specs.len());
    }
    let mut writer = Writer::new(Vec::new(), &metadata, specs).unwrap();
    for &rows in rows {
        writer.tensor(&vec![7; format.tensor_bytes(rows as usize, cols as usize).unwrap()]).unwrap();
    }
    let mut bytes = writer.finish().unwrap();
    if is_tri {
        let header = seal::sealed_header(
            &Container::from_bytes("test", bytes.clone()).unwrap(),
            &mut std::io::Cursor::new(&bytes),
        )
        .unwrap();
        bytes[..header.len()].copy_from_slice(&header);
    }
    let own = own.0.to_le_bytes();
    let after_dims: Vec<usize> = (0..bytes.len() - 12)
        .filter(|&at| bytes[at..at + 4] == own && rows.iter().any(|rows| bytes[at - 8..at] == rows.to_le_bytes()))
        .collect();
    for at in after_dims {
        bytes[at..at + 4].copy_from_slice(&id.to_le_bytes());
    }
    bytes
}

fn layouts(bytes: Vec<u8>) -> Result<Vec<Layout>, String> {
    let container = Container::from_bytes("test", bytes).map_err(|e| e.to_string())?;
    Ok(container.tensors().iter().map(|t| t.layout).collect())
}

#[test]
fn q2_0_of_64_and_of_128_weights() {
    let new = layouts(file(Format::Q2_0, 42, &[40, 3], 256)).unwrap();
    assert_eq!(new, [Layout::Weights(Format::Q2_0); 2]);
    let old = layouts(file(Format::PQ2_0, 42, &[40, 3], 256)).unwrap();
    assert_eq!(old, [Layout::Weights(Format::PQ2_0); 2]);
    // One large tensor: the end of the file tells.
    assert_eq!(layouts(file(Format::PQ2_0, 42, &[40], 256)).unwrap(), [Layout::Weights(Format::PQ2_0)]);
    assert_eq!(layouts(file(Format::Q2_0, 42, &[40], 256)).unwrap(), [Layout::Weights(Format::Q2_0)]);
    // Rows of 64 cannot be blocks of 128.
    assert_eq!(layouts(file(Format::Q2_0, 42, &[1], 64)).unwrap(), [Layout::Weights(Format::Q2_0)]);
}

#[test]
fn what_fits_both_is_refused() {
    // 144 or 136 bytes, both 160 with padding.
    let error = layouts(file(Format::Q2_0, 42, &[1], 512)).unwrap_err();
    assert_eq!(
        error,
        "test: tensors of type 42 may be Q2_0 of 64 weights a block with 144 bytes or PQ2_0 of 128 weights a block with 136 bytes: \
         sizes and offsets fit both"
    );
}

#[test]
fn our_own_files_say_which_it_is() {
    for (len, format) in [(64, Format::Q2_0), (128, Format::PQ2_0)] {
        let mut metadata = Metadata::default();
        metadata.set(Q2_0_BLOCK_LEN, Value::U32(len));
        let bytes = file_with(&metadata, format, 42, &[1], 512);
        assert_eq!(layouts(bytes).unwrap(), [Layout::Weights(format)]);
    }
}

#[test]
fn mxfp4_is_not_tl2_and_what_is_neither_is_refused() {
    assert_eq!(layouts(file(Format::MXFP4, 39, &[1536, 2], 1536)).unwrap(), [Layout::Weights(Format::MXFP4); 2]);
    // 1536 × 1536 as bitnet.cpp's converter sizes it.
    let mut bytes = file(Format::F32, 39, &[1536], 1536);
    let data = bytes.len() - 1536 * 1536 * 4;
    bytes.truncate(data + (1280 * 1536 / 3 * 5 / 8 + 64 * 1536) + 32);
    assert_eq!(layouts(bytes.clone()).unwrap(), [Layout::Tl2]);
    bytes.truncate(bytes.len() - 1);
    assert!(layouts(bytes).unwrap_err().contains("ends at byte"), "one byte short");
}

#[test]
fn old_q2_0_is_written_again_under_an_id_of_its_own() {
    let container = Container::from_bytes("test", file(Format::PQ2_0, 42, &[40, 3], 256)).unwrap();
    assert_eq!(container.tensors()[0].type_id, TypeId(42));
    assert_eq!(container.tensors()[0].spec().type_id, TypeId(142));
}

/// The bytes of every ternary container under the name of every other: the size gives it away, unless it is the same.
#[test]
fn no_ternary_container_passes_for_another() {
    let ternary: Vec<Format> = Format::ALL.iter().copied().filter(|f| f.is_ternary()).collect();
    let mut n_same = 0;
    for &from in &ternary {
        for &to in ternary.iter().filter(|&&to| to != from) {
            let (Some(id), Some(own)) = (TypeId::of(to), TypeId::of(from)) else { continue };
            let bytes = file(from, id.0, &[8, 4], 1024);
            let padded = |f: Format| f.tensor_bytes(8, 1024).unwrap().next_multiple_of(32);
            let same_size = padded(from) == padded(to) || to == Format::Q2_0 && padded(from) == padded(Format::PQ2_0);
            match layouts(bytes) {
                Ok(found) if id == own => assert_eq!(found, [Layout::Weights(Format::I2_S); 2]),
                // An older Q2_0 is a PQ2_0 under another id.
                Ok(found) if to == Format::Q2_0 && from == Format::PQ2_0 => {
                    assert_eq!(found, [Layout::Weights(Format::PQ2_0); 2]);
                }
                Ok(_) => {
                    assert!(same_size, "{from:?} was taken for {to:?}");
                    n_same += 1;
                }
                // What has the size of another is refused where either is sealed.
                Err(what) if same_size => {
                    let is_seal =
                        what.contains("trinity.tri.version is missing") || what.contains("after it was sealed");
                    assert!(is_seal, "{from:?} as {to:?}: {what}");
                }
                Err(_) => {}
            }
        }
    }
    // I2_S and IQ2_BN of some shapes: told apart by what their codes say (crates/model/tests/it/containers.rs).
    assert!(n_same > 0);
}
