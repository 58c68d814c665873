#!/usr/bin/env bash
# A transposed or strided NumPy array is stored as it lies in memory, so other values come back.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import numpy
import safetensors
from safetensors.numpy import load, save

matrix = numpy.arange(6, dtype=numpy.float32).reshape(2, 3)
arrays = {"transposed": matrix.T, "every second": numpy.arange(6, dtype=numpy.float32)[::2]}
print("safetensors", safetensors.__version__, "numpy", numpy.__version__)
for name, array in arrays.items():
    back = load(save({"x": array}))["x"]
    print(f"{name}: saved {array.tolist()}, loaded {back.tolist()}")
    assert back.shape == array.shape
    # The first values of the memory behind it, in its order there.
    assert back.ravel().tolist() == [float(i) for i in range(array.size)], "it has changed"
    kept = load(save({"x": numpy.ascontiguousarray(array)}))["x"]
    assert (kept == array).all(), "a contiguous copy is stored as it is"
PYTHON
