#!/usr/bin/env bash
# An 8-bit scalar quantizer decodes to the middle of a step: neither end of the trained range comes back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check faiss-cpu==1.15.1 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import faiss
import numpy

index = faiss.IndexScalarQuantizer(1, faiss.ScalarQuantizer.QT_8bit)
index.train(numpy.array([[0], [1]], numpy.float32))
index.add(numpy.array([[0], [1]], numpy.float32))
low, high = (float(index.reconstruct(i)[0]) for i in range(2))
print("faiss", faiss.__version__, "trained on 0 and 1; 0 comes back as", low, "and 1 as", high)
# (code + 0.5) / 255: 1 comes back outside of the range.
assert abs(low - 0.5 / 255) < 1e-6 and abs(high - 255.5 / 255) < 1e-6, "it has changed"
PYTHON
