//! In which order the weights of an I2_S are: found out, told, or said by the user.

use std::{fs, path::Path};

use gguf::{Array, Container, I2_S_ORDER, Metadata, TensorSpec, TypeId, Value, Writer};
use tempfile::tempdir;

use crate::program::trinity;

/// What the program tries orders on.
const TEXT: &str = include_str!("../../src/commands/i2s_order.txt");
const WIDTH: usize = 256;

/// Byte and shift of the weight in `row` and `col`.
fn place(order: &str, row: usize, col: usize) -> (usize, usize) {
    let at = row * WIDTH + col;
    match order {
        "x86" => (at / 128 * 32 + col % 32, 6 - 2 * (col % 128 / 32)),
        "arm" => (at / 64 * 16 + col % 16, 6 - 2 * (col % 64 / 16)),
        _ => (row / 4 * WIDTH + col, 6 - 2 * (row % 4)),
    }
}

/// A square matrix with ones at `ones` as an I2_S of scale 1.
fn i2_s(order: &str, ones: &[(usize, usize)]) -> Vec<u8> {
    // 0 is code 1 in each of the four places.
    let mut bytes = vec![0b01_01_01_01; WIDTH * WIDTH / 4];
    for &(row, col) in ones {
        let (byte, shift) = place(order, row, col);
        bytes[byte] = bytes[byte] & !(3 << shift) | 2 << shift;
    }
    bytes.extend(1f32.to_le_bytes());
    bytes.resize(bytes.len() + 28, 0);
    bytes
}

/// A model of one layer over bytes that predicts, after each byte, those that follow it in the text: the feed-forward
/// is a table of neighbours.
fn write_model(path: &Path, order: &str) {
    let identity: Vec<(usize, usize)> = (0..WIDTH).map(|i| (i, i)).collect();
    let bytes = TEXT.trim().replace(' ', "\u{2581}").into_bytes();
    let neighbours: Vec<(usize, usize)> = bytes.windows(2).map(|pair| (pair[1].into(), pair[0].into())).collect();
    let floats = |n: usize, of: &dyn Fn(usize) -> f32| (0..n).flat_map(|i| of(i).to_le_bytes()).collect::<Vec<u8>>();
    // Two magnitudes in the row of byte 0, which the text lacks, or it would be ternary too.
    let embedding = floats(WIDTH * WIDTH, &|i| if i / WIDTH == i % WIDTH { 2.0 } else { f32::from(i == 1) });
    let ones = floats(WIDTH, &|_| 1.0);
    let mut tensors = vec![("token_embd.weight", 0, embedding), ("output_norm.weight", 0, ones.clone())];
    tensors.extend([("blk.0.attn_norm.weight", 0, ones.clone()), ("blk.0.ffn_norm.weight", 0, ones)]);
    for name in ["attn_q", "attn_k", "attn_v", "attn_output"].map(|part| format!("blk.0.{part}.weight")) {
        tensors.push((String::leak(name), 36, i2_s(order, &[])));
    }
    tensors.push(("blk.0.ffn_gate.weight", 36, i2_s(order, &identity)));
    tensors.push(("blk.0.ffn_up.weight", 36, i2_s(order, &identity)));
    tensors.push(("blk.0.ffn_down.weight", 36, i2_s(order, &neighbours)));
    let spec = |(name, id, data): &(&str, u32, Vec<u8>)| TensorSpec {
        name: (*name).to_owned(),
        dims: if data.len() == 4 * WIDTH { vec![WIDTH as u64] } else { vec![WIDTH as u64; 2] },
        type_id: TypeId(*id),
    };
    let mut writer = Writer::new(Vec::new(), &metadata(), tensors.iter().map(spec).collect()).unwrap();
    tensors.iter().for_each(|(_, _, data)| writer.tensor(data).unwrap());
    fs::write(path, writer.finish().unwrap()).unwrap();
}

fn metadata() -> Metadata {
    let mut metadata = Metadata::default();
    let text = |text: &str| Value::String(text.to_owned());
    metadata.set("general.architecture", text("llama"));
    let counts = [
        ("context_length", 512),
        ("embedding_length", 256),
        ("block_count", 1),
        ("feed_forward_length", 256),
        ("attention.head_count", 4),
    ];
    for (key, value) in counts {
        metadata.set(format!("llama.{key}"), Value::U32(value));
    }
    metadata.set("llama.attention.layer_norm_rms_epsilon", Value::F32(1e-6));
    metadata.set("tokenizer.ggml.model", text("llama"));
    metadata.set("tokenizer.ggml.add_bos_token", Value::Bool(false));
    let tokens = (0..256).map(|byte| format!("<0x{byte:02X}>")).collect();
    metadata.set("tokenizer.ggml.tokens", Value::Array(Array::String(tokens)));
    metadata.set("tokenizer.ggml.token_type", Value::Array(Array::I32(vec![6; 256])));
    metadata.set("tokenizer.ggml.scores", Value::Array(Array::F32(vec![0.0; 256])));
    metadata
}

