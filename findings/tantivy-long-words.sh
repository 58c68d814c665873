#!/usr/bin/env bash
# The default tokenizer leaves out words of 40 bytes and more: no query finds them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check tantivy==0.27.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

import tantivy

builder = tantivy.SchemaBuilder()
builder.add_text_field("body", stored=True)
index = tantivy.Index(builder.build())
writer = index.writer(15_000_000, 1)
# 20 letters of two bytes each are 40 bytes.
words = ["a" * 39, "b" * 40, "c" * 64, "é" * 19, "ö" * 20]
for word in words:
    writer.add_document(tantivy.Document(body=f"{word} zebra"))
writer.commit()
writer.wait_merging_threads()
index.reload()
searcher = index.searcher()
n_found = {f"{word[0]} × {len(word)}": searcher.search(index.parse_query(word, ["body"]), 10).count for word in words}
n_zebras = searcher.search(index.parse_query("zebra", ["body"]), 10).count
print("tantivy", version("tantivy"))
print("documents found by their own word:", n_found, "by the word beside it:", n_zebras)
assert list(n_found.values()) == [1, 0, 0, 1, 0] and n_zebras == 5, "it has changed"
PYTHON
