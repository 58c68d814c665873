//! Encoders: BERT and what was made of it, ModernBERT, EmbeddingGemma.

use super::{
    super::config::encoder, Bias, FEED_FORWARD, Family, GEMMA, GEMMA3, HEAD_NORMS, Kind, NAMES, Names, NormKind, Order,
    Own, PLAIN, Part, Rotary, When, Width, Window, hybrids::rows, linear, norm,
};

/// Returns a linear layer that must have a bias.
const fn biased(hf: &'static [&'static str], gguf: &'static str, rows: Width, cols: Width) -> Part {
    Part { hf, gguf, kind: Kind::Linear { rows, cols, has_bias: Bias::Always } }
}

const POSITIONS: Part = table(
    &["embeddings.position_embeddings.weight"],
    "position_embd.weight",
    &[Width::Positions, Width::Model],
    &[Width::Model, Width::Positions],
);
const TYPES: Part = table(
    &["embeddings.token_type_embeddings.weight"],
    "token_types.weight",
    &[Width::TokenTypes, Width::Model],
    &[Width::Model, Width::TokenTypes],
);

const fn table(
    hf: &'static [&'static str],
    gguf: &'static str,
    shape: &'static [Width],
    dims: &'static [Width],
) -> Part {
    super::hybrids::values(hf, gguf, shape, dims, Order::Same, super::Function::Same)
}

const EMBEDDING_NORM: Part = norm(&["embeddings.LayerNorm"], "token_embd_norm", Width::Model);
const BERT: &[Part] = &[
    biased(&["attention.self.query"], "attn_q", Width::Query, Width::Model),
    biased(&["attention.self.key"], "attn_k", Width::KeyValue, Width::Model),
    biased(&["attention.self.value"], "attn_v", Width::KeyValue, Width::Model),
    biased(&["attention.output.dense"], "attn_output", Width::Model, Width::Query),
    norm(&["attention.output.LayerNorm"], "attn_output_norm", Width::Model),
];
const BERT_NETWORK: &[Part] = &[
    biased(&["intermediate.dense"], "ffn_up", Width::FeedForward, Width::Model),
    biased(&["output.dense"], "ffn_down", Width::Model, Width::FeedForward),
    norm(&["output.LayerNorm"], "layer_output_norm", Width::Model),
];
const BERT_NAMES: Names = Names {
    bodies: &["bert.", ""],
    layers: "encoder.layer",
    embedding: "embeddings.word_embeddings",
    norm: None,
    heads: &[],
    has_head_bias: false,
    ignored: &[
        ("pooler.", "the pooler"),
        ("bert.pooler.", "the pooler"),
        ("cls.", "the head of masked words"),
        ("embeddings.position_ids", "positions"),
        ("bert.embeddings.position_ids", "positions"),
    ],
};
const BERT_ENCODER: Family = Family {
    classes: &["BertModel"],
    architecture: "bert",
    aliases: &[("layer_norm_eps", "rms_norm_eps")],
    names: &BERT_NAMES,
    globals: &[POSITIONS, TYPES, EMBEDDING_NORM],
    parts: &[BERT, BERT_NETWORK],
    activation: &["gelu"],
    norm: NormKind::Layer { has_bias: true },
    norm_epsilon: 1e-12,
    rotary: Rotary::Absent,
    is_tied: true,
    own: Own { sizes: encoder::bert_sizes, keys: encoder::bert_keys },
    ..PLAIN
};
const NOMIC: &[Part] = &[
    linear(&["attn.Wqkv"], "attn_qkv", Width::QueryKeyValue, Width::Model),
    linear(&["attn.out_proj"], "attn_output", Width::Model, Width::Query),
    norm(&["norm1"], "attn_output_norm", Width::Model),
    linear(&["mlp.fc12"], "ffn_gate", Width::FeedForward, Width::Model),
    linear(&["mlp.fc11"], "ffn_up", Width::FeedForward, Width::Model),
    linear(&["mlp.fc2"], "ffn_down", Width::Model, Width::FeedForward),
    norm(&["norm2"], "layer_output_norm", Width::Model),
];
const JINA_NETWORK: &[Part] = &[
    rows(&["mlp.gated_layers"], "ffn_gate", [Width::FeedForward, Width::GateUp, Width::Model], Order::FirstHalf),
    rows(&["mlp.gated_layers"], "ffn_up", [Width::FeedForward, Width::GateUp, Width::Model], Order::SecondHalf),
    biased(&["mlp.wo"], "ffn_down", Width::Model, Width::FeedForward),
    norm(&["mlp.layernorm"], "layer_output_norm", Width::Model),
];
const MODERN: &[Part] = &[
    linear(&["attn.Wqkv"], "attn_qkv", Width::QueryKeyValue, Width::Model),
    linear(&["attn.Wo"], "attn_output", Width::Model, Width::Query),
    norm(&["mlp_norm"], "ffn_norm", Width::Model),
    linear(&["mlp.Wi"], "ffn_up", Width::GateUp, Width::Model),
    linear(&["mlp.Wo"], "ffn_down", Width::Model, Width::FeedForward),
];

