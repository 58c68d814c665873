//! `/api/embed` and `/api/embeddings`.

use serde_json::{Value, json};

use super::support::refused;
use crate::openai::support::{SMOLLM2, smollm2, with};

const EMBED: &str = "/api/embed";

fn vectors(answer: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(answer["embeddings"].clone()).unwrap()
}

fn length(vector: &[f64]) -> f64 {
    vector.iter().map(|x| x * x).sum::<f64>().sqrt()
}

#[test]
fn texts_become_vectors_of_length_one() {
    let server = smollm2();
    let answer = server.ok(EMBED, &json!({"model": SMOLLM2, "input": ["a cat", "a cat", "taxes"], "keep_alive": "5m"}));
    let all = vectors(&answer);
    assert_eq!((all.len(), all[0].len()), (3, 576));
    assert!(all[0] == all[1] && all[0] != all[2]);
    assert!(all.iter().all(|v| (length(v) - 1.0).abs() < 1e-5));
    assert!(
        answer["prompt_eval_count"].as_u64().unwrap() >= 5 && answer["total_duration"].as_u64().unwrap() > 0,
        "{answer}"
    );
    let one = server.ok(EMBED, &json!({"model": SMOLLM2, "input": "a cat"}));
    assert_eq!(vectors(&one)[0], all[0]);
    let openai = server.ok("/v1/embeddings", &json!({"input": "a cat"}));
    assert_eq!(openai["data"][0]["embedding"], one["embeddings"][0]);
    let old = server.ok("/api/embeddings", &json!({"model": SMOLLM2, "prompt": "a cat"}));
    assert_eq!(old["embedding"], one["embeddings"][0]);
    assert_eq!(server.ok("/api/embeddings", &json!({"model": SMOLLM2}))["embedding"], json!([]));
    for nothing in [json!([]), json!("")] {
        let answer = server.ok(EMBED, &json!({"model": SMOLLM2, "input": nothing}));
        assert_eq!((&answer["embeddings"], &answer["prompt_eval_count"]), (&json!([]), &json!(0)));
    }
    let short = vectors(&server.ok(EMBED, &json!({"model": SMOLLM2, "input": "a cat", "dimensions": 64})));
    assert!(short[0].len() == 64 && (length(&short[0]) - 1.0).abs() < 1e-5);
    assert!((short[0][0] / short[0][1] - all[0][0] / all[0][1]).abs() < 1e-4);
}

#[test]
fn long_texts_are_cut_off_if_they_may_be() {
    let server = smollm2();
    let body = json!({"model": SMOLLM2, "input": "word ".repeat(40), "options": {"num_ctx": 8}});
    let cut = server.ok(EMBED, &body);
    assert_eq!(cut["prompt_eval_count"], 8);
    assert_eq!(server.ok(EMBED, &with(&body, &json!({"truncate": true})))["embeddings"], cut["embeddings"]);
    assert!(refused(EMBED, &with(&body, &json!({"truncate": false})), "input").contains("the context holds 8"));
    // A context larger than the one that is served is that one.
    for path in [EMBED, "/api/embeddings"] {
        let long = "word ".repeat(600);
        let of = |options: Value| {
            let mut answer =
                server.ok(path, &json!({"model": SMOLLM2, "input": long, "prompt": long, "options": options}));
            for time in ["total_duration", "load_duration"] {
                answer[time].take();
            }
            answer
        };
        assert_eq!(of(json!({"num_ctx": 32_768})), of(json!({})), "{path}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let base = json!({"model": SMOLLM2, "input": "a"});
    for (more, param) in [
        (json!({"input": 5}), "input"),
        (json!({"input": ["a", ""]}), "input"),
        (json!({"input": vec!["a"; 2049]}), "input"),
        (json!({"dimensions": 0}), "dimensions"),
        (json!({"dimensions": 577}), "dimensions"),
        (json!({"options": {"num_ctx": 0}}), "options.num_ctx"),
        (json!({"options": {"num_ctx": "8"}}), "options.num_ctx"),
        (json!({"truncate": 1}), "truncate"),
    ] {
        refused(EMBED, &with(&base, &more), param);
    }
}
