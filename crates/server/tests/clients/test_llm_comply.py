"""`llm-comply`: the published schemas of three APIs, and what their streams must look like."""

import ast
import json
import re
import subprocess
import sys

import pytest

# A text model: what these ask for is refused by name, which is the right answer, and the suite has no word for it.
REFUSED = {"chat-image-input", "image-input", "anth-image-input"}
# Left out by the suite itself for models that are not named like those that think; the endpoints it calls advisory are not served.
NOT_SERVED = {"compact-response", "compact-missing-model"}
FORMATS = {
    "openai-chat": ["/v1"],
    "open-responses": ["/v1"],
    "anthropic": ["/v1", "--auth-header", "x-api-key", "--no-bearer", "-H", "anthropic-version:2023-06-01"],
}
# Nothing in these requests says how to draw, and at temperature 1 a model of this size may write on until its context is full: with this field the
# answers are short and always the same. What is checked is the suite's own.
GREEDY = """
import sys
from llm_comply import cli, runner

send = runner.make_request
runner.make_request = lambda config, endpoint, body, **more: send(config, endpoint, {"temperature": 0, **body}, **more)
sys.exit(cli.main())
"""


# Keys that would have no value here. Anthropic's schema asks for them, and parsers of clients refuse null (`@ai-sdk/anthropic` 3.0.140).
LEFT_OUT = {"cache_creation", "container", "inference_geo", "server_tool_use", "stop_details"}


def is_left_out(error):
    """Does it ask for one of these, or for the citations of a text?"""
    if required := re.fullmatch(r"(?:[\w.]+: )?'(\w+)' is a required property", error):
        return required[1] in LEFT_OUT
    block = re.fullmatch(r"content\.\d+: (\{.*\}) is not valid under any of the given schemas", error, re.DOTALL)
    return bool(block) and set(ast.literal_eval(block[1])) == {"type", "text"}


@pytest.mark.parametrize("format", FORMATS)
def test_format(server, model, format):
    base, *options = FORMATS[format]
    command = [sys.executable, "-c", GREEDY, "--format", format, "-u", server.url + base, "-k", "none", "-m", model]
    done = subprocess.run([*command, "--json", *options], capture_output=True, text=True, timeout=170)
    report = json.loads(done.stdout[done.stdout.index("{") :])
    by_id = {result["id"]: result for result in report["results"]}
    assert len(by_id) >= 8, done.stdout
    failed = {id: r for id, r in by_id.items() if r["status"] == "failed" and id not in REFUSED | NOT_SERVED}
    if format == "anthropic":
        failed = {id: r for id, r in failed.items() if not all(map(is_left_out, r["errors"]))}
    assert not failed, json.dumps(failed, indent=1)
    for id in REFUSED & set(by_id):
        assert by_id[id]["errors"][0].startswith("HTTP 400"), by_id[id]
    warned = {id: r["warnings"] for id, r in by_id.items() if r.get("warnings") and id not in NOT_SERVED}
    assert not warned, json.dumps(warned, indent=1)
