//! Files that are no runnable model: each is refused by a line that names the file, the thing, what was expected and
//! what was found.

use gguf::{Array, Value};
use kernels::Kernels;
use model::{KvType, KvTypes, LoadOptions, Model, POSITIONS_MAX, memory_plan};

use crate::edit::Edit;

const OPTIONS: LoadOptions = LoadOptions {
    kv_types: KvTypes::both(KvType::F32),
    kv_positions: Some(64),
    step_rows_max: 8,
    ..LoadOptions::DEFAULT
};

/// Loads a golden file as changed by `change`; the error must hold each of `words`.
pub(crate) fn check(name: &str, words: &[&str], change: impl FnOnce(&mut Edit)) {
    let mut edit = Edit::golden(name);
    change(&mut edit);
    let container = edit.container();
    let error = match Model::load(&container, Kernels::new(None, 1).unwrap(), &OPTIONS) {
        Ok(_) => panic!("loaded, expected a refusal with {words:?}"),
        Err(error) => error.to_string(),
    };
    for word in ["edited.gguf"].iter().chain(words) {
        assert!(error.contains(word), "{error:?} does not say {word:?}");
    }
    assert!(!error.contains('\n'), "{error:?} is more than one line");
    assert_eq!(memory_plan(&container, None).unwrap_err().to_string(), error, "the plan knows it, too");
}

/// Loads `golden/llama.gguf` with one key changed; the error must hold each of `words`.
fn check_key(key: &str, value: Value, words: &[&str]) {
    check("llama", &[&[key], words].concat(), |edit| {
        edit.set(&format!("llama.{key}"), value);
    });
}

#[test]
fn impossible_metadata() {
    check("llama", &["general.architecture", "missing"], |e| {
        e.remove("general.architecture");
    });
    check("llama", &["unknown architecture \"mamba\""], |e| {
        e.rename_architecture("llama", "mamba");
    });
    check("llama", &["general.architecture", "string"], |e| {
        e.set("general.architecture", Value::U32(1));
    });
    for key in ["block_count", "embedding_length", "attention.head_count", "context_length", "feed_forward_length"] {
        check("llama", &[key, "missing"], |e| {
            e.remove(&format!("llama.{key}"));
        });
        check_key(key, Value::U32(0), &["0", "expected 1 to"]);
        check_key(key, Value::U32(u32::MAX), &["4294967295", "expected 1 to"]);
        check_key(key, Value::U64(u64::MAX), &["18446744073709551615"]);
        check_key(key, Value::I32(-1), &["integer"]);
        check_key(key, Value::String("many".to_owned()), &["integer"]);
    }
    check_key("attention.head_count_kv", Value::U32(0), &["0, expected 1 to"]);
    check_key_free("llama.attention.head_count_kv", Value::U32(3), &["head_count", "4 is no multiple of 3 KV heads"]);
    check_key("attention.head_count_kv", Value::Array(Array::I32(vec![2, 1])), &["[2, 1]", "differ"]);
    check_key("attention.head_count", Value::U32(5), &["5 heads do not divide the width 64"]);
    check_key("attention.key_length", Value::U32(1 << 28), &["4 heads of 268435456"]);
    check_key("rope.dimension_count", Value::U32(15), &["15, expected an even number up to 16"]);
    check_key("rope.dimension_count", Value::U32(18), &["18, expected an even number up to 16"]);
    check_key("rope.freq_base", Value::F32(0.0), &["0, expected more than 0"]);
    check_key("rope.freq_base", Value::F32(f32::NAN), &["NaN is not finite"]);
    check_key(
        "rope.scaling.type",
        Value::String("su".to_owned()),
        &["\"su\", expected none, linear, yarn or longrope"],
    );
    check_key("rope.scaling.factor", Value::F32(-2.0), &["-2, expected 0 or more"]);
    check_key("attention.layer_norm_rms_epsilon", Value::F32(0.0), &["missing, or 0"]);
    check_key("attention.layer_norm_rms_epsilon", Value::F32(f32::INFINITY), &["inf is not finite"]);
    check_key("expert_count", Value::U32(5000), &["5000, expected 1 to 4096"]);
    check("llama", &["expert_used_count", "9 of 4 experts"], |e| {
        e.set("llama.expert_count", Value::U32(4)).set("llama.expert_used_count", Value::U32(9));
    });
    check("mixtral", &["expert_weights_scale", "2.5, but only 1"], |e| {
        e.set("llama.expert_weights_scale", Value::F32(2.5));
    });
    check("qwen3moe", &["expert_count", "missing"], |e| {
        e.remove("qwen3moe.expert_count");
    });
    check("granite", &["logit_scale", "missing"], |e| {
        e.remove("granite.logit_scale");
    });
    check("olmo2", &["rope.freq_base_swa", "500, but only 10000"], |e| {
        e.set("olmo2.rope.freq_base_swa", Value::F32(500.0));
    });
    check("bitnet", &["hidden_activation", "\"gelu\", expected silu or relu2"], |e| {
        e.set("bitnet.hidden_activation", Value::String("gelu".to_owned()));
    });
    check("gemma3", &["sliding_window_pattern", "2 layers, expected 6"], |e| {
        e.set("gemma3.attention.sliding_window_pattern", Value::Array(Array::Bool(vec![true, false])));
    });
    check("llama-rope-yarn", &["yarn_ext_factor", "0.5, but only 1"], |e| {
        e.set("llama.rope.scaling.yarn_ext_factor", Value::F32(0.5));
    });
    check("llama-rope-yarn", &["rope.freq_base", "no finite frequencies"], |e| {
        e.set("llama.rope.freq_base", Value::F32(1e-45));
    });
}

