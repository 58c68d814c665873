//! The rows of [`Syntax`].

use super::{
    gemma, literals,
    syntax::{Body, JsonCalls, NamedCalls, Syntax, TaggedCalls, WholeCalls},
};

const JSON: JsonCalls =
    JsonCalls { name_key: "name", arguments_key: "arguments", list: false, keyed: false, bare: false };
const JSON_LIST: Body = Body::Json(JsonCalls { list: true, ..JSON });

const NAMED: NamedCalls =
    NamedCalls { call_open: "", before_name: "", after_name: &[], arguments_open: "", call_close: "", text_name: "" };

/// Calls in tags of functions and parameters: `<function=name><parameter=key>value</parameter></function>`.
const FUNCTION_TAGS: TaggedCalls = TaggedCalls {
    call_open: "<function=",
    name_close: ">",
    head_close: "",
    key_open: "<parameter=",
    key_close: ">",
    value_open: "",
    value_close: "</parameter>",
    call_close: "</function>",
    padded: false,
    character_data: false,
    text_attribute: "",
    other_attribute: "",
};

/// Calls in tags of keys and values: `name<arg_key>key</arg_key><arg_value>value</arg_value>`.
const ARGUMENT_TAGS: TaggedCalls = TaggedCalls {
    call_open: "",
    name_close: "",
    key_open: "<arg_key>",
    key_close: "</arg_key>",
    value_open: "<arg_value>",
    value_close: "</arg_value>",
    call_close: "</tool_call>",
    ..FUNCTION_TAGS
};

/// `<invoke name="name"><parameter name="key">value</parameter></invoke>`
const INVOKE_TAGS: TaggedCalls = TaggedCalls {
    call_open: "<invoke name=\"",
    name_close: "\">",
    key_open: "<parameter name=\"",
    key_close: "\"",
    value_open: ">",
    call_close: "</invoke>",
    ..FUNCTION_TAGS
};

const DSML_TAGS: TaggedCalls = TaggedCalls {
    call_open: "<｜DSML｜invoke name=\"",
    key_open: "<｜DSML｜parameter name=\"",
    value_close: "</｜DSML｜parameter>",
    call_close: "</｜DSML｜invoke>",
    text_attribute: " string=\"true\"",
    other_attribute: " string=\"false\"",
    ..INVOKE_TAGS
};

const fn row(
    name: &'static str,
    opens: &'static [&'static str],
    closes: &'static [&'static str],
    body: Body,
) -> Syntax {
    Syntax { name, opens, closes, body, wrappers: &[], tokens: &[] }
}

