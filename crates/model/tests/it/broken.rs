//! A NaN in any weight reaches the logits, whatever is quantised on its way; and the scan says where it is.

use kernels::Kernels;
use model::{
    Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, Step, StepSpan, TokenId, best_token,
    scan_weights,
};
use testkit::Rng;

use crate::{edit::Edit, session::pages};

/// Token of the prompt whose embedding is broken.
const TOKEN: u32 = 5;

/// Breaks one weight of `tensor`; returns its index, or that of the first weight of its block.
fn break_one(edit: &mut Edit, tensor: &str, rng: &mut Rng) -> usize {
    let tensor = edit.tensor(tensor);
    let is_embedding = tensor.name.ends_with("token_embd.weight");
    // Q8_0: 32 weights behind an f16 scale. Everything else in these files is f32.
    let (block_len, block_bytes) = if tensor.type_id == 8 { (32, 34) } else { (1, 4) };
    let per_row = tensor.dims[0] as usize / block_len;
    let n_blocks = tensor.bytes.len() / block_bytes;
    // Of vectors for each layer those of the first half: later tokens see nothing of what the others are made to.
    let n_seen = if tensor.name.starts_with("per_layer") { per_row / 2 } else { per_row };
    let block = if is_embedding { TOKEN as usize * per_row + rng.below(n_seen) } else { rng.below(n_blocks) };
    let nan: &[u8] = if block_len == 32 { &[0x00, 0x7e] } else { &[0x00, 0x00, 0xc0, 0x7f] };
    tensor.bytes[block * block_bytes..][..nan.len()].copy_from_slice(nan);
    block * block_len
}

/// Computes the prompt in two chunks, of which only the last row gives logits.
fn last_logits(edit: &Edit, kv_types: impl Into<KvTypes>) -> Logits {
    let options = LoadOptions {
        kv_types: kv_types.into(),
        kv_positions: Some(PAGE_LEN),
        step_rows_max: 32,
        ..LoadOptions::DEFAULT
    };
    let mut model = Model::load(&edit.container(), Kernels::new(None, 1).unwrap(), &options).unwrap();
    let tokens: Vec<TokenId> = [3, TOKEN, 7, 1, 2, 9, 11, 4].into_iter().map(TokenId).collect();
    let pages = pages(0, tokens.len());
    let mut logits = Logits::default();
    for (position_first, wanted) in [(0, LogitsWanted::None), (4, LogitsWanted::Last)] {
        let tokens = &tokens[position_first..position_first + 4];
        let span = StepSpan::new(tokens, position_first, &pages).wanting(wanted);
        model.forward(&Step::new(&[span]), &mut logits);
    }
    logits
}

#[test]
fn a_nan_in_any_tensor_reaches_the_logits() {
    let mut rng = Rng::new(11);
    let of_layer_norms = ["golden2/phi2", "golden2/cohere2"];
    let with_states = [
        "golden2/lfm2",
        "golden2/qwen35",
        "golden2/granitehybrid",
        "golden2/nemotron_h",
        "golden2/mamba2",
        "golden2/rwkv7",
    ];
    let names = ["llama", "llama-256-Q8_0", "qwen2", "gemma3", "bitnet-b1.58", "mixtral", "phi3", "golden2/gpt-oss"];
    let gemma4 = ["golden2/gemma4-e", "golden2/gemma4-moe"];
    let latent = ["golden2/deepseek2"];
    for name in names.into_iter().chain(of_layer_norms).chain(with_states).chain(gemma4).chain(latent) {
        let names: Vec<String> = Edit::golden(name).tensors.iter().map(|t| t.name.clone()).collect();
        for tensor in names.iter().filter(|t| !t.starts_with("rope")) {
            // One expert of many need not see any of these tokens.
            // The first layer of RWKV-7 has values of its own, whatever its file keeps.
            if tensor.contains("_exps") || tensor.starts_with("blk.0.time_mix_v") && !tensor.contains("value") {
                continue;
            }
            let mut edit = Edit::golden(name);
            let index = break_one(&mut edit, tensor, &mut rng);
            let found = scan_weights(&edit.container(), &mut |_| ()).unwrap();
            let found = found.unwrap_or_else(|| panic!("{name}: {tensor} {index} is not found"));
            assert_eq!((found.tensor.as_str(), found.index), (tensor.as_str(), index), "{name}");
            assert!(found.value.is_nan());
            for kv_type in KvType::ALL {
                // A cache in Q8_0 or Q4_0 needs heads that are whole blocks of 32.
                let has_blocks = matches!(kv_type, KvType::Q8_0 | KvType::Q4_0);
                if has_blocks && !["gemma3", "llama-256-Q8_0"].contains(&name) {
                    continue;
                }
                let logits = last_logits(&edit, kv_type);
                assert!(logits.first_non_finite().is_some(), "{name}, {kv_type:?}: NaN at {tensor} {index} is lost");
                let logits = last_logits(&edit, KvTypes { is_rotated: true, ..kv_type.into() });
                assert!(logits.first_non_finite().is_some(), "{name}, {kv_type:?} rotated: {tensor} {index} is lost");
            }
        }
    }
}