#[test]
fn impossible_metadata_of_families_with_norms_behind() {
    check("golden2/mistral3", &["attention.temperature_scale", "-1, expected 0 or more"], |e| {
        e.set("mistral3.attention.temperature_scale", Value::F32(-1.0));
    });
    check("golden2/mistral3", &["yarn_log_multiplier", "-1, expected 0 or more"], |e| {
        e.set("mistral3.rope.scaling.yarn_log_multiplier", Value::F32(-1.0));
    });
    check("golden2/mistral3", &["original_context_length", "0, expected 1 to"], |e| {
        e.set("mistral3.rope.scaling.original_context_length", Value::U32(0));
    });
    check("golden2/glm4", &["rope.dimension_sections", "not supported"], |e| {
        e.set("glm4.rope.dimension_sections", Value::Array(Array::I32(vec![2, 1, 1, 0])));
    });
    check("golden2/glm4", &["blk.1.ffn_up.weight", "[48, 56]", "expected [48, 112]"], |e| {
        let up = e.tensor("blk.1.ffn_up.weight");
        up.dims = vec![48, 56];
        up.bytes.truncate(48 * 56 * 4);
    });
    for name in ["post_attention_norm", "post_ffw_norm", "attn_norm"] {
        check("golden2/glm4", &[&format!("blk.2.{name}.weight"), "missing"], |e| {
            e.drop_tensors(&format!("blk.2.{name}"));
        });
    }
    check("golden2/hunyuan-dense", &["blk.0.attn_k_norm.weight", "missing"], |e| {
        e.drop_tensors("blk.0.attn_k_norm");
    });
    check("golden2/exaone4", &["blk.0.attn_norm.weight", "not known"], |e| {
        e.add("blk.0.attn_norm.weight", &[48], &[1.0; 48]);
    });
    check("golden2/exaone4-window", &["sliding_window_pattern", "2 layers, expected 64"], |e| {
        e.set("exaone4.attention.sliding_window_pattern", Value::Array(Array::Bool(vec![true, false])));
    });
}

