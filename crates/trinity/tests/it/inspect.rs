//! `trinity inspect`.

use crate::program::trinity;

#[test]
fn a_model_is_described() {
    let path = testkit::data("golden/llama-256-Q4_K_S.gguf");
    let text = trinity(["inspect", path.to_str().unwrap()]).ok().text();
    for word in ["llama", "Q4_K", "bits per weight", "KV cache", "GGUF v3"] {
        assert!(text.contains(word), "{word:?} is missing in:\n{text}");
    }
}

#[test]
fn json_agrees_with_the_file() {
    let path = testkit::data("tiny-models/stories260K-q8_0.gguf");
    let json = trinity(["inspect", "--json", "--tensors", path.to_str().unwrap()]).ok().json();
    assert_eq!(json["architecture"], "llama");
    assert_eq!(json["file_bytes"], path.metadata().unwrap().len());
    assert_eq!(json["context_len"], 512);
    let tensors = json["tensors"].as_array().unwrap();
    assert_eq!(json["n_tensors"], tensors.len());
    let weights: u64 = tensors
        .iter()
        .map(|t| t["shape"].as_array().unwrap().iter().map(|d| d.as_u64().unwrap()).product::<u64>())
        .sum();
    assert_eq!(json["n_weights"], weights);
    assert!(tensors.iter().any(|t| t["name"] == "token_embd.weight" && t["type"] == "Q8_0"), "{tensors:?}");
}

#[test]
fn the_embedded_model_can_be_inspected_by_name() {
    let text = trinity(["inspect", "stories260k", "--deep"]).ok().text();
    assert!(text.contains("all weights are finite"), "{text}");
}
