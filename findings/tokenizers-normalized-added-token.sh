#!/usr/bin/env bash
# An added token with normalized: true is itself normalized before it is looked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
"$folder/env/bin/python" - <<'PYTHON'
import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers

print("tokenizers", tokenizers.__version__)
letters = {letter: number for number, letter in enumerate("▁a<x>")}
for normalized, middle in [(True, ["▁", "a", "<", "x", ">"]), (False, None)]:
    tokenizer = Tokenizer(models.BPE(letters, []))
    tokenizer.normalizer = normalizers.Prepend("▁")
    tokenizer.add_tokens([AddedToken("<x>", normalized=normalized)])
    start, inside = tokenizer.encode("<x>a").tokens, tokenizer.encode("a<x>").tokens
    print(f"normalized={normalized}: '<x>a' gives {start}, 'a<x>' gives {inside}")
    if normalized:
        assert start[-1] == "a" and len(start) == 2 and inside == middle
    else:
        assert "<x>" in start and "<x>" in inside
PYTHON
