#!/usr/bin/env bash
# The mean of a thousand ones in bfloat16 is 0.256: sums are kept in bfloat16, without NumPy's pairwise order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check ml_dtypes==0.6.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import ml_dtypes
import numpy

print("ml_dtypes", ml_dtypes.__version__, "numpy", numpy.__version__)
ones = numpy.ones(1000, ml_dtypes.bfloat16)
print("bfloat16: sum", ones.sum(), "mean", ones.mean())
print("float16:  sum", ones.astype(numpy.float16).sum(), "mean", ones.astype(numpy.float16).mean())
# 256 + 1 is a tie in eight bits of significand and goes to the even neighbour, 256.
assert float(ones.sum()) == 256.0, "it has changed"
assert abs(float(ones.mean()) - 0.256) < 0.001
assert float(ones.astype(numpy.float16).mean()) == 1.0
assert float(ones.mean(dtype=numpy.float32)) == 1.0
PYTHON
