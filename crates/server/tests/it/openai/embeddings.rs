//! Answers of `/v1/embeddings`.

use serde_json::{Value, json};

use super::support::{POOLED, STORIES, server, with};
use crate::loopback::Loopback;

const PATH: &str = "/v1/embeddings";

fn vector(answer: &Value, index: usize) -> Vec<f64> {
    let entry = &answer["data"][index];
    assert_eq!(entry["index"], index);
    entry["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

#[test]
fn embeddings_have_length_one_and_mean_something() {
    let server = server(&[STORIES]);
    let texts = ["Lily went to the park to play.", "Lily ran to the park and played.", "xqzk 17 ++ %"];
    let answer = server.ok(PATH, &json!({"model": STORIES, "input": texts, "user": "u"}));
    assert_eq!((&answer["object"], &answer["data"][0]["object"]), (&json!("list"), &json!("embedding")));
    let vectors: Vec<Vec<f64>> = (0..3).map(|i| vector(&answer, i)).collect();
    for v in &vectors {
        assert_eq!(v.len(), 64);
        assert!((cosine(v, v) - 1.0).abs() < 1e-5, "{}", cosine(v, v));
    }
    let (alike, unlike) = (cosine(&vectors[0], &vectors[1]), cosine(&vectors[0], &vectors[2]));
    // A model of 260,000 weights: all its texts are alike, those that are alike a little more.
    assert!(alike > unlike + 0.001, "{alike} and {unlike}");
    assert_eq!(answer["usage"]["prompt_tokens"], answer["usage"]["total_tokens"]);
    // Alone, in a list and among others, by text or by ids: the same numbers.
    let lone = server.ok(PATH, &json!({"input": texts[1]}));
    assert_eq!(lone["data"][0]["embedding"], answer["data"][1]["embedding"]);
    let ids = server.ok(PATH, &json!({"input": [[1, 403], [1, 403, 407]]}));
    assert_eq!(server.ok(PATH, &json!({"input": [1, 403]}))["data"][0]["embedding"], ids["data"][0]["embedding"]);
    let many: Vec<String> = (0..100).map(|i| format!("Number {i}.")).collect();
    let many = server.ok(PATH, &json!({"input": many}));
    assert_eq!(many["data"].as_array().unwrap().len(), 100);
    server.wait_until_idle();
}

#[test]
fn base64_holds_the_same_numbers() {
    let server = server(&[STORIES]);
    let body = json!({"input": "Once", "dimensions": 64});
    let numbers = vector(&server.ok(PATH, &body), 0);
    let answer = server.ok(PATH, &with(&body, &json!({"encoding_format": "base64"})));
    let text = answer["data"][0]["embedding"].as_str().unwrap();
    assert_eq!(text.len(), (64_usize * 4).div_ceil(3) * 4);
    let mut bits = Vec::new();
    for c in text.bytes().filter(|c| *c != b'=') {
        let digit = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".iter().position(|d| *d == c);
        let digit = digit.unwrap();
        bits.extend((0..6).rev().map(|i| digit >> i & 1));
    }
    let bytes: Vec<u8> = bits.chunks_exact(8).map(|b| b.iter().fold(0, |n, bit| n << 1 | *bit as u8)).collect();
    let decoded: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    let expected: Vec<f32> = numbers.iter().map(|x| *x as f32).collect();
    assert_eq!(decoded, expected);
}

#[test]
fn vectors_may_be_shorter_and_have_length_1_again() {
    let server = server(&[STORIES]);
    let whole = vector(&server.ok(PATH, &json!({"input": "Once"})), 0);
    let short = vector(&server.ok(PATH, &json!({"input": "Once", "dimensions": 16})), 0);
    let length = |vector: &[f64]| vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    assert_eq!((whole.len(), short.len()), (64, 16));
    assert!((length(&short) - 1.0).abs() < 1e-6 && length(&whole[..16]) < 0.9);
    assert!((short[0] / short[1] - whole[0] / whole[1]).abs() < 1e-5);
}

#[test]
fn what_cannot_be_embedded_is_refused() {
    let server = server(&[STORIES]);
    server.refused(PATH, &json!({"input": []}), "input");
    server.refused(PATH, &json!({"input": ""}), "input");
    server.refused(PATH, &json!({"input": [7, 999_999]}), "input");
    for wrong in [0, 65, -1] {
        server.refused(PATH, &json!({"input": "a", "dimensions": wrong}), "dimensions");
    }
    server.refused(PATH, &json!({"input": "a", "encoding_format": "hex"}), "encoding_format");
    let long = server.refused(PATH, &json!({"input": "word ".repeat(2000)}), "input");
    assert_eq!(long["code"], "context_length_exceeded");
    server.wait_until_idle();
}

/// Returns the last states of all tokens, from a server of [`POOLED`] models.
fn rows(server: &Loopback, text: &str) -> Vec<Vec<f64>> {
    let answer = server.ok("/embedding", &json!({"model": "unpooled", "content": text}));
    serde_json::from_value(answer[0]["embedding"].clone()).unwrap()
}

#[test]
fn pooling_is_what_the_file_says() {
    let known: Vec<&'static str> = POOLED.iter().map(|(id, _)| *id).chain([STORIES]).collect();
    let server = server(&known);
    let text = "Lily went to the park to play.";
    let rows = rows(&server, text);
    let n_tokens =
        server.ok("/tokenize", &json!({"content": text, "add_special": true}))["tokens"].as_array().unwrap().len();
    assert_eq!(rows.len(), n_tokens, "one for each token");
    let mean: Vec<f64> = (0..64).map(|i| rows.iter().map(|row| row[i]).sum()).collect();
    for (model, expected) in [("cls-pooled", &rows[0]), ("last-pooled", &rows[n_tokens - 1]), (STORIES, &mean)] {
        let length = cosine(expected, expected).sqrt();
        let is_expected = |got: Vec<f64>| got.iter().zip(expected).all(|(a, b)| (a - b / length).abs() < 1e-5);
        assert!(is_expected(vector(&server.ok(PATH, &json!({"model": model, "input": text})), 0)), "{model}");
        let ollama = server.ok("/api/embed", &json!({"model": model, "input": text}));
        assert!(is_expected(serde_json::from_value(ollama["embeddings"][0].clone()).unwrap()), "{model}");
        let llamacpp = server.ok("/embedding", &json!({"model": model, "content": text}));
        assert_eq!(llamacpp[0]["embedding"].as_array().unwrap().len(), 1);
        assert!(is_expected(serde_json::from_value(llamacpp[0]["embedding"][0].clone()).unwrap()), "{model}");
    }
    // One vector cannot be had of these.
    let body = |model: &str| json!({"model": model, "input": text});
    assert_eq!(server.refused(PATH, &body("unpooled"), "model")["code"], "unsupported_parameter");
    assert_eq!(server.refused(PATH, &body("ranker"), "model")["code"], "unsupported_parameter");
    for (path, model) in [("/api/embed", "unpooled"), ("/api/embed", "ranker"), ("/embedding", "ranker")] {
        let answer = server.post_json(path, &body(model));
        assert!(answer.status == 400 && answer.text().contains("its pooling is"), "{path}: {}", answer.text());
    }
    server.wait_until_idle();
}
