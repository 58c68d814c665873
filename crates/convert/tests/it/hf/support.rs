//! Folders as Hugging Face keeps models, made from golden GGUF files, and GGUF files made from a source.

use std::{
    fs,
    path::{Path, PathBuf},
};

use convert::{
    Rows, Source, Stored,
    hf::{self, HfOptions, HuggingFace},
};
use gguf::{Container, TensorSpec, TypeId, Writer};
use model::{
    Forward, KvType, KvTypes, LoadOptions, Logits, LogitsWanted, Model, PAGE_LEN, PageId, Step, StepSpan, TokenId,
};
use quant::Format;
use serde_json::{Map, Value, json};

/// A tensor as safetensors has it: name, type, shape, bytes.
#[derive(Clone, Debug)]
pub(crate) struct Tensor {
    pub(crate) name: String,
    pub(crate) dtype: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl Tensor {
    pub(crate) fn f32(name: &str, shape: &[usize], values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        Self { name: name.to_owned(), dtype: "F32", shape: shape.to_vec(), bytes }
    }
}

/// Builds a safetensors file.
pub(crate) fn safetensors(tensors: &[Tensor]) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    header.insert("__metadata__".to_owned(), json!({"format": "pt"}));
    for t in tensors {
        let start = data.len();
        data.extend_from_slice(&t.bytes);
        let entry = json!({"dtype": t.dtype, "shape": t.shape, "data_offsets": [start, data.len()]});
        header.insert(t.name.clone(), entry);
    }
    with_header(&Value::Object(header).to_string(), &data)
}

pub(crate) fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// A model in a folder that vanishes with it.
pub(crate) struct Folder {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) config: Value,
    pub(crate) tensors: Vec<Tensor>,
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write_json(&self, name: &str, value: &Value) {
        fs::write(self.file(name), value.to_string()).unwrap();
    }

    /// Writes configuration and weights, in one file.
    pub(crate) fn write(&self) {
        self.write_json("config.json", &self.config);
        fs::write(self.file("model.safetensors"), safetensors(&self.tensors)).unwrap();
    }

    pub(crate) fn open(&self) -> Result<HuggingFace, convert::Error> {
        self.open_with(HfOptions::default())
    }

    pub(crate) fn open_with(&self, options: HfOptions) -> Result<HuggingFace, convert::Error> {
        self.write();
        hf::open(self.path(), &options)
    }

    /// Returns the reason why the folder is refused.
    pub(crate) fn refusal(&self) -> String {
        self.open().map(|_| ()).unwrap_err().to_string()
    }

    pub(crate) fn tensor(&mut self, name: &str) -> &mut Tensor {
        self.tensors.iter_mut().find(|t| t.name == name).unwrap_or_else(|| panic!("no {name}"))
    }
}

/// Names of parts in GGUF and in transformers, for the architectures that share them.
const NAMES: &[(&str, &str)] = &[
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_qkv", "self_attn.qkv_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("attn_norm", "input_layernorm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
];

/// Returns the name of a part where the architecture has its own.
fn own_name(architecture: &str, part: &str) -> Option<&'static str> {
    Some(match (architecture, part) {
        ("gemma3", "ffn_norm") => "pre_feedforward_layernorm",
        ("gemma3", "post_attention_norm") => "post_attention_layernorm",
        ("gemma3", "post_ffw_norm") => "post_feedforward_layernorm",
        ("phi3", "ffn_up") => "mlp.gate_up_proj",
        ("bitnet", "attn_sub_norm") => "self_attn.inner_attn_ln",
        ("bitnet", "ffn_sub_norm") => "mlp.ffn_layernorm",
        ("bitnet-b1.58", "attn_sub_norm") => "self_attn.attn_sub_norm",
        ("bitnet-b1.58", "ffn_sub_norm") => "mlp.ffn_sub_norm",
        _ => return None,
    })
}

/// Translates a name of GGUF: `attn_q.weight` of layer 3 is `model.layers.3.self_attn.q_proj.weight`.
pub(crate) fn hf_name(architecture: &str, gguf: &str) -> Option<String> {
    Some(match gguf {
        "token_embd.weight" => "model.embed_tokens.weight".to_owned(),
        "output_norm.weight" => "model.norm.weight".to_owned(),
        "output.weight" => "lm_head.weight".to_owned(),
        _ => {
            let (layer, part) = gguf.strip_prefix("blk.")?.split_once('.')?;
            let (part, kind) = part.split_once('.')?;
            let own = own_name(architecture, part);
            let name = own.or_else(|| NAMES.iter().find(|(gguf, _)| *gguf == part).map(|(_, hf)| *hf))?;
            format!("model.layers.{layer}.{name}.{kind}")
        }
    })
}

/// Reads the exact values of a tensor.
pub(crate) fn values(container: &Container, name: &str) -> Vec<f32> {
    let tensor = container.tensor(name).unwrap();
    let mut out = vec![0.0; tensor.dims.iter().product::<u64>() as usize];
    tensor.format().unwrap().decode(&container.bytes(tensor), &mut out);
    out
}

