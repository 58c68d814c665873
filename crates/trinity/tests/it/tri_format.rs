//! `docs/tri-format.md` is enough to write a reader: one in plain Python (`tests/tri_reader.py`), written from it,
//! reads all types as they are written.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use gguf::{Container, Metadata, TensorSpec, TypeId, Value, Writer};
use testkit::Rng;

use crate::program::{Outcome, finish, trinity};

/// Ternary matrices of `(cols, rows)` in F32, one scale for `span` neighbours, and a vector that is not ternary.
fn write_floats(path: &Path, shapes: &[(u64, u64)], span: impl Fn(u64, u64) -> u64) {
    let mut rng = Rng::new(7);
    let mut metadata = Metadata::default();
    metadata.set("general.architecture", Value::String("llama".to_owned()));
    let name = |i: usize| format!("blk.{i}.ffn_up.weight");
    let spec = |name, dims| TensorSpec { name, dims, type_id: TypeId(0) };
    let mut specs: Vec<_> =
        shapes.iter().enumerate().map(|(i, &(cols, rows))| spec(name(i), vec![cols, rows])).collect();
    specs.push(spec("output_norm.weight".to_owned(), vec![17]));
    let mut writer = Writer::new(File::create(path).unwrap(), &metadata, specs).unwrap();
    for &(cols, rows) in shapes {
        let codes: Vec<f32> = (0..cols * rows).map(|_| rng.below(3) as f32 - 1.0).collect();
        let scaled = codes.chunks(span(cols, rows) as usize).enumerate();
        // Exact in f16.
        let values = scaled.flat_map(|(i, codes)| codes.iter().map(move |code| code * (i % 61 + 3) as f32 / 64.0));
        writer.tensor(&values.flat_map(f32::to_le_bytes).collect::<Vec<_>>()).unwrap();
    }
    writer.tensor(&rng.normals(17).iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
}

/// The reader in Python.
fn read(tri: &str, floats: &str) -> Outcome {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tri_reader.py");
    finish(Command::new("python3").arg("-B").arg(script).args([tri, floats]))
}

#[test]
fn a_reader_written_from_the_document_reads_every_type() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    // Short rows, whole lines, long lines, and all that may be left behind them.
    let rows = &[(1, 3), (20, 2), (256, 2), (300, 3), (1280, 2), (1537, 2), (2 * 1280 + 2 * 256 + 41, 3)];
    let blocks = &[(256, 3), (1536, 2)];
    let (tensor_scales, row_scales, group_scales) = (path("tensor.gguf"), path("row.gguf"), path("group.gguf"));
    write_floats(tensor_scales.as_ref(), rows, |cols, rows| cols * rows);
    write_floats(row_scales.as_ref(), rows, |cols, _| cols);
    write_floats(group_scales.as_ref(), blocks, |_, _| 256);
    let sources = [("tensor", &tensor_scales), ("row", &row_scales), ("g", &group_scales)];
    let formats: Vec<_> = quant::Format::ALL.iter().filter(|f| f.name().starts_with("tri")).collect();
    assert!(formats.len() >= 8, "{formats:?}");
    for format in formats {
        let name = format.name();
        let span = name.split('_').nth(1).unwrap();
        let (_, source) = sources.iter().find(|(of, _)| span.starts_with(of)).unwrap();
        let tri = path(&format!("{name}.tri"));
        trinity(["convert", source, &tri, "--to", name]).ok();
        let said = read(&tri, source).ok().text();
        let n = Container::open(source.as_ref()).unwrap().tensors().len();
        assert!(said.starts_with(&format!("{n} tensors, {} ternary", n - 1)), "{name}: {said}");
    }

    // It is no reader that says yes to all.
    let tri = path("tri1_row_f16.tri");
    let said = read(&tri, &tensor_scales);
    assert!(said.code == 1 && said.stderr.contains("expected"), "{}", said.stderr);
    let at = Container::open(tri.as_ref()).unwrap().tensors()[3].offset as usize;
    let mut bytes = fs::read(&tri).unwrap();
    bytes[at] ^= 4;
    fs::write(&tri, bytes).unwrap();
    let said = read(&tri, &row_scales);
    assert!(said.code == 1 && said.stderr.contains("blk.3.ffn_up.weight: data is not"), "{}", said.stderr);
}
