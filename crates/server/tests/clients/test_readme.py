"""The Python that README and the tasks show: it runs as it stands, against a server at another address, and prints what is shown below it."""

import re
import subprocess
import sys

import pytest

from served import ROOT

# A block, and the one that follows as its output if there is one.
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.S | re.M)
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(code, shown, id=f"{path.name}-{number}")
    for path in DOCUMENTS
    for number, (code, shown) in enumerate(BLOCK.findall(path.read_text()), 1)
]


def test_there_are_blocks():
    assert len(BLOCKS) >= 3


@pytest.mark.parametrize("code, shown", BLOCKS)
def test_block(code, shown, server, model):
    code = code.replace("http://127.0.0.1:8080", server.url).replace("smollm2:135m", model)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if shown:
        assert done.stdout.split() == shown.split()