/// The norms divide by more than nothing, so that nothing becomes NaN.
#[test]
fn weights_that_are_all_zero_predict_everything_alike() {
    for name in ["llama", "llama-256-Q8_0", "qwen2", "gemma3", "bitnet-b1.58", "mixtral", "phi3"] {
        let mut edit = Edit::golden(name);
        let weights = edit.tensors.iter_mut().filter(|tensor| !tensor.name.starts_with("rope"));
        weights.for_each(|tensor| tensor.bytes.fill(0));
        let logits = last_logits(&edit, KvType::F16);
        assert!(logits.row(0).iter().all(|logit| *logit == 0.0), "{name}");
        assert_eq!(best_token(logits.row(0)), Some(TokenId(0)), "{name}");
    }
}

#[test]
fn a_nan_in_every_expert_reaches_the_logits() {
    for tensor in ["gate", "up", "down"] {
        let mut edit = Edit::golden("mixtral");
        let bytes = &mut edit.tensor(&format!("blk.1.ffn_{tensor}_exps.weight")).bytes;
        for expert in 0..4 {
            let at = expert * bytes.len() / 4;
            bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        }
        assert!(last_logits(&edit, KvType::F32).first_non_finite().is_some(), "{tensor}");
    }
}

#[test]
fn a_nan_beside_the_matrices_reaches_the_logits() {
    let mut rng = Rng::new(9);
    for (name, tensor) in [
        ("golden2/gpt-oss", "blk.3.attn_sinks.weight"),
        ("golden2/gpt-oss", "blk.0.ffn_gate_inp.bias"),
        ("golden2/glm4moe", "blk.2.exp_probs_b.bias"),
        ("golden2/glm4moe", "blk.1.ffn_down_shexp.weight"),
        ("golden2/qwen3next", "blk.1.ffn_gate_inp_shexp.weight"),
        ("golden2/qwen3next", "blk.1.ssm_ba.weight"),
        ("golden2/nemotron_h_moe", "blk.1.exp_probs_b.bias"),
        ("golden2/nemotron_h_moe", "blk.4.ffn_up_shexp.weight"),
        ("golden2/phi2", "blk.1.attn_norm.bias"),
        ("golden2/phi2", "output_norm.bias"),
        ("golden2/starcoder2", "blk.0.ffn_up.bias"),
    ] {
        let mut edit = Edit::golden(name);
        let index = break_one(&mut edit, tensor, &mut rng);
        let logits = last_logits(&edit, KvType::F32);
        assert!(logits.first_non_finite().is_some(), "{name}: NaN at {tensor} {index} is lost");
    }
}

#[test]
fn sound_models_have_nothing_to_find() {
    for name in ["llama", "llama-256-Q8_0", "mixtral", "llama-256-Q2_K", "llama-256-ternary-TQ1_0"] {
        let container = Edit::golden(name).container();
        let mut n_read = 0;
        assert_eq!(scan_weights(&container, &mut |n| n_read = n).unwrap(), None, "{name}");
        assert_eq!(n_read, container.tensors().iter().map(|t| t.n_bytes).sum::<u64>());
        assert!(last_logits(&Edit::golden(name), KvType::F16).first_non_finite().is_none(), "{name}");
    }
}

#[test]
fn the_scan_counts_indices_over_the_whole_tensor() {
    // Longer than what is decoded at a time.
    let mut edit = Edit::golden("llama-256-Q8_0");
    let n = 3 << 16;
    let mut values = vec![0.0; n];
    values[n - 7] = f32::NEG_INFINITY;
    let found = scan_weights(&edit.add("long", &[n as u64], &values).container(), &mut |_| ()).unwrap().unwrap();
    assert_eq!(found.to_string(), format!("tensor long: weight {} is -inf", n - 7));
}

#[test]
fn a_broken_sequence_leaves_nothing_in_its_pages() {
    for (name, kv_type) in
        [("llama", KvType::F32), ("llama", KvType::F16), ("gemma3", KvType::F16), ("gemma3", KvType::Q8_0)]
    {
        let mut edit = Edit::golden(name);
        let width = edit.tensor("token_embd.weight").dims[0] as usize;
        edit.tensor("token_embd.weight").bytes[TOKEN as usize * width * 4..][..4]
            .copy_from_slice(&f32::NAN.to_le_bytes());
        let options =
            LoadOptions { kv_types: kv_type.into(), kv_positions: Some(64), step_rows_max: 32, ..LoadOptions::DEFAULT };
        let mut model = Model::load(&edit.container(), Kernels::new(None, 1).unwrap(), &options).unwrap();
        let pages = pages(0, 64);
        let mut run = |tokens: &[u32]| {
            let tokens: Vec<TokenId> = tokens.iter().copied().map(TokenId).collect();
            let span = StepSpan::new(&tokens, 0, &pages).wanting(LogitsWanted::All);
            let mut logits = Logits::default();
            model.forward(&Step::new(&[span]), &mut logits);
            logits
        };
        let sound = run(&[1, 2, 3]);
        assert!(run(&[TOKEN; 32]).first_non_finite().is_some());
        let again = run(&[1, 2, 3]);
        for row in 0..3 {
            testkit::assert_same_f32(&format!("{name}, {kv_type:?}, row {row}"), again.row(row), sound.row(row));
        }
    }
}