pub(crate) fn golden(name: &str) -> Container {
    Container::open(&testkit::data(&format!("golden/{name}.gguf"))).unwrap()
}

/// Makes the folder from which the golden model `name` would have been converted.
pub(crate) fn folder(name: &str) -> Folder {
    let container = golden(name);
    let metadata = container.metadata();
    let architecture = metadata.str("general.architecture").unwrap().unwrap();
    let heads = |key: &str| metadata.u64(&format!("{architecture}.attention.{key}")).unwrap().unwrap() as usize;
    let mut tensors = Vec::new();
    for t in container.tensors() {
        let Some(name) = hf_name(architecture, &t.name) else { continue };
        let mut shape: Vec<usize> = t.dims.iter().rev().map(|&n| n as usize).collect();
        let dtype = if shape.len() == 1 { "F32" } else { t.type_name_upper() };
        let mut bytes = container.bytes(t).to_vec();
        for (part, heads) in [("attn_q.", heads("head_count")), ("attn_k.", heads("head_count_kv"))] {
            if architecture == "llama" && t.name.contains(part) {
                bytes = in_halves(&bytes, shape[0], heads);
            }
        }
        if architecture == "gemma3" && shape.len() == 1 {
            bytes = values(&container, &t.name).iter().flat_map(|w| (w - 1.0).to_le_bytes()).collect();
        }
        if shape == [1] {
            shape.clear();
        }
        tensors.push(Tensor { name, dtype, shape, bytes });
    }
    let dir = tempfile::tempdir().unwrap();
    Folder { dir, config: config(&container, architecture), tensors }
}

trait TypeNameUpper {
    fn type_name_upper(&self) -> &'static str;
}

impl TypeNameUpper for gguf::TensorInfo {
    fn type_name_upper(&self) -> &'static str {
        match self.type_id.0 {
            0 => "F32",
            1 => "F16",
            30 => "BF16",
            other => panic!("type {other}"),
        }
    }
}

/// Reorders rows of each head from pairs (GGUF) to halves (transformers), by the line of llama.cpp's converter read
/// backwards: `reshape(heads, 2, D/2, cols).swapaxes(1, 2)`.
pub(crate) fn in_halves(bytes: &[u8], rows: usize, heads: usize) -> Vec<u8> {
    let (row_bytes, head_rows) = (bytes.len() / rows, rows / heads);
    let mut out = Vec::with_capacity(bytes.len());
    for head in 0..heads {
        for half in 0..2 {
            for pair in 0..head_rows / 2 {
                let row = head * head_rows + 2 * pair + half;
                out.extend_from_slice(&bytes[row * row_bytes..][..row_bytes]);
            }
        }
    }
    out
}

