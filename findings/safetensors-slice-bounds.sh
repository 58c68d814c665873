#!/usr/bin/env bash
# A slice that ends past the tensor is an error, and one that starts below zero an OverflowError; numpy clamps both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

import numpy
from safetensors import safe_open
from safetensors.numpy import save_file

values = numpy.arange(10, dtype=numpy.float32)
save_file({"values": values}, "file.safetensors")
seen = {}
with safe_open("file.safetensors", "numpy") as file:
    tensor = file.get_slice("values")
    for name, cut in {"[-1]": -1, "[:4]": slice(0, 4), "[::5]": slice(None, None, 5), "[0:100]": slice(0, 100), "[-3:]": slice(-3, None)}.items():
        try:
            seen[name] = numpy.array_equal(tensor[cut], values[cut])
        except Exception as error:
            seen[name] = type(error).__name__
print("safetensors", version("safetensors"))
print("as numpy has it, or the error:", seen)
assert seen == {"[-1]": True, "[:4]": True, "[::5]": True, "[0:100]": "SafetensorError", "[-3:]": "OverflowError"}, "it has changed"
PYTHON
