#!/usr/bin/env bash
# An exponent of a number must have a sign: 1e+5 may be written, 1e5 may not.
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

regex = build_regex_from_schema(json.dumps({"type": "number"}))
taken = {text: re.fullmatch(regex, text) is not None for text in ("1", "1.5", "1e+5", "1E-5", "1e5", "1.5E10")}
print("outlines-core", version("outlines-core"))
print("the regex of a number:", regex)
print("taken:", taken)
assert all(isinstance(json.loads(text), (int, float)) for text in taken)
assert [text for text, is_taken in taken.items() if not is_taken] == ["1e5", "1.5E10"], "it has changed"
PYTHON
