"""Packages of npm that programs talk to models with: a test for each case of npm/*.mjs, which a scripted model answers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from served import Served, npm_folder
from scripted import call, small_talk

CASES = Path(__file__).resolve().parent / "npm"
FILES = ["ai.mjs", "anthropic.mjs", "ollama.mjs", "openai.mjs"]


def node(*arguments, **environment):
    """Runs in a folder beside the installed packages, which modules are looked for from."""
    folder = npm_folder()
    for module in CASES.glob("*.mjs"):
        shutil.copy(module, folder)
    command = [Path(sys.executable).parent / "node", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def talker(logs, tmp_path_factory):
    path = small_talk(tmp_path_factory.mktemp("scripted") / "talker.gguf", call("get_weather", city="Paris"))
    server = Served(models=[path], log=logs / "npm.log")
    yield server
    assert server.stop() == 0


@pytest.mark.parametrize("case", node("list.mjs", *FILES).splitlines())
def test_npm(talker, case):
    node("run.mjs", *case.split(), TRINITY_URL=talker.url, TRINITY_MODEL="talker")
