#!/usr/bin/env bash
# dtype i8 scales every float vector to unit length, with the Euclidean metric too: lengths are lost.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check usearch==2.26.6 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import numpy
import usearch
from usearch.index import Index

vectors = numpy.array([[1, 0], [100, 3], [0, 2]], numpy.float32)
index = Index(ndim=2, metric="l2sq", dtype="i8")
index.add(numpy.arange(3), vectors)
kept = [index.get(key).tolist() for key in range(3)]
found = [(int(match.key), float(match.distance)) for match in index.search(vectors[0], 3)]
print("usearch", usearch.__version__)
print("vectors", vectors.tolist(), "are kept as", kept)
print("squared distances from [1, 0]:", found)
assert kept[0] == [127, 0] and kept[2] == [0, 127], "it has changed"
# [100, 3] lies beside [1, 0], though 99 apart, and [0, 2], 2.2 away, is the farthest.
assert [key for key, _ in found] == [0, 1, 2] and found[1][1] < found[2][1], "it has changed"
PYTHON
