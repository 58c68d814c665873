//! TL1 and TL2 into containers that can be computed with.

use std::fs;

use convert::{GgufSource, Source};
use gguf::{Metadata, TensorSpec, TypeId, Value, Writer};
use tempfile::tempdir;
use testkit::{Rng, Tiled};

use crate::program::trinity;

const SCALE: f32 = 0.75;

/// A GGUF file of matrices of type `id`, whose sizes no writer of ours knows: made with other types, then patched.
fn file(id: u32, tensors: &[(&str, [u64; 2], Vec<u8>)]) -> Vec<u8> {
    let mut metadata = Metadata::default();
    metadata.set("general.architecture", Value::String("bitnet".to_owned()));
    let spec = |(name, dims, _): &(&str, [u64; 2], _)| TensorSpec {
        name: (*name).to_owned(),
        dims: dims.to_vec(),
        type_id: TypeId(0),
    };
    let mut bytes = Vec::new();
    drop(Writer::new(&mut bytes, &metadata, tensors.iter().map(spec).collect()).unwrap());
    let mut offset = 0u64;
    for (name, _, data) in tensors {
        let name_at = bytes.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
        // After the name: the number of dimensions, two of them, type, offset.
        let at = name_at + name.len() + 4 + 2 * 8;
        bytes[at..at + 4].copy_from_slice(&id.to_le_bytes());
        bytes[at + 4..at + 12].copy_from_slice(&offset.to_le_bytes());
        offset += data.len().next_multiple_of(32) as u64;
    }
    for (_, _, data) in tensors {
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(32), 0);
    }
    bytes
}

fn random_codes(rows: usize, cols: usize) -> Vec<i8> {
    Rng::new(cols as u64).normals(rows * cols).iter().map(|x| (x * 1.2).round().clamp(-1.0, 1.0) as i8).collect()
}

#[test]
fn lookup_layouts_become_what_can_be_computed_with() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // A shape with published tables, and one with columns left over for pairs whose tables the user has.
    let (large, small) = (random_codes(1536, 1536), random_codes(320, 512));
    let tables = path("tables.json");
    fs::write(&tables, r#"[{"rows": 320, "cols": 512, "bm": 320, "bk": 96, "bmm": 32}]"#).unwrap();
    let large_tiled = |bm, bk, bmm| Tiled { codes: &large, rows: 1536, cols: 1536, bm, bk, bmm };
    let small_tiled = Tiled { codes: &small, rows: 320, cols: 512, bm: 320, bk: 96, bmm: 32 };
    let (name, other) = ("blk.0.attn_q.weight", "blk.0.ffn_up.weight");
    let tl2 = path("tl2.gguf");
    let tensors =
        [(name, [1536, 1536], large_tiled(128, 192, 32).tl2(SCALE)), (other, [512, 320], small_tiled.tl2(2.0 * SCALE))];
    fs::write(&tl2, file(39, &tensors)).unwrap();
    let tl1 = path("tl1.gguf");
    fs::write(&tl1, file(38, &[(name, [1536, 1536], large_tiled(128, 64, 64).tl1(SCALE))])).unwrap();

    let check = |file: &str, tensor: usize, codes: &[i8], scale: f32| {
        let source = GgufSource::open(file.as_ref()).unwrap();
        let n_rows = source.tensors()[tensor].n_rows();
        let values = source.read(tensor, 0..n_rows).unwrap().into_values();
        let first_bad = values.iter().zip(codes).position(|(value, code)| *value != f32::from(*code) * scale);
        assert_eq!((first_bad, values.len()), (None, codes.len()), "{file}, tensor {tensor}");
    };
    for (to, out) in [("tq2_0", "tq2_0.gguf"), ("tri1", "tri1.tri"), ("f32", "f32.gguf")] {
        let out = path(out);
        let text = trinity(["convert", &tl2, &out, "--to", to, "--tl-tables", &tables]).ok().text();
        assert!(text.contains("2 exact: every weight is what it was"), "{text}");
        check(&out, 0, &large, SCALE);
        check(&out, 1, &small, 2.0 * SCALE);
    }
    // Nothing writes such a layout: it becomes the type whose scale is the checkpoint's own.
    let out = path("default.gguf");
    let text = trinity(["convert", &tl1, &out]).ok().text();
    assert!(text.contains("i2_s"), "{text}");
    check(&out, 0, &large, SCALE);

    let refused = path("refused.gguf");
    trinity(["convert", &tl2, &refused]).fails(1, &[other, "320 rows of 512", "none is published", "--tl-tables"]);
    trinity(["eval", "logits", &tl2, "--tokens", &tables, "--out", &refused]).fails(1, &["tl2.gguf"]);
    fs::write(&tables, r#"[{"rows": 320, "cols": 512, "bm": 320, "bk": 100, "bmm": 32}]"#).unwrap();
    trinity(["convert", &tl2, &refused, "--tl-tables", &tables]).fails(1, &[other, "bk 100", "multiple of 24"]);
    fs::write(&tables, r#"[{"rows": 320, "cols": 512, "bm": 320}]"#).unwrap();
    trinity(["convert", &tl2, &refused, "--tl-tables", &tables]).fails(1, &["tables.json", "bk"]);
    trinity(["convert", &tl2, &refused, "--tl-tables", &path("none")]).fails(1, &["none", "no such file"]);
    // Of two tables in use either fits; the wrong one is not to be guessed.
    let two = path("two.gguf");
    let zeros = vec![0; 1024 * 4096];
    let tiled = Tiled { codes: &zeros, rows: 1024, cols: 4096, bm: 128, bk: 64, bmm: 64 };
    fs::write(&two, file(38, &[(name, [4096, 1024], tiled.tl1(SCALE))])).unwrap();
    trinity(["convert", &two, &refused]).fails(1, &[name, "preset_kernels/Llama3", "setup_env.py", "--tl-tables"]);
    assert!(!folder.path().join("refused.gguf").exists());
}
