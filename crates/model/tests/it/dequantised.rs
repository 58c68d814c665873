//! Every block format: the same file with its weights written out in f32 gives the exact logits, and the quantised file
//! comes near them.

use gguf::Container;
use kernels::Kernels;
use model::{Forward, KvType, KvTypes, LoadOptions, Model};

use crate::{
    edit::Edit,
    session::{logits, tokens},
};

/// Largest error where only the order of additions differs from the reference's run of the same f32 weights.
const NMSE_EXACT: f64 = 1e-6;
/// Largest error for files without a native reference: what 8-bit activations cost in the golden files that have one is
/// up to 3.2e-4; this is twice that.
const NMSE_INT8: f64 = 6.4e-4;

fn load(container: &Container) -> Model {
    let options = LoadOptions {
        kv_types: KvTypes::both(KvType::F32),
        kv_positions: Some(64),
        step_rows_max: 64,
        ..LoadOptions::DEFAULT
    };
    Model::load(container, Kernels::new(None, 2).unwrap(), &options).unwrap()
}

/// Rewrites a container with all weights in f32.
fn dequantised(container: &Container) -> Container {
    let mut edit = Edit::of(container);
    for (tensor, info) in edit.tensors.iter_mut().zip(container.tensors()) {
        let mut values = vec![0.0; info.dims.iter().product::<u64>() as usize];
        info.format().unwrap().decode(&tensor.bytes, &mut values);
        tensor.bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        tensor.type_id = 0;
    }
    edit.container()
}

#[test]
fn golden_files() {
    let manifest = testkit::read_json("golden/manifest.json");
    let mut n_checked = 0;
    for entry in manifest.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let has_exact = entry["native_logits"].is_string();
        if !has_exact && entry["exact"].as_bool() != Some(false) {
            continue;
        }
        let container = Container::open(&testkit::data(&format!("golden/{name}.gguf"))).unwrap();
        let prompt = tokens(&entry["tokens"]);
        let exact = logits(&mut load(&dequantised(&container)), &prompt, 0, 64);
        let got = logits(&mut load(&container), &prompt, 0, 64);
        let nmse = testkit::nmse(&got, &exact);
        let bound = entry["native_nmse_vs_exact"].as_f64().map_or(NMSE_INT8, |native| 2.0 * native);
        assert!(nmse <= bound, "{name}: NMSE {nmse:e} from exact, at most {bound:e}");
        if has_exact {
            let reference = testkit::read_f32(&format!("golden/{}", entry["logits"].as_str().unwrap()));
            let nmse = testkit::nmse(&exact, &reference);
            assert!(nmse <= NMSE_EXACT, "{name} in f32: NMSE {nmse:e}, at most {NMSE_EXACT:e}");
        }
        n_checked += 1;
    }
    assert_eq!(n_checked, 20);
}

#[test]
fn random_files_of_every_format() {
    let reference = testkit::read_json("quant-vectors/random-llama/llamacpp-reference.json");
    let files = reference["models"].as_object().unwrap();
    assert_eq!(files.len(), 25);
    // Token ids of "Once upon a time" and of what followed, as the reference has them.
    let prompt: Vec<_> = [1, 403, 407, 261, 378].into_iter().map(model::TokenId).collect();
    for file in files.keys() {
        let path = testkit::data(&format!("quant-vectors/random-llama/{file}"));
        let container = Container::open(&path).unwrap();
        let mut model = load(&container);
        assert_eq!(model.n_vocab(), 512, "{file}");
        let nmse = testkit::nmse(
            &logits(&mut model, &prompt, 0, 64),
            &logits(&mut load(&dequantised(&container)), &prompt, 0, 64),
        );
        println!("{file:<32} NMSE {nmse:.2e}");
        assert!(nmse <= NMSE_INT8, "{file}: NMSE {nmse:e} from exact, at most {NMSE_INT8:e}");
    }
}