#[test]
fn impossible_experts() {
    for (key, value, words) in [
        ("expert_gating_func", 7, "7, expected 1 (softmax) or 2 (sigmoid)"),
        ("expert_group_count", 4, "4, but 6 experts, expected groups of 2 or more"),
        ("expert_group_used_count", 2, "2 of 1 group"),
        ("leading_dense_block_count", 9, "9 of 4 layers"),
        ("nextn_predict_layers", 5, "5 of 5 layers"),
        ("expert_used_count", 7, "7 of 6 experts"),
    ] {
        check("golden2/glm4moe", &[key, words], |e| {
            e.set(&format!("glm4moe.{key}"), Value::U32(value));
        });
    }
    check("golden2/glm4moe", &["expert_weights_scale", "-1, expected 0 or more"], |e| {
        e.set("glm4moe.expert_weights_scale", Value::F32(-1.0));
    });
    check("golden2/ernie4_5-moe", &["interleave_moe_layer_step", "2, but only 1"], |e| {
        e.set("ernie4_5-moe.interleave_moe_layer_step", Value::U32(2));
    });
    check("golden2/ernie4_5-moe", &["blk.1.ffn_gate_shexp.weight", "expected [48, 48]"], |e| {
        e.set("ernie4_5-moe.expert_shared_feed_forward_length", Value::U32(48));
    });
    // A layer that predicts is not computed; without the key it is one like the others, and has tensors too many.
    check("golden2/glm4moe", &["blk.4.nextn.", "not known"], |e| {
        e.remove("glm4moe.nextn_predict_layers");
    });
    check("golden2/glm4moe", &["blk.2.exp_probs_b.bias", "[5]", "expected [6]"], |e| {
        let bias = e.tensor("blk.2.exp_probs_b.bias");
        bias.dims = vec![5];
        bias.bytes.truncate(5 * 4);
    });
    check("golden2/glm4moe", &["blk.0.ffn_gate_shexp.weight", "not known"], |e| {
        e.add("blk.0.ffn_gate_shexp.weight", &[40, 16], &[0.0; 640]);
    });
    for name in ["attn_sinks", "ffn_gate_inp", "post_attention_norm"] {
        check("golden2/gpt-oss", &[&format!("blk.3.{name}.weight"), "missing"], |e| {
            e.drop_tensors(&format!("blk.3.{name}.weight"));
        });
    }
    check("golden2/gpt-oss", &["blk.0.ffn_up_exps.bias", "[4, 24]", "expected [24, 4]"], |e| {
        e.tensor("blk.0.ffn_up_exps.bias").dims = vec![4, 24];
    });
    check("golden2/gpt-oss", &["attention.sliding_window", "missing"], |e| {
        e.remove("gpt-oss.attention.sliding_window");
    });
    check("golden2/gpt-oss", &["blk.0.attn_sinks.weight", "expected [4]"], |e| {
        e.tensor("blk.0.attn_sinks.weight").dims = vec![2, 2];
    });
}

#[test]
fn impossible_layer_norms_and_networks() {
    for name in ["cohere2", "phi2"] {
        let key = "attention.layer_norm_epsilon";
        check(&format!("golden2/{name}"), &[key, "missing"], |e| {
            e.remove(&format!("{name}.{key}"));
        });
    }
    for (name, tensor) in [
        ("starcoder2", "blk.1.attn_norm.bias"),
        ("phi2", "output_norm.bias"),
        ("falcon", "blk.0.attn_norm.weight"),
        ("stablelm", "blk.2.ffn_norm.weight"),
        ("phi2", "blk.0.ffn_up.weight"),
    ] {
        check(&format!("golden2/{name}"), &[tensor, "missing"], |e| {
            e.drop_tensors(tensor);
        });
    }
    // Norms without biases, and with: neither is taken for the other. Falcon 40B has two norms a layer.
    for (name, tensor, n) in [
        ("cohere2", "blk.0.attn_norm.bias", 40),
        ("falcon", "blk.0.attn_norm_2.weight", 64),
        ("phi2", "blk.0.ffn_norm.weight", 48),
    ] {
        check(&format!("golden2/{name}"), &[tensor, "not known"], |e| {
            e.add(tensor, &[n], &vec![1.0; n as usize]);
        });
    }
    check("golden2/starcoder2", &["blk.0.ffn_gate.weight", "not known"], |e| {
        e.add("blk.0.ffn_gate.weight", &[48, 128], &vec![0.0; 48 * 128]);
    });
    check("golden2/stablelm", &["use_parallel_residual", "true, but only false"], |e| {
        e.set("stablelm.use_parallel_residual", Value::Bool(true));
    });
    check("golden2/cohere2", &["logit_scale", "missing"], |e| {
        e.remove("cohere2.logit_scale");
    });
    check("golden2/cohere2", &["attention.sliding_window", "missing"], |e| {
        e.remove("cohere2.attention.sliding_window");
    });
}

#[test]
fn more_layers_than_there_are_tensors_for() {
    check_key_free("llama.block_count", Value::U32(3), &["blk.2.attn_norm.weight", "missing"]);
    check_key_free("llama.block_count", Value::U32(4096), &["blk.2.attn_norm.weight", "missing"]);
    check_key_free("llama.block_count", Value::U32(1), &["blk.1.", "not known for this architecture"]);
    // A width that no tensor has is refused before anything is allocated by it.
    check_key_free("llama.feed_forward_length", Value::U32(1 << 28), &["ffn_gate.weight", "expected [64, 268435456]"]);
    check_key_free("llama.attention.key_length", Value::U32(1 << 20), &["attn_q.weight", "expected [64, 4194304]"]);
}

