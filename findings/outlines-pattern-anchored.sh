#!/usr/bin/env bash
# A pattern of a schema must match the whole string; JSON Schema looks for it anywhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check outlines-core==0.2.14
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import json
import re
from importlib.metadata import version

from outlines_core.json_schema import build_regex_from_schema


def is_taken(pattern, text):
    regex = build_regex_from_schema(json.dumps({"type": "string", "pattern": pattern}))
    return re.fullmatch(regex, json.dumps(text)) is not None


taken = {(pattern, text): is_taken(pattern, text) for pattern in ("b", "^b$") for text in ("b", "abc")}
print("outlines-core", version("outlines-core"))
print("taken, by pattern and text:", taken)
assert taken[("b", "b")] and not taken[("b", "abc")], "it has changed"
assert taken[("^b$", "b")] and not taken[("^b$", "abc")], "it has changed"
PYTHON
