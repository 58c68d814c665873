#!/usr/bin/env bash
# An array without maxItems may hold 20 items and no more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check lm-format-enforcer==0.11.3
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

from lmformatenforcer import JsonSchemaParser


def may_follow(text, character):
    parser = JsonSchemaParser({"type": "array", "items": {"type": "integer"}})
    for each in text:
        assert each in parser.get_allowed_characters(), (text, each)
        parser = parser.add_character(each)
    return character in parser.get_allowed_characters()


comma_after = {n: may_follow("[" + ",".join("1" * n), ",") for n in (1, 19, 20)}
print("lm-format-enforcer", version("lm-format-enforcer"))
print("may a comma follow n integers?", comma_after)
assert comma_after == {1: True, 19: True, 20: False}, "it has changed"
PYTHON
