#!/usr/bin/env bash
# BM25Okapi scores a document that has the word as 0 where half of all documents have it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check rank-bm25==0.2.2 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

from rank_bm25 import BM25L, BM25Okapi

documents = [["cat", "sat"], ["dog", "ran"], ["cat", "ran"], ["fish", "swam"]]
scores = {variant.__name__: variant(documents).get_scores(["cat"]).tolist() for variant in (BM25Okapi, BM25L)}
print("rank-bm25", version("rank-bm25"))
print("documents", documents)
print("scores of 'cat':", scores)
assert scores["BM25Okapi"] == [0.0, 0.0, 0.0, 0.0], "it has changed"
assert scores["BM25L"][0] > 0 and scores["BM25L"][1] == 0, "it has changed"
PYTHON
