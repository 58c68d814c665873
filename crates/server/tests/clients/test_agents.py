"""Agents as people start them (npm's Claude Code, Codex and opencode, Python's aider), answered by a scripted model with a context of 64 k tokens.

Each gets a greeting, runs a command that the model asks for and hears what it said, is told that a prompt is too long, and is killed in the middle.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripted import call, small_talk
from served import Served, npm_folder

COMMAND = "echo ground turmeric > spice.txt; cat spice.txt"
GREETING = "Hello from a small model."
FINAL = "The spice is turmeric."
ASK = "Please look into the volcano."
TOO_LONG = "one two three four " * 20000
FILE = "greeting.py"
# Aider's format for whole files.
EDIT = f"{FILE}\n```python\nprint('ground turmeric')\n```\n"


@pytest.fixture(scope="module")
def agents(logs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("agents")
    replies = {
        "claude": call("Bash", command=COMMAND, description="Write a word"),
        "codex": call("exec_command", cmd=COMMAND),
        "opencode": call("bash", command=COMMAND, description="Write a word"),
        "aider": EDIT,
    }
    models = [small_talk(folder / f"{name}.gguf", reply, FINAL) for name, reply in replies.items()]
    server = Served("-c", 65536, models=models, log=logs / "agents.log")
    yield server
    assert server.stop() == 0


@pytest.fixture
def work(tmp_path):
    """An empty folder to work in; the agent's home is beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def claude(url, work, *arguments):
    environment = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_AUTH_TOKEN": "none",
        "ANTHROPIC_MODEL": "claude",
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "65536",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return npm("claude", "-p", "--allowedTools=Bash", *arguments), environment


def codex(url, work, *arguments):
    home = work.parent / "home" / ".codex"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(
        'model = "codex"\nmodel_provider = "trinity"\nmodel_context_window = 65536\n'
        f'[model_providers.trinity]\nname = "Trinity"\nbase_url = "{url}/v1"\nwire_api = "responses"\n'
        "request_max_retries = 0\nstream_max_retries = 0\n"
    )
    options = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return npm("codex", *options, *arguments), {}


def opencode(url, work, *arguments):
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "options": {"baseURL": f"{url}/v1"},
        "models": {"opencode": {"limit": {"context": 65536, "output": 4096}}},
    }
    config = {"provider": {"trinity": provider}, "model": "trinity/opencode", "small_model": "trinity/opencode"}
    (work / "opencode.json").write_text(json.dumps(config))
    # What it fetches from elsewhere where it may.
    environment = {f"OPENCODE_DISABLE_{what}": "1" for what in ("MODELS_FETCH", "AUTOUPDATE", "SHARE", "LSP_DOWNLOAD")}
    # The package that opencode-ai starts on this machine.
    return [npm_folder() / "node_modules/opencode-linux-x64/bin/opencode", "run", *arguments], environment


AGENTS = {"claude": claude, "codex": codex, "opencode": opencode}


def npm(program, *arguments):
    return [npm_folder() / "node_modules/.bin" / program, *arguments]


def start(command, environment, work, input=None):
    environment = {**os.environ, **environment, "HOME": str(work.parent / "home"), "TMPDIR": str(work.parent)}
    # The packages' scripts are started by `node`, which lies beside this Python.
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    # A shell sets it with each cd, and opencode believes it rather than the system: elsewhere it finds no configuration and asks its own model.
    environment["PWD"] = str(work)
    process = subprocess.Popen(
        list(map(str, command)),
        cwd=work,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    process.stdin.write(input or "")
    process.stdin.close()
    process.stdin = None
    return process


def finished(process, seconds=150):
    """What it wrote, and its exit status."""
    try:
        output, _ = process.communicate(timeout=seconds)
        return output, process.returncode
    finally:
        end(process)


def end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@pytest.mark.parametrize("agent", AGENTS)
def test_first_message(agents, work, agent):
    output, status = finished(start(*AGENTS[agent](agents.url, work, "Hi there."), work))
    assert status == 0 and GREETING in output, output


@pytest.mark.parametrize("agent", AGENTS)
def test_a_command_is_run_and_its_output_read(agents, work, agent):
    output, status = finished(start(*AGENTS[agent](agents.url, work, ASK), work))
    assert status == 0 and FINAL in output, output
    assert (work / "spice.txt").read_text() == "ground turmeric\n"


def test_claude_streams(agents, work):
    options = ["--output-format", "stream-json", "--include-partial-messages", "--verbose", "Hi there."]
    output, status = finished(start(*claude(agents.url, work, *options), work))
    assert status == 0, output
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    events = [event["event"] for event in events if event["type"] == "stream_event"]
    deltas = [event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta"]
    assert len(deltas) > 1 and "".join(deltas) == GREETING


def test_codex_keeps_to_a_schema_with_its_tools_at_hand(agents, work):
    schema = work / "schema.json"
    schema.write_text(
        json.dumps(
            {
                "type": "object",
                "properties": {"city": {"type": "string"}, "celsius": {"type": "integer"}},
                "required": ["city", "celsius"],
                "additionalProperties": False,
            }
        )
    )
    last = work / "last.txt"
    arguments = ["--output-schema", schema, "--output-last-message", last, "Say it as a tortoise object."]
    output, status = finished(start(*codex(agents.url, work, *arguments), work))
    assert status == 0, output
    assert json.loads(last.read_text()) == {"city": "Paris", "celsius": 21}


@pytest.mark.parametrize(
    ("agent", "said", "times"),
    # opencode tries to make the conversation shorter, which is too long for that, too.
    [("claude", "Prompt is too long", 1), ("codex", "context window", 1), ("opencode", "exceeds the available context size", 2)],
)
def test_too_long_a_prompt_is_recognised(agents, work, agent, said, times):
    arguments = ["-"] if agent == "codex" else []
    output, _ = finished(start(*AGENTS[agent](agents.url, work, *arguments), work, input=TOO_LONG))
    assert output.lower().count(said.lower()) >= times, output[-4000:]


@pytest.mark.parametrize("agent", AGENTS)
def test_who_is_killed_leaves_nothing_running(agents, work, agent):
    def active():
        return agents.metrics()["trinity_requests_active"]

    process = start(*AGENTS[agent](agents.url, work, "Hi there."), work)
    try:
        until(lambda: active() > 0, 60)
    finally:
        end(process)
    until(lambda: active() == 0, 20)


def until(is_so, seconds):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.01)


@pytest.mark.parametrize("provider", ["openai", "ollama_chat"])
def test_aider_edits_a_file(agents, work, provider):
    environment = {
        "OPENAI_API_BASE": f"{agents.url}/v1",
        "OPENAI_API_KEY": "none",
        "OLLAMA_API_BASE": agents.url,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    options = ["--model", f"{provider}/aider", "--edit-format", "whole", "--no-git", "--yes-always", "--no-check-update"]
    options += ["--no-show-model-warnings", "--analytics-disable", "--no-detect-urls", "--no-pretty", "--map-tokens", "0"]
    command = [os.environ["TRINITY_AIDER"].removesuffix("python") + "aider", *options]
    output, status = finished(start([*command, "--message", ASK, FILE], environment, work))
    assert status == 0, output
    assert (work / FILE).read_text() == "print('ground turmeric')\n", output
    output, status = finished(start([*command, "--message", "Hi there."], environment, work))
    assert status == 0 and GREETING in output, output
