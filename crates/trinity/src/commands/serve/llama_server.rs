//! Flags of llama.cpp's `llama-server`, so that scripts written for it start this server.
//!
//! One table says of each what it means here: another name of a setting of `serve`, a hint that changes nothing here (named in one line on
//! standard error), or a wish that cannot be heeded, which is refused with what to do instead. It is read before clap is: several of them have
//! two letters behind one dash. What is not in the table is left to clap.

use std::ffi::{OsStr, OsString};

use crate::failure::Failure;

/// By which the hints of a line reach the command.
pub(crate) const IGNORED: &str = "--ignored-hint";

/// What stands behind a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Takes {
    Nothing,
    Value,
    /// One of [`SWITCH`], or nothing.
    Switch,
}

/// Values of switches.
const SWITCH: [&str; 3] = ["on", "off", "auto"];

/// What a flag means here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// A setting of `serve`, and the values that leave it as it is.
    Setting(&'static str, &'static [&'static str]),
    /// These words.
    Words(&'static [&'static str]),
    /// Nothing.
    Hint,
    /// Nothing at these values; any other is refused for the reason.
    HintAt(&'static [&'static str], &'static str),
    /// Refused for the reason.
    Refused(&'static str),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
struct Flag {
    /// All its spellings, with spaces between.
    names: &'static str,
    takes: Takes,
    meaning: Meaning,
}

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

const fn refused(takes: Takes, names: &'static str, why: &'static str) -> Flag {
    Flag { names, takes, meaning: Meaning::Refused(why) }
}

const IN_REQUESTS: &str = "requests say it, each for itself";
const IN_FILE: &str = "it is what the model's file says; trinity metadata --set changes files";
const NO_MODEL: &str = "name a model of the catalogue, a file, or one that trinity pull has fetched";
const NO_ADAPTERS: &str = "this server has no adapters";
const NO_IMAGES: &str = "this server reads text only";
const NO_TOOLS: &str = "this server runs no tools: it tells clients what the model calls";

const FLAGS: &[Flag] = &[
    // Settings by other names.
    setting("-c --ctx-size", "--context", &["0"]),
    setting("-np --parallel", "--max-running", &["-1"]),
    setting("-n --predict --n-predict", "--max-tokens", &["-1", "-2"]),
    setting("-s --seed", "--seed", &["-1", "4294967295"]),
    setting("-t --threads", "--threads", &["-1"]),
    setting("--temp", "--temperature", &[]),
    setting("-ctk --cache-type-k", "--k-type", &[]),
    setting("-ctv --cache-type-v", "--v-type", &[]),
    setting("-cram --cache-ram", "--swap", &["-1"]),
    setting("-md --model-draft --spec-draft-model", "--draft", &[]),
    setting("--ssl-key-file", "--tls-key", &[]),
    setting("--ssl-cert-file", "--tls-cert", &[]),
    setting("--cors-origins", "--cors-origin", &["localhost"]),
    setting("--sleep-idle-seconds", "--keep-alive", &["-1"]),
    words("-nr --no-repack", &["--pack-max=0"]),
    words("--no-cache-prompt", &["--no-prefix-cache"]),
    words("--no-ui --no-webui", &["--no-page"]),
    words("--metrics", &["--metrics-compat=llamacpp"]),
    words("--log-disable", &["--log-level=off"]),
    words("--log-jsonl", &["--log-format=json"]),
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
         --verbosity --log-verbosity -sps --slot-prompt-similarity",
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
         --no-skip-chat-parsing -no-ag --no-agent",
    ),
    hints(Takes::Switch, "-fa --flash-attn -fit --fit --log-colors"),
    hint_at("--reasoning-format", &["auto", "deepseek"], "thoughts are always told apart from the answer"),
    hint_at("-rea --reasoning", &["auto"], "requests say it (reasoning_effort, think, thinking)"),
    hint_at("--reasoning-effort", &["default"], "requests say it (reasoning_effort)"),
    hint_at("--reasoning-budget", &["-1"], "requests say it (reasoning_effort, think, thinking)"),
    hint_at("--embd-normalize", &["2"], "requests say it (embd_normalize)"),
    // What is decided elsewhere.
    refused(
        Takes::Value,
        "--samplers --sampler-seq --sampling-seq --top-nsigma --top-n-sigma --xtc-probability --xtc-threshold \
         --typical --typical-p --repeat-last-n --presence-penalty --frequency-penalty --dry-multiplier --dry-base --dry-allowed-length \
         --dry-penalty-last-n --dry-sequence-breaker --adaptive-target --adaptive-decay --dynatemp-range \
         --dynatemp-exp --mirostat --mirostat-lr --mirostat-ent -l --logit-bias --grammar --grammar-file -j \
         --json-schema -jf --json-schema-file -r --reverse-prompt --chat-template-kwargs --reasoning-budget-message",
        IN_REQUESTS,
    ),
    refused(Takes::Nothing, "--ignore-eos -sp --special -bs --backend-sampling", IN_REQUESTS),
    refused(
        Takes::Value,
        "--rope-scaling --rope-scale --rope-freq-base --rope-freq-scale --yarn-orig-ctx --yarn-ext-factor \
         --yarn-attn-factor --yarn-beta-slow --yarn-beta-fast --override-kv",
        IN_FILE,
    ),
    refused(
        Takes::Value,
        "-mu --model-url -dr --docker-repo -hf -hfr --hf-repo -hff --hf-file -hft --hf-token -hfd -hfrd \
         --hf-repo-draft --models-dir --models-preset --models-max",
        NO_MODEL,
    ),
    refused(
        Takes::Value,
        "--lora --lora-scaled --control-vector --control-vector-scaled --control-vector-layer-range",
        NO_ADAPTERS,
    ),
    refused(Takes::Nothing, "--lora-init-without-apply", NO_ADAPTERS),
    refused(Takes::Value, "-mm --mmproj -mmu --mmproj-url --media-path", NO_IMAGES),
    refused(Takes::Value, "--tools --tools-runtime --mcp-servers-config --mcp-servers-json", NO_TOOLS),
    refused(Takes::Nothing, "-ag --agent --ui-mcp-proxy --webui-mcp-proxy", NO_TOOLS),
    refused(Takes::Value, "--rpc", "this server computes on its own machine alone"),
    refused(Takes::Value, "--slot-save-path", "slots are not saved; --cache-dir keeps prefixes on disk"),
    refused(
        Takes::Value,
        "-lcs --lookup-cache-static -lcd --lookup-cache-dynamic",
        "--lookup guesses by the text itself and keeps no file",
    ),
    refused(Takes::Value, "--path --api-prefix", "a proxy in front of the server can do it"),
    refused(Takes::Value, "--log-file", "the log goes to standard error: 2> FILE"),
    refused(Takes::Nothing, "--context-shift", "--attention-window lets texts go on without end"),
    refused(Takes::Nothing, "--rerank --reranking", "this server ranks no documents"),
    refused(Takes::Nothing, "--no-slots", "/slots is always there; it shows no word of any prompt"),
    refused(Takes::Nothing, "--props", "nothing is changed while the server runs"),
    refused(Takes::Nothing, "--spm-infill", "gaps are filled in the order prefix, suffix, middle"),
];

fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.names.split(' ').any(|known| known == name))
}