fn config(container: &Container, architecture: &str) -> Value {
    let metadata = container.metadata();
    let count = |key: &str| metadata.u64(&format!("{architecture}.{key}")).unwrap();
    let float = |key: &str| metadata.f32(&format!("{architecture}.{key}")).unwrap();
    let class = match architecture {
        "llama" => "LlamaForCausalLM",
        "qwen2" => "Qwen2ForCausalLM",
        "qwen3" => "Qwen3ForCausalLM",
        "gemma3" => "Gemma3ForCausalLM",
        "phi3" => "Phi3ForCausalLM",
        "bitnet" => "BitnetForCausalLM",
        "bitnet-b1.58" => "BitNetForCausalLM",
        other => panic!("{other}"),
    };
    let activation = match architecture {
        "gemma3" => "gelu_pytorch_tanh",
        "bitnet-b1.58" => "relu2",
        _ => "silu",
    };
    let mut config = json!({
        "architectures": [class],
        "hidden_act": activation,
        "hidden_size": count("embedding_length"),
        "intermediate_size": count("feed_forward_length"),
        "num_hidden_layers": count("block_count"),
        "num_attention_heads": count("attention.head_count"),
        "num_key_value_heads": count("attention.head_count_kv"),
        "head_dim": count("attention.key_length"),
        "max_position_embeddings": count("context_length"),
        "rms_norm_eps": float("attention.layer_norm_rms_epsilon"),
        "rope_theta": float("rope.freq_base"),
        "vocab_size": count("vocab_size"),
        "sliding_window": count("attention.sliding_window"),
        "tie_word_embeddings": container.tensor("output.weight").is_none(),
    });
    if architecture == "gemma3" {
        config["query_pre_attn_scalar"] = config["head_dim"].clone();
    }
    let factor = float("rope.scaling.factor");
    let original = count("rope.scaling.original_context_length");
    match metadata.str(&format!("{architecture}.rope.scaling.type")).unwrap() {
        Some("linear") => config["rope_scaling"] = json!({"type": "linear", "factor": factor}),
        Some("yarn") => {
            config["rope_scaling"] =
                json!({"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original});
        }
        _ => {}
    }
    if architecture == "phi3" {
        config["original_max_position_embeddings"] = json!(original);
        config["rope_scaling"] = json!({
            "type": "longrope",
            "long_factor": values(container, "rope_factors_long.weight"),
            "short_factor": values(container, "rope_factors_short.weight"),
            "attention_factor": float("rope.scaling.attn_factor"),
        });
    }
    config
}

/// Reads all rows of a tensor, in pieces of `step`.
pub(crate) fn read(source: &dyn Source, name: &str, step: usize) -> Vec<f32> {
    let (index, tensor) = source.tensors().iter().enumerate().find(|(_, t)| t.name == name).unwrap();
    let mut out = Vec::new();
    let mut row = 0;
    while row < tensor.n_rows() {
        let end = tensor.n_rows().min(row + step);
        match (source.read(index, row..end).unwrap(), tensor.stored) {
            (Rows::Values(values), Stored::As(_)) => out.extend(values),
            (Rows::Ternary(rows), Stored::Ternary) => out.extend(rows.values()),
            (rows, stored) => panic!("{name}: {stored:?}, but {rows:?}"),
        }
        row = end;
    }
    out
}

/// Makes an exact GGUF file of the source: ternary tensors as F32.
pub(crate) fn to_gguf(source: &dyn Source) -> Vec<u8> {
    let format = |stored: Stored| if let Stored::As(format) = stored { format } else { Format::F32 };
    let id = |format: Format| TypeId::of(format).unwrap();
    let specs = source.tensors().iter();
    let specs = specs.map(|t| TensorSpec { name: t.name.clone(), dims: t.dims.clone(), type_id: id(format(t.stored)) });
    let mut writer = Writer::new(Vec::new(), source.metadata(), specs.collect()).unwrap();
    for t in source.tensors() {
        let values = read(source, &t.name, 7);
        let format = format(t.stored);
        let mut bytes = vec![0; format.row_bytes(values.len()).unwrap()];
        format.encode(&values, None, &mut bytes).unwrap();
        writer.tensor(&bytes).unwrap();
    }
    writer.finish().unwrap()
}

/// Returns the normalised error of the source's logits against those of golden model `name`.
pub(crate) fn logits_error(source: &dyn Source, name: &str) -> f64 {
    let manifest = testkit::read_json("golden/manifest.json");
    let entry = manifest.as_array().unwrap().iter().find(|e| e["name"] == name).unwrap();
    let ids: Vec<u32> = entry["tokens"].as_array().unwrap().iter().map(|t| t.as_u64().unwrap() as u32).collect();
    let container = Container::from_bytes(name, to_gguf(source)).unwrap();
    let got = logits(&container, &tokens(&ids), &LoadOptions::DEFAULT);
    testkit::nmse(&got, &testkit::read_f32(&format!("golden/{}", entry["logits"].as_str().unwrap())))
}

pub(crate) fn tokens(ids: &[u32]) -> Vec<TokenId> {
    ids.iter().copied().map(TokenId).collect()
}

/// Computes what a model makes of `tokens`: logits, of an encoder hidden states, or the one score.
pub(crate) fn outputs(container: &Container, tokens: &[TokenId], options: &LoadOptions) -> Vec<f32> {
    let options =
        LoadOptions { kv_types: KvTypes::both(KvType::F32), kv_positions: Some(512), step_rows_max: 64, ..*options };
    let mut model = Model::load(container, kernels::Kernels::new(None, 1).unwrap(), &options).unwrap();
    if !model.is_encoder() {
        return logits(container, tokens, &options);
    }
    let pages: Vec<PageId> = (0..).take(tokens.len().div_ceil(PAGE_LEN)).map(PageId).collect();
    let wanted = if model.has_scores() { LogitsWanted::Score } else { LogitsWanted::Hidden };
    let mut out = Logits::default();
    model.forward(&Step::new(&[StepSpan::new(tokens, 0, &pages).wanting(wanted)]), &mut out);
    match wanted {
        LogitsWanted::Score => vec![out.score(0)],
        _ => (0..out.n_hidden_rows()).flat_map(|row| out.hidden_row(row).to_vec()).collect(),
    }
}

/// Computes all logits of `tokens`, with keys and values in F32.
pub(crate) fn logits(container: &Container, tokens: &[TokenId], options: &LoadOptions) -> Vec<f32> {
    let options =
        LoadOptions { kv_types: KvTypes::both(KvType::F32), kv_positions: Some(512), step_rows_max: 64, ..*options };
    let mut model = Model::load(container, kernels::Kernels::new(None, 1).unwrap(), &options).unwrap();
    let pages: Vec<PageId> = (0..).take(tokens.len().div_ceil(PAGE_LEN)).map(PageId).collect();
    let span = StepSpan::new(tokens, 0, &pages).wanting(LogitsWanted::All);
    let mut out = Logits::default();
    model.forward(&Step::new(&[span]), &mut out);
    (0..out.n_rows()).flat_map(|row| out.row(row).to_vec()).collect()
}
