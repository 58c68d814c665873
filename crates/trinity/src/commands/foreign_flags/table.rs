//! The table of other programs' flags: llama.cpp's (`llama-server`, `llama-cli`), and those of Ollama, LM Studio's
//! `lms` and vLLM that mean the same here.

use super::{Flag, Meaning, Takes};

const fn setting(names: &'static str, name: &'static str, defaults: &'static [&'static str]) -> Flag {
    Flag { names, takes: Takes::Value, meaning: Meaning::Setting(name, defaults) }
}

const fn words(names: &'static str, words: &'static [&'static str]) -> Flag {
    Flag { names, takes: Takes::Nothing, meaning: Meaning::Words(words) }
}

const fn hints(takes: Takes, names: &'static str) -> Flag {
    Flag { names, takes, meaning: Meaning::Hint }
}

const fn hint_at(names: &'static str, values: &'static [&'static str], why: &'static str) -> Flag {
    Flag { names, takes: Takes::Value, meaning: Meaning::HintAt(values, why) }
}

const fn in_requests(takes: Takes, names: &'static str) -> Flag {
    Flag { names, takes, meaning: Meaning::InRequests }
}

const fn refused(takes: Takes, names: &'static str, why: &'static str) -> Flag {
    Flag { names, takes, meaning: Meaning::Refused(why) }
}

const IN_FILE: &str = "it is what the model's file says; trinity metadata --set changes files";
const NO_MODEL: &str = "name a model of the catalogue, a file, or one that trinity pull has fetched";
const ADAPTERS_WITH_MODEL: &str =
    "adapters are added when the model is loaded, as strongly as --lora FILE=SCALE says: 0 leaves one to requests";
const NO_IMAGES: &str = "only text is read";
const NO_TOOLS: &str = "this server runs no tools: it tells clients what the model calls";

/// Values of switches.
const SWITCH: &[&str] = &["on", "off", "auto"];

/// Values of the flag that both Ollama and this program call `--think`, as either spells them, and of llama.cpp's.
const THINK: &[&str] = &["on", "off", "auto", "default", "true", "false", "low", "medium", "high"];

pub(super) const FLAGS: &[Flag] = &[
    // Settings by other names.
    setting("-c --ctx-size --n_ctx --num-ctx --context-length --max-model-len", "--context", &["0"]),
    setting("-np --parallel --max-num-seqs", "--max-running", &["-1"]),
    setting("-n --predict --n-predict --num-predict", "--max-tokens", &["-1", "-2"]),
    setting("-s --seed", "--seed", &["-1", "4294967295"]),
    setting("--temp", "--temperature", &[]),
    setting("--typical", "--typical-p", &[]),
    setting("-r --reverse-prompt", "--stop", &[]),
    setting("-sys --system-prompt", "--system", &[]),
    setting("-t --threads --num-thread", "--threads", &["-1"]),
    setting("-mu --model-url", "--model", &[]),
    setting("--identifier --served-model-name", "--alias", &[]),
    setting("-ctk --cache-type-k", "--k-type", &[]),
    setting("-ctv --cache-type-v", "--v-type", &[]),
    setting("-cram --cache-ram", "--swap", &["-1"]),
    setting("-md --model-draft --spec-draft-model", "--draft", &[]),
    setting("--lora-scaled", "--lora", &[]),
    setting("--control-vector-scaled", "--control-vector", &[]),
    setting("--ssl-key-file", "--tls-key", &[]),
    setting("--ssl-cert-file", "--tls-cert", &[]),
    setting("--cors-origins", "--cors-origin", &["localhost"]),
    setting("--sleep-idle-seconds --ttl", "--keep-alive", &["-1"]),
    words("-nr --no-repack", &["--pack-max=0"]),
    words("--no-cache-prompt", &["--no-prefix-cache"]),
    words("-no-cnv --no-conversation", &["--raw"]),
    words("--stats --show-timings", &["--verbose"]),
    words("--cors", &["--cors-origin=*"]),
    words("--no-ui --no-webui", &["--no-page"]),
    words("--metrics", &["--metrics-compat=llamacpp"]),
    words("--log-disable", &["--log-level=off"]),
    words("--log-jsonl", &["--log-format=json"]),
    Flag { names: "--think -rea --reasoning --reasoning-effort", takes: Takes::OneOf(THINK), meaning: Meaning::Think },
    Flag { names: "-p --prompt", takes: Takes::Value, meaning: Meaning::Prompt },
    Flag { names: "-hf -hfr --hf-repo", takes: Takes::Value, meaning: Meaning::Repository },
    Flag { names: "-hff --hf-file", takes: Takes::Value, meaning: Meaning::FileOfRepository },
    // How another engine uses a machine; what is always so here.
    hints(
        Takes::Value,
        "-tb --threads-batch -C --cpu-mask -Cr --cpu-range --cpu-strict --prio --poll -Cb --cpu-mask-batch -Crb \
         --cpu-range-batch --cpu-strict-batch --prio-batch --poll-batch -b --batch-size -ub --ubatch-size --keep -dt \
         --defrag-thold -lm --load-mode -lzm --lazy-mode --numa -dev --device -ot --override-tensor -ncmoe \
         --n-cpu-moe -ngl --gpu-layers --n-gpu-layers -sm --split-mode -ts --tensor-split -mg --main-gpu -fitt \
         --fit-target -fitc --fit-ctx -ngld --gpu-layers-draft --n-gpu-layers-draft -cd --ctx-size-draft -td \
         --threads-draft -tbd --threads-batch-draft -devd --device-draft -ctkd --cache-type-k-draft -ctvd \
         --cache-type-v-draft --draft-max --draft-min --draft-n --draft-n-min --draft-p-min -ctxcp --ctx-checkpoints \
         --swa-checkpoints -cms --checkpoint-min-step -to --timeout --threads-http --cache-reuse --sse-ping-interval \
         --cors-methods --cors-headers --tags --ui-config --webui-config --ui-config-file --webui-config-file -lv \
         --verbosity --log-verbosity -sps --slot-prompt-similarity --gpu --gpu-memory-utilization \
         --tensor-parallel-size",
    ),
    hints(
        Takes::Nothing,
        "--swa-full --perf --no-perf -e --escape --no-escape -kvo --kv-offload -nkvo --no-kv-offload --repack \
         --no-host --mlock --mmap --no-mmap -dio --direct-io -ndio --no-direct-io -cmoe --cpu-moe --check-tensors \
         --op-offload --no-op-offload -kvu --kv-unified -no-kvu --no-kv-unified --no-context-shift --warmup \
         --no-warmup -cb --cont-batching -nocb --no-cont-batching --no-mmproj --no-mmproj-auto --mmproj-offload \
         --no-mmproj-offload --reuse-port --cors-credentials --no-cors-credentials --ui --webui --no-ui-mcp-proxy \
         --no-webui-mcp-proxy --embedding --embeddings --cache-prompt --cache-idle-slots --no-cache-idle-slots \
         --slots --jinja --no-jinja --prefill-assistant --no-prefill-assistant --reasoning-preserve \
         --log-prefix --no-log-prefix --log-timestamps --no-log-timestamps --no-log-jsonl --skip-chat-parsing \
         --no-skip-chat-parsing -no-ag --no-agent --no-show-timings --simple-io --rerank --reranking",
    ),
    hints(Takes::OneOf(SWITCH), "-fa --flash-attn -fit --fit --log-colors"),
    hint_at("--reasoning-format", &["auto", "deepseek"], "thoughts are always told apart from the answer"),
    hint_at("--reasoning-budget", &["-1"], "requests say it (reasoning_effort, think, thinking)"),
    hint_at("--embd-normalize", &["2"], "requests say it (embd_normalize)"),
    // What is decided elsewhere.
    in_requests(
        Takes::Value,
        "--samplers --sampler-seq --sampling-seq --temperature --top-k --top-p --min-p --top-nsigma \
         --top-n-sigma --xtc-probability --xtc-threshold --typical-p --repeat-last-n --repeat-penalty \
         --presence-penalty --frequency-penalty --dry-multiplier --dry-base --dry-allowed-length \
         --dry-penalty-last-n --dry-sequence-breaker --adaptive-target --adaptive-decay --dynatemp-range \
         --dynatemp-exp --mirostat --mirostat-lr --mirostat-ent -l --logit-bias --grammar --grammar-file -j \
         --json-schema -jf --json-schema-file --chat-template-kwargs --reasoning-budget-message",
    ),
    in_requests(Takes::Nothing, "--ignore-eos -sp --special -bs --backend-sampling"),
    refused(
        Takes::Value,
        "--rope-scaling --rope-scale --rope-freq-base --rope-freq-scale --yarn-orig-ctx --yarn-ext-factor \
         --yarn-attn-factor --yarn-beta-slow --yarn-beta-fast --override-kv",
        IN_FILE,
    ),
    refused(
        Takes::Value,
        "-dr --docker-repo -hfd -hfrd --hf-repo-draft --models-dir --models-preset --models-max",
        NO_MODEL,
    ),
    refused(Takes::Value, "-hft --hf-token", "set HF_TOKEN in the environment, where other users do not see it"),
    refused(Takes::Nothing, "--lora-init-without-apply", ADAPTERS_WITH_MODEL),
    refused(Takes::Value, "-mm --mmproj -mmu --mmproj-url --media-path", NO_IMAGES),
    refused(Takes::Value, "--tools --tools-runtime --mcp-servers-config --mcp-servers-json", NO_TOOLS),
    refused(Takes::Nothing, "-ag --agent --ui-mcp-proxy --webui-mcp-proxy", NO_TOOLS),
    refused(Takes::Value, "--rpc", "nothing is computed on other machines"),
    refused(Takes::Value, "--slot-save-path", "slots are not saved; --cache-dir keeps prefixes on disk"),
    refused(
        Takes::Value,
        "-lcs --lookup-cache-static -lcd --lookup-cache-dynamic",
        "--lookup guesses by the text itself and keeps no file",
    ),
    refused(Takes::Value, "--path --api-prefix", "a proxy in front of the server can do it"),
    refused(Takes::Value, "--log-file", "the log goes to standard error: 2> FILE"),
    refused(Takes::Nothing, "--context-shift", "--attention-window lets texts go on without end"),
    refused(Takes::Nothing, "--no-slots", "/slots is always there; it shows no word of any prompt"),
    refused(Takes::Nothing, "--props", "nothing is changed while the server runs"),
    refused(Takes::Nothing, "--spm-infill", "gaps are filled in the order prefix, suffix, middle"),
];
