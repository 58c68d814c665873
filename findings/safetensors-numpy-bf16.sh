#!/usr/bin/env bash
# What safetensors.numpy saves of ml_dtypes' bfloat16 it does not load again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6 ml_dtypes==0.6.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import json

import ml_dtypes
import numpy
import safetensors
from safetensors.numpy import load, save

print("safetensors", safetensors.__version__, "ml_dtypes", ml_dtypes.__version__)
stored = save({"x": numpy.ones(3, ml_dtypes.bfloat16)})
header = json.loads(stored[8 : 8 + int.from_bytes(stored[:8], "little")])
print("saved as", header["x"])
assert header["x"]["dtype"] == "BF16"
try:
    load(stored)
except KeyError as error:
    print("loading: KeyError", error)
else:
    raise SystemExit("it has changed: the array is loaded")
PYTHON