/// A command line in this program's own flags, if it asks to serve; others stay as they are.
pub(crate) fn translated(line: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, Failure> {
    let mut words = line.into_iter();
    let mut own: Vec<OsString> = words.next().into_iter().collect();
    for word in words.by_ref() {
        let is_flag = word.as_encoded_bytes().starts_with(b"-");
        own.push(word);
        if !is_flag {
            break;
        }
    }
    if own.last().is_none_or(|word| word != "serve") {
        own.extend(words);
        return Ok(own);
    }
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            own.push(word);
            own.extend(words);
            break;
        }
        let text = word.to_str().unwrap_or_default();
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (text, None),
        };
        let Some(flag) = find(name) else {
            own.push(word);
            continue;
        };
        let is_switch = |word: &OsStr| word.to_str().is_some_and(|word| SWITCH.contains(&word));
        let value = match (attached, flag.takes) {
            (Some(value), _) => Some(OsString::from(value)),
            (None, Takes::Value) => words.next(),
            (None, Takes::Switch) => words.next_if(|word| is_switch(word)),
            (None, Takes::Nothing) => None,
        };
        own.extend(flag.translated(name, value.as_deref())?);
    }
    Ok(own)
}

impl Flag {
    /// The same in words of this program.
    fn translated(&self, name: &str, value: Option<&OsStr>) -> Result<Vec<OsString>, Failure> {
        let is_one_of = |values: &[&str]| value.is_some_and(|given| values.iter().any(|v| given == *v));
        let refusal = |why: &str| Failure::usage(format!("{name}: {why}"));
        match self.meaning {
            Meaning::Setting(_, defaults) if is_one_of(defaults) => Ok(ignored(name, value)),
            Meaning::Setting(setting, _) => Ok(match value {
                Some(value) => vec![joined(&[OsStr::new(setting), OsStr::new("="), value])],
                // Clap says what is missing.
                None => vec![setting.into()],
            }),
            Meaning::Words(words) => Ok(words.iter().map(OsString::from).collect()),
            Meaning::HintAt(values, why) if !is_one_of(values) => Err(refusal(why)),
            Meaning::Hint | Meaning::HintAt(..) => Ok(ignored(name, value)),
            Meaning::Refused(why) => Err(refusal(why)),
        }
    }
}

