//! Thinking, with a model whose template has a switch for it.

use std::sync::OnceLock;

use chat::{OutputFormat, Template};
use serde_json::{Value, json};
use server::{
    ServerOptions,
    models::{KnownModel, LoadFailure, LoadedModel, Loader, Models, ModelsOptions},
};

use super::support::{COUNT, PATH, base, both, refused};
use crate::{
    loopback::Loopback,
    openai::support::{SMOLLM2, TestLoader, with},
};

const TEMPLATE: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>\n{% endif %}\
    {{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n{% if enable_thinking %}<think>\n{% endif %}{% if reasoning_effort %}{{ reasoning_effort }}{% endif %}";

struct Thinker(TestLoader);

impl Loader for Thinker {
    fn known(&self) -> Vec<KnownModel> {
        self.0.known()
    }

    fn load(&self, id: &str) -> Result<LoadedModel, LoadFailure> {
        let template = Template::new(TEMPLATE).unwrap();
        let format = OutputFormat::detect(Some(&template));
        assert!(format.has_reasoning());
        Ok(LoadedModel { template: Some(template), format, ..self.0.load(id)? })
    }
}

/// Returns a server whose model thinks, which Ollama's tests use as well.
pub(crate) fn thinker() -> &'static Loopback {
    static SERVER: OnceLock<Loopback> = OnceLock::new();
    SERVER.get_or_init(|| {
        let loader = Thinker(TestLoader::of(&[SMOLLM2]));
        Loopback::with_models(ServerOptions::default(), Models::new(Box::new(loader), ModelsOptions::default()))
    })
}

fn thinking(config: &Value) -> Value {
    with(&base(), &json!({"thinking": config, "max_tokens": 12}))
}

#[test]
fn thinking_is_in_blocks_of_its_own() {
    for config in [json!({"type": "adaptive"}), json!({"type": "adaptive", "display": "summarized"})] {
        let answer = both(thinker(), &thinking(&config));
        let content = answer["content"].as_array().unwrap();
        assert_eq!((content.len(), &content[0]["type"]), (1, &json!("thinking")), "{answer}");
        assert!(
            !content[0]["thinking"].as_str().unwrap().is_empty()
                && !content[0]["signature"].as_str().unwrap().is_empty()
        );
        let usage = &answer["usage"];
        let (thought, all) = (&usage["output_tokens_details"]["thinking_tokens"], &usage["output_tokens"]);
        // Text of the last token may still be held back when it comes.
        assert!(all.as_u64().unwrap() - thought.as_u64().unwrap() <= 1, "{usage}");
    }
    let omitted = both(thinker(), &thinking(&json!({"type": "adaptive", "display": "omitted"})));
    assert_eq!((&omitted["content"][0]["type"], &omitted["content"][0]["thinking"]), (&json!("thinking"), &json!("")));
    let budget = json!({"type": "enabled", "budget_tokens": 1024});
    let enabled =
        thinker().ok(PATH, &with(&thinking(&budget), &json!({"max_tokens": 1025, "stop_sequences": ["a", "e"]})));
    assert_eq!(enabled["content"][0]["type"], "thinking", "{enabled}");
}

#[test]
fn who_does_not_ask_gets_none() {
    for more in [json!({}), json!({"thinking": {"type": "disabled"}})] {
        let answer = both(thinker(), &with(&base(), &more));
        assert_eq!(answer["content"][0]["type"], "text", "{answer}");
    }
}

#[test]
fn effort_reaches_the_template() {
    let count = |effort: &str| {
        let body = with(&base(), &json!({"output_config": {"effort": effort}}));
        thinker().ok(COUNT, &body)["input_tokens"].as_u64().unwrap()
    };
    let none = thinker().ok(COUNT, &base())["input_tokens"].as_u64().unwrap();
    for effort in ["low", "medium", "high", "xhigh", "max"] {
        assert!(count(effort) > none, "{effort}");
    }
}

#[test]
fn earlier_thinking_is_shown_as_far_as_is_asked() {
    let answer = |thought: &str| json!({"role": "assistant", "content": [{"type": "thinking", "thinking": thought, "signature": ""}, {"type": "text", "text": "So."}]});
    let ask = json!({"role": "user", "content": "?"});
    let messages = json!({"messages": [ask, answer("one two three"), ask, answer("four five six"), ask]});
    let count = |edits: Value| {
        let body = with(&with(&base(), &messages), &json!({"context_management": {"edits": edits}}));
        thinker().ok(COUNT, &body)["input_tokens"].as_u64().unwrap()
    };
    let clear = |keep: Value| json!([{"type": "clear_thinking_20251015", "keep": keep}]);
    let all = count(json!([]));
    assert_eq!(count(clear(json!("all"))), all);
    assert_eq!(count(clear(json!({"type": "thinking_turns", "value": 2}))), all);
    let one = count(clear(json!({"type": "thinking_turns", "value": 1})));
    assert!(one < all, "{one} {all}");
    assert_eq!(count(json!([{"type": "clear_thinking_20251015"}])), one);
    for (edits, param) in [
        (json!([{"type": "clear_tool_uses_20250919"}]), "context_management.edits[0].type"),
        (clear(json!("some")), "context_management.edits[0].keep"),
        (clear(json!({"type": "thinking_turns", "value": 0})), "context_management.edits[0].keep.value"),
    ] {
        refused(PATH, &with(&base(), &json!({"context_management": {"edits": edits}})), param);
    }
}

#[test]
fn a_budget_that_cannot_be_is_refused() {
    for (config, param) in [
        (json!({"type": "enabled"}), "thinking.budget_tokens"),
        (json!({"type": "enabled", "budget_tokens": 1023}), "thinking.budget_tokens"),
        (json!({"type": "enabled", "budget_tokens": 1024}), "thinking.budget_tokens"),
        (json!({"type": "adaptive", "budget_tokens": 1024}), "thinking.budget_tokens"),
        (json!({"type": "disabled", "budget_tokens": 1024}), "thinking.budget_tokens"),
        (json!({"type": "deep"}), "thinking.type"),
        (json!({"type": "adaptive", "display": "loud"}), "thinking.display"),
        (json!({"type": "adaptive", "level": 3}), "thinking.level"),
    ] {
        refused(PATH, &thinking(&config), param);
    }
}
