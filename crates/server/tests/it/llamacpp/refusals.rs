//! What this server has not is taken where it is off and refused by name where it is on.

use serde_json::json;

use super::{PATH, base, refused, stories};
use crate::openai::support::with;

#[test]
fn what_this_server_has_not_is_fine_while_it_is_off() {
    let server = stories();
    let off = json!({
        "dynatemp_range": 0.0, "dynatemp_exponent": 1.0, "xtc_probability": 0, "xtc_threshold": 0.1, "top_n_sigma": -1,
        "dry_multiplier": 0, "dry_base": 1.75, "dry_allowed_length": 2, "dry_penalty_last_n": -1, "dry_sequence_breakers": ["\n"],
        "mirostat": 0, "mirostat_tau": 5, "mirostat_eta": 0.1, "adaptive_target": -1, "adaptive_decay": 0.9, "min_keep": 0,
        "n_keep": -1, "n_discard": 0, "n_indent": 0, "n_cache_reuse": 0, "t_max_prompt_ms": 0, "t_max_predict_ms": 0, "id_slot": -1,
        "return_progress": false, "post_sampling_probs": false, "lora": [], "samplers": null, "grammar": "", "n_probs": 0,
        "json_schema": null, "logit_bias": null, "stop": [], "seed": -1, "cache_prompt": true, "priority": 0,
    });
    let plain = server.ok(PATH, &base())["content"].clone();
    assert_eq!(server.ok(PATH, &with(&base(), &off))["content"], plain);
}

#[test]
fn and_refused_by_name_where_it_is_on() {
    let server = stories();
    for (field, value) in [
        ("dynatemp_range", json!(0.5)),
        ("xtc_probability", json!(0.1)),
        ("dry_multiplier", json!(0.8)),
        ("mirostat", json!(2)),
        ("min_keep", json!(1)),
        ("top_n_sigma", json!(1.5)),
        ("adaptive_target", json!(0.5)),
        ("post_sampling_probs", json!(true)),
        ("return_progress", json!(true)),
        ("lora", json!([{"id": 0, "scale": 1}])),
        ("samplers", json!(["made_up"])),
        ("samplers", json!("tz")),
    ] {
        refused(&server, PATH, &with(&base(), &json!({field: value})), field);
    }
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    let server = stories();
    for (field, values) in [
        ("temperature", json!([-101, 101, 1e300])),
        ("top_p", json!([-0.1, 1.1])),
        ("min_p", json!([-0.1, 1.1])),
        ("typical_p", json!([-0.1, 1.1])),
        ("repeat_penalty", json!([0, -1, 101])),
        ("repeat_last_n", json!([-2])),
        ("presence_penalty", json!([-2.1, 2.1])),
        ("frequency_penalty", json!([-2.1, 2.1])),
        ("n_predict", json!([-3])),
        ("n_cmpl", json!([0, 17])),
        ("n_probs", json!([-1])),
        ("n_indent", json!([-1, 1025])),
        ("samplers", json!([vec!["top_k"; 33], "k".repeat(33)])),
        ("seed", json!([-2])),
        ("id_slot", json!([-2, 64])),
        ("priority", json!([1001, -1001, 5_000_000_000_i64])),
        ("t_max_predict_ms", json!([86_400_001])),
        ("stop", json!([vec!["a"; 17], ["x".repeat(257)], [""]])),
        ("top_k", json!([0.5, 1e300])),
    ] {
        for value in values.as_array().unwrap() {
            refused(&server, PATH, &with(&base(), &json!({field: value})), field);
        }
    }
    // A negative temperature is greedy, as in llama.cpp's server.
    let greedy = server.ok(PATH, &base())["content"].clone();
    assert_eq!(server.ok(PATH, &with(&base(), &json!({"temperature": -1})))["content"], greedy);
    assert_eq!(server.ok(PATH, &with(&base(), &json!({"top_k": -1, "temperature": 0})))["content"], greedy);
    let alias = json!({"prompt": "Once upon a time", "max_tokens": 40, "n": 1, "temperature": 0});
    assert_eq!(server.ok(PATH, &alias)["content"], greedy);
    assert_eq!(server.app.metrics().n_panics(), 0);
}