pub(super) static FAMILIES: &[Family] = &[
    BERT_ENCODER,
    Family {
        classes: &["BertForSequenceClassification"],
        names: &Names { bodies: &["bert."], ignored: &[("bert.embeddings.position_ids", "positions")], ..BERT_NAMES },
        globals: &[
            POSITIONS,
            TYPES,
            EMBEDDING_NORM,
            biased(&["pooler.dense"], "cls", Width::Model, Width::Model),
            Part {
                hf: &["/classifier"],
                gguf: "cls.output",
                kind: Kind::Linear { rows: Width::One, cols: Width::Model, has_bias: Bias::Always },
            },
        ],
        own: Own { sizes: encoder::bert_sizes, keys: encoder::ranker_keys },
        ..BERT_ENCODER
    },
    Family {
        classes: &["NomicBertModel"],
        architecture: "nomic-bert",
        aliases: &[
            ("layer_norm_eps", "rms_norm_eps"),
            ("layer_norm_epsilon", "rms_norm_eps"),
            ("n_embd", "hidden_size"),
            ("n_layer", "num_hidden_layers"),
            ("n_head", "num_attention_heads"),
            ("n_inner", "intermediate_size"),
            ("n_positions", "max_position_embeddings"),
            ("activation_function", "hidden_act"),
            ("rotary_emb_base", "rope_theta"),
        ],
        names: &Names { layers: "encoder.layers", bodies: &[""], ..BERT_NAMES },
        globals: &[TYPES, norm(&["emb_ln"], "token_embd_norm", Width::Model)],
        parts: &[NOMIC],
        activation: &["silu", "swiglu"],
        rotary: Rotary::Whole,
        rope_base: 1000.0,
        own: Own { sizes: encoder::nomic_sizes, keys: encoder::bert_keys },
        ..BERT_ENCODER
    },
    Family {
        classes: &["JinaBertForMaskedLM"],
        architecture: "jina-bert-v2",
        globals: &[TYPES, EMBEDDING_NORM],
        parts: &[BERT, JINA_NETWORK],
        own: Own { sizes: encoder::jina_sizes, keys: encoder::bert_keys },
        ..BERT_ENCODER
    },
    Family {
        classes: &["ModernBertModel"],
        architecture: "modern-bert",
        aliases: &[
            ("norm_eps", "rms_norm_eps"),
            ("layer_norm_eps", "rms_norm_eps"),
            ("global_rope_theta", "rope_theta"),
            ("local_rope_theta", "rope_local_base_freq"),
        ],
        names: &Names {
            bodies: &["model.", ""],
            embedding: "embeddings.tok_embeddings",
            norm: Some(("final_norm", "output_norm")),
            heads: &[],
            ignored: &[("head.", "the head of masked words"), ("decoder.", "the head of masked words")],
            ..NAMES
        },
        globals: &[norm(&["embeddings.norm"], "token_embd_norm", Width::Model)],
        parts: &[MODERN],
        parts_of: &[(When::Later, &[norm(&["attn_norm"], "attn_norm", Width::Model)])],
        activation: &["gelu", "silu"],
        norm: NormKind::Layer { has_bias: false },
        norm_epsilon: 1e-5,
        rope_base: 160_000.0,
        local_base: Some(10_000.0),
        is_tied: true,
        window: Window::Unread,
        own: Own { sizes: encoder::modern_bert_sizes, keys: encoder::modern_bert_keys },
        ..PLAIN
    },
    Family {
        classes: &["Gemma3TextModel"],
        architecture: "gemma-embedding",
        names: &Names { heads: &[], ..NAMES },
        parts: &[GEMMA, HEAD_NORMS, FEED_FORWARD],
        own: Own { sizes: |_| Ok(()), keys: encoder::gemma_keys },
        ..GEMMA3
    },
];
