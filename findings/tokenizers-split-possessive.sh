#!/usr/bin/env bash
# In a Split's pattern {n,m}+ is no possessive repetition: the regular expressions are Oniguruma's, in Ruby syntax.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tokenizers==0.23.3
"$folder/env/bin/python" - <<'PYTHON'
import tokenizers
from tokenizers import Regex, pre_tokenizers

print("tokenizers", tokenizers.__version__)
for pattern, text, expected in [("a{1,2}+", "aaaaaa", ["aaaaaa"]), ("a{1,2}+a", "aa", ["aa"]), ("a++a", "aa", [])]:
    split = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    matches = [piece for piece, _ in split.pre_tokenize_str(text)]
    print(f"{pattern} in {text!r} matches {matches}")
    assert matches == expected
PYTHON