/// The words by which the command learns of a hint.
fn ignored(name: &str, value: Option<&OsStr>) -> Vec<OsString> {
    let parts = [OsStr::new(IGNORED), OsStr::new("="), OsStr::new(name)];
    let value = value.into_iter().flat_map(|value| [OsStr::new(" "), value]);
    vec![joined(&parts.into_iter().chain(value).collect::<Vec<_>>())]
}

fn joined(parts: &[&OsStr]) -> OsString {
    parts.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn translate(line: &str) -> Result<String, String> {
        let words = line.split_whitespace().map(OsString::from);
        let own = translated(words).map_err(|failure| failure.line())?;
        Ok(own.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join("|"))
    }

    fn check(line: &str, expected: &str) {
        assert_eq!(translate(&format!("trinity serve {line}")).unwrap(), format!("trinity|serve|{expected}"));
    }

    #[test]
    fn flags_of_llama_server_are_those_of_serve() {
        check(
            "-m a.gguf -c 4096 -np 4 --n-predict 128 -a one --host 0.0.0.0 --port 80",
            "-m|a.gguf|--context=4096|--max-running=4|--max-tokens=128|-a|one|--host|0.0.0.0|--port|80",
        );
        check("--ctx-size=1024 -ctk q8_0 -ctv q8_0", "--context=1024|--k-type=q8_0|--v-type=q8_0");
        check("--no-webui --no-repack --log-disable", "--no-page|--pack-max=0|--log-level=off");
        check("--metrics", "--metrics-compat=llamacpp");
        check("--seed -1 -s 4294967295", "--ignored-hint=--seed -1|--ignored-hint=-s 4294967295");
        check("-s 42", "--seed=42");
        check("--temp 0.5 --top-k 20", "--temperature=0.5|--top-k|20");
        // What the two call the same goes through.
        for own in
            ["--api-key k", "--chat-template chatml", "--chat-template-file f", "--offline", "--alias x", "--lookup"]
        {
            check(own, &own.replace(' ', "|"));
        }
    }

    #[test]
    fn hints_are_named_and_what_cannot_be_is_refused() {
        check(
            "-ngl 99 -fa on --jinja -fa --mlock -b 512 --parallel -1",
            "--ignored-hint=-ngl 99|--ignored-hint=-fa on|--ignored-hint=--jinja|--ignored-hint=-fa|--ignored-hint=--mlock|\
             --ignored-hint=-b 512|--ignored-hint=--parallel -1",
        );
        check("--reasoning-format auto -c 0", "--ignored-hint=--reasoning-format auto|--ignored-hint=-c 0");
        for (line, says) in [
            ("--typical 0.5", "--typical: requests say it"),
            ("--reasoning-format none", "--reasoning-format: thoughts"),
            ("--lora a.gguf", "--lora: this server has no adapters"),
            ("-hf a/b", "-hf: name a model"),
            ("--rerank", "--rerank: "),
        ] {
            let line = translate(&format!("trinity serve a {line}")).unwrap_err();
            assert!(line.contains(says), "{line}");
        }
    }

    #[test]
    fn only_serve_has_them_and_only_before_the_dashes() {
        for line in
            ["trinity run -n 5 -s 3 x", "trinity -v --offline run serve -ngl 1", "trinity", "trinity serve -- -ngl 9"]
        {
            assert_eq!(translate(line).unwrap(), line.replace(' ', "|"));
        }
        let own = translate("trinity -v --offline serve -np 3").unwrap();
        assert_eq!(own, "trinity|-v|--offline|serve|--max-running=3");
    }

    /// A row that says something of no setting would say nothing.
    #[test]
    fn the_table_knows_the_settings_and_names_no_flag_twice() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        let longs: BTreeSet<String> =
            serve.get_arguments().filter_map(|arg| arg.get_long()).map(|long| format!("--{long}")).collect();
        let mut names = BTreeSet::new();
        for flag in FLAGS {
            for name in flag.names.split(' ') {
                assert!(names.insert(name), "{name} stands there twice");
                let is_same = matches!(flag.meaning, Meaning::Setting(setting, _) if setting == name);
                assert!(is_same || !longs.contains(name), "{name} is a flag of serve");
            }
            let words: &[&str] = match &flag.meaning {
                Meaning::Setting(setting, _) => &[setting],
                Meaning::Words(words) => words,
                _ => &[],
            };
            for word in words {
                assert!(longs.contains(word.split('=').next().unwrap()), "{word} is no flag of serve");
            }
        }
    }
}
