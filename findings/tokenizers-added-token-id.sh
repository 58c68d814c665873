#!/usr/bin/env bash
# The id that tokenizer.json states for an added token is not the id that the token gets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
"$folder/env/bin/python" - <<'PYTHON'
import json

import tokenizers
from tokenizers import Tokenizer, models

print("tokenizers", tokenizers.__version__)
tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "<y>": 2}, []))
tokenizer.add_tokens(["<x>", "<y>"])
stated = json.loads(tokenizer.to_str())
stated["added_tokens"] = [
    {**stated["added_tokens"][0], "content": content, "id": number} for content, number in [("<x>", 10), ("<y>", 11)]
]
loaded = Tokenizer.from_str(json.dumps(stated))
for content, said, got in [("<x>", 10, 3), ("<y>", 11, 2)]:
    print(f"{content}: the file says {said}, the tokenizer gives {loaded.token_to_id(content)}")
    assert loaded.token_to_id(content) == got
PYTHON
