#!/usr/bin/env bash
# minimum and maximum of a schema are not held, nor refused: 3 passes where 5 is the least.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check lm-format-enforcer==0.11.3
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

from lmformatenforcer import JsonSchemaParser


def is_taken(schema, text):
    parser = JsonSchemaParser(schema)
    for character in text:
        if character not in parser.get_allowed_characters():
            return False
        parser = parser.add_character(character)
    return parser.can_end()


taken = {
    "minItems": is_taken({"type": "array", "items": {"type": "integer"}, "minItems": 2}, "[1]"),
    "maxLength": is_taken({"type": "string", "maxLength": 1}, '"ab"'),
    "minimum": is_taken({"type": "integer", "minimum": 5}, "3"),
    "maximum": is_taken({"type": "integer", "maximum": 5}, "77"),
}
print("lm-format-enforcer", version("lm-format-enforcer"))
print("taken although the keyword forbids it:", taken)
assert taken == {"minItems": False, "maxLength": False, "minimum": True, "maximum": True}, "it has changed"
PYTHON
