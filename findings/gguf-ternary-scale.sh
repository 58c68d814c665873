#!/usr/bin/env bash
# quantize() to TQ1_0 and TQ2_0 takes the largest weight as the scale: most weights of an ordinary row become 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check gguf==0.19.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

import gguf
import numpy

weights = numpy.random.default_rng(0).normal(size=(64, 256)).astype(numpy.float32)
# BitNet b1.58 (arXiv 2402.17764) rounds w / mean |w|: |w| below half the mean is 0.
absmean_zeros = float((numpy.abs(weights) < numpy.abs(weights).mean() / 2).mean())
zeros = {}
for kind in (gguf.GGMLQuantizationType.TQ1_0, gguf.GGMLQuantizationType.TQ2_0):
    back = gguf.quants.dequantize(gguf.quants.quantize(weights, kind), kind)
    zeros[kind.name] = float((back == 0).mean())
print("gguf", version("gguf"))
print("part of zeros:", zeros, "by the mean:", absmean_zeros)
assert all(0.8 < part < 0.9 for part in zeros.values()) and 0.3 < absmean_zeros < 0.33, "it has changed"
PYTHON