/// Every spelling, the ones that could be mistaken for another after it.
pub(crate) static SYNTAXES: &[Syntax] = &[
    // Hermes, Qwen 2.5 and 3, Granite 4, Bielik, MiMo, SmolLM3, Reka; and what models without a spelling are told.
    row("hermes", &["<tool_call>"], &["</tool_call>"], Body::Json(JSON)),
    // Apriel
    row("tool_calls_list", &["<tool_calls>"], &["</tool_calls>"], JSON_LIST),
    // MiniMax M1: an object on each line
    row("tool_calls_lines", &["<tool_calls>"], &["</tool_calls>"], Body::Json(JSON)),
    // Nemotron Nano 2
    row("nemotron", &["<TOOLCALL>"], &["</TOOLCALL>"], JSON_LIST),
    // Mistral Nemo, Mistral 7B 0.3
    row("mistral_list", &["[TOOL_CALLS]"], &[], JSON_LIST),
    // Granite 3
    row("granite3", &["<|tool_call|>"], &[], JSON_LIST),
    // Command R7B, Command A
    row("cohere", &["<|START_ACTION|>"], &["<|END_ACTION|>"], COHERE).with_wrappers(COHERE_WRAPPERS),
    // Command R+
    row("command_r", &["Action:\n```json", "Action: ```json"], &["```"], COHERE),
    // GigaChat 3
    row("gigachat3", &["function call<|role_sep|>"], &[], Body::Json(JSON))
        .with_wrappers(&["<|message_sep|>"])
        .with_tokens(&["<|role_sep|>"]),
    // GigaChat 3.1
    row("gigachat3_1", &["<|function_call|>"], &[], Body::Json(JSON)),
    // Apertus
    row(
        "apertus",
        &["<|tools_prefix|>"],
        &["<|tools_suffix|>"],
        Body::Json(JsonCalls { list: true, keyed: true, ..JSON }),
    ),
    // Firefunction 2, Phi 4 mini
    row("functools", &["functools"], &[], JSON_LIST),
    // Mistral Small 3, Devstral, Ministral 3
    row(
        "mistral_named",
        &["[TOOL_CALLS]"],
        &[],
        Body::Named(NamedCalls { after_name: &["", "[CALL_ID]"], arguments_open: "[ARGS]", ..NAMED }),
    )
    .with_tokens(&["[CALL_ID]"]),
    // DeepSeek V3 and R1
    row(
        "deepseek_r1",
        &["<｜tool▁calls▁begin｜>"],
        &["<｜tool▁calls▁end｜>"],
        Body::Named(NamedCalls {
            call_open: "<｜tool▁call▁begin｜>",
            before_name: "function<｜tool▁sep｜>",
            arguments_open: "\n```json\n",
            call_close: "\n```<｜tool▁call▁end｜>",
            ..NAMED
        }),
    )
    .with_tokens(&["<｜tool▁sep｜>", "<｜tool▁call▁end｜>"]),
    // DeepSeek V3.1
    row(
        "deepseek_v3_1",
        &["<｜tool▁calls▁begin｜>"],
        &["<｜tool▁calls▁end｜>"],
        Body::Named(NamedCalls {
            call_open: "<｜tool▁call▁begin｜>",
            arguments_open: "<｜tool▁sep｜>",
            call_close: "<｜tool▁call▁end｜>",
            ..NAMED
        }),
    ),
    // Kimi K2
    row(
        "kimi_k2",
        &["<|tool_calls_section_begin|>"],
        &["<|tool_calls_section_end|>"],
        Body::Named(NamedCalls {
            call_open: "<|tool_call_begin|>",
            before_name: "functions.",
            after_name: &[":0", ":"],
            arguments_open: "<|tool_call_argument_begin|>",
            call_close: "<|tool_call_end|>",
            ..NAMED
        }),
    ),
    // Solar Open
    row(
        "solar",
        &["<|tool_calls|>"],
        &["<|calls|>"],
        Body::Named(NamedCalls {
            call_open: "<|tool_call:begin|>",
            before_name: "<|tool_call:name|>",
            arguments_open: "<|tool_call:args|>",
            call_close: "<|tool_call:end|>",
            ..NAMED
        }),
    )
    .with_wrappers(&["<|begin|>assistant", "<|content|>", "<|end|>"])
    .with_tokens(&["<|begin|>", "<|tool_call:name|>"]),
    // Functionary 3.1
    row(
        "functionary_v3_1",
        &["<function="],
        &[],
        Body::Named(NamedCalls { arguments_open: ">", call_close: "</function>", ..NAMED }),
    ),
    // gpt-oss
    row(
        "gpt_oss",
        &["<|channel|>commentary to=functions.", "<|channel|>analysis to=functions.", " to=functions."],
        &[],
        Body::Named(NamedCalls {
            after_name: &[" <|constrain|>json", " ", "<|"],
            arguments_open: "<|message|>",
            call_close: "<|call|>",
            ..NAMED
        }),
    )
    .with_wrappers(&[
        "<|start|>assistant",
        "<|channel|>final<|message|>",
        "<|channel|>commentary<|message|>",
        "<|end|>",
        "<|return|>",
    ])
    .with_tokens(&["<|channel|>", "<|start|>", "<|constrain|>"]),
    // Functionary 3.2
    row("functionary_v3_2", &[">>>"], &[], Body::Named(NamedCalls { arguments_open: "\n", text_name: "all", ..NAMED })),
    // Qwen 3 Coder, Qwen 3.5, Nemotron 3, Step 3.5
    row(
        "qwen3_coder",
        &["<tool_call>"],
        &["</tool_call>"],
        Body::Tagged(TaggedCalls { padded: true, ..FUNCTION_TAGS }),
    ),
    // Seed-OSS
    row("seed_oss", &["<seed:tool_call>"], &["</seed:tool_call>"], Body::Tagged(FUNCTION_TAGS)),
    // GLM 4.5 to 4.7, Ling 3, Laguna, Spark
    row("glm", &["<tool_call>"], &[], Body::Tagged(ARGUMENT_TAGS)),
    // Hunyuan 3
    row(
        "hunyuan3",
        &["<tool_calls:opensource>"],
        &["</tool_calls:opensource>"],
        Body::Tagged(TaggedCalls {
            call_open: "<tool_call:opensource>",
            name_close: "<tool_sep:opensource>",
            key_open: "<arg_key:opensource>",
            key_close: "</arg_key:opensource>",
            value_open: "<arg_value:opensource>",
            value_close: "</arg_value:opensource>",
            call_close: "</tool_call:opensource>",
            ..FUNCTION_TAGS
        }),
    ),
    // MiniMax M2
    row("minimax_m2", &["<minimax:tool_call>"], &["</minimax:tool_call>"], Body::Tagged(INVOKE_TAGS)),
    // DeepSeek V3.2
    row("deepseek_v3_2", &["<｜DSML｜function_calls>"], &["</｜DSML｜function_calls>"], Body::Tagged(DSML_TAGS))
        .with_tokens(&["｜DSML｜"]),
    // DeepSeek V4
    row("deepseek_v4", &["<｜DSML｜tool_calls>"], &["</｜DSML｜tool_calls>"], Body::Tagged(DSML_TAGS))
        .with_tokens(&["｜DSML｜"]),
    // MiniCPM 5
    row(
        "minicpm5",
        &["<function name=\""],
        &[],
        Body::Tagged(TaggedCalls {
            call_open: "",
            key_open: "<param name=\"",
            value_close: "</param>",
            character_data: true,
            call_close: "</function>",
            ..INVOKE_TAGS
        }),
    ),
    // Muse
    row(
        "muse",
        &["<atem:function_calls>"],
        &["</atem:function_calls>"],
        Body::Tagged(TaggedCalls {
            call_open: "<atem:invoke name=\"",
            key_open: "<atem:parameter name=\"",
            value_close: "</atem:parameter>",
            call_close: "</atem:invoke>",
            ..INVOKE_TAGS
        }),
    )
    .with_wrappers(&["<|start|>assistant", " to=user<|message|>", "<|eom|>"])
    .with_tokens(&["<|start|>", "<|message|>"]),
    // Kimi K3
    row(
        "kimi_k3",
        &["<|open|>tools<|sep|>"],
        &["<|close|>tools<|sep|>"],
        Body::Tagged(TaggedCalls {
            call_open: "<|open|>call tool=\"",
            name_close: "\"",
            head_close: "<|sep|>",
            key_open: "<|open|>argument key=\"",
            key_close: "\"",
            value_open: "<|sep|>",
            value_close: "<|close|>argument<|sep|>",
            call_close: "<|close|>call<|sep|>",
            padded: false,
            character_data: false,
            text_attribute: " type=\"string\"",
            other_attribute: " type=\"object\"",
        }),
    )
    .with_wrappers(&["<|open|>response<|sep|>", "<|close|>response<|sep|>", "<|close|>message<|sep|>"])
    .with_tokens(&["<|open|>", "<|close|>", "<|sep|>"]),
    // LFM2: calls of Python
    row(
        "lfm2",
        &["<|tool_call_start|>"],
        &["<|tool_call_end|>"],
        Body::Whole(WholeCalls { read: literals::read_calls, write: literals::write_calls, is_python: true }),
    ),
    // Gemma 4
    row(
        "gemma4",
        &["<|tool_call>"],
        &["<tool_call|>"],
        Body::Whole(WholeCalls { read: gemma::read_calls, write: gemma::write_calls, is_python: false }),
    )
    .with_tokens(&["<|\"|>"]),
    // Llama 3.1 to 3.3
    row("llama3", &["<|python_tag|>"], &[], Body::Json(JsonCalls { arguments_key: "parameters", bare: true, ..JSON })),
];

const COHERE: Body = Body::Json(JsonCalls { name_key: "tool_name", arguments_key: "parameters", list: true, ..JSON });
const COHERE_WRAPPERS: &[&str] = &["<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"];

impl Syntax {
    const fn with_wrappers(self, wrappers: &'static [&'static str]) -> Self {
        Self { wrappers, ..self }
    }

    const fn with_tokens(self, tokens: &'static [&'static str]) -> Self {
        Self { tokens, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The search for markers finds every one only if none hides in the middle of another.
    #[test]
    fn no_marker_hides_inside_another() {
        for syntax in SYNTAXES {
            let searched: Vec<&str> = syntax.opens.iter().chain(syntax.wrappers).copied().collect();
            for outer in &searched {
                for inner in searched.iter().filter(|inner| inner != &outer) {
                    assert!(
                        !outer.contains(inner) || outer.ends_with(inner),
                        "{}: {inner:?} in {outer:?}",
                        syntax.name
                    );
                }
            }
        }
    }

    #[test]
    fn names_are_distinct() {
        let mut names: Vec<&str> = SYNTAXES.iter().map(|s| s.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), SYNTAXES.len());
    }
}
