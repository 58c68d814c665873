//! What tools ask about models.

use serde_json::{Value, json};

use super::support::{GENERATE, generate, whole};
use crate::{
    anthropic::thinker,
    openai::support::{SMOLLM2, STORIES, server, smollm2, strict, with},
};

#[test]
fn models_are_listed_and_those_in_memory_too() {
    let server = server(&[STORIES, SMOLLM2]);
    let names = |path: &str| -> Vec<String> {
        let list = server.get(path).json();
        list["models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("/api/tags"), [STORIES, SMOLLM2]);
    assert!(names("/api/ps").is_empty());
    whole(&server, GENERATE, &with(&generate(), &json!({"keep_alive": "1h"})));
    assert_eq!(names("/api/ps"), [SMOLLM2]);
    let running = server.get("/api/ps").json()["models"][0].clone();
    assert_eq!((&running["context_length"], &running["size_vram"]), (&json!(512), &json!(0)));
    assert!(running["expires_at"].as_str().unwrap().starts_with("20"), "{running}");
    whole(&server, GENERATE, &with(&generate(), &json!({"keep_alive": -1})));
    assert!(server.get("/api/ps").json()["models"][0]["expires_at"].as_str().unwrap().starts_with("9999"));
    let listed = server.get("/api/tags").json()["models"][1].clone();
    assert_eq!((&listed["model"], &listed["modified_at"]), (&json!(SMOLLM2), &json!("2023-11-14T22:13:20Z")));
    let digest = |m: &Value| m["digest"].as_str().unwrap().to_owned();
    assert!(digest(&listed).len() == 64 && digest(&listed) == digest(&running));
    assert_ne!(digest(&listed), digest(&server.get("/api/tags").json()["models"][0]));
}

#[test]
fn a_model_shows_what_it_is() {
    let shown = smollm2().ok("/api/show", &json!({"model": SMOLLM2, "verbose": false}));
    assert_eq!(shown["capabilities"], json!(["completion", "tools"]));
    assert!(shown["template"].as_str().unwrap().contains("<|im_start|>"));
    assert_eq!(shown["details"]["format"], "gguf");
    assert_eq!(shown, smollm2().ok("/api/show", &json!({"name": format!("{SMOLLM2}-alias")})));
    assert_eq!(
        thinker().ok("/api/show", &json!({"model": SMOLLM2}))["capabilities"],
        json!(["completion", "tools", "thinking"])
    );
    let stories = server(&[STORIES]).ok("/api/show", &json!({"model": STORIES}));
    assert_eq!((&stories["capabilities"], &stories["template"]), (&json!(["completion"]), &json!("{{ .Prompt }}")));
}

#[test]
fn names_come_with_and_without_their_tag() {
    let server = strict(&[STORIES, SMOLLM2]);
    for (name, is_there) in [
        (STORIES, true),
        ("stories260k:latest", true),
        ("Stories260K", true),
        ("SmolLM2:135M", true),
        ("smollm2:135m-alias", true),
        ("smollm2", false),
        ("smollm2:latest", false),
        ("../stories260k", false),
    ] {
        let answer = server.post_json("/api/show", &json!({"model": name}));
        assert_eq!(answer.status == 200, is_there, "{name}: {answer:?}");
        if !is_there {
            assert_eq!(answer.status, 404);
            assert!(answer.json()["error"].as_str().unwrap().contains(name), "{answer:?}");
        }
    }
    let body = json!({"model": "stories260k:latest", "prompt": "Once", "options": {"num_predict": 2}});
    assert_eq!(whole(&server, GENERATE, &body)["model"], "stories260k:latest");
}

#[test]
fn the_version_is_one_that_tools_know() {
    let version = smollm2().get("/api/version").json()["version"].as_str().unwrap().to_owned();
    let numbers: Vec<u32> = version.split('.').map(|n| n.parse().unwrap()).collect();
    assert!(numbers.len() == 3 && numbers >= vec![0, 13, 4], "{version}");
}
