use std::collections::BTreeSet;

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
    for own in ["--api-key k", "--chat-template chatml", "--chat-template-file f", "--offline", "--alias x", "--lookup"]
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
    // A model's file says whether it embeds, ranks or talks.
    check("--embedding --reranking", "--ignored-hint=--embedding|--ignored-hint=--reranking");
    check("--reasoning-format auto -c 0", "--ignored-hint=--reasoning-format auto|--ignored-hint=-c 0");
    for (line, says) in [
        ("--typical 0.5", "--typical: requests say it"),
        ("--reasoning-format none", "--reasoning-format: thoughts"),
        ("--lora-init-without-apply", "--lora-init-without-apply: adapters are added when"),
        ("--hf-file a.gguf", "--hf-file: name its repository"),
        ("--docker-repo a/b", "--docker-repo: name a model"),
        ("--reasoning on", "--reasoning: requests say it"),
    ] {
        let line = translate(&format!("trinity serve a {line}")).unwrap_err();
        assert!(line.contains(says), "{line}");
    }
}

#[test]
fn what_people_type_for_other_programs_runs_here() {
    let run = |line: &str| translate(&format!("trinity {line}")).unwrap();
    for (line, expected) in [
        // llama-cli
        (
            "run -m a.gguf -p Hello -n 128 --temp 0.7 -c 4096 -s 7 -ngl 99 -no-cnv",
            "run|-m|a.gguf|--max-tokens=128|--temperature=0.7|--context=4096|--seed=7|--ignored-hint=-ngl 99|--raw|--|Hello",
        ),
        ("run -hf Qwen/Qwen3-0.6B-GGUF:Q8_0 Hello", "run|Hello|--model=hf:Qwen/Qwen3-0.6B-GGUF:Q8_0"),
        ("serve -hf a/b:Q4_0 -hff c.gguf", "serve|--model=hf:a/b/c.gguf"),
        ("chat -hf a/b -sys Hi -rea off --typical 0.9", "chat|--system=Hi|--think=off|--typical-p=0.9|--model=hf:a/b"),
        (
            "run -n -1 --seed -1 -c 0 -r END x",
            "run|--ignored-hint=-n -1|--ignored-hint=--seed -1|--ignored-hint=-c 0|--stop=END|x",
        ),
        ("chat -ctk q8_0 -mu https://a/b.gguf", "chat|--k-type=q8_0|--model=https://a/b.gguf"),
        ("chat a --lora b --lora-scaled c.gguf:0.5", "chat|a|--lora|b|--lora=c.gguf:0.5"),
        // Ollama
        (
            "run a Hello --think=false --num-predict 5 --num-ctx 99",
            "run|a|Hello|--think=off|--max-tokens=5|--context=99",
        ),
        ("run a --think Hello", "run|a|--think=on|Hello"),
        ("run a --think low Hello", "run|a|--think=low|Hello"),
        // LM Studio
        ("chat a --system-prompt Hi --stats", "chat|a|--system=Hi|--verbose"),
        (
            "serve a --context-length 99 --identifier b --ttl 60 --gpu max --cors",
            "serve|a|--context=99|--alias=b|--keep-alive=60|--ignored-hint=--gpu max|--cors-origin=*",
        ),
        // vLLM
        (
            "serve a --served-model-name b --max-model-len 9 --max-num-seqs 2",
            "serve|a|--alias=b|--context=9|--max-running=2",
        ),
        // The command's own names, whatever a row says of them.
        ("run --top-k 5 --repeat-penalty 1.1 --ignore-eos x", "run|--top-k|5|--repeat-penalty|1.1|--ignore-eos|x"),
        ("run --mirostat 2 --metrics --port 1", "run|--mirostat|2|--metrics|--port|1"),
    ] {
        assert_eq!(run(line), format!("trinity|{expected}"), "{line}");
    }
}

/// Clap takes every translation, whatever it then says of the value.
#[test]
fn each_spelling_is_taken() {
    let all = Cli::command();
    for name in COMMANDS {
        let command = all.find_subcommand(name).unwrap();
        let known = spellings(command);
        assert!(known.len() > 20, "{name}: {known:?}");
        for (spelled, own) in known {
            let value = match own {
                "--k-type" | "--v-type" => "f16",
                "--think" => "off",
                "--host" => "::1",
                _ => "7",
            };
            let takes_value = !matches!(find(spelled).unwrap().takes, Takes::Nothing);
            let words = ["trinity", *name, spelled].into_iter().chain(takes_value.then_some(value));
            let line = translated(words.map(OsString::from)).unwrap();
            let matches = Cli::command().try_get_matches_from(&line).unwrap_or_else(|e| panic!("{line:?}: {e}"));
            let matches = matches.subcommand_matches(name).unwrap();
            let id = find_argument(command, own.split('=').next().unwrap()).map(|arg| arg.get_id().as_str());
            let source = matches.value_source(id.unwrap_or("verbose"));
            assert_eq!(source, Some(clap::parser::ValueSource::CommandLine), "{spelled}: {line:?}");
        }
    }
}

#[test]
fn other_commands_have_none_of_them_and_nothing_has_behind_the_dashes() {
    for line in
        ["trinity inspect -c 5 x", "trinity -v --offline bench run -ngl 1", "trinity", "trinity serve -- -ngl 9"]
    {
        assert_eq!(translate(line).unwrap(), line.replace(' ', "|"));
    }
    let own = translate("trinity -v --offline serve -np 3").unwrap();
    assert_eq!(own, "trinity|-v|--offline|serve|--max-running=3");
}

/// A row that says something of no flag would say nothing.
#[test]
fn the_table_knows_the_flags_and_names_none_twice() {
    let mut all = Cli::command();
    all.build();
    let has = |own: &str| {
        let own = own.split('=').next().unwrap();
        COMMANDS.iter().any(|name| find_argument(all.find_subcommand(name).unwrap(), own).is_some())
    };
    let mut names = BTreeSet::new();
    for flag in FLAGS {
        for name in flag.names.split(' ') {
            assert!(names.insert(name), "{name} stands there twice");
        }
        match flag.meaning {
            Meaning::Setting(own, _) => assert!(has(own), "{own} is no flag"),
            Meaning::Words(words) => words.iter().for_each(|word| assert!(has(word), "{word} is no flag")),
            _ => {}
        }
    }
}
