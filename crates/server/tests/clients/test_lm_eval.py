"""EleutherAI's lm-evaluation-harness, by two of its models: what it measures over HTTP is what `trinity eval choice` measures by itself."""

import json
import os
import subprocess
import sys
import tarfile

import pytest
import yaml

from served import ROOT, program, smollm2

TEXTS = ROOT / "testdata/eval-text/texts.tar.xz"
LINES = 80

# Equal logits give equal log-probabilities, but each goes through JSON as a number of 24 bits: half a unit in the last place is
# 1e-6 for one of -16 to -32, a word has a few tokens, and the sum that `eval choice` notes is rounded once more.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The harness's own task of this name, but of lines that are here."""
    folder = tmp_path_factory.mktemp("lm-eval")
    with tarfile.open(TEXTS) as texts, texts.extractfile("lambada-openai-test.jsonl") as lines:
        (folder / "lines.jsonl").write_bytes(b"".join(next(lines) for _ in range(LINES)))
    task = {
        "task": "lambada_lines",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "lines.jsonl")}},
        "test_split": "test",
        "output_type": "loglikelihood",
        "doc_to_text": "{{text.split(' ')[:-1]|join(' ')}}",
        "doc_to_target": "{{' '+text.split(' ')[-1]}}",
        "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
    }
    (folder / "lambada_lines.yaml").write_text(yaml.safe_dump(task))
    return folder


@pytest.fixture(scope="module")
def expected(folder):
    """The log-likelihood of each last word, and whether the model would have written it."""
    journal = folder / "journal.jsonl"
    command = [program(), "eval", "choice", smollm2(), "--file", folder / "lines.jsonl", "--resume", journal]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    answers = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
    scores = [answer["scores"][0] for answer in sorted(answers, key=lambda answer: answer["item"])]
    return [(score["log_probability"], score["is_greedy"]) for score in scores]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["local-completions", "gguf"])
def test_likelihoods_are_those_of_eval_choice(server, model, folder, expected, kind):
    arguments = {
        "local-completions": f"base_url={server.url}/v1/completions,model={model},tokenizer_backend=remote,max_length=8000",
        "gguf": f"base_url={server.url}",
    }
    command = [sys.executable, "-m", "lm_eval", "run", "--model", kind, "--model_args", arguments[kind]]
    command += ["--tasks", "lambada_lines", "--include_path", folder, "--log_samples", "--output_path", folder / kind]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "home")}
    subprocess.run(command, check=True, env=environment, timeout=400)
    [samples] = (folder / kind).rglob("samples_lambada_lines_*.jsonl")
    samples = sorted((json.loads(line) for line in samples.read_text().splitlines()), key=lambda s: s["doc_id"])
    got = [sample["filtered_resps"][0] for sample in samples]
    assert len(got) == len(expected) == LINES
    for i, ((logprob, is_greedy), (own, own_is_greedy)) in enumerate(zip(got, expected)):
        assert float(logprob) == pytest.approx(own, abs=TOLERANCE), f"line {i + 1}"
        # The harness's model for GGUF files counts the token after the word, too, which is always the likeliest.
        assert str(is_greedy) == str(own_is_greedy), f"line {i + 1}"
