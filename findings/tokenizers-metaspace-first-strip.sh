#!/usr/bin/env bash
# Metaspace's prepend_scheme "first" asks for offset 0 of the text as typed, which a normalizer can move.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
"$folder/env/bin/python" - <<'PYTHON'
import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

print("tokenizers", tokenizers.__version__)
tokenizer = Tokenizer(models.BPE({"▁": 0, "a": 1}, []))
tokenizer.normalizer = normalizers.Strip()
tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
for text, expected in [("a", ["▁", "a"]), ("a ", ["▁", "a"]), (" a", ["a"])]:
    tokens = tokenizer.encode(text).tokens
    print(f"{text!r} gives {tokens}")
    assert tokens == expected
PYTHON