fn check_key_free(key: &str, value: Value, words: &[&str]) {
    check("llama", words, |edit| {
        edit.set(key, value);
    });
}

#[test]
fn tensors_that_are_missing_or_too_many() {
    for name in ["token_embd", "output_norm", "blk.0.attn_norm", "blk.1.attn_k", "blk.0.ffn_down", "blk.1.ffn_norm"] {
        let name = format!("{name}.weight");
        check("llama", &[&name, "missing"], |e| {
            e.drop_tensors(&name);
        });
    }
    check("mixtral", &["blk.1.ffn_up_exps.weight", "missing"], |e| {
        e.drop_tensors("blk.1.ffn_up_exps");
    });
    check("qwen3", &["blk.0.attn_q_norm.weight", "missing"], |e| {
        e.drop_tensors("blk.0.attn_q_norm");
    });
    check("bitnet", &["blk.1.ffn_sub_norm.weight", "missing"], |e| {
        e.drop_tensors("blk.1.ffn_sub_norm");
    });
    check("gemma2", &["blk.3.post_ffw_norm.weight", "missing"], |e| {
        e.drop_tensors("blk.3.post_ffw");
    });
    check("phi3", &["rope_factors_short.weight", "both or neither"], |e| {
        e.drop_tensors("rope_factors_short");
    });
    for name in ["blk.0.attn_q_norm.weight", "blk.0.attn_sub_norm.weight", "blk.2.attn_q.weight", "token_types.weight"]
    {
        check("llama", &[name, "not known for this architecture"], |e| {
            e.add(name, &[16], &[1.0; 16]);
        });
    }
    check("llama", &["token_embd.scale", "not known"], |e| {
        e.add("token_embd.scale", &[1], &[2.0]);
    });
    check("llama", &["output_norm.bias", "not known"], |e| {
        e.add("output_norm.bias", &[64], &[0.0; 64]);
    });
}

#[test]
fn tensors_of_another_shape_or_type() {
    check("llama", &["blk.0.attn_q.weight", "[32, 128]", "expected [64, 64]"], |e| {
        e.tensor("blk.0.attn_q.weight").dims = vec![32, 128];
    });
    check("llama", &["blk.1.attn_norm.weight", "[32, 2]", "expected [64]"], |e| {
        e.tensor("blk.1.attn_norm.weight").dims = vec![32, 2];
    });
    check("llama", &["token_embd.weight", "expected a matrix"], |e| {
        e.tensor("token_embd.weight").dims = vec![64 * 128];
    });
    check("llama", &["token_embd.weight", "expected [64, 256]"], |e| {
        e.tensor("token_embd.weight").dims = vec![32, 256];
    });
    check("llama-mha-hd32", &["blk.0.attn_q.bias", "expected [64]"], |e| {
        e.add("blk.0.attn_q.bias", &[3], &[0.0; 3]);
    });
    check("mixtral", &["blk.0.ffn_gate_exps.weight", "expected [64, 96, 4]"], |e| {
        e.tensor("blk.0.ffn_gate_exps.weight").dims = vec![64, 48, 8];
    });
    check("llama", &["blk.0.ffn_up.weight", "type 26 (I32)"], |e| e.tensor("blk.0.ffn_up.weight").type_id = 26);
    check("llama3-rope-freqs", &["rope factors", "0, expected more than 0"], |e| {
        e.tensor("rope_freqs.weight").bytes.fill(0);
    });
}

#[test]
fn vocabulary_and_embeddings_disagree() {
    let tokens = |n: usize| Value::Array(Array::String(vec!["a".to_owned(); n]));
    check("llama", &["token_embd.weight", "128 rows", "tokenizer.ggml.tokens has 127"], |e| {
        e.set("tokenizer.ggml.tokens", tokens(127));
    });
    check("llama", &["tokenizer.ggml.tokens"], |e| {
        e.set("tokenizer.ggml.tokens", Value::U32(128));
    });
    check("llama", &["output.weight", "expected [64, 128]"], |e| {
        let output = e.tensor("output.weight");
        output.dims = vec![64, 127];
        output.bytes.truncate(64 * 127 * 4);
    });
}