#[test]
fn each_order_is_found_told_and_computed_with() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("text"), TEXT).unwrap();
    let perplexity = |model: &str, more: &[&str]| {
        let outcome =
            trinity(["eval", "perplexity", model, "-f", &path("text"), "-c", "64", "--json"].iter().chain(more)).ok();
        (outcome.json()["perplexity"].as_f64().unwrap(), outcome.stderr)
    };
    let mut found = Vec::new();
    for order in ["x86", "arm", "rows4"] {
        let model = path(&format!("{order}.gguf"));
        write_model(model.as_ref(), order);
        let (value, stderr) = perplexity(&model, &[]);
        assert!(stderr.contains(&format!("{order}.gguf: I2_S in order {order}, by how well")), "{stderr}");
        assert!(stderr.contains(if order == "rows4" { "trinity convert" } else { "trinity metadata" }), "{stderr}");
        let is_named = |other: &&str| stderr.contains(&format!("{other} "));
        assert!(["x86", "arm", "rows4"].iter().all(is_named) && stderr.contains("5.55 when guessing"), "{stderr}");
        assert!(value < 20.0, "{order}: {value}");
        // What the user says is not tried, whether right or wrong.
        assert_eq!(perplexity(&model, &["--i2s-layout", order]), (value, String::new()));
        let (wrong, stderr) = perplexity(&model, &["--i2s-layout", if order == "arm" { "x86" } else { "arm" }]);
        assert!(wrong > 256.0 && stderr.is_empty(), "{order}: {wrong} {stderr}");
        found.push(value);

        // Converted, each is the same file, which says its order.
        let (out, again) = (path(&format!("{order}-out.gguf")), path(&format!("{order}-again.gguf")));
        assert!(trinity(["convert", &model, &out]).ok().stderr.contains(&format!("in order {order}")));
        trinity(["quantize", &model, &again, "--type", "i2_s", "--i2s-layout", order]).ok();
        assert_eq!(perplexity(&out, &[]), (value, String::new()));
        let container = Container::open(out.as_ref()).unwrap();
        assert_eq!(container.metadata().str(I2_S_ORDER).unwrap(), Some("x86"));
        trinity(["eval", "compare", &out, &again]).ok();
        assert!(trinity(["eval", "compare", &out, &path("x86.gguf")]).ok().text().contains("identical weights"));
        // An order is also found for a comparison; noise keeps it.
        let noise = ["eval", "noise", &model, "-f", &path("text"), "-c", "64", "--rates", "0", "--json"];
        assert_eq!(trinity(noise).ok().json()["rows"][1]["perplexity"], value);
    }
    trinity(["metadata", &path("arm.gguf"), "--set", "trinity.i2_s.order=arm"]).ok();
    assert_eq!(perplexity(&path("arm.gguf"), &[]), (found[0], String::new()), "what the file says is not tried");
    assert!(found.iter().all(|value| *value == found[0]), "{found:?}");
    trinity(["eval", "compare", &path("x86.gguf"), &path("arm.gguf")]).ok();
    let words = ["eval", "compare", &path("x86.gguf"), &path("arm.gguf"), "--i2s-layout", "x86"];
    assert_eq!(trinity(words).code, 1, "bytes of arm in the order of x86 are another model");
}

#[test]
fn a_model_that_predicts_nothing_is_refused_in_every_order() {
    let folder = tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (model, out) = (path("model.gguf"), path("out.gguf"));
    trinity(["dev", "synth", &model, "--type", "i2_s"]).ok();
    let run = ["run", "--model", &model, "a", "-n", "1"];
    trinity(run).ok();
    trinity(["metadata", &model, "--set", "trinity.i2_s.order=mips"]).ok();
    trinity(run).fails(1, &["trinity.i2_s.order", "mips", "x86"]);
    fs::remove_file(&model).unwrap();
    trinity(["dev", "synth", &model, "--type", "i2_s"]).ok();
    trinity(["metadata", &model, "--remove", "trinity.i2_s.order"]).ok();
    let words = ["model.gguf", "x86 ", "arm ", "rows4 ", "6.24 when guessing", "--i2s-layout"];
    trinity(run).fails(1, &words);
    trinity(["convert", &model, &out]).fails(1, &words);
    trinity(["convert", &model, &out, "--i2s-layout", "arm", "--to", "tq2_0"]).ok();
    trinity(run.iter().chain(&["--i2s-layout", "x86"])).ok();
}
