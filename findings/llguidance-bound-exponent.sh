#!/usr/bin/env bash
# A number may be written with an exponent, unless the schema bounds it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check llguidance==1.9.1
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import json

import llguidance
from llguidance import LLMatcher, LLTokenizer

tokenizer = LLTokenizer("byte")


def accepts(schema, text):
    matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(json.dumps(schema)))
    return matcher.try_consume_tokens(tokenizer.tokenize_str(text)) == len(text) and matcher.is_accepting()


print("llguidance", llguidance.__version__)
free, bounded = {"type": "number"}, {"type": "number", "minimum": 0}
seen = {(name, text): accepts(schema, text) for name, schema in (("free", free), ("minimum 0", bounded)) for text in ("100", "1e2", "1E2")}
print(seen)
assert [text for (name, text), is_accepted in seen.items() if not is_accepted and name == "free"] == []
# 1e2 satisfies the bound, and a generator that was asked for a number from 0 on cannot write 1e2.
assert [text for (name, text), is_accepted in seen.items() if not is_accepted] == ["1e2", "1E2"], "it has changed"
PYTHON