#[test]
fn options_that_the_model_cannot_meet() {
    let container = Edit::golden("llama").container();
    for (options, words) in [
        (
            LoadOptions { context_len_max: Some(513), ..OPTIONS },
            "a context of 513 tokens, but the model was made for 1 to 512",
        ),
        (LoadOptions { context_len_max: Some(0), ..OPTIONS }, "a context of 0 tokens"),
        (LoadOptions { step_rows_max: 0, ..OPTIONS }, "a step of 0 rows"),
        (LoadOptions { kv_positions: Some(0), ..OPTIONS }, "a KV cache of 0 positions"),
        (
            LoadOptions { kv_positions: Some(usize::MAX / 4096), ..OPTIONS },
            "a KV cache of 4503599627370495 positions, expected at most 2147483648",
        ),
        (LoadOptions { kv_positions: Some(POSITIONS_MAX + 1), ..OPTIONS }, "a KV cache of 2147483649 positions"),
        (LoadOptions { kv_types: KvTypes::both(KvType::Q8_0), ..OPTIONS }, "multiple of 32"),
    ] {
        let error = Model::load(&container, Kernels::new(None, 1).unwrap(), &options).err().map(|e| e.to_string());
        assert!(error.as_ref().is_some_and(|e| e.contains(words)), "{error:?} does not say {words:?}");
    }
}

#[test]
fn impossible_encoders() {
    let bert = "golden2/bert";
    check(bert, &["attention.causal", "true, but this architecture is known as an encoder only"], |e| {
        e.set("bert.attention.causal", Value::Bool(true));
    });
    check(bert, &["attention.causal", "boolean"], |e| {
        e.set("bert.attention.causal", Value::U32(0));
    });
    check("golden2/lfm2", &["attention.causal", "false, but layers of this architecture carry states"], |e| {
        e.set("lfm2.attention.causal", Value::Bool(false));
    });
    check(bert, &["position_embd.weight", "shape [48, 64], expected [48, 65]"], |e| {
        e.set("bert.context_length", Value::U32(65));
    });
    for missing in ["position_embd.weight", "token_embd_norm.weight", "blk.1.layer_output_norm.bias"] {
        check(bert, &[missing, "missing"], |e| {
            e.drop_tensors(missing);
        });
    }
    check(bert, &["token_types.weight", "shape [96], expected a matrix"], |e| {
        e.tensor("token_types.weight").dims = vec![96];
    });
    check(bert, &["token_types.weight", "shape [96, 1], expected [48, 1]"], |e| {
        e.tensor("token_types.weight").dims = vec![96, 1];
    });
    check(bert, &["pooling_type", "5, expected 0 to 4"], |e| {
        e.set("bert.pooling_type", Value::U32(5));
    });
    check(bert, &["cls.output.weight", "missing"], |e| {
        e.set("bert.pooling_type", Value::U32(4));
    });
    check("golden2/jina-bert-v2", &["attention.max_alibi_bias", "4, but only 8 is supported"], |e| {
        e.set("jina-bert-v2.attention.max_alibi_bias", Value::F32(4.0));
    });
    check("golden2/modern-bert", &["hidden_activation", "\"relu\", expected gelu or silu"], |e| {
        e.set("modern-bert.hidden_activation", Value::String("relu".to_owned()));
    });
    check("golden2/modern-bert", &["blk.0.attn_norm.weight", "not known for this architecture"], |e| {
        e.add("blk.0.attn_norm.weight", &[40], &[1.0; 40]);
    });
    check("golden2/modern-bert", &["sliding_window_pattern", "2 layers, expected 6"], |e| {
        let flags = Value::Array(Array::Bool(vec![true, false]));
        e.set("modern-bert.attention.sliding_window_pattern", flags);
    });
    check("golden2/nomic-bert", &["blk.2.ffn_up.weight", "missing"], |e| {
        e.drop_tensors("blk.2.ffn_up");
    });
    check("golden2/gemma-embedding", &["dense_2_feat_out", "missing"], |e| {
        e.add("dense_2.weight", &[40, 60], &[0.0; 2400]);
    });
    check("golden2/gemma-embedding", &["dense_2.weight", "shape [40, 60], expected [40, 50]"], |e| {
        e.add("dense_2.weight", &[40, 60], &[0.0; 2400]).set("gemma-embedding.dense_2_feat_out", Value::U32(50));
    });
    check("golden2/bert-rerank", &["cls.weight", "not known for this architecture"], |e| {
        e.set("bert.pooling_type", Value::U32(1));
    });
    check("golden2/bert-rerank", &["cls.output.weight", "shape [20, 2], expected [40, 1]"], |e| {
        e.tensor("cls.output.weight").dims = vec![20, 2];
    });
}
