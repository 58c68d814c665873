#!/usr/bin/env bash
# A query for more neighbours than are left after mark_deleted is an error, not a shorter answer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check hnswlib==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

import hnswlib
import numpy

index = hnswlib.Index("l2", 2)
index.init_index(8)
index.add_items(numpy.arange(16, dtype=numpy.float32).reshape(8, 2))
seen = {}
for n_deleted in range(1, 5):
    index.mark_deleted(n_deleted)
    try:
        labels, _ = index.knn_query(numpy.zeros(2, numpy.float32), k=5)
        seen[8 - n_deleted] = labels.shape[1]
    except RuntimeError as error:
        seen[8 - n_deleted] = str(error)
print("hnswlib", version("hnswlib"))
print("found of k = 5, by how many are left:", seen)
assert [seen[n] for n in (7, 6, 5)] == [5, 5, 5] and isinstance(seen[4], str), "it has changed"
PYTHON
