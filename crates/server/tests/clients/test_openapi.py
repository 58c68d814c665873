"""`schemathesis`: requests made from the OpenAPI document; none may be answered by a 5xx."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from served import STORIES, Served, program, smollm2

SECONDS = 500
# Of operations where a chat template is needed before anything is generated.
CHAT = "^/(v1/(chat/completions|responses|messages)|api/(chat|generate)|apply-template)"


def test_document(server):
    status, _, body = server.get("/openapi.json")
    document = json.loads(body)
    assert status == 200 and document["openapi"].startswith("3.")
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/api/chat"):
        assert "post" in document["paths"][path], path


def run(model, folder, logs, n_cases_min, parts, *options):
    """Any name means the model: else what is asked for would be answered by 404 alone. A short context, for most requests set no limit.

    Each part is the options of a process of its own: threads that parse at once break CPython before 3.11.9 and 3.12.3
    ("AST constructor recursion depth mismatch", python/cpython#106905), and hypothesis parses whatever it describes."""
    server = Served("--any-model-name", "--context", 256, models=[model], log=logs / "openapi.log")
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "--checks", "not_a_server_error",
        # What is here in name only is answered by 501.
        "--exclude-name-regex", "^POST /(slots/|props$)",
        "--seed", "5", "--generation-database", "none", "--request-timeout", "60", "--workers", "1", "--no-color", *options,
    ]  # fmt: skip
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": SECONDS, "cwd": folder}
    with ThreadPoolExecutor() as threads:
        processes = list(threads.map(lambda part: subprocess.run([*command, *part], **piped), parts))
    # A crash may also look like a connection that breaks.
    assert server.metrics()["trinity_panics_total"] == 0
    answered = server.metrics()["trinity_completion_tokens_total"]
    assert server.stop() == 0
    n_cases = 0
    for process in processes:
        assert process.returncode == 0, process.stdout[-6000:]
        counted = re.search(r"(\d+) generated, (\d+) passed", process.stdout)
        assert counted and counted[1] == counted[2], process.stdout[-2000:]
        n_cases += int(counted[1])
    assert n_cases >= n_cases_min
    assert answered > 0, "every request was refused"


@pytest.mark.timeout(SECONDS + 40)
def test_no_5xx(tmp_path, logs):
    # With tokens for gaps, so that /infill is there as well.
    model = tmp_path / "fills.gguf"
    tokens = [f"--set=tokenizer.ggml.fim_{name}_token_id=u32:{id}" for name, id in (("pre", 3), ("suf", 4), ("mid", 5))]
    subprocess.run([program(), "metadata", STORIES, "-o", model, *tokens], check=True)
    # About 22,000 cases that cover each constraint of each field, kept and broken, and some at random.
    parts = (("--include-path-regex", "^/v1/"), ("--include-path-regex", "^/(?!v1/)"))
    run(model, tmp_path, logs, 10000, parts, "--phases", "examples,coverage,fuzzing", "--max-examples", "12")


@pytest.mark.timeout(SECONDS + 40)
def test_no_5xx_in_a_conversation(tmp_path, logs):
    parts = ((),)
    run(smollm2(), tmp_path, logs, 40, parts, "--phases", "fuzzing", "--max-examples", "10", "--include-path-regex", CHAT)
